"""Figures of the book, one module per chapter; :mod:`.style` has the palette.

Every function that is named after a figure returns it, and shows what was computed elsewhere.
"""

from .panels import region_lines
from .style import CHANNEL_COLOURS, PALETTE, region_colour, region_palette, use_style

__all__ = [
    "CHANNEL_COLOURS", "PALETTE", "region_colour", "region_lines", "region_palette", "use_style",
]  # fmt: skip
