"""Could the score have come about without any link between pupil and neurons?

Pupil and firing both drift over a session. Two slow drifts nearly always correlate, so
shuffling trials or time bins, which destroys the drift, compares the score with too easy a null:
unrelated signals pass as "significant" most of the time. The control to trust is
:func:`session_permutation`: pupils of *other* sessions drift just as much and cannot be related
to these neurons (Harris 2020, "Nonsense correlations in neuroscience",
doi:10.1101/2020.11.29.402719).

Every control takes a function ``score(pupil, counts)`` that returns one number per region,
larger for a closer link. **It must do everything from the start, fitting included**, as
:func:`refit_score` does, so that the real pairing and the null pairings are treated exactly
alike. A model fitted to the real pairing and then merely tested on another pupil is not
treated alike: it has met its own animal's pupil before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from .._files import read_table
from ..session import BIN_SIZE
from ..signals.rates import as_trials
from ..signals.splits import blocked_folds
from .cross_validation import cross_validate, join_folds
from .summary import SCORES, HeldOut

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


class ControlResult(NamedTuple):
    """Observed score (regions,), null scores (n, regions) and p-values (regions,)."""

    observed: np.ndarray
    null: np.ndarray
    p: np.ndarray


def p_value(observed, null) -> np.ndarray:
    """(1 + #≥) / (1 + n): how often a null pairing scores no less than the real one.

    Parameters
    ----------
    observed : array_like, (regions,)
    null : array_like, (n, regions)
        A score that is missing (NaN), in either place, counts against the real pairing.

    Returns
    -------
    ndarray, (regions,)
    """
    return (1 + (~(np.asarray(null) < observed)).sum(0)) / (1 + len(null))


def pooled_p(observed, nulls, n_draws: int = 9999, seed: int = 0) -> float:
    """One p-value for a region that several sessions have: is it linked in any of them?

    The mean of the observed scores over sessions, compared with means in which each session's score
    is drawn from all it has, the observed one included: whichever pupil is its own is as good as
    any other if there is no link (a permutation test in strata, by Monte Carlo).

    Parameters
    ----------
    observed : array_like, (sessions,)
        Scores of the real pairings; a session whose score is missing (NaN) is left out.
    nulls : sequence of array_like, (sessions,) of (n of its own,)
        Scores of the null pairings of each session.
    n_draws : int, default 9999
    seed : int, default 0

    Returns
    -------
    float
        NaN if no session is left, or none with a null pairing.
    """
    rng = np.random.default_rng(seed)
    kept = [(o, n) for o, n in zip(observed, nulls, strict=True) if not np.isnan(o) and len(n)]
    if not kept:
        return float("nan")
    total, drawn = 0.0, np.zeros(n_draws)
    for own, others in kept:
        total += own
        drawn += rng.choice(np.append(np.where(np.isnan(others), np.inf, others), own), n_draws)
    ties = 1e-9 * (1 + abs(total))  # the same scores added in the same order may differ by rounding
    return float((1 + (drawn >= total - ties).sum()) / (1 + n_draws))


def session_permutation(score: Score, pupil, counts, other_pupils) -> ControlResult:
    """Compare with the pupils of other sessions: the control that survives slow drift.

    If the neurons do not depend on this pupil, it is exchangeable with pupils from other
    sessions of the same task, however slowly they vary, and p ≤ 0.05 happens at most 5 % of
    the time. All sessions are cut to the trials of the shortest, the real one included.

    Parameters
    ----------
    score : callable
        ``score(pupil, counts)`` → (regions,), fitting included; see the module's note.
    pupil : array_like, (trials, bins, 3)
        Pupil of this session.
    counts : array_like, (trials, bins, regions)
        Counts of this session.
    other_pupils : sequence of array_like, each (trials of its own, bins, 3)
        Pupils of other sessions. p cannot be less than 1 / (1 + number of them): use 19 or more
        to reach 0.05, preferably from other animals.

    Returns
    -------
    ControlResult

    Raises
    ------
    ValueError
        If there is no other pupil, or its bins or channels differ.
    """
    pupil, counts = _pair(pupil, counts)
    others = [np.asarray(other) for other in other_pupils]
    if not others or any(o.ndim != 3 or o.shape[1:] != pupil.shape[1:] for o in others):
        raise ValueError(
            f"other_pupils must hold at least one array of shape (trials, *{pupil.shape[1:]}): "
            "cut the other sessions to the same bins and channels."
        )
    n_trials = min(len(pupil), *map(len, others))
    cut = (other[:n_trials] for other in others)
    return _compared(score, pupil[:n_trials], counts[:n_trials], cut)


def linear_shift(
    score: Score, pupil, counts, max_shift: int = 20, conservative: bool = True
) -> ControlResult:
    """Compare with the same pupil, moved by whole trials against the counts.

    Shifts run from ``-max_shift`` to ``max_shift``. The counts are always the same middle trials
    and nothing is wrapped around, so that all scores rest on the same number of trials, and no
    seam joins the end of the session to its start. Moving whole trials keeps what is locked to
    the stimulus. Valid if the pupil is stationary over the session (Harris 2020, "A shift test
    for independence in generic time series", arXiv:2012.06862); for slow drift prefer
    :func:`session_permutation`.

    Parameters
    ----------
    score, pupil, counts
        As in :func:`session_permutation`.
    max_shift : int, default 20
        Largest shift N in trials; ``trials - 2 N`` trials are left to score.
    conservative : bool, default True
        p = rank / (N + 1), which is never too small. Otherwise rank / (2 N + 1), the usual
        (1 + #≥) / (1 + n): right for many shifts and short memory, with twice the power.

    Raises
    ------
    ValueError
        If fewer than 10 trials would be left.
    """
    pupil, counts = _pair(pupil, counts)
    n, left = max_shift, len(counts) - 2 * max_shift
    if n < 1 or left < 10:
        raise ValueError(
            f"max_shift {n} leaves {left} of {len(counts)} trials; use a shift of at least 1 "
            "that leaves 10 trials or more."
        )
    middle = slice(n, n + left)
    moved = (pupil[n + shift :][:left] for shift in range(-n, n + 1) if shift != 0)
    result = _compared(score, pupil[middle], counts[middle], moved)
    if not conservative:
        return result
    return result._replace(p=np.minimum(1, result.p * (2 * n + 1) / (n + 1)))


def circular_shift(score: Score, pupil, counts, n: int = 99, seed: int = 0) -> ControlResult:
    """Like :func:`linear_shift`, but trials that fall off one end return at the other.

    Common, and too optimistic when the session drifts: wrapping puts a jump where
    the real pupil has none. For comparison.
    """
    pupil, counts = _pair(pupil, counts)
    shifts = np.random.default_rng(seed).permutation(np.arange(1, len(counts)))[:n]
    rolled = (np.roll(pupil, shift, axis=0) for shift in shifts)
    return _compared(score, pupil, counts, rolled)


def trial_shuffle(score: Score, pupil, counts, n: int = 99, seed: int = 0) -> ControlResult:
    """Compare with the pupil's trials in random order: fooled by drift. For comparison only."""
    pupil, counts = _pair(pupil, counts)
    rng = np.random.default_rng(seed)
    return _compared(score, pupil, counts, (rng.permutation(pupil) for _ in range(n)))


def time_shuffle(score: Score, pupil, counts, n: int = 99, seed: int = 0) -> ControlResult:
    """Compare with the bins of every trial in random order. For comparison only.

    All channels of a bin move together; trials keep their place. It destroys the smoothness of
    the pupil and its lock to the stimulus, so smooth or merely task-locked signals pass.
    """
    pupil, counts = _pair(pupil, counts)
    rng = np.random.default_rng(seed)
    orders = (rng.random(pupil.shape[:2]).argsort(1)[:, :, None] for _ in range(n))
    shuffled = (np.take_along_axis(pupil, order, axis=1) for order in orders)
    return _compared(score, pupil, counts, shuffled)


def refit_score(
    make_model: Callable, n_folds: int = 5, gap: int = 2, metric: str = "psth_relative"
) -> Score:
    """A score for the controls: blocked cross-validation with a new model in every fold.

    Parameters
    ----------
    make_model : callable
        ``make_model()`` returns an unfitted model with ``fit(pupil, counts)`` and
        ``predict(pupil)``. A fast one (ridge) is enough to test for a link. Scores of squared
        error smooth over 100 ms, in bins as wide as its ``bin_size_`` says after fitting, or of
        10 ms if it has none.
    n_folds, gap : int
        As in :func:`~pupil_helpers.signals.splits.blocked_folds`.
    metric : str, default "psth_relative"
        One of :data:`~pupil_helpers.evaluation.summary.SCORES`, over all trials.

    Returns
    -------
    callable
        ``score(pupil, counts)`` → (regions,).

    Raises
    ------
    ValueError
        If the metric is unknown.
    """
    if metric not in SCORES:
        raise ValueError(f"no metric {metric!r}; choose from {', '.join(SCORES)}.")

    def score(pupil, counts):
        splits = blocked_folds(len(counts), n_folds, gap)
        folds = list(cross_validate(make_model, pupil, counts, splits))
        bin_size = getattr(folds[0].model, "bin_size_", BIN_SIZE)
        trials, regions = np.arange(len(counts)), np.arange(counts.shape[2])
        held = HeldOut(counts, *join_folds(folds, counts), trials, regions, bin_size)
        return held.score(metric)

    return score


def stored_nulls() -> pd.DataFrame:
    """p-values of PupilEncoder under :func:`session_permutation`, refitted for every pairing.

    ``benchmarks/null.py`` made them, from simulated mice.

    Returns
    -------
    pandas.DataFrame
        One row per region of a mouse: ``kind``, ``mouse``, ``region``; ``linked``: whether the
        pupil drives the region; ``observed`` score and ``p``; ``others``: how many other mice lent
        their pupils, so that p cannot be less than 1 / (1 + others).
    """
    return read_table("evaluation/null_tests.csv")


def _pair(pupil, counts):
    pupil, counts = np.asarray(pupil), as_trials(counts, "counts")
    if pupil.ndim != 3 or pupil.shape[:2] != counts.shape[:2]:
        raise ValueError(
            f"pupil has shape {pupil.shape} and counts {counts.shape}; "
            "give both for the same trials and bins."
        )
    return pupil, counts


def _compared(score: Score, pupil, counts, null_pupils: Iterable) -> ControlResult:
    """The score of the real pairing beside those of the same counts with other pupils."""
    observed = np.atleast_1d(score(pupil, counts))
    null = np.stack([np.atleast_1d(score(other, counts)) for other in null_pupils])
    return ControlResult(observed, null, p_value(observed, null))
