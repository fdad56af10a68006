"""How good could any prediction be: estimates against the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.metrics.ceilings import known_ceiling, poisson_ceiling, split_half_ceiling
from pupil_helpers.signals.rates import boxcar, gaussian, smooth

KERNEL = boxcar(0.1, 0.01)


def gamma_poisson(seed, n_trials=300, n_bins=120, n_neurons=40, drive=0.3):
    """Neurons with a shared drive, unequal loadings, and private over-dispersed noise."""
    rng = np.random.default_rng(seed)
    shared = smooth(rng.normal(size=(n_trials, n_bins, 1)), gaussian(0.05, 0.01))
    loading = rng.gamma(9, 1 / 9, n_neurons)  # unequal: mean 1, SD 0.33
    rates = 0.05 * rng.gamma(4, 0.25, n_neurons) * np.exp(drive * shared / shared.std() * loading)
    private = rng.gamma(11, 1 / 11, (n_trials, 1, n_neurons))  # SD 0.3: Fano factor above 1
    return rng.poisson(rates * private), rates


def test_split_half_ceiling_is_within_three_hundredths_of_the_truth():
    error, poisson_error, truths = [], [], []
    for seed in range(20):
        spikes, rates = gamma_poisson(seed, drive=0.15 + 0.01 * seed)
        counts = spikes.sum(-1, keepdims=True)
        truths.append(known_ceiling(counts, rates.sum(-1, keepdims=True), KERNEL)[0])
        error.append(split_half_ceiling(spikes, KERNEL) - truths[-1])
        poisson_error.append(poisson_ceiling(counts, KERNEL)[0] - truths[-1])
    assert min(truths) < 0.3 < 0.6 < max(truths)
    assert np.abs(error).max() < 0.03
    assert abs(np.mean(error)) < 0.01
    assert np.mean(poisson_error) > 0.02  # it takes over-dispersion for signal


def test_split_half_ceiling_equals_the_explicit_computation():
    spikes, _ = gamma_poisson(0, n_trials=20, n_bins=30, n_neurons=9)
    smoothed = smooth(spikes, KERNEL)
    rng = np.random.default_rng(7)
    values = []
    for order in np.argsort(rng.random((300, 9)), axis=1):
        a, b = smoothed[..., order < 4].sum(-1), smoothed[..., order >= 4].sum(-1)
        r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        values.append(2 * r / (1 + r))
    found = split_half_ceiling(spikes, KERNEL, n_splits=300, seed=7)
    assert found == pytest.approx(np.mean(values), abs=1e-4)


def test_ceiling_of_pure_noise_is_zero():
    for_ten = np.random.default_rng(0).poisson(0.1, size=(10, 200, 60, 20))
    found = [(split_half_ceiling(s, KERNEL), poisson_ceiling(s, KERNEL)[0]) for s in for_ten]
    np.testing.assert_allclose(np.mean(found, axis=0), 0, atol=0.03)


def test_poisson_ceiling_is_right_for_poisson_counts():
    rng = np.random.default_rng(2)
    rates = 2 * np.exp(0.4 * smooth(rng.normal(size=(200, 60, 2)), gaussian(0.05, 0.01)) * 6)
    counts = rng.poisson(rates)
    for kernel in (None, KERNEL, gaussian(0.04, 0.01, causal=True)):
        truth = known_ceiling(counts, rates, kernel)
        np.testing.assert_allclose(poisson_ceiling(counts, kernel), truth, atol=0.02)
        assert np.isnan(poisson_ceiling(np.full((9, 60, 1), 0.3), kernel))  # nothing varies


@given(seed=st.integers(0, 10_000), n_neurons=st.integers(2, 5), silent=st.integers(0, 3))
def test_split_half_ceiling_is_finite_and_at_most_one_whatever_the_neurons(seed, n_neurons, silent):
    rng = np.random.default_rng(seed)
    spikes = rng.poisson(rng.gamma(0.2, 1.0, n_neurons), (4, 8, n_neurons))
    spikes = np.concatenate([spikes, np.ones((4, 8, silent))], axis=-1)  # silent or constant
    found = split_half_ceiling(spikes, None)
    varying = np.ptp(spikes, axis=(0, 1)) > 0
    assert -1 <= found <= 1 or (np.isnan(found) and varying.sum() < 2)


def test_neurons_that_oppose_each_other_have_a_finite_ceiling():
    first = np.random.default_rng(0).integers(0, 2, (10, 20))
    opposed = np.stack([first, 1 - first], axis=-1)
    assert split_half_ceiling(opposed, None) == pytest.approx(-1)
    # Two such pairs: a half that is one pair does not vary, and rounding must not make it seem so.
    pairs = np.concatenate([opposed, opposed], axis=-1)
    assert split_half_ceiling(pairs, KERNEL) == pytest.approx(-1)


def test_splits_with_a_silent_half_are_left_out():
    spikes, _ = gamma_poisson(0, n_trials=50, n_neurons=2)
    with_silent = np.concatenate([spikes, np.zeros_like(spikes)], axis=-1)  # 2 of 4 are silent
    expected = split_half_ceiling(spikes, KERNEL)
    assert split_half_ceiling(with_silent, KERNEL) == pytest.approx(expected)
    assert np.isnan(split_half_ceiling(with_silent[..., 1:], KERNEL, n_splits=20))  # 1 of 3 fires


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: split_half_ceiling(np.ones((4, 5, 1)), KERNEL), "at least 2 neurons"),
        (lambda: split_half_ceiling(np.ones((4, 5)), KERNEL), "shape"),
        (lambda: split_half_ceiling(np.ones((4, 5, 2)), KERNEL, n_splits=0), "n_splits is 0"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, what):
    with pytest.raises(ValueError, match=rf"^[^\n]*{what}[^\n]*\.$"):
        call()
