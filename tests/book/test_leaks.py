"""Students are told no answer: nothing of a solution is anywhere in the files that they open.

Text, code, metadata and outputs are searched, for every sentence and line of a solution, for the
numbers that are expected, and for what a solution prints.
"""

import json
import re

import nbformat
import pytest
from chapters import ROOT, lesson_names, tags
from lessons import DETAILS, TITLE, TRY, exercises, questions
from nbformat.v4 import new_markdown_cell, new_output
from notebook_products import executed, recorded_answers, source

SENTENCE = re.compile(r"(?<=[.?!:])\s+|\n\s*\n|\n?```(?:python)?\n?|\n(?=- )")
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?!\w)")
SHORTEST = 16  # letters; what is shorter, such as `x = 0`, comes again by chance
ONE = ("{:.1f}", "{:.2f}", "{:.3f}", "{:.4f}", "{:.3g}", "{:.4g}")
MANY = ("{:.3f}", "{:.4f}", "{:.4g}")
"""How an answer may be written: one that is a single number, and one of many."""


def strings(node):
    """All there is in a notebook but the ids of its cells: keys, texts and numbers."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "id":
                yield key
                yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    else:
        yield str(node)


def everything(notebook) -> str:
    return flat("\n".join(strings(notebook)))


def flat(text: str) -> str:
    return " ".join(text.split())


def secrets(lesson, cells) -> set[str]:
    """Sentences and lines of solutions, explanations and notes for the teacher."""
    found, hidden = [], {e.solution for e in exercises(lesson, cells)}
    for exercise in exercises(lesson, cells):
        if exercise.solution is not None:
            told = dict(DETAILS.findall(cells[exercise.text].source))["Solution"]
            found += [*SENTENCE.split(told), *told.splitlines()]
            found += cells[exercise.solution].source.splitlines()
    for question in questions(lesson, cells):
        for choice in question.choices:
            found += SENTENCE.split(choice.why)
    for cell in cells:
        if "teacher" in tags(cell):
            found += SENTENCE.split(re.sub(r"^> ?", "", cell.source, flags=re.M))
    shown = flat(
        "\n".join(
            cell.source
            for k, cell in enumerate(cells)
            if k not in hidden
            and not {"teacher", "quiz"} & set(tags(cell))
            and not TITLE.search(cell.source)
            and not TRY.match(cell.source)
        )
    )  # the main text may say a thing again, the text of an exercise and its hints may not
    pieces = map(flat, found)
    return {piece for piece in pieces if len(piece) >= SHORTEST and piece not in shown}


def forms(value: float, alone: bool) -> set[str]:
    """How a number would be written; empty where so short a number is met by chance."""
    value = abs(value)
    if value == int(value):
        return {str(int(value)), f"{int(value):,}"} if value >= (10 if alone else 1000) else set()
    written = {form.format(value) for form in (ONE if alone else MANY)}
    return {text for text in written if len(re.sub(r"^0?\.?0*|\.", "", text)) >= 2 + (not alone)}


def numbers(text: str) -> set[str]:
    return set(NUMBER.findall(text))


@pytest.fixture(params=lesson_names())
def lesson(request):
    return request.param


@pytest.fixture
def cells(lesson):
    return source(lesson)


@pytest.fixture
def notebook(lesson):
    return nbformat.read(ROOT / "book" / "student" / f"{lesson}.ipynb", as_version=4)


def test_no_piece_of_a_solution_is_in_the_file(lesson, cells, notebook):
    text = everything(notebook)
    told = [piece for piece in secrets(lesson, cells) if piece in text]
    assert not told, f"{lesson} tells students {told}"
    for summary in ("Solution", "Answers to question"):
        assert f"<summary>{summary}" not in text
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert set(cell.metadata) <= {"tags", "mystnb", "cellView"}
        assert not {"solution", "teacher"} & set(tags(cell))


@pytest.mark.parametrize("place", ["text", "hint", "code", "alt", "tag", "output", "metadata"])
def test_a_planted_piece_is_found(place):
    name = "04_model"
    cells = source(name)
    notebook = nbformat.read(ROOT / "book" / "student" / f"{name}.ipynb", as_version=4)
    piece = next(iter(secrets(name, cells)))
    assert piece not in everything(notebook)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if place == "text":
        notebook.cells.append(new_markdown_cell(f"By the way:\n{piece}"))
    elif place == "hint":
        cell = next(cell for cell in notebook.cells if "<summary>Hint" in cell.source)
        cell.source = cell.source.replace("</summary>", f"</summary>\n\n{piece}", 1)
    elif place == "code":
        code.source += f"\n# {piece}"
    elif place == "alt":
        code.metadata["mystnb"] = {"image": {"alt": piece}}
    elif place == "tag":
        code.metadata["tags"] = [piece]
    elif place == "output":
        code.outputs = [new_output("stream", text=piece)]
    else:
        notebook.metadata["told"] = {"deep": [piece]}
    assert piece in everything(notebook)


def told_numbers(right, own: str, everywhere: str) -> set[str]:
    """What is told of an answer: short whole numbers only in the exercise's own text."""
    alone, told = not isinstance(right, list), set()
    for value in map(float, re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", json.dumps(right))):
        short = value == int(value) and abs(value) < 100
        told |= forms(value, alone) & numbers(own if short else everywhere)
    return told


@pytest.mark.book
def test_no_expected_number_is_in_the_file(lesson, cells, notebook):
    recorded = recorded_answers(lesson)
    if not recorded:
        pytest.skip(f"{lesson} was not run by the last build: `make test` builds it first")
    solved = {e.name: e for e in exercises(lesson, cells) if e.solution is not None}
    assert set(recorded) == set(solved)
    text = everything(notebook)
    for name, exercise in solved.items():
        own = cells[exercise.stub].source + without_solution(cells, exercise)
        told = told_numbers(recorded[name]["right"], own, text)
        assert not told, f"{lesson}, exercise {name}: {told} is in the students' notebook"


def without_solution(cells, exercise) -> str:
    """The text of an exercise and its hints."""
    return DETAILS.sub(lambda m: "" if m[1] == "Solution" else m[0], cells[exercise.text].source)


@pytest.mark.book
def test_nothing_that_a_solution_prints_is_in_the_file(lesson, notebook):
    run = executed(lesson)
    if run is None:
        pytest.skip(f"{lesson} was not run by the last build: `make test` builds it first")
    everywhere = numbers(everything(notebook))
    for cell in run.cells:
        if "solution" in tags(cell):
            printed = " ".join(output.get("text", "") for output in cell.outputs)
            told = {n for n in numbers(printed) if len(n.replace(".", "").lstrip("0")) >= 3}
            assert not told & everywhere, f"{lesson}: {told & everywhere}, printed by a solution"


@pytest.mark.parametrize(
    ("right", "own", "everywhere", "told"),
    [
        (0.86199, "", "it is 0.862, or", {"0.862"}),
        (-13060.0, "", "13,060 weights", {"13,060"}),
        (38.0, "38 of them", "", {"38"}),
        (38.0, "", "38 of something else", set()),
        ([1.0, 0.4321], "", "from 0.432 on", {"0.432"}),
        (0.4321, "v0.4321 x0.43", "10.43", set()),
    ],
)
def test_an_expected_number_is_found_as_it_would_be_written(right, own, everywhere, told):
    assert told_numbers(right, own, everywhere) == told
