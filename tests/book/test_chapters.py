"""The chapters as they are written: pairs, sections, exercises, cells, the set-up cell."""

import ast
import re

import nbformat
import pytest
import yaml
from chapters import (
    FOLDED,
    HEADER,
    ROOT,
    in_sync,
    lesson_names,
    notebook_path,
    read_source,
    script_path,
    tags,
)
from check_chapter import departures
from shared import CHAPTERS, is_page, setup_cell
from sync_notebooks import is_clean

MAX_LINES = 20  # besides the title of a folded cell
COLUMNS = 76
EXPLORE = re.compile(r"^\s*explore\(", re.M)
SCHEME = re.compile(r"\b(black|white)\b", re.I)
MYST_ONLY = re.compile(r"^\s*(`{3,}\{|:{3,}\{?\w)|\{[a-z:]+\}`|^\([\w-]+\)=\s*$", re.M)


def markdown(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_both_forms_hold_the_same_cells_and_nothing_else(chapter):
    assert in_sync(chapter), f"book/{chapter}.py and .ipynb disagree: run `make sync`"
    assert is_clean(chapter), f"book/{chapter}.ipynb holds outputs or leftovers: run `make sync`"
    assert script_path(chapter).read_text("utf-8").startswith(HEADER)


def test_metadata_asks_colab_for_a_gpu(notebook):
    assert notebook.metadata.accelerator == "GPU"


def test_table_of_contents_lists_every_chapter_as_a_notebook():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    listed = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    numbered = [name for name in listed if re.match(r"book/\d\d_", name)]
    assert numbered == [f"book/{name}.ipynb" for name in CHAPTERS]


def test_setup_cell_is_the_first_code_and_the_same_everywhere(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert setup_cell(notebook) == first.source
    pattern = nbformat.read(notebook_path(CHAPTERS[0]), as_version=4)
    assert first.source == setup_cell(pattern), f"copy the set-up cell of {CHAPTERS[0]}"


def test_sections(chapter, notebook):
    text = markdown(notebook)
    if is_page(chapter):
        assert re.match(r"# [^\W\d]", text), "a page must start with a title without a number"
    else:
        number = int(chapter[:2])
        assert re.match(rf"# {number}\. \S", text), f"the title must start with '# {number}. '"
        assert "\n## Exercises" in text
        assert "\n## Recap" in text
    for lead in ("**Goals.**", "**Time.**", "**What you need.**", "**The data.**"):
        assert lead in text, f"the first cell lacks {lead}"
    assert re.search(r"\*\*Time\.\*\*[^\n]*\d+ min", text), "**Time.** must give minutes"
    assert re.search(r"\*\*The data\.\*\*[^*]*\*simulated\*", text), "say that data are simulated"


def test_exercises_have_graded_hints_and_a_solution(chapter, notebook):
    exercises = re.split(r"^### Exercise ", markdown(notebook), flags=re.M)[1:]
    assert exercises or is_page(chapter)
    for exercise in exercises:
        title = exercise.splitlines()[0]
        assert title.startswith(f"{int(chapter[:2])}."), f"exercise {title}: number it by chapter"
        exercise = exercise.split("\n## ")[0]
        summaries = re.findall(r"<summary>(.*?)</summary>", exercise)
        if "★★★" in title:  # open-ended, with neither hints nor a solution
            assert summaries == ["What a good answer contains"], f"exercise {title}"
            continue
        assert summaries[:2] == ["Hint 1", "Hint 2"], f"exercise {title}: two hints, from 1 up"
        assert summaries[-1] == "Solution", f"exercise {title} ends with its solution"
        assert exercise.count("<details>") == exercise.count("</details>") == len(summaries)


@pytest.mark.parametrize("chapter", lesson_names())
def test_predictions_quiz_stars_and_minutes(chapter):
    cells = read_source(script_path(chapter).read_text("utf-8")).cells
    assert departures(chapter, cells) == [], f"`python tools/check_chapter.py {chapter}` says why"


def test_solutions_are_python(notebook):
    for block in re.findall(r"```python\n(.*?)```", markdown(notebook), re.S):
        ast.parse(block)


def test_cells_are_short(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = re.sub(r"\A# @title .*\n", "", cell.source.strip()).count("\n") + 1
            assert lines <= MAX_LINES, f"{lines} lines in the cell starting {cell.source[:60]!r}"


def test_code_fits_the_page(notebook):
    lines = [
        line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
    ]
    wide = [line for line in lines if len(line) > COLUMNS and not line.startswith("# ")]
    assert not wide, f"the page shows {COLUMNS} columns of code at 1280 pixels"


def test_an_explorable_figure_follows_a_question(notebook):
    kinds = [(cell.cell_type, cell.source) for cell in notebook.cells]
    places = [i for i, (kind, text) in enumerate(kinds) if kind == "code" and EXPLORE.search(text)]
    assert places, "no figure of the chapter can be moved: call explore()"
    for place in places:
        asked = next(text for kind, text in reversed(kinds[:place]) if kind == "markdown")
        assert "?" in asked, "ask something that the reader can answer by moving the figure"


def test_figures_are_described_in_words_that_hold_in_the_dark(notebook):
    """There lines that were black are white, and the middle of a map of colours is black."""
    for cell in notebook.cells:
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert not SCHEME.search(alt), alt


def test_colab_folds_what_the_page_folds(notebook):
    """Colab folds no cell for its tags: it has to be a form, with a title to show."""
    for cell in notebook.cells:
        folded = bool(FOLDED & set(tags(cell)))
        assert (cell.metadata.get("cellView") == "form") == folded
        assert cell.source.startswith("# @title ") == folded


def test_markdown_reads_the_same_in_colab(notebook):
    """Directives and roles of the book builder would show up as raw text in Colab."""
    found = MYST_ONLY.search(markdown(notebook))
    assert found is None, f"MyST-only syntax {found[0]!r}"


def test_myst_only_syntax_is_told_from_plain_markdown():
    for text in ("```{note}\nhi\n```", "see {term}`PSTH`", ":::{tip}", "(top)="):
        assert MYST_ONLY.search(f"Some text.\n\n{text}\n"), text
    for text in ("```python\nx = {}\n```", "a `dict` {a}", "$x_{i}$", "f(x) = 1"):
        assert not MYST_ONLY.search(f"Some text.\n\n{text}\n"), text


def test_links_work_outside_the_book(notebook):
    """Relative links lead nowhere in Colab: chapters link to DOIs and full addresses only."""
    targets = re.findall(r"\]\(([^)\s]+)\)", markdown(notebook))
    assert [target for target in targets if not target.startswith("https://")] == []


def test_cited_works_are_in_the_bibliography(notebook):
    bibliography = (ROOT / "book" / "references.bib").read_text("utf-8").lower()
    for doi in re.findall(r"https://doi\.org/([^)\s]+)", markdown(notebook)):
        assert doi.lower() in bibliography, f"{doi} is not in book/references.bib"
