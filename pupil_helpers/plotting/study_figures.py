"""Figures of a study of many sessions: a map of regions × animals, and scores with intervals."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from .dark import readable_numbers
from .panels import BLACK, GREY
from .style import region_palette

MAP = "cividis"  # read alike with every form of colour vision


def region_map(shares: pd.DataFrame):
    """Score over ceiling of every region in every animal; a cell is empty if not recorded.

    Parameters
    ----------
    shares : pandas.DataFrame
        Regions × animals, R² over ceiling; NaN where there is none.
    """
    n_regions, n_animals = shares.shape
    size = max(4.5, 2.2 + 0.62 * n_animals), 1.8 + 0.3 * n_regions
    fig, ax = plt.subplots(figsize=size)
    bar = {"label": "R² over ceiling", "extend": "both", "shrink": min(1, 3 / size[1] + 0.3)}
    look = {"annot": True, "fmt": ".2f", "annot_kws": {"size": 8}, "cbar_kws": bar}
    names = {"xticklabels": True, "yticklabels": True}  # all of them, however many
    sns.heatmap(shares, cmap=MAP, vmin=0, vmax=1, **look, **names, ax=ax)
    readable_numbers(ax)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0, labelsize=9)
    plt.setp(ax.get_xticklabels(), rotation=40, ha="right")
    return fig


def region_scores(means: pd.DataFrame, sessions: pd.DataFrame):
    """Score over ceiling of every region: sessions as dots, mean over animals with its interval.

    Parameters
    ----------
    means : pandas.DataFrame
        One row per ``region``, from top to bottom: ``share``, and ``share_low``, ``share_high``,
        NaN with fewer than two animals.
    sessions : pandas.DataFrame
        One row per session and ``region``: ``share``.
    """
    fig, ax = plt.subplots(figsize=(7.5, 1.2 + 0.3 * len(means)))
    place = {region: i for i, region in enumerate(means["region"])}
    there = sessions[sessions["region"].isin(place)]
    # Sessions of a region side by side, so that equal scores do not hide each other.
    grouped = there.groupby("region")["region"]
    aside = 0.3 * ((grouped.cumcount() + 0.5) / grouped.transform("size") - 0.5)
    ax.plot(there["share"], there["region"].map(place) + aside, "o", color=GREY, ms=3.5, alpha=0.6)
    colours = region_palette(means["region"]).values()
    for i, (row, colour) in enumerate(zip(means.itertuples(), colours, strict=True)):
        ax.plot([row.share_low, row.share_high], [i, i], color=colour, lw=2.2)
        ax.plot(row.share, i, "D", color=colour, ms=6, mec="white", mew=0.8)
    ax.axvline(0, color=BLACK, lw=0.8, zorder=0)
    ax.axvline(1, color=BLACK, lw=0.8, ls="--", zorder=0)
    ax.set_yticks(range(len(means)), means["region"], fontsize=9)
    ax.set(ylim=(len(means) - 0.4, -0.6), xlabel="R² over ceiling (dashed: the ceiling)")
    return fig
