"""Figures of chapter 7: what a search tried, what it found, and whether it mattered."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy.stats import t as student_t

from .panels import BLACK, GREY, interval, log_ticks
from .style import PALETTE, region_colour

BITS = "held-out loss\n(bits/spike, PSTH = 0)"
BLUE, RED = PALETTE["blue"], PALETTE["vermilion"]
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1, 1), "fontsize": 9}


def effects(table: pd.DataFrame):
    """How much each parameter, changed alone, moves the predictions.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per parameter, one column per way of making the model; largest relative change
        of a prediction.
    """
    fig, ax = plt.subplots(figsize=(8, 0.45 * len(table) + 1.2))
    (100 * table.fillna(0)).plot.barh(color=(RED, BLUE), width=0.75, ax=ax)
    for bars, name, colour in zip(ax.containers, table, (RED, BLUE), strict=False):
        words = ["not searched" if np.isnan(v) else f"{v:.0%}" for v in table[name]]
        ax.bar_label(bars, words, padding=4, fontsize=8, color=colour)
    ax.set(xlabel="largest change of a prediction (%)", title="Change one parameter alone")
    ax.set(xlim=(0, np.nanmax(table.to_numpy()) * 112), ylim=(len(table) - 0.5, -0.5))
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

    others = PALETTE["green"], PALETTE["purple"]  # blue and red are blocks, above
    for (name, curve), colour in zip(curves.items(), others, strict=False):
        below.plot(np.arange(1, len(curve) + 1), curve, color=colour, label=name)
        below.plot(np.argmin(curve) + 1, np.min(curve), "o", color=colour)
    below.axhline(0, color=GREY, lw=0.8, ls=":")
    below.set(xlabel="check", ylabel=BITS, title="Mean over the blocks; the dot is the loss")
    below.legend(loc="best")
    return fig


def leads(rows: dict, title: str):
    """Differences of two losses, block by block, with an interval for their mean.

    Parameters
    ----------
    rows : dict of str to ndarray, (blocks,)
        By how much the loss is lower than that of what it is compared with.
    title : str
    """
    long = pd.DataFrame(rows).melt(var_name="changed", value_name="lead")
    colours = {name: GREY if name.startswith("seed") else BLUE for name in rows}
    shared = {"data": long, "x": "lead", "y": "changed", "hue": "changed", "palette": colours}
    fig, ax = plt.subplots(figsize=(8, 0.42 * len(rows) + 1.5))
    sns.stripplot(**shared, legend=False, jitter=False, size=4, alpha=0.6, ax=ax)
    for dots in ax.collections:  # under the means, not behind them
        dots.set_offsets(np.add(dots.get_offsets(), (0, 0.25)))
    interval_95 = "se", student_t.ppf(0.975, len(long) // len(rows) - 1)  # so many standard errors
    sns.pointplot(**shared, legend=False, errorbar=interval_95, capsize=0.2, markersize=6,
                  err_kws={"lw": 1.5}, ax=ax)  # fmt: skip
    ax.plot([], [], ".", color=BLUE, alpha=0.6, label="left-out block")
    ax.plot([], [], "o-", color=BLUE, label="mean, 95 % interval")
    ax.axvline(0, color=BLACK, lw=0.8, ls=":")
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel="lead (bits/spike)", ylabel="", title=title)
    ax.locator_params(axis="x", nbins=5)
    ax.legend(**BESIDE)
    return fig


def parzen(values, losses, good, grid, densities, asked, words=("learning rate", "hyperopt"),
           tops=None):  # fmt: skip
    """What TPE makes of one parameter: good and rest, two densities, and where to look.

    Parameters
    ----------
    values, losses : array_like, (evaluations,)
        What was tried, and what came of it.
    good : array_like of bool, (evaluations,)
    grid : ndarray
        Values at which the densities are given.
    densities : tuple of ndarray
        Of the good ones and of the rest, per unit of the value's logarithm.
    asked : array_like
        Where the search looked next.
    words : tuple of str
        What to call the parameter, and those places.
    tops : tuple, optional
        The losses to show (lowest, highest), and the largest density and ratio: for pictures that
        are to be compared. By default each is made to fit.
    """
    fig, (top, middle, below) = plt.subplots(3, 1, figsize=(8, 6), sharex=True)
    good, values, losses = (np.asarray(part) for part in (good, values, losses))
    ratio = densities[0] / densities[1]
    for who, density, colour, name in zip(
        (good, ~good), densities, (BLUE, RED), ("good", "rest"), strict=True
    ):
        top.scatter(values[who], losses[who], s=26, color=colour, label=name)
        middle.plot(grid, density, color=colour, label=name)
        middle.fill_between(grid, density, color=colour, alpha=0.1, lw=0)
    below.plot(grid, ratio, color=BLACK, label="good / rest")
    place, highest = ratio.argmax(), ratio.max()
    below.plot(grid[place], highest, "*", color=PALETTE["orange"], ms=14, label="the largest")
    if tops is not None:
        (low, high), densest, highest = tops
        top.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        middle.set_ylim(0, 1.05 * densest)
        below.set_ylim(-0.12 * highest, 1.12 * highest)
    few = len(asked) < 5
    below.scatter(asked, np.full(len(asked), -0.06 * highest), marker="|", s=70, color=BLUE,
                  alpha=1 if few else 0.5, lw=3 if few else 1, label=words[1])  # fmt: skip
    log_axis(below, pd.Series(grid))
    top.set(ylabel=BITS, title="Evaluations so far")
    middle.set(ylabel=f"density\n(per unit of log {words[0].split()[-1]})", title="Where they lie")
    below.set(ylabel="ratio", xlabel=words[0], title="Where to look next")
    if tops is None:
        middle.set_ylim(0, None)
    for ax in (top, middle, below):
        ax.legend(**BESIDE)
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
    ax.errorbar(right, lowest, error, color=BLACK, capsize=3, lw=1.2)
    ax.text(right, lowest + error + pad / 2, "±1 ruler", ha="center", fontsize=8)
    ax.set_xlim(0.5, 1.1 * right)
    ax.legend(**BESIDE)
    return fig


def slices(table: pd.DataFrame, names, importance=None):
    """Loss against each parameter on its own.

    Parameters
    ----------
    table : pandas.DataFrame
        Evaluations, as in ``Search.table``; of several searches if joined.
    names : sequence of str
    importance : mapping of str to float, optional
        A number to put into each title.
    """
    done = table[table["status"] == "ok"]
    best, (low, high) = done.loc[done["loss"].idxmin()], done["loss"].quantile([0, 0.95])
    grid = sns.relplot(
        done.melt("loss", list(names)), x="value", y="loss", col="variable", col_wrap=3, s=14,
        color=BLUE, alpha=0.7, lw=0, height=2.4, aspect=1.1, facet_kws={"sharex": False},
    )  # fmt: skip
    for name, ax in grid.axes_dict.items():
        ax.plot(best[name], best["loss"], "*", color=RED, ms=11)
        if 0 < 8 * table[name].min() < table[name].max():
            log_axis(ax, table[name])
        ax.set_title(name if importance is None else f"{name}: {importance[name]:.2f}")
    grid.set(ylim=(low - 0.1 * (high - low), high + 0.15 * (high - low)))
    return grid.set_axis_labels("", BITS, fontsize=9).tight_layout().figure


def outer_leads(regions, lead, low, high):
    """The tuned model's lead on the test block, for every pair of fits.

    Parameters
    ----------
    regions : sequence of str
    lead, low, high : ndarray, (seeds, regions)
        Bits per spike, and the ends of the interval over trials; NaN where there were no spikes.
    """
    fig, ax = plt.subplots(figsize=(8, 3.2))
    beside = np.linspace(-0.18, 0.18, len(lead))
    for i, region in enumerate(regions):
        colour = BLACK if region == "all" else region_colour(region, i)
        for place, *fit in zip(i + beside, lead[:, i], low[:, i], high[:, i], strict=True):
            interval(ax, place, *fit, colour, vertical=True)
    ax.axhline(0, color=BLACK, lw=0.8, ls=":")
    ax.set_xticks(range(len(regions)), regions)
    ax.set(xlim=(-0.6, len(regions) - 0.4), ylabel="tuned minus default\n(bits/spike)")
    ax.set_title("The test block: a dot for every seed, a bar for the luck of the trials (95 %)")
    return fig


def log_axis(ax, values) -> None:
    """A log axis with plain numbers at round places."""
    steps = (1,) if values.max() / values.min() > 100 else (1, 3)
    ticks = [m * 10.0**e for e in range(-6, 4) for m in steps]
    log_ticks(ax, [t for t in ticks if values.min() <= t <= values.max()])
