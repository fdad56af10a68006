"""Pieces that the figures of several chapters share: rows of panels, named lines, intervals."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .style import CHANNEL_COLOURS, PALETTE, region_colour, region_palette

BLACK, GREY = PALETTE["black"], PALETTE["grey"]
TIME = "time from stimulus (s)"
RATE = "rate (spikes/s\nper neuron)"


def region_panels(regions, size, **more):
    """A row of axes, one per region, each titled in the colour of its region.

    Parameters
    ----------
    regions : sequence of str
    size : tuple of float
        Inches.
    **more
        For ``plt.subplots``.

    Returns
    -------
    fig : matplotlib.figure.Figure
    panels : list of tuple
        Axes, region and colour of each panel.
    """
    fig, axes = plt.subplots(1, len(regions), figsize=size, squeeze=False, **more)
    panels = list(zip(axes[0], region_palette(regions).items(), strict=True))
    for ax, (name, colour) in panels:
        ax.set_title(name, color=colour)
    return fig, [(ax, name, colour) for ax, (name, colour) in panels]


def region_lines(x, values, regions, marked=None, style="-", ax=None):
    """A line for each region in its colour, with a dot where ``marked`` says; returns the axes.

    Parameters
    ----------
    x : array_like, (points,)
    values : array_like, (points, regions)
    regions : sequence of str
    marked : array_like, (regions,), optional
        Places on the x axis.
    style : str, default "-"
    ax : matplotlib.axes.Axes, optional
        By default those of a new figure.
    """
    ax = plt.subplots()[1] if ax is None else ax
    for i, (line, name) in enumerate(zip(np.asarray(values).T, regions, strict=True)):
        colour = region_colour(name, i)
        ax.plot(x, line, style, color=colour, label=name)
        if marked is not None:
            ax.plot(marked[i], np.interp(marked[i], x, line), "o", color=colour)
    return ax


def interval(ax, place, middle, low, high, colour, vertical=False) -> None:
    """A dot with the interval around it; ``place`` is its row, or its column if ``vertical``."""
    ends, dot = ([place, place], [low, high]), (place, middle)
    ax.plot(*(ends if vertical else ends[::-1]), lw=2, color=colour, solid_capstyle="butt")
    ax.plot(*(dot if vertical else dot[::-1]), "o", ms=5, color=colour)


def log_ticks(ax, ticks, **look) -> None:
    """A logarithmic x axis with plain numbers at these places and nowhere else."""
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], **look)
    ax.minorticks_off()


def legend_above(fig, *axes, where="outside upper right", **look) -> None:
    """One legend over the figure, for the axes given; as many columns as it has entries."""
    drawn = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    handles, labels = zip(*drawn, strict=True)
    fig.legend(handles, labels, loc=where, **{"ncols": len(labels), **look})


def raster(ax, time, spikes, places, regions, size=3.2) -> None:
    """Every spike of one trial, a row per neuron, the regions from top to bottom.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds.
    spikes : array_like of int, (bins, neurons)
    places : array_like of str, (neurons,)
        Region of each neuron.
    regions : sequence of str
        Those to show; their names stand beside their neurons.
    size : float, default 3.2
        Height of a tick, in points.
    """
    bottom = 0
    for i, name in enumerate(regions):
        own, colour = spikes[:, places == name], region_colour(name, i)
        bins, neurons = np.nonzero(own)
        ax.plot(time[bins], bottom + neurons, "|", ms=size, mew=0.28 * size, color=colour)
        name_beside(ax, name, bottom + own.shape[1] / 2, colour, "data")
        bottom += own.shape[1]
    ax.set(ylim=(bottom, -1), ylabel="neuron")


def name_beside(ax, name, y, colour, vertical="axes fraction") -> None:
    """A name in its colour to the right of the axes, at height ``y``."""
    at = ("axes fraction", vertical)
    ax.annotate(name, (1.01, y), xycoords=at, va="center", color=colour, weight="bold")


def gaze(ax, time, x, y, unit="pixels") -> None:
    """Both coordinates of the eye, with a legend in the corner."""
    for name, line in (("x", x), ("y", y)):
        ax.plot(time, line, color=CHANNEL_COLOURS[name], label=name)
    ax.set_ylabel(f"position\n({unit})")
    legend_in_corner(ax)


def legend_in_corner(ax) -> None:
    """A legend in one row on the upper edge of the axes, to the right."""
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=9, borderpad=0)


def missing(ax, time, gone) -> None:
    """Bands where samples are missing.

    Parameters
    ----------
    time : array_like, (bins,)
        Seconds.
    gone : array_like of bool, (bins,)
    """
    time = np.asarray(time)
    half = (time[1] - time[0]) / 2
    for when in time[gone]:
        ax.axvspan(when - half, when + half, color=GREY, alpha=0.25, lw=0)


def area_map(fig, ax, session, beside=None) -> None:
    """Pupil area of every trial as a picture; its colour bar stands ``beside`` other axes."""
    area = session.pupil[..., 0]  # (trials, bins)
    low, high = np.nanquantile(area, [0.01, 0.99])
    edges = (session.time[0], session.time[-1], session.n_trials, 0)
    image = ax.imshow(
        area, aspect="auto", extent=edges, vmin=low, vmax=high, cmap="magma",
        interpolation="nearest",
    )  # fmt: skip
    ax.set_ylabel("trial")
    fig.colorbar(image, ax=beside or ax, label="area (a.u.)")


def diverging(ax, values, x, size: float):
    """A picture that is white at 0, with rows downwards; the image, for a colour bar.

    Parameters
    ----------
    values : array_like, (rows, columns)
    x : tuple of float
        Where the first column begins and the last one ends.
    size : float
        The value of the strongest colour.
    """
    extent = (*x, len(values) - 0.5, -0.5)
    return ax.imshow(values, cmap="RdBu_r", vmin=-size, vmax=size, extent=extent, aspect="auto")


def standard(values):
    """In units of the spread, around the mean; all 0 where nothing moves."""
    values = np.asarray(values, dtype=float)
    return (values - np.nanmean(values)) / max(np.nanstd(values), 1e-9)


def same_length(**named) -> list[np.ndarray]:
    """Everything as arrays; an error names what is not as long as the first."""
    arrays = {name: np.asarray(values) for name, values in named.items()}
    first, *_ = arrays
    for name, array in arrays.items():
        if array.shape[:1] != arrays[first].shape[:1]:
            raise ValueError(
                f"{name!r} has {len(array)} values, but there are {len(arrays[first])} of {first!r}"
            )
    return list(arrays.values())
