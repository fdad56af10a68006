"""The book as a person meets it: quiet, fast, in its own colours, and shown well by others."""

import re
from urllib.parse import urlsplit

import front_stamp
import make_logo
import pytest
from bs4 import BeautifulSoup
from chapters import ROOT
from PIL import Image
from shared import BUILT, HTML

STYLE = (ROOT / "book" / "_static" / "pupilencoder.css").read_text("utf-8")
SLIDES = (ROOT / "book" / "_static" / "slides.css").read_text("utf-8")
BASE = re.search(r"baseurl: (\S+)", (ROOT / "_config.yml").read_text("utf-8"))[1]
HEAVIEST = 2_000_000  # bytes of a chapter as it opens, nothing compressed
OPENED = """async () => {
  await window.MathJax?.startup.promise;
  const count = what => document.querySelectorAll(what).length;
  const fetched = performance.getEntries().filter(each => each.encodedBodySize);
  return [
    fetched.reduce((sum, each) => sum + each.encodedBodySize, 0),
    [count(".math"), 0],
    [count(".math mjx-container mjx-assistive-mml"), count("mjx-merror")],
  ];
}"""
SETTLED = 600  # milliseconds until the scripts of a page have run


def watch(browser, address, width, scheme):
    """Visit a page; what its console said, what it could not get, and its width in excess."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    said = []
    context.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    context.on("weberror", lambda error: said.append(f"error: {error.error}"))
    context.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    context.on("response", lambda got: got.status < 400 or said.append(f"{got.status}: {got.url}"))
    home = urlsplit(address).netloc
    context.on(
        "request",
        lambda request: (
            urlsplit(request.url).netloc in (home, "") or said.append(f"outside: {request.url}")
        ),
    )
    page = context.new_page()
    page.goto(address, wait_until="load")
    page.wait_for_timeout(SETTLED)
    root = "document.documentElement"
    excess = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
    theme = page.evaluate(f"{root}.dataset.theme")
    context.close()
    return said, excess, theme


@pytest.mark.book
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", BUILT)
def test_page_is_quiet_and_fits_its_window(name, width, scheme, browser, site):
    said, excess, theme = watch(browser, f"{site}/{name}", width, scheme)
    assert said == []
    assert excess <= 0, f"{excess} px too wide"
    assert theme in (scheme, None)  # a page without the theme follows the browser by itself


@pytest.mark.book
def test_a_chapter_is_light_and_its_formulas_are_typeset(chapter, visit, site):
    weight, formulas, typeset = visit(f"{site}/book/{chapter}.html").evaluate(OPENED)
    assert weight > (HTML / "book" / f"{chapter}.html").stat().st_size  # scripts and styles as well
    assert weight < HEAVIEST
    assert typeset == formulas


@pytest.mark.book
def test_the_address_of_the_site_leads_to_the_front_page(browser, site):
    said, _, theme = watch(browser, f"{site}/", 1280, "light")
    assert said == []
    assert theme == "light"  # set by the theme: the front page was reached


def test_noise_is_noticed(browser, serving, tmp_path):
    (tmp_path / "page.html").write_text(
        '<div style="width: 900px">wide</div><img src="gone.png"><script>let a; let a;</script>'
        '<img src="http://elsewhere.invalid/x.png">'
    )
    with serving(tmp_path) as address:
        said, excess, _ = watch(browser, f"{address}/page.html", 390, "light")
    text = "\n".join(said)
    for noise in ("already been declared", "404: ", "gone.png", "outside: http://elsewhere"):
        assert noise in text
    assert excess > 0


@pytest.mark.book
def test_front_page_has_a_figure_to_move_above_the_fold(visit, site):
    page = visit(f"{site}/book/index.html")
    figure = page.locator("figure.explore").first
    box = figure.locator("img:visible").bounding_box()
    assert box["y"] + box["height"] < 900
    figure.locator("select").focus()
    before = figure.locator("img:visible").get_attribute("alt")
    page.keyboard.press("ArrowDown")
    assert figure.locator("img:visible").get_attribute("alt") != before


def test_front_figure_was_made_by_the_code_as_it_is():
    text = (ROOT / "book" / "front.html").read_text("utf-8")
    assert text.endswith(f"{front_stamp.stamp()}\n"), "run tools/make_front.py (half a minute)"
    for source in re.findall(r'src="\.\./(_static/front/[^"]+)"', text):
        assert (ROOT / "book" / source).is_file(), source


def test_a_stamp_changes_with_every_source(monkeypatch):
    seen = {front_stamp.stamp()}
    for folder, names in front_stamp.SOURCES.items():
        monkeypatch.setitem(front_stamp.SOURCES, folder, names[1:])
        seen.add(front_stamp.stamp())
    assert len(seen) == 1 + len(front_stamp.SOURCES)


# -- what others see of a page ------------------------------------------------------------------


@pytest.mark.book
def test_every_page_has_a_card(pages):
    for path in HTML.glob("book/*.html"):
        page = pages[path]
        tags = {tag.get("property") or tag.get("name"): tag.get("content") for tag in page("meta")}
        assert 40 <= len(tags["description"]) <= 210, path.name
        assert tags["og:description"] == tags["description"]
        assert tags["og:title"] in page.h1.get_text()
        assert tags["og:url"] == f"{BASE}book/{path.name}"
        assert tags["og:image"].startswith(BASE)
        with Image.open(HTML / tags["og:image"].removeprefix(BASE)) as image:
            assert image.size == (1200, 630)


@pytest.mark.book
def test_lost_page_needs_nothing_and_leads_home(browser, site):
    text = (HTML / "404.html").read_text("utf-8")
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/*", lambda route: route.fulfill(status=404, body=text, content_type="text/html"))
    page.goto(f"{site}/gone/far/away")
    assert asked == [f"{site}/gone/far/away"]
    links = page.eval_on_selector_all("a", "links => links.map(link => link.href)")
    page.close()
    assert len(links) > 10
    for link in links:
        assert (HTML / link.removeprefix(BASE)).is_file(), link


# -- the mark and the colours -------------------------------------------------------------------


def test_mark_is_what_the_code_draws():
    for name, text in make_logo.files().items():
        assert (make_logo.STATIC / name).read_text("utf-8") == text, "run tools/make_logo.py"
        drawing = BeautifulSoup(text, "html.parser")
        assert drawing.svg["viewbox"] == "0 0 64 64"


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # just too pale


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_background(theme):
    (block,) = re.findall(rf'html\[data-theme="{theme}"\] \{{(.*?)\}}', STYLE, re.S)
    colours = dict(re.findall(r"--pst-color-([\w-]+): (#\w{6});", block))
    for text in ("text-base", "text-muted", "link", "link-hover", "inline-code", "primary"):
        for ground in ("background", "on-background", "surface"):
            value = contrast(colours[text], colours[ground])
            assert value >= 4.5, f"{theme}: {text} on {ground} has {value:.2f}"


def test_text_can_be_read_on_slides():
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6});", block))
                   for block in re.findall(r":root \{(.*?)\}", SLIDES, re.S))  # fmt: skip
    assert light != dark
    for name, colours in ("light", light), ("dark", dark):
        for text, ground in ("ink", "ground"), ("ink", "box"), ("accent", "ground"):
            value = contrast(colours[text], colours[ground])
            assert value >= 4.5, f"{name}: {text} on {ground} has {value:.2f}"
