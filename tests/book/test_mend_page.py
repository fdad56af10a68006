"""What is put right in the theme's pages."""

import mend_page
import pytest
from bs4 import BeautifulSoup
from make_logo import card

THEBE = '<script>const THEBE_JS_URL = "https://unpkg.com/thebe"</script>'
TOGGLE = "<script>var togglebuttonSelector = '.toggle';</script>"
HEAD = '<link href="a.css" rel="stylesheet"><link href="01.html" rel="next">'


def mended(body="", head=""):
    html = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
    return BeautifulSoup(mend_page.mend(html), "html.parser")


def test_a_page_stays_what_it_is():
    script = '<script type="application/json">{"a":1}</script>'
    body = "<pre>a  b\n  &lt;c&gt;</pre><p>x &amp; y</p>" + script
    assert body in str(mended(body))


def test_what_no_element_needs_is_left_out():
    page = mended(head=HEAD + 2 * THEBE + 2 * TOGGLE)
    assert not page.find_all("script")
    assert [link["href"] for link in page("link")] == ["a.css", "01.html"]


def test_what_an_element_needs_stays_once():
    page = mended('<div class="toggle">More</div>', 2 * THEBE + 2 * TOGGLE)
    assert [script.string for script in page("script")] == [TOGGLE[8:-9]]


def test_links_in_the_text_are_no_assets():
    body = '<a href="https://example.org/mathjax">MathJax</a>' * 2
    assert len(mended(body)("a")) == 2


def test_scripts_wait_for_the_page():
    head = "".join(f'<script src="{n}.js"></script>' for n in ("documentation_options", "doctools"))
    options, doctools = mended(head=head)("script")
    assert not options.has_attr("defer")
    assert doctools.has_attr("defer")


def test_mode_is_never_empty():
    script = 'document.documentElement.dataset.theme = localStorage.getItem("theme") || "";'
    page = mended(head=f"<script>{script}</script>")
    assert page.html["data-theme"] == "light"
    assert "prefers-color-scheme" in page.script.string


def test_console_is_left_alone():
    script = 'let a=1;console.log("[PST]: a"),b();console.log(`x ${a}`);console.error("kept")'
    assert mend_page.without_logs(script) == 'let a=1;void 0,b();void 0;console.error("kept")'


@pytest.mark.parametrize("tag", ["i", "span"])
@pytest.mark.parametrize(
    "classes", ["fa-solid fa-sun fa-lg", "fas fa-rocket", "fab fa-github", "fas fa-pencil-alt"]
)
def test_icons_are_drawn(classes, tag):
    svg = mended(f'<{tag} class="{classes}" data-mode="light"></{tag}>').svg
    assert svg["class"] == ["svg-inline--fa", *classes.split()]
    assert svg["data-mode"] == "light"
    assert svg["aria-hidden"] == "true"
    assert svg.path["d"].startswith("M")


def test_words_in_italics_are_no_icons():
    assert str(mended("<i>E. coli</i>").i) == "<i>E. coli</i>"


def test_empty_headers_become_cells():
    page = mended("<table><tr><th></th><th>rate</th></tr></table>")
    assert [cell.name for cell in page.tr] == ["td", "th"]


def test_bibliography_is_a_list_of_items():
    page = mended(
        '<div class="citation-list" role="list"><div class="citation" role="doc-biblioentry">'
        "</div></div>"
    )
    assert page.select_one(".citation")["role"] == "listitem"


def test_card_has_the_size_that_is_announced(tmp_path):
    from PIL import Image

    card("A title so long that it takes several lines to say all it has to say", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1200, 630)


def test_the_keyboard_reaches_a_formula_that_scrolls():
    frame = mended(r'<div class="math notranslate"><span>\[x\]</span></div>').select_one(".math")
    assert frame["tabindex"] == "0"
