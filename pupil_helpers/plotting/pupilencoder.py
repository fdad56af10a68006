"""Figures of chapter 6: the pieces of the default model, and what each of them earns.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from .panels import BLACK, GREY, legend_above
from .style import CYCLE, PALETTE, region_colour

HELD = PALETTE["vermilion"]
LIKELIHOODS = "counts", "given the totals"


def filters(lags, basis, variances, kept):
    """Filters over lags, and how much of their outputs the first components hold.

    Parameters
    ----------
    lags : array_like, (lags,)
        In seconds.
    basis : array_like, (filters, lags)
    variances : array_like, (components,)
        From large to small.
    kept : int
        Components that the model keeps.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3), width_ratios=(3, 2))
    left.set_prop_cycle(color=CYCLE)
    left.plot(lags, np.transpose(basis) / np.max(basis, axis=1))
    left.set(xlabel="lag (s); above 0: the past of the pupil", ylabel="weight, highest set to 1")
    share = 100 * np.cumsum(variances) / np.sum(variances)
    right.plot(np.arange(1, len(share) + 1), share, color=BLACK)
    right.plot(kept, share[kept - 1], "o", color=HELD, ms=8, label=f"{kept} are kept")
    right.set(xlabel="components", ylabel="variance held (%)", ylim=(0, 105))
    right.legend(loc="lower right")
    return fig


def learning(history, ours, n_blocks):
    """Held-out loss of every network against update, and that of one trained by hand.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``update``, ``member`` and ``held_out``.
    ours : array_like, (checks, 2)
        Update and held-out loss of our own.
    n_blocks : int
        Member ``i`` left out block ``i % n_blocks``.
    """
    fig, ax = plt.subplots(figsize=(8, 3.2))
    for member, curve in history.groupby("member"):
        colour = CYCLE[member % len(CYCLE)]
        label = f"without block {member % n_blocks + 1}"
        ax.plot(curve["update"], curve["held_out"], color=colour, label=label)
        best = curve.loc[curve["held_out"].idxmin()]
        ax.plot(best["update"], best["held_out"], "o", color=colour)
    ax.plot(*np.transpose(ours), color=BLACK, ls="--", lw=1.2, label="our own, without block 1")
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set(xlabel="update", ylabel="loss of the left-out block\nrelative to the PSTH")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def drift(trials, strips, first_test, smoothing: int = 9):
    """Mean rate of every trial, recorded and predicted, one strip per region.

    Parameters
    ----------
    trials : array_like of int, (trials,)
        Numbers of the trials in the session.
    strips : dict of str to tuple
        Recorded and predicted rates, each (trials,), and that of the PSTH, in spikes/s per
        neuron, keyed to the region.
    first_test : int
        First trial of the test block.
    smoothing : int, default 9
        Trials in the running mean through the recorded values.
    """
    n = len(strips)
    fig, axes = plt.subplots(n, 1, figsize=(8, 2.1 * n + 0.4), sharex=True, squeeze=False)
    axes = axes[:, 0]
    for r, (ax, (name, strip)) in enumerate(zip(axes, strips.items(), strict=True)):
        recorded, predicted, psth = strip
        ax.plot(trials, recorded, ".", color="#BBBBB5", label="recorded")
        running = pd.Series(recorded).rolling(smoothing, center=True, min_periods=1).mean()
        ax.plot(trials, running, color=BLACK, lw=1, ls="--", label="running mean")
        ax.axhline(psth, color=GREY, lw=1, label="PSTH")
        ax.plot(trials, predicted, color=HELD, label="the mixture, followed fully")
        ax.axvline(first_test - 0.5, color=GREY, lw=0.8, ls=":")
        ax.set_ylabel(f"{name}\n(spikes/s)", color=region_colour(name, r))
    axes[0].annotate("test block", (first_test, 0), (4, 3), xycoords=("data", "axes fraction"),
                     textcoords="offset points", color=GREY)  # fmt: skip
    axes[-1].set_xlabel("trial")
    legend_above(fig, axes[0], where="outside upper center")
    return fig


def following(weights, losses, place, region):
    """Two losses of the left-out blocks against how far the model is followed, in one region.

    Parameters
    ----------
    weights : array_like, (weights,)
    losses : array_like, (blocks, weights, 2)
        Of the counts and of the counts given each block's total, relative to the PSTH's.
    place : int
        Which of the weights is marked; each block has a dot there.
    region : str
    """
    losses, styles = np.asarray(losses), (("blue", "-"), ("orange", "--"))
    total, error = losses.sum(axis=0), losses.std(axis=0, ddof=1) * np.sqrt(len(losses))
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1.4, 1])
    beside = np.linspace(-0.25, 0.25, len(losses))
    for kind, (colour, line) in enumerate(styles):
        colour, mean, se = PALETTE[colour], total[:, kind], error[:, kind]
        left.fill_between(weights, mean - se, mean + se, color=colour, alpha=0.2, lw=0)
        left.plot(weights, mean, line, color=colour, label=LIKELIHOODS[kind])
        right.plot(kind + beside, losses[:, place, kind], "o", color=colour)
    left.axvline(weights[place], color=BLACK, lw=1.2, ls=":")
    for ax in (left, right):
        ax.axhline(0, color=GREY, lw=0.8)
    left.set(xlabel="weight of the model", ylabel="loss relative to the PSTH (nats)")
    left.set_title(region, color=region_colour(region))
    left.legend()
    room = 0.05 * np.ptp(losses)
    right.set(title="each left-out block", ylabel="loss relative to the PSTH (nats)")
    right.set(xlim=(-0.5, 1.5), ylim=(losses.min() - room, losses.max() + room))
    right.set_xticks([0, 1], LIKELIHOODS)
    return fig


def earned(table, luck, units):
    """What each piece adds to the score, one panel per mouse.

    Parameters
    ----------
    table : pandas.DataFrame
        Score added, one row per piece and one column per mouse.
    luck : pandas.Series or dict
        For each mouse how far luck alone moves a dot; drawn as a grey band.
    units : dict of str to str
        For each mouse what the score is.
    """
    size = (8, 0.34 * len(table) + 1.3)
    fig, axes = plt.subplots(1, table.shape[1], figsize=size, sharey=True, squeeze=False)
    places = np.arange(len(table))[::-1]
    for ax, (mouse, added), colour in zip(axes[0], table.items(), CYCLE, strict=False):
        ax.axvspan(-luck[mouse], luck[mouse], color=GREY, alpha=0.2, lw=0)
        ax.axvline(0, color=GREY, lw=0.8)
        ax.hlines(places, 0, added, color=colour, lw=2)
        ax.plot(added, places, "o", color=colour, ms=7)
        ax.set(title=mouse, xlabel=f"added {units[mouse]}", yticks=places)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    axes[0, 0].set_yticklabels(table.index)
    return fig
