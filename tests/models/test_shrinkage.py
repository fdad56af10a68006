import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial, poisson

from pupil_helpers.models.shrinkage import find_mixture, find_shrinkage, shrunk_losses
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
    np.testing.assert_allclose(shrunk_losses(gain, counts, PSTH, 0.3)[0], [expected], rtol=1e-5)


def test_second_loss_is_the_multinomial_likelihood_given_the_total():
    gain, counts = RNG.uniform(0.5, 2, (6, 20, 1)), RNG.poisson(2.0, (6, 20, 1))
    rate, null = PSTH * (1 + 0.3 * (gain - 1)), np.broadcast_to(PSTH, gain.shape)
    total = counts.sum()
    expected = [
        multinomial.logpmf(counts.ravel(), total, (p / p.sum()).ravel()) for p in (null, rate)
    ]
    found = shrunk_losses(gain, counts, PSTH, 0.3)[1]
    np.testing.assert_allclose(found, expected[0] - expected[1], rtol=1e-5)
    np.testing.assert_allclose(shrunk_losses(3 * gain, counts, PSTH, 1.0)[1],
                               shrunk_losses(gain, counts, PSTH, 1.0)[1])  # fmt: skip


def test_a_lucky_level_alone_is_not_followed():
    """The model is right about the level of every block and says nothing else."""
    level = np.repeat(np.exp(0.3 * RNG.normal(size=5)), 20)[:, None, None] * np.ones((1, 20, 1))
    counts = RNG.poisson(PSTH * level)
    held = [(block.test, level[block.test]) for block in BLOCKS]
    full = sum(shrunk_losses(g, counts[t], PSTH, 1.0)[0] for t, g in held)
    assert full < 0  # it would have paid
    assert find_shrinkage(held, counts, PSTH)[0] == 0


def test_the_better_of_two_models_gets_the_larger_share():
    truth = np.exp(0.4 * RNG.normal(size=(100, 20, 1)))
    other = np.exp(0.4 * RNG.normal(size=(100, 20, 1)))
    counts = RNG.poisson(PSTH * truth)

    def share(first, second):
        pairs = [
            (b.test, torch.as_tensor(first[b.test]), torch.as_tensor(second[b.test]))
            for b in BLOCKS
        ]
        return find_mixture(pairs, torch.as_tensor(counts), torch.as_tensor(PSTH)).item()

    assert share(truth, other) <= 0.1
    assert share(other, truth) >= 0.9
    halves = truth**0.5 * other**0.5, truth**0.5 / other**0.5
    assert 0.3 <= share(*halves) <= 0.7


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
