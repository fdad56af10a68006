"""The students' and the teachers' notebooks: what they hold, that they run, what checks say.

Each student notebook is run as it stands, and in the same run with the solutions of the page pasted
in. That it tells nothing is in ``test_leaks.py``.
"""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import lessons
import nbformat
import notebook_products
import numpy as np
import pytest
from build_book import TIMEOUT
from chapters import ROOT, lesson_names, read_source, tags
from jupyter_cache.executors.utils import single_nb_execution
from lessons import DETAILS, LessonError, exercises, questions, solution_code
from nbformat.v4 import new_code_cell, new_markdown_cell
from notebook_products import kept_answers, products, recorded_answers, source, student

from pupil_helpers import check
from pupil_helpers.teaching import answers

LESSONS = lesson_names()
MOUSE = SimpleNamespace(name="simulated mouse 0")
DOTS = "Not answered yet: replace the dots and run this cell again.\n"


@pytest.fixture(params=LESSONS)
def lesson(request):
    return request.param


@pytest.fixture
def cells(lesson):
    return source(lesson)


@pytest.fixture
def solved(lesson, cells):
    """The exercises that have a solution."""
    return [exercise for exercise in exercises(lesson, cells) if exercise.solution is not None]


# -- what is in the files --------------------------------------------------------------------------


def test_the_committed_notebooks_are_what_the_source_makes(lesson):
    for path, text in products(lesson).items():
        assert path.exists(), f"{path.relative_to(ROOT)} is not there: run `make notebooks`"
        same = path.read_text("utf-8") == text
        assert same, f"{path.relative_to(ROOT)} is not up to date: run `make notebooks`"


def test_a_student_gets_the_chapter_with_checks_for_solutions(lesson, cells, solved):
    checks = {e.solution: f'check({e.answer}, name="{e.name}", ' for e in solved}
    ours = [cell for cell in student(lesson, cells).cells if cell.cell_type == "code"]
    theirs = [(k, cell) for k, cell in enumerate(cells) if cell.cell_type == "code"]
    for cell, (k, original) in zip(ours, theirs, strict=True):
        if k in checks:
            assert cell.source.startswith(checks[k])
        else:
            assert cell.source == original.source


@pytest.mark.parametrize(("first", "given"), [("session = 1", "session"), ("n = 1", "None")])
def test_a_check_asks_for_a_recording_only_where_there_is_one(first, given, monkeypatch):
    monkeypatch.setattr("notebook_products.page_address", lambda chapter: "https://a.b")
    cells = [new_markdown_cell("# 9. Counting"), new_code_cell(first), *example()[1:]]
    (call,) = [c.source for c in student("09_count", cells).cells if "check" in tags(c)]
    assert call == f'check(my_n, name="9.1", session={given})'


def test_every_check_finds_what_is_kept(solved):
    for exercise in solved:
        kept = answers.store().get(exercise.name)
        assert kept, f"nothing is kept of {exercise.name}: run `make book`, then `make notebooks`"
        assert ("code" in kept) == exercise.trained


def test_kept_code_is_the_chapters(lesson, cells):
    for name, entry in kept_answers(lesson, cells, {}, MOUSE.name).items():
        assert answers.entry(name) == entry, f"{name} is not up to date: run `make notebooks`"


# -- what checks say -------------------------------------------------------------------------------


def dots_of(stub: str) -> str:
    """The statements of a stub that wait for an answer."""
    waiting = [
        ast.unparse(node)
        for node in ast.parse(stub).body
        if isinstance(node, ast.FunctionDef) or ast.unparse(node).endswith(" = ...")
    ]
    return "\n".join(waiting)


def test_an_untouched_stub_is_told_kindly(cells, solved, capsys):
    for exercise in solved:
        names = {"check": check, "session": MOUSE}
        exec(dots_of(cells[exercise.stub].source), names)
        how = "within={}" if exercise.trained else "session=session"
        exec(f'check({exercise.answer}, name="{exercise.name}", {how})', names)
        assert capsys.readouterr().out == DOTS, exercise.name


@pytest.mark.parametrize("answer", ["a word", {"a": 1}, float("nan"), [[[[1.0]]]], -987.6543])
def test_a_wild_answer_gets_a_sentence(answer, solved, capsys):
    for exercise in solved:
        if exercise.name in answers.store() and not exercise.trained:
            assert not check(answer, name=exercise.name, session=MOUSE)
            assert re.fullmatch(r"[A-Z].+[.:]?.*\.\n", capsys.readouterr().out)


@pytest.fixture
def recorded(lesson, solved):
    """What the checks showed when the book was built."""
    found = recorded_answers(lesson)
    if not found:
        pytest.skip(f"{lesson} was not run by the last build: `make test` builds it first")
    assert set(found) == {exercise.name for exercise in solved}
    return found


@pytest.mark.book
def test_checks_accept_the_solutions_and_name_the_mistakes(recorded, solved, capsys):
    for exercise in solved:
        if exercise.trained:
            continue
        of_run = recorded[exercise.name]
        assert check(of_run["right"], name=exercise.name, session=MOUSE), "run `make notebooks`"
        capsys.readouterr()
        sentences = list(of_run["mistakes"])
        for say, wrong in of_run["mistakes"].items():
            assert not check(wrong, name=exercise.name, session=MOUSE)
            first = capsys.readouterr().out.strip()
            assert first in sentences
            alike = answers.fingerprint(
                exercise.name, of_run["mistakes"][first], of_run["tolerance"]
            )
            assert first == say or answers.matches(exercise.name, np.array(wrong), alike).all()


# -- as a student would ----------------------------------------------------------------------------


def test_run_as_it_stands_and_then_with_the_solutions(lesson, cells, solved, monkeypatch):
    """Each check twice in one run: before the solution is pasted in, and after it."""
    monkeypatch.setenv("PUPIL_HELPERS_BOOK", "")  # figures as students see them, which is quicker
    notebook = student(lesson, cells)
    calls = {f'name="{exercise.name}",': exercise for exercise in solved}
    run = []
    for cell in notebook.cells:
        run.append(cell)
        if "check" in tags(cell):
            exercise = next(e for call, e in calls.items() if call in cell.source)
            code = solution_code(cells[exercise.text].source)
            run += [new_code_cell(code), nbformat.from_dict(cell)]
    notebook.cells = run
    result = single_nb_execution(notebook, str(ROOT / "book"), TIMEOUT, allow_errors=False)
    assert result.err is None, result.exc_string
    said = [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in result.nb.cells
        if "check" in tags(cell)
    ]
    assert said == [DOTS, "Right.\n"] * len(solved)


# -- departures from the format --------------------------------------------------------------------

TEXT = """\
### Exercise 9.1 ★: count

How many?

<details>
<summary>Hint 1</summary>

Count.

</details>

<details>
<summary>Solution</summary>

```python
my_n = 3
```

Three.

</details>"""
STUB, SOLUTION = "my_n = ...", 'right = 3\ncheck(my_n, right, name="9.1")'
QUIZ = """\
## Quiz

**Question 1.** How many?

- **A.** One.
- **B.** Two, or
  so.
- **C.** Three.

<details>
<summary>Answers to question 1</summary>

- **A.** Too few.
- **B.** Still too few.
- **C.** Right. Three.

</details>"""


def example(text=TEXT, stub=STUB, solution=SOLUTION, quiz=QUIZ, after="print(n)"):
    def code(source, *given):
        return new_code_cell(source, metadata={"tags": list(given)})

    return [
        new_markdown_cell("# 9. Counting"),
        code("n = 3\ncheck = print"),
        new_markdown_cell(quiz, metadata={"tags": ["quiz"]}),
        new_markdown_cell(text),
        *([code(stub, "exercise")] if stub else []),
        *([code(solution, "hide-cell", "solution")] if solution else []),
        code(after),
    ]


def look(cells):
    return exercises("09_count", cells), questions("09_count", cells)


def test_the_example_follows_the_format():
    (exercise,), (question,) = look(example())
    assert (exercise.name, exercise.stars, exercise.answer) == ("9.1", 1, "my_n")
    assert question.text == "How many?"
    assert [choice.is_right for choice in question.choices] == [False, False, True]
    assert question.choices[1].text == "Two, or so."


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": TEXT.replace("Hint 1", "Help")}, "exercise 9.1: there is no hint"),
        (
            {"text": TEXT.replace("Solution", "Hint 2")},
            "exercise 9.1: the text ends with no solution",
        ),
        ({"text": TEXT.replace("9.1", "8.1")}, "exercise 8.1: the number does not begin"),
        ({"text": TEXT[: -len("</details>")]}, "exercise 9.1: a <details> is not closed"),
        ({"text": TEXT.replace("my_n = 3", "3")}, "exercise 9.1: the code of the solution, as one"),
        ({"stub": None}, "exercise 9.1: no cell tagged exercise"),
        ({"stub": "my_n = 0"}, "exercise 9.1: no cell tagged exercise with dots"),
        ({"stub": "my_n = ... +"}, "exercise 9.1: invalid syntax"),
        ({"stub": "m = unknown\nmy_n = ..."}, "exercise 9.1: the stub does not run: 'unknown'"),
        ({"solution": None}, "exercise 9.1: no cell tagged solution"),
        ({"solution": "right = 3"}, "exercise 9.1: the solution calls no check"),
        ({"solution": 'check(my_n, 3, name="9.2")'}, "exercise 9.1: the solution calls no check"),
        ({"solution": 'a = 1\ncheck(a, 3, name="9.1")'}, "exercise 9.1: what is checked needs 'a'"),
        ({"after": "print(right)"}, "'right' is defined by a solution"),
        ({"solution": f"n = 1\n{SOLUTION}"}, "'n' is defined by a solution"),
        (
            {"quiz": QUIZ.replace("- **B.** Still too few.\n", "")},
            "question 1: choice B has no expl",
        ),
        ({"quiz": QUIZ.replace("Right. ", "")}, "question 1: exactly one"),
        ({"quiz": QUIZ.replace("Answers to question 1", "Answers")}, "question 1: no <details>"),
        ({"quiz": "## Quiz\n\nWhat?"}, "tagged quiz holds no"),
    ],
)
def test_a_departure_names_chapter_and_exercise(change, complaint):
    with pytest.raises(LessonError) as error:
        look(example(**change))
    assert str(error.value).startswith("09_count")
    assert complaint in str(error.value)


def test_make_notebooks_fails_with_the_name_alone(monkeypatch, capsys):
    def departs(chapter):
        return look(example(stub=None))

    monkeypatch.setattr(notebook_products, "lesson_names", lambda: ["09_count"])
    monkeypatch.setattr(notebook_products, "products", departs)
    monkeypatch.setattr(answers, "STORE", Path("no store"))
    assert notebook_products.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("09_count, exercise 9.1: ")
    assert said.count("\n") == 1


def test_a_cell_of_no_exercise_is_noticed():
    cells = example()
    cells.append(new_code_cell("x = ...", metadata={"tags": ["exercise"]}))
    with pytest.raises(LessonError, match=r"'x = \.\.\.' belongs to no exercise"):
        look(cells)


def test_an_indistinct_mistake_names_the_exercise():
    recorded = {"9.1": answers.record("9.1", 3.0, {"almost": 3.1}, tolerance=0.1)}
    with pytest.raises(LessonError, match=r"exercise 9\.1: the mistake 'almost'"):
        kept_answers("09_count", example(), recorded, MOUSE.name)


def test_details_are_found_in_every_chapter(lesson, cells):
    """The expressions above find what they look for in the real chapters, too."""
    assert sum(len(DETAILS.findall(cell.source)) for cell in cells) >= 9
    assert lessons.predictions(read_source("# %% [markdown]\n# **Predict first.** Why?").cells)
