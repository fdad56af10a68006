"""The teaching guide: schedules without holes, with time enough for what they name."""

import re
from itertools import pairwise

import minutes as reading
import pytest
from chapters import ROOT, lesson_names, read_source, script_path
from lessons import exercises

TEXT = (ROOT / "book" / "teaching.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d+:\d\d)–(\d+:\d\d) \| (.+) \|$", re.M)
TOTAL = {"90 minutes": 90, "3 hours": 180, "One day": 450, "Five days": 450}
"""Minutes from the first row to the last, on each day."""
ROOM = 1.1  # a class takes longer than a reader
QUIZ = 5  # minutes
CHAPTERS = {int(name[:2]): name for name in lesson_names()}
CELLS = {n: read_source(script_path(name).read_text("utf-8")).cells for n, name in CHAPTERS.items()}


def schedule(title: str) -> list[tuple[int, int, list[str]]]:
    """Start, end (minutes) and what is done, of each row: five things, on five days."""
    (section,) = re.findall(rf"^## {title}.*?(?=^## |\Z)", TEXT, re.M | re.S)
    days = 5 if title == "Five days" else 1
    rows = [(clock(a), clock(b), what.split(" | ")[:days]) for a, b, what in ROW.findall(section)]
    assert all(len(what) == days for *_, what in rows)
    return rows


def clock(time: str) -> int:
    hours, minutes = time.split(":")
    return 60 * int(hours) + int(minutes)


def numbers(what: str, word: str) -> list[str]:
    """The numbers that follow a word: 1 and 2.5 in "chapters 1 and 2.5, with"."""
    lists = re.findall(rf"{word}s? ((?:\d[\d.]*(?:, | and )?)+)", what)
    return [number.rstrip(".") for each in lists for number in re.findall(r"\d[\d.]*", each)]


def needed(what: str) -> float:
    """Minutes that a reader takes for the sections, chapters and exercises that a row names."""
    if "quiz" in what:
        return 0 if "question" in what else QUIZ * len(numbers(what, "chapter"))
    if "at home" in what:
        return 0
    total = 0
    for number in map(int, numbers(what, "Chapter")):
        of = reading.minutes(CHAPTERS[number], CELLS[number])
        sections = re.findall(r"\*([^*]+)\*", what)
        total += (
            sum(of.sections[name] for name in sections) if sections else sum(of.sections.values())
        )
    for name in numbers(what, "[Ee]xercise"):
        number = int(name.split(".")[0])
        stars = {e.name: e.stars for e in exercises(CHAPTERS[number], CELLS[number])}
        total += reading.EXERCISE[stars[name]]
    return total


@pytest.mark.parametrize("title", TOTAL)
def test_a_schedule_has_no_holes_and_ends_on_time(title):
    rows = schedule(title)
    assert rows[-1][1] - rows[0][0] == TOTAL[title]
    for (_, end, what), (start, *_) in pairwise(rows):
        assert end == start, what


@pytest.mark.parametrize("title", TOTAL)
def test_there_is_time_for_what_is_planned(title):
    for start, end, planned in schedule(title):
        for what in planned:
            assert ROOM * needed(what) <= end - start, (
                f"{what}: a reader needs {needed(what):.1f} of {end - start} minutes"
            )


def test_five_days_have_every_chapter():
    read = " ".join(w for *_, planned in schedule("Five days") for w in planned if "quiz" not in w)
    assert {int(number) for number in numbers(read, "Chapter")} == set(CHAPTERS)


def what_it_needs(cells) -> set[int]:
    """The chapters that the first cell of a chapter asks for."""
    (said,) = re.findall(r"\*\*What you need\.\*\*(.+?)\n\n", cells[0].source, re.S)
    said = re.sub(r"[^.]*\bnot needed\.", "", " ".join(said.split()))
    spans = re.sub(
        r"(\d+) to (\d+)", lambda m: " and ".join(map(str, range(int(m[1]), int(m[2]) + 1))), said
    )
    return set(map(int, numbers(spans, "[Cc]hapter")))


def test_the_table_has_what_every_chapter_says_that_it_needs():
    rows = re.findall(r"^\| (\d+) [^|]+\| ([^|]+) \|", TEXT, re.M)
    assert [int(number) for number, _ in rows] == list(CHAPTERS)
    for number, needs in rows:
        said = set(map(int, re.findall(r"\d+", needs)))
        assert said == what_it_needs(CELLS[int(number)]), f"chapter {number}"
        assert all(other < int(number) for other in said)


def test_the_table_links_the_slides_of_every_chapter():
    found = re.findall(r'^\| (\d+) .*<a href="\.\./slides/(\w+)\.html">slides</a> \|$', TEXT, re.M)
    assert [(int(number), name) for number, name in found] == list(CHAPTERS.items())


def test_too_little_time_is_noticed():
    assert needed("Chapter 1: *The pupil*") > 5
    assert needed("Chapter 1, with exercises 1.1 and 1.2") == needed("Chapter 1") + 15
    assert needed("Chapters 4 and 5") == needed("Chapter 4") + needed("Chapter 5")
    assert needed("The quizzes of chapters 8 and 9") == 10
    assert needed("Lunch") == 0
    with pytest.raises(KeyError):
        needed("Chapter 1: *A section that is not there*")
