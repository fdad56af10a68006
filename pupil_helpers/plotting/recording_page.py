"""One page of pictures that shows whether a recording is what its owner thinks it is."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ..session import Session
from .panels import area_map, raster, region_lines
from .style import CHANNEL_COLOURS, stimulus_line

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
    look = {"figsize": (8.3, 11.7), "layout": "constrained", "height_ratios": [1.1, 0.9, 1.5, 1]}
    fig, axes = plt.subplot_mosaic("ag;cs;rr;pp", **look)
    fig.suptitle(session.name)
    _area(fig, axes["a"], session)
    _gaze(axes["g"], session)
    _pupil_coverage(axes["c"], session)
    _spike_coverage(axes["s"], session, names)
    _raster(axes["r"], session, names)
    _psths(axes["p"], session, names)
    return fig


def _area(fig, ax, session) -> None:
    ax.set(title="pupil area", xlabel=TIME, ylabel="trial")
    if np.isnan(session.pupil[..., 0]).all():
        return _nothing(ax, "not recorded")
    area_map(fig, ax, session)
    stimulus_line(ax)


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
    for line, (name, colour) in zip(seen.T, CHANNEL_COLOURS.items(), strict=True):
        ax.plot(line, color=colour, lw=1, label=name)
    ax.set(title="pupil samples seen", xlabel="trial", ylabel="share", ylim=(-0.05, 1.05))
    ax.legend(loc="lower left", ncols=3, fontsize=8)


def _spike_coverage(ax, session, names) -> None:
    rates = [_rate(session, name, axis=1) for name in names]
    region_lines(np.arange(session.n_trials), np.transpose(rates), names, ax=ax)
    ax.set(title="spikes", xlabel="trial", ylabel="spikes/s per neuron", ylim=(0, None))


def _raster(ax, session, names) -> None:
    trial = session.n_trials // 2
    raster(ax, session.time, session.spikes[trial], session.regions, names, size=2.5)
    ends = session.time[[0, -1]]
    ax.set(title=f"spikes of trial {trial}", xlabel=TIME, xlim=ends)
    stimulus_line(ax)


def _psths(ax, session, names) -> None:
    width = max(1, round(0.05 / session.bin_size))
    rates = pd.DataFrame({name: _rate(session, name, axis=0) for name in names})
    smooth = rates.rolling(width, center=True, min_periods=1).mean()
    region_lines(session.time, smooth, names, ax=ax)
    ax.set(title="PSTHs, over 50 ms", xlabel=TIME, ylabel="spikes/s per neuron", ylim=(0, None))
    ax.legend(loc="upper right", ncols=3, fontsize=8)
    stimulus_line(ax)


def _rate(session, name, axis):
    """Mean over the neurons of a region and over trials (0) or bins (1), spikes/s."""
    own = session.spikes[..., session.regions == name]
    return own.mean(axis=(axis, 2)) / session.bin_size


def _nothing(ax, why: str) -> None:
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center")
