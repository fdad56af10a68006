"""Say in what a chapter departs from the format that CONTRIBUTING.md describes.

    python tools/check_chapter.py 03_linear_models [another ...]

Prints what is to be mended; exit status 1 if anything is.
"""

from __future__ import annotations

import re
import sys

from chapters import FOLDED, read_source, script_path, tags
from lessons import LessonError, exercises, predictions, questions
from minutes import LONGEST, minutes, stated

PREDICTIONS, EXERCISES, QUESTIONS = 2, range(3, 6), range(4, 6)


def departures(chapter: str, cells: list) -> list[str]:
    """What is to be mended, a sentence each; empty if the chapter follows the format."""
    try:
        found, quiz, of = (look(chapter, cells) for look in (exercises, questions, minutes))
    except LessonError as error:
        return [str(error)]
    return [
        *_of_exercises(chapter, found),
        *_of_cells(cells),
        *_of_quiz(chapter, cells, quiz),
        *_of_minutes(of, stated(cells)),
    ]


def _of_exercises(chapter, found) -> list[str]:
    number, problems = int(chapter[:2]), []
    names = [exercise.name for exercise in found]
    if names.count(f"{number}.0") != 1 or names[0] != f"{number}.0":
        problems.append("one '**Your turn (two minutes).** ' belongs in the flow, before Exercises")
    listed = [exercise for exercise in found if exercise.name != f"{number}.0"]
    if len(listed) not in EXERCISES:
        problems.append(f"there are {len(listed)} exercises; three to five are wanted")
    if [e.name for e in listed] != [f"{number}.{k}" for k in range(1, len(listed) + 1)]:
        problems.append(f"number the exercises in order, from {number}.1")
    for e in listed:
        if not e.stars:
            problems.append(f"exercise {e.name}: give it stars, '### Exercise {e.name} ★★: …'")
        if not e.is_open and e.offers[:2] != ("Hint 1", "Hint 2"):
            problems.append(f"exercise {e.name}: two hints, Hint 1 and Hint 2")
    if [e.name for e in listed if e.is_open] != [e.name for e in listed if e.stars == 3]:
        problems.append(
            "what has ★★★ is open-ended ('What a good answer contains'), and the reverse"
        )
    if sum(e.is_open for e in listed) != 1:
        problems.append("exactly one exercise is open-ended, with ★★★")
    return problems


def _of_cells(cells) -> list[str]:
    problems = []
    if len(predictions(cells)) < PREDICTIONS:
        problems.append("two paragraphs begin with '**Predict first.** '")
    notes = "\n".join(cell.source for cell in cells if "teacher" in tags(cell))
    problems += [
        f"a Markdown cell tagged teacher holds '{words}'"
        for words in ("**On the board.**", "**Typical mistakes, and what to say.**")
        if words not in notes
    ]
    for cell in cells:
        first = cell.source.strip().splitlines()[0]
        if FOLDED & set(tags(cell)) and not re.match(r"# @title \S", first):
            problems.append(f"the folded cell {first[:50]!r} begins with '# @title …', for Colab")
    return problems


def _of_quiz(chapter, cells, quiz) -> list[str]:
    problems = []
    if len(quiz) not in QUESTIONS:
        problems.append(f"the quiz has {len(quiz)} questions; four or five are wanted")
    if [question.number for question in quiz] != list(range(1, len(quiz) + 1)):
        problems.append("number the questions in order, from 1")
    marked = [k for k, cell in enumerate(cells) if "quiz" in tags(cell)]
    if len(marked) != 1 or not cells[marked[0]].source.startswith("## Quiz\n"):
        problems.append("one Markdown cell tagged quiz begins with '## Quiz'")
    elif "\n## Exercises" in "\n".join(f"\n{cell.source}" for cell in cells[: marked[0]]):
        problems.append("the quiz comes before the exercises")
    return problems


def _of_minutes(of, said) -> list[str]:
    problems = []
    if said != (of.main, of.more):
        problems.append(
            f"**Time.** begins with 'About {of.main} minutes, {of.more} more with the quiz and the "
            "exercises.' (written by `python tools/minutes.py --write`)"
        )
    if of.main > LONGEST:
        problems.append(f"the main text takes {of.main} minutes, more than {LONGEST}: split it")
    return problems


def main(chapters: list[str]) -> int:
    to_mend = 0
    for chapter in chapters:
        cells = read_source(script_path(chapter).read_text("utf-8")).cells
        found = departures(chapter, cells)
        to_mend += len(found)
        print(
            f"{chapter}: " + ("\n    ".join(["to mend", *found]) if found else "follows the format")
        )
    return int(to_mend > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
