"""Fixtures: each chapter as a notebook, and the built pages as trees."""

import os
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from chapters import notebook_path
from shared import CHAPTERS, HTML


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
