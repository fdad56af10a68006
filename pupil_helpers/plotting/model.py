"""Figures of chapters 3 and 4: features, linear models; the recurrent network and what it sees."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FixedFormatter

from .panels import BLACK, GREY, TIME, diverging, legend_above, region_panels
from .style import CYCLE, PALETTE, region_colour, stimulus_line

LAG = "lag (s)"
TRUTH = {"color": BLACK, "lw": 1, "ls": "--", "label": "true rate"}
ABOVE = "outside upper center"
MODEL_COLOURS = {
    "constant": BLACK,
    "PSTH": GREY,
    "ridge": PALETTE["orange"],
    "GLM": PALETTE["green"],
    "PupilEncoder": PALETTE["blue"],
}


def features(time, values, names):
    """The features of one trial, one above the other.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    values : array_like, (bins, features)
        In SDs.
    names : sequence of str, (features,)
    """
    values = np.asarray(values)
    fig, ax = plt.subplots(figsize=(8, 4.6))
    apart = 0.85 * np.abs(values).max()
    for i, name in enumerate(names):
        height = apart * (len(names) - 1 - i)
        kinds = {"area": PALETTE["vermilion"], "missing": GREY}
        colour = kinds.get(name.split()[0], PALETTE["blue"])
        ax.plot(time, height + values[:, i], lw=1.2, color=colour)
    ax.set_yticks(apart * np.arange(len(names))[::-1], names)
    ax.set(xlabel=TIME, xlim=(time[0], time[-1]))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    stimulus_line(ax)
    return fig


def kernels(lags, weights, names, regions, true_lags=None):
    """Ridge weights: one picture per region, features down and lags across.

    Parameters
    ----------
    lags : array_like, (lags,)
        Seconds; positive where the past of the pupil is read.
    weights : array_like, (lags, features, regions)
    names : sequence of str, (features,)
    regions : sequence of str
    true_lags : dict of str to float, optional
        Lag of each region's response to eye movement, marked by a triangle.
    """
    weights = np.asarray(weights)
    fig, panels = region_panels(regions, (8, 3.4), sharey=True)
    half = (lags[1] - lags[0]) / 2
    for i, (ax, region, colour) in enumerate(panels):
        own = weights[..., i].T
        size = np.abs(own).max()
        picture = diverging(ax, own, (lags[0] - half, lags[-1] + half), size)
        ax.axvline(0, color=GREY, lw=0.8, ls=":")
        if true_lags and np.isfinite(true_lags.get(region, np.nan)):
            ax.plot(true_lags[region], -0.9, "v", color=BLACK, clip_on=False)
        ax.set_title(region, color=colour, pad=14)
        ax.set(xlabel=LAG, ylim=(len(names) - 0.5, -0.5))
    fig.axes[0].set_yticks(range(len(names)), names)
    words = FixedFormatter(["less", "0", "more"])  # labels would go when dark() changes the map
    ticks = {"ticks": [-size, 0, size], "format": words}
    fig.colorbar(picture, ax=fig.axes, shrink=0.8, label="spikes", **ticks)
    return fig


def weights_at(lags, weights, names, scores, size):
    """Ridge weights of one region at one penalty, and the score that the penalty gets.

    Parameters
    ----------
    lags : array_like, (lags,)
        Seconds; positive where the past of the pupil is read.
    weights : array_like, (lags, features)
    names : sequence of str, (features,)
    scores : tuple of (penalties,), (penalties,) and float
        All penalties, their scores, and the penalty of these weights.
    size : float
        The largest weight to make room for.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1, 1.8])
    tried, score, penalty = scores
    left.plot(tried, score, color=GREY)
    left.plot(penalty, score[np.flatnonzero(tried == penalty)], "o", color=PALETTE["vermilion"])
    left.set(xscale="log", xlabel="penalty", ylabel="score above the PSTH")
    left.set_ylim(min(-0.02, score.min()), None)
    colours = {"area": "vermilion", "right": "blue", "left": "sky", "eye speed": "green"}
    for name, column in zip(names, np.asarray(weights).T, strict=True):
        if name in colours:
            right.plot(lags, column, color=PALETTE[colours[name]], label=name)
    right.axvline(0, color=GREY, lw=0.8, ls=":")
    right.set(xlabel=LAG, ylabel="weight (spikes per SD)", ylim=(-1.1 * size, 1.1 * size))
    right.legend(loc="upper right", ncols=2)
    return fig


def fan(psth, recorded, predicted, regions):
    """How far counts are from the PSTH when a model's sum is low and when it is high.

    Parameters
    ----------
    psth : array_like, (groups, regions)
        Mean PSTH of each group of bins, in spikes per bin.
    recorded, predicted : array_like, (groups, 2, regions)
        Mean deviation from the PSTH in the lowest and in the highest third of a model's sum: dots
        and lines.
    regions : sequence of str
    """
    psth, recorded, predicted = (np.asarray(values) for values in (psth, recorded, predicted))
    fig, panels = region_panels(regions, (8, 3.2))
    thirds = {"highest third": PALETTE["vermilion"], "lowest third": PALETTE["blue"]}
    for r, (ax, _, _) in enumerate(panels):
        for k, (name, colour) in zip((1, 0), thirds.items(), strict=True):
            ax.plot(psth[:, r], predicted[:, k, r], color=colour, lw=1.2, label=f"{name}: ridge")
            ax.plot(psth[:, r], recorded[:, k, r], "o", color=colour, label=f"{name}: recorded")
        ax.set_xlabel("PSTH (spikes/bin)")
        ax.axhline(0, color=GREY, lw=0.8)
    fig.axes[0].set_ylabel("count less PSTH (spikes/bin)")
    legend_above(fig, fig.axes[0], where=ABOVE, ncols=2)
    return fig


def states(time, hidden, n_forward):
    """Hidden states after a pulse at time 0, forward units above, backward units below.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from the pulse.
    hidden : array_like, (bins, units)
        The first ``n_forward`` units read forward in time.
    """
    hidden = np.asarray(hidden)
    fig, axes = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True)
    size = np.abs(hidden).max()
    parts = {"forward": hidden[:, :n_forward], "backward": hidden[:, n_forward:]}
    for ax, (name, part) in zip(axes, parts.items(), strict=True):
        picture = diverging(ax, part.T, (time[0], time[-1]), size)
        ax.axvline(0, color=BLACK, lw=0.8, ls=":")
        ax.set(ylabel=f"{name}\nunit", yticks=[])
    axes[1].set_xlabel("time from the pulse (s)")
    fig.colorbar(picture, ax=axes, label="change of\nhidden state", shrink=0.8)
    return fig


def memory(time, velocity, units):
    """Eye movements above, and what several hidden units keep of them below.

    Parameters
    ----------
    time : array_like, (steps,)
        Seconds.
    velocity : array_like, (steps,)
        What the units read: a pulse for every eye movement.
    units : dict of str to array_like (steps,)
    """
    fig, (top, ax) = plt.subplots(2, 1, figsize=(8, 3.8), sharex=True, height_ratios=[1, 2])
    top.vlines(time, 0, velocity, color=BLACK, lw=2)
    top.axhline(0, color=GREY, lw=0.8)
    top.set(ylabel="velocity\n(a.u.)")
    ax.plot(time, np.transpose(list(units.values())), label=list(units))
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set(xlabel="time (s)", ylabel="state of the unit", xlim=(time[0], time[-1]))
    legend_above(fig, ax, where=ABOVE)
    return fig


def directions(scores, true_lags=None, possible=None):
    """Scores of one-sided and two-sided models, a group of bars per region.

    Parameters
    ----------
    scores : pandas.DataFrame
        PSTH-relative scores, one row per region and one column per direction.
    true_lags : dict of str to float, optional
        Written under the regions, in ms.
    possible : array_like, (regions,), optional
        Score of the true rates, drawn as a line over each group.
    """
    fig, ax = plt.subplots(figsize=(8, 3.4))
    scores.plot.bar(color=CYCLE, width=0.8, rot=0, ax=ax)
    for i, value in enumerate([] if possible is None else possible):
        label = "true rates" if i == 0 else None
        ax.plot([i - 0.4, i + 0.4], [value, value], color=BLACK, lw=1.2, ls="--", label=label)
    ax.axhline(0, color=GREY, lw=0.8)
    words = {
        name: f"{name}\n(eye movements at {1000 * lag:+.0f} ms)"
        for name, lag in (true_lags or {}).items()
        if np.isfinite(lag)
    }
    ax.set_xticks(range(len(scores)), [words.get(name, name) for name in scores.index])
    ax.set(xlabel="", ylabel="score above the PSTH")
    ax.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.25))
    return fig


def network_at(time, recorded, predicted, scores, regions, step, truth=None):
    """One trial, recorded and predicted by one network, a panel per region.

    Parameters
    ----------
    time : array_like, (steps,)
        Seconds from stimulus.
    recorded, predicted : array_like, (steps, regions)
        Counts per step.
    scores : array_like, (regions,)
        Of the network, over all test trials.
    regions : sequence of str
    step : float
        Seconds.
    truth : array_like, (steps, regions), optional
    """
    fig, panels = region_panels(regions, (8, 2.9))
    for r, (ax, region, colour) in enumerate(panels):
        ax.bar(time, recorded[:, r], step, color="#DDDDD8", label="recorded")
        if truth is not None:
            ax.plot(time, truth[:, r], **TRUTH)
        ax.plot(time, predicted[:, r], color=colour, lw=1.8, label="predicted")
        ax.set_title(f"{region}: score {scores[r]:.2f}", color=colour)
        ax.set(xlabel=TIME, xlim=(time[0], time[-1]))
    fig.axes[0].set_ylabel("spikes per step")
    legend_above(fig, fig.axes[0], where=ABOVE)
    return fig


def traces(time, recorded, predictions, regions, truth=None):
    """Recorded and predicted rates of a few trials, regions down and trials across.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    recorded : array_like, (trials, bins, regions)
        Smoothed rates in spikes/s per neuron.
    predictions : dict of str to array_like (trials, bins, regions)
    regions : sequence of str
    truth : array_like, (trials, bins, regions), optional
    """
    shape, size = (len(regions), len(recorded)), (9, 1.7 * len(regions) + 0.6)
    fig, axes = plt.subplots(*shape, figsize=size, sharex=True, sharey="row", squeeze=False)
    for r, region in enumerate(regions):
        for k, ax in enumerate(axes[r]):
            ax.fill_between(time, recorded[k, :, r], color="#DDDDD8", lw=0, label="recorded")
            if truth is not None:
                ax.plot(time, truth[k, :, r], **TRUTH)
            for name, predicted in predictions.items():
                ax.plot(time, predicted[k, :, r], color=MODEL_COLOURS.get(name), label=name, lw=1.4)
            ax.margins(x=0)
            stimulus_line(ax)
        axes[r, 0].set_ylabel(f"{region}\n(spikes/s)", color=region_colour(region, r))
    for ax in axes[-1]:
        ax.set_xlabel(TIME)
    legend_above(fig, axes[0, 0], where=ABOVE)
    return fig
