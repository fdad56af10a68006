import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from pupil_helpers.signals.rates import (
    EVALUATION_KERNEL,
    Kernel,
    boxcar,
    choose_bandwidth,
    exponential,
    firing_rates,
    gaussian,
    original_rates,
    smooth,
)

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(0.7, size=(4, 60, 3))
KERNELS = st.one_of(
    st.builds(boxcar, st.floats(0.01, 0.5), st.just(0.01), st.booleans()),
    st.builds(gaussian, st.floats(0.005, 0.2), st.just(0.01), st.booleans()),
    st.builds(exponential, st.floats(0.005, 0.2)),
)


def by_hand(values, kernel, edges):
    """The definition, one bin at a time."""
    n_bins = values.shape[1]
    out = np.zeros(values.shape)
    for t in range(n_bins):
        mass = 0.0
        for weight, lag in zip(kernel.weights, kernel.lags, strict=True):
            if 0 <= t - lag < n_bins:
                out[:, t] += weight * values[:, t - lag]
                mass += weight
        if edges == "renormalise":
            out[:, t] /= mass
    return out


@given(kernel=KERNELS, edges=st.sampled_from(["renormalise", "zero"]), n_bins=st.integers(1, 40))
def test_smoothing_follows_its_definition(kernel, edges, n_bins):
    values = COUNTS[:2, :n_bins]
    np.testing.assert_allclose(
        smooth(values, kernel, edges), by_hand(values, kernel, edges), atol=1e-12
    )


@given(kernel=KERNELS, level=st.floats(1e-6, 50))
def test_kernels_sum_to_one_and_keep_a_constant_constant(kernel, level):
    assert kernel.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(smooth(np.full((1, 30, 1), level), kernel), level, rtol=1e-9)


def test_boxcar_is_as_wide_as_it_says():
    centred, causal = boxcar(0.1), boxcar(0.1, causal=True)
    np.testing.assert_allclose(centred.weights, [0.05, *[0.1] * 9, 0.05])
    assert list(centred.lags) == list(range(-5, 6))
    np.testing.assert_allclose(causal.weights, [0.1] * 10)
    assert list(causal.lags) == list(range(10))
    np.testing.assert_allclose(boxcar(0.05).weights, [0.2] * 5)  # odd: whole bins only
    np.testing.assert_allclose(boxcar(0.1, bin_size=0.02).weights, [0.2] * 5)
    np.testing.assert_allclose(EVALUATION_KERNEL.weights, centred.weights)


@given(width=st.floats(0.01, 0.6))
def test_a_centred_boxcar_has_whole_bins_inside_and_parts_of_bins_at_its_ends(width):
    n = width / 0.01
    whole = int((n - 1) / 2 + 1e-9)  # whole bins on each side of the middle one
    part = (n - 1) / 2 - whole
    kernel = boxcar(width)
    second_moment = (whole * (whole + 1) * (2 * whole + 1) / 3 + 2 * part * (whole + 1) ** 2) / n
    assert (kernel.weights * kernel.lags).sum() == pytest.approx(0, abs=1e-9)
    assert (kernel.weights * kernel.lags**2).sum() == pytest.approx(second_moment, abs=1e-6)


@pytest.mark.parametrize("sd", [0.01, 0.033, 0.1])
def test_gaussian_is_scipys(sd):
    expected = gaussian_filter1d(COUNTS.astype(float), sd / 0.01, axis=1, mode="constant")
    np.testing.assert_allclose(smooth(COUNTS, gaussian(sd), "zero"), expected, atol=1e-12)


@pytest.mark.parametrize(
    "kernel", [boxcar(0.1, causal=True), gaussian(0.05, causal=True), exponential(0.05)]
)
def test_causal_kernels_do_not_see_the_future(kernel):
    later = COUNTS.copy()
    later[:, 30:] += 5
    before, after = smooth(COUNTS, kernel), smooth(later, kernel)
    np.testing.assert_array_equal(before[:, :30], after[:, :30])
    assert (after[:, 30:] > before[:, 30:]).all()


def test_positive_lags_look_into_the_past():
    pulse = np.zeros((1, 20, 1))
    pulse[0, 10] = 1
    out = smooth(pulse, Kernel([1e-9, 1], [0, 3]), "zero")
    assert out[0, :, 0].argmax() == 13


def test_zero_edges_ramp_and_renormalised_ones_do_not():
    steady = np.ones((1, 50, 1))
    ramp = smooth(steady, boxcar(0.1, causal=True), "zero")[0, :, 0]
    np.testing.assert_allclose(ramp[:10], np.arange(1, 11) / 10)
    np.testing.assert_allclose(smooth(steady, boxcar(0.1, causal=True)), 1)


def test_original_rates_are_the_originals_convolution():
    expected = np.apply_along_axis(
        lambda x: np.convolve(x, np.ones(10) / 10, "full")[: len(x)], 1, COUNTS
    )
    np.testing.assert_allclose(original_rates(COUNTS), expected, atol=1e-12)


def test_firing_rates_are_in_spikes_per_second():
    counts = np.full((2, 40, 2), [1, 3])
    np.testing.assert_allclose(firing_rates(counts, boxcar(0.1), 0.02), [[[50, 150]] * 40] * 2)
    per_neuron = firing_rates(counts, boxcar(0.1), 0.02, n_neurons=[10, 30])
    np.testing.assert_allclose(per_neuron, 5)


def test_single_precision_stays_single():
    assert smooth(COUNTS.astype(np.float32), boxcar(0.1)).dtype == np.float32
    assert smooth(COUNTS.astype(np.uint8), boxcar(0.1)).dtype == np.float64


@pytest.mark.parametrize("kernel", [gaussian, boxcar])
@pytest.mark.parametrize(("timescale", "level"), [(0.02, 3.0), (0.1, 0.5), (0.4, 0.5)])
def test_chosen_bandwidth_is_close_to_the_best_for_the_true_rate(kernel, timescale, level):
    rng = np.random.default_rng(3)
    slow = smooth(rng.normal(size=(80, 250, 2)), gaussian(timescale))
    rate = level * np.exp(0.6 * slow / slow.std())
    counts = rng.poisson(rate)
    widths = np.geomspace(0.015, 0.6, 12) * (1 if kernel is gaussian else 3)
    chosen = choose_bandwidth(counts, widths, kernel)
    error = [  # Kullback-Leibler divergence of the estimate from the truth
        (lambda p: (p - rate * np.log(p)).mean())(np.maximum(smooth(counts, kernel(w)), 1e-3))
        for w in widths
    ]
    assert abs(int(np.argmin(error)) - list(widths).index(chosen.best)) <= 1
    assert chosen.bits_per_spike.shape == (12, 2)
    assert chosen.bits_per_spike.max() > 0


def test_left_out_likelihood_matches_a_loop():
    counts, kernel = COUNTS[..., :1], gaussian(0.03)
    mean, total = counts.mean(), 0.0
    for trial in counts[..., 0]:
        for t in range(len(trial)):
            near = [(w, trial[t - k]) for w, k in zip(kernel.weights, kernel.lags, strict=True)
                    if k != 0 and 0 <= t - k < len(trial)]  # fmt: skip
            weights = np.array([w for w, _ in near]) / sum(w for w, _ in near)
            n = 1 / (weights**2).sum()
            rate = (n * weights @ [x for _, x in near] + 0.1 * mean) / (n + 0.1)
            total += trial[t] * np.log2(rate / mean) - (rate - mean) / np.log(2)
    found = choose_bandwidth(counts, [0.03]).bits_per_spike[0, 0]
    assert found == pytest.approx(total / counts.sum())


def test_unpredictable_spikes_choose_the_widest_kernel():
    counts = np.random.default_rng(5).poisson(0.5, size=(60, 100, 1))
    assert choose_bandwidth(counts, [0.01, 0.05, 0.3]).best == 0.3


@pytest.mark.parametrize(
    "call",
    [
        lambda: boxcar(0.001),
        lambda: boxcar(-1),
        lambda: gaussian(0),
        lambda: exponential(np.nan),
        lambda: Kernel([0.5, 0.5], [1, 2]),
        lambda: Kernel([-1, 2], [0, 1]),
        lambda: Kernel([1, 1], [0.5, 1]),
        lambda: smooth(COUNTS[0], boxcar(0.1)),
        lambda: smooth(COUNTS, boxcar(0.1), "reflect"),
        lambda: smooth(np.full((1, 5, 1), np.nan), boxcar(0.1)),
        lambda: smooth([[["a"]]], boxcar(0.1)),
        lambda: choose_bandwidth(COUNTS, [0.01], boxcar),
        lambda: choose_bandwidth(COUNTS * 0),
    ],
)
def test_bad_input_is_refused_in_one_line(call):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        call()
