"""Numbers in the prose of chapters that look like results, and the list of those that may stand.

A result typed into a text goes stale, or is wrong from the start. So it must be printed by a cell.
Settings, definitions and facts may be typed, and so may what the chapter asserts when it runs;
``bare_numbers.txt`` lists them, one in a line::

    chapter | the number in its context | why it may stand

``python tests/book/bare_numbers.py`` prints the lines that are missing, each with a question mark
for its reason, and those that have become useless.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

ALLOWED = Path(__file__).with_suffix(".txt")
AROUND = 3  # words of context on either side

REMOVED = [  # what is no prose, and so may hold any number
    r"^(```|~~~).*?^\1[^\n]*$",  # code
    r"`[^`\n]*`",
    r"\$\$.*?\$\$",  # formulas
    r"(?<![\\$])\$[^$]+\$",
    r"(?<=\])\([^)\s]*\)",  # where links lead
    r"https?://\S+",
    r"<[^>]+>",
    r"\*\*Time\.\*\*.*?(?=\n\s*\n|\Z)",
    r"^#+ +\d+\. ",  # numbering of headings and lists
    r"^\s*\d+\. ",
    r"\b[Ee]xercises? \d+\.\d+((,| and| to) \d+\.\d+)*",
]
WORDS = "two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|a hundred|a thousand"
PARTS = "third|quarter|fifth|sixth|seventh|eighth|ninth|tenth|twentieth|hundredth|thousandth"
NUMBER = r"(?<![\w.,])\d+(?:[.,]\d+)*"
RESULT = re.compile(
    rf"""(?x)
    {NUMBER}(?:\ (?:to|or|and)\ \d[\d.]*)?\ ?(?:%|percent\b|per\ cent\b)   # 46 %
    | {NUMBER}(?:-|\ )(?:times|fold)\b                    # 3 times
    | \b(?:{WORDS})(?:-|\ )?(?:times|fold)\b              # three times
    | {NUMBER}\ (?:of|in|out\ of)\ (?:the\ |all\ )?\d+    # 7 of 36
    | \b(?:a|one|two|three|four)\ (?:{PARTS})s?\ (?:of|more|less|fewer|as|above|below)\b
      (?!\ a\ (?:second|minute))                         # a tenth of
    | \b(?:half\ a\ (?:{PARTS})|(?:more|less)\ than\ (?:half|twice))\b
    | (?<![\w.])\d*\.\d+(?![\w.]*\d)                      # 0.29
    """
)


class Found(NamedTuple):
    """A number that looks like a result: where it is in the prose, and some words around it."""

    start: int
    end: int
    context: str


class Entry(NamedTuple):
    """A line of the list."""

    chapter: str
    context: str
    reason: str


def prose(markdown: str) -> str:
    """The words of a chapter in one line, without code, formulas and what links lead to."""
    for pattern in REMOVED:
        markdown = re.sub(pattern, " … ", markdown, flags=re.M | re.S)
    markdown = re.sub(r"[*_|#]", " ", markdown)
    return re.sub(r"(…\s*)+", "… ", re.sub(r"\s+", " ", markdown)).strip()


def find(text: str) -> list[Found]:
    """All numbers in prose that look like results."""
    found = []
    for match in RESULT.finditer(text):
        before = re.search(rf"(?:\S+ ){{0,{AROUND}}}\S*$", text[: match.start()])[0]
        after = re.match(rf"\S*(?: \S+){{0,{AROUND}}}", text[match.end() :])[0]
        found.append(Found(*match.span(), f"{before}{match[0]}{after}".strip()))
    return found


def read_allowed(text: str) -> list[Entry]:
    """The entries of a list; empty lines and those that begin with # are left out.

    Raises
    ------
    ValueError
        If a line has not three parts, or gives no reason.
    """
    entries = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3 or not all(parts) or parts[2] == "?":
            raise ValueError(
                f"{line!r} is not 'chapter | number in its context | why it may stand'"
            )
        entries.append(Entry(*parts))
    return entries


def compare(chapter: str, text: str, allowed: list[Entry]) -> tuple[list[Found], list[Entry]]:
    """Numbers that no entry covers, and entries of this chapter that cover none."""
    mine = [entry for entry in allowed if entry.chapter == chapter]
    found, used, covered = find(text), set(), set()
    for entry in mine:
        for match in re.finditer(re.escape(entry.context), text):
            inside = [f for f in found if match.start() <= f.start and f.end <= match.end()]
            covered.update(inside)
            used.update([entry] if inside else [])
    missing = [f for f in found if f not in covered]
    return missing, [entry for entry in mine if entry not in used]


def chapter_prose() -> dict[str, str]:
    """The prose of every chapter, by name."""
    from chapters import chapter_names, read_script, script_path

    texts = {}
    for name in chapter_names():
        if script_path(name).exists():
            cells = read_script(script_path(name).read_text("utf-8")).cells
            words = [cell.source for cell in cells if cell.cell_type == "markdown"]
            texts[name] = prose("\n\n".join(words))
    return texts


def main() -> int:
    allowed, texts = read_allowed(ALLOWED.read_text("utf-8")), chapter_prose()
    listed = 0
    for name, text in texts.items():
        missing, useless = compare(name, text, allowed)
        listed += len(missing) + len(useless)
        for line in dict.fromkeys(found.context for found in missing):
            print(f"{name} | {line} | ?")
        for entry in useless:
            print(f"# no longer used: {' | '.join(entry)}")
    for entry in allowed:
        if entry.chapter not in texts:
            print(f"# no such chapter: {' | '.join(entry)}")
    return int(listed > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
    sys.exit(main())
