import numpy as np
import pytest

from pupil_helpers.signals.bandwidth import choose_bandwidth
from pupil_helpers.signals.rates import boxcar, gaussian, smooth

BIN = 0.01  # s
COUNTS = np.random.default_rng(0).poisson(0.7, size=(4, 60, 3))


@pytest.mark.parametrize("kernel", [gaussian, boxcar])
@pytest.mark.parametrize(("timescale", "level"), [(0.02, 3.0), (0.1, 0.5), (0.4, 0.5)])
def test_chosen_bandwidth_is_close_to_the_best_for_the_true_rate(kernel, timescale, level):
    rng = np.random.default_rng(3)
    slow = smooth(rng.normal(size=(80, 250, 2)), gaussian(timescale, BIN))
    rate = level * np.exp(0.6 * slow / slow.std())
    counts = rng.poisson(rate)
    widths = np.geomspace(0.015, 0.6, 12) * (1 if kernel is gaussian else 3)
    chosen = choose_bandwidth(counts, BIN, widths, kernel)
    error = [  # Kullback-Leibler divergence of the estimate from the truth
        (lambda p: (p - rate * np.log(p)).mean())(np.maximum(smooth(counts, kernel(w, BIN)), 1e-3))
        for w in widths
    ]
    assert abs(int(np.argmin(error)) - list(widths).index(chosen.best)) <= 1
    assert chosen.bits_per_spike.shape == (12, 2)
    assert chosen.bits_per_spike.max() > 0


def test_left_out_likelihood_matches_a_loop():
    counts, kernel = COUNTS[..., :1], gaussian(0.03, BIN)
    mean, total = counts.mean(), 0.0
    for trial in counts[..., 0]:
        for t in range(len(trial)):
            near = [(w, trial[t - k]) for w, k in zip(kernel.weights, kernel.lags, strict=True)
                    if k != 0 and 0 <= t - k < len(trial)]  # fmt: skip
            weights = np.array([w for w, _ in near]) / sum(w for w, _ in near)
            n = 1 / (weights**2).sum()
            rate = (n * weights @ [x for _, x in near] + 0.1 * mean) / (n + 0.1)
            total += trial[t] * np.log2(rate / mean) - (rate - mean) / np.log(2)
    found = choose_bandwidth(counts, BIN, [0.03]).bits_per_spike[0, 0]
    assert found == pytest.approx(total / counts.sum())


def test_unpredictable_spikes_choose_the_widest_kernel():
    counts = np.random.default_rng(5).poisson(0.5, size=(60, 100, 1))
    assert choose_bandwidth(counts, BIN, [0.01, 0.05, 0.3]).best == 0.3


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: choose_bandwidth(COUNTS, BIN, [0.01], boxcar), "only its own bin"),
        (lambda: choose_bandwidth(COUNTS[:, :1], BIN), "trials of 1"),
        (lambda: choose_bandwidth(COUNTS, BIN, []), "one or more widths"),
        (lambda: choose_bandwidth(COUNTS * 0, BIN), "at least one spike"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, what):
    with pytest.raises(ValueError, match=rf"^[^\n]*{what}[^\n]*\.$"):
        call()
