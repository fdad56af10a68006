"""Figures of chapter 10: attributions in a trial, by channel, by lag and by method."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from ..session import CHANNELS
from .panels import BLACK, GREY, TIME, region_panels, standard
from .style import CHANNEL_COLOURS, PALETTE, stimulus_line

LAG = "lag (s): neurons lead < 0 < neurons follow"
COLOURS = list(CHANNEL_COLOURS.values())
KEY = [Patch(color=colour, label=name) for name, colour in CHANNEL_COLOURS.items()]
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1, 1)}


def attribution_in_trial(time, pupil, attributions, at: int):
    """One trial's pupil, and below each channel what its samples did to one bin.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    pupil, attributions : array_like, (bins, 3)
    at : int
        The bin whose output is explained.
    """
    time, pupil, attributions = map(np.asarray, (time, pupil, attributions))
    if pupil.shape != (len(time), 3) or attributions.shape != pupil.shape:
        raise ValueError(
            f"pupil {pupil.shape} and attributions {attributions.shape} must be (bins, 3)"
        )
    fig, axes = plt.subplots(2, 3, figsize=(9, 3.8), sharex=True, sharey="row")
    columns = zip(axes.T, CHANNEL_COLOURS.items(), pupil.T, attributions.T, strict=True)
    for (top, low), (name, colour), line, parts in columns:
        top.plot(time, standard(line), color=colour)
        low.bar(time, parts, time[1] - time[0], color=colour)
        low.axhline(0, color=GREY, lw=0.6)
        top.set_title(name)
        low.set_xlabel(TIME)
        for ax in (top, low):
            ax.axvline(time[at], color=BLACK, lw=1)
    axes[0, 0].set_ylabel("pupil (SDs)")
    axes[1, 0].set_ylabel("attribution\n(expected count)")
    return fig


def one_bin(time, changes, at: int, sums, tops=(None, None)):
    """What moved the prediction of one bin: attributions to changes, and what they sum to.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    changes : array_like, (bins, 3)
        Attributions to the changes of each channel.
    at : int
        The bin whose output is explained.
    sums : tuple of float
        Sum of all attributions, and the difference that they should explain.
    tops : tuple of float, optional
        Largest size on the axis of the attributions and on that of the sums, to keep both the
        same in several figures.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), width_ratios=[1.9, 1])
    for name, line in zip(CHANNELS, np.asarray(changes).T, strict=True):
        left.plot(time, line, color=CHANNEL_COLOURS[name], label=name)
    left.axvline(time[at], color=BLACK, lw=1)
    left.set(xlabel=TIME, ylabel="attribution to a change\n(expected count)")
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)
    right.barh(["their sum", "difference"], sums, 0.6, color=[PALETTE["green"], GREY])
    right.axvline(0, color=GREY, lw=0.6)
    right.set(xlabel="expected count", ylim=(1.6, -0.6))
    for axis, top in ((left.set_ylim, tops[0]), (right.set_xlim, tops[1])):
        if top:
            axis(-1.05 * top, 1.05 * top)
    return fig


def lag_profiles(profile, regions, channel: str = "x", truth=None):
    """Attribution of one channel by lag: of its levels (above) and of its changes (below).

    Parameters
    ----------
    profile : LagProfile
    regions : sequence of str
    channel : {"area", "x", "y"}
    truth : Truth, optional
        Draws the true kernels, scaled to the peak of the curve, where the channel has one.
    """
    c = CHANNELS.index(channel)
    fig, axes = plt.subplots(2, len(regions), figsize=(9, 4.2), sharex=True, squeeze=False)
    for row, by_lag in zip(axes, (profile.values, profile.changes), strict=True):
        for r, (ax, name) in enumerate(zip(row, regions, strict=True)):
            line = by_lag[:, r, c]
            ax.plot(profile.lags, line, color=CHANNEL_COLOURS[channel])
            if truth is not None and name in truth.regions:
                kernel = truth.kernels[truth.regions.tolist().index(name), c]
                if kernel.any():
                    size = np.abs(line).max() / np.abs(kernel).max()
                    ax.plot(truth.lags, kernel * size, color=BLACK, ls="--", lw=1.3)
            _cross(ax)
            ax.set_xlim(profile.lags[0], profile.lags[-1])
    for ax, name in zip(axes[0], regions, strict=True):
        ax.set_title(name)
    axes[0, 0].set_ylabel("attribution per\nunit of level")
    axes[1, 0].set_ylabel("attribution per\nunit of change")
    fig.supxlabel(LAG, fontsize=10)
    return fig


def _cross(ax):
    ax.axvline(0, color=GREY, lw=0.6)
    ax.axhline(0, color=GREY, lw=0.6)


def contributions_in_trial(time, pupil, attributions, regions):
    """What each channel adds to the log rate of each region, bin by bin, over one trial.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds from stimulus.
    pupil : array_like, (bins, 3)
    attributions : array_like, (bins, regions, 3)
    regions : sequence of str
    """
    time, pupil, attributions = map(np.asarray, (time, pupil, attributions))
    if attributions.shape != (len(time), len(regions), 3) or pupil.shape != (len(time), 3):
        raise ValueError(
            f"attributions {attributions.shape} must be (bins, regions, 3) and pupil "
            f"{pupil.shape} (bins, 3)"
        )
    n_rows = 1 + len(regions)
    fig, axes = plt.subplots(n_rows, 1, figsize=(8, 1.2 + 1.3 * n_rows), sharex=True)
    for c, colour in enumerate(COLOURS):
        axes[0].plot(time, standard(pupil[:, c]) - 4 * c, color=colour)
    axes[0].set(ylabel="pupil", yticks=[])
    axes[0].legend(handles=KEY, **BESIDE, title="channel")
    for ax, name, parts in zip(axes[1:], regions, attributions.transpose(1, 2, 0), strict=True):
        for sign in (np.maximum, np.minimum):
            ax.stackplot(time, sign(parts, 0), colors=COLOURS, alpha=0.75, lw=0)
        ax.plot(time, parts.sum(axis=0), color=BLACK, lw=1.2, label="all three")
        ax.set_ylabel(f"{name}\n(log rate)")
    axes[1].legend(**BESIDE)
    stimulus_line(*axes)
    axes[-1].set_xlabel(TIME)
    axes[-1].set_xlim(time[0], time[-1])
    fig.align_ylabels()
    return fig


def lag_correlations(found, regions, truth=None):
    """Correlation of each channel's attribution with what the channel did before and after.

    Parameters
    ----------
    found : LagCorrelation
    regions : sequence of str
    truth : Truth, optional
        Marks the true lag of each channel on the axis.
    """
    fig, panels = region_panels(regions, (9, 3), sharey=True)
    for r, (ax, name, _) in enumerate(panels):
        for c, (channel, colour) in enumerate(CHANNEL_COLOURS.items()):
            ax.plot(found.lags, found.correlation[:, r, c], color=colour, label=channel)
            if truth is not None and name in truth.regions:
                lag = truth.peak_lag[truth.regions.tolist().index(name), c]
                place = (lag, 0.03 + 0.05 * c)
                mark = {"marker": "v", "ms": 8, "color": colour, "clip_on": False}
                ax.plot(*place, transform=ax.get_xaxis_transform(), mec="white", **mark)
        _cross(ax)
        ax.set(xlim=(found.lags[0], found.lags[-1]), ylim=(-1, 1))
        ax.locator_params(axis="x", nbins=5)
    fig.axes[0].set_ylabel("correlation of attribution\nwith the channel")
    fig.axes[-1].legend(**BESIDE)
    fig.supxlabel(LAG, fontsize=10)
    return fig


def shares(methods: dict, regions):
    """Each channel's share according to several methods, one panel per region.

    Parameters
    ----------
    methods : dict of str to array_like (regions, 3)
        Shares; the entry named "truth", if there is one, is drawn in outline.
    regions : sequence of str
    """
    fig, panels = region_panels(regions, (9, 1.3 + 0.42 * len(methods)), sharey=True)
    frame = {"edgecolor": BLACK, "lw": [1.2 if name == "truth" else 0 for name in methods]}
    look = {"stacked": True, "color": COLOURS, "width": 0.7, "legend": False, **frame}
    for r, (ax, _, _) in enumerate(panels):
        widths = [np.maximum(of_method, 0)[r] for of_method in methods.values()]
        pd.DataFrame(widths, list(methods)).plot.barh(**look, ax=ax)
        ax.set(xlim=(0, 1.001), xlabel="share", xticks=[0, 0.5, 1])
        ax.tick_params(axis="y", length=0)
    fig.axes[0].invert_yaxis()
    fig.legend(handles=KEY, loc="outside upper right", ncols=3)
    return fig


def score_and_attribution(regions, scores: dict, attributions: dict):
    """Held-out score of models, and how far each channel moves their predictions.

    Parameters
    ----------
    regions : sequence of str
    scores : dict of str to array_like (regions,)
    attributions : dict of str to array_like (regions, 3)
        SD of each channel's contribution, for the same models.
    """
    fig, axes = plt.subplots(1, 2 * len(scores), figsize=(9, 2.9), sharey=True)
    given = [np.array(list(d.values()), float) for d in (scores, attributions)]
    ends = [[np.nanmin(d), max(np.nanmax(d), 1e-6)] for d in given]
    for i, (model, score) in enumerate(scores.items()):
        left, right = axes[2 * i : 2 * i + 2]
        left.barh(regions, score, 0.6, color=GREY)
        left.set(title=model, xlabel="score")
        sizes = pd.DataFrame(attributions[model], regions)
        sizes.plot.barh(color=COLOURS, width=0.75, legend=False, ax=right)
        right.set(xlabel="contribution\n(SD, log rate)")
        for ax, (low, high) in zip((left, right), ends, strict=True):
            ax.set_xlim(min(low, 0) - 0.05 * high, 1.05 * high)
            ax.axvline(0, color=BLACK, lw=0.8)
    axes[0].set_ylim(len(regions) - 0.5, -0.5)
    axes[-1].legend(handles=KEY, **BESIDE)
    return fig
