"""No result is typed into the prose of a chapter; see ``bare_numbers.py``."""

import bare_numbers
import pytest
from bare_numbers import ALLOWED, Entry, compare, find, prose, read_allowed
from shared import CHAPTERS

HELP = "`python tests/book/bare_numbers.py` prints what to change in tests/book/bare_numbers.txt"


@pytest.fixture(scope="module")
def allowed():
    return read_allowed(ALLOWED.read_text("utf-8"))


@pytest.fixture(scope="module")
def texts():
    return bare_numbers.chapter_prose()


def test_every_number_in_prose_is_computed_or_may_stand(chapter, texts, allowed):
    missing, useless = compare(chapter, texts[chapter], allowed)
    assert not missing, (
        f"book/{chapter}.py types what looks like a result: {missing[0].context!r}. Let a cell "
        f"print it; or, if it is a setting, a definition or a fact, say so in the list. {HELP}"
    )
    assert not useless, f"the list allows what is not there: {useless[0].context!r}. {HELP}"


def test_the_list_is_about_chapters_that_exist(allowed):
    assert {entry.chapter for entry in allowed} <= set(CHAPTERS)
    assert len(set(allowed)) == len(allowed)


# -- the check itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "The ceiling is 0.29 here.",
        "The ceiling is .29 here.",
        "It fell to -0.03, as it should.",
        "It explains 46 % of the variance.",
        "It explains 46% of it.",
        "It explains 3 to 5 percent.",
        "It is 3 times as large.",
        "It is three times as large.",
        "It is tenfold.",
        "It won on 7 of 36 regions.",
        "It is wrong in 13 of the 40 mice.",
        "It takes a tenth of the time.",
        "It is higher by half a hundredth.",
        "Ridge takes more than half.",
        "Lead of 0.5–0.7 in all.",
        "| SCs | 0.31 |",
        "- a list with 1.5 in it",
        "## It is 0.4 wide",
    ],
)
def test_what_looks_like_a_result_is_found(text):
    assert find(prose(text)), text


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 0.29\n```",
        "set `lr=0.01` here",
        r"$$\lambda = 0.5 \\ 46 \%$$",
        "for $0.15$ s and $p <\n0.05$ too",
        "[a paper](https://doi.org/10.1038/s41586-019-1787-x)",
        "see https://example.org/10.5/x",
        "# 8. Testing",
        "### Exercise 8.1: bits per spike",
        "as in exercises 8.1 and 8.2",
        "1. first\n2. second",
        "**Time.** About 40 minutes, 1.5 hours with\nthe exercises, 90 % of it reading.\n\nNext.",
        "six regions, 300 trials, 250 bins of 10 ms, chapter 4",
        "a quarter of a second; five networks, one of them a third one, at times",
        "<details>\n<summary>Hint 1</summary>",
    ],
)
def test_code_formulas_links_numbering_and_plain_counts_are_not(text):
    assert find(prose(text)) == [], text


def test_a_number_is_shown_with_the_words_around_it():
    (found,) = find(prose("In this region\nthe *ceiling* was 0.29, which is a low one."))
    assert found.context == "the ceiling was 0.29, which is a"


def test_a_new_number_is_missing_until_it_is_listed_and_an_unused_entry_is_useless():
    text = prose("Bins of 0.01 s. The score is 0.4 at best.")
    setting = Entry("02_x", "Bins of 0.01 s", "a setting")
    missing, useless = compare("02_x", text, [setting])
    assert [found.context for found in missing] == ["The score is 0.4 at best."]
    assert useless == []
    everything = [setting, Entry("02_x", missing[0].context, "a fact")]
    assert compare("02_x", text, everything) == ([], [])
    for stale in ("Bins of 0.02 s", "at best"):  # gone; holds no number
        entry = Entry("02_x", stale, "a setting")
        assert compare("02_x", text, [*everything, entry]) == ([], [entry])
    other = Entry("03_y", setting.context, "a setting")
    assert len(compare("02_x", text, [other])[0]) == 2  # another chapter's entry covers nothing


def test_one_entry_covers_the_number_in_the_same_words_only():
    text = prose("a step of 0.5 here, and a score of 0.5 there")
    missing, _ = compare("02_x", text, [Entry("02_x", "step of 0.5", "a setting")])
    assert [found.context for found in missing] == ["a score of 0.5 there"]


@pytest.mark.parametrize("line", ["02_x | 0.5", "02_x | 0.5 | ?", "02_x | 0.5 |", "x | y | z | w"])
def test_lines_without_a_reason_are_refused(line):
    with pytest.raises(ValueError, match="why it may stand"):
        read_allowed(f"# a comment\n\n{line}\n")


def test_missing_lines_are_printed_ready_to_be_completed(monkeypatch, tmp_path, capsys):
    listed = tmp_path / "list.txt"
    listed.write_text("02_x | gone 0.1 | a fact\n", "utf-8")
    monkeypatch.setattr(bare_numbers, "ALLOWED", listed)
    monkeypatch.setattr(bare_numbers, "chapter_prose", lambda: {"02_x": "a score of 0.5 there"})
    assert bare_numbers.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "02_x | a score of 0.5 there | ?",
        "# no longer used: 02_x | gone 0.1 | a fact",
    ]
    listed.write_text(lines[0].replace("?", "a definition"), "utf-8")
    assert bare_numbers.main() == 0
