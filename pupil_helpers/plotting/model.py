"""Figures of chapters 3 and 4: features, linear models; the recurrent network and what it sees.

Every function returns the figure. What it shows was computed in the chapter.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import CYCLE, PALETTE, region_colour, stimulus_line

TIME = "time from stimulus (s)"
LAG = "lag (s)"
BLACK, GREY = PALETTE["black"], PALETTE["grey"]
MODEL_COLOURS = {
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
        ax.plot(time, height + values[:, i], lw=1.2, color=_feature_colour(name))
    ax.set_yticks(apart * np.arange(len(names))[::-1], names)
    ax.set(xlabel=TIME, xlim=(time[0], time[-1]))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    stimulus_line(ax)
    return fig


def _feature_colour(name):
    if name.startswith("area"):
        return PALETTE["vermilion"]
    return GREY if name == "missing" else PALETTE["blue"]


def penalties(tried, scores, regions):
    """Held-out score of each region against the ridge penalty, with a dot at the best.

    Parameters
    ----------
    tried : array_like, (penalties,)
    scores : array_like, (penalties, regions)
        PSTH-relative scores of the inner block.
    regions : sequence of str
    """
    tried, scores = np.asarray(tried), np.asarray(scores)
    fig, ax = plt.subplots(figsize=(7, 3.2))
    for i, region in enumerate(regions):
        colour, best = region_colour(region, i), scores[:, i].argmax()
        ax.plot(tried, scores[:, i], color=colour, label=region)
        ax.plot(tried[best], scores[best, i], "o", color=colour)
    ax.axhline(0, color=GREY, lw=0.8)
    low = min(-0.02, np.quantile(scores, 0.1))
    ax.set(xscale="log", xlabel="penalty", ylabel="score above the PSTH", ylim=(low, None))
    ax.legend(loc="lower left", ncols=len(regions))
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
    fig, axes = plt.subplots(1, len(regions), figsize=(8, 3.4), sharey=True, squeeze=False)
    half = (lags[1] - lags[0]) / 2
    extent = (lags[0] - half, lags[-1] + half, len(names) - 0.5, -0.5)
    for i, (ax, region) in enumerate(zip(axes[0], regions, strict=True)):
        size = np.abs(weights[..., i]).max()
        picture = ax.imshow(
            weights[..., i].T, cmap="RdBu_r", vmin=-size, vmax=size, extent=extent, aspect="auto"
        )
        ax.axvline(0, color=GREY, lw=0.8, ls=":")
        if true_lags and np.isfinite(true_lags.get(region, np.nan)):
            ax.plot(true_lags[region], -0.9, "v", color=BLACK, clip_on=False)
        ax.set_title(region, color=region_colour(region, i), pad=14)
        ax.set(xlabel=LAG, ylim=extent[2:])
    axes[0, 0].set_yticks(range(len(names)), names)
    bar = fig.colorbar(picture, ax=axes, shrink=0.8, ticks=[-size, 0, size])
    bar.ax.set_yticklabels(["less", "0", "more"])
    bar.set_label("spikes")
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
    fig, axes = plt.subplots(1, len(regions), figsize=(8, 3.2), squeeze=False)
    thirds = {"highest third": PALETTE["vermilion"], "lowest third": PALETTE["blue"]}
    for r, (ax, region) in enumerate(zip(axes[0], regions, strict=True)):
        for k, (name, colour) in zip((1, 0), thirds.items(), strict=True):
            ax.plot(psth[:, r], predicted[:, k, r], color=colour, lw=1.2, label=f"{name}: ridge")
            ax.plot(psth[:, r], recorded[:, k, r], "o", color=colour, label=f"{name}: recorded")
        ax.set_title(region, color=region_colour(region, r))
        ax.set_xlabel("PSTH (spikes/bin)")
        ax.axhline(0, color=GREY, lw=0.8)
    axes[0, 0].set_ylabel("count less PSTH (spikes/bin)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
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
        extent = (time[0], time[-1], part.shape[1] - 0.5, -0.5)
        picture = ax.imshow(
            part.T, cmap="RdBu_r", vmin=-size, vmax=size, extent=extent, aspect="auto"
        )
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
        States.
    """
    fig, (top, ax) = plt.subplots(
        2, 1, figsize=(8, 3.8), sharex=True, gridspec_kw={"height_ratios": [1, 2]}
    )
    top.vlines(time, 0, velocity, color=BLACK, lw=2)
    top.axhline(0, color=GREY, lw=0.8)
    top.set(ylabel="velocity\n(a.u.)")
    for (name, states), colour in zip(units.items(), CYCLE, strict=False):
        ax.plot(time, states, color=colour, label=name)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set(xlabel="time (s)", ylabel="state of the unit", xlim=(time[0], time[-1]))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=len(units))
    return fig


def reach(lags, gradients):
    """How strongly one output depends on the input at every lag, on a logarithmic axis.

    Parameters
    ----------
    lags : array_like, (bins,)
        Seconds; positive where the past of the pupil is read.
    gradients : dict of str to array_like (bins,)
        Sizes of gradients, keyed to the direction.
    """
    fig, ax = plt.subplots(figsize=(7, 3))
    floor = 1e-6 * max(np.max(values) for values in gradients.values())
    for (name, values), colour in zip(gradients.items(), CYCLE, strict=False):
        values = np.asarray(values, dtype=float)
        ax.plot(lags, np.where(values > floor, values, np.nan), color=colour, label=name)
    ax.axvline(0, color=GREY, lw=0.8, ls=":")
    ax.set(yscale="log", xlabel="lag (s): future of the pupil < 0 < past", ylabel="gradient size")
    ax.legend()
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
    width = 0.8 / scores.shape[1]
    for k, (name, column) in enumerate(scores.items()):
        at = np.arange(len(scores)) + (k - (scores.shape[1] - 1) / 2) * width
        ax.bar(at, column, 0.92 * width, label=name, color=CYCLE[k])
    for i, value in enumerate([] if possible is None else possible):
        label = "true rates" if i == 0 else None
        ax.plot([i - 0.4, i + 0.4], [value, value], color=BLACK, lw=1.2, ls="--", label=label)
    ax.axhline(0, color=GREY, lw=0.8)
    names = list(scores.index)
    if true_lags:
        known = [true_lags.get(name, np.nan) for name in names]
        names = [
            f"{name}\n(eye movements at {1000 * lag:+.0f} ms)" if np.isfinite(lag) else name
            for name, lag in zip(names, known, strict=True)
        ]
    ax.set_xticks(range(len(scores)), names)
    ax.set_ylabel("score above the PSTH")
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
        True expected counts.
    """
    fig, axes = plt.subplots(1, len(regions), figsize=(8, 2.9), squeeze=False)
    for r, (ax, region) in enumerate(zip(axes[0], regions, strict=True)):
        ax.bar(time, recorded[:, r], step, color="#DDDDD8", label="recorded")
        if truth is not None:
            ax.plot(time, truth[:, r], color=BLACK, lw=1, ls="--", label="true rate")
        ax.plot(time, predicted[:, r], color=region_colour(region, r), lw=1.8, label="predicted")
        ax.set_title(f"{region}: score {scores[r]:.2f}", color=region_colour(region, r))
        ax.set(xlabel=TIME, xlim=(time[0], time[-1]))
    axes[0, 0].set_ylabel("spikes per step")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
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
        True rates.
    """
    n_trials = len(recorded)
    fig, axes = plt.subplots(
        len(regions), n_trials, figsize=(9, 1.7 * len(regions) + 0.6), sharex=True, sharey="row",
        squeeze=False,
    )  # fmt: skip
    for r, region in enumerate(regions):
        for k, ax in enumerate(axes[r]):
            ax.fill_between(time, recorded[k, :, r], color="#DDDDD8", lw=0, label="recorded")
            if truth is not None:
                ax.plot(time, truth[k, :, r], color=BLACK, lw=1, ls="--", label="true rate")
            for name, predicted in predictions.items():
                ax.plot(time, predicted[k, :, r], color=MODEL_COLOURS.get(name), label=name, lw=1.4)
            ax.margins(x=0)
            stimulus_line(ax)
        axes[r, 0].set_ylabel(f"{region}\n(spikes/s)", color=region_colour(region, r))
    for ax in axes[-1]:
        ax.set_xlabel(TIME)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return fig
