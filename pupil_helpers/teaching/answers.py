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
ROUNDED = "Nearly: give the number as it was computed, not rounded."
MOST_ROUNDED = 8
"""Arrays of more values are not written by hand."""
MOST_STEPS = 50_000
"""Up to so many values to each side are tried to see whether an answer was rounded: 0.1 s."""


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

    def is_right(other):
        found = matches(name, other, kept["right"])
        return found is not None and bool(found.all())

    if said := slip(answer, shape, is_right):
        return said
    if said := unfit(answer, shape, kept["missing"]):
        return said
    if _is_cut_off(name, answer, kept["right"]):
        return ROUNDED
    if right.size == 1:
        return "Not yet: that is not the number. The hints say how to get there."
    places = np.array(_places(name, answer))
    first = np.unravel_index(places[~right].min(), answer.shape)
    where = tuple(int(i) for i in first) if len(first) > 1 else int(first[0])
    return (
        f"Not yet: {(~right).sum()} of {right.size} values looked at {are((~right).sum())} not as "
        f"expected; the first is at index {where}."
    )


def slip(answer: np.ndarray, shape: tuple[int, ...], is_right) -> str | None:
    """What to say where a small slip explains the answer: a sign, a unit, an order; else None.

    Parameters
    ----------
    answer : ndarray of float
    shape : tuple of int
        What is asked for.
    is_right : function of ndarray
        Whether an array is the right answer.
    """
    with np.errstate(over="ignore"):
        tried = {
            "The sign is the wrong way round.": -answer,
            "A thousand times too large: which unit is asked for?": answer / 1000,
            "A thousand times too small: which unit is asked for?": answer * 1000,
            "Those are percent: give a share, between 0 and 1.": answer / 100,
            "That is a share: give percent.": answer * 100,
        }
    if answer.ndim:
        tried["The numbers are right, but their order is the wrong way round."] = answer[::-1]
    if answer.ndim > 1:
        tried["Rows and columns are the wrong way round."] = answer.T
    if answer.size == math.prod(shape) and answer.shape != shape:
        kind = f"shape {shape}" if shape else "a single number"
        tried[f"The numbers are right; give them as {kind}, not as {answer.shape}."] = (
            answer.reshape(shape)
        )
    return next((said for said, other in tried.items() if is_right(other)), None)


def unfit(answer: np.ndarray, shape: tuple[int, ...], may_miss: bool) -> str | None:
    """What to say of an answer of the wrong shape, or without the numbers; None if it may do."""
    if answer.shape != shape and not shape:
        return f"Your answer has shape {answer.shape}; a single number is asked for."
    if answer.shape != shape:
        kind = f"has shape {answer.shape}" if answer.shape else "is a single number"
        return f"Your answer {kind}; it should have shape {shape}."
    for wrong, kind in ((np.isnan(answer), "missing (NaN)"), (np.isinf(answer), "infinite")):
        if wrong.any() and not may_miss:
            many = "Your answer is" if not shape else f"Of your {answer.size} values {wrong.sum()}"
            verb = f" {are(wrong.sum())}" if shape else ""
            return f"{many}{verb} {kind}: numbers are asked for."
    return None


def are(count: int) -> str:
    """The verb."""
    return "is" if count == 1 else "are"


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
    steps = float(value) / 2.0**step
    return round(steps) if math.isfinite(steps) else str(float(value))


def _is_cut_off(name: str, values: np.ndarray, kept: dict) -> bool:
    """Whether a few numbers are the right ones, written with fewer digits."""
    digits = [decimals(value) for value in values.flat]
    if None in digits or not 1 <= len(digits) <= MOST_ROUNDED:
        return False
    half = 0.5 / 10 ** max(digits)
    if half / 2.0 ** kept["step"] > MOST_STEPS / len(digits):
        return False
    for place, wanted in enumerate(kept["hashes"]):
        low, high = (_rounded(values.flat[place] + side, kept["step"]) for side in (-half, half))
        if not any(_hash(name, place, k) == wanted for k in range(low, high + 1)):
            return False
    return True


def decimals(value: float) -> int | None:
    """How many digits a number is written with after the point; None if it has an exponent."""
    _, point, digits = repr(float(value)).partition(".")
    return len(digits.rstrip("0")) if point and "e" not in digits else None


def _hash(name: str, place: int, value: int | str) -> str:
    return hashlib.blake2b(f"{name} {place} {value}".encode(), digest_size=4).hexdigest()
