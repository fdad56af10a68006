"""What the tools read from a chapter: minutes, departures, slides, cells for the teacher."""

import base64
import re

import pytest
from book_slides import pictures_of, slides
from chapters import (
    keep_teacher,
    notebook_path,
    read_script,
    read_source,
    script_path,
    write_script,
)
from check_chapter import departures
from minutes import Minutes, minutes, stated
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sync_notebooks import sync

CHAPTER = "01_eda"


@pytest.fixture
def cells():
    return read_source(script_path(CHAPTER).read_text("utf-8")).cells


# -- minutes ---------------------------------------------------------------------------------------


def test_minutes_of_words_code_and_figures():
    figure = {"mystnb": {"image": {"alt": "A line."}}}
    made = [
        new_markdown_cell("# 1. Title\n\n" + "word " * 198),
        new_code_cell("import os", metadata={"tags": ["setup", "hide-cell"]}),
        new_markdown_cell("## First\n\n" + "word " * 399 + "\n\n```python\nnot = read\n```"),
        new_code_cell("x = 1"),
        new_code_cell("plot()", metadata=figure),
        new_markdown_cell("for the teacher " * 100, metadata={"tags": ["teacher"]}),
    ]
    of = minutes(CHAPTER, made)
    assert of.sections == pytest.approx({"Introduction": 1, "First": 2 + 0.5 + 1.5})
    assert (of.main, of.more) == (5, 0)
    assert Minutes({"a": 5.1}, 5, {"1.1": 5, "1.2": 20}).main == 10
    assert Minutes({"a": 5.1}, 5, {"1.1": 5, "1.2": 20}).more == 30


def test_stated_minutes_are_found():
    line = "**Time.** About 40 minutes, 50 more with the quiz and the exercises."
    assert stated([new_markdown_cell(line)]) == (40, 50)
    assert stated([new_markdown_cell("**Time.** About an hour.")]) is None


# -- the format ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("**Predict first.**", "**Guess.**", "Predict first"),
        ("**Your turn (two minutes).**", "**Now you.**", "belongs to no exercise"),
        ("### Exercise 1.1 ★:", "### Exercise 1.1:", "exercise 1.1: give it stars"),
        ("### Exercise 1.4 ★★★:", "### Exercise 1.4 ★★:", "open-ended"),
        ("### Exercise 1.3 ", "### Exercise 1.2 ", "exercise 1.2: the solution calls no check"),
        ("**Question 5.**", "**Question 6.**", "question 6"),
        ("## Quiz\n", "## Test\n", "one Markdown cell tagged quiz begins with '## Quiz'"),
        ("**On the board.**", "", "On the board"),
        ("# @title Set-up", "# Set-up", "begins with '# @title"),
        ("**Time.** About 4", "**Time.** About 9", "**Time.** begins with"),
        ("## What a session is", "## It\n\n" + "word " * 12_000, "longer than|more than 60"),
    ],
)
def test_a_departure_is_said(old, new, complaint, cells):
    assert departures(CHAPTER, cells) == []
    for cell in cells:
        cell.source = cell.source.replace(old, new)
    found = "\n".join(departures(CHAPTER, cells))
    assert any(part in found for part in complaint.split("|")), found


# -- cells for the teacher -------------------------------------------------------------------------


def test_an_edited_notebook_does_not_lose_the_teachers_cells(tmp_path, cells):
    (tmp_path / "book").mkdir()
    script, notebook = script_path(CHAPTER, tmp_path), notebook_path(CHAPTER, tmp_path)
    script.write_text(script_path(CHAPTER).read_text("utf-8"), "utf-8")
    sync(CHAPTER, "py", tmp_path)
    assert "For the teacher" not in notebook.read_text("utf-8")
    notebook.write_text(notebook.read_text("utf-8").replace("What a session is", "What it is"))
    sync(CHAPTER, "ipynb", tmp_path)
    came_back = read_source(script.read_text("utf-8")).cells
    expected = [cell.source.replace("What a session is", "What it is") for cell in cells]
    assert [cell.source for cell in came_back] == expected


def test_the_teachers_cells_follow_what_they_followed():
    def cell(text, *given):
        return new_markdown_cell(text, metadata={"tags": list(given)} if given else {})

    old = [cell("t0", "teacher"), cell("a"), cell("t1", "teacher"), cell("b"), cell("c"),
           cell("t2", "teacher")]  # fmt: skip
    new = new_notebook(cells=[cell("x"), cell("a"), cell("y"), cell("c"), cell("z")])
    made = keep_teacher(new, write_script(new_notebook(cells=old)))
    sources = [each.source for each in made.cells]
    assert sources.index("t0") == 0
    assert sources.index("t1") == sources.index("a") + 1
    assert sources.index("t2") > sources.index("c")
    assert read_script(write_script(made)).cells[0].source == "x"


# -- slides ----------------------------------------------------------------------------------------


def test_slides_come_from_figures_and_questions(cells):
    figures = [k for k, cell in enumerate(cells) if "image" in cell.metadata.get("mystnb", {})]
    made = slides(CHAPTER, cells, {k: (f"{k}.svg", "k.svg", "what it shows") for k in figures})
    text = "\n".join(made)
    assert 10 <= len(made) <= 20
    assert text.count("<img") == min(len(figures), 12)
    assert text.count("<h2>Predict first</h2>") == 2
    assert text.count("<h2>Your turn: two minutes</h2>") == 1
    assert "my_quiet" not in text  # the solution
    assert '<aside class="notes">' in text
    chosen = figures[3]
    cells[chosen].metadata["tags"] = ["slide"]
    made = slides(CHAPTER, cells, {k: (f"{k}.svg", f"{k}-dark.svg", "") for k in figures})
    assert re.findall(r'<source media="([^"]+)" srcset="([^"]+)">', "\n".join(made)) == [
        ("screen and (prefers-color-scheme: dark)", f"{chosen}-dark.svg")
    ]
    assert f'<img src="{chosen}.svg" alt="">' in "\n".join(made)


@pytest.mark.parametrize(
    ("after", "caption"),
    [
        (
            "Both losses are least at the count. More follows.",
            "Both losses are least at the count.",
        ),
        ("The seeds matter least of all three:\n\n- one", None),
        ("There are three things to see here.\n\n- one", None),
        ("Here is by how much the cores are ahead.", None),
        ("Neither.", None),
        ("## The next section of the chapter", None),
    ],
)
def test_a_caption_is_a_sentence_about_the_figure(after, caption):
    note = new_markdown_cell(
        "> **For the teacher.** Ask them first.", metadata={"tags": ["teacher"]}
    )
    title = new_markdown_cell("# 1. Title\n\n**Goals.**\n\n- see\n\n**Time.**")
    made = "\n".join(
        slides(
            CHAPTER,
            [title, new_code_cell("f()"), note, new_markdown_cell(after)],
            {1: ("a", "b", "c")},
        )
    )
    found = re.findall(r'<p class="caption">(.*?)</p>', made)
    assert found == ([caption] if caption else [])


def test_pictures_are_taken_from_outputs_light_and_dark():
    def shown(name):
        return f'src="data:image/svg+xml;base64,{base64.b64encode(name).decode()}"'

    html = (
        f'<img class="only-light figure" {shown(b"day")}><img class="only-dark" {shown(b"night")}>'
    )
    named = html.replace('figure" ', 'figure" alt="A &amp; B" ')
    given = {"mystnb": {"image": {"alt": "A line."}}}
    plain = new_code_cell(
        "f()", metadata=given, outputs=[new_output("display_data", {"text/html": html})]
    )
    explored = new_code_cell("g()", outputs=[new_output("display_data", {"text/html": named})])
    found = pictures_of(new_notebook(cells=[plain, new_code_cell("1"), explored]))
    assert found == {
        0: ("svg", b"day", b"night", "A line."),
        2: ("svg", b"day", b"night", "A & B"),
    }
