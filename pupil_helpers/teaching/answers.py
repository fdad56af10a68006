"""What the package keeps of the exercises' answers: enough to check one, not the answer itself.

``answers.json`` holds salted hashes of rounded values, for the right answer and for each mistake
that the chapters name. It is written by ``make notebooks`` from what the chapters computed with
the simulated mouse when the book was built. An answer that depends on trained networks differs
from machine to machine; of those the file holds the solution's code, which is run anew.
"""

from __future__ import annotations

import hashlib
import json
import math
from functools import cache
from pathlib import Path

import numpy as np

STORE = Path(__file__).with_name("answers.json")
MIME = "application/vnd.pupilencoder.answer+json"
MOST_PLACES = 64
"""Of a larger array, so many values are looked at, chosen by chance from the exercise's name."""


def fingerprint(name: str, values, tolerance: float) -> dict:
    """What is kept of an array: its shape, how fine it is rounded, and a hash for each place.

    Parameters
    ----------
    name : str
        The exercise, such as ``"2.1"``; it salts the hashes.
    values : array_like of float
        The answer; NaN and infinite values are values like others.
    tolerance : float
        Largest difference that is surely accepted, relative to the largest value (absolute where
        all are 0). Rounding makes the check more generous, up to four times.

    Returns
    -------
    dict
        ``shape``, ``step`` (the power of 2 to whose multiples values are rounded) and ``hashes``.
    """
    values = np.asarray(values, dtype=float)
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    step = math.ceil(math.log2(tolerance * (largest if largest > 1e-9 else 1.0)))
    hashes = [
        _hash(name, place, _rounded(values.flat[place], step)) for place in _places(name, values)
    ]
    return {"shape": list(values.shape), "step": step, "hashes": hashes}


def matches(name: str, values: np.ndarray, kept: dict) -> np.ndarray | None:
    """Which of the places that are looked at hold the kept value; None if the shape is another."""
    if list(values.shape) != kept["shape"]:
        return None
    found = []
    for place, wanted in zip(_places(name, values), kept["hashes"], strict=True):
        middle = _rounded(values.flat[place], kept["step"])
        near = [middle] if isinstance(middle, str) else [middle - 1, middle, middle + 1]
        found.append(any(_hash(name, place, value) == wanted for value in near))
    return np.array(found, dtype=bool)


def problem(answer: np.ndarray, name: str, session=None) -> str | None:
    """What is wrong with an answer, by what is kept of the right one; None if it is right.

    Parameters
    ----------
    answer : ndarray of float
    name : str
        The exercise.
    session : Session, optional
        The recording that the answer comes from; the kept answers are the simulated mouse's.
    """
    kept = entry(name)
    right = matches(name, answer, kept["right"])
    if right is not None and right.all():
        return None
    for mistake in kept["mistakes"]:
        same = matches(name, answer, mistake)
        if same is not None and same.all():
            return mistake["say"]
    shape = tuple(kept["right"]["shape"])
    missing = int(np.isnan(answer).sum())
    if session is not None and session.name != kept["session"]:
        return _of_another_recording(answer, shape, missing, session.name, kept["session"])
    if right is None:
        return f"Your answer has shape {answer.shape}; it should have {shape}."
    if missing and not kept["missing"]:
        return f"Your answer has {missing} missing values (NaN) that should be numbers."
    if right.size == 1:
        return "Not yet: that is another number than the expected one."
    places = np.array(_places(name, answer))
    first = np.unravel_index(places[~right].min(), answer.shape)
    where = tuple(int(i) for i in first) if len(first) > 1 else int(first[0])
    return (
        f"Not yet: of {right.size} values looked at, {(~right).sum()} are not as expected; the "
        f"first of them is at index {where}."
    )


def entry(name: str) -> dict:
    """What is kept of one exercise.

    Raises
    ------
    ValueError
        If nothing is kept under this name.
    """
    kept = store().get(name)
    if kept is None:
        raise ValueError(f"there is no exercise {name!r} with a check; known are {list(store())}")
    return kept


def record(name: str, expected, mistakes: dict, tolerance: float) -> dict:
    """What a chapter shows to ``make notebooks`` when the book is built: plain lists of numbers."""
    arrays = {say: np.asarray(wrong, dtype=float) for say, wrong in mistakes.items()}
    return {
        "name": name,
        "tolerance": tolerance,
        "right": np.asarray(expected, dtype=float).tolist(),
        "mistakes": {say: wrong.tolist() for say, wrong in arrays.items()},
    }


def kept_of(recorded: dict, session: str) -> dict:
    """The entry of ``answers.json`` that belongs to what :func:`record` returned.

    Raises
    ------
    ValueError
        If a mistake cannot be told from the right answer: the tolerance is too large, or it is no
        mistake with this mouse.
    """
    name, tolerance = recorded["name"], recorded["tolerance"]
    right = fingerprint(name, recorded["right"], tolerance)
    mistakes = []
    for say, wrong in recorded["mistakes"].items():
        same = matches(name, np.asarray(wrong, dtype=float), right)
        if same is not None and same.all():
            raise ValueError(f"the mistake {say!r} cannot be told from the right answer")
        mistakes.append({"say": say, **fingerprint(name, wrong, tolerance)})
    missing = bool(np.isnan(np.asarray(recorded["right"], dtype=float)).any())
    return {"session": session, "missing": missing, "right": right, "mistakes": mistakes}


def _of_another_recording(answer, shape, missing, session, known) -> str:
    what = f"This check knows the answer for {known!r} only, and you work with {session!r}."
    if answer.ndim != len(shape):
        return f"{what} Yours has shape {answer.shape}; it should have {len(shape)} dimensions."
    if missing == answer.size:
        return f"{what} Yours holds no numbers, only missing values (NaN)."
    return f"{what} Yours has the right kind of shape, {answer.shape}."


@cache
def store() -> dict[str, dict]:
    """Everything that is kept, by exercise."""
    return json.loads(STORE.read_text("utf-8"))


def _places(name: str, values: np.ndarray) -> list[int]:
    """Positions in the flattened array that are looked at: the first and the last always."""
    n = values.size
    if n <= MOST_PLACES:
        return list(range(n))
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    inner = np.random.RandomState(seed).permutation(n - 2)[: MOST_PLACES - 2] + 1
    return sorted({0, n - 1, *inner.tolist()})


def _rounded(value: float, step: int) -> int | str:
    return round(value / 2.0**step) if math.isfinite(value) else str(float(value))


def _hash(name: str, place: int, value: int | str) -> str:
    return hashlib.blake2b(f"{name} {place} {value}".encode(), digest_size=4).hexdigest()
