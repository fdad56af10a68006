"""Figures of chapter 4: losses, learning curves, what goes wrong, and when not to predict.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from .style import CYCLE, PALETTE, region_colour

BLACK, GREY = PALETTE["black"], PALETTE["grey"]
TRAIN, HELD = PALETTE["sky"], PALETTE["vermilion"]


def losses(rates, poisson, squared, counts):
    """Two losses against the predicted rate, one curve per observed count.

    Parameters
    ----------
    rates : array_like, (rates,)
        Predicted counts per step.
    poisson, squared : array_like, (counts, rates)
        Loss above its minimum.
    counts : sequence of int
        Observed counts.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharex=True)
    both = {"Poisson": poisson, "squared error": squared}
    for ax, (name, values) in zip(axes, both.items(), strict=True):
        for count, curve, colour in zip(counts, values, CYCLE, strict=False):
            ax.plot(rates, curve, color=colour, label=f"{count} spikes seen")
        ax.set(title=name, xlabel="predicted spikes", ylim=(0, np.quantile(values, 0.8)))
    axes[0].set_ylabel("loss above its minimum")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return fig


def learning_curves(history, zero=None, best=None):
    """Loss after every epoch, on the trials learnt from and on the held-out block.

    Parameters
    ----------
    history : array_like, (epochs, 2)
        Training and held-out loss.
    zero : tuple of float, optional
        Training and held-out loss of the PSTH; curves are drawn relative to them.
    best : int, optional
        Epoch to mark, from 0.
    """
    history = np.asarray(history) - (0 if zero is None else np.asarray(zero))
    epochs = np.arange(1, len(history) + 1)
    fig, ax = plt.subplots(figsize=(7, 3.2))
    ax.plot(epochs, history[:, 0], color=TRAIN, label="trials it learns from")
    ax.plot(epochs, history[:, 1], color=HELD, label="held-out block")
    if best is not None:
        ax.plot(best + 1, history[best, 1], "o", color=HELD, ms=8, label="kept")
    _count_epochs(ax)
    ax.set(ylabel="loss" if zero is None else "loss relative\nto the PSTH")
    ax.legend()
    return fig


def _count_epochs(ax):
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def several_curves(histories, zero):
    """Held-out loss after every epoch for several ways to train.

    Parameters
    ----------
    histories : dict of str to array_like (epochs, 2)
    zero : float
        Held-out loss of the PSTH.
    """
    fig, ax = plt.subplots(figsize=(7, 3.2))
    lowest = min(np.min(np.asarray(h)[:, 1]) for h in histories.values()) - zero
    for (name, history), colour in zip(histories.items(), CYCLE, strict=False):
        held = np.asarray(history)[:, 1] - zero
        ax.plot(np.arange(1, len(held) + 1), held, color=colour, label=name)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.annotate("PSTH", (1, 0), (0, 3), textcoords="offset points", color=GREY)
    _count_epochs(ax)
    ax.set(ylabel="held-out loss\nrelative to the PSTH")
    highest = max(np.max(np.asarray(h)[:, 1]) for h in histories.values()) - zero
    ax.set_ylim(1.15 * lowest, min(max(1.2 * highest, -0.2 * lowest), -2 * lowest))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(histories))
    return fig


def saturation(states):
    """Histograms of hidden states, one panel per way to present the inputs.

    Parameters
    ----------
    states : dict of str to array_like
    """
    fig, axes = plt.subplots(1, len(states), figsize=(8, 2.8), sharey=True, squeeze=False)
    axes = axes[0]
    for ax, (name, values), colour in zip(axes, states.items(), (HELD, TRAIN), strict=False):
        values = np.ravel(values)
        share = np.full(len(values), 100 / len(values))
        ax.hist(values, bins=np.linspace(-1, 1, 41), weights=share, color=colour)
        ax.set(title=name, xlabel="hidden state")
    axes[0].set_ylabel("share of states (%)")
    return fig


def mean_squared_errors(histories, levels):
    """Held-out squared error after every step on a logarithmic axis, beside what needs no network.

    Parameters
    ----------
    histories : dict of str to pandas.DataFrame
        Columns ``epoch`` and ``held_out`` of each run.
    levels : dict of str to float
        Held-out squared errors to compare with.
    """
    fig, ax = plt.subplots(figsize=(7, 3.2))
    for (name, history), color in zip(histories.items(), CYCLE, strict=False):
        ax.plot(history["epoch"], history["held_out"], color=color, label=name)
        ax.plot(*history[["epoch", "held_out"]].iloc[-1], "o", color=color, ms=4)
    for (name, value), style in zip(levels.items(), ("--", ":", "-."), strict=False):
        ax.axhline(value, color=BLACK, lw=1, ls=style, label=name)
    ax.set(yscale="log", xlabel="step", ylabel="mean squared error\nof held-out trials")
    ax.legend(loc="upper right")
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
    n, height = len(strips), 2.1 * len(strips) + 0.4
    fig, axes = plt.subplots(n, 1, figsize=(8, height), sharex=True, squeeze=False)
    axes = axes[:, 0]
    kernel = np.ones(smoothing)
    for ax, (name, (recorded, predicted, psth)) in zip(axes, strips.items(), strict=True):
        ax.plot(trials, recorded, ".", color="#BBBBB5", label="recorded")
        mass = np.convolve(np.ones(len(recorded)), kernel, "same")
        running = np.convolve(recorded, kernel, "same") / mass
        ax.plot(trials, running, color=BLACK, lw=1, ls="--", label="running mean")
        ax.axhline(psth, color=GREY, lw=1, label="PSTH")
        ax.plot(trials, predicted, color=HELD, label="plain RNN")
        ax.axvline(first_test - 0.5, color=GREY, lw=0.8, ls=":")
        ax.set_ylabel(f"{name}\n(spikes/s)", color=region_colour(name))
    axes[0].annotate("test block", (first_test, 1), (4, -2), xycoords=("data", "axes fraction"),
                     textcoords="offset points", va="top", color=GREY)  # fmt: skip
    axes[-1].set_xlabel("trial")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return fig


def members(history, n_blocks):
    """Learning curves of every member of an ensemble, one colour per left-out block.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``update``, ``member``, ``train`` and ``held_out``, relative to the PSTH.
    n_blocks : int
        Member ``i`` left out block ``i % n_blocks``.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    for member, curve in history.groupby("member"):
        block = member % n_blocks
        colour = CYCLE[block % len(CYCLE)]
        label = f"block {block + 1}" if member < n_blocks else None
        axes[0].plot(curve["update"], curve["train"], color=colour)
        axes[1].plot(curve["update"], curve["held_out"], color=colour, label=label)
        best = curve.loc[curve["held_out"].idxmin()]
        axes[1].plot(best["update"], best["held_out"], "o", color=colour)
    for ax, title in zip(axes, ("trials it learns from", "its own left-out block"), strict=True):
        ax.axhline(0, color=GREY, lw=0.8)
        ax.set(title=title, xlabel="update")
    axes[0].set_ylabel("loss relative\nto the PSTH")
    handles, labels = axes[1].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside right center")
    return fig


def scores(table, shrinkage=None, possible=None):
    """Scores of several models, a group of dots per region.

    Parameters
    ----------
    table : pandas.DataFrame
        PSTH-relative scores, one row per region and one column per model.
    shrinkage : array_like, (regions,), optional
        How far the network counts in each region, 0 to 1; written under the regions.
    possible : array_like, (regions,), optional
        Score of the true rates, drawn as a dashed line.
    """
    fig, ax = plt.subplots(figsize=(8, 3.6))
    apart = 0.6 / max(1, table.shape[1] - 1)
    for k, (name, column) in enumerate(table.items()):
        at = np.arange(len(table)) - 0.3 + k * apart
        ax.vlines(at, 0, column, color=CYCLE[k], lw=2)
        ax.plot(at, column, "o", color=CYCLE[k], ms=7, label=name)
    for i, value in enumerate([] if possible is None else possible):
        label = "true rates" if i == 0 else None
        ax.plot([i - 0.4, i + 0.4], [value] * 2, color=BLACK, lw=1.2, ls="--", label=label)
    ax.axhline(0, color=GREY, lw=1)
    names = list(table.index)
    if shrinkage is not None:
        both = zip(names, shrinkage, strict=True)
        names = [f"{name}\nshrinkage {value:.2f}" for name, value in both]
    ax.set_xticks(range(len(table)), names)
    for i, label in enumerate(ax.get_xticklabels()):
        label.set_color(region_colour(table.index[i], i))
    ax.set_ylabel("score above the PSTH")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=4)
    return fig
