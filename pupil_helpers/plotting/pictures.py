"""Figures as the book's pages show them: twice, for light and for dark pages, vector or sharp.

The book's extension (``tools/book_figures.py``) moves the pictures into files of their own.
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from .dark import dark

VECTOR = 64_000
"""Bytes. A larger vector picture is kept only if a raster at twice the density is larger still."""
INCH = 96  # CSS pixels
SLIMMER = [
    (re.compile(r"<\?xml.*?(?=<svg)|<!--.*?-->", re.S), ""),
    (re.compile(r' (?:d|x|y)="[^"]*"|translate\([^)]*\)'), lambda part: _shorter(part[0])),
    (re.compile(r'(?<=<g) id="[^"]*"'), ""),
    (re.compile(r"xlink:href"), "href"),
    (re.compile(r' xmlns:xlink="[^"]*"'), ""),
    (re.compile(r">\s+<"), "><"),
]
"""What a drawing can do without, and what stands in its place."""
NAME = re.compile(r'(?<=[\s"(])(id="|#)([\w-]+)(?=[")])')


@dataclass(frozen=True)
class Picture:
    """A figure in the two kinds of colours.

    Attributes
    ----------
    light, dark : str
        The pictures as data addresses, SVG or WebP.
    width, height : int
        CSS pixels.
    """

    light: str
    dark: str
    width: int
    height: int

    @property
    def weight(self) -> int:
        """Bytes of the heavier one; a page fetches either."""
        return max(len(each.split(",")[1]) * 3 // 4 for each in (self.light, self.dark))

    def html(self, more: str = "") -> str:
        """Both pictures; the theme shows the one that suits the page, and only it is fetched."""
        size = f'width="{self.width}" height="{self.height}"'
        return "".join(
            f'<img class="only-{kind} figure" {more} {size} loading="lazy" src="{source}">'
            for kind, source in (("light", self.light), ("dark", self.dark))
        )


def picture(fig: Figure, crop: bool = True) -> Picture:
    """Draw a figure for the page.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure; it stays as it is.
    crop : bool, default True
        Cut off the empty margin. Without, all figures of one size have pictures of one size.

    Returns
    -------
    Picture
    """
    save, kind = vector, "svg+xml"
    light = vector(fig, crop)
    if len(light) > VECTOR and len(sharp := raster(fig, crop)) < len(light):
        save, kind, light = raster, "webp", sharp
    width, height = size(vector(fig, crop) if save is raster else light)
    engine = fig.get_layout_engine()
    with dark(fig):
        fig.set_layout_engine("none")  # everything stands where it should
        black = save(fig, crop)
        fig.set_layout_engine(engine)
    light, black = (
        f"data:image/{kind};base64,{base64.b64encode(each).decode()}" for each in (light, black)
    )
    return Picture(light, black, width, height)


def show_twice() -> None:
    """From now on the notebook shows every figure as a :class:`Picture`."""
    from IPython import get_ipython
    from IPython.display import HTML, display

    def show(fig):
        display(HTML(picture(fig).html()))

    if (shell := get_ipython()) is not None:
        shell.display_formatter.ipython_display_formatter.for_type(Figure, show)


def vector(fig: Figure, crop: bool = True) -> bytes:
    """The figure as SVG without a background, its text as outlines."""
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": "path"}):
        text = _save(fig, crop, format="svg", metadata=nothing).decode()
    return slim(text).encode()


def slim(svg: str) -> str:
    """The same picture in half the bytes: to a hundredth of a point, short names, no comments."""
    for long, short in SLIMMER:
        svg = long.sub(short, svg)
    names = {name: f"i{i}" for i, name in enumerate(re.findall(r' id="([^"]+)"', svg))}
    return NAME.sub(lambda found: found[1] + names.get(found[2], found[2]), svg)


def raster(fig: Figure, crop: bool = True) -> bytes:
    """The figure as lossless WebP without a background, two pixels for each one of the page."""
    return _save(fig, crop, format="webp", dpi=2 * INCH, pil_kwargs={"lossless": True})


def size(svg: bytes) -> tuple[int, int]:
    """Width and height of an SVG in CSS pixels."""
    found = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    return tuple(round(float(points) / 72 * INCH) for points in found.groups())


def _shorter(path: str) -> str:
    """Coordinates with two decimals, and no space around the letters between them."""
    path = re.sub(r"(\.\d\d)\d+", r"\1", path)
    return re.sub(r"\s*([A-Zz])\s*", r"\1", path) if path.startswith(" d=") else path


def _save(fig: Figure, crop: bool, **how) -> bytes:
    file = io.BytesIO()
    fig.savefig(file, transparent=True, bbox_inches="tight" if crop else None, **how)
    return file.getvalue()
