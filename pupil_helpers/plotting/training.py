"""Figures of chapter 5: losses, learning curves, what goes wrong, and how far a loop gets.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from .style import CYCLE, PALETTE

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


def learning_curves(learnt, held, best=None):
    """Loss after every epoch, on the trials learnt from and on the held-out block.

    Parameters
    ----------
    learnt, held : array_like, (epochs,)
        Loss relative to the PSTH's.
    best : int, optional
        Epoch to mark, from 0.
    """
    epochs = np.arange(1, len(held) + 1)
    fig, ax = plt.subplots(figsize=(7, 3.2))
    ax.plot(epochs, learnt, color=TRAIN, label="trials it learns from")
    ax.plot(epochs, held, color=HELD, label="held-out block")
    if best is not None:
        ax.plot(best + 1, held[best], "o", color=HELD, ms=8, label="kept")
    _count(ax, "epoch")
    ax.set(ylabel="loss relative\nto the PSTH")
    ax.legend()
    return fig


def _count(ax, unit):
    ax.set_xlabel(unit)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def parts(curves, whole):
    """Held-out loss in parts of the held-out block, each above its own lowest, marked by a dot.

    Parameters
    ----------
    curves : sequence of array_like, (epochs,)
        One per part.
    whole : array_like, (epochs,)
        Of the whole block.
    """
    fig, ax = plt.subplots(figsize=(7, 3.4))
    shown = {f"part {i}": curve for i, curve in enumerate(curves, start=1)}
    colours = [*[colour for colour in CYCLE if colour != HELD][: len(shown)], BLACK]
    shown["whole block"] = whole
    for (name, curve), colour in zip(shown.items(), colours, strict=True):
        above = np.asarray(curve) - np.min(curve)
        wide = 2.5 if name == "whole block" else 1.2
        ax.plot(np.arange(1, len(above) + 1), above, color=colour, lw=wide, label=name)
        ax.plot(above.argmin() + 1, 0, "o", color=colour, ms=4 * wide**0.5 + 3, clip_on=False)
    _count(ax, "epoch")
    ax.set(ylabel="loss above\nits lowest", ylim=(0, None))
    fig.legend(loc="outside right center")
    return fig


def several_curves(curves, every=1, unit="epoch"):
    """Held-out loss in the course of training, for several ways to train.

    Parameters
    ----------
    curves : dict of str to array_like (points,)
        Loss relative to the PSTH's.
    every : int or sequence of int, default 1
        Units between the points of each curve.
    unit : str, default "epoch"
    """
    fig, ax = plt.subplots(figsize=(7, 3.4))
    every = np.broadcast_to(every, len(curves))
    for (name, curve), apart, colour in zip(curves.items(), every, CYCLE, strict=False):
        ax.plot(apart * np.arange(1, len(curve) + 1), curve, color=colour, label=name)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.annotate("PSTH", (1, 0), (-2, 3), xycoords=("axes fraction", "data"), ha="right",
                textcoords="offset points", color=GREY)  # fmt: skip
    _count(ax, unit)
    ax.set_ylabel("held-out loss\nrelative to the PSTH")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(curves))
    return fig


def at_rate(curves, rate, time, recorded, lines):
    """Learning curves at one rate among those at others, and what it predicts for one trial.

    Above a dotted line, which has room for all that is better than the PSTH, the axis of the loss
    is logarithmic: a rate that is too large is far off.

    Parameters
    ----------
    curves : dict of float to pair of array_like, (epochs,)
        Loss on the trials learnt from and on the held-out block, keyed to the learning rate.
    rate : float
        The rate that is shown in colour.
    time : array_like, (steps,)
        Seconds from stimulus.
    recorded : array_like, (steps,)
        Counts of the trial.
    lines : dict of str to array_like, (steps,)
        Expected counts: of the PSTH and of the network.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), width_ratios=[1, 1.4])
    losses, recorded = np.array(list(curves.values())), np.asarray(recorded)
    epochs, usual = np.arange(1, losses.shape[-1] + 1), max(-losses.min(), 1e-3)
    left.plot(epochs, losses[:, 1].T, color=GREY, lw=0.8, alpha=0.6)
    names = ("trials it learns from", "held-out block")
    for curve, colour, name in zip(curves[rate], (TRAIN, HELD), names, strict=True):
        left.plot(epochs, curve, color=colour, label=name)
    left.axhline(0, color=GREY, lw=0.8)
    left.axhline(usual, color=GREY, lw=0.8, ls=":")
    left.set_yscale("symlog", linthresh=usual, linscale=2)
    left.set_ylim(-1.1 * usual, max(2 * losses.max(), 1.1 * usual))
    left.yaxis.set_major_locator(FixedLocator(np.round([-usual, 0, usual, losses.max()], 3)))
    left.yaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    left.yaxis.set_minor_locator(NullLocator())
    left.set_ylabel("loss relative to the PSTH")
    _count(left, "epoch")
    left.legend(loc="upper center")
    right.plot(time, recorded, ".", color="#BBBBB5", label="recorded")
    for (name, line), style in zip(lines.items(), ("--", "-"), strict=True):
        right.plot(time, line, style, color=BLACK if style == "--" else HELD, label=name)
    right.set(xlabel="time from stimulus (s)", ylabel="spikes in a step")
    right.set_ylim(0, 1.3 * max(1, np.max(recorded)))
    right.legend(loc="upper center", ncols=3)
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
