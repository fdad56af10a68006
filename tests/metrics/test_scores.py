import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import t as student_t
from sklearn.metrics import d2_tweedie_score, mean_poisson_deviance, r2_score

from pupil_helpers.metrics.ceilings import known_ceiling, poisson_ceiling, split_half_ceiling
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
    r2_gain,
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


shapes = st.tuples(st.integers(2, 6), st.integers(12, 20), st.integers(1, 3))
seeds = st.integers(0, 10_000)


# -- scores against independent references --------------------------------------------------


@given(seed=seeds, shape=shapes)
def test_r2_is_scikit_learns_after_smoothing(seed, shape):
    counts, rates = example(seed, shape)
    for kernel in (None, boxcar(0.1), gaussian(0.03)):
        y, p = (v if kernel is None else smooth(v, kernel) for v in (counts, rates))
        expected = r2_score(flat(y), flat(p), multioutput="raw_values")
        np.testing.assert_allclose(r2(counts, rates, kernel), expected, rtol=1e-8, atol=1e-10)


@given(seed=seeds, shape=shapes)
def test_poisson_d2_is_scikit_learns(seed, shape):
    counts, rates = example(seed, shape)
    counts[0, 0] += 1  # at least one spike, so that the score exists
    expected = [
        d2_tweedie_score(y, p, power=1) for y, p in zip(flat(counts).T, flat(rates).T, strict=True)
    ]
    np.testing.assert_allclose(poisson_d2(counts, rates), expected, rtol=1e-8, atol=1e-10)


def nll(rates, counts):
    """Poisson negative log-likelihood in full, as the Neural Latents Benchmark sums it."""
    rates = np.where(rates == 0, 1e-9, rates)
    return (rates - counts * np.log(rates) + gammaln(counts + 1)).sum((0, 1))


@given(seed=seeds, shape=shapes)
def test_bits_per_spike_is_the_neural_latents_benchmarks(seed, shape):
    counts, rates = example(seed, shape)
    counts[0, 0] += 1
    rates[1, 1] = 0  # their rule: a rate of 0 counts as 1e-9
    null = np.broadcast_to(counts.mean((0, 1)), counts.shape)
    expected = (nll(null, counts) - nll(rates, counts)) / counts.sum((0, 1)) / np.log(2)
    np.testing.assert_allclose(bits_per_spike(counts, rates), expected, rtol=1e-7, atol=1e-9)


def test_bits_per_spike_over_another_null_is_a_difference_of_deviances():
    counts, rates = example()
    null = psth(counts) + 0.1
    expected = [
        (mean_poisson_deviance(y, n) - mean_poisson_deviance(y, p)) / 2 / y.mean() / np.log(2)
        for y, p, n in zip(
            flat(counts).T,
            flat(rates).T,
            flat(np.broadcast_to(null, counts.shape)).T,
            strict=True,
        )
    ]
    np.testing.assert_allclose(bits_per_spike(counts, rates, null), expected)


def test_psth_relative_and_gain_are_ratios_of_squared_errors():
    counts, rates = example()
    baseline = psth(counts[:10])
    kernel = boxcar(0.05)
    y, p = smooth(counts, kernel), smooth(rates, kernel)
    b = smooth(np.broadcast_to(baseline, counts.shape), kernel)
    sse, sse_psth = ((y - p) ** 2).sum((0, 1)), ((y - b) ** 2).sum((0, 1))
    np.testing.assert_allclose(psth_relative(counts, rates, baseline, kernel), 1 - sse / sse_psth)
    gain = r2_score(flat(y), flat(p), multioutput="raw_values") - r2_score(
        flat(y), flat(b), multioutput="raw_values"
    )
    np.testing.assert_allclose(r2_gain(counts, rates, baseline, kernel), gain)


def test_trial_r2_is_scikit_learns_trial_by_trial():
    counts, rates = example()
    y, p = smooth(counts, boxcar(0.1)), smooth(rates, boxcar(0.1))
    expected = np.array(
        [r2_score(a, b, multioutput="raw_values") for a, b in zip(y, p, strict=True)]
    )
    np.testing.assert_allclose(trial_r2(counts, rates), expected)
    np.testing.assert_allclose(median_trial_r2(counts, rates), np.median(expected, axis=0))


# -- what a score should say --------------------------------------------------------------------


def test_perfect_and_null_predictions_score_one_and_zero():
    counts, _ = example()
    mean = np.broadcast_to(counts.mean((0, 1)), counts.shape)
    own_psth = psth(counts)
    assert r2(counts, counts) == pytest.approx(1)
    assert r2(counts, mean, None) == pytest.approx(0)
    assert psth_relative(counts, counts, own_psth) == pytest.approx(1)
    assert psth_relative(counts, own_psth, own_psth) == pytest.approx(0)
    assert bits_per_spike(counts, mean) == pytest.approx(0)
    assert poisson_d2(counts, counts) == pytest.approx(1)


@given(seed=seeds, factor=st.floats(0.01, 100))
def test_squared_error_scores_do_not_depend_on_the_unit(seed, factor):
    counts, rates = example(seed, (5, 15, 2))
    np.testing.assert_allclose(
        r2(counts * factor, rates * factor), r2(counts, rates), rtol=1e-6, atol=1e-9
    )


def test_regions_do_not_influence_each_other():
    counts, rates = example()
    both = r2(counts, rates), bits_per_spike(counts, rates), poisson_d2(counts, rates)
    alone = [score(counts[..., 1:2], rates[..., 1:2]) for score in (r2, bits_per_spike, poisson_d2)]
    np.testing.assert_allclose([score[1] for score in both], np.ravel(alone))


def test_flattening_regions_rewards_a_constant_that_knows_nothing():
    rng = np.random.default_rng(1)
    counts = rng.poisson([0.5, 1.5, 5.0], size=(50, 100, 3))
    constant = np.broadcast_to(counts.mean((0, 1)), counts.shape)
    assert r2(counts, constant) == pytest.approx(0, abs=0.01)
    assert flattened_r2(counts, constant) > 0.6


def test_scores_that_do_not_exist_are_nan_without_a_warning():
    counts = np.zeros((12, 30, 2))
    counts[..., 1] = 0.3  # constant: rounding in the smoothing must not become a score
    predicted = np.full(counts.shape, 0.2)
    assert np.isnan(r2(counts, predicted)).all()
    assert np.isnan(median_trial_r2(counts, predicted)).all()
    assert np.isnan(bits_per_spike(counts, predicted)[0])


# -- ceiling ----------------------------------------------------------------------------------


def gamma_poisson(seed, n_trials=300, n_bins=120, n_neurons=40, drive=0.3):
    """Neurons with a shared drive, unequal loadings, and private over-dispersed noise."""
    rng = np.random.default_rng(seed)
    shared = smooth(rng.normal(size=(n_trials, n_bins, 1)), gaussian(0.05))
    loading = rng.gamma(9, 1 / 9, n_neurons)  # unequal: mean 1, SD 0.33
    rates = 0.05 * rng.gamma(4, 0.25, n_neurons) * np.exp(drive * shared / shared.std() * loading)
    private = rng.gamma(11, 1 / 11, (n_trials, 1, n_neurons))  # SD 0.3: Fano factor above 1
    return rng.poisson(rates * private), rates


def test_split_half_ceiling_is_within_three_hundredths_of_the_truth():
    error, poisson_error, truths = [], [], []
    for seed in range(20):
        spikes, rates = gamma_poisson(seed, drive=0.15 + 0.01 * seed)
        counts = spikes.sum(-1, keepdims=True)
        truths.append(known_ceiling(counts, rates.sum(-1, keepdims=True))[0])
        error.append(split_half_ceiling(spikes) - truths[-1])
        poisson_error.append(poisson_ceiling(counts)[0] - truths[-1])
    assert min(truths) < 0.3 < 0.6 < max(truths)
    assert np.abs(error).max() < 0.03
    assert abs(np.mean(error)) < 0.01
    assert np.mean(poisson_error) > 0.02  # it takes over-dispersion for signal


def test_split_half_ceiling_equals_the_explicit_computation():
    spikes, _ = gamma_poisson(0, n_trials=20, n_bins=30, n_neurons=9)
    smoothed = smooth(spikes, boxcar(0.1))
    rng = np.random.default_rng(7)
    values = []
    for order in np.argsort(rng.random((300, 9)), axis=1):
        a, b = smoothed[..., order < 4].sum(-1), smoothed[..., order >= 4].sum(-1)
        r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        values.append(2 * r / (1 + r))
    found = split_half_ceiling(spikes, boxcar(0.1), n_splits=300, seed=7)
    assert found == pytest.approx(np.mean(values), abs=1e-4)


def test_ceiling_of_pure_noise_is_zero():
    rng = np.random.default_rng(0)
    found = []
    for seed in range(10):
        spikes = rng.poisson(0.1, size=(200, 60, 20))
        found.append((split_half_ceiling(spikes, seed=seed), poisson_ceiling(spikes)[0]))
    np.testing.assert_allclose(np.mean(found, axis=0), 0, atol=0.03)


def test_poisson_ceiling_is_right_for_poisson_counts():
    rng = np.random.default_rng(2)
    rates = 2 * np.exp(0.4 * smooth(rng.normal(size=(200, 60, 2)), gaussian(0.05)) * 6)
    counts = rng.poisson(rates)
    for kernel in (None, boxcar(0.1), gaussian(0.04, causal=True)):
        truth = known_ceiling(counts, rates, kernel)
        np.testing.assert_allclose(poisson_ceiling(counts, kernel), truth, atol=0.02)


def test_split_half_ceiling_is_fast():
    spikes = np.random.default_rng(0).poisson(0.05, size=(300, 250, 60)).astype(np.uint8)
    start = time.perf_counter()
    split_half_ceiling(spikes)
    assert time.perf_counter() - start < 2  # about 0.1 s on one core of a laptop


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
    n_sessions = 400

    def arguments(n_trials):
        counts, predicted, baseline = drifting_trials(rng, n_trials)
        return counts, predicted, baseline if metric == "psth_relative" else None

    score = {"r2": r2, "psth_relative": psth_relative, "bits_per_spike": bits_per_spike}[metric]
    counts, predicted, baseline = arguments(20_000)
    extra = () if baseline is None else (baseline,)
    smoothing = {} if metric == "bits_per_spike" else {"kernel": boxcar(0.05)}
    truth = score(counts, predicted, *extra, **smoothing)[0]
    hits = 0
    for i in range(n_sessions):
        ci = bootstrap_ci(*arguments(150), metric=metric, kernel=boxcar(0.05), n_boot=200, seed=i)
        hits += ci.low[0] <= truth <= ci.high[0]
    assert 0.90 - 0.02 <= hits / n_sessions <= 0.98 + 0.01  # ± the luck of 400 sessions


def test_interval_of_independent_trials_is_the_linearised_t_interval():
    rng = np.random.default_rng(0)
    counts = 3 * rng.normal(size=(1000, 1, 1))
    predicted, reference = counts + rng.normal(size=counts.shape), counts + 1.5
    ci = bootstrap_ci(counts, predicted, reference, "r2_gain", kernel=None, n_boot=4000, block=1)
    gain = ((reference - counts) ** 2 - (predicted - counts) ** 2)[:, 0, 0]
    total = ((counts - counts.mean()) ** 2)[:, 0, 0]
    ratio = gain.mean() / total.mean()
    influence = (gain - ratio * total) / total.mean()
    half = student_t.ppf(0.975, 999) * influence.std() / np.sqrt(1000)
    assert (ci.low[0] + ci.high[0]) / 2 == pytest.approx(ratio)
    assert (ci.high[0] - ci.low[0]) / 2 == pytest.approx(half, rel=0.05)


def test_intervals_repeat_with_their_seed_and_narrow_with_trials():
    counts, predicted, baseline = drifting_trials(np.random.default_rng(0), 400)
    first = bootstrap_ci(counts, predicted, baseline)
    again = bootstrap_ci(counts, predicted, baseline)
    few = bootstrap_ci(counts[:60], predicted[:60], baseline)
    assert np.array_equal(first, again)
    assert first.high - first.low < few.high - few.low
    wider = bootstrap_ci(counts, predicted, baseline, level=0.99)
    assert wider.low < first.low
    assert wider.high > first.high


def test_hierarchical_interval_covers_when_sessions_share_an_animal():
    rng = np.random.default_rng(0)
    hits = naive = 0
    for _ in range(1000):
        animals = np.repeat(np.arange(8), rng.integers(1, 7, 8))
        scores = 0.3 + 0.1 * rng.standard_normal(8)[animals]
        scores += 0.1 * rng.standard_normal(len(animals))
        low, high = hierarchical_ci(scores, animals)
        hits += low <= 0.3 <= high
        half = 1.96 * scores.std() / np.sqrt(len(scores))
        naive += abs(scores.mean() - 0.3) <= half
    assert 0.93 <= hits / 1000 <= 0.98
    assert naive / 1000 < 0.85  # pretending that sessions are independent does not


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
    "call",
    [
        lambda: r2(COUNTS, RATES[:-1]),
        lambda: r2(COUNTS[0], RATES[0]),
        lambda: r2(COUNTS, np.full(COUNTS.shape, np.nan)),
        lambda: bits_per_spike(COUNTS, -RATES),
        lambda: poisson_d2(COUNTS, RATES - 5),
        lambda: psth_relative(COUNTS, RATES, None),
        lambda: bootstrap_ci(COUNTS, RATES, metric="accuracy"),
        lambda: bootstrap_ci(COUNTS, RATES, metric="psth_relative"),
        lambda: bootstrap_ci(COUNTS[:5], RATES[:5], metric="r2"),
        lambda: hierarchical_ci([0.1, 0.2], ["a"]),
        lambda: split_half_ceiling(COUNTS[..., :1]),
        lambda: split_half_ceiling(COUNTS[0]),
    ],
)
def test_bad_input_is_refused_in_one_line(call):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        call()
