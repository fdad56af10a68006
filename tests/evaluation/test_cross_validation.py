"""One cross-validation for everyone: new models, folds in order, joined in order of trials."""

from itertools import islice

import numpy as np
from contestants import REGIONS, Noisy
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.evaluation.cross_validation import Fold, cross_validate, join_folds
from pupil_helpers.signals.splits import Split, blocked_folds


def test_every_fold_has_a_model_of_its_own_and_is_fitted_when_asked_for(session, fits):
    counts, splits = session.region_counts(REGIONS), blocked_folds(30, 5, 2)
    folds = cross_validate(Noisy, session.pupil, counts, splits)
    first, second = islice(folds, 2)
    assert len(fits) == 2
    assert first.model is not second.model
    train, test = second.split
    np.testing.assert_allclose(second.psth, counts[train].mean(0))
    np.testing.assert_allclose(second.predicted, second.model.predict(session.pupil[test]))


@given(st.permutations(range(12)), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_folds_are_joined_in_order_of_trials(order, n_folds, seed):
    counts, predicted, psth = np.random.default_rng(seed).random((3, 12, 4, 2))
    tests = np.array_split(np.array(order), n_folds)
    folds = [
        Fold(Split(np.setdiff1d(order, test), test), None, predicted[test], psth[number], 0.0)
        for number, test in enumerate(tests)
    ]
    joined, average = join_folds(folds, counts)
    np.testing.assert_array_equal(joined, predicted)
    for number, test in enumerate(tests):
        assert (average[test] == psth[number]).all()
    missing, _ = join_folds(folds[1:], counts)
    assert np.isnan(missing[tests[0]]).all()
