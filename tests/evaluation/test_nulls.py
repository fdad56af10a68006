"""Controls that keep their promise on drifting and stationary signals, and those that do not."""

import itertools
from functools import partial

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from pupil_helpers.evaluation.nulls import (
    circular_shift,
    linear_shift,
    p_value,
    pooled_p,
    refit_score,
    session_permutation,
    stored_nulls,
    time_shuffle,
    trial_shuffle,
)
from pupil_helpers.metrics import scores
from pupil_helpers.models.linear import Ridge as LaggedRidge
from pupil_helpers.signals.rates import boxcar
from pupil_helpers.signals.splits import blocked_folds


def drifting(rng, n_trials=100, n_bins=8):
    """A random walk over trials with something faster on top."""
    slow = np.cumsum(rng.standard_normal((n_trials, 1, 1)), axis=0) / 5
    return slow + 0.3 * rng.standard_normal((n_trials, n_bins, 1))


def stationary(rng, n_trials=100, n_bins=8, memory=0.9):
    """Trial means that forget: an AR(1) process that has always been running."""
    noise = np.sqrt(1 - memory**2) * rng.standard_normal((n_trials + 100, 1, 1))
    slow = lfilter([1], [1, -memory], noise, axis=0)[100:]
    return slow + 0.3 * rng.standard_normal((n_trials, n_bins, 1))


def locked_to_task(rng, n_trials=40, n_bins=20):
    bump = 2 * np.exp(-0.5 * ((np.arange(n_bins) - 12) / 3) ** 2)[:, None]
    return bump + 0.5 * rng.standard_normal((n_trials, n_bins, 1))


def fire(rng, drive):
    return rng.poisson(2 * np.exp(0.3 * np.clip(drive, -6, 6)))


def correlation(pupil, counts):
    """Squared correlation of the pupil's first channel with every region: quick, needs no fit."""
    x = pupil[..., 0].ravel() - pupil[..., 0].mean()
    y = counts.reshape(-1, counts.shape[2]) - counts.mean((0, 1))
    return (x @ y) ** 2 / ((x**2).sum() * (y**2).sum(0))


class Ridge:
    """The smallest possible model with the package's interface."""

    def fit(self, pupil, counts):
        self.centre, self.psth = pupil.mean((0, 1)), counts.mean(0)
        x = (pupil - self.centre).reshape(-1, pupil.shape[2])
        y = (counts - self.psth).reshape(-1, counts.shape[2])
        self.weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
        return self

    def predict(self, pupil):
        return self.psth + (pupil - self.centre) @ self.weights


def p_of(control, make, rng, score, pupil, counts):
    """With 19 null pairings (the linear shift: 40)."""
    if control is session_permutation:
        return control(score, pupil, counts, [make(rng) for _ in range(19)]).p[0]
    return control(score, pupil, counts, 20 if control is linear_shift else 19).p[0]


def false_positives(control, make, n_pairs, score=correlation):
    """How often a control calls unrelated signals related at p ≤ 0.05."""
    hits = 0
    for seed in range(n_pairs):
        rng = np.random.default_rng(seed)
        pupil, counts = make(rng), fire(rng, make(rng))
        hits += p_of(control, make, rng, score, pupil, counts) <= 0.05
    return hits


@pytest.mark.parametrize(
    ("control", "make", "n_pairs", "score"),
    [
        (session_permutation, drifting, 300, correlation),
        (session_permutation, stationary, 300, correlation),
        (session_permutation, locked_to_task, 100, correlation),
        (session_permutation, partial(drifting, n_trials=60, n_bins=4), 100, refit_score(Ridge, 3)),
        (linear_shift, stationary, 300, correlation),
    ],
)
def test_proper_controls_keep_false_positives_at_five_percent(control, make, n_pairs, score):
    hardly_reached = binom.ppf(0.999, n_pairs, 0.05)
    assert false_positives(control, make, n_pairs, score) <= hardly_reached


@pytest.mark.parametrize(
    ("control", "make", "n_pairs", "share"),
    [
        (trial_shuffle, drifting, 300, 0.4),
        (circular_shift, drifting, 300, 0.1),
        (time_shuffle, locked_to_task, 50, 0.8),
    ],
)
def test_naive_controls_take_drift_or_a_lock_to_the_task_for_a_link(control, make, n_pairs, share):
    hits = false_positives(control, make, n_pairs)
    assert hits > max(share * n_pairs, binom.ppf(0.999, n_pairs, 0.05))


@pytest.mark.parametrize("score", [correlation, refit_score(Ridge)])
@pytest.mark.parametrize(
    "control", [session_permutation, linear_shift, circular_shift, trial_shuffle, time_shuffle]
)
def test_every_control_finds_a_real_link(control, score):
    rng = np.random.default_rng(0)
    pupil = stationary(rng)
    found = p_of(control, stationary, rng, score, pupil, fire(rng, 2 * pupil))
    assert found == pytest.approx(1 / 21 if control is linear_shift else 1 / 20)


def numbered(n_trials=12):
    """A pupil that says in every sample which trial it is."""
    return np.tile(np.arange(float(n_trials))[:, None, None], (1, 5, 3))


@pytest.mark.parametrize(
    ("observed", "nulls", "p"),
    [
        ([0, 0, np.nan], [[3, 1, 2], [0, 1, 3], [1, 5, 1]], [1, 1, 1]),
        ([0.9], [[0.1], [np.nan], [0.5]], [0.5]),  # (1 + the missing one) / (1 + 3)
    ],
)
def test_p_counts_ties_and_missing_scores_against_the_pairing(observed, nulls, p):
    scores = [*nulls, observed]  # the real pupil is the last
    pupils = [np.full((12, 5, 3), number) for number in range(4)]
    result = session_permutation(
        lambda pupil, _: np.array(scores[pupil[0, 0, 0]], dtype=float),
        *(pupils[-1], np.ones((12, 5, len(p))), pupils[:-1]),
    )
    np.testing.assert_array_equal(result.null, nulls)
    assert result.p.tolist() == p


def test_a_pooled_p_is_the_share_of_all_choices_that_score_no_less():
    rng = np.random.default_rng(0)
    observed, nulls = [0.9, 0.2, np.nan], [rng.random(5), rng.random(4), rng.random(3)]
    choices = [[o, *n] for o, n in zip(observed, nulls, strict=True)][:2]  # NaN: no such session
    sums = np.array([sum(choice) for choice in itertools.product(*choices)])
    exact = (sums >= 1.1 - 1e-12).mean()
    found = pooled_p(observed, nulls, n_draws=99_999)
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact / 99_999))
    one = pooled_p([0.5], [np.array([0.1, 0.7, 0.5])], n_draws=99_999)
    assert one == pytest.approx(p_value([0.5], [[0.1], [0.7], [0.5]])[0], abs=0.01)


def test_a_pooled_p_counts_what_is_missing_against_the_link():
    assert pooled_p([1.0], [np.array([np.nan, np.nan])]) == 1
    assert np.isnan(pooled_p([np.nan, 1.0], [np.zeros(3), np.zeros(0)]))


def test_a_pooled_p_keeps_its_promise_on_drifts_and_gains_from_several_sessions():
    hits, n_regions, n_sessions = 0, 300, 5
    for seed in range(n_regions):  # the same pupils are lent to all sessions of a region
        rng = np.random.default_rng(seed)
        pupils = [drifting(rng, n_trials=60, n_bins=4) for _ in range(n_sessions)]
        scores = np.array([  # (counts, pupils)
            [correlation(pupil, counts)[0] for pupil in pupils]
            for counts in [fire(rng, drifting(rng, n_trials=60, n_bins=4)) for _ in pupils]
        ])  # fmt: skip
        nulls = [np.delete(row, i) for i, row in enumerate(scores)]
        hits += pooled_p(np.diag(scores), nulls, n_draws=999, seed=seed) <= 0.05
    assert 0 < hits <= binom.ppf(0.999, n_regions, 0.05)
    rng = np.random.default_rng(0)
    weak = [rng.random(4) for _ in range(5)]  # none of them alone could be below 1 / 5
    assert pooled_p([0.95] * 5, weak) < 0.01


def test_all_sessions_are_cut_to_the_shortest():
    seen = []

    def score(pupil, counts):
        seen.append((pupil.shape, counts.shape))
        return np.zeros(counts.shape[2])

    others = [np.zeros((30, 5, 3)), np.zeros((20, 5, 3))]
    session_permutation(score, np.zeros((25, 5, 3)), np.ones((25, 5, 2)), others)
    assert seen == [((20, 5, 3), (20, 5, 2))] * 3


def test_linear_shift_pairs_the_same_counts_with_every_shift_and_wraps_nothing():
    shifts = []

    def score(pupil, counts):
        np.testing.assert_array_equal(counts, numbered(20)[3:17])
        difference = pupil - counts
        assert (difference == difference[0]).all()
        shifts.append(int(difference[0, 0, 0]))
        return np.zeros(1)

    linear_shift(score, numbered(20), numbered(20), max_shift=3)
    assert sorted(shifts) == list(range(-3, 4))


@pytest.mark.parametrize(("conservative", "p"), [(True, 3 / 4), (False, 3 / 7)])
def test_conservative_p_is_rank_over_half_the_shifts(conservative, p):
    by_shift = [5.0, 1, 1, 3, 1, 4, 1]  # the unshifted 3 ranks third of seven

    def score(pupil, _):
        return by_shift[int(pupil[0, 0, 0])]

    assert linear_shift(score, numbered(20), np.ones((20, 5, 1)), 3, conservative).p[0] == p


def test_time_shuffle_keeps_channels_together_and_trials_in_place():
    pupil = np.random.default_rng(0).normal(size=(6, 10, 2))
    pupil[..., 1] = 2 * pupil[..., 0]
    seen = []
    time_shuffle(lambda p, _: seen.append(p) or np.zeros(1), pupil, np.ones((6, 10, 1)), n=1)
    (null,) = (other for other in seen if not np.array_equal(other, pupil))
    np.testing.assert_array_equal(null[..., 1], 2 * null[..., 0])
    np.testing.assert_array_equal(np.sort(null, axis=1), np.sort(pupil, axis=1))


@pytest.mark.parametrize(("bin_size", "metric"), [(0.01, "psth_relative"), (0.02, "r2")])
def test_refit_score_is_blocked_cross_validation_smoothed_over_100_ms(bin_size, metric):
    rng = np.random.default_rng(0)
    pupil = rng.normal(size=(40, 15, 3))
    counts = fire(rng, pupil[..., :2])
    predicted, psth = np.zeros((2, *counts.shape))
    for train, test in blocked_folds(40, 4, 1):
        model = LaggedRidge(bin_size=bin_size).fit(pupil[train], counts[train])
        predicted[test], psth[test] = model.predict(pupil[test]), counts[train].mean(0)
    reference = [psth] if metric == "psth_relative" else []
    expected = getattr(scores, metric)(counts, predicted, *reference, boxcar(0.1, bin_size))
    found = refit_score(lambda: LaggedRidge(bin_size=bin_size), 4, 1, metric)(pupil, counts)
    np.testing.assert_allclose(found, expected)


def test_the_stored_p_values_are_whole_and_keep_their_promise():
    table = stored_nulls()
    assert set(table["kind"]) <= {"null", "home"}  # "null" is a kind, not a missing value
    assert table.notna().all(axis=None)
    assert not table.duplicated(["kind", "mouse", "region"]).any()
    assert (table["others"] >= 19).all()  # enough of them for p = 0.05
    assert table["p"].between(1 / (1 + table["others"]) - 1e-4, 1).all()
    assert not table.loc[table["kind"] == "null", "linked"].any()
    unlinked, linked = table[~table["linked"]], table[table["linked"]]
    assert len(unlinked) >= 60
    assert (unlinked["p"] <= 0.05).sum() <= binom.ppf(0.99, len(unlinked), 0.05)
    assert (linked["p"] <= 0.05).mean() > 0.5


PUPIL, COUNTS = np.zeros((15, 5, 3)), np.ones((15, 5, 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: session_permutation(correlation, PUPIL, COUNTS, []),
        lambda: session_permutation(correlation, PUPIL, COUNTS, [PUPIL[:, :4]]),
        lambda: session_permutation(correlation, PUPIL[:-1], COUNTS, [PUPIL]),
        lambda: linear_shift(correlation, PUPIL, COUNTS, 5),
        lambda: linear_shift(correlation, PUPIL, COUNTS, 0),
        lambda: trial_shuffle(correlation, PUPIL[..., 0], COUNTS),
        lambda: refit_score(Ridge, metric="accuracy"),
    ],
)
def test_bad_input_is_refused_in_one_line(call):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        call()
