import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.models.full_batch import Autograd, ByHand
from pupil_helpers.models.original import OriginalRNN

torch.set_num_threads(1)


def pair(seed, n_trials=4, n_bins=6, n_inputs=3, n_regions=2, hidden=5, scale=1.0):
    """The same network and data, its loss once by hand and once by torch."""
    torch.manual_seed(seed)
    net = OriginalRNN(n_inputs, n_regions, hidden).double()
    x = torch.randn(n_trials, n_bins, n_inputs, dtype=torch.float64) * scale
    y = torch.rand(n_trials, n_bins, n_regions, dtype=torch.float64)
    return ByHand(net, x, y), Autograd(net, x, y)


def gradients(of):
    of.net.zero_grad(set_to_none=True)
    of.backward()
    return {name: p.grad.clone() for name, p in of.net.named_parameters()}


def assert_equal(by_hand, autograd):
    assert by_hand.loss() == pytest.approx(autograd.loss(), rel=1e-12)
    expected = gradients(autograd)
    for name, grad in gradients(by_hand).items():
        torch.testing.assert_close(grad, expected[name], rtol=1e-9, atol=1e-12)


@given(
    seed=st.integers(0, 999),
    n_trials=st.integers(1, 9),
    n_bins=st.integers(1, 12),
    n_inputs=st.integers(1, 4),
    n_regions=st.integers(1, 4),
    hidden=st.integers(1, 9),
    scale=st.sampled_from([0.1, 1.0, 60.0]),  # 60: units saturate, as with raw pupil samples
)
def test_loss_and_gradients_equal_torchs(**shapes):
    assert_equal(*pair(**shapes))


def test_they_follow_the_weights():
    """Memory is reserved once: nothing of an earlier pass may be left in a later one."""
    by_hand, autograd = pair(0)
    for _ in range(3):
        assert_equal(by_hand, autograd)
        with torch.no_grad():
            for p in by_hand.net.parameters():
                p.add_(0.3 * torch.randn_like(p))
