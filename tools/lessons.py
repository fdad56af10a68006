"""What a chapter asks of its readers, read from its source by tags and a few fixed words.

The format is in ``CONTRIBUTING.md``; whatever departs from it is an error that names the chapter
and the exercise or question.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from dataclasses import dataclass

from chapters import tags

TITLE = re.compile(r"^### Exercise (\d+\.\d+)(?: (★{1,3}))?: (.+)$", re.M)
TRY = re.compile(r"^\*\*Your turn \(two minutes\)\.\*\* ")
DETAILS = re.compile(r"<details>\n<summary>(.*?)</summary>\n(.*?)\n</details>\n?", re.S)
GOOD = "What a good answer contains"
QUESTION = re.compile(r"^\*\*Question (\d+)\.\*\* ", re.M)
CHOICE = re.compile(r"^- \*\*([A-F])\.\*\* (.+(?:\n  .+)*)", re.M)
PREDICT = re.compile(r"^\*\*Predict first\.\*\* (.+(?:\n.+)*)", re.M)
TOLD = re.compile(r"Solution|Answers to question \d+")
"""What the student's notebook leaves out, by the words on which one would click."""


class LessonError(ValueError):
    """A chapter departs from the format."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: where its cells are, and what its text offers.

    Attributes
    ----------
    name : str
        Such as ``"2.1"``; ``"2.0"`` is the two-minute stub in the middle of chapter 2.
    title : str
    stars : int
        1 to 3; 0 for the two-minute stub.
    text, stub, solution : int or None
        Numbers of the cells; an open-ended exercise has no solution, and perhaps no stub.
    offers : tuple of str
        What can be opened: hints, the solution, what a good answer contains.
    answer : str
        The expression that is checked; empty for an open-ended exercise.
    trained : bool
        Whether the right answer depends on trained networks.
    """

    name: str
    title: str
    stars: int
    text: int
    stub: int | None
    solution: int | None
    offers: tuple[str, ...]
    answer: str
    trained: bool

    @property
    def is_open(self) -> bool:
        return GOOD in self.offers


@dataclass(frozen=True)
class Choice:
    """A choice of a question, and what to say to who takes it."""

    letter: str
    text: str
    why: str

    @property
    def is_right(self) -> bool:
        return self.why.startswith("Right")


@dataclass(frozen=True)
class Question:
    """A question of the quiz."""

    number: int
    text: str
    choices: tuple[Choice, ...]


def exercises(chapter: str, cells: list) -> list[Exercise]:
    """All exercises of a chapter, in order; the first departure from the format is raised."""
    found = []
    for k, cell in enumerate(cells):
        if cell.cell_type != "markdown" or "teacher" in tags(cell):
            continue
        title = TITLE.search(cell.source)
        if title:
            number, stars, words = title.groups()
            found.append(_exercise(chapter, cells, k, number, words, len(stars or "")))
        elif TRY.match(cell.source):
            found.append(_exercise(chapter, cells, k, f"{int(chapter[:2])}.0", "your turn", 0))
    claimed = {at for exercise in found for at in (exercise.stub, exercise.solution)}
    for k, cell in enumerate(cells):
        if {"exercise", "solution"} & set(tags(cell)) and k not in claimed:
            raise LessonError(f"{chapter}: the cell {_start(cell)} belongs to no exercise's text")
    _names_are_there(chapter, cells, found)
    return found


def questions(chapter: str, cells: list) -> list[Question]:
    """The questions of the quiz; empty without a quiz."""
    quizzes = [cell.source for cell in cells if "quiz" in tags(cell)]
    found = []
    for source in quizzes:
        _, *parts = QUESTION.split(source)
        if not parts:
            raise LessonError(f"{chapter}: a cell tagged quiz holds no '**Question 1.** '")
        found += [
            _question(chapter, int(number), text)
            for number, text in zip(parts[::2], parts[1::2], strict=True)
        ]
    return found


def predictions(cells: list) -> list[str]:
    """The questions that are to be answered before reading on."""
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return [" ".join(m[1].split()) for text in texts for m in PREDICT.finditer(text)]


def solution_code(source: str) -> str:
    """The code that the text of an exercise gives as its solution; empty if it gives none."""
    solution = dict(DETAILS.findall(source)).get("Solution", "")
    return "\n".join(re.findall(r"```python\n(.*?)```", solution, re.S))


def without_answers(source: str) -> str:
    """A Markdown cell without its solution and without what is said of the choices."""
    kept = DETAILS.sub(lambda m: "" if TOLD.fullmatch(m[1]) else m[0], source)
    return re.sub(r"\n{3,}", "\n\n", kept).strip()


def _exercise(chapter, cells, k, name, title, stars) -> Exercise:
    def fail(what):
        raise LessonError(f"{chapter}, exercise {name}: {what}")

    if name.split(".")[0] != str(int(chapter[:2])):
        fail("the number does not begin with the chapter's")
    offers = tuple(summary for summary, _ in DETAILS.findall(cells[k].source))
    if cells[k].source.count("<details>") != len(offers):
        fail("a <details> is not closed, or not written as the others are")
    following = {}
    for at in range(k + 1, min(k + 3, len(cells))):
        for tag in {"exercise", "solution"} & set(tags(cells[at])):
            following.setdefault(tag, at)
    stub, solution = following.get("exercise"), following.get("solution")
    if GOOD in offers:
        if solution is not None or "Solution" in offers:
            fail("an open-ended exercise has no solution")
        return Exercise(name, title, stars, k, stub, None, offers, "", False)
    if not any(offer.startswith("Hint") for offer in offers):
        fail("there is no hint")
    if offers[-1] != "Solution":
        fail(f"the text ends with no solution (or, if it is open-ended, with {GOOD!r})")
    if stub is None or "..." not in cells[stub].source:
        fail("no cell tagged exercise with dots to replace follows the text")
    if solution != stub + 1:
        fail("no cell tagged solution follows the stub")
    answer = _checked(cells[solution].source, name)
    if answer is None:
        fail(f'the solution calls no check(my_answer, …, name="{name}")')
    asked = names(answer, chapter)[0] & names(cells[stub].source, f"{chapter}, exercise {name}")[1]
    if missing := asked - names(solution_code(cells[k].source), chapter)[1]:
        fail(f"the code of the solution, as one would paste it, defines no {sorted(missing)[0]!r}")
    trained = "trained" in tags(cells[solution])
    return Exercise(name, title, stars, k, stub, solution, offers, answer, trained)


def _checked(source: str, name: str) -> str | None:
    """The first argument of the call of ``check`` with this name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "check" and node.args:
            given = {
                keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords
            }
            if given.get("name") == name:
                return ast.get_source_segment(source, node.args[0])
    return None


def _question(chapter: str, number: int, text: str) -> Question:
    def fail(what):
        raise LessonError(f"{chapter}, question {number}: {what}")

    told = DETAILS.search(text)
    if told is None or told[1] != f"Answers to question {number}":
        fail(f"no <details> with <summary>Answers to question {number}</summary>")
    asked = text[: told.start()]
    choices = dict(CHOICE.findall(asked))
    reasons = dict(CHOICE.findall(told[2]))
    for letter in choices:
        if letter not in reasons:
            fail(f"choice {letter} has no explanation")
    found = tuple(
        Choice(letter, " ".join(words.split()), " ".join(reasons[letter].split()))
        for letter, words in choices.items()
    )
    if set(reasons) != set(choices) or len(choices) < 3:
        fail("three choices or more are needed, and an explanation for each")
    if sum(choice.is_right for choice in found) != 1:
        fail("exactly one explanation begins with 'Right'")
    return Question(number, " ".join(CHOICE.split(asked)[0].split()), found)


def _names_are_there(chapter: str, cells: list, found: list[Exercise]) -> None:
    """Nothing but a solution may need what a solution defines: students have no solutions."""
    known, only_solved = set(dir(builtins)), set()
    owner = {e.solution: e for e in found if e.solution is not None}
    stubs = {e.stub: e for e in found if e.stub is not None}
    for k, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        where = f", exercise {stubs[k].name}" if k in stubs else ""
        if k in owner:
            exercise = owner[k]
            used, _ = names(exercise.answer, chapter)
            if missing := used - known:
                raise LessonError(
                    f"{chapter}, exercise {exercise.name}: what is checked needs "
                    f"{sorted(missing)[0]!r}, which the cells before the solution do not define"
                )
            only_solved |= names(cell.source, chapter)[1]
            continue
        used, defined = names(cell.source, f"{chapter}{where}")
        if needed := (used & only_solved) - defined:
            raise LessonError(
                f"{chapter}{where}: {sorted(needed)[0]!r} is defined by a solution, and the cell "
                f"{_start(cell)} needs it; students have no solutions"
            )
        if k in stubs and (missing := used - known - defined):
            raise LessonError(
                f"{chapter}{where}: the stub does not run: {sorted(missing)[0]!r} is not defined"
            )
        known |= defined
        only_solved -= defined


def names(source: str, where: str) -> tuple[set[str], set[str]]:
    """Names that a cell takes from outside, and names that it defines at the top."""
    try:
        top = symtable.symtable(re.sub(r"(?m)^\s*[%!].*$", "pass", source), where, "exec")
    except SyntaxError as error:
        raise LessonError(f"{where}: {error.msg} in {source.splitlines()[0]!r}") from error
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    inner = list(top.get_children())
    while inner:
        table = inner.pop()
        inner += table.get_children()
        used |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return used, defined


def _start(cell) -> str:
    return repr(cell.source.strip().splitlines()[0][:60])
