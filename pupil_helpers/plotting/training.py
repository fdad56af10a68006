"""Figures of chapter 5: losses, learning curves, what goes wrong, and how far a loop gets."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import BLACK, GREY, TIME
from .style import CYCLE, PALETTE

TRAIN, HELD = PALETTE["sky"], PALETTE["vermilion"]
NAMES = "trials it learns from", "held-out block"


def parts(curves, whole):
    """Held-out loss in parts of the held-out block, each above its own lowest, marked by a dot.

    Parameters
    ----------
    curves : sequence of array_like, (epochs,)
    whole : array_like, (epochs,)
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
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="epoch", ylabel="loss above\nits lowest", ylim=(0, None))
    fig.legend(loc="outside right center")
    return fig


def several_curves(curves, every=1, unit="epoch", best=None):
    """Held-out loss in the course of training, for several ways to train.

    Parameters
    ----------
    curves : dict of str to array_like (points,)
        Loss relative to the PSTH's.
    every : int or sequence of int, default 1
        Units between the points of each curve.
    unit : str, default "epoch"
    best : int, optional
        Point of the last curve to mark, from 0.
    """
    fig, ax = plt.subplots(figsize=(7, 3.4))
    every = np.broadcast_to(every, len(curves))
    for (name, curve), apart, colour in zip(curves.items(), every, CYCLE, strict=False):
        ax.plot(apart * np.arange(1, len(curve) + 1), curve, color=colour, label=name)
    if best is not None:
        ax.plot(apart * (best + 1), curve[best], "o", color=colour, ms=8, label="kept")
    ax.axhline(0, color=GREY, lw=0.8)
    ax.annotate("PSTH", (1, 0), (-2, 3), xycoords=("axes fraction", "data"), ha="right",
                textcoords="offset points", color=GREY)  # fmt: skip
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel=unit, ylabel="loss relative\nto the PSTH")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(curves) + 1)
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
    for name, curve, colour in zip(NAMES, curves[rate], (TRAIN, HELD), strict=True):
        left.plot(epochs, curve, color=colour, label=name)
    left.axhline(0, color=GREY, lw=0.8)
    left.axhline(usual, color=GREY, lw=0.8, ls=":")
    left.set_yscale("symlog", linthresh=usual, linscale=2)
    left.set_ylim(-1.1 * usual, max(2 * losses.max(), 1.1 * usual))
    ticks = np.round([-usual, 0, usual, losses.max()], 3)
    left.set_yticks(ticks, [f"{tick:.2g}" for tick in ticks])
    left.yaxis.minorticks_off()
    left.locator_params(axis="x", integer=True)
    left.set(xlabel="epoch", ylabel="loss relative to the PSTH")
    left.legend(loc="upper center")
    right.plot(time, recorded, ".", color="#BBBBB5", label="recorded")
    for (name, line), style in zip(lines.items(), ("--", "-"), strict=True):
        right.plot(time, line, style, color=BLACK if style == "--" else HELD, label=name)
    top = 1.3 * max(1, np.max(recorded))
    right.set(xlabel=TIME, ylabel="spikes in a step", ylim=(0, top))
    right.legend(loc="upper center", ncols=3)
    return fig
