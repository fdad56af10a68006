"""Make the students' and the teachers' notebooks of every chapter, and what its checks know.

    make notebooks

``book/student/`` has no solutions: in their place stand checks that ask the package.
``book/teacher/`` has all there is, with the minutes of each section. What the package keeps of the
answers, ``pupil_helpers/teaching/answers.json``, comes from the chapters that the last build ran.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
from chapters import (
    ROOT,
    clean,
    lesson_names,
    notebook_path,
    read_source,
    script_path,
    tags,
    write_notebook,
)
from jupyter_cache import get_cache
from lessons import Exercise, LessonError, exercises, names, questions, without_answers
from minutes import minutes
from nbformat.v4 import new_code_cell, new_markdown_cell
from set_repository import ADDRESS, current

from pupil_helpers.recordings import load_session
from pupil_helpers.teaching import answers

FOR_STUDENTS = """\
**This is your notebook.** Save a copy first (in Colab, *File → Save a copy in Drive*), write your
answers in place of the dots, and run the check below each. The solutions, and what is behind every
choice of the quiz, are on [the page of this chapter]({page})."""
FOR_TEACHERS = """\
# For the teacher: {title}

This notebook holds the chapter with its solutions, and notes such as this one, which readers do not
see. The students' notebook is `book/student/{chapter}.ipynb`, the slides are linked from [the page
of the chapter]({page}).

| section | minutes |
|---|---|
{sections}
| **main text** | **{main}** |
| quiz | {quiz} |
{exercises}"""


def source(chapter: str, root: Path = ROOT) -> list:
    """The cells of a chapter's script with stable ids: those of its notebook where they are."""
    cells = read_source(script_path(chapter, root).read_text("utf-8")).cells
    ids = iter(
        [cell.id for cell in nbformat.read(notebook_path(chapter, root), as_version=4).cells]
    )
    for k, cell in enumerate(cells):
        cell.id = f"teacher-{k}" if "teacher" in tags(cell) else next(ids, f"new-{k}")
    return cells


def student(chapter: str, cells: list) -> nbformat.NotebookNode:
    """The notebook without solutions, explanations and notes for the teacher."""
    found = {e.solution: e for e in exercises(chapter, cells) if e.solution is not None}
    page = page_address(chapter)
    new = []
    for k, cell in enumerate(cells):
        if k in found:
            new.append(_check_cell(cell, found[k], cells[:k]))
        elif "quiz" in tags(cell):
            end = f"\n\nWhat is behind every choice: [the page of this chapter]({page}#quiz)."
            new.append(nbformat.from_dict({**cell, "source": without_answers(cell.source) + end}))
        elif cell.cell_type == "markdown" and "teacher" not in tags(cell):
            new.append(nbformat.from_dict({**cell, "source": without_answers(cell.source)}))
        elif "teacher" not in tags(cell):
            new.append(cell)
    new.insert(1, new_markdown_cell(FOR_STUDENTS.format(page=page), id="for-students"))
    return clean(nbformat.v4.new_notebook(cells=new))


def teacher(chapter: str, cells: list) -> nbformat.NotebookNode:
    """The notebook with everything, and the minutes in front."""
    of = minutes(chapter, cells)
    stars = {e.name: "★" * e.stars for e in exercises(chapter, cells)}
    front = FOR_TEACHERS.format(
        title=cells[0].source.splitlines()[0].removeprefix("# "),
        chapter=chapter,
        page=page_address(chapter),
        sections="\n".join(f"| {title} | {value:.0f} |" for title, value in of.sections.items()),
        main=of.main,
        quiz=f"{of.quiz:.0f}",
        exercises="\n".join(
            f"| exercise {name} {stars[name]} | {value} |" for name, value in of.exercises.items()
        ),
    )
    first = new_markdown_cell(front, id="for-teachers")
    return clean(nbformat.v4.new_notebook(cells=[first, *cells]))


def page_address(chapter: str, root: Path = ROOT) -> str:
    """Where the chapter's page is published."""
    owner, name = ADDRESS.match(current(root)).groups()
    return f"https://{owner}.github.io/{name}/book/{chapter}.html"


def products(chapter: str, root: Path = ROOT) -> dict[Path, str]:
    """The text of both notebooks of a chapter, by path.

    Raises
    ------
    LessonError
        If the chapter departs from the format; names the chapter and the exercise or question.
    """
    cells = source(chapter, root)
    questions(chapter, cells)
    made = {"student": student, "teacher": teacher}
    return {
        root / "book" / kind / f"{chapter}.ipynb": write_notebook(
            make(chapter, source(chapter, root))
        )
        for kind, make in made.items()
    }


def kept_answers(chapter: str, cells: list, recorded: dict, session: str) -> dict[str, dict]:
    """What the package keeps of a chapter's answers; ``recorded`` has those of the last build."""
    kept = {}
    for exercise in exercises(chapter, cells):
        if exercise.trained:
            kept[exercise.name] = {"code": cells[exercise.solution].source}
        elif exercise.name in recorded:
            try:
                kept[exercise.name] = answers.kept_of(recorded[exercise.name], session)
            except ValueError as error:
                raise LessonError(f"{chapter}, exercise {exercise.name}: {error}") from error
    return kept


def executed(chapter: str, root: Path = ROOT) -> nbformat.NotebookNode | None:
    """The chapter's page with the outputs of the last build; None if that did not run it."""
    cache = get_cache(str(root / "_build" / ".jupyter_cache"))
    try:
        found = cache.match_cache_notebook(
            nbformat.read(notebook_path(chapter, root), as_version=4)
        )
    except KeyError:
        return None
    return cache.get_cache_bundle(found.pk).nb


def recorded_answers(chapter: str, root: Path = ROOT) -> dict[str, dict]:
    """What the checks of a chapter showed when it was last run; empty if it was not."""
    run = executed(chapter, root)
    outputs = [
        output.data[answers.MIME]
        for cell in (run.cells if run else [])
        for output in cell.get("outputs", [])
        if answers.MIME in output.get("data", {})
    ]
    return {each["name"]: each for each in outputs}


def _check_cell(solution, exercise: Exercise, before: list):
    code = (cell.source for cell in before if cell.cell_type == "code")
    reads_one = any("session" in names(source, exercise.name)[1] for source in code)
    how = "within=globals()" if exercise.trained else "session=session"
    how = how if exercise.trained or reads_one else "session=None"  # what is asked needs none
    call = f'check({exercise.answer}, name="{exercise.name}", {how})'
    return new_code_cell(call, id=f"{solution.id}-check", metadata={"tags": ["check"]})


def main() -> int:
    before = json.loads(answers.STORE.read_text("utf-8")) if answers.STORE.exists() else {}
    session, kept, missing = load_session("simulated").name, {}, []
    for chapter in lesson_names():
        try:
            for path, text in products(chapter).items():
                if not path.exists() or path.read_text("utf-8") != text:
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(text, "utf-8")
                    print(f"{path.relative_to(ROOT)}: written")
            cells = source(chapter)
            new = kept_answers(chapter, cells, recorded_answers(chapter), session)
        except LessonError as error:
            print(error, file=sys.stderr)
            return 1
        for exercise in exercises(chapter, cells):
            if exercise.name in new or exercise.name in before:
                kept[exercise.name] = new.get(exercise.name) or before[exercise.name]
            elif not exercise.is_open:
                missing.append(exercise.name)
    text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    if kept != before:
        answers.STORE.write_text(text, "utf-8")
        print(f"{answers.STORE.relative_to(ROOT)}: written")
    if missing:
        print(f"note: no recorded answers of {', '.join(missing)}: `make book notebooks` adds them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
