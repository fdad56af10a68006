"""One page of pictures that shows whether a recording is what its owner thinks it is."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from ..session import CHANNELS, Session
from .style import CHANNEL_COLOURS, region_colour, stimulus_line

TIME = "time from the event (s)"
SHOWN = 6  # regions; the largest


def recording_page(session: Session):
    """Pupil, gaze, coverage, one trial's spikes and every region's PSTH; returns the figure.

    Parameters
    ----------
    session : Session
        The six largest of its regions are shown.
    """
    names = list(session.region_table().index[:SHOWN])
    fig = plt.figure(figsize=(8.3, 11.7), layout="constrained")
    fig.suptitle(session.name)
    grid = fig.add_gridspec(4, 2, height_ratios=[1.1, 0.9, 1.5, 1])
    _area(fig, fig.add_subplot(grid[0, 0]), session)
    _gaze(fig.add_subplot(grid[0, 1]), session)
    _pupil_coverage(fig.add_subplot(grid[1, 0]), session)
    _spike_coverage(fig.add_subplot(grid[1, 1]), session, names)
    _raster(fig.add_subplot(grid[2, :]), session, names)
    _psths(fig.add_subplot(grid[3, :]), session, names)
    return fig


def _area(fig, ax, session) -> None:
    ax.set(title="pupil area", xlabel=TIME, ylabel="trial")
    area = session.pupil[..., 0]
    if np.isnan(area).all():
        return _nothing(ax, "not recorded")
    low, high = np.nanquantile(area, [0.01, 0.99])
    edges = (session.time[0], session.time[-1], session.n_trials, 0)
    image = ax.imshow(
        area, aspect="auto", extent=edges, vmin=low, vmax=high, cmap="magma",
        interpolation="nearest",
    )  # fmt: skip
    stimulus_line(ax)
    fig.colorbar(image, ax=ax, label="area (a.u.)")


def _gaze(ax, session) -> None:
    ax.set(title="gaze", xlabel="x (units of the file)", ylabel="y (units of the file)")
    xy = session.pupil[..., 1:].reshape(-1, 2)
    xy = xy[~np.isnan(xy).any(axis=1)]
    if not len(xy):
        return _nothing(ax, "not recorded")
    low, high = np.quantile(xy, [0.001, 0.999], axis=0)
    xy = xy[((xy >= low) & (xy <= high)).all(axis=1)]
    ax.hexbin(*xy.T, gridsize=40, bins="log", cmap="Greys", rasterized=True)


def _pupil_coverage(ax, session) -> None:
    seen = 1 - session.missing.mean(axis=1)  # (trials, 3)
    for channel, name in enumerate(CHANNELS):
        ax.plot(seen[:, channel], color=CHANNEL_COLOURS[name], label=name, lw=1)
    ax.set(title="pupil samples seen", xlabel="trial", ylabel="share", ylim=(-0.05, 1.05))
    ax.legend(loc="lower left", ncols=3, fontsize=8)


def _spike_coverage(ax, session, names) -> None:
    for i, name in enumerate(names):
        own = session.spikes[..., session.regions == name]
        rate = own.mean(axis=(1, 2)) / session.bin_size  # (trials,)
        ax.plot(rate, color=region_colour(name, i), lw=1)
    ax.set(title="spikes", xlabel="trial", ylabel="spikes/s per neuron", ylim=(0, None))


def _raster(ax, session, names) -> None:
    trial, bottom = session.n_trials // 2, 0
    for i, name in enumerate(names):
        own = session.spikes[trial][:, session.regions == name]  # (bins, neurons)
        bins, neurons = np.nonzero(own)
        colour = region_colour(name, i)
        ax.plot(session.time[bins], bottom + neurons, "|", ms=2.5, mew=0.7, color=colour)
        at = (1.01, bottom + own.shape[1] / 2)
        place = ("axes fraction", "data")
        ax.annotate(name, at, xycoords=place, va="center", color=colour, weight="bold")
        bottom += own.shape[1]
    ax.set(
        title=f"spikes of trial {trial}", xlabel=TIME, ylabel="neuron", ylim=(bottom, -1),
        xlim=(session.time[0], session.time[-1]),
    )  # fmt: skip
    stimulus_line(ax)


def _psths(ax, session, names) -> None:
    width = max(1, round(0.05 / session.bin_size))
    kernel = np.ones(min(width, session.n_bins))
    for i, name in enumerate(names):
        own = session.spikes[..., session.regions == name].mean(axis=(0, 2)) / session.bin_size
        smooth = np.convolve(own, kernel, "same") / np.convolve(np.ones_like(own), kernel, "same")
        ax.plot(session.time, smooth, color=region_colour(name, i), label=name)
    ax.set(title="PSTHs, over 50 ms", xlabel=TIME, ylabel="spikes/s per neuron", ylim=(0, None))
    ax.legend(loc="upper right", ncols=3, fontsize=8)
    stimulus_line(ax)


def _nothing(ax, why: str) -> None:
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center")
