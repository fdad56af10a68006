"""Figures of chapter 2: kernels, smoothed rates, edges, and what the width does to a score."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import BLACK, GREY, RATE, TIME, legend_above, legend_in_corner, log_ticks, region_lines
from .style import CYCLE, stimulus_line

TICKS = 10, 20, 50, 100, 200, 500, 1000  # ms
TRUTH = {"color": BLACK, "lw": 1.4, "ls": "--", "label": "true rate"}


def copies(spikes, kernel, smoothed):
    """How convolution works: every spike leaves one copy of the kernel, and the copies add up.

    Parameters
    ----------
    spikes : array_like of int, (bins,)
    kernel : array_like, (taps,)
        Weights, first the one of the spike's own bin.
    smoothed : array_like, (bins,)
        The sum of all copies.
    """
    spikes, kernel, smoothed = np.asarray(spikes), np.asarray(kernel), np.asarray(smoothed)
    if spikes.ndim != 1 or spikes.shape != smoothed.shape:
        raise ValueError(f"spikes {spikes.shape} and smoothed {smoothed.shape} must be one trial.")
    bins = np.arange(len(spikes))
    fig, axes = plt.subplots(3, 1, figsize=(8, 4.2), sharex=True, height_ratios=[0.7, 1, 1])
    axes[0].bar(bins, spikes, 0.25, color=BLACK)
    axes[0].set(ylabel="spikes\nper bin", yticks=[0, spikes.max()])
    below = np.zeros(len(spikes))
    for i, at in enumerate(np.repeat(bins, spikes)):
        copy = np.convolve(bins == at, kernel)[: len(spikes)]
        axes[1].bar(bins, copy, 0.9, bottom=below, color=CYCLE[i % len(CYCLE)], alpha=0.75)
        below += copy
    axes[1].set_ylabel("copies\n(spikes per bin)")
    axes[2].step(bins, smoothed, where="mid", color=BLACK)
    axes[2].set(ylabel="smoothed\n(spikes per bin)", xlabel="bin", ylim=axes[1].get_ylim())
    return fig


def kernels(named: dict, time, rates: dict, truth=None):
    """Kernels on the left, and on the right what each makes of the same spikes.

    Parameters
    ----------
    named : dict of str to Kernel
    time : array_like, (bins,)
        Seconds from stimulus.
    rates : dict of str to array_like (bins,)
        Smoothed rate in spikes/s per neuron, under the same names.
    truth : array_like, (bins,), optional
        True rate, in the same unit.
    """
    if not named or list(named) != list(rates):
        raise ValueError(f"kernels {list(named)} and rates {list(rates)} must have the same names.")
    bin_size = time[1] - time[0]
    n = len(named)
    shared = {"sharex": "col", "sharey": "col", "width_ratios": [1, 2.6], "squeeze": False}
    fig, axes = plt.subplots(n, 2, figsize=(8, 1.25 * n + 0.6), **shared)
    for (left, right), (name, kernel), colour in zip(axes, named.items(), CYCLE, strict=False):
        order = np.argsort(kernel.lags)
        lags, weights = 1000 * bin_size * kernel.lags[order], kernel.weights[order]
        left.fill_between(lags, weights, step="mid", color=colour, alpha=0.5)
        left.plot(lags, weights, color=colour, lw=1, drawstyle="steps-mid")
        stimulus_line(left)
        left.set_title(name)
        right.plot(time, rates[name], color=colour)
        if truth is not None:
            right.plot(time, truth, **TRUTH)
        stimulus_line(right)
    axes[-1, 0].set_xlabel("lag (ms), the past to the right")
    axes[-1, 1].set_xlabel(TIME)
    axes[n // 2, 0].set_ylabel("weight")
    axes[n // 2, 1].set_ylabel(RATE)
    if truth is not None:
        legend_in_corner(axes[0, 1])
    return fig


def pictures(time, rates: dict):
    """The same trials at several widths, as pictures with one row per trial.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    rates : dict of str to array_like (trials, bins)
        Rate in spikes/s per neuron; the colours reach as far as the last one does.
    """
    if not rates or len({np.shape(rate) for rate in rates.values()}) != 1:
        raise ValueError("give at least one rate, all of the same shape (trials, bins).")
    fig, axes = plt.subplots(1, len(rates), figsize=(8, 3.6), sharey=True, squeeze=False)
    low, high = np.quantile(list(rates.values())[-1], [0.005, 0.995])
    for ax, (name, rate) in zip(axes[0], rates.items(), strict=True):
        image = ax.imshow(
            rate, aspect="auto", extent=(time[0], time[-1], len(rate), 0), cmap="viridis",
            vmin=low, vmax=high, interpolation="nearest",
        )  # fmt: skip
        ax.set_title(name)
    axes[0, 0].set_ylabel("trial")
    fig.supxlabel(TIME, fontsize=10)
    fig.colorbar(image, ax=axes[0].tolist(), label="rate (spikes/s per neuron)")
    return fig


def one_kernel(time, rate, truth, scores: dict, shape: str, width: float, top=None):
    """One trial under one kernel, and how its shape fares at every width.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    rate, truth : array_like, (bins,)
        The trial's smoothed rate and its true one in spikes/s per neuron; ``truth`` may be None.
    scores : dict of str to pandas.DataFrame
        One panel each, keyed to its label; a row per width in ms, a column per shape.
    shape, width
        The column and the row of the kernel that smoothed the trial.
    top : float, optional
        Where the rate's axis ends; by default where the rate does.
    """
    if not scores or any(shape not in t or width not in t.index for t in scores.values()):
        raise ValueError(f"give tables with a column {shape!r} and a row {width!r}.")
    panels = [["rate", name] for name in scores]
    fig, axes = plt.subplot_mosaic(panels, figsize=(8, 3.6), width_ratios=[1.7, 1])
    shapes = list(next(iter(scores.values())))
    colour = CYCLE[shapes.index(shape) % len(CYCLE)]
    axes["rate"].plot(time, rate, color=colour, label=f"{shape}, {width:g} ms")
    if truth is not None:
        axes["rate"].plot(time, truth, **TRUTH)
    axes["rate"].set(xlabel=TIME, ylabel=RATE, ylim=(0, top))
    axes["rate"].legend(loc="upper left", ncols=2)
    stimulus_line(axes["rate"])
    for name, table in scores.items():
        ax = axes[name]
        ax.plot(table.index, table, color=GREY, lw=0.8, alpha=0.6)
        ax.plot(table.index, table[shape], color=colour)
        ax.plot(width, table.loc[width, shape], "o", ms=8, color=colour)
        ax.set_title(name)
        log_ticks(ax, table.index)
    ax.set_xlabel("width (ms)")
    return fig


def bandwidth(widths, bits, names, error=None):
    """Held-out likelihood of each region against the width, and the error to the truth.

    Parameters
    ----------
    widths : array_like, (widths,)
        In seconds.
    bits : array_like, (widths, regions)
        Bits per spike above the constant mean rate.
    names : sequence of str, (regions,)
    error : array_like, (widths, regions), optional
        Mean squared error to the true rate.
    """
    ms, bits = 1000 * np.asarray(widths), np.asarray(bits)
    panels = {"held-out likelihood\n(bits/spike below the best)": (bits - bits.max(0), np.argmax)}
    if error is not None:
        ratio = np.asarray(error) / np.min(error, axis=0)
        panels["squared error to the true rate\n(multiple of the smallest)"] = ratio, np.argmin
    if any(values.shape != (len(ms), len(names)) for values, _ in panels.values()):
        raise ValueError(f"expected arrays of shape {(len(ms), len(names))}: widths, regions.")
    fig, axes = plt.subplots(1, len(panels), figsize=(8, 3.6), sharex=True, squeeze=False)
    for ax, (label, (values, best)) in zip(axes[0], panels.items(), strict=True):
        region_lines(ms, values, names, marked=ms[best(values, axis=0)], ax=ax)
        ax.set(xlabel="SD of the Gaussian (ms)", ylabel=label)
        log_ticks(ax, [t for t in TICKS if 0.999 * ms.min() <= t <= 1.001 * ms.max()], rotation=60)
    axes[0, 0].set_ylim(-0.03, 0.0015)
    if error is not None:
        axes[0, 1].set_ylim(0.95, 3)
    legend_above(fig, axes[0, 0])
    return fig


def r2_against_width(panels: dict):
    """R² of predictions that do not change, against the width they are judged at.

    Parameters
    ----------
    panels : dict of str to pandas.DataFrame
        One panel each, keyed to its title; a row per width in seconds, a column per region.
    """
    if not panels:
        raise ValueError("give at least one table of scores.")
    fig, axes = plt.subplots(1, len(panels), figsize=(8, 3.6), sharey=True, squeeze=False)
    for ax, (title, table) in zip(axes[0], panels.items(), strict=True):
        ms = 1000 * np.asarray(table.index, dtype=float)
        region_lines(ms, table, table.columns, style=".-", ax=ax)
        ax.axhline(0, color=GREY, lw=0.8)
        ax.set_title(title)
        log_ticks(ax, ms, rotation=60)
    axes[0, 0].set_ylabel("R²")
    fig.supxlabel("width of the boxcar (ms)", fontsize=10)
    legend_above(fig, axes[0, -1])
    return fig
