"""Where a search keeps its evaluations: one line of JSON each, safe against a kill at any moment.

The first line says what was searched; every other line is one finished evaluation. A line is
forced to the disk before the search goes on. A kill in the middle of a write leaves a torn last
line, which is cut off when the search is taken up again. Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten

from .._files import locked, write_text

NAME = "evaluations.jsonl"

FAILED = {
    "status": "fail", "loss": None, "blocks": None, "seconds": 0.0, "curve": [], "n_steps": None,
    "error": None,
}  # fmt: skip
"""What comes of an evaluation that fails before it begins; every result has the same names.

Status is "ok", "pruned" (stopped early: its loss is where it stood then) or "fail"; the loss is
in bits per spike, and the mean of the losses on the inner ``blocks``; the curve is the loss after
each of ``n_steps`` steps: checks of a network on its way, or blocks if models are fitted once per
block."""
RECORD = ("evaluation", "params", "drawn", *FAILED)
"""What is kept of it: its number, its parameters, what hyperopt drew to make them, its result."""


class EvaluationLog:
    """Finished evaluations by number, in ``records`` and, if there is a ``path``, on disk."""

    def __init__(self, records: dict[int, dict], path: Path | None = None):
        self.records, self.path = records, path

    def append(self, record: dict) -> None:
        """Keep one finished evaluation; on return it is on the disk. Raises OSError."""
        if self.path is not None:
            line = json.dumps(record, allow_nan=False).encode() + b"\n"
            try:
                with open(self.path, "ab", buffering=0) as file:
                    while line:  # a disk that fills up takes a part first
                        line = line[file.write(line) :]
                    os.fsync(file.fileno())
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"evaluation {record['evaluation']} could not be written to {self.path} "
                    f"({error.strerror}); make room and search on with the same folder",
                ) from None
        self.records[record["evaluation"]] = record


@contextlib.contextmanager
def open_log(folder=None, about: dict | None = None) -> Iterator[EvaluationLog]:
    """The evaluations in a folder, to which no other process may write meanwhile.

    Parameters
    ----------
    folder : path, optional
        Made if it is not there; by default evaluations are kept in memory only.
    about : dict
        What is searched.

    Raises
    ------
    ValueError
        If the folder has a search over something else or a damaged one, or is in use.
    OSError
        If it cannot be written to.
    """
    if folder is None:
        yield EvaluationLog({})
        return
    path = Path(folder).expanduser() / NAME
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path.with_name("lock"), wait=False))
        except BlockingIOError:
            raise ValueError(
                f"another search is writing to {folder}; wait for it or choose another folder"
            ) from None
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot keep a search in {folder} ({error.strerror}); choose a folder that you "
                "can write to",
            ) from None
        if not path.exists():
            write_text(path, json.dumps({"about": about}) + "\n")
        found, records, n_bytes = read(path)
        check_same(path, found, about)
        os.truncate(path, n_bytes)  # a torn last line
        yield EvaluationLog(records, path)


def check_same(path: Path, found: dict, about: dict) -> None:
    """Refuse a search over something else, as losses are comparable within one search only."""
    for key, value in about.items():
        if found.get(key) != value:
            there, now = (shorten(str(v), 80, placeholder=" ...") for v in (found.get(key), value))
            raise ValueError(
                f"{path} holds a search with another {key} ({there} there, {now} now); choose "
                "another folder, or search as before"
            )


def read_folder(folder) -> list[dict]:
    """The finished evaluations in a folder in order of number; changes nothing there."""
    path = Path(folder).expanduser() / NAME
    if not path.exists():
        raise ValueError(f"there is no search in {folder} ({NAME} is missing); give its folder")
    return in_order(read(path)[1])


def read(path: Path) -> tuple[dict, dict[int, dict], int]:
    """What was searched, the finished evaluations, and how many bytes hold whole lines."""
    text = path.read_bytes()
    *lines, torn = text.split(b"\n")
    parsed = [_parse(line) for line in lines]
    if not parsed or not isinstance(parsed[0].get("about"), dict):
        raise ValueError(f"{path} is not the record of a search; choose another folder")
    for number, record in enumerate(parsed[1:], start=2):
        lacking = [name for name in RECORD if name not in record and name != "blocks"]
        if lacking:
            raise ValueError(
                f"line {number} of {path} is damaged (it has no {lacking[0]!r}); delete that line "
                "(its evaluation is then repeated), or choose another folder"
            )
    unknown = {"blocks": None}  # in what was written before they were kept
    records = {record["evaluation"]: unknown | record for record in parsed[1:]}
    return parsed[0]["about"], records, len(text) - len(torn)


def _parse(line: bytes) -> dict:
    """The content of a line; nothing if it is no JSON with names and values."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def in_order(records: dict[int, dict]) -> list[dict]:
    return [records[number] for number in sorted(records)]
