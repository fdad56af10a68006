import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from pupil_helpers.models.shrinkage import find_shrinkage, shrunk_loss
from pupil_helpers.signals.splits import inner_blocks

RNG = np.random.default_rng(0)
PSTH = np.full((20, 1), 2.0)
BLOCKS = inner_blocks(np.arange(100), 5)


def left_out(gain):
    """The gain of every block's trials, (100, 20, 1), as if models without the block said so."""
    return [(block.test, gain[block.test]) for block in BLOCKS]


def test_loss_is_the_poisson_log_likelihood_difference():
    gain, counts = RNG.uniform(0.5, 2, (6, 20, 1)), RNG.poisson(2.0, (6, 20, 1))
    rate = PSTH * (1 + 0.3 * (gain - 1))
    expected = poisson.logpmf(counts, PSTH).sum() - poisson.logpmf(counts, rate).sum()
    np.testing.assert_allclose(shrunk_loss(gain, counts, PSTH, 0.3), [expected], rtol=1e-5)


def test_a_right_model_is_followed_and_a_wrong_one_is_not():
    gain = np.exp(0.4 * RNG.normal(size=(100, 20, 1)))
    counts = RNG.poisson(PSTH * gain)
    assert find_shrinkage(left_out(gain), counts, PSTH)[0] > 0.9
    assert find_shrinkage(left_out(gain[::-1]), counts, PSTH)[0] == 0


def test_an_exaggerating_model_is_shrunk_to_size():
    truth = 1 + 0.2 * RNG.uniform(-1, 1, (100, 20, 1))
    counts = RNG.poisson(10 * PSTH * truth)
    exaggerated = 1 + 2 * (truth - 1)
    assert 0.35 <= find_shrinkage(left_out(exaggerated), counts, 10 * PSTH)[0] <= 0.65


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_guess_costs_next_to_nothing(seed):
    """An unrelated drifting prediction stays close to the PSTH."""
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(size=(100, 1, 1)), axis=0)
    gain = np.repeat(np.exp(0.3 * (drift - drift.mean()) / drift.std()), 20, axis=1)
    counts = rng.poisson(PSTH, (100, 20, 1))
    assert find_shrinkage(left_out(gain), counts, PSTH)[0] <= 0.35
