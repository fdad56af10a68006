"""Figures of the chapter on many mice: a map of regions, means over mice, learning curves.

Every function returns the figure. What it shows was computed on the page.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import CYCLE, PALETTE, region_colour

GREY = PALETTE["grey"]
SCORE = "PSTH-relative score"


def region_map(scores):
    """Scores of every region in every mouse, as a map.

    Parameters
    ----------
    scores : pandas.DataFrame, (mice, regions)
        NaN where a mouse has no such region.
    """
    most = max(np.nanmax(np.abs(scores.to_numpy())), 1e-3)
    fig, ax = plt.subplots(figsize=(8, 0.8 + 0.28 * len(scores)))
    image = ax.imshow(scores, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    ax.set_xticks(range(scores.shape[1]), scores.columns)
    ax.set_yticks(range(len(scores)), scores.index)
    ax.set(xlabel="region", ylabel="mouse")
    ax.spines[:].set_visible(False)
    fig.colorbar(image, ax=ax, label=SCORE)
    return fig


def by_region(scores, means, ylim=None):
    """Every mouse's score, and the mean over mice with its interval, region by region.

    Parameters
    ----------
    scores : pandas.DataFrame, (mice, regions)
    means : pandas.DataFrame
        Indexed by region: ``mean``, ``low`` and ``high``.
    ylim : tuple, optional
        Limits of the score.
    """
    fig, ax = plt.subplots(figsize=(8, 3.5))
    for i, region in enumerate(scores.columns):
        values, colour = scores[region].dropna(), region_colour(region, i)
        beside = i - 0.2 + np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else [i - 0.2]
        ax.plot(beside, values, "o", ms=4, mfc="none", color=colour)
        mean, low, high = means.loc[region, ["mean", "low", "high"]]
        ax.errorbar(
            i + 0.1, mean, [[mean - low], [high - mean]], fmt="o", ms=6, capsize=3, color=colour
        )
    ax.axhline(0, color=GREY, lw=0.8, zorder=0)
    ax.set_xticks(range(scores.shape[1]), scores.columns)
    ax.set(xlabel="region", ylabel=SCORE, ylim=ylim)
    return fig


def learning_curve(found, ylim=None, ylabel="share of what\ncould be predicted"):
    """Score after each number of trials of a new mouse, with intervals, one line a model.

    Parameters
    ----------
    found : pandas.DataFrame
        From :func:`pupil_helpers.evaluation.learning_curve.curve`.
    ylim : tuple, optional
        Limits of the score.
    ylabel : str
    """
    fig, ax = plt.subplots(figsize=(8, 3.6))
    ticks = sorted(found["trials"].unique())
    for i, (model, line) in enumerate(found.groupby("model", sort=False)):
        at = line["trials"] * 1.02 ** (i - 1)  # beside one another
        error = [line["mean"] - line["low"], line["high"] - line["mean"]]
        ax.errorbar(at, line["mean"], error, fmt="o-", ms=4, capsize=2, color=CYCLE[i], label=model)
    ax.set(xscale="log", xlabel="trials of the new mouse", ylabel=ylabel, ylim=ylim)
    ax.set_xticks(ticks, ticks)
    ax.minorticks_off()
    if ylim is None or ylim[0] < 0:
        ax.axhline(0, color=GREY, lw=0.8, zorder=0)
    ax.legend(loc="lower right")
    return fig
