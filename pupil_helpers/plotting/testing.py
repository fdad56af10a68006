"""Figures of chapter 8: scores beside baseline models and ceilings, traces, many kinds of mice."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from .model import MODEL_COLOURS
from .panels import BLACK, GREY, TIME, interval, log_ticks, name_beside, region_panels
from .style import CHANNEL_COLOURS, CYCLE, PALETTE, region_colour, region_palette, stimulus_line


def scores(table):
    """One panel per region, one row per model: PSTH-relative score with its interval.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`pupil_helpers.evaluation.summary.summary`.
    """
    regions, models = table["region"].unique(), table["model"].unique()
    fig, panels = region_panels(regions, (8.4, 1.1 + 0.27 * len(models)), sharey=True)
    for ax, region, _ in panels:
        for row in table[table["region"] == region].itertuples():
            y = list(models).index(row.model)
            colour = MODEL_COLOURS.get(row.model, CYCLE[y % len(CYCLE)])
            interval(ax, y, row.score, row.low, row.high, colour)
        low, high = ax.get_xlim()
        low, high = min(low, -0.05 * high), max(high, -0.05 * low)  # 0 is always in sight
        more = max(0, 0.2 - (high - low)) / 2  # small differences look small
        ax.set_xlim(low - more, high + more)
        ax.axvline(0, color=GREY, lw=0.8, ls=":", zorder=0)
        ax.locator_params(axis="x", nbins=3 if len(regions) > 3 else 5)
        ax.xaxis.set_major_formatter("{x:g}")
    fig.axes[0].set_yticks(range(len(models)), models)
    fig.axes[0].set_ylim(len(models) - 0.5, -0.5)
    fig.supxlabel("PSTH-relative score, 95 % interval", fontsize=10)
    return fig


def flattening(time, counts, means, per_region, flattened: float, regions):
    """Why one number for all regions misleads: a constant each, judged together and apart.

    Parameters
    ----------
    time : array_like, (bins,)
    counts : array_like, (bins, regions)
    means : array_like, (regions,)
        The constant predicted for each region.
    per_region : array_like, (regions,)
        R² of the constants, region by region.
    flattened : float
        R² of the constants with all regions thrown together.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1.5, 1])
    labels = [(means[i], name, region_colour(name, i)) for i, name in enumerate(regions)]
    for i, (mean, _, colour) in enumerate(labels):
        left.plot(time, counts[:, i], color=colour, lw=1.2, alpha=0.6)
        left.axhline(mean, color=colour, lw=1.5, ls="--")
    left.axhline(np.mean(means), color=BLACK, lw=1.2)
    height, apart = -np.inf, 0.075 * np.ptp(left.get_ylim())
    for mean, name, colour in sorted([*labels, (np.mean(means), "mean of all", BLACK)]):
        height = max(mean, height + apart)  # names must not cover each other
        name_beside(left, name, height, colour, "data")
    left.set(xlabel=TIME, ylabel="counts per bin", title="one constant each")
    stimulus_line(left)
    names = [*regions, "flattened"]
    right.barh(names, [*per_region, flattened], 0.6, color=[c for *_, c in labels] + [BLACK])
    right.axvline(0, color=BLACK, lw=0.8)
    right.set(xlabel="R² of the constants", xlim=(None, 1), title="judged apart and together")
    right.invert_yaxis()
    return fig


def ceilings(table, achieved):
    """R² of each region beside what its noise allows.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`pupil_helpers.evaluation.summary.ceilings`.
    achieved : pandas.DataFrame
        ``score``, ``low`` and ``high`` of one model's R², indexed by region.
    """
    fig, ax = plt.subplots(figsize=(8, 3.2))
    rows, colours = achieved.loc[table.index], list(region_palette(table.index).values())
    reach = np.abs(rows[["low", "high"]].T - rows["score"])
    ax.bar(table.index, rows["score"], 0.5, yerr=reach, color=colours, alpha=0.85)
    marks = {
        "known": ("known ceiling", "_", 34, BLACK),
        "split_half": ("split-half estimate", "D", 6, PALETTE["purple"]),
        "poisson": ("if spikes were Poisson", "x", 6, GREY),
    }
    for column, (label, marker, size, colour) in marks.items():
        if table[column].notna().any():
            ax.plot(table[column], marker, ms=size, mew=1.8, color=colour, label=label)
    ax.axhline(0, color=BLACK, lw=0.8)
    ax.set_ylabel("R² (bars: PupilEncoder)")
    ax.legend(loc="upper right", markerscale=0.5)
    return fig


def widths(tried, achieved, ceiling, null, regions):
    """R² and ceiling of each region against the width of the smoothing.

    Parameters
    ----------
    tried : array_like, (widths,)
        In seconds.
    achieved, ceiling, null : array_like, (widths, regions)
        R² of the model, of the truth (or its estimate), of the PSTH.
    """
    fig, panels = region_panels(regions, (8.4, 3), sharey=True)
    for i, (ax, _, colour) in enumerate(panels):
        ax.plot(tried, ceiling[:, i], color=BLACK, ls="--", lw=1.2, label="ceiling")
        ax.plot(tried, achieved[:, i], "o-", color=colour, ms=3.5, label="PupilEncoder")
        ax.plot(tried, null[:, i], color=GREY, lw=1.2, label="PSTH")
        log_ticks(ax, [0.02, 0.1, 0.5])
        ax.axhline(0, color=GREY, lw=0.8, ls=":", zorder=0)
    fig.axes[0].set_ylabel("R²")
    fig.supxlabel("width of the boxcar (s)", fontsize=10)
    fig.axes[0].legend(loc="upper left", fontsize=8.5)
    return fig


def one_trial(time, rates: dict, pupil, region: str, tops):
    """A test trial of one region, predicted beside recorded, and what the model saw of the pupil.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    rates : dict of str to array_like, (bins,)
        Firing rates: ``recorded``, ``PSTH``, ``predicted``, and ``true`` where it is known.
    pupil : array_like, (bins, channels)
        Area, x and y, in units that may share an axis; NaN where there is none.
    region : str
    tops : tuple of float
        The highest rate, and the widest range of a channel, in all trials that are to be
        compared.
    """
    fig, (ax, below) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, height_ratios=[2.2, 1])
    lines = {
        "PSTH": {"color": GREY, "lw": 1.2, "ls": ":"},
        "true": {"color": BLACK, "lw": 1.2, "ls": "--"},
        "predicted": {"color": region_colour(region), "lw": 2},
    }
    ax.fill_between(time, rates["recorded"], color=GREY, alpha=0.25, lw=0, label="recorded")
    for name, look in lines.items():
        if name in rates:
            ax.plot(time, rates[name], label=name, **look)
    ax.set(ylim=(0, 1.05 * tops[0] or 1), ylabel="spikes/s\nand neuron")
    ax.set_title(region, color=region_colour(region), weight="bold")
    for name, channel in zip(CHANNEL_COLOURS, np.transpose(pupil), strict=False):
        if np.isnan(channel).all():  # not recorded, or not in this trial
            continue
        ends = np.nanmin(channel), np.nanmax(channel)
        below.plot(time, channel - np.mean(ends), color=CHANNEL_COLOURS[name], lw=1.2, label=name)
    below.set(ylim=(-0.55 * tops[1], 0.55 * tops[1]), ylabel="pupil", xlabel=TIME)
    stimulus_line(ax, below)
    for panel in (ax, below) if np.isfinite(pupil).any() else (ax,):
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return fig


def kinds(table, label: str):
    """A panel per kind of mouse, a row per model: mean and interval, coloured if it excludes 0.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`pupil_helpers.evaluation.mice.leads` or ``by_kind``.
    label : str
        What the horizontal axis shows.
    """
    models = list(table["model"].unique())
    height = 0.8 + 0.24 * len(models)
    grid = sns.FacetGrid(table, col="kind", col_wrap=3, height=height, aspect=2.8 / height)
    for row in table.itertuples():
        above, below = row.low > 0, row.high < 0
        colour = PALETTE["blue"] if above else PALETTE["vermilion"] if below else GREY
        ax = grid.axes_dict[row.kind]
        interval(ax, models.index(row.model), row.mean, row.low, row.high, colour)
    grid.refline(x=0, color=BLACK, lw=0.8, ls=":").set_titles("{col_name}", weight="bold")
    grid.set(yticks=range(len(models)), yticklabels=models, ylim=(len(models) - 0.5, -0.5))
    grid.figure.supxlabel(label, fontsize=10)
    return grid.tight_layout().figure
