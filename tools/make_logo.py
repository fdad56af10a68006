"""Draw the book's mark: a pupil whose iris is made of spikes, as many as the neurons fire.

    python tools/make_logo.py      writes book/_static/logo.svg, logo-dark.svg and favicon.svg

:func:`card` draws the picture that goes with a page's address when somebody shares it; the book's
build makes one for each page.
"""

from __future__ import annotations

import math
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "book" / "_static"

COLOURS = {  # pupil, its highlight, spikes, and those of the burst
    "light": ("#16323a", "#fdfcf9", "#0a6f80", "#c2541b"),
    "dark": ("#e4eeef", "#16323a", "#5cc3d1", "#f0986a"),
}
PAPER, INK = "#fdfcf9", "#23282f"
SIZE = 64
BURST = 1 / 8  # of a turn: where the neurons fire most, clockwise from above


def spikes(number: int) -> list[tuple[float, float]]:
    """Turn (0 to 1, clockwise from above) and rate (0 to 1) of each tick of the iris."""
    turns = [i / number for i in range(number)]
    return [(turn, math.exp(3 * (math.cos(2 * math.pi * (turn - BURST)) - 1))) for turn in turns]


def tick(turn: float, start: float, end: float) -> str:
    """An SVG path from one radius to another."""
    x, y = math.sin(2 * math.pi * turn), -math.cos(2 * math.pi * turn)
    half = SIZE / 2
    return (
        f"M{half + start * x:.2f} {half + start * y:.2f}L{half + end * x:.2f} {half + end * y:.2f}"
    )


def mark(number: int, width: float) -> str:
    """The drawing, its colours left to classes: ``p``upil, ``h``ighlight, ``s``pikes, ``b``urst."""
    half = SIZE / 2
    ticks = [(rate, tick(turn, 15.5, 19.5 + 10 * rate)) for turn, rate in spikes(number)]
    calm = "".join(path for rate, path in ticks if rate < 0.4)
    burst = "".join(path for rate, path in ticks if rate >= 0.4)
    return (
        f'<g fill="none" stroke-width="{width}" stroke-linecap="round">'
        f'<path class="s" d="{calm}"/><path class="b" d="{burst}"/></g>'
        f'<circle class="p" cx="{half:g}" cy="{half:g}" r="11"/>'
        f'<circle class="h" cx="{half + 3.6:g}" cy="{half - 3.6:g}" r="2.8"/>'
    )


def style(theme: str) -> str:
    pupil, highlight, calm, burst = COLOURS[theme]
    return f".p{{fill:{pupil}}}.h{{fill:{highlight}}}.s{{stroke:{calm}}}.b{{stroke:{burst}}}"


def svg(css: str, number: int = 30, width: float = 2.4) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" '
        f'width="{SIZE}" height="{SIZE}"><style>{css}</style>{mark(number, width)}</svg>\n'
    )


def files() -> dict[str, str]:
    """The mark for light pages, for dark ones, and, coarser, for a browser's tab."""
    follow = f"{style('light')}@media(prefers-color-scheme:dark){{{style('dark')}}}"
    return {
        "logo.svg": svg(style("light")),
        "logo-dark.svg": svg(style("dark")),
        "favicon.svg": svg(follow, number=16, width=4),
    }


def card(title: str, path: Path) -> None:
    """Draw the picture of a page for social media, 1200 × 630 pixels: the mark and the title."""
    import textwrap

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    pupil, highlight, calm, burst = COLOURS["light"]
    axes = figure.add_axes([0.02, 0.12, 0.4, 0.76], xlim=(-32, 32), ylim=(-32, 32), aspect=1)
    axes.axis("off")
    for turn, rate in spikes(30):
        x, y = math.sin(2 * math.pi * turn), math.cos(2 * math.pi * turn)
        axes.plot(
            [15.5 * x, (19.5 + 10 * rate) * x],
            [15.5 * y, (19.5 + 10 * rate) * y],
            color=burst if rate >= 0.4 else calm,
            lw=12,
            solid_capstyle="round",
        )
    axes.add_patch(Circle((0, 0), 11, color=pupil))
    axes.add_patch(Circle((3.6, 3.6), 2.8, color=highlight))
    lines = textwrap.wrap(title, 17)
    figure.text(
        0.43, 0.53, "\n".join(lines), color=INK, family="DejaVu Serif", va="center",
        size=52 if len(lines) < 4 else 40, linespacing=1.25,
    )  # fmt: skip
    figure.text(0.43, 0.1, "PupilEncoder: from a mouse's pupil to its neurons", color=calm, size=19)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    for name, text in files().items():
        (STATIC / name).write_text(text, "utf-8")
        print(f"book/_static/{name}: {len(text) / 1000:.1f} kB")


if __name__ == "__main__":
    main()
