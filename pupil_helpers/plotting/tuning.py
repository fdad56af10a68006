"""Figures of chapter 7: what a search tried, what it found, and whether it mattered.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator
from scipy.stats import t as student_t

from .style import PALETTE, region_colour

BITS = "held-out loss\n(bits/spike, PSTH = 0)"
BLUE, RED, GREY = PALETTE["blue"], PALETTE["vermilion"], PALETTE["grey"]


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
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    return fig


def objective(blocks, outer_test, curves):
    """Which trials the loss is measured on, and its course over one fit, for a few settings.

    Parameters
    ----------
    blocks : list of Split
        Inner blocks, in trial numbers of the session.
    outer_test : array_like of int
        Trials of the outer test block.
    curves : dict of str to array_like, (checks,)
        Held-out loss in bits per spike, by the name of the settings.
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

    for (name, curve), colour in zip(curves.items(), (BLUE, RED), strict=False):
        checks = np.arange(1, len(curve) + 1)
        below.plot(checks, curve, color=colour, lw=1.5, label=name)
        lowest = int(np.argmin(curve))
        below.plot(checks[lowest], curve[lowest], "o", color=colour, ms=6)
    below.axhline(0, color=GREY, lw=0.8, ls=":")
    below.set(xlabel="check", ylabel=BITS, title="Mean over the blocks; the dot is the loss")
    below.legend(loc="best")
    return fig


def leads(rows: dict, title: str, names=("left-out block", "mean, 95 % interval")):
    """Differences of two losses, block by block, with an interval for their mean.

    Parameters
    ----------
    rows : dict of str to ndarray, (blocks,)
        By how much the loss is lower than that of what it is compared with.
    title : str
    names : tuple of str
        What a small dot and what the large one is.
    """
    fig, ax = plt.subplots(figsize=(8, 0.42 * len(rows) + 1.5))
    for row, (name, lead) in enumerate(rows.items()):
        colour = GREY if name.startswith("seed") else BLUE
        reach = half_width(lead)
        dots = np.full(len(lead), row + 0.2)
        ax.scatter(lead, dots, s=14, color=colour, alpha=0.6, lw=0)
        ax.errorbar(lead.mean(), row - 0.1, xerr=reach, fmt="o", color=colour, capsize=3, ms=6)
    ax.scatter([], [], s=14, color=BLUE, alpha=0.6, lw=0, label=names[0])
    ax.errorbar([], [], xerr=[], fmt="o", color=BLUE, capsize=3, ms=6, label=names[1])
    ax.axvline(0, color=PALETTE["black"], lw=0.8, ls=":")
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel="lead (bits/spike)", title=title)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return fig


def parzen(values, losses, good, grid, densities, asked):
    """What TPE makes of one parameter: good and rest, two densities, and where to look.

    Parameters
    ----------
    values, losses : array_like, (evaluations,)
        Learning rates tried, and what came of them.
    good : array_like of bool, (evaluations,)
    grid : ndarray
        Learning rates at which the densities are given.
    densities : tuple of ndarray
        Of the good ones and of the rest.
    asked : array_like
        Where hyperopt would look next, asked with many seeds.
    """
    fig, (top, middle, below) = plt.subplots(3, 1, figsize=(8, 6.6), sharex=True)
    good = np.asarray(good)
    for who, colour, name in ((good, BLUE, "good"), (~good, RED, "rest")):
        top.scatter(
            np.asarray(values)[who], np.asarray(losses)[who], s=26, color=colour, label=name
        )
    for density, colour, name in zip(densities, (BLUE, RED), ("good", "rest"), strict=True):
        middle.plot(grid, density, color=colour, label=name)
        middle.fill_between(grid, density, color=colour, alpha=0.1, lw=0)
    ratio = densities[0] / densities[1]
    place = ratio.argmax()
    below.plot(grid, ratio, color=PALETTE["black"], label="good / rest")
    below.plot(grid[place], ratio[place], "*", color=PALETTE["orange"], ms=14, mec="black", mew=0.5,
               label="the largest")  # fmt: skip
    floor = np.zeros(len(asked)) - 0.06 * ratio.max()
    below.scatter(asked, floor, marker="|", s=70, color=BLUE, alpha=0.5, lw=1, label="hyperopt")
    log_axis(below, pd.Series(grid))
    top.set(ylabel=BITS, title="Evaluations so far")
    middle.set(ylabel="density\n(per unit of log rate)", ylim=(0, None), title="Where they lie")
    below.set(ylabel="ratio", xlabel="learning rate", title="Where to look next")
    for ax in (top, middle, below):
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return fig


def history(searches: dict, n_shared: int, error: float):
    """Every evaluation's loss, and the best so far, of searches with the same budget.

    Parameters
    ----------
    searches : dict of str to Search
    n_shared : int
        Evaluations that they have in common, the first ones.
    error : float
        Standard error of a difference of two losses, the ruler; drawn as a bar.
    """
    fig, ax = plt.subplots(figsize=(8, 4))
    lowest, highest = np.inf, -np.inf
    for (name, search), colour in zip(searches.items(), (BLUE, RED), strict=False):
        table, best = search.table, search.best_so_far()
        x, done = table["evaluation"] + 1, table["status"] == "ok"
        ax.scatter(x[done], table["loss"][done], s=18, color=colour, alpha=0.6, lw=0)
        stopped = table["status"] == "pruned"
        ax.scatter(x[stopped], table["loss"][stopped], s=18, marker="x", color=colour, lw=1)
        ax.step(x, best, where="post", color=colour, lw=2, label=name)
        lowest = min(lowest, np.nanmin(best))
        highest = max(highest, table["loss"][done].quantile(0.9))
    pad = 0.12 * (highest - lowest)
    ax.set(ylim=(lowest - 2 * pad, highest + 2 * pad), xlabel="evaluation", ylabel=BITS)
    ax.set_title("Best so far (lines) and every evaluation (dots)")
    ax.axvspan(0.5, n_shared + 0.5, color=GREY, alpha=0.1, lw=0, label="shared")
    right = 1.04 * len(x) + 1
    ax.errorbar(right, lowest, error, color=PALETTE["black"], capsize=3, lw=1.2)
    ax.text(right, lowest + error + pad / 2, "±1 ruler", ha="center", fontsize=8)
    ax.set_xlim(0.5, 1.1 * right)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return fig


def curse(promised, came):
    """The lead on the block that chose a winner, and on the others.

    Parameters
    ----------
    promised, came : array_like, (blocks,)
        Bits per spike.
    """
    fig, ax = plt.subplots(figsize=(6.5, 3.4))
    for place, (before, after) in enumerate(zip(promised, came, strict=True)):
        label = None if place else "chosen on one block"
        ax.plot([0, 1], [before, after], "o-", color=GREY, lw=1, ms=5, label=label)
    means = [np.mean(promised), np.mean(came)]
    ax.plot([0, 1], means, "D-", color=BLUE, lw=2.5, ms=8, label="mean of the choices")
    ax.axhline(0, color=PALETTE["black"], lw=0.8, ls=":")
    ax.set_xticks([0, 1], ["promised", "came on\nthe other blocks"])
    ax.set(xlim=(-0.4, 1.4), ylabel="lead over the default\n(bits/spike)")
    ax.set_title("What a winner promises, and what comes")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
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


def outer_leads(regions, lead, low, high):
    """The tuned model's lead on the test block, for every pair of fits.

    Parameters
    ----------
    regions : sequence of str
    lead, low, high : ndarray, (seeds, regions)
        Bits per spike, and the ends of the interval over trials; NaN where there were no spikes.
    """
    fig, ax = plt.subplots(figsize=(8, 3.2))
    places = np.linspace(-0.18, 0.18, len(lead))
    for place, fit, below, above in zip(places, lead, low, high, strict=True):
        for i, region in enumerate(regions):
            colour = PALETTE["black"] if region == "all" else region_colour(region, i)
            reach = [[fit[i] - below[i]], [above[i] - fit[i]]]
            ax.errorbar(i + place, fit[i], reach, color=colour, fmt="o", capsize=3, ms=6)
    ax.axhline(0, color=PALETTE["black"], lw=0.8, ls=":")
    ax.set_xticks(range(len(regions)), regions)
    ax.set(xlim=(-0.6, len(regions) - 0.4), ylabel="tuned minus default\n(bits/spike)")
    ax.set_title("The test block: a dot for every seed, a bar for the luck of the trials (95 %)")
    return fig


def half_width(values) -> float:
    """Half of the 95 % interval of a mean, from Student's t."""
    n = len(values)
    return student_t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)


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
