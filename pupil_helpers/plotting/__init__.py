"""Figures of the book, one module per chapter; :mod:`.style` has the palette."""

from .style import CHANNEL_COLOURS, CYCLE, PALETTE, region_colour, stimulus_line, use_style

__all__ = ["CHANNEL_COLOURS", "CYCLE", "PALETTE", "region_colour", "stimulus_line", "use_style"]
