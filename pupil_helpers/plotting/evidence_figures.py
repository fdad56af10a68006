"""Figures of the page of evidence: scores with intervals beside ceilings, and null scores."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import PALETTE

BLACK, GREY = PALETTE["black"], PALETTE["grey"]
LOOKS = {  # the same in every figure of the page
    "PSTH": {"color": GREY, "marker": "v"},
    "ridge": {"color": PALETTE["blue"], "marker": "o"},
    "Poisson GLM": {"color": PALETTE["green"], "marker": "s"},
    "PupilEncoder": {"color": PALETTE["vermilion"], "marker": "D"},
}
OTHER = {"color": PALETTE["purple"], "marker": "P"}


def scores(found, xlabel: str, ceilings=None):
    """Score of every model in every region with its interval, and the region's ceiling.

    Parameters
    ----------
    found : pandas.DataFrame
        One row per ``model`` and ``region``: ``value``, ``low`` and ``high``.
    xlabel : str
    ceilings : pandas.Series, optional
        Indexed by region, in the unit of the scores.
    """
    regions, models = found["region"].unique(), found["model"].unique()
    fig, ax = plt.subplots(figsize=(6.5, 1.4 + 0.55 * len(regions)))
    for model, at in zip(models, _beside(models), strict=True):
        mine = found[found["model"] == model].set_index("region").loc[regions]
        reach = [mine["value"] - mine["low"], mine["high"] - mine["value"]]
        style = LOOKS.get(model, OTHER) | {"ls": "", "ms": 5, "capsize": 2}
        place = np.arange(len(regions)) + at
        ax.errorbar(mine["value"], place, xerr=reach, label=model, **style)
    if ceilings is not None:
        place = range(len(regions))
        ax.plot(ceilings[regions], place, "|", color=BLACK, ms=20, mew=2, label="ceiling")
    _by_region(ax, regions)
    ax.set(xlabel=xlabel)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return fig


def controls(found, xlabel: str):
    """Score of the true pairing beside the null pairings, one panel a control.

    Parameters
    ----------
    found : pandas.DataFrame
        One row per ``what`` (the control), ``model`` and ``region``: ``true pairing``,
        ``null median`` and ``null 95 %``.
    xlabel : str
    """
    names, models, regions = (found[key].unique() for key in ("what", "model", "region"))
    size = 6.5, 1.6 + 0.42 * len(regions)
    fig, axes = plt.subplots(1, len(names), figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        for model, at in zip(models, _beside(models, 0.4), strict=True):
            mine = found[(found["what"] == name) & (found["model"] == model)]
            mine = mine.set_index("region").reindex(regions)  # not every control with every model
            place = np.arange(len(regions)) + at
            reach = mine["null median"], mine["null 95 %"]
            ax.hlines(place, *reach, color=GREY, lw=5, alpha=0.5)
            ax.plot(reach[0], place, "|", color=GREY, ms=9, mew=2)
            style = LOOKS.get(model, OTHER) | {"ls": "", "ms": 6}
            ax.plot(mine["true pairing"], place, label=model, **style)
        _by_region(ax, regions)
        ax.set(title=name, xlabel=xlabel)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return fig


def _beside(models, width: float = 0.6) -> np.ndarray:
    """Where the models of a region lie, around its own place."""
    n = len(models)
    return width * ((np.arange(n) + 0.5) / n - 0.5)


def _by_region(ax, regions) -> None:
    """Regions from top to bottom, and a line at 0."""
    ax.axvline(0, color=BLACK, lw=0.8, zorder=0)
    ax.set_yticks(range(len(regions)), regions)
    ax.set_ylim(len(regions) - 0.5, -0.5)
