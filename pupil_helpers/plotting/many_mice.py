"""Figures of the chapter on many mice: means over mice, learning curves.

Every function returns the figure. What it shows was computed on the page.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import GREY, interval, log_ticks
from .style import CYCLE, region_palette

SCORE = "PSTH-relative score"


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
    for i, (region, colour) in enumerate(region_palette(scores.columns).items()):
        values = scores[region].dropna()  # none, of a region that is silent in every mouse
        beside = np.linspace(-0.1, 0.1, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.plot(i - 0.2 + beside, values, "o", ms=4, mfc="none", color=colour)
        middle, low, high = means.loc[region, ["mean", "low", "high"]]
        interval(ax, i + 0.1, middle, low, high, colour, vertical=True)
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
    for i, (model, line) in enumerate(found.groupby("model", sort=False)):
        at = line["trials"] * 1.02 ** (i - 1)  # beside one another
        error = [line["mean"] - line["low"], line["high"] - line["mean"]]
        ax.errorbar(at, line["mean"], error, fmt="o-", ms=4, capsize=2, color=CYCLE[i], label=model)
    ax.set(xlabel="trials of the new mouse", ylabel=ylabel, ylim=ylim)
    log_ticks(ax, sorted(found["trials"].unique()))
    if ylim is None or ylim[0] < 0:
        ax.axhline(0, color=GREY, lw=0.8, zorder=0)
    ax.legend(loc="lower right")
    return fig
