"""Figures of chapter 1: drift over a session, and how to split its trials."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .panels import BLACK, legend_above, name_beside
from .style import PALETTE, region_colour


def drift(values: dict):
    """Slow changes over the session: one value per trial, and the running mean of 15.

    Parameters
    ----------
    values : dict of str to array_like (trials,)
        What to show, in units of its own spread (z-scores), keyed to its name; NaN where a trial
        has no value.
    """
    if not values or len({np.shape(v) for v in values.values()}) != 1:
        raise ValueError("give at least one series, all with one value per trial.")
    size = (8, 0.8 + 0.85 * len(values))
    fig, axes = plt.subplots(len(values), 1, figsize=size, sharex=True, sharey=True, squeeze=False)
    for i, (ax, (name, series)) in enumerate(zip(axes[:, 0], values.items(), strict=True)):
        colour = BLACK if name.startswith("pupil") else region_colour(name, i)
        around = pd.Series(series).rolling(15, center=True, min_periods=1)
        ax.plot(series, ".", ms=3, color=colour, alpha=0.5)
        ax.plot(around.mean().to_numpy(), color=colour)
        name_beside(ax, name, 0.5, colour)
    axes[-1, 0].set_xlabel("trial")
    fig.supylabel("mean of the trial (z-score)", fontsize=10)
    return fig


def splits(named: dict, n_trials: int):
    """Which trials train and which test, one row per split.

    Parameters
    ----------
    named : dict of str to Split
        Anything with ``train`` and ``test``, keyed to its name.
    n_trials : int
    """
    fig, ax = plt.subplots(figsize=(8, 0.9 + 0.33 * len(named)))
    for row, split in enumerate(named.values()):
        for part, colour in (("train", PALETTE["sky"]), ("test", PALETTE["vermilion"])):
            trials = np.asarray(getattr(split, part))
            if trials.size and not 0 <= trials.min() <= trials.max() < n_trials:
                raise ValueError(f"a split names trials outside 0 to {n_trials - 1}.")
            label = None if row else part
            ax.bar(trials, 0.8, width=1.0, bottom=row - 0.4, color=colour, lw=0, label=label)
    ax.set(yticks=range(len(named)), yticklabels=list(named))
    ax.set(xlabel="trial", xlim=(-0.5, n_trials - 0.5))
    ax.invert_yaxis()
    ax.spines["left"].set_visible(False)
    ax.tick_params(left=False)
    legend_above(fig, ax)
    return fig
