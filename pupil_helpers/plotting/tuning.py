"""Figures of chapter 5: what a search tried, what it found, and whether it mattered.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.ticker import NullFormatter, NullLocator

from .style import PALETTE, region_colour

BITS = "held-out loss\n(bits/spike, PSTH = 0)"
BLUE, RED, GREY = PALETTE["blue"], PALETTE["vermilion"], PALETTE["grey"]
CMAP = mpl.colormaps["YlGnBu"]  # the best are dark


def effects(table: pd.DataFrame):
    """How much each parameter, changed alone, moves the predictions.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per parameter, one column per way of making the model; largest relative change
        of a prediction.
    """
    fig, ax = plt.subplots(figsize=(8, 0.45 * len(table) + 1.2))
    height = 0.8 / table.shape[1]
    for i, (name, colour) in enumerate(zip(table, (RED, BLUE), strict=False)):
        y = np.arange(len(table)) + (i - (table.shape[1] - 1) / 2) * height
        bars = ax.barh(y, table[name].fillna(0) * 100, height * 0.9, color=colour, label=name)
        words = ["not searched" if np.isnan(v) else f"{v:.0%}" for v in table[name]]
        ax.bar_label(bars, words, padding=4, fontsize=8, color=colour)
    ax.set_yticks(range(len(table)), table.index)
    ax.invert_yaxis()
    ax.set(xlabel="largest change of a prediction (%)", title="Change one parameter alone")
    ax.set_xlim(0, np.nanmax(table.to_numpy()) * 112)
    ax.legend(loc="lower right")
    return fig


def objective(blocks, outer_test, curves):
    """Which trials the loss is measured on, and its course over one fit, for several seeds.

    Parameters
    ----------
    blocks : list of Split
        Inner blocks, in trial numbers of the session.
    outer_test : array_like of int
        Trials of the outer test block.
    curves : array_like, (seeds, checks)
        Held-out loss in bits per spike.
    """
    fig, (ax, below) = plt.subplots(2, 1, figsize=(8, 4.6), height_ratios=[1, 2.4])
    for row, (train, test) in enumerate(blocks):
        for trials, colour in ((train, "#D9D9D9"), (test, BLUE), (outer_test, RED)):
            ax.scatter(trials, np.full(len(trials), row), marker="|", s=40, color=colour, lw=1.6)
    for colour, text, x in (("#8A8A8A", "fitted", 0), (BLUE, "loss", 0.1), (RED, "test", 0.17)):
        ax.text(x, 1.06, text, color=colour, transform=ax.transAxes, weight="bold")
    ax.set(yticks=[0, len(blocks) - 1], yticklabels=[1, len(blocks)], ylabel="network")
    ax.invert_yaxis()
    ax.set_xlabel("trial of the session")

    curves = np.asarray(curves)
    checks = np.arange(1, curves.shape[1] + 1)
    below.plot(checks, curves.T, color=BLUE, lw=1, alpha=0.7)
    lowest = curves.argmin(axis=1)
    below.plot(checks[lowest], curves.min(axis=1), "o", color=BLUE, ms=5, label="a seed's loss")
    below.axhline(0, color=GREY, lw=0.8, ls=":")
    below.set(xlabel="check", ylabel=BITS, title="The same settings, other seeds")
    below.legend(loc="upper right")
    return fig


def history(searches: dict, band=None, noise: float | None = None):
    """Every evaluation's loss, and the best so far, of searches with the same budget.

    Parameters
    ----------
    searches : dict of str to Search
    band : tuple of ndarray, optional
        Lower and upper edge of the best-so-far that random draws would give by luck.
    noise : float, optional
        SD of the loss over seeds with the same settings; drawn as a bar.
    """
    fig, ax = plt.subplots(figsize=(8, 4))
    if band is not None:
        x = np.arange(1, len(band[0]) + 1)
        ax.fill_between(x, *band, color=RED, alpha=0.12, lw=0, label="random again, 10-90 %")
    lowest, highest = np.inf, -np.inf
    for (name, search), colour in zip(searches.items(), (BLUE, RED), strict=False):
        table, best = search.table, search.best_so_far()
        x, done = table["evaluation"] + 1, table["status"] == "ok"
        ax.scatter(x[done], table["loss"][done], s=16, color=colour, alpha=0.55, lw=0)
        stopped = table["status"] == "pruned"
        ax.scatter(x[stopped], table["loss"][stopped], s=18, marker="x", color=colour, lw=1)
        ax.step(x, best, where="post", color=colour, lw=2, label=name)
        lowest = min(lowest, np.nanmin(best))
        highest = max(highest, table["loss"][done].quantile(0.9))
    pad = 0.12 * (highest - lowest)
    ax.set(ylim=(lowest - pad, highest + 3 * pad), xlabel="evaluation", ylabel=BITS)
    ax.set_title("Best so far (lines), every evaluation (dots; × stopped early)")
    if noise is not None:
        right = 1.04 * len(x) + 1
        ax.errorbar(right, lowest + noise, noise, color=PALETTE["black"], capsize=3, lw=1.2)
        ax.text(1.02 * right, lowest + noise, "±1 SD\nof a seed", va="center", fontsize=8)
        ax.set_xlim(0, 1.13 * right)
    ax.legend(loc="upper right", fontsize=9)
    return fig


def slices(table: pd.DataFrame, names, importance=None):
    """Loss against each parameter on its own.

    Parameters
    ----------
    table : pandas.DataFrame
        Evaluations, as in ``Search.table``; of several searches if joined.
    names : sequence of str
        Parameters.
    importance : mapping of str to float, optional
        A number to put into each title.
    """
    names = list(names)
    rows = -(-len(names) // 3)
    fig, axes = plt.subplots(rows, 3, figsize=(8, 2.4 * rows), sharey=True, squeeze=False)
    done = table["status"] == "ok"
    best = table.loc[table["loss"].where(done).idxmin()]
    for ax, name in zip(axes.flat, names, strict=False):
        ax.scatter(table[name][done], table["loss"][done], s=14, color=BLUE, alpha=0.7, lw=0)
        ax.plot(best[name], best["loss"], "*", color=RED, ms=11)
        if is_log(table[name]):
            log_axis(ax, table[name])
        ax.set_title(name if importance is None else f"{name}: {importance[name]:.2f}")
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel(BITS, fontsize=9)
    low, high = table["loss"][done].min(), table["loss"][done].quantile(0.95)
    axes[0, 0].set_ylim(low - 0.1 * (high - low), high + 0.15 * (high - low))
    return fig


def parallel(table: pd.DataFrame, names):
    """Every evaluation as a line through its parameters to its rank; good ones dark and on top.

    Parameters as in :func:`slices`.
    """
    names = list(names)
    done = table[table["status"] == "ok"].sort_values("loss", ascending=False)
    scaled = np.column_stack([*(unit(table[n]).loc[done.index] for n in names)])  # (trials, names)
    rank = np.linspace(0, 1, len(done))  # 0: worst
    lowest, highest = done["loss"].min(), done["loss"].max()
    points = np.column_stack([scaled, 1 - rank])  # the lowest loss at the bottom of the last axis
    fig, ax = plt.subplots(figsize=(8, 4.4))
    x = np.linspace(0, 1, 25)
    ease = 3 * x**2 - 2 * x**3  # smooth steps between the axes are easier to follow than corners
    across = (np.arange(len(names))[:, None] + x).ravel()
    along = points[:, :-1, None] + np.diff(points)[..., None] * ease  # (trials, names, 25)
    lines = [np.column_stack([across, line.ravel()]) for line in along]
    widths, alphas = 0.6 + 2.2 * rank**3, 0.25 + 0.75 * rank**2
    ax.add_collection(
        LineCollection(lines, colors=CMAP(0.3 + 0.65 * rank), lw=widths, alpha=alphas)
    )
    ends = [(table[name].min(), table[name].max()) for name in names] + [(lowest, highest)]
    for i, (low, high) in enumerate(ends):
        ax.plot([i, i], [0, 1], color=PALETTE["black"], lw=1)
        ax.text(i, -0.03, f"{low:.3g}", ha="center", va="top", fontsize=8)
        ax.text(i, 1.03, f"{high:.3g}", ha="center", va="bottom", fontsize=8)
    labels = [name.replace("_", "\n") for name in names] + ["loss\n(ranked)"]
    ax.set_xticks(range(len(names) + 1), labels, fontsize=9)
    ax.tick_params(axis="x", length=0, pad=8)
    ax.set(yticks=[], ylim=(-0.06, 1.08), xlim=(-0.3, len(names) + 0.3))
    ax.spines[:].set_visible(False)
    return fig


def outer_scores(regions, scores: dict):
    """Scores of a few models per region, with confidence intervals.

    Parameters
    ----------
    regions : sequence of str
    scores : dict of str to (score, low, high)
        Each an array over regions.
    """
    fig, ax = plt.subplots(figsize=(8, 3))
    markers = dict(zip(scores, "os^D", strict=False))
    for j, (name, (score, low, high)) in enumerate(scores.items()):
        look = {"fmt": markers[name], "ms": 7, "mfc": "white" if j == 0 else None}
        for i, region in enumerate(regions):
            x = i + 0.24 * (j - (len(scores) - 1) / 2)
            reach = [[score[i] - low[i]], [high[i] - score[i]]]
            ax.errorbar(x, score[i], reach, color=region_colour(region, i), capsize=3, **look)
        ax.errorbar([], [], color=GREY, label=name, **look)
    ax.axhline(0, color=GREY, lw=0.8, ls=":")
    ax.set_xticks(range(len(regions)), regions)
    ax.set(xlim=(-0.6, len(regions) - 0.4), ylabel="PSTH-relative score")
    ax.set_title("The outer test block")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def is_log(values) -> bool:
    """Whether a parameter was searched over more than a factor of eight."""
    return bool(values.min() > 0 and values.max() / values.min() > 8)


def log_axis(ax, values) -> None:
    """A log axis with plain numbers at round places."""
    ax.set_xscale("log")
    steps = (1,) if values.max() / values.min() > 100 else (1, 3)
    ticks = [m * 10.0**e for e in range(-6, 4) for m in steps]
    ticks = [t for t in ticks if values.min() <= t <= values.max()]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def unit(values):
    """Values between 0 and 1, on a log scale where that is how they were searched."""
    values = np.log(values) if is_log(values) else values
    return (values - values.min()) / max(values.max() - values.min(), 1e-12)
