"""A line under the title of each chapter: what it took when the build last ran it.

A Sphinx extension; ``build_book.py`` measures. What a page weighs is known only when all its
pictures are written, so that number is filled in at the end.
"""

from __future__ import annotations

import re
from pathlib import Path

from build_book import read_cards
from docutils import nodes

BLANK = "{page weight}"
PICTURE = re.compile(r'<img[^>]*?\ssrc="(?!data:|https?:)([^"]+)"')


def sentence(card: dict) -> str:
    """The card of a chapter in words; the weight of its page is left blank."""
    data = f"{card['download_mb']:.0f} MB of data" if card["download_mb"] else "no data"
    return (
        f"Measured on two cores: runs in {card['seconds']:.0f} s, needs "
        f"{card['memory_mb'] / 1000:.1f} GB of memory and downloads {data}. "
        f"The page weighs {BLANK} MB."
    )


def add_card(app, doctree, page):
    """Put the card under the title of a chapter that has one."""
    card = app.config.chapter_cards.get(Path(page).name)
    if card:
        title = next(doctree.findall(nodes.title))
        title.parent.insert(1, nodes.paragraph("", sentence(card), classes=["chapter-card"]))


def weight(page: Path) -> int:
    """Bytes of a written page and of the pictures it shows, each counted once."""
    names = set(PICTURE.findall(page.read_text("utf-8")))
    return sum(path.stat().st_size for path in (page, *(page.parent / name for name in names)))


def fill_in_weights(app, error):
    """Write into each new page what it weighs."""
    if error is not None or app.builder.format != "html":
        return
    for name in app.config.chapter_cards:
        page = Path(app.outdir) / "book" / f"{name}.html"
        if page.exists() and BLANK in (text := page.read_text("utf-8")):
            page.write_text(text.replace(BLANK, f"{weight(page) / 1e6:.1f}"), "utf-8")


def setup(app):
    app.add_config_value("chapter_cards", read_cards(), "html")  # a change rewrites the pages
    app.connect("doctree-resolved", add_card)
    app.connect("build-finished", fill_in_weights)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
