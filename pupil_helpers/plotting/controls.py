"""Figures of chapter 9: pupils that cannot be related to the neurons, and what they score."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from .panels import BLACK, GREY, region_panels, standard
from .style import PALETTE, region_colour


def nonsense(area, rate, region: str):
    """Two slow signals over the trials of a session, each in its own SDs."""
    fig, ax = plt.subplots(figsize=(8, 2.6))
    for values, colour, name in (
        (area, PALETTE["vermilion"], "pupil area"),
        (rate, region_colour(region), region),
    ):
        trials = pd.Series(standard(values))
        ax.plot(trials, color=colour, lw=0.5, alpha=0.4)
        smooth = trials.rolling(21, center=True, min_periods=1).mean()
        ax.plot(smooth, color=colour, lw=2.2, label=name)
    ax.set(xlabel="trial", ylabel="mean of trial (SD)", ylim=(-2.6, 2.6))
    ax.legend(ncols=2, loc="lower right")
    return fig


def alarms(table):
    """How often each control calls a region related to the pupil, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per ``control`` and ``region``: ``share`` of the mice with p ≤ 0.05, ``low`` and
        ``high``. The first region is one that the pupil does not drive, the other one that it
        does.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    notes = ("false alarms", "rightly found")
    names = table["region"].unique()
    for i, (ax, region, note) in enumerate(zip(axes, names, notes, strict=True)):
        mine = table[table["region"] == region]
        share, colour = 100 * mine["share"].to_numpy(), region_colour(region, i)
        reach = np.abs(100 * mine[["low", "high"]].to_numpy().T - share)
        bars = ax.barh(mine["control"], share, 0.6, xerr=reach, color=colour, alpha=0.6)
        ax.bar_label(bars, fmt="{:.0f} %", padding=5, fontsize=9)
        ax.axvline(5, color=BLACK, lw=1, ls="--", zorder=0)
        ax.set(xlim=(0, 118), xlabel="mice with p ≤ 0.05 (%)", title=f"{region}: {note}")
        ax.set_xticks([0, 5, 50, 100])
    axes[0].invert_yaxis()
    return fig


def null_scores(results: dict, control: str, region: str, index: int):
    """Scores of all null pairings under one control, and the line of the real pairing.

    Parameters
    ----------
    results : dict of str to ControlResult
        Keyed to the control; the axes are the same for all of them.
    control, region : str
        Which to draw; the names are in the title.
    index : int
        The region's place in the results.
    """
    null = {name: result.null[:, index] for name, result in results.items()}
    scores = [*null.values(), *([result.observed[index]] for result in results.values())]
    edges = np.linspace(0, 1.05 * np.max(np.concatenate(scores)), 31)
    tallest = max(np.histogram(each, edges)[0].max() for each in null.values())
    fig, ax = plt.subplots(figsize=(8, 2.8))
    sns.histplot(x=null[control], bins=edges, color=GREY, edgecolor="white", ax=ax, label="null")
    ax.axvline(results[control].observed[index], color=region_colour(region), lw=3, label="real")
    ax.set(xlim=(0, edges[-1]), ylim=(0, 1.1 * tallest))
    ax.set(xlabel="squared correlation with pupil area", ylabel="pairings")
    ax.set_title(f"{region}, {control}: p = {results[control].p[index]:.3f}")
    fig.legend(loc="outside upper right", ncols=2)
    return fig


def shifts(result, regions):
    """Score against the number of trials by which the pupil was moved.

    Parameters
    ----------
    result : ControlResult
        From :func:`pupil_helpers.evaluation.nulls.linear_shift`.
    """
    most = len(result.null) // 2
    moved = np.delete(np.arange(-most, most + 1), most)
    fig, panels = region_panels(regions, (8.4, 2.8), sharex=True)
    for i, (ax, region, colour) in enumerate(panels):
        ax.vlines(moved, 0, result.null[:, i], color=GREY, lw=1.5)
        ax.vlines(0, 0, result.observed[i], color=colour, lw=3)
        ax.plot(0, result.observed[i], "o", color=colour, ms=5)
        ax.axhline(0, color=BLACK, lw=0.8)
        drawn = np.append(result.null[:, i], result.observed[i])  # NaN: too few spikes
        ax.set_ylim(np.nanmin([*(1.2 * drawn), -0.02]), np.nanmax([*(1.15 * drawn), 0.05]))
        ax.set_title(f"{region}\np = {result.p[i]:.2f}", color=colour)
        ax.locator_params(axis="y", nbins=4)
    fig.axes[0].set_ylabel("PSTH-relative score")
    fig.supxlabel("pupil moved by (trials)", fontsize=10)
    return fig
