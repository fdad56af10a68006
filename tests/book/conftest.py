"""Fixtures: each chapter as a notebook, the built pages as trees, and a browser to visit them."""

import os
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from chapters import notebook_path
from shared import CHAPTERS, HTML


def give_up(why: str, unless: str = "REQUIRE_BOOK") -> None:
    """Skip a test of the built book; fail it where what it needs is required."""
    (pytest.fail if os.environ.get(unless) else pytest.skip)(why)


def need_book() -> None:
    if not (HTML / "index.html").exists():
        give_up("there is no built book in _build/html: `make book` or `make test` builds it")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def serve(folder: Path):
    """Serve a folder on a free port of this machine while the block runs; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def serving():
    """The function :func:`serve`."""
    return serve


@pytest.fixture(params=CHAPTERS)
def chapter(request):
    return request.param


@pytest.fixture
def notebook(chapter):
    return nbformat.read(notebook_path(chapter), as_version=4)


@pytest.fixture(scope="session")
def pages() -> dict[Path, BeautifulSoup]:
    """Every page of the built book, parsed."""
    need_book()
    files = [path for path in HTML.rglob("*.html") if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in files}


@pytest.fixture(scope="session")
def site():
    """Address of the built book, served on a free port: ``f"{site}/book/01_eda.html"``."""
    need_book()
    with serve(HTML) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, by playwright; one for all tests of a process."""
    path = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if path is None:
        give_up("there is no Chromium on the path: install the system's package", "REQUIRE_BROWSER")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Open an address at a width, in a colour scheme, with or without script; the page."""
    contexts = []

    def visit(address, width=1280, scheme="light", script=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(address, wait_until="load")
        return page

    yield visit
    for context in contexts:
        context.close()
