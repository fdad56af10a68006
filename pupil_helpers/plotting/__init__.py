"""Figures of the book, one module per chapter; :mod:`.style` has the palette."""

from .panels import region_lines
from .style import (
    CHANNEL_COLOURS,
    CYCLE,
    PALETTE,
    region_colour,
    region_palette,
    stimulus_line,
    use_style,
)

__all__ = [
    "CHANNEL_COLOURS",
    "CYCLE",
    "PALETTE",
    "region_colour",
    "region_lines",
    "region_palette",
    "stimulus_line",
    "use_style",
]
