import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from pupil_helpers.signals.rates import (
    EVALUATION_WIDTH,
    Kernel,
    boxcar,
    evaluation_kernel,
    exponential,
    firing_rates,
    gaussian,
    original_rates,
    smooth,
)

BIN = 0.01  # s
COUNTS = np.random.default_rng(0).poisson(0.7, size=(4, 60, 3))
KERNELS = st.one_of(
    st.builds(boxcar, st.floats(0.01, 0.5), st.just(BIN), st.booleans()),
    st.builds(gaussian, st.floats(0.005, 0.2), st.just(BIN), st.booleans()),
    st.builds(exponential, st.floats(0.005, 0.2), st.just(BIN)),
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
    centred, causal = boxcar(0.1, BIN), boxcar(0.1, BIN, causal=True)
    np.testing.assert_allclose(centred.weights, [0.05, *[0.1] * 9, 0.05])
    assert list(centred.lags) == list(range(-5, 6))
    np.testing.assert_allclose(causal.weights, [0.1] * 10)
    assert list(causal.lags) == list(range(10))


@given(width=st.floats(0.01, 0.6), bin_size=st.sampled_from([0.001, 0.004, 0.01]))
def test_a_centred_boxcar_has_whole_bins_inside_and_parts_of_bins_at_its_ends(width, bin_size):
    n = width / bin_size
    whole = int((n - 1) / 2 + 1e-9)  # whole bins on each side of the middle one
    part = (n - 1) / 2 - whole
    kernel = boxcar(width, bin_size)
    second_moment = (whole * (whole + 1) * (2 * whole + 1) / 3 + 2 * part * (whole + 1) ** 2) / n
    assert (kernel.weights * kernel.lags).sum() == pytest.approx(0, abs=1e-9)
    assert (kernel.weights * kernel.lags**2).sum() == pytest.approx(second_moment, abs=1e-6)


@given(bin_size=st.floats(1e-3, 10))
def test_the_evaluation_kernel_is_a_tenth_of_a_second_whatever_the_bins(bin_size):
    expected = None if bin_size >= EVALUATION_WIDTH else boxcar(0.1, bin_size)
    assert evaluation_kernel(bin_size) == expected


@given(width=st.floats(0.01, 0.3))
def test_kernels_are_equal_and_hash_alike_if_their_values_are(width):
    kernels, again = ([make(width, BIN) for make in (boxcar, gaussian)] for _ in range(2))
    assert kernels == again
    assert len({*kernels, *again}) == 2
    assert kernels[0] not in (boxcar(width + 0.1, BIN), width)


@pytest.mark.parametrize("sd", [0.01, 0.033, 0.1])
def test_gaussian_is_scipys(sd):
    expected = gaussian_filter1d(COUNTS.astype(float), sd / BIN, axis=1, mode="constant")
    np.testing.assert_allclose(smooth(COUNTS, gaussian(sd, BIN), "zero"), expected, atol=1e-12)


@pytest.mark.parametrize(
    "kernel", [boxcar(0.1, BIN, True), gaussian(0.05, BIN, True), exponential(0.05, BIN)]
)
def test_causal_kernels_do_not_see_the_future(kernel):
    later = COUNTS.copy()
    later[:, 30:] += 5
    np.testing.assert_array_equal(smooth(COUNTS, kernel)[:, :30], smooth(later, kernel)[:, :30])


def test_original_rates_are_the_originals_convolution():
    expected = np.apply_along_axis(
        lambda x: np.convolve(x, np.ones(10) / 10, "full")[: len(x)], 1, COUNTS
    )
    np.testing.assert_allclose(original_rates(COUNTS), expected, atol=1e-12)


def test_firing_rates_are_in_spikes_per_second():
    counts = np.full((2, 40, 2), [1, 3])
    kernel = boxcar(0.1, 0.02)
    np.testing.assert_allclose(firing_rates(counts, kernel, 0.02), [[[50, 150]] * 40] * 2)
    np.testing.assert_allclose(firing_rates(counts, kernel, 0.02, n_neurons=[10, 30]), 5)


def test_single_precision_stays_single():
    assert smooth(COUNTS.astype(np.float32), boxcar(0.1, BIN)).dtype == np.float32
    assert smooth(COUNTS.astype(np.uint8), boxcar(0.1, BIN)).dtype == np.float64


def test_a_session_of_one_bin_is_its_own_average():
    counts = COUNTS[:, :1]
    for kernel in (boxcar(0.5, BIN), gaussian(0.1, BIN), exponential(0.1, BIN), boxcar(2, 2)):
        np.testing.assert_allclose(smooth(counts, kernel), counts)
    np.testing.assert_allclose(firing_rates(counts, boxcar(2, 2), 2), counts / 2)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: boxcar(0.001, BIN), "narrower than a bin"),
        (lambda: boxcar(-1, BIN), "width of a kernel is -1"),
        (lambda: gaussian(0, BIN), "width of a kernel is 0"),
        (lambda: exponential(np.nan, BIN), "width of a kernel is nan"),
        (lambda: boxcar(0.1, None), "bin_size is None"),
        (lambda: evaluation_kernel(np.inf), "bin_size is inf"),
        (lambda: gaussian(1e8, BIN), "over 100,000 bins"),
        (lambda: Kernel([0.5, 0.5], [1, 2]), "above 0 at lag 0"),
        (lambda: Kernel([-1, 2], [0, 1]), "at least 0"),
        (lambda: Kernel([1, np.inf], [0, 1]), "finite"),
        (lambda: Kernel([1, 1], [0.5, 1]), "whole-number lag"),
        (lambda: smooth(COUNTS[0], boxcar(0.1, BIN)), "shape"),
        (lambda: smooth(COUNTS, boxcar(0.1, BIN), "reflect"), "reflect"),
        (lambda: smooth(COUNTS, 0.1), "kernel is 0.1"),
        (lambda: smooth(np.full((1, 5, 1), np.nan), boxcar(0.1, BIN)), "missing"),
        (lambda: smooth([[["a"]]], boxcar(0.1, BIN)), "dtype"),
        (lambda: firing_rates(COUNTS, boxcar(0.1, BIN), 0), "bin_size is 0"),
        (lambda: firing_rates(COUNTS, boxcar(0.1, BIN), BIN, 0), "n_neurons"),
        (lambda: firing_rates(COUNTS, boxcar(0.1, BIN), BIN, [1, 2]), "n_neurons"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, what):
    with pytest.raises(ValueError, match=rf"^[^\n]*{what}[^\n]*\.$"):
        call()
