"""One look for every figure: a colour-blind-safe palette, units on axes, light and dark.

Figures are drawn in the colours for light pages; :mod:`.dark` makes the others from them.
"""

from __future__ import annotations

import os
import warnings

import matplotlib as mpl

# Okabe & Ito's colours, told apart with every common form of colour blindness.
PALETTE = {
    "black": "#222222",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#666666",
}

CHANNEL_COLOURS = {
    "area": PALETTE["vermilion"],
    "x": PALETTE["blue"],
    "y": PALETTE["sky"],
}

CYCLE = [PALETTE[c] for c in ("blue", "vermilion", "green", "orange", "purple", "sky", "grey")]

REGION_COLOURS = dict(zip(("SCs", "SCm", "LGd", "MRN", "CA1", "VISam"), CYCLE, strict=False))


def region_colour(region: str, index: int = 0) -> str:
    """Colour of a region: fixed for the simulated ones, by ``index`` for others."""
    return REGION_COLOURS.get(region, CYCLE[index % len(CYCLE)])


def region_palette(regions) -> dict[str, str]:
    """The colour of each region, for seaborn's ``palette``."""
    return {region: region_colour(region, i) for i, region in enumerate(regions)}


def use_style() -> None:
    """Set matplotlib's defaults for the book; call it once per notebook."""
    mpl.rcParams.update(
        {
            "figure.figsize": (8, 3.5),
            "figure.dpi": 110,
            "figure.facecolor": "#FDFDFB",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "#FDFDFB",
            "axes.facecolor": "#FDFDFB",
            "axes.prop_cycle": mpl.cycler(color=CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "font.size": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.5,
        }
    )
    # Seaborn's grids lay themselves out; matplotlib would warn of it on the page.
    warnings.filterwarnings("ignore", message="The figure layout has changed to tight")
    if os.environ.get("PUPIL_HELPERS_BOOK"):  # the book is being built: see tools/build_book.py
        from .pictures import show_twice

        show_twice()


def stimulus_line(*axes) -> None:
    """Mark stimulus onset at 0 s."""
    for ax in axes:
        ax.axvline(0, color=PALETTE["grey"], lw=0.8, ls=":", zorder=0)
