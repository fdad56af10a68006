"""What channels contribute, against closed forms, brute force and the truth."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pupil_helpers.attribution import channels as ch
from pupil_helpers.attribution import gradients as at
from pupil_helpers.models.base import Encoder
from pupil_helpers.signals.pupil import fill_missing
from pupil_helpers.signals.splits import Split

PEAK = 12  # bins by which Toy follows the pupil


class Toy(Encoder):
    """Counts that grow with area and with how far x has moved; y does nothing."""

    def __init__(self, interaction=0.0):
        self.interaction = interaction

    def _fit(self, pupil, counts):
        pass

    def _predict(self, pupil):
        area, x, _ = np.moveaxis(fill_missing(pupil), -1, 0)
        area, x = np.roll(area, PEAK, axis=1), np.abs(x)
        return np.stack([np.exp(0.1 * area + 0.3 * x + self.interaction * area * x)] * 2, -1)


def make(trials=30, bins=60, seed=0):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(trials, bins, 3)).astype(np.float32)
    pupil[..., 0] = pupil[..., 0].cumsum(axis=1) / 3
    pupil[2, 10:20] = np.nan
    counts = rng.poisson(Toy()._predict(pupil))
    return pupil, counts


@settings(deadline=None, max_examples=25, derandomize=True)
@given(n_players=st.integers(1, 4), seed=st.integers(0, 999))
def test_shapley_is_the_mean_over_all_orders(n_players, seed):
    rng = np.random.default_rng(seed)
    subsets = [tuple(bool(i >> p & 1) for p in range(n_players)) for i in range(2**n_players)]
    values = {subset: rng.normal(size=(2, 3)) for subset in subsets}
    credit, orders = np.zeros((2, 3, n_players)), list(permutations(range(n_players)))
    for order in orders:
        inside = [False] * n_players
        for player in order:
            before = values[tuple(inside)]
            inside[player] = True
            credit[..., player] += (values[tuple(inside)] - before) / len(orders)
    np.testing.assert_allclose(ch.shapley(values), credit, atol=1e-12)


def test_contributions_of_an_additive_model_are_its_parts():
    pupil, counts = make()
    model = Toy().fit(pupil, counts)
    found = ch.contributions(model, pupil, baseline=[0, 0, 0])
    filled = fill_missing(pupil)
    np.testing.assert_allclose(found[..., 0, 0], 0.1 * np.roll(filled[..., 0], PEAK, 1), atol=1e-5)
    np.testing.assert_allclose(found[..., 1, 1], 0.3 * np.abs(filled[..., 1]), atol=1e-5)
    assert not found[..., 2].any()


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("log", [False, True])
def test_contributions_sum_to_the_prediction(n_steps, log):
    pupil, counts = make()
    model = Toy(interaction=0.2).fit(pupil, counts)
    found = ch.contributions(model, pupil, baseline=[0.5, 0.2, 0], n_steps=n_steps, log=log)
    still = np.where(np.isnan(pupil), np.nan, np.float32([0.5, 0.2, 0]))
    transform = np.log if log else np.asarray
    expected = transform(model.predict(pupil)) - transform(model.predict(still))
    np.testing.assert_allclose(found.sum(axis=-1), expected, atol=1e-4)


def test_many_steps_become_integrated_gradients():
    """Area² × x from 0: Integrated Gradients give area 2/3, Shapley values of one step 1/2."""

    class Product(Toy):
        def _predict(self, pupil):
            area, x, _ = np.moveaxis(pupil.astype(float), -1, 0)
            return (area**2 * x)[..., None] + 1

    pupil = np.abs(make()[0][3:])
    model = Product().fit(pupil, np.ones((*pupil.shape[:2], 1)))
    area, x = np.moveaxis(pupil[..., :2].astype(float), -1, 0)
    found = ch.contributions(model, pupil, baseline=[0, 0, 0], n_steps=24, log=False)
    np.testing.assert_allclose(found[..., 0, 0], 2 / 3 * area**2 * x, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[..., 0, 1], 1 / 3 * area**2 * x, rtol=1e-3, atol=1e-3)
    whole = ch.contributions(model, pupil, baseline=[0, 0, 0], log=False)
    np.testing.assert_allclose(whole[..., 0, 0], area**2 * x / 2, rtol=1e-5, atol=1e-4)


def test_variance_share_is_a_share_of_variances():
    rng = np.random.default_rng(0)
    credit = rng.normal(size=(400, 50, 2, 3)) * [[1, 2, 1], [0, 0, 0]]
    share = ch.variance_share(credit)
    np.testing.assert_allclose(share[0], [1 / 6, 4 / 6, 1 / 6], atol=0.02)
    assert not share[1].any()
    np.testing.assert_allclose(ch.variance_share(credit[:, 0])[0], share[0], atol=0.1)


def test_lag_correlation_finds_the_delay():
    pupil, counts = make(bins=120)
    model = Toy().fit(pupil, counts)
    found = ch.lag_correlation(ch.contributions(model, pupil), pupil, reach=(-0.3, 0.3))
    assert found.peak[0, 0] == pytest.approx(PEAK / 100)
    assert found.correlation.shape == (61, 2, 3)
    assert np.isnan(found.peak[:, 2]).all()  # y gets no credit
    assert found.lags[[0, -1]].tolist() == pytest.approx([-0.3, 0.3])


@settings(deadline=None, max_examples=15, derandomize=True)
@given(bins=st.integers(8, 40), lag=st.integers(-6, 6), seed=st.integers(0, 99))
def test_lag_correlation_is_pearsons_of_what_overlaps(bins, lag, seed):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(3, bins, 3)).astype(np.float32)
    credit = rng.normal(size=(3, bins, 2, 3))
    found = ch.lag_correlation(credit, pupil, reach=(lag / 100, lag / 100)).correlation[0, 1, 1]
    pairs = []
    for trial in range(3):
        later = credit[trial, max(lag, 0) : bins + min(lag, 0), 1, 1]
        speed = np.abs(np.gradient(pupil[trial, :, 1]))[max(-lag, 0) : bins - max(lag, 0)]
        pairs.append((later - later.mean(), speed - speed.mean()))
    later, speed = np.concatenate(pairs, axis=1)
    assert found == pytest.approx(np.corrcoef(later, speed)[0, 1], abs=1e-5)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(n_trials=st.integers(2, 9), channel=st.integers(0, 2), seed=st.integers(0, 99))
def test_swapping_gives_every_trial_another_ones_channel(n_trials, channel, seed):
    pupil = make(n_trials + 3)[0][:n_trials]
    swapped = ch.swap_trials(pupil, channel, np.random.default_rng(seed))
    others = [c for c in range(3) if c != channel]
    np.testing.assert_array_equal(swapped[..., others], pupil[..., others])
    firsts = swapped[:, 0, channel]
    assert sorted(firsts) == sorted(pupil[:, 0, channel])
    assert (firsts != pupil[:, 0, channel]).all()


def test_permutation_and_occlusion_see_what_matters():
    pupil, counts = make(trials=60, bins=100)
    model = Toy().fit(pupil, counts)
    drops = ch.permutation_importance(model, pupil, counts, metric="bits_per_spike", n_repeats=3)
    assert drops.shape == (3, 2, 3)
    assert (drops[..., :2] > 0).all()
    assert not drops[..., 2].any()
    moved = ch.occlusion(model, pupil, n_repeats=20)
    parts = ch.contributions(model, pupil, baseline=[0, 0, 0])
    np.testing.assert_allclose(moved, parts.var(axis=(0, 1)), rtol=0.2)  # an additive model


def test_unique_contribution_leaves_out_what_others_share():
    """Area and x carry the same signal, y its own: only y cannot be replaced."""
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(60, 40, 2)).repeat([2, 1], axis=-1)  # area, x and y
    counts = rng.poisson(np.exp(0.4 * signal[..., 1:].sum(axis=-1, keepdims=True)))

    class Lines(Encoder):  # least squares on the channels; a missing one counts as 0
        def _fit(self, pupil, counts):
            design = np.c_[np.nan_to_num(pupil).reshape(-1, 3), np.ones(counts[..., 0].size)]
            self.weights = np.linalg.lstsq(design, counts.reshape(len(design), -1))[0]

        def _predict(self, pupil):
            return np.nan_to_num(pupil) @ self.weights[:3] + self.weights[3]

    split = Split(np.arange(40), np.arange(42, 60))
    unique = ch.unique_contributions(Lines, signal, counts, split)
    assert unique.shape == (1, 3)
    np.testing.assert_allclose(unique[0, :2], 0, atol=1e-6)
    assert unique[0, 2] > 0.05


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda m, p: ch.contributions(m, p, n_steps=0), "at least 1"),
        (lambda m, p: ch.contributions(m, p, baseline=[1, 2]), "one value per channel"),
        (lambda m, p: ch.contributions(m, p, baseline=[1, np.nan, 2]), "missing or infinite"),
        (lambda m, p: ch.lag_correlation(np.zeros((2, 60, 1, 3)), p), "same trials and bins"),
        (lambda m, p: ch.lag_correlation(np.zeros((30, 60, 1, 3)), p), "fit into a trial"),
        (lambda m, p: ch.swap_trials(p[:1], 0, np.random.default_rng(0)), "2 or more"),
        (lambda m, p: at.integrated_gradients(m, p), "no gradients"),
    ],
)
def test_bad_arguments_are_named(function, message):
    pupil, counts = make()
    with pytest.raises(ValueError, match=message):
        function(Toy().fit(pupil, counts), pupil)
