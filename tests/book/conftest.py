"""What the tests of the book share: the chapters as notebooks, and the built pages as trees."""

import os
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from chapters import ROOT, chapter_names, notebook_path

HTML = ROOT / "_build" / "html"
CHAPTERS = chapter_names()


@pytest.fixture(params=CHAPTERS)
def chapter(request):
    return request.param


@pytest.fixture
def notebook(chapter):
    return nbformat.read(notebook_path(chapter), as_version=4)


@pytest.fixture(scope="session")
def pages() -> dict[Path, BeautifulSoup]:
    """Every page of the built book, parsed."""
    if not (HTML / "index.html").exists():
        if os.environ.get("REQUIRE_BOOK"):
            pytest.fail("there is no built book in _build/html: run `make book` first")
        pytest.skip("there is no built book in _build/html: `make test` builds it first")
    files = [path for path in HTML.rglob("*.html") if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in files}


def setup_cell(notebook) -> str:
    """The source of the one cell that installs what Colab lacks."""
    (cell,) = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    return cell.source
