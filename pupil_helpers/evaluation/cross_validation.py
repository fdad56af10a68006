"""Cross-validation: fit a new model in every fold and predict the trials that it left out.

There is one loop for all who need it: comparisons, null tests, searches and unique contributions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..metrics.scores import psth
from ..signals.splits import Split


class Fold(NamedTuple):
    """A model fitted to the training trials of a split, and what it says of the test trials.

    ``predicted`` (test trials, bins, regions) expected counts per bin; ``psth`` (bins, regions)
    that of the training trials; ``seconds`` the fit took.
    """

    split: Split
    model: object
    predicted: np.ndarray
    psth: np.ndarray
    seconds: float


def fit_fold(model, pupil, counts, split: Split) -> Fold:
    """Fit ``model`` itself, not a copy, to the training trials and predict the test trials.

    Parameters
    ----------
    model
        Anything with ``fit(pupil, counts)`` and ``predict(pupil)``.
    pupil : ndarray, (trials, bins, 3)
        The whole session's.
    counts : ndarray, (trials, bins, regions)
        The whole session's.
    split : Split
        Which trials to train on, and which to test on.

    Raises
    ------
    ValueError
        If the prediction has not the shape of the counts, or as the model raises.
    """
    train, test = split
    start = time.perf_counter()
    model.fit(pupil[train], counts[train])
    seconds = time.perf_counter() - start
    predicted = np.asarray(model.predict(pupil[test]))
    expected = (len(test), *counts.shape[1:])
    if predicted.shape != expected:
        raise ValueError(
            f"{type(model).__name__} predicts an array of shape {predicted.shape}, expected "
            f"{expected}: expected counts of (trials, bins, regions)."
        )
    return Fold(split, model, predicted, psth(counts[train]), seconds)


def cross_validate(make_model: Callable, pupil, counts, splits: Iterable[Split]) -> Iterator[Fold]:
    """Fit a new model in every fold, one fold after the other, so that a caller may stop.

    Parameters
    ----------
    make_model : callable
        ``make_model()`` returns an unfitted model.
    pupil, counts
        As in :func:`fit_fold`.
    splits : iterable of Split
        From :mod:`pupil_helpers.signals.splits`.

    Yields
    ------
    Fold
    """
    for split in splits:
        yield fit_fold(make_model(), pupil, counts, split)


def join_folds(folds: Iterable[Fold], counts) -> tuple[np.ndarray, np.ndarray]:
    """Folds joined in order of trials: every trial from the fold that did not learn from it.

    Parameters
    ----------
    folds : iterable of Fold
        Each trial is tested in one of them.
    counts : ndarray, (trials, bins, regions)
        Those that the folds were cut from.

    Returns
    -------
    predicted, psth : ndarray, each (trials, bins, regions)
        What the models predict, and the PSTH of the trials they were fitted to. NaN where no
        fold has tested a trial.
    """
    predicted, average = np.full((2, *np.shape(counts)), np.nan)
    for fold in folds:
        predicted[fold.split.test] = fold.predicted
        average[fold.split.test] = fold.psth
    return predicted, average
