"""The colours of a figure for dark pages: hues keep their names, greys change places with paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgba

INK, PAPER = 0.91, 0.09
"""Lightness of the lines and of the page in the dark, from 0 (black) to 1."""
ON_DARK = {"#0072b2": "#3b82f6", "#666666": "#bcbcbc"}
"""What becomes of the palette's blue and grey; its other hues are light enough as they are."""
DIVERGING = LinearSegmentedColormap.from_list(
    "blue_dark_red", ["#8cc5f5", "#2f7fc4", "#181c22", "#c4553c", "#f7b09a"]
)
DARK_MAPS = {"RdBu_r": DIVERGING, "RdBu": DIVERGING.reversed()}
"""Colour maps that are white in the middle, and what they become."""
COLOURS = "color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"


def on_dark(colour):
    """What a colour becomes in the dark.

    Parameters
    ----------
    colour : colour as matplotlib knows it, or ndarray of float, (colours, 4)

    Returns
    -------
    tuple of float, (4,), or ndarray of float, (colours, 4)
        Red, green, blue and the same opacity as before, each from 0 to 1.
    """
    if np.ndim(colour) == 2:
        return np.array([on_dark(each) for each in colour]).reshape(-1, 4)
    *rgb, opacity = to_rgba(colour)
    if to_hex(rgb) in ON_DARK:
        return to_rgba(ON_DARK[to_hex(rgb)], opacity)
    if max(rgb) - min(rgb) < 0.05:  # a grey
        rgb = [INK - (INK - PAPER) * value for value in rgb]
    return (*rgb, opacity)


@contextmanager
def dark(fig) -> Iterator[None]:
    """Show a figure in the colours for dark pages while the block runs.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        A figure that has been drawn, so that its ticks exist.
    """
    artists = fig.findobj()
    mapped = [artist for artist in artists if isinstance(artist, ScalarMappable)]
    maps = [(each.set_cmap, each.get_cmap()) for each in mapped if each.get_array() is not None]
    for set_map, old in maps:
        set_map(DARK_MAPS.get(old.name, old))
    colours = [pair for artist in _with_boxes(fig.findobj()) for pair in _colours(artist)]
    for set_colour, old in colours:
        set_colour(on_dark(old))
    for ax in fig.axes:
        readable_numbers(ax)
    try:
        yield
    finally:
        for undo, old in reversed(maps + colours):
            undo(old)


def readable_numbers(ax) -> None:
    """Numbers in the cells of a heat map in black or white, whichever has the higher contrast.

    The contrast is that of WCAG 2.2, and 4.5 at least; seaborn's own choice goes down to 2.3.
    """
    for cells in ax.findobj(QuadMesh):
        n_rows, n_columns = np.subtract(cells.get_coordinates().shape[:2], 1)
        colours = cells.to_rgba(cells.get_array()).reshape(n_rows, n_columns, 4)
        for text in ax.texts:
            column, row = np.floor(text.get_position()).astype(int)
            if 0 <= row < n_rows and 0 <= column < n_columns:
                rgb = colours[row, column, :3]
                linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
                light = linear @ [0.2126, 0.7152, 0.0722] > 0.179
                text.set_color("black" if light else "white")


def _with_boxes(artists) -> list:
    """The artists, and the boxes and arrows that texts do not list among their parts."""
    boxes = [artist.get_bbox_patch() for artist in artists if hasattr(artist, "get_bbox_patch")]
    arrows = [getattr(artist, "arrow_patch", None) for artist in artists]
    return [artist for artist in (*artists, *boxes, *arrows) if artist is not None]


def _colours(artist) -> Iterator[tuple]:
    """How to set each colour of an artist, and the colour that it has."""
    if getattr(artist, "get_array", lambda: None)() is not None:
        return  # its colours are values
    for name in COLOURS:
        get, put = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
        if get is None or put is None:
            continue
        colour = get()
        if not isinstance(colour, str) or colour not in ("none", "auto", "face"):
            yield put, colour
