"""Checks for the exercises that say *what* is wrong, and not only that something is."""

from __future__ import annotations

import contextlib
import io
import os

import numpy as np

from pupil_helpers.teaching import answers

NOT_YET = "Not answered yet: replace the dots and run this cell again."
BOOK = "PUPIL_HELPERS_BOOK"
"""The environment variable that is set while the book is built."""


class Verdict(int):
    """1 or 0, of which a notebook shows nothing: the sentence that was printed says it."""

    def _ipython_display_(self):
        pass


def check(
    answer, expected=None, mistakes=None, tolerance=1e-6, *, name=None, session=None, within=None
) -> bool:
    """Compare an answer with the expected one and print what to look at.

    Parameters
    ----------
    answer : number, array_like, function, or ...
        The reader's answer; ``...`` or None counts as not answered yet. A function without
        arguments is called for it, so that an error in it is said in a sentence.
    expected : number or array_like, optional
        The right answer. Left out, the answer is compared with what the package keeps of the
        right one under ``name``.
    mistakes : dict of str to array_like, optional
        What to say, keyed to the wrong answer that calls for it. The first that matches is said.
    tolerance : float, default 1e-6
        Largest difference that still counts as equal, relative to the largest expected value.
        Where all expected values are 0 (or below 1e-9, as rounding leaves them) it is absolute.
    name : str, optional
        The exercise, such as ``"2.1"``; needed where ``expected`` is left out.
    session : Session, optional
        The recording that the answer comes from. What is kept is about the simulated mouse.
    within : dict, optional
        ``globals()`` of the notebook, for exercises whose right answer depends on trained
        networks: it is computed from the networks in there.

    Returns
    -------
    int
        1 if the answer is right, and 0 if not. As the last line of a cell it shows nothing.

    Raises
    ------
    ValueError
        If ``expected`` is left out and nothing is kept under ``name``.
    """
    if expected is None and name is None:
        raise ValueError("check needs the expected answer, or the name of an exercise")
    if expected is not None and name is not None:
        _show_to_build(name, expected, mistakes or {}, tolerance)
    answer, problem = _as_numbers(answer)
    if problem is None and expected is not None:
        problem = find_problem(answer, expected, mistakes or {}, tolerance)
    elif problem is None and within is not None:
        problem = _computed_problem(answer, name, within)
    elif problem is None:
        problem = answers.problem(answer, name, session)
    print(problem or "Right.")
    return Verdict(problem is None)


def find_problem(answer: np.ndarray, expected, mistakes: dict, tolerance: float) -> str | None:
    """What is wrong with an answer, in one sentence; None if it is right."""
    expected = np.asarray(expected, dtype=float)
    if _equal(answer, expected, tolerance):
        return None
    for what_to_say, wrong in mistakes.items():
        if _equal(answer, np.asarray(wrong, dtype=float), tolerance):
            return what_to_say
    found = answers.slip(
        answer, expected.shape, lambda other: _equal(other, expected, tolerance)
    ) or answers.unfit(answer, expected.shape, not np.isfinite(expected).all())
    if found is None and _is_rounded(answer, expected):
        return answers.ROUNDED
    return found or _off(answer, expected, tolerance)


def _is_rounded(answer, expected) -> bool:
    digits = [answers.decimals(value) for value in answer.flat]
    if None in digits or not digits:
        return False
    return np.array_equal(answer, np.round(expected, max(digits)))


def _off(answer, expected, tolerance) -> str:
    """Which value is furthest off, and to which side; not by how much, which would give it away."""
    distance = np.abs(np.nan_to_num(answer) - np.nan_to_num(expected))
    worst = np.unravel_index(distance.argmax(), distance.shape)
    side = "large" if np.nan_to_num(answer[worst]) > np.nan_to_num(expected[worst]) else "small"
    if not worst:
        return f"Not yet: your number is too {side}. The hints say how to get there."
    wrong = (distance > tolerance * _scale(expected)).sum()
    where = worst[0] if len(worst) == 1 else tuple(int(i) for i in worst)
    return (
        f"Not yet: {wrong} of {distance.size} values {answers.are(wrong)} not as expected; "
        f"furthest off is the one at index {where}, which is too {side}."
    )


def _as_numbers(answer) -> tuple[np.ndarray | None, str | None]:
    """The answer as an array of numbers, or else the sentence that says why it is none."""
    if callable(answer):
        try:
            answer = answer()
        except Exception as error:  # whatever the reader's own code raises
            return None, f"Your code stopped with {type(error).__name__}: {error}."
    if answer is None or answer is ...:
        return None, NOT_YET
    if isinstance(answer, (list, tuple)) and any(part is ... or part is None for part in answer):
        return None, NOT_YET
    if hasattr(answer, "detach"):  # a torch tensor, perhaps on a GPU
        answer = answer.detach().cpu()
    kind = type(answer).__name__
    try:
        if not isinstance(answer, str):
            return np.asarray(answer, dtype=float), None
    except Exception:  # whatever it is, it holds other things than numbers
        if isinstance(answer, (list, tuple)):
            kind += ", not all of it numbers, or in rows of different length"
    return None, f"Your answer is a {kind}; a number or an array of numbers is asked for."


def _computed_problem(answer: np.ndarray, name: str, within: dict) -> str | None:
    """Compare with what the kept solution computes from a copy of the notebook's own names."""
    found = []

    def compare(_, expected, mistakes=None, tolerance=1e-6, **__):
        found.append(find_problem(answer, expected, mistakes or {}, tolerance))
        return True

    names = {**within, "check": compare}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(answers.entry(name)["code"], f"<check {name}>", "exec"), names)
    except Exception as error:  # cells that were changed or left out
        if not found:
            return (
                f"The check could not run ({type(error).__name__}: {error}): run the cells above "
                "from the top, unchanged, and then this one again."
            )
    return found[0] if found else "This check cannot judge this recording: try the simulated mouse."


def _show_to_build(name: str, expected, mistakes: dict, tolerance: float) -> None:
    """While the book is built, leave numbers in the chapter's outputs for ``make notebooks``."""
    if os.environ.get(BOOK):
        from IPython.display import publish_display_data

        publish_display_data({answers.MIME: answers.record(name, expected, mistakes, tolerance)})


def _equal(a, b, tolerance) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=0, atol=tolerance * _scale(b), equal_nan=True))


def _scale(expected) -> float:
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    return largest if largest > 1e-9 else 1.0  # beside 0 nothing is relatively close
