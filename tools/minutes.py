"""How long a chapter takes, computed from its source.

    python tools/minutes.py            print the minutes of every chapter, section by section
    python tools/minutes.py --write    and write them after **Time.** in each chapter's script

Names of chapters, such as 01_eda, after it choose among them.

Reading goes at 200 words a minute; a visible code cell takes half a minute more, a figure one.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass

from chapters import FOLDED, chapter_names, read_source, script_path, tags
from lessons import TITLE, TRY, exercises, questions

WORDS_A_MINUTE = 200
CODE_CELL, FIGURE, QUIZ, YOUR_TURN = 0.5, 1.0, 5, 2  # minutes
EXERCISE = {1: 5, 2: 10, 3: 20}  # by stars
LONGEST = 60  # of a chapter's main text
NO_WORDS = re.compile(r"^(```|~~~).*?^\1[^\n]*$|(?<=\])\([^)\s]*\)|<[^>]+>|[*_|#$]", re.M | re.S)
TIME = re.compile(r"(\*\*Time\.\*\* About )(\d+)( minutes, )(\d+)( more with the)")


@dataclass(frozen=True)
class Minutes:
    """Minutes of a chapter: of each section of the main text, of the quiz and each exercise."""

    sections: dict[str, float]
    quiz: float
    exercises: dict[str, int]

    @property
    def main(self) -> int:
        """The main text, to the next five minutes."""
        return _to_five(sum(self.sections.values()))

    @property
    def more(self) -> int:
        """The quiz and the exercises, to the next five minutes."""
        return _to_five(self.quiz + sum(self.exercises.values()))


def minutes(chapter: str, cells: list) -> Minutes:
    """The minutes of a chapter from the cells of its source."""
    sections, now = {}, "Introduction"
    for cell in cells:
        own = set(tags(cell))
        if cell.cell_type == "code":
            if not own & {"setup", "exercise", "solution"}:
                sections[now] = sections.get(now, 0) + _of_code(cell)
            continue
        if own & {"teacher", "quiz"} or TITLE.search(cell.source):
            continue
        if TRY.match(cell.source):
            sections[now] = sections.get(now, 0) + YOUR_TURN
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.M):
            if title := re.match(r"## (.+)", part):
                now = title[1]
            words = len(NO_WORDS.sub(" ", part).split())
            sections[now] = sections.get(now, 0) + words / WORDS_A_MINUTE
    found = exercises(chapter, cells)
    stars = {e.name: EXERCISE[e.stars or 2] for e in found if not e.name.endswith(".0")}
    return Minutes(sections, QUIZ if questions(chapter, cells) else 0, stars)


def stated(cells: list) -> tuple[int, int] | None:
    """The two numbers after **Time.**; None if they are not written as they should be."""
    found = TIME.search(cells[0].source)
    return (int(found[2]), int(found[4])) if found else None


def write(chapter: str, of: Minutes) -> None:
    """Put the computed minutes into a chapter's script."""
    path = script_path(chapter)
    text = path.read_text("utf-8")
    path.write_text(TIME.sub(rf"\g<1>{of.main}\g<3>{of.more}\g<5>", text, count=1), "utf-8")


def _of_code(cell) -> float:
    hidden = FOLDED & set(tags(cell))
    is_figure = "image" in cell.metadata.get("mystnb", {}) or "explore(" in cell.source
    return (0 if hidden else CODE_CELL) + FIGURE * is_figure


def _to_five(value: float) -> int:
    return 5 * math.ceil(value / 5 - 1e-9)


def main(arguments: list[str]) -> int:
    too_long = False
    chosen = [name for name in arguments if name != "--write"]
    for chapter in chosen or chapter_names():
        cells = read_source(script_path(chapter).read_text("utf-8")).cells
        of = minutes(chapter, cells)
        print(f"{chapter}: {of.main} minutes, {of.more} more; stated {stated(cells)}")
        for title, value in of.sections.items():
            print(f"    {value:4.0f}  {title}")
        if of.main > LONGEST:
            too_long = True
            print(f"    the main text is longer than {LONGEST} minutes: split it")
        if "--write" in arguments:
            write(chapter, of)
    return int(too_long)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
