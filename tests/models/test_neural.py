"""The short cuts in networks.py change no result (what the rivals learn: test_rivals.py)."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from pupil_helpers.models.neural import Convolution, adam

torch.set_num_threads(1)


def as_written(net, x):
    """The network layer by layer: mix, pad, F.conv1d, latents, readout."""
    n_trials, n_bins, _ = x.shape
    width = net.filters.kernel_size[0]
    n_steps = -(-n_bins // net.stride)
    before = (width - net.stride) // 2
    after = (n_steps - 1) * net.stride + width - before - n_bins
    mixed = net.mix(x).mT.reshape(-1, 1, n_bins)  # (trials * inputs, 1, bins)
    padded = F.pad(mixed, (before, after), mode="replicate")
    filtered = F.conv1d(padded, net.filters.weight, net.filters.bias, net.stride)
    filtered = F.relu(filtered).reshape(n_trials, -1, n_steps).mT
    return F.softplus(net.readout(F.relu(net.latents(filtered))))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    trials=st.integers(1, 4),
    bins=st.integers(1, 40),
    inputs=st.integers(1, 5),
    regions=st.integers(1, 3),
    stride=st.integers(1, 5),
    wider=st.integers(0, 30),
    n_filters=st.integers(1, 4),
    seed=st.integers(0, 2**31),
)
def test_the_convolution_equals_conv1d(
    trials, bins, inputs, regions, stride, wider, n_filters, seed
):
    """In its output and in the gradients of the input and of every weight."""
    torch.manual_seed(seed)
    net = Convolution(inputs, regions, 6, stride + wider, stride, n_filters).double()
    x = torch.randn(trials, bins, inputs, dtype=torch.float64, requires_grad=True)
    ours, expected = net(x), as_written(net, x)
    torch.testing.assert_close(ours, expected, atol=1e-10, rtol=0)
    weights, wanted = torch.randn_like(expected), (x, *net.parameters())
    grads = [torch.autograd.grad(each, wanted, weights) for each in (ours, expected)]
    torch.testing.assert_close(*grads, atol=1e-10, rtol=1e-10)


def test_the_convolution_of_working_size_equals_conv1d():
    torch.manual_seed(0)
    net = Convolution(n_inputs=9, n_regions=6, hidden_size=32, width=61, stride=4)
    x = torch.randn(16, 250, 9)
    torch.testing.assert_close(net(x), as_written(net, x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("fused", [True, False])
def test_adam_takes_the_same_steps_in_every_version_of_torch(fused):
    """Versions before 2.4 refuse ``fused=True`` on a CPU with a RuntimeError."""
    real = torch.optim.AdamW

    def old(*arguments, **options):
        if options.pop("fused", False):
            raise RuntimeError("`fused=True` requires all the params to be on a GPU")
        return real(*arguments, **options)

    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    with patch.object(torch.optim, "AdamW", real if fused else old):
        optimisers = (
            adam(ours.parameters(), 0.1, 0.5),
            real(theirs.parameters(), 0.1, weight_decay=0.5),
        )
    x = torch.randn(8, 3)
    for _ in range(5):
        for net, optimiser in zip((ours, theirs), optimisers, strict=True):
            optimiser.zero_grad()
            net(x).square().mean().backward()
            optimiser.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)
