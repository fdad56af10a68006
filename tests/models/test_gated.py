"""fast_gru must be nn.GRU, only quicker: outputs, gradients, and what a user can get wrong."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import TOLERANCE, close
from torch import nn

from pupil_helpers.models.gated import fast_gru
from pupil_helpers.models.neural import Recurrent

torch.set_num_threads(1)  # the work here is too small to share


def gru(features, hidden, dtype=torch.float32, scale=1.0):
    """A reference, its weights `scale` times those of a fresh nn.GRU."""
    rnn = nn.GRU(features, hidden, batch_first=True, bidirectional=True).to(dtype)
    for parameter in rnn.parameters():
        parameter.data *= scale
    return rnn


def assert_equal_nn_gru(rnn, x):
    """In the states, and in every gradient of a loss that treats every state differently."""
    x = x.requires_grad_()
    states, expected = fast_gru(rnn, x), rnn(x)[0]
    assert states.dtype == expected.dtype
    assert states.shape == expected.shape
    assert close(states, expected)
    weights, wanted = torch.randn_like(expected), (x, *rnn.parameters())
    ours, theirs = (torch.autograd.grad(each, wanted, weights) for each in (states, expected))
    assert all(close(a, b) for a, b in zip(ours, theirs, strict=True))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    batch=st.integers(1, 5),
    bins=st.integers(1, 40),
    features=st.integers(1, 6),
    hidden=st.integers(1, 9),
    dtype=st.sampled_from(list(TOLERANCE)),
    scale=st.floats(0.1, 2.0),
    seed=st.integers(0, 2**31),
)
def test_outputs_and_gradients_equal_nn_gru(batch, bins, features, hidden, dtype, scale, seed):
    torch.manual_seed(seed)
    rnn = gru(features, hidden, dtype, scale)
    assert_equal_nn_gru(rnn, torch.randn(batch, bins, features, dtype=dtype))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("batch", "bins", "features", "hidden"),
    [(1, 1, 1, 1), (1, 7, 3, 4), (3, 1, 3, 4), (3, 7, 3, 1), (16, 63, 9, 32)],
)
def test_smallest_and_working_sizes_equal_nn_gru(batch, bins, features, hidden, dtype):
    torch.manual_seed(0)
    assert_equal_nn_gru(
        gru(features, hidden, dtype), torch.randn(batch, bins, features, dtype=dtype)
    )


def test_long_memories_equal_nn_gru():
    """Units that keep nearly all of their state: rounding has 250 bins to accumulate."""
    torch.manual_seed(0)
    rnn = gru(8, 32)
    with torch.no_grad():
        rnn.bias_hh_l0[32:64] = 4.0
        rnn.bias_hh_l0_reverse[32:64] = 4.0
    assert_equal_nn_gru(rnn, torch.randn(8, 250, 8))


def test_large_inputs_saturate_without_nan():
    torch.manual_seed(0)
    rnn = gru(2, 3)
    x = 1e4 * torch.randn(2, 6, 2)
    states = fast_gru(rnn, x)
    assert close(states, rnn(x)[0])
    states.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in rnn.parameters())


def test_gradcheck():
    torch.manual_seed(0)
    rnn = gru(2, 3, torch.float64)
    x = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    # gradcheck changes the parameters in place, so the function may read them where they are
    assert torch.autograd.gradcheck(lambda x, *_: fast_gru(rnn, x), (x, *rnn.parameters()))


def test_inputs_are_left_alone_and_runs_repeat_exactly():
    torch.manual_seed(0)
    rnn, x, grad = gru(3, 4), torch.randn(3, 20, 3), torch.randn(3, 20, 8)
    kept = [each.detach().clone() for each in (x, grad, *rnn.parameters())]
    x.requires_grad_()
    runs = []
    for _ in range(2):
        states = fast_gru(rnn, x)
        runs.append((states.detach(), *torch.autograd.grad(states, (x, *rnn.parameters()), grad)))
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    now = (x, grad, *rnn.parameters())
    assert all(torch.equal(a, b) for a, b in zip(now, kept, strict=True))


def test_the_graph_can_be_walked_twice_and_frozen_parts_get_no_gradient():
    rnn = gru(2, 3)
    rnn.weight_ih_l0.requires_grad_(False)
    loss = fast_gru(rnn, torch.ones(2, 5, 2)).square().sum()
    first = torch.autograd.grad(loss, rnn.weight_hh_l0, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(loss, rnn.weight_hh_l0, retain_graph=True)[0])
    loss.backward()
    assert rnn.weight_ih_l0.grad is None
    assert torch.equal(first, rnn.weight_hh_l0.grad)


def test_second_derivative_is_refused():
    rnn, x = gru(2, 3), torch.randn(2, 4, 2, requires_grad=True)
    (grad,) = torch.autograd.grad(fast_gru(rnn, x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_no_gradient_is_kept_where_none_is_wanted():
    with torch.no_grad():
        assert fast_gru(gru(2, 3), torch.randn(2, 4, 2)).grad_fn is None


@pytest.mark.parametrize("layer", [nn.GRU, nn.LSTM])
def test_the_rival_has_the_weights_and_the_function_of_the_layer(layer):
    torch.manual_seed(0)
    rnn, readout = layer(3, 4, batch_first=True, bidirectional=True), nn.Linear(8, 2)
    torch.manual_seed(0)
    net = Recurrent(layer, 3, 2, 4)
    expected = {f"rnn.{name}": each for name, each in rnn.state_dict().items()}
    expected |= {f"readout.{name}": each for name, each in readout.state_dict().items()}
    torch.testing.assert_close(dict(net.state_dict()), expected, rtol=0, atol=0)
    x = torch.randn(5, 6, 3)
    torch.testing.assert_close(net(x), nn.functional.softplus(readout(rnn(x)[0])))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu():
    torch.manual_seed(0)
    rnn, x = gru(3, 8), torch.randn(4, 50, 3)
    on_gpu = fast_gru(copy.deepcopy(rnn).cuda(), x.cuda()).cpu()
    torch.testing.assert_close(on_gpu, fast_gru(rnn, x), atol=1e-5, rtol=0)


BOTH = {"batch_first": True, "bidirectional": True}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fast_gru(nn.GRU(2, 3, **BOTH, num_layers=2), torch.zeros(1, 4, 2)), "one layer"),
        (lambda: fast_gru(nn.GRU(2, 3, **BOTH, bias=False), torch.zeros(1, 4, 2)), "biases"),
        (lambda: fast_gru(nn.GRU(2, 3, batch_first=True), torch.zeros(1, 4, 2)), "bidirectional"),
        (lambda: fast_gru(nn.GRU(2, 3, bidirectional=True), torch.zeros(1, 4, 2)), "batch_first"),
        (lambda: fast_gru(gru(2, 3), torch.zeros(4, 2)), r"\(4, 2\)"),
        (lambda: fast_gru(gru(2, 3), torch.zeros(1, 4, 7)), "2 features"),
        (lambda: fast_gru(gru(2, 3), torch.zeros(1, 0, 2)), "bins"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
