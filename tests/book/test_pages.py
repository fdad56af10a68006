"""The book as it was built: figures, links, and nothing from other machines."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from chapters import ROOT
from jupyter_cache import get_cache
from shared import HTML

pytestmark = pytest.mark.book


@pytest.fixture
def page(chapter, pages):
    return pages[HTML / "book" / f"{chapter}.html"]


def alt_problem(image) -> str | None:
    """Why the alternative text of a figure does not help somebody who cannot see it."""
    alt = (image.get("alt") or "").strip()
    if not alt or re.fullmatch(r"[\w./-]*[0-9a-f]{16,}[\w.]*", alt):
        return "has no alt text"
    return f"has a very short alt text ({alt!r})" if len(alt) < 25 else None


def broken_links(path: Path, pages) -> list[str]:
    """Internal links and files of a page that lead nowhere."""
    broken, places = [], {}
    for tag in pages[path].find_all(["a", "img", "script", "link"]):
        target = tag.get("href") or tag.get("src") or ""
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or not target or target == "#":
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not file.exists():
            broken.append(target)
        elif parts.fragment and file in pages:
            wanted = unquote(parts.fragment)
            if file not in places:  # read once: there are hundreds of links to some pages
                places[file] = {tag["id"] for tag in pages[file].find_all(id=True)}
            if wanted not in places[file] and "searchbox" not in wanted:
                broken.append(target)
    return broken


def outside_files(page: BeautifulSoup) -> list[str]:
    """Scripts, styles, pictures and frames that a page would fetch from another machine."""
    tags = page.find_all(["script", "img", "iframe", "source"]) + page.find_all(
        "link", rel=["stylesheet", "preload", "icon"]
    )
    addresses = [tag.get("src") or tag.get("href") or "" for tag in tags]
    return [address for address in addresses if urlsplit(address).netloc]


def test_chapter_that_ran_is_the_chapter_on_disk(notebook, pages):
    """The build ran these very cells to the end: an error would have left no cached result."""
    get_cache(str(ROOT / "_build" / ".jupyter_cache")).match_cache_notebook(
        nbformat.from_dict(notebook)
    )


def test_output_is_free_of_errors_and_warnings(page):
    for kind in ("stderr", "traceback"):
        found = page.select(f".cell_output .{kind}")
        assert not found, f"{kind}: {found[0].get_text()[:300]}"


def test_chapter_shows_a_figure(page):
    assert page.select(".cell_output img")


def test_every_picture_has_alt_text(pages):
    for path in HTML.glob("book/*.html"):
        for image in pages[path].select("article img"):
            problem = alt_problem(image)
            assert problem is None, (
                f"{path.name}: {image['src']} {problem}: "
                'in a chapter, set mystnb={"image": {"alt": "…"}} on the cell'
            )


def test_internal_links_resolve(pages):
    broken = {path.name: links for path in pages if (links := broken_links(path, pages))}
    assert not broken


def test_pages_work_offline(pages):
    fetched = {path.name: found for path in pages if (found := outside_files(pages[path]))}
    assert not fetched


def test_no_output_needs_a_widget_manager(pages):
    for path, page in pages.items():
        assert not page.find("script", type=re.compile("jupyter.widget")), path.name


def test_hints_are_folded_and_complete(page):
    """Markdown inside <details> was rendered, and every one is closed."""
    assert page.select("details > summary")
    for details in page.select("article details"):
        if details.summary and details.summary.get_text() in ("Hint 1", "Hint 2", "Solution"):
            assert details.get_text(strip=True) != details.summary.get_text(strip=True)
            assert not details.find(["h2", "h3"]), "a <details> swallowed the next section"


# -- the checks above can fail ----------------------------------------------------------------


def test_bad_alt_text_is_noticed():
    for alt in ("", "_build/jupyter_execute/443ecb2d5621c2fc564cb8805e0a3b5b.png", "figure"):
        assert alt_problem({"alt": alt})
    assert alt_problem({"alt": "Pupil area rises slowly for a second after the stimulus."}) is None


def test_broken_links_are_noticed(tmp_path):
    html = '<p id="here"><a href="#here"></a><a href="#gone"></a><img src="gone.png"></p>'
    path = tmp_path / "page.html"
    path.write_text(html)
    assert broken_links(path, {path: BeautifulSoup(html, "html.parser")}) == ["#gone", "gone.png"]


def test_files_from_elsewhere_are_noticed():
    html = '<script src="https://cdn.example/x.js"></script><script src="_static/x.js"></script>'
    assert outside_files(BeautifulSoup(html, "html.parser")) == ["https://cdn.example/x.js"]
