"""Checks for the exercises that say *what* is wrong, and not only that something is."""

from __future__ import annotations

import numpy as np


def check(answer, expected, mistakes=None, tolerance: float = 1e-6) -> bool:
    """Compare an answer with the expected one and print what to look at.

    Parameters
    ----------
    answer : number, array_like, or ...
        The reader's answer; ``...`` or None counts as not answered yet.
    expected : number or array_like
        The right answer.
    mistakes : dict of str to array_like, optional
        What to say, keyed to the wrong answer that calls for it. The first that matches is said.
    tolerance : float, default 1e-6
        Largest difference that still counts as equal, relative to the largest expected value.
        Where all expected values are 0 (or below 1e-9, as rounding leaves them) it is absolute.

    Returns
    -------
    bool
        Whether the answer is right.
    """
    problem = find_problem(answer, expected, mistakes or {}, tolerance)
    print(problem or "Right.")
    return problem is None


def find_problem(answer, expected, mistakes, tolerance) -> str | None:
    """What is wrong with an answer, in one sentence; None if it is right."""
    if answer is None or answer is ...:
        return "Not answered yet: replace the dots and run this cell again."
    try:
        answer = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return f"Your answer is a {type(answer).__name__}; a number or an array is asked for."
    expected = np.asarray(expected, dtype=float)
    if _equal(answer, expected, tolerance):
        return None
    for what_to_say, wrong in mistakes.items():
        if _equal(answer, np.asarray(wrong, dtype=float), tolerance):
            return what_to_say
    if answer.shape != expected.shape:
        return f"Your answer has shape {answer.shape}; it should have {expected.shape}."
    missing = np.isnan(answer) & ~np.isnan(expected)
    if missing.any():
        return f"Your answer has {missing.sum()} missing values (NaN) that should be numbers."
    distance = np.abs(np.nan_to_num(answer) - np.nan_to_num(expected))
    worst = np.unravel_index(distance.argmax(), distance.shape)
    where = f", most at index {tuple(int(i) for i in worst)}" if worst else ""
    return (
        f"Not yet: your answer is off by {distance.max():.3g}{where}, where it has "
        f"{answer[worst]:.4g}."
    )


def _equal(a, b, tolerance) -> bool:
    if a.shape != b.shape:
        return False
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    scale = scale if scale > 1e-9 else 1.0  # beside 0 nothing is relatively close
    return bool(np.allclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True))
