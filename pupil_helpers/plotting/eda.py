"""Figures of chapter 1: a session, its pupil, its spikes, and how to split its trials.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from ..session import CHANNELS, Session
from .style import CHANNEL_COLOURS, PALETTE, region_colour, stimulus_line

TIME = "time from stimulus (s)"
RATE = "rate (spikes/s\nper neuron)"
AREA = "area (a.u.)"
POSITION = "position\n(pixels)"
BLACK, GREY = PALETTE["black"], PALETTE["grey"]


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
    _position(axes[1], session, trial)
    half = session.bin_size / 2
    for when in session.time[session.missing[trial].any(1)]:
        for ax in axes[:2]:
            ax.axvspan(when - half, when + half, color=GREY, alpha=0.25, lw=0)

    ax, bottom = axes[2], 0
    for i, region in enumerate(regions):
        spikes = session.spikes[trial][:, session.regions == region]  # (bins, neurons)
        bins, neurons = np.nonzero(spikes)
        colour = region_colour(region, i)
        ax.plot(session.time[bins], bottom + neurons, "|", ms=3.2, mew=0.9, color=colour)
        _name_beside(ax, region, bottom + spikes.shape[1] / 2, colour, "data")
        bottom += spikes.shape[1]
    ax.set(ylim=(bottom, -1), ylabel="neuron", xlabel=TIME)
    _events(axes, session, trial)
    return fig


def _check_trial(session, trial):
    if not 0 <= trial < session.n_trials:
        raise ValueError(f"there is no trial {trial}; give one from 0 to {session.n_trials - 1}.")


def _position(ax, session, trial):
    for channel in (1, 2):
        name = CHANNELS[channel]
        trace = session.pupil[trial, :, channel]
        ax.plot(session.time, trace, color=CHANNEL_COLOURS[name], label=name)
    ax.set_ylabel(POSITION)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, borderpad=0)


def _events(axes, session, trial):
    """Lines for the stimulus and, where known, the go cue and the response."""
    known = [("gocue", "go cue", "--", "right"), ("response_time", "response", "-.", "left")]
    events = [(0.0, "stimulus", ":", "center")]
    events += [(session.trials[c].iloc[trial], *rest) for c, *rest in known if c in session.trials]
    for when, label, dashes, side in events:
        if session.time[0] <= when <= session.time[-1]:
            for ax in axes:
                ax.axvline(when, color=BLACK, lw=0.9, ls=dashes)
            at = ("data", "axes fraction")
            axes[0].annotate(label, (when, 1.02), xycoords=at, fontsize=9, ha=side)


def _name_beside(ax, name, y, colour, vertical="axes fraction"):
    at = ("axes fraction", vertical)
    ax.annotate(name, (1.01, y), xycoords=at, va="center", color=colour, weight="bold")


def whole_session(session: Session):
    """Pupil area of every trial as a picture, and the mean of each trial beside it."""
    area = session.pupil[..., 0]  # (trials, bins)
    known = ~np.isnan(area).all(1)
    if not known.any():
        raise ValueError("pupil area is missing in every trial; there is nothing to show.")
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4), sharey=True, width_ratios=[3, 1])
    low, high = np.nanquantile(area, [0.01, 0.99])
    edges = (session.time[0], session.time[-1], session.n_trials, 0)
    image = left.imshow(
        area, aspect="auto", extent=edges, vmin=low, vmax=high, cmap="magma",
        interpolation="nearest",
    )  # fmt: skip
    left.set(xlabel=TIME, ylabel="trial", title="pupil area of every trial")
    stimulus_line(left)
    mean = np.nanmean(area[known], axis=1)
    right.plot(mean, np.flatnonzero(known), color=CHANNEL_COLOURS["area"], lw=1)
    right.set(xlabel=AREA, title="mean of the trial")
    fig.colorbar(image, ax=right, label=AREA)
    return fig


def saccades(session: Session, trial: int, speed, threshold: float, events):
    """Position and speed of the eye in one trial, with the saccades that were found.

    Parameters
    ----------
    session : Session
    trial : int
        Which trial.
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
    _position(top, session, trial)
    bottom.plot(session.time, speed[trial], color=BLACK, lw=1)
    bottom.axhline(threshold, color=PALETTE["vermilion"], lw=1, ls="--", label="threshold")
    for when in session.time[events[events[:, 0] == trial, 1]]:
        for ax in (top, bottom):
            ax.axvline(when, color=PALETTE["green"], lw=7, alpha=0.25)
    bottom.set(xlabel=TIME, ylabel="speed\n(pixels/s)")
    bottom.legend(loc="lower right", bbox_to_anchor=(1, 0.98), borderpad=0)
    return fig


def count_variance(mean, variance, regions):
    """Variance of each neuron's count per trial against its mean.

    Parameters
    ----------
    mean, variance : array_like, (neurons,)
        Over trials, in spikes per trial (and its square).
    regions : array_like of str, (neurons,)
        Region of each neuron.
    """
    mean, variance, regions = np.asarray(mean), np.asarray(variance), np.asarray(regions)
    if not mean.shape == variance.shape == regions.shape or mean.ndim != 1:
        raise ValueError("mean, variance and regions need one value per neuron each.")
    fig, ax = plt.subplots(figsize=(5.5, 4))
    for i, region in enumerate(dict.fromkeys(regions.tolist())):
        own, colour = regions == region, region_colour(region, i)
        ax.loglog(mean[own], variance[own], "o", ms=4, alpha=0.7, color=colour, label=region)
    ends = np.array([max(mean.min(), 0.1), mean.max()])
    ax.plot(ends, ends, color=BLACK, lw=1, label="Poisson")
    ax.set(xlabel="mean count (spikes per trial)", ylabel="variance (spikes² per trial)")
    ax.legend(loc="upper left", ncols=2, fontsize=8)
    return fig


def rates_over_time(time, mean, error, names):
    """Mean rate of each region with its standard error, one panel per region.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    mean, error : array_like, (bins, regions)
        In spikes/s per neuron.
    names : sequence of str
        The regions.
    """
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    size = (8, 2.1 * rows + 0.4)
    fig, axes = plt.subplots(rows, columns, figsize=size, sharex=True, squeeze=False)
    _bands(axes.flat, time, mean, error, names)
    stimulus_line(*axes.flat[: len(names)])
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(RATE)
    fig.supxlabel(TIME, fontsize=10)
    return fig


def around_saccades(lags, mean, error, names, true_lags=None):
    """Rate of each region around saccades, minus its PSTH.

    Parameters
    ----------
    lags : array_like, (lags,)
        Seconds from the middle of the saccade.
    mean, error : array_like, (lags, regions)
        In spikes/s per neuron.
    names : sequence of str
        The regions.
    true_lags : array_like, (regions,), optional
        Lag in seconds to mark in each panel; NaN for none.
    """
    fig, axes = plt.subplots(1, len(names), figsize=(8, 3), sharex=True, sharey=True, squeeze=False)
    _bands(axes[0], lags, mean, error, names)
    for ax in axes[0]:
        ax.axhline(0, color=GREY, lw=0.8)
        ax.axvline(0, color=GREY, lw=0.8, ls=":")
    if true_lags is not None:
        for ax, lag in zip(axes[0], true_lags, strict=True):
            ax.plot(lag, 0, "^", ms=8, color=BLACK, zorder=5, label="true lag")
        fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right")
    axes[0, 0].set_ylabel("rate minus PSTH\n(spikes/s per neuron)")
    fig.supxlabel("time from the middle of a saccade (s)", fontsize=10)
    return fig


def _bands(axes, x, mean, error, names):
    """A line with its error band in each panel, in the colour of its region."""
    x, mean, error = np.asarray(x), np.asarray(mean), np.asarray(error)
    if mean.shape != (len(x), len(names)) or error.shape != mean.shape:
        raise ValueError(
            f"mean and error have shapes {mean.shape} and {error.shape}, expected "
            f"{(len(x), len(names))}: one column per region."
        )
    for i, (ax, name) in enumerate(zip(axes, names, strict=False)):
        low, high, colour = (
            mean[:, i] - error[:, i],
            mean[:, i] + error[:, i],
            region_colour(name, i),
        )
        ax.fill_between(x, low, high, color=colour, alpha=0.3, lw=0)
        ax.plot(x, mean[:, i], color=colour)
        ax.set_title(name)


def drift(values: dict, running: int = 15):
    """Slow changes over the session: one value per trial, and its running mean.

    Parameters
    ----------
    values : dict of str to array_like (trials,)
        What to show, in units of its own spread (z-scores), keyed to its name.
    running : int, default 15
        Trials in the running mean.
    """
    if not values or len({np.shape(v) for v in values.values()}) != 1:
        raise ValueError("give at least one series, all with one value per trial.")
    size = (8, 0.8 + 0.85 * len(values))
    fig, axes = plt.subplots(len(values), 1, figsize=size, sharex=True, sharey=True, squeeze=False)
    for i, (ax, (name, series)) in enumerate(zip(axes[:, 0], values.items(), strict=True)):
        colour = BLACK if name.startswith("pupil") else region_colour(name, i)
        window = np.ones(min(running, len(series)))
        trials_within = np.convolve(np.ones(len(series)), window, "same")
        ax.plot(series, ".", ms=3, color=colour, alpha=0.5)
        ax.plot(np.convolve(series, window, "same") / trials_within, color=colour)
        _name_beside(ax, name, 0.5, colour)
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
        Trials in the session.
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
    fig.legend(loc="outside upper right", ncols=2)
    return fig


def leak(scores):
    """Scores of one prediction under several ways to split, region by region.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row per region, one column per kind of split; PSTH-relative scores.
    """
    fig, ax = plt.subplots(figsize=(8, 3.2))
    width = 0.8 / scores.shape[1]
    for i, (kind, colour) in enumerate(zip(scores, ("vermilion", "blue", "green"), strict=False)):
        place = np.arange(len(scores)) + (i - (scores.shape[1] - 1) / 2) * width
        ax.bar(place, scores[kind], width, color=PALETTE[colour], label=kind)
    ax.axhline(0, color=BLACK, lw=0.8)
    ax.set_xticks(range(len(scores)), scores.index)
    ax.set_ylabel("PSTH-relative score\n(share of squared error removed)")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, borderpad=0)
    return fig
