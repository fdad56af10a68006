"""The teaching guide: schedules without holes, with time enough for what they name."""

import re
from itertools import pairwise

import minutes as reading
import pytest
from chapters import ROOT, chapter_names, read_source, script_path
from lessons import exercises

TEXT = (ROOT / "book" / "teaching.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d+:\d\d)–(\d+:\d\d) \| ([^|]+) \|", re.M)
TOTAL = {"90 minutes": 90, "3 hours": 180, "One day": 450}
CELLS = {
    int(name[:2]): read_source(script_path(name).read_text("utf-8")).cells
    for name in chapter_names()
}
CHAPTERS = {int(name[:2]): name for name in chapter_names()}


def schedule(title: str) -> list[tuple[int, int, str]]:
    """Start, end (minutes) and what is done, of each row of a schedule."""
    (section,) = re.findall(rf"^## {title}.*?(?=^## |\Z)", TEXT, re.M | re.S)
    return [(clock(start), clock(end), what) for start, end, what in ROW.findall(section)]


def clock(time: str) -> int:
    hours, minutes = time.split(":")
    return 60 * int(hours) + int(minutes)


def needed(what: str) -> float:
    """Minutes that a reader takes for the sections, chapters and exercises that a row names."""
    total = 0
    for number in map(int, re.findall(r"Chapter (\d+)", what)):
        of = reading.minutes(CHAPTERS[number], CELLS[number])
        sections = re.findall(r"\*([^*]+)\*", what)
        total += sum(of.sections[name] for name in sections) if sections else of.main
    for name in re.findall(r"[Ee]xercise (\d+\.\d+)", what):
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
    for start, end, what in schedule(title):
        assert needed(what) <= end - start, f"{what}: {needed(what):.0f} min in {end - start}"


def test_every_chapter_says_what_it_needs():
    rows = re.findall(r"^\| (\d+) [^|]+\| ([^|]+) \|", TEXT, re.M)
    assert [int(number) for number, _ in rows] == [n for n in CHAPTERS if n < 90]
    for number, needs in rows:
        assert all(int(other) < int(number) for other in re.findall(r"\d+", needs))


def test_too_little_time_is_noticed():
    assert needed("Chapter 1: *The pupil*") > 5
    assert needed("Chapter 1, with exercise 1.1") > 40
    assert needed("Lunch") == 0
    with pytest.raises(KeyError):
        needed("Chapter 1: *A section that is not there*")
