"""Which trials to learn from and which to test on.

Neighbouring trials resemble each other: arousal, electrode drift and behaviour change slowly.
A random split therefore leaves near-copies of every test trial in the training set, and a model
that only knows *when* in the session it is can score well. Contiguous test blocks with a gap on
both sides take that advantage away.
"""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

MOST_TRIALS = 10_000_000  # no mouse works so long: a larger number is a slip


class Split(NamedTuple):
    """Trial numbers to train on and trial numbers to test on, two int arrays."""

    train: np.ndarray
    test: np.ndarray


def blocked_folds(n_trials: int, n_folds: int = 5, gap: int = 2) -> list[Split]:
    """Cut a session into contiguous test blocks, each with the rest as training trials.

    Parameters
    ----------
    n_trials : int
        Trials in the session.
    n_folds : int, default 5
        Number of blocks. Every trial is in exactly one test block.
    gap : int, default 2
        Trials left out of training on each side of the test block.

    Returns
    -------
    list of Split
        One per block, in order of time; indices are sorted.

    Raises
    ------
    ValueError
        If an argument is not a whole number, or there are too few trials for that many blocks
        and that gap.
    """
    n_trials, n_folds = _whole("n_trials", n_trials, 1), _whole("n_folds", n_folds, 2)
    return inner_blocks(np.arange(n_trials), n_folds, gap)


def inner_blocks(train, n_blocks: int = 5, gap: int = 2) -> list[Split]:
    """The same cut, within the training trials of an outer split.

    For early stopping and for choosing hyperparameters without touching the outer test block.

    Parameters
    ----------
    train : array_like of int, (n,)
        Training trials as numbers in the session, such as ``Split.train``.
    n_blocks : int, default 5
        Number of inner blocks of (nearly) equal size.
    gap : int, default 2
        Trials left out of inner training on each side of the inner block, counted in trial
        numbers of the session: across the hole left by an outer block nothing more is dropped
        than lies within ``gap`` trials.

    Returns
    -------
    list of Split
        ``train`` and ``test`` hold the original trial numbers.

    Raises
    ------
    ValueError
        If ``train`` is not a list of distinct trials, or too short for the blocks and the gap;
        if ``n_blocks`` or ``gap`` is not a whole number.
    """
    trials = np.asarray(train)
    if trials.ndim != 1 or trials.dtype.kind not in "iu" or len(np.unique(trials)) < len(trials):
        raise ValueError("train must be a 1-D array of distinct whole trial numbers.")
    if ((trials < 0) | (trials > MOST_TRIALS)).any():
        raise ValueError(f"train must hold trial numbers from 0 to {MOST_TRIALS}.")
    trials = np.sort(trials).astype(int)
    n_blocks, gap = _whole("n_blocks", n_blocks, 2), _whole("gap", gap, 0)
    blocks = np.array_split(trials, n_blocks) if n_blocks <= len(trials) else []
    splits = [
        Split(trials[(trials < test[0] - gap) | (trials > test[-1] + gap)], test) for test in blocks
    ]
    if not splits or not all(len(split.train) for split in splits):
        raise ValueError(
            f"{len(trials)} trials are too few for {n_blocks} blocks with a gap of {gap}; "
            "use more trials, fewer blocks or a smaller gap."
        )
    return splits


def random_split(n_trials: int, test_share: float = 0.2, seed: int = 42) -> Split:
    """One random split over trials, as the original PupilEncoder made it.

    Kept for comparison: its test trials lie between training trials, so slow drift leaks.
    It is ``sklearn.model_selection.train_test_split`` of the trial numbers: the test part has
    ``ceil(test_share * n_trials)`` trials and both parts are in shuffled order.

    Parameters
    ----------
    n_trials : int
        Trials in the session.
    test_share : float, default 0.2
        Share of the trials to test on, between 0 and 1.
    seed : int, default 42
        The original's seed.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If ``n_trials`` is not a whole number, or either part would be empty.
    """
    n_trials = _whole("n_trials", n_trials, 1)
    n_test = int(np.ceil(test_share * n_trials)) if 0 < test_share < 1 else 0
    if not 0 < n_test < n_trials:
        raise ValueError(
            f"test_share {test_share} of {n_trials} trials leaves an empty part; "
            "use more trials or a share between 0 and 1."
        )
    return Split(*train_test_split(np.arange(n_trials), test_size=n_test, random_state=seed))


def _whole(name: str, value, least: int) -> int:
    """``value`` as an int; a half trial of gap would let the held-out block into training."""
    if (
        not isinstance(value, Integral)
        or isinstance(value, bool)
        or not least <= value <= MOST_TRIALS
    ):
        raise ValueError(f"{name} is {value!r}; give a whole number from {least} to {MOST_TRIALS}.")
    return int(value)
