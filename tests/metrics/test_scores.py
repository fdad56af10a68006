from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import t as student_t
from sklearn.metrics import d2_tweedie_score, r2_score

from pupil_helpers.metrics.scores import (
    bits_per_spike,
    bootstrap_ci,
    flattened_r2,
    hierarchical_ci,
    median_trial_r2,
    poisson_d2,
    psth,
    psth_relative,
    r2,
    r2_difference,
    trial_r2,
)
from pupil_helpers.signals.rates import boxcar, gaussian, smooth


def example(seed=0, shape=(20, 40, 3)):
    """Counts with the rates they were drawn from."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(2.0, [0.2, 0.7, 2.0][: shape[2]], shape)
    return rng.poisson(rates), rates


def flat(values):
    return np.reshape(values, (-1, np.shape(values)[-1]))


KERNEL = boxcar(0.1, 0.01)
shapes = st.tuples(st.integers(2, 6), st.integers(12, 20), st.integers(1, 3))
seeds = st.integers(0, 10_000)


# -- scores against independent references --------------------------------------------------


def r2_per_region(y, p):
    return r2_score(flat(y), flat(p), multioutput="raw_values")


@given(seed=seeds, shape=shapes)
def test_scores_of_squared_error_are_scikit_learns_after_smoothing(seed, shape):
    counts, rates = example(seed, shape)
    counts[:, 0] += 3  # every trial varies, so that all scores exist
    by_psth = psth(counts[:1]) + 0.1
    for kernel in (None, KERNEL, gaussian(0.03, 0.01)):
        arrays = counts, rates, np.broadcast_to(by_psth, counts.shape)
        y, p, b = arrays if kernel is None else [smooth(values, kernel) for values in arrays]
        ours, other = r2_per_region(y, p), r2_per_region(y, b)
        in_trials = [r2_per_region(*both) for both in zip(y, p, strict=True)]
        for found, expected in (
            (r2(counts, rates, kernel), ours),
            (r2_difference(counts, rates, by_psth, kernel), ours - other),
            (psth_relative(counts, rates, by_psth, kernel), 1 - (1 - ours) / (1 - other)),
            (trial_r2(counts, rates, kernel), in_trials),
            (median_trial_r2(counts, rates, kernel), np.median(in_trials, axis=0)),
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def nll(rates, counts):
    """Poisson negative log-likelihood in full, as the Neural Latents Benchmark sums it."""
    rates = np.where(rates == 0, 1e-9, rates)
    return (rates - counts * np.log(rates) + gammaln(counts + 1)).sum((0, 1))


@given(seed=seeds, shape=shapes)
def test_poisson_scores_are_scikit_learns_and_the_neural_latents_benchmarks(seed, shape):
    counts, rates = example(seed, shape)
    counts[0, 0] += 1  # at least one spike, so that the scores exist
    columns = zip(flat(counts).T, flat(rates).T, strict=True)
    expected = [d2_tweedie_score(y, p, power=1) for y, p in columns]
    np.testing.assert_allclose(poisson_d2(counts, rates), expected, rtol=1e-8, atol=1e-10)
    rates[1, 1] = 0  # the benchmark's rule: a rate of 0 counts as 1e-9
    for null in (None, psth(counts) + 0.1):
        null_rates = np.broadcast_to(counts.mean((0, 1)) if null is None else null, counts.shape)
        bits = (nll(null_rates, counts) - nll(rates, counts)) / np.log(2)
        found = bits_per_spike(counts, rates, null)
        np.testing.assert_allclose(found, bits / counts.sum((0, 1)), rtol=1e-7, atol=1e-9)


# -- what a score should say --------------------------------------------------------------------


def test_flattening_regions_rewards_a_constant_that_knows_nothing():
    rng = np.random.default_rng(1)
    counts = rng.poisson([0.5, 1.5, 5.0], size=(50, 100, 3))
    constant = np.broadcast_to(counts.mean((0, 1)), counts.shape)
    assert r2(counts, constant, KERNEL) == pytest.approx(0, abs=0.01)
    assert flattened_r2(counts, constant, KERNEL) > 0.6


def test_scores_that_do_not_exist_are_nan_without_a_warning():
    counts = np.zeros((12, 30, 2))
    counts[..., 1] = 0.3  # constant: rounding in the smoothing must not become a score
    predicted = np.full(counts.shape, 0.2)
    assert np.isnan(r2(counts, predicted, KERNEL)).all()
    assert np.isnan(median_trial_r2(counts, predicted, KERNEL)).all()
    assert np.isnan(bits_per_spike(counts, predicted)[0])


# -- confidence intervals ---------------------------------------------------------------------


def drifting_trials(rng, n_trials, memory=0.4):
    """Counts whose errors depend on the trial before, and a fair but imperfect prediction."""
    noise = rng.standard_normal((2, n_trials))
    for t in range(1, n_trials):
        noise[:, t] = memory * noise[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    seen, hidden = noise[:, :, None]
    fast = rng.standard_normal((n_trials, 20))
    shape = 0.5 * np.sin(np.linspace(0, 6, 20))
    counts = rng.poisson(2 * np.exp(shape + 0.3 * seen + 0.4 * fast + 0.3 * hidden))
    predicted = 2.1 * np.exp(shape + 0.3 * seen + 0.3 * fast)
    return counts[..., None], predicted[..., None], 2.4 * np.exp(shape)[:, None]


@pytest.mark.parametrize("metric", ["psth_relative", "r2", "bits_per_spike"])
def test_intervals_cover_the_long_run_score_in_90_to_98_percent(metric):
    rng = np.random.default_rng(4)
    kernel = boxcar(0.05, 0.01)
    counts, predicted, by_psth = drifting_trials(rng, 20_000)
    truth = {
        "r2": lambda: r2(counts, predicted, kernel),
        "psth_relative": lambda: psth_relative(counts, predicted, by_psth, kernel),
        "bits_per_spike": lambda: bits_per_spike(counts, predicted),
    }[metric]()
    hits = []
    for seed in range(400):
        counts, predicted, by_psth = drifting_trials(rng, 150)
        reference = by_psth if metric == "psth_relative" else None
        ci = bootstrap_ci(
            counts, predicted, reference, metric, kernel=kernel, n_boot=200, seed=seed
        )
        hits.append(ci.low <= truth <= ci.high)
    assert 0.90 - 0.02 <= np.mean(hits) <= 0.98 + 0.01  # ± the luck of 400 sessions


def test_interval_of_independent_trials_is_the_linearised_t_interval():
    rng = np.random.default_rng(0)
    counts = 3 * rng.normal(size=(1000, 1, 1))
    predicted, reference = counts + rng.normal(size=counts.shape), counts + 1.5
    ci = bootstrap_ci(
        counts, predicted, reference, "r2_difference", kernel=None, n_boot=4000, block=1
    )
    removed = ((reference - counts) ** 2 - (predicted - counts) ** 2)[:, 0, 0]
    total = ((counts - counts.mean()) ** 2)[:, 0, 0]
    ratio = removed.mean() / total.mean()
    influence = (removed - ratio * total) / total.mean()
    half = student_t.ppf(0.975, 999) * influence.std() / np.sqrt(1000)
    assert (ci.low[0] + ci.high[0]) / 2 == pytest.approx(ratio)
    assert (ci.high[0] - ci.low[0]) / 2 == pytest.approx(half, rel=0.05)


def test_intervals_repeat_with_their_seed_and_narrow_with_trials():
    counts, predicted, other = drifting_trials(np.random.default_rng(0), 400)
    interval = partial(bootstrap_ci, kernel=KERNEL)
    low, high = first = interval(counts, predicted, other)
    few = interval(counts[:60], predicted[:60], other)
    wider = interval(counts, predicted, other, level=0.99)
    assert np.array_equal(first, interval(counts, predicted, other))
    assert high - low < few.high - few.low
    assert wider.low < low < high < wider.high


def test_hierarchical_interval_is_a_t_interval_over_animals_and_skips_missing_regions():
    scores = np.array([[0.1, 0.4], [0.3, np.nan], [0.5, 0.2], [0.0, np.nan]])
    low, high = hierarchical_ci(scores, ["a", "a", "b", "c"])
    means = np.array([0.2, 0.5, 0.0])
    expected = student_t.interval(0.95, 2, means.mean(), means.std(ddof=1) / np.sqrt(3))
    np.testing.assert_allclose([low[0], high[0]], expected)
    expected = student_t.interval(0.95, 1, 0.3, np.std([0.4, 0.2], ddof=1) / np.sqrt(2))
    np.testing.assert_allclose([low[1], high[1]], expected)
    assert np.isnan(hierarchical_ci([0.1, 0.2], ["a", "a"]).low)


# -- bad input ----------------------------------------------------------------------------------

COUNTS, RATES = example()


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: r2(COUNTS, RATES[:-1], KERNEL), "shape"),
        (lambda: r2(COUNTS[0], RATES[0], KERNEL), "shape"),
        (lambda: r2(COUNTS, np.full(COUNTS.shape, np.nan), KERNEL), "missing"),
        (lambda: r2(COUNTS, RATES, 0.1), "kernel is 0.1"),
        (lambda: bits_per_spike(COUNTS, -RATES), "clip"),
        (lambda: poisson_d2(COUNTS, RATES - 5), "clip"),
        (lambda: psth_relative(COUNTS, RATES, None, KERNEL), "two predictions"),
        (lambda: bootstrap_ci(COUNTS, RATES, metric="accuracy", kernel=None), "accuracy"),
        (lambda: bootstrap_ci(COUNTS, RATES, metric="r2_difference", kernel=None), "two pred"),
        (lambda: bootstrap_ci(COUNTS[:5], RATES[:5], metric="r2", kernel=None), "5 trials"),
        (lambda: bootstrap_ci(COUNTS, RATES, metric="r2", kernel=None, level=95), "level 95"),
        (lambda: bootstrap_ci(COUNTS, RATES, metric="r2", kernel=None, n_boot=0), "n_boot 0"),
        (lambda: hierarchical_ci([0.1, 0.2], ["a"]), "one animal per session"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, what):
    with pytest.raises(ValueError, match=rf"^[^\n]*{what}[^\n]*\.$"):
        call()
