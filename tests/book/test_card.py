"""The line under a chapter's title that says what its last run took, and what its page weighs."""

import re

import book_card
import pytest
from build_book import read_cards
from docutils import nodes
from docutils.utils import new_document
from shared import HTML

CARD = {"seconds": 21.4, "memory_mb": 655, "download_mb": 0.0}


def test_the_card_in_words():
    assert book_card.sentence(CARD) == (
        "Measured on two cores: runs in 21 s, needs 0.7 GB of memory and downloads no data. "
        f"The page weighs {book_card.BLANK} MB."
    )
    assert "downloads 1103 MB of data" in book_card.sentence(CARD | {"download_mb": 1103.2})


class App:
    """Of Sphinx, what the extension asks."""

    def __init__(self, outdir):
        self.outdir = outdir
        self.config = type("", (), {"chapter_cards": {"01_a": CARD}})
        self.builder = type("", (), {"format": "html"})


@pytest.mark.parametrize(("page", "cards"), [("book/01_a", 1), ("book/glossary", 0)])
def test_a_chapter_gets_its_card_under_the_title(page, cards, tmp_path):
    document = new_document(page)
    document += nodes.section("", nodes.title("", "A"), nodes.paragraph("", "Text"))
    book_card.add_card(App(tmp_path), document, page)
    (section,) = document.children
    assert len(section) == 2 + cards
    assert ("chapter-card" in section[1]["classes"]) == bool(cards)


def test_the_weight_is_filled_in_when_all_is_written(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "a.png").write_bytes(bytes(700_000))
    picture = '<img alt="a" src="../a.png"/>'
    page = tmp_path / "book" / "01_a.html"
    page.write_text(f'{picture}{picture}<img src="data:image/png,"/>{book_card.sentence(CARD)}')
    book_card.fill_in_weights(App(tmp_path), RuntimeError("the build failed"))
    assert book_card.BLANK in page.read_text()
    book_card.fill_in_weights(App(tmp_path), None)
    assert page.read_text().endswith("The page weighs 0.7 MB.")


@pytest.mark.book
def test_each_chapter_shows_what_it_took(chapter, pages):
    card = read_cards()[chapter]
    (shown,) = pages[HTML / "book" / f"{chapter}.html"].select("p.chapter-card")
    beginning, end = book_card.sentence(card).split(book_card.BLANK)
    assert re.fullmatch(rf"{re.escape(beginning)}\d+\.\d{end}", shown.get_text())
