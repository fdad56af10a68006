"""What channels contribute, against closed forms, brute force and the truth."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pupil_helpers.attribution import channels as ch
from pupil_helpers.metrics.scores import psth_relative, r2_difference
from pupil_helpers.models.base import Encoder
from pupil_helpers.signals.rates import boxcar
from pupil_helpers.signals.splits import Split

TRAIN, TEST = SPLIT = Split(np.arange(40), np.arange(42, 60))


class Lines(Encoder):
    """Least squares on the three channels; a missing sample counts as 0."""

    def _fit(self, pupil, counts):
        design = np.c_[np.nan_to_num(pupil).reshape(-1, 3), np.ones(counts[..., 0].size)]
        self.weights_ = np.linalg.lstsq(design, counts.reshape(len(design), -1))[0]

    def _predict(self, pupil):
        self.shown = [*getattr(self, "shown", []), pupil]
        return np.nan_to_num(pupil) @ self.weights_[:3] + self.weights_[3]


@pytest.fixture(scope="module")
def data():
    """Area and x carry the same signal, y its own; some samples are missing."""
    rng = np.random.default_rng(3)
    pupil = rng.normal(size=(60, 40, 2)).repeat([2, 1], axis=-1).astype(np.float32)
    counts = rng.poisson(np.exp(0.4 * pupil[..., 1:].sum(axis=-1, keepdims=True)))
    pupil[50, 10:20] = np.nan
    pupil[51, :, 2] = np.nan
    return pupil, counts


@pytest.fixture
def lines(data):
    """It ignores y."""
    model = Lines().fit(*data)
    model.weights_ = np.array([[0.5], [-1.0], [0.0], [9.0]])
    return model


@settings(max_examples=25, derandomize=True)
@given(n_players=st.integers(1, 4), seed=st.integers(0, 999))
def test_shapley_is_the_mean_over_all_orders(n_players, seed):
    rng = np.random.default_rng(seed)
    values = {s: rng.normal(size=(2, 3)) for s in product((False, True), repeat=n_players)}
    expected, orders = np.zeros((2, 3, n_players)), list(permutations(range(n_players)))
    for order in orders:
        inside = [False] * n_players
        for player in order:
            before = values[tuple(inside)]
            inside[player] = True
            expected[..., player] += (values[tuple(inside)] - before) / len(orders)
    np.testing.assert_allclose(ch.shapley(values), expected, atol=1e-12)


def test_an_additive_model_is_taken_apart(data, lines):
    pupil, counts = data
    parts = ch.contributions(lines, pupil, reference=[0, 0, 0], log=False)
    expected = np.nan_to_num(pupil)[:, :, None] * [0.5, -1.0, 0.0]
    np.testing.assert_allclose(parts, expected, atol=1e-5)
    moved = ch.occlusion(lines, pupil, n_repeats=20, log=False)
    np.testing.assert_allclose(moved, parts.var(axis=(0, 1)), rtol=0.1)
    drops = ch.permutation_importance(lines, pupil, counts, n_repeats=3)
    assert drops.shape == (3, 1, 3)
    assert drops[..., :2].all()
    assert not drops[..., 2].any()


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("log", [False, True])
def test_contributions_sum_to_the_prediction(model, session, n_steps, log):
    pupil, reference = session.pupil[:4], np.float32([60, 35, 25])
    found = ch.contributions(model, pupil, reference, n_steps, log)
    still = np.where(np.isnan(pupil), np.nan, reference)
    transform = np.log if log else np.asarray
    expected = transform(model.predict(pupil)) - transform(model.predict(still))
    np.testing.assert_allclose(found.sum(axis=-1), expected, atol=1e-4)


def test_missing_samples_stay_missing_in_every_pupil_a_model_is_shown(data, lines):
    """How to fill them is the model's business: it must not hear of the other trials."""
    pupil, _ = data
    ch.contributions(lines, pupil, n_steps=2)
    assert len(lines.shown) == 15
    for shown in lines.shown:
        np.testing.assert_array_equal(np.isnan(shown), np.isnan(pupil))
    lines.shown.clear()
    ch.occlusion(lines, pupil, n_repeats=1)
    assert [np.isnan(shown).sum() for shown in lines.shown] == [np.isnan(pupil).sum()] * 4


def test_variance_share_is_a_share_of_variances():
    parts = np.random.default_rng(0).normal(size=(400, 50, 2, 3)) * [[1, 2, 1], [0, 0, 0]]
    share = ch.variance_share(parts)
    np.testing.assert_allclose(share[0], [1 / 6, 4 / 6, 1 / 6], atol=0.02)
    assert not share[1].any()
    np.testing.assert_allclose(ch.variance_share(parts[:, 0])[0], share[0], atol=0.1)


@settings(max_examples=25, derandomize=True)
@given(n_trials=st.integers(2, 9), channel=st.integers(0, 2), seed=st.integers(0, 99))
def test_swapping_gives_every_trial_another_ones_channel(n_trials, channel, seed):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(n_trials, 5, 3)).astype(np.float32)
    swapped = ch.swap_trials(pupil, channel, rng)
    others = [c for c in range(3) if c != channel]
    np.testing.assert_array_equal(swapped[..., others], pupil[..., others])
    firsts = swapped[:, 0, channel]
    assert sorted(firsts) == sorted(pupil[:, 0, channel])
    assert (firsts != pupil[:, 0, channel]).all()


def test_unique_contribution_leaves_out_what_others_share(data):
    unique = ch.unique_contributions(Lines, *data, SPLIT)
    assert unique.shape == (1, 3)
    np.testing.assert_allclose(unique[0, :2], 0, atol=1e-6)
    assert unique[0, 2] > 0.05  # only y cannot be replaced
    changes = ch.unique_contributions(
        Lines, *data, SPLIT, metric=lambda y, p, q: (p - q).std((0, 1))
    )
    assert changes[0, 2] > 0.3  # any other measure will do


def test_scores_smooth_over_100_ms_of_the_models_bins(data):
    pupil, counts = data
    kernel, held = boxcar(0.1, bin_size=0.02), counts[TEST]
    model = Lines(bin_size=0.02).fit(pupil[TRAIN], counts[TRAIN])
    whole = model.predict(pupil[TEST])

    found = ch.permutation_importance(model, pupil[TEST], held, n_repeats=1)
    swapped = model.predict(ch.swap_trials(pupil[TEST], 0, np.random.default_rng(0)))
    right, wrong = (psth_relative(held, p, model.psth_, kernel) for p in (whole, swapped))
    np.testing.assert_allclose(found[0, :, 0], right - wrong, atol=1e-6)

    found = ch.unique_contributions(lambda: Lines(bin_size=0.02), pupil, counts, SPLIT)
    hidden = pupil * [1, 1, 0]  # as Lines sees a missing y
    without = Lines().fit(hidden[TRAIN], counts[TRAIN]).predict(hidden[TEST])
    np.testing.assert_allclose(found[:, 2], r2_difference(held, whole, without, kernel), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, p: ch.contributions(m, p, n_steps=0), "at least 1"),
        (lambda m, p: ch.contributions(m, p, reference=[1, 2]), "one value per channel"),
        (lambda m, p: ch.contributions(m, p, reference=[1, np.nan, 2]), "missing or infinite"),
        (lambda m, p: ch.swap_trials(p[:1], 0, np.random.default_rng(0)), "2 or more"),
    ],
)
def test_bad_arguments_are_named(data, lines, function, message):
    with pytest.raises(ValueError, match=message):
        function(lines, data[0])
