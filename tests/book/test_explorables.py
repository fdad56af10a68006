"""Figures of the built book: dark ones, and those with controls, driven in Chromium."""

import base64
import json
import re
from types import SimpleNamespace
from urllib.parse import urljoin, urlsplit

import book_figures
import pytest
from docutils import nodes
from shared import HTML

VARIANTS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
INSIDE = f"data:image/svg+xml;base64,{base64.b64encode(SVG).decode()}"


@pytest.fixture
def figures(pages):
    """Every chapter that has a figure with controls, and its identity."""
    found = {
        path.relative_to(HTML).as_posix(): page.select_one("figure.explore")["id"]
        for path, page in pages.items()
        if page.select_one("figure.explore")
    }
    assert found, "no page of the book has a figure with controls"
    return found


@pytest.fixture
def one(figures, site):
    """Address of one of them."""
    name, identity = next(iter(figures.items()))
    return f"{site}/{name}#{identity}"


def state(page) -> tuple[str, str]:
    """Address and alternative text of the picture that can be seen."""
    image = page.locator("figure.explore").first.locator("img:visible")
    assert image.count() == 1
    image.scroll_into_view_if_needed()  # no picture is fetched before it is in view
    page.wait_for_function("i => i.complete && i.naturalWidth > 0", arg=image.element_handle())
    return image.get_attribute("src"), image.get_attribute("alt")


def background(page, selector: str) -> float:
    """Lightness of what is painted behind an element, from 0 to 255."""
    colour = page.locator(selector).first.evaluate(
        """element => {
          for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (!/^rgba\\(.*, 0\\)$/.test(colour)) return colour;
          }
        }"""
    )
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


# -- with controls -----------------------------------------------------------------------------


@pytest.mark.book
@pytest.mark.parametrize(("width", "scheme"), VARIANTS)
def test_a_control_moved_by_keyboard_changes_picture_and_text(visit, figures, site, width, scheme):
    for name in figures:
        page = visit(f"{site}/{name}", width, scheme)
        before = state(page)
        control = page.locator("figure.explore").first.locator("input, select").first
        control.scroll_into_view_if_needed()
        control.focus()
        at_end = control.evaluate("c => c.value === (c.max || String(c.options?.length - 1))")
        page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        if control.evaluate("c => c.tagName") == "SELECT":
            page.keyboard.press("ArrowUp" if at_end else "ArrowDown")
        address, alt = state(page)
        assert address != before[0], name
        assert alt != before[1], name
        page.context.close()


@pytest.mark.book
def test_a_slider_announces_its_value(visit, figures, site):
    for name in figures:
        page = visit(f"{site}/{name}")
        for slider in page.locator("figure.explore input").all():
            slider.focus()
            for key in ("Home", "End"):
                page.keyboard.press(key)
                said = slider.get_attribute("aria-valuetext")
                place = {"Home": 0, "End": -1}[key]
                assert said == json.loads(slider.get_attribute("data-shown"))[place]
                assert slider.evaluate("s => s.nextElementSibling.value") == said
        page.context.close()


@pytest.mark.book
def test_every_control_has_a_name(visit, one):
    for control in visit(one).locator("figure.explore input, figure.explore select").all():
        assert control.evaluate("c => c.labels[0].textContent.trim()")


@pytest.mark.book
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_script_the_start_is_shown(visit, one, scheme):
    page = visit(one, scheme=scheme, script=False)
    address, alt = page.locator("figure.explore").first.evaluate(
        "f => { const i = f.querySelector('img'); return [i.getAttribute('src'), i.alt]; }"
    )
    assert address
    assert len(alt) >= 25
    assert not page.locator(".explore-controls").first.is_visible()
    assert "Shown: " in page.locator("figure.explore noscript").first.inner_text()


@pytest.mark.book
def test_only_pictures_that_are_seen_are_fetched(visit, one):
    fetched = []
    page = visit("about:blank", scheme="dark")
    page.on("request", lambda request: fetched.append(urlsplit(request.url).path))
    page.goto(one, wait_until="networkidle")
    states = json.loads(page.locator("figure.explore script").first.text_content())
    kinds = {
        kind: {urlsplit(urljoin(one, state[kind])).path for state in states}
        for kind in ("light", "dark")
    }
    assert not kinds["light"] & set(fetched)
    assert len(kinds["dark"] & set(fetched)) == 1


@pytest.mark.book
def test_states_are_files_and_weigh_less_than_a_megabyte(figures, pages):
    for name in figures:
        for script in pages[HTML / name].select("figure.explore script"):
            states = json.loads(script.string)
            assert 1 < len(states) <= 60
            assert len({state["alt"] for state in states}) == len(states)
            for kind in ("light", "dark"):
                files = {(HTML / name).parent / state[kind] for state in states}
                assert sum(file.stat().st_size for file in files) <= 1_000_000, name


# -- all figures -------------------------------------------------------------------------------


@pytest.mark.book
def test_every_figure_of_a_chapter_has_a_dark_twin(chapter, pages):
    images = pages[HTML / "book" / f"{chapter}.html"].select(".cell_output img")
    kinds = ["only-light" in image["class"] for image in images]
    assert kinds == [True, False] * (len(kinds) // 2)
    for light, dark in zip(images[::2], images[1::2], strict=True):
        assert light["alt"] == dark["alt"]
        assert light["src"] != dark["src"]
        assert light["loading"] == dark["loading"] == "lazy"


@pytest.mark.book
@pytest.mark.parametrize(("width", "scheme"), VARIANTS)
def test_figures_stand_on_the_page_and_not_on_a_card(visit, one, width, scheme):
    page = visit(one, width, scheme)
    for selector in ("figure.explore img:visible", ".cell_output > img.figure:visible"):
        lightness = background(page, selector)
        assert lightness < 40 if scheme == "dark" else lightness > 240
        assert page.locator(selector).first.evaluate("i => getComputedStyle(i).filter") == "none"
        assert page.locator(selector).first.bounding_box()["width"] <= width


# -- the extension -----------------------------------------------------------------------------


def test_pictures_become_files_with_the_text_of_their_cell(tmp_path):
    raw = nodes.raw("", f'<img class="only-dark figure" src="{INSIDE}">', format="html")
    cell = nodes.container(
        nb_element="cell_code", cell_metadata={"mystnb": {"image": {"alt": '"a'}}}
    )
    cell += raw
    tree = nodes.section("", cell)
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(imagedir="_images"))
    book_figures.publish(app, tree, "book/chapter")
    text = next(tree.findall(nodes.raw)).astext()
    (file,) = (tmp_path / "_images").iterdir()
    assert file.read_bytes() == SVG
    assert f'src="../_images/{file.name}"' in text
    assert 'alt="&quot;a"' in text
    book_figures.publish(app, tree, "book/chapter")  # once more changes nothing
    assert next(tree.findall(nodes.raw)).astext() == text


def test_a_text_that_is_there_stays():
    text = '<img class="only-light figure" alt="Mine." src="x">'
    assert book_figures.with_alt(text, "The cell's.") == text


def test_other_html_is_left_alone(tmp_path):
    tree = nodes.section("", nodes.raw("", "<table></table>", format="html"))
    before = next(tree.findall(nodes.raw))
    book_figures.publish(
        SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(imagedir="_images")), tree, "a"
    )
    assert next(tree.findall(nodes.raw)) is before
