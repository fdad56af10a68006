"""Figures of the page on how the mice were made: an eye, drives, kinds, and real numbers beside."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import BLACK, GREY, legend_in_corner, log_ticks, missing, name_beside, same_length
from .style import CHANNEL_COLOURS, PALETTE, region_palette

TIME = "time (s)"
SACCADE = {"color": GREY, "lw": 0.6, "alpha": 0.5, "zorder": 0}
MARKS = ("D", "s", "^", "v")  # one for each real animal


def eye(time, clean, filmed):
    """Area and gaze as they are, and what the camera saw of them.

    Parameters
    ----------
    time : array_like, (samples,)
        Seconds.
    clean, filmed : array_like, (samples, 3)
        Area, x and y; NaN in ``filmed`` where the eye was not seen.
    """
    time, clean, filmed = same_length(times=time, clean=clean, filmed=filmed)
    fig, axes = plt.subplots(2, 1, figsize=(8, 4), sharex=True)
    for c, name in enumerate(CHANNEL_COLOURS):
        ax = axes[min(c, 1)]
        ax.plot(time, filmed[:, c], color=GREY, lw=0.6, alpha=0.7)
        ax.plot(time, clean[:, c], color=CHANNEL_COLOURS[name], lw=1.2, label=name)
    for ax in axes:
        missing(ax, time, np.isnan(filmed).any(axis=1))
    axes[0].set(ylabel="area (a.u.)")
    axes[1].set(ylabel="gaze (pixels)", xlabel=TIME)
    legend_in_corner(axes[1])
    return fig


def chain(time, steps: dict):
    """The way from the eye to the spikes, one panel a step.

    Parameters
    ----------
    time : array_like, (samples,)
        Seconds.
    steps : dict of str to array_like
        By what the panel shows, with its unit: a trace (samples,), several (samples, traces), or
        counts (samples, neurons) of an integer type, drawn as ticks.
    """
    time, *traces = same_length(times=time, **steps)
    heights = [2 if trace.ndim == 2 and trace.dtype.kind in "iu" else 1 for trace in traces]
    size, look = (8, 1.05 * sum(heights)), {"sharex": True, "squeeze": False}
    fig, axes = plt.subplots(len(steps), 1, figsize=size, height_ratios=heights, **look)
    for ax, name, trace, height in zip(axes[:, 0], steps, traces, heights, strict=True):
        if height == 2:  # counts
            bins, neurons = np.nonzero(trace)
            ax.plot(time[bins], neurons, "|", ms=3.2, mew=0.9, color=BLACK)
        else:
            ax.plot(time, trace, lw=1.1)
        ax.set_ylabel(name)
    fig.align_ylabels()
    axes[-1, 0].set_xlabel(TIME)
    return fig


def drives(time, traces: dict, saccades=()):
    """What each region's log rate does over some seconds, one below the other.

    Parameters
    ----------
    time : array_like, (samples,)
        Seconds.
    traces : dict of str to array_like, (samples,)
    saccades : array_like
        Times of saccades in seconds, marked in grey.
    """
    same_length(times=time, **traces)
    size = (8, 0.5 + 0.9 * len(traces))
    fig, axes = plt.subplots(len(traces), 1, figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax, (name, colour) in zip(axes[:, 0], region_palette(traces).items(), strict=True):
        ax.vlines(saccades, 0, 1, transform=ax.get_xaxis_transform(), **SACCADE)
        ax.axhline(0, color=GREY, lw=0.6, zorder=0)
        ax.plot(time, traces[name], color=colour, lw=1.3)
        name_beside(ax, name, 0.5, colour)
    fig.supylabel("drive (log rate)", fontsize=10)
    axes[-1, 0].set(xlabel=TIME, xlim=(time[0], time[-1]))
    return fig


def parts(time, parts, saccades=(), top: float | None = None):
    """What the drive of one region is made of, and below it their sum.

    Parameters
    ----------
    time : array_like, (samples,)
        Seconds.
    parts : pandas.DataFrame, (samples, features)
        Log rate that each feature adds.
    saccades : array_like
        Times of saccades in seconds, marked in grey.
    top : float, optional
        Largest size on both axes, to keep it the same in several figures.
    """
    same_length(times=time, parts=parts)
    fig, (above, below) = plt.subplots(2, 1, figsize=(8, 3.8), sharex=True, sharey=True)
    above.plot(time, parts, lw=1.2, label=list(parts))
    below.plot(time, parts.sum(axis=1), color=BLACK, lw=1.3)
    above.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(parts.columns), borderpad=0)
    for ax, what in ((above, "parts"), (below, "drive")):
        ax.vlines(saccades, 0, 1, transform=ax.get_xaxis_transform(), **SACCADE)
        ax.set(ylabel=f"{what}\n(log rate)", xlim=(time[0], time[-1]))
        if top is not None:
            ax.set_ylim(-1.05 * top, 1.05 * top)
    below.set_xlabel(TIME)
    return fig


def little(moves: dict, time, counts: dict, truth: dict):
    """What a model gets when there is little: fewer saccades to learn from, noisier counts.

    Parameters
    ----------
    moves : dict of str to array_like, (saccades, 2)
        Saccades in x and y that fall into trials, by kind of mouse.
    time : array_like, (bins,)
        Seconds.
    counts, truth : dict of str to array_like, (bins,)
        Rates of one trial, smoothed counts and the true one, spikes/s per neuron, by kind.
    """
    for each in (counts, truth):
        same_length(times=time, **each)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3), width_ratios=[1, 1.5])
    colours = (GREY, PALETTE["vermilion"])
    for (kind, xy), colour in zip(moves.items(), colours, strict=False):
        left.plot(*np.asarray(xy).T, ".", ms=4, color=colour, label=f"{kind}: {len(xy)}")
    left.set(xlabel="saccade, x (pixels)", ylabel="saccade, y (pixels)")
    left.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=2, borderpad=0, columnspacing=1)
    for (kind, rate), colour in zip(counts.items(), colours, strict=False):
        right.plot(time, rate, color=colour, lw=1, label=kind)
        right.plot(time, truth[kind], color=colour, lw=2.2, ls=(0, (3, 1)))
    right.plot([], [], color=BLACK, lw=2.2, ls=(0, (3, 1)), label="true rates")
    right.set(xlabel="time from stimulus (s)", ylabel="rate (spikes/s\nper neuron)")
    right.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=3, borderpad=0, columnspacing=1)
    return fig


def persistence(panels: dict):
    """How long gaze and area stay as they are, real and simulated.

    Parameters
    ----------
    panels : dict of str to tuple
        By what is shown: lags (s), real autocorrelations (animals × lags, a DataFrame) and
        simulated ones (mice, lags).
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(8, 3.2), sharey=True, squeeze=False)
    for ax, (name, (lags, real, mice)) in zip(axes[0], panels.items(), strict=True):
        mice = np.asarray(mice)
        if mice.shape[1] != len(lags) or real.shape[1] != len(lags):
            raise ValueError(f"{name!r} needs one autocorrelation per lag, {len(lags)}")
        for i, mouse in enumerate(mice):
            label = "simulated mice" if i == 0 else None
            ax.plot(lags, mouse, color=PALETTE["blue"], lw=0.9, alpha=0.7, label=label)
        for mark, (animal, values) in zip(MARKS, real.iterrows(), strict=False):
            ax.plot(lags, values, color=BLACK, lw=0.8, ls=":", marker=mark, ms=5, label=animal)
        ax.set(xlabel="lag (s)", title=name)
        log_ticks(ax, lags)
        ax.legend(fontsize=9)
    axes[0, 0].set_ylabel("autocorrelation")
    return fig
