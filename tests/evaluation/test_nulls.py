import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from pupil_helpers.evaluation.nulls import (
    circular_shift,
    linear_shift,
    refit_score,
    session_permutation,
    time_shuffle,
    trial_shuffle,
)
from pupil_helpers.metrics import scores
from pupil_helpers.models.linear import Ridge as LaggedRidge
from pupil_helpers.signals.rates import boxcar
from pupil_helpers.signals.splits import blocked_folds

N_PAIRS = 300
TOO_MANY = binom.ppf(0.999, N_PAIRS, 0.05)  # false positives that a 5 % test would hardly reach


def drifting(rng, n_trials=100, n_bins=8, features=1):
    """A random walk over trials with something faster on top."""
    slow = np.cumsum(rng.standard_normal((n_trials, 1, features)), axis=0) / 5
    return slow + 0.3 * rng.standard_normal((n_trials, n_bins, features))


def stationary(rng, n_trials=100, n_bins=8, memory=0.9):
    """Trial means that forget: an AR(1) process that has always been running."""
    noise = np.sqrt(1 - memory**2) * rng.standard_normal((n_trials + 100, 1, 1))
    slow = lfilter([1], [1, -memory], noise, axis=0)[100:]
    return slow + 0.3 * rng.standard_normal((n_trials, n_bins, 1))


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


def false_positives(control, make=drifting, score=correlation, n_pairs=N_PAIRS):
    """How often a control calls unrelated signals related at p ≤ 0.05."""
    hits = 0
    for seed in range(n_pairs):
        rng = np.random.default_rng(seed)
        pupil, counts = make(rng), fire(rng, make(rng))
        hits += control(rng, score, pupil, counts).p[0] <= 0.05
    return hits


def other_sessions(make, n=19):
    def control(rng, score, pupil, counts):
        return session_permutation(score, pupil, counts, [make(rng) for _ in range(n)])

    return control


@pytest.mark.parametrize("make", [drifting, stationary])
def test_session_permutation_keeps_false_positives_at_five_percent(make):
    assert false_positives(other_sessions(make), make) <= TOO_MANY


def test_naive_controls_take_drift_for_a_link():
    trial = false_positives(lambda _, *pair: trial_shuffle(*pair, n=19))
    circular = false_positives(lambda _, *pair: circular_shift(*pair, n=19))
    assert trial > 0.4 * N_PAIRS
    assert circular > 0.1 * N_PAIRS
    assert min(trial, circular) > TOO_MANY


def test_time_shuffle_takes_a_common_lock_to_the_task_for_a_link():
    def task_locked(rng, n_trials=40, n_bins=20):
        bump = 2 * np.exp(-0.5 * ((np.arange(n_bins) - 12) / 3) ** 2)[:, None]
        return bump + 0.5 * rng.standard_normal((n_trials, n_bins, 1))

    naive = false_positives(lambda _, *pair: time_shuffle(*pair, n=19), task_locked, n_pairs=50)
    assert naive > 40
    proper = false_positives(other_sessions(task_locked), task_locked, n_pairs=100)
    assert proper <= binom.ppf(0.999, 100, 0.05)


def test_linear_shift_is_conservative_for_stationary_signals():
    hits = false_positives(lambda _, *pair: linear_shift(*pair, max_shift=20), stationary)
    assert hits <= TOO_MANY


def test_refitted_model_is_not_fooled_by_drift():
    def make(rng):
        return drifting(rng, n_trials=60, n_bins=4)

    score = refit_score(Ridge, n_folds=3)
    hits = false_positives(other_sessions(make), make, score, n_pairs=100)
    assert hits <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.parametrize("score", [correlation, refit_score(Ridge)])
def test_every_control_finds_a_real_link(score):
    rng = np.random.default_rng(0)
    pupil = stationary(rng)
    counts = fire(rng, 2 * pupil)
    results = [
        session_permutation(score, pupil, counts, [stationary(rng) for _ in range(19)]),
        linear_shift(score, pupil, counts, 20),
        circular_shift(score, pupil, counts, 19),
        trial_shuffle(score, pupil, counts, 19),
        time_shuffle(score, pupil, counts, 19),
    ]
    assert [result.p[0] for result in results] == pytest.approx([0.05, 1 / 21, 0.05, 0.05, 0.05])


def test_p_counts_ties_and_missing_scores_against_the_pairing():
    counts = np.ones((12, 5, 3))
    marks = iter([[3, 1, 2], [0, 1, 3], [1, 5, 1], [0, 0, np.nan]])  # three nulls, then the real
    result = session_permutation(
        lambda pupil, counts: np.array(next(marks), dtype=float),
        np.zeros((12, 5, 3)),
        counts,
        [np.zeros((12, 5, 3))] * 3,
    )
    assert result.null.shape == (3, 3)
    assert list(result.p) == [1.0, 1.0, 1.0]
    scores = iter([[0.1], [np.nan], [0.5], [0.9]])
    result = session_permutation(
        lambda pupil, counts: np.array(next(scores)),
        np.zeros((12, 5, 3)),
        counts,
        [np.zeros((12, 5, 3))] * 3,
    )
    assert result.p[0] == 0.5  # (1 + the missing one) / (1 + 3)


def test_all_sessions_are_cut_to_the_shortest():
    seen = []

    def score(pupil, counts):
        seen.append((pupil.shape, counts.shape))
        return np.zeros(counts.shape[2])

    others = [np.zeros((30, 5, 3)), np.zeros((20, 5, 3))]
    session_permutation(score, np.zeros((25, 5, 3)), np.ones((25, 5, 2)), others)
    assert set(seen) == {((20, 5, 3), (20, 5, 2))}


def test_linear_shift_pairs_the_same_counts_with_every_shift_and_wraps_nothing():
    trial = np.arange(20.0)
    pairs = []

    def score(pupil, counts):
        pairs.append((pupil[:, 0, 0], counts[:, 0, 0]))
        return np.zeros(1)

    signal = np.tile(trial[:, None, None], (1, 4, 1))
    linear_shift(score, signal, signal, max_shift=3)
    assert all(np.array_equal(counts, trial[3:17]) for _, counts in pairs)
    shifts = [int((pupil - counts)[0]) for pupil, counts in pairs]
    assert shifts == list(range(-3, 4))
    assert all((np.diff(pupil) == 1).all() for pupil, _ in pairs)


def test_conservative_p_is_rank_over_half_the_shifts():
    scores = iter([5.0, 1, 1, 3, 1, 4, 1])  # N = 3: the unshifted 3.0 ranks third of seven
    arguments = np.zeros((20, 4, 1)), np.ones((20, 4, 1)), 3
    assert linear_shift(lambda *_: np.array([next(scores)]), *arguments).p[0] == 3 / 4
    scores = iter([5.0, 1, 1, 3, 1, 4, 1])
    usual = linear_shift(lambda *_: np.array([next(scores)]), *arguments, conservative=False)
    assert usual.p[0] == 3 / 7


def test_time_shuffle_keeps_channels_together_and_trials_in_place():
    pupil = np.random.default_rng(0).normal(size=(6, 10, 2))
    pupil[..., 1] = 2 * pupil[..., 0]
    shuffled = []
    time_shuffle(lambda p, _: shuffled.append(p) or np.zeros(1), pupil, np.ones((6, 10, 1)), n=1)
    null, real = shuffled
    np.testing.assert_array_equal(real, pupil)
    assert not np.array_equal(null, pupil)
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
