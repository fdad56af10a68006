"""Figures of the chapter on many mice: means over mice, learning curves."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import GREY, interval, legend_above, log_ticks
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


def learning_curves(scores):
    """Score after each number of trials of a new mouse, one panel a kind and one line a model.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row per ``kind``, ``model``, ``mouse`` and number of ``trials``, with its ``share``. A
        thin line is a mouse, a thick one the mean over mice.
    """
    panels = scores.groupby("kind", sort=False)
    fig, axes = plt.subplots(1, len(panels), figsize=(8, 3.2), sharey=True, squeeze=False)
    for ax, (kind, of_kind) in zip(axes[0], panels, strict=True):
        ax.axhline(0, color=GREY, lw=0.8, zorder=0)
        models = of_kind.groupby("model", sort=False)
        for colour, (model, rows) in zip(CYCLE, models, strict=False):
            mice = rows.pivot(index="trials", columns="mouse", values="share")
            ax.plot(mice.index, mice, color=colour, lw=0.7, alpha=0.6)
            ax.plot(mice.index, mice.mean(axis=1), "o-", ms=4, color=colour, label=model)
        ax.set(title=kind, xlabel="trials of the new mouse")
        log_ticks(ax, sorted(of_kind["trials"].unique()))
    axes[0, 0].set_ylabel("share of what\ncould be predicted")
    legend_above(fig, axes[0, 0], where="outside upper center")
    return fig
