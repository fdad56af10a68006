"""Quizzes on the built pages: without script all is there, with it they answer what was chosen."""

import re

import pytest
from book_quiz import fieldset, inline, with_fieldsets
from bs4 import BeautifulSoup
from chapters import ROOT, lesson_names, notebook_path
from lessons import Choice, Question
from shared import CHAPTERS, HTML

BOTTOM = """
Math.max(...[...Reveal.getCurrentSlide().children].map(e => e.offsetTop + e.offsetHeight))
"""
SHOWN = """
[document.querySelector("img").currentSrc, getComputedStyle(document.body).backgroundColor]
"""
QUESTION = Question(
    2,
    "What is `x` if $x < 3$ & *odd*?",
    (Choice("A", "2", "No, it is even."), Choice("B", "1", "Right. It is **odd**.")),
)


def test_a_question_is_one_piece_of_html():
    text = fieldset(QUESTION)
    assert "\n\n" not in text  # Markdown would go on in between
    field = BeautifulSoup(text, "html.parser").fieldset
    assert field.legend.get_text() == "Question 2. What is x if \\(x < 3\\) & odd?"
    for radio in field.select("input[type=radio]"):
        assert field.find("label", attrs={"for": radio["id"]})
        assert field.find(id=radio["data-why"])
    assert field.select_one("[role=status]").get_text() == ""
    assert "It is odd." in field.details.get_text()


def test_markdown_in_a_line_becomes_html():
    assert inline("`a_b` [d](https://doi.org/1)") == (
        '<code>a_b</code> <a href="https://doi.org/1">d</a>'
    )
    assert inline("`<script>`") == "<code>&lt;script&gt;</code>"


def test_only_the_quiz_of_a_notebook_changes():
    text = notebook_path("01_eda").read_text("utf-8")
    changed = with_fieldsets(text, "01_eda")
    assert changed.count("<fieldset") == text.count("<summary>Answers to question")
    assert "- **A.**" not in changed
    assert changed.count("### Exercise") == text.count("### Exercise")


@pytest.fixture(params=lesson_names())
def page(request, pages):
    """The path of a chapter's built page."""
    return HTML / "book" / f"{request.param}.html"


@pytest.mark.book
def test_the_page_holds_every_question_and_links_its_slides(page, pages):
    fields = pages[page].select("fieldset.quiz")
    assert 4 <= len(fields) <= 5
    ids = [tag["id"] for tag in pages[page].select("fieldset.quiz [id]")]
    assert len(set(ids)) == len(ids)
    assert pages[page].select_one(f'a[href="../slides/{page.stem}.html"]')


@pytest.mark.book
def test_slides_are_whole_and_need_nothing_from_elsewhere(page, pages):
    path = HTML / "slides" / page.name
    slides = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    assert 10 <= len(slides.select("section")) <= 20
    assert all(len(image["alt"]) > 25 for image in slides.select("img"))
    for tag in slides.select("[src], [srcset], link"):
        address = tag.get("src") or tag.get("srcset") or tag["href"]
        assert (path.parent / address).exists(), address
    styles = (ROOT / "book" / "_static").glob("reveal/*.css")
    assert not [
        path for path in styles if re.search(r"url\(['\"]?https?:", path.read_text("utf-8"))
    ]


# -- in a browser ----------------------------------------------------------------------------------


@pytest.mark.book
def test_a_quiz_is_answered_by_keyboard(page, visit, site):
    tab = visit(f"{site}/book/{page.name}")
    field = tab.locator("fieldset.quiz").first
    said, button = field.locator("[role=status]"), field.get_by_role("button")
    radios = field.get_by_role("radio")
    assert field.locator("details").is_hidden()
    button.focus()
    tab.keyboard.press("Enter")
    assert said.inner_text() == "Choose one first."
    radios.first.focus()
    tab.keyboard.press("Space")
    assert said.inner_text() == ""
    seen = set()
    for _ in range(radios.count()):
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        seen.add(said.inner_text())
        field.locator("input:checked").focus()
        tab.keyboard.press("ArrowDown")
    assert len(seen) == radios.count()
    assert sum(text.startswith("Right") for text in seen) == 1
    assert sum(text.startswith("Not this one. ") for text in seen) == radios.count() - 1


@pytest.mark.book
def test_without_script_the_answers_stand_below(page, visit, site):
    tab = visit(f"{site}/book/{page.name}", script=False)
    field = tab.locator("fieldset.quiz").first
    assert field.locator("details").is_visible()
    assert field.get_by_role("button").count() == 0


@pytest.mark.book
def test_slides_fit_a_projector(page, visit, site):
    tab = visit("about:blank")
    tab.set_viewport_size({"width": 1280, "height": 720})
    problems = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(f"{site}/slides/{page.name}")
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    for number in range(tab.evaluate("Reveal.getTotalSlides()")):
        tab.evaluate(f"Reveal.slide({number}, 0, 9)")
        assert tab.evaluate(BOTTOM) <= 700, f"slide {number + 1} does not fit"
    assert problems == []


@pytest.mark.book
@pytest.mark.parametrize(
    ("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 24, 30)")]
)
def test_slides_are_as_light_as_the_readers_system(scheme, ground, visit, site):
    tab = visit(f"{site}/slides/{CHAPTERS[0]}.html", scheme=scheme)
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    picture, shown = tab.evaluate(SHOWN)
    assert ("-dark." in picture) == (scheme == "dark")
    assert shown == ground
