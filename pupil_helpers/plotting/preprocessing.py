"""Figures of the cleaning of an eye trace, one per step."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import BLACK, GREY, legend_above, same_length
from .panels import gaze as draw_gaze
from .style import CHANNEL_COLOURS, PALETTE

TIME = "time (s)"


def outliers(time, trace, found, limit: float, label: str = "area (a.u.)"):
    """A channel with what was found to be wrong in it, and its speed with the limit.

    Parameters
    ----------
    time : array_like, (samples,)
        Seconds.
    trace : array_like, (samples,)
    found : array_like of bool, (samples,)
        From :func:`~pupil_helpers.signals.cleaning.find_outliers`.
    limit : float
        From :func:`~pupil_helpers.signals.cleaning.jump_limit`.
    label : str, default "area (a.u.)"
        What the trace is, with its unit in brackets.
    """
    time, trace, found = same_length(time=time, trace=trace, found=found)
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4.2), sharex=True)
    top.plot(time, trace, color=CHANNEL_COLOURS["area"], lw=1)
    top.plot(time[found], trace[found], "x", color=BLACK, ms=5, label="outliers")
    top.set_ylabel(label)
    speed = np.abs(np.diff(trace)) / np.diff(time)
    bottom.plot((time[1:] + time[:-1]) / 2, speed, color=GREY, lw=0.8)
    if np.isfinite(limit):
        bottom.axhline(limit, color=PALETTE["vermilion"], lw=1, ls="--", label="limit")
    bottom.set_yscale("symlog", linthresh=limit if np.isfinite(limit) else 1.0)
    bottom.set(xlabel=TIME, ylabel="speed\n(per s)", ylim=(0, None))
    legend_above(fig, top, bottom)
    return fig


def gaps(time, raw, clean, filled=None, label: str = "area (a.u.)"):
    """A channel before and after a step: what was dropped, smoothed, filled, and left missing.

    Parameters
    ----------
    time, raw, clean : array_like, (samples,)
        Seconds; the recording; what :func:`~pupil_helpers.signals.cleaning.clean_pupil` made of it.
    filled : array_like of bool, (samples,), optional
    label : str, default "area (a.u.)"
    """
    filled = np.zeros(len(time), bool) if filled is None else filled
    time, raw, clean, filled = same_length(time=time, raw=raw, clean=clean, filled=filled)
    fig, ax = plt.subplots(figsize=(8, 3))
    ax.plot(time, raw, color=GREY, lw=0.8, alpha=0.7, label="recorded")
    ax.plot(time, clean, color=CHANNEL_COLOURS["area"], lw=1.2, label="clean")
    ax.plot(time, np.where(filled, clean, np.nan), ".", ms=3, color=BLACK, label="filled")
    ax.fill_between(
        time, 0, 1, where=np.isnan(clean), step="mid", transform=ax.get_xaxis_transform(),
        color=GREY, alpha=0.2, lw=0, label="missing",
    )  # fmt: skip
    ax.set(xlabel=TIME, ylabel=label)
    legend_above(fig, ax)
    return fig


def saccades(time, gaze, found, unit: str = "pixels"):
    """Gaze with a band at each saccade and, below, an arrow that shows where it went.

    Parameters
    ----------
    time : array_like, (samples,)
        Seconds, on the same clock as the onsets in ``found``.
    gaze : array_like, (samples, 2)
        x and y.
    found : pandas.DataFrame
        From :func:`~pupil_helpers.signals.saccades.find_saccades`, of this stretch or a longer one.
    unit : str, default "pixels"
    """
    gaze = np.asarray(gaze)
    time, x, y = same_length(time=time, x=gaze[..., 0], y=gaze[..., 1])
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, height_ratios=[2, 1])
    draw_gaze(top, time, x, y, unit)
    here = found[(found["onset"] >= time[0]) & (found["onset"] <= time[-1])]
    for onset, duration in zip(here["onset"], here["duration"], strict=True):
        for ax in (top, bottom):
            ax.axvspan(onset, onset + duration, color=PALETTE["green"], alpha=0.2, lw=0)
    longest = here["amplitude"].max() if len(here) else 1.0
    bottom.quiver(
        here["onset"], np.zeros(len(here)), here["dx"], here["dy"], pivot="mid", width=0.003,
        scale=1.2 * (longest or 1.0), scale_units="height", color=BLACK,
    )  # fmt: skip
    bottom.set(xlabel=TIME, ylabel="direction\n(x, y)", yticks=[], ylim=(-1, 1))
    return fig


def saccade_summary(found, unit: str = "pixels"):
    """All saccades at a glance: speed against size, directions, and the waits between them.

    Parameters
    ----------
    found : pandas.DataFrame
        From :func:`~pupil_helpers.signals.saccades.find_saccades`.
    unit : str, default "pixels"

    Raises
    ------
    ValueError
        If there is no saccade to show.
    """
    if not len(found):
        raise ValueError("no saccade was found; there is nothing to show")
    fig = plt.figure(figsize=(8, 3))
    size, wait = fig.add_subplot(1, 3, 1), fig.add_subplot(1, 3, 3)
    way = fig.add_subplot(1, 3, 2, projection="polar")
    moved = found[found["amplitude"] > 0]
    size.loglog(moved["amplitude"], moved["peak_speed"], ".", ms=3, alpha=0.5)
    size.set(xlabel=f"amplitude ({unit})", ylabel=f"peak speed ({unit}/s)")
    way.hist(found["direction"], bins=np.linspace(-np.pi, np.pi, 25))
    way.set(xlabel="direction (degrees)", yticklabels=[])
    same = found["trial"].diff() == 0
    wait.hist(found["onset"].diff()[same], bins=30)
    wait.set(xlabel="time to the next saccade (s)", ylabel="saccades")
    return fig
