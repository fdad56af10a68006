"""Figures of chapter 6: scores beside their nulls and ceilings, controls, predicted traces.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import CYCLE, PALETTE, region_colour, stimulus_line

BLACK, GREY = PALETTE["black"], PALETTE["grey"]
MODEL_COLOURS = {
    "constant": BLACK,
    "PSTH": GREY,
    "ridge": PALETTE["orange"],
    "plain RNN": PALETTE["vermilion"],
    "convolution": PALETTE["green"],
    "PupilEncoder": PALETTE["blue"],
}
SCORE_LABELS = {
    "psth_relative": "PSTH-relative score",
    "r2": "R²",
    "bits_per_spike": "bits per spike",
    "poisson_d2": "Poisson D²",
}


def scores(summary, metric: str = "psth_relative"):
    """One panel per region, one row per model: score with its interval.

    Parameters
    ----------
    summary : pandas.DataFrame
        From :func:`pupil_helpers.evaluation.summary.summary`.
    metric : str, default "psth_relative"
        Which score it holds.
    """

    def colour(row, index):
        return MODEL_COLOURS.get(row["model"], CYCLE[index % len(CYCLE)])

    return _panels(summary, colour, f"{SCORE_LABELS.get(metric, metric)}, 95 % interval")


def differences(table, other: str):
    """One panel per region, one row per model: R² minus another model's, with its interval.

    Orange where the interval lies below 0, green where it lies above, grey where it holds 0.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`pupil_helpers.evaluation.summary.differences`.
    other : str
        What to call the model that all are compared with.
    """

    def colour(row, _):
        below, above = row["high"] < 0, row["low"] > 0
        return PALETTE["vermilion"] if below else PALETTE["green"] if above else GREY

    return _panels(table, colour, f"R² minus that of {other}, 95 % interval", narrowest=0.04)


def _panels(table, colour_of, label, narrowest=0.2):
    """``narrowest`` is the least width of an axis: small differences should look small."""
    regions, models = table["region"].unique(), table["model"].unique()
    height = 1.1 + 0.27 * len(models)
    fig, axes = plt.subplots(1, len(regions), figsize=(8.4, height), sharey=True, squeeze=False)
    for i, (ax, region) in enumerate(zip(axes[0], regions, strict=True)):
        for _, row in table[table["region"] == region].iterrows():
            y = list(models).index(row["model"])
            colour = colour_of(row, y)
            ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=2, solid_capstyle="butt")
            ax.plot(row["score"], y, "o", ms=5, color=colour)
        low, high = ax.get_xlim()
        low, high = min(low, -0.05 * high), max(high, -0.05 * low)  # 0 is always in sight
        more = max(0, narrowest - (high - low)) / 2
        ax.set_xlim(low - more, high + more)
        ax.axvline(0, color=GREY, lw=0.8, ls=":", zorder=0)
        ax.set_title(region, color=region_colour(region, i), weight="bold")
        ax.locator_params(axis="x", nbins=3 if len(regions) > 3 else 5)
        ax.xaxis.set_major_formatter("{x:g}")
    axes[0, 0].set_yticks(range(len(models)), models)
    axes[0, 0].set_ylim(len(models) - 0.5, -0.5)
    fig.supxlabel(label, fontsize=10)
    return fig


def flattening(time, counts, means, per_region, flattened: float, regions):
    """Why one number for all regions misleads: a constant each, judged together and apart.

    Parameters
    ----------
    time : array_like, (bins,)
    counts : array_like, (bins, regions)
        Smoothed counts of one trial.
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
        at = ("axes fraction", "data")
        left.annotate(name, (1.01, height), xycoords=at, color=colour, va="center", size=9)
    left.set(xlabel="time from stimulus (s)", ylabel="counts per bin", title="one constant each")
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
    at = np.arange(len(table))
    colours = [region_colour(region, i) for i, region in enumerate(table.index)]
    rows = achieved.loc[table.index]
    ax.bar(at, rows["score"], width=0.5, color=colours, alpha=0.85)
    reach = np.abs(rows[["low", "high"]].T - rows["score"])
    ax.errorbar(at, rows["score"], reach, fmt="none", color=BLACK, lw=1.2)
    marks = {
        "known": ("known ceiling", "_", 34, BLACK),
        "split_half": ("split-half estimate", "D", 6, PALETTE["purple"]),
        "poisson": ("if spikes were Poisson", "x", 6, GREY),
    }
    for column, (label, marker, size, colour) in marks.items():
        if table[column].notna().any():
            ax.plot(at, table[column], marker, ms=size, mew=1.8, color=colour, ls="", label=label)
    ax.set_xticks(at, table.index)
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
    fig, axes = plt.subplots(1, len(regions), figsize=(8.4, 3), sharey=True, squeeze=False)
    for i, (ax, region) in enumerate(zip(axes[0], regions, strict=True)):
        colour = region_colour(region, i)
        ax.plot(tried, ceiling[:, i], color=BLACK, ls="--", lw=1.2, label="ceiling")
        ax.plot(tried, achieved[:, i], "o-", color=colour, ms=3.5, label="PupilEncoder")
        ax.plot(tried, null[:, i], color=GREY, lw=1.2, label="PSTH")
        ax.set_xscale("log")
        ax.set_xticks([0.02, 0.1, 0.5], ["0.02", "0.1", "0.5"])
        ax.minorticks_off()
        ax.set_title(region, color=colour, weight="bold")
        ax.axhline(0, color=GREY, lw=0.8, ls=":", zorder=0)
    axes[0, 0].set_ylabel("R²")
    fig.supxlabel("width of the boxcar (s)", fontsize=10)
    axes[0, 0].legend(loc="upper left", fontsize=8.5)
    return fig


def nonsense(area, rate, region: str):
    """Two slow signals over the trials of a session, each in its own SDs."""
    fig, ax = plt.subplots(figsize=(8, 2.6))
    for values, colour, name in (
        (area, PALETTE["vermilion"], "pupil area"),
        (rate, region_colour(region), region),
    ):
        z = (values - np.mean(values)) / np.std(values)
        ax.plot(z, color=colour, lw=0.5, alpha=0.4)
        smooth = np.convolve(np.pad(z, 10, mode="edge"), np.ones(21) / 21, mode="valid")
        ax.plot(smooth, color=colour, lw=2.2, label=name)
    ax.set(xlabel="trial", ylabel="mean of trial (SD)", ylim=(-2.6, 2.6))
    ax.legend(ncols=2, loc="lower right")
    return fig


def alarms(table):
    """How often each control calls a region related to the pupil.

    Parameters
    ----------
    table : pandas.DataFrame
        Share of mice with p ≤ 0.05; controls as rows, regions as columns: first a region that
        the pupil does not drive, then one that it does.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), sharey=True)
    notes = ("false alarms", "rightly found")
    for i, (ax, region, note) in enumerate(zip(axes, table.columns, notes, strict=True)):
        bars = ax.barh(table.index, 100 * table[region], 0.6, color=region_colour(region, i))
        for bar in bars:
            at = (max(bar.get_width(), 5), bar.get_y() + bar.get_height() / 2)
            text = f"{bar.get_width():.0f} %"
            ax.annotate(text, at, (4, 0), textcoords="offset points", va="center", fontsize=9)
        ax.axvline(5, color=BLACK, lw=1, ls="--", zorder=0)
        ax.set(xlim=(0, 115), xlabel="mice with p ≤ 0.05 (%)", title=f"{region}: {note}")
        ax.set_xticks([0, 5, 50, 100])
    axes[0].invert_yaxis()
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
    fig, axes = plt.subplots(1, len(regions), figsize=(8.4, 2.8), sharex=True, squeeze=False)
    for i, (ax, region) in enumerate(zip(axes[0], regions, strict=True)):
        colour = region_colour(region, i)
        ax.vlines(moved, 0, result.null[:, i], color=GREY, lw=1.5)
        ax.vlines(0, 0, result.observed[i], color=colour, lw=3)
        ax.plot(0, result.observed[i], "o", color=colour, ms=5)
        ax.axhline(0, color=BLACK, lw=0.8)
        low = min(-0.02, 1.2 * result.null[:, i].min())
        ax.set_ylim(low, max(0.05, 1.15 * max(result.observed[i], result.null[:, i].max())))
        ax.set_title(f"{region}\np = {result.p[i]:.2f}", color=colour, weight="bold")
        ax.locator_params(axis="y", nbins=4)
    axes[0, 0].set_ylabel("PSTH-relative score")
    fig.supxlabel("pupil moved by (trials)", fontsize=10)
    return fig


def traces(time, trials, recorded, predicted, psth, truth, regions):
    """A few test trials side by side: recorded, predicted, and the truth if it is known.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    trials : sequence of int, (shown,)
        Their numbers, for the titles.
    recorded, predicted, psth, truth : array_like, (shown, bins, regions)
        Firing rates; ``truth`` may be None.
    """
    shape = (len(regions), len(trials))
    fig, axes = plt.subplots(
        *shape, figsize=(8.4, 1.75 * shape[0] + 0.6), sharex=True, sharey="row", squeeze=False
    )
    for r, region in enumerate(regions):
        colour = region_colour(region, r)
        for k, ax in enumerate(axes[r]):
            ax.fill_between(time, recorded[k, :, r], color=GREY, alpha=0.25, lw=0, label="recorded")
            ax.plot(time, psth[k, :, r], color=GREY, lw=1.2, ls=":", label="PSTH")
            if truth is not None:
                ax.plot(time, truth[k, :, r], color=BLACK, lw=1.1, label="truth")
            ax.plot(time, predicted[k, :, r], color=colour, lw=2, label="predicted")
            stimulus_line(ax)
        axes[r, 0].set_ylabel(f"{region}\n(spikes/s)")
    for trial, ax in zip(trials, axes[0], strict=True):
        ax.set_title(f"trial {trial}")
    fig.supxlabel("time from stimulus (s)", fontsize=10)
    handles, labels = axes[-1, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper right", ncols=4)
    return fig
