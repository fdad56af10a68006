"""Figures of chapter 1: a session, its pupil and its spikes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from ..session import Session
from . import panels
from .panels import BLACK, GREY, RATE, TIME, gaze, legend_above, legend_in_corner, missing
from .style import CHANNEL_COLOURS, PALETTE, region_palette, stimulus_line

AREA = "area (a.u.)"
SHOWN_RATIOS = -0.5, 3  # farther dots are drawn at the edge


def trial_view(session: Session, trial: int, regions=None):
    """Everything recorded in one trial: the three pupil channels and every spike.

    Parameters
    ----------
    session : Session
    trial : int
        Which trial, from 0.
    regions : sequence of str, optional
        Regions whose neurons to show, from top to bottom; by default the six largest.

    Raises
    ------
    ValueError
        If there is no such trial or no such region.
    """
    _check_trial(session, trial)
    regions = list(session.region_table().index[:6]) if regions is None else list(regions)
    session.region_counts(regions)  # complains about regions that are not there
    fig, axes = plt.subplots(3, 1, figsize=(8, 6.5), sharex=True, height_ratios=[1, 1, 3.2])
    axes[0].plot(session.time, session.pupil[trial, :, 0], color=CHANNEL_COLOURS["area"])
    axes[0].set_ylabel(AREA)
    gaze(axes[1], session.time, *session.pupil[trial, :, 1:].T)
    gone = session.missing[trial]  # (bins, 3)
    missing(axes[0], session.time, gone[:, 0])
    missing(axes[1], session.time, gone[:, 1:].any(axis=1))
    panels.raster(axes[2], session.time, session.spikes[trial], session.regions, regions)
    axes[2].set_xlabel(TIME)
    known = [("gocue", "go cue", "--", "right"), ("response_time", "response", "-.", "left")]
    events = [(0.0, "stimulus", ":", "center")]
    events += [(session.trials[c].iloc[trial], *rest) for c, *rest in known if c in session.trials]
    for when, label, dashes, side in events:
        if session.time[0] <= when <= session.time[-1]:
            for ax in axes:
                ax.axvline(when, color=BLACK, lw=0.9, ls=dashes)
            at = ("data", "axes fraction")
            axes[0].annotate(label, (when, 1.02), xycoords=at, fontsize=9, ha=side)
    return fig


def _check_trial(session, trial):
    if not 0 <= trial < session.n_trials:
        raise ValueError(f"there is no trial {trial}; give one from 0 to {session.n_trials - 1}.")


def whole_session(session: Session):
    """Pupil area of every trial as a picture, and the mean of each trial beside it."""
    area = session.pupil[..., 0]  # (trials, bins)
    known = ~np.isnan(area).all(1)
    if not known.any():
        raise ValueError("pupil area is missing in every trial; there is nothing to show.")
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4), sharey=True, width_ratios=[3, 1])
    panels.area_map(fig, left, session, beside=right)
    left.set(xlabel=TIME, title="pupil area of every trial")
    stimulus_line(left)
    mean = np.nanmean(area[known], axis=1)
    right.plot(mean, np.flatnonzero(known), color=CHANNEL_COLOURS["area"], lw=1)
    right.set(xlabel=AREA, title="mean of the trial")
    return fig


def saccades(session: Session, trial: int, speed, threshold: float, events):
    """Position and speed of the eye in one trial, with the saccades that were found.

    Parameters
    ----------
    session : Session
    trial : int
    speed : array_like, (trials, bins)
        Speed of the eye in pixels/s.
    threshold : float
        Speed above which the eye is in a saccade.
    events : array_like of int, (saccades, 2)
        Trial and bin of each saccade.
    """
    _check_trial(session, trial)
    speed, events = np.asarray(speed), np.asarray(events)
    if speed.shape != session.pupil.shape[:2]:
        raise ValueError(f"speed has shape {speed.shape}, expected {session.pupil.shape[:2]}.")
    if events.ndim != 2 or events.shape[1] != 2:
        raise ValueError(f"events has shape {events.shape}, expected (saccades, 2): trial, bin.")
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4), sharex=True)
    gaze(top, session.time, *session.pupil[trial, :, 1:].T)
    _speed(bottom, session.time, speed[trial], threshold)
    for when in session.time[events[events[:, 0] == trial, 1]]:
        for ax in (top, bottom):
            ax.axvline(when, color=PALETTE["green"], lw=7, alpha=0.25)
    bottom.set(xlabel=TIME, ylabel="speed\n(pixels/s)")
    legend_in_corner(bottom)
    return fig


def threshold(time, speed, height: float, peaks):
    """Speed of the eye in one trial, with a threshold and the peaks above it.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    speed : array_like, (bins,)
        Pixels/s.
    height : float
        The threshold, in pixels/s.
    peaks : array_like of int
        Bins of the saccades found.
    """
    fig, ax = plt.subplots(figsize=(8, 2.8))
    _speed(ax, time, speed, height)
    ax.plot(time[peaks], speed[peaks], "v", color=PALETTE["green"], label="taken for a saccade")
    ax.set(xlabel=TIME, ylabel="speed (pixels/s)", xlim=(time[0], time[-1]))
    ax.set_ylim(0, 1.15 * np.max(speed))
    ax.legend(loc="upper right")
    return fig


def _speed(ax, time, speed, height):
    ax.plot(time, speed, color=BLACK, lw=1)
    ax.axhline(height, color=PALETTE["vermilion"], lw=1, ls="--", label="threshold")


def rates_over_time(time, mean, error, names):
    """Mean rate of each region with its standard error, one panel per region.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    mean, error : array_like, (bins, regions)
        In spikes/s per neuron.
    names : sequence of str, (regions,)
    """
    grid = _bands(names, (TIME, RATE), time=time, mean=mean, error=error)
    stimulus_line(*grid.axes)
    return grid.figure


def around_saccades(lags, mean, error, names, true_lags=None):
    """Rate of each region around saccades, minus its PSTH.

    Parameters
    ----------
    lags : array_like, (lags,)
        Seconds from the middle of the saccade.
    mean, error : array_like, (lags, regions)
        In spikes/s per neuron.
    names : sequence of str, (regions,)
    true_lags : array_like, (regions,), optional
        Lag in seconds to mark in each panel; NaN for none.
    """
    words = "time from a saccade's middle (s)", "rate minus PSTH\n(spikes/s per neuron)"
    grid = _bands(names, words, sharey=True, lags=lags, mean=mean, error=error)
    grid.refline(x=0, y=0, color=GREY, lw=0.8, ls=":")
    if true_lags is not None:
        for ax, lag in zip(grid.axes, true_lags, strict=True):
            ax.plot(lag, 0, "^", ms=8, color=BLACK, zorder=5, label="true lag")
        legend_above(grid.figure, grid.axes[0], where="upper right")
    return grid.figure


def _bands(names, words, sharey=False, **given):
    """A panel for every region: a line with its error band, in the region's colour."""
    x, mean, error = panels.same_length(**given)
    if mean.shape != (len(x), len(names)) or error.shape != mean.shape:
        raise ValueError(f"{mean.shape} and {error.shape}: give {(len(x), len(names))}, by region")
    regions, size = pd.DataFrame({"region": list(names)}), {"height": 2.2, "aspect": 1.2}
    grid = sns.FacetGrid(regions, col="region", col_wrap=3, sharey=sharey, **size)
    columns = zip(grid.axes, region_palette(names).values(), mean.T, error.T, strict=True)
    for ax, colour, line, reach in columns:
        ax.fill_between(x, line - reach, line + reach, color=colour, alpha=0.3, lw=0)
        ax.plot(x, line, color=colour)
    return grid.set_titles("{col_name}").set_axis_labels(*words).tight_layout()


def ceilings(table):
    """True ceilings against the number of neurons, and how far estimates are from them.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per mouse, region and number of neurons, with columns ``region``, ``neurons``,
        ``true`` and ``estimated`` (shares of the variance).
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6))
    ratio = (table["estimated"] / table["true"]).clip(*SHOWN_RATIOS)
    shared = {"hue": "region", "palette": region_palette(table["region"].unique())}
    shared |= {"data": table.assign(ratio=ratio), "x": "neurons"}
    sns.lineplot(**shared, y="true", errorbar=None, marker=".", mew=0, ms=9, ax=left)
    sns.stripplot(
        **shared, y="ratio", dodge=True, jitter=False, size=4, alpha=0.7, legend=False, ax=right
    )
    legend_above(fig, left)
    left.get_legend().remove()
    left.set(ylabel="true ceiling\n(share of variance)", xticks=table["neurons"].unique())
    left.set_ylim(0, None)
    right.axhspan(0.75, 1.25, color=GREY, alpha=0.15, lw=0)
    right.axhline(1, color=BLACK, lw=0.8)
    right.set_ylabel("estimated ceiling\n(multiple of the true one)")
    return fig
