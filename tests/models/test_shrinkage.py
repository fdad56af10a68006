import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pupil_helpers.models.shrinkage import shrunk_loss, trust
from pupil_helpers.signals.splits import inner_blocks

RNG = np.random.default_rng(0)
BASELINE = np.full((20, 1), 2.0)
BLOCKS = inner_blocks(np.arange(100), 5)


def test_loss_is_the_poisson_log_likelihood_difference():
    from scipy.stats import poisson

    gain, counts = RNG.uniform(0.5, 2, (6, 20, 1)), RNG.poisson(2.0, (6, 20, 1))
    rate = BASELINE * (1 + 0.3 * (gain - 1))
    expected = poisson.logpmf(counts, BASELINE).sum() - poisson.logpmf(counts, rate).sum()
    np.testing.assert_allclose(shrunk_loss(gain, counts, BASELINE, 0.3), [expected], rtol=1e-5)


def test_a_right_model_is_trusted_and_a_wrong_one_is_not():
    gain = np.exp(0.4 * RNG.normal(size=(1, 100, 20, 1)))
    counts = RNG.poisson(BASELINE * gain[0])
    members = np.repeat(gain, 5, axis=0)
    assert trust(members, counts, BASELINE, BLOCKS)[0] > 0.9
    assert trust(members[:, ::-1], counts, BASELINE, BLOCKS)[0] == 0


def test_an_exaggerating_model_is_shrunk_to_size():
    truth = 1 + 0.2 * RNG.uniform(-1, 1, (1, 100, 20, 1))
    counts = RNG.poisson(10 * BASELINE * truth[0])
    exaggerated = np.repeat(1 + 2 * (truth - 1), 5, axis=0)
    assert 0.35 <= trust(exaggerated, counts, 10 * BASELINE, BLOCKS)[0] <= 0.65


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_guess_costs_next_to_nothing(seed):
    """Shrunk by `trust`, an unrelated drifting prediction stays close to its baseline."""
    rng = np.random.default_rng(seed)
    drift = np.cumsum(rng.normal(size=(1, 100, 1, 1)), axis=1)
    gain = np.repeat(np.exp(0.3 * (drift - drift.mean()) / drift.std()), 20, axis=2)
    counts = rng.poisson(BASELINE, (100, 20, 1))
    weight = trust(np.repeat(gain, 5, axis=0), counts, BASELINE, BLOCKS)[0]
    assert weight <= 0.35
