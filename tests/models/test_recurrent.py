"""BatchedRNN must be nn.RNN, only quicker: outputs, gradients, and what a user can get wrong."""

import copy
from unittest.mock import patch

import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import TOLERANCE, close
from torch import nn

from pupil_helpers.models import recurrent
from pupil_helpers.models.recurrent import BatchedRNN, project_rnn

torch.set_num_threads(1)  # the work here is too small to share


def rnns(members, features, hidden, bidirectional=True, dtype=torch.float32, scale=1.0, **options):
    """Reference networks, their weights `scale` times those of a fresh nn.RNN.

    Much above 1 a recurrence multiplies rounding errors, and nn.RNN in float32 is itself
    further than 1e-5 from nn.RNN in float64.
    """
    made = [
        nn.RNN(features, hidden, batch_first=True, bidirectional=bidirectional, **options).to(dtype)
        for _ in range(members)
    ]
    for rnn in made:
        for parameter in rnn.parameters():
            parameter.data *= scale
    return made


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    members=st.integers(1, 4),
    batch=st.integers(1, 5),
    bins=st.integers(1, 40),
    features=st.integers(1, 6),
    hidden=st.integers(1, 9),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    dtype=st.sampled_from(list(TOLERANCE)),
    scale=st.floats(0.1, 1.0),
    run=st.sampled_from([1, 100, recurrent.RUN]),
    seed=st.integers(0, 2**31),
)
def test_outputs_and_gradients_equal_nn_rnn(
    members, batch, bins, features, hidden, bidirectional, bias, dtype, scale, run, seed
):
    """`run` cuts time into pieces of one bin, of a few bins, or not at all."""
    torch.manual_seed(seed)
    references = rnns(members, features, hidden, bidirectional, dtype, scale, bias=bias)
    ours = BatchedRNN.from_rnn(*references)
    x = torch.randn(members, batch, bins, features, dtype=dtype)
    x_ours, x_theirs = x.clone().requires_grad_(), x.clone().requires_grad_()

    with patch.object(recurrent, "RUN", run):
        states = ours(x_ours)
    expected = torch.stack([rnn(each)[0] for rnn, each in zip(references, x_theirs, strict=True)])
    assert states.dtype == dtype
    assert states.shape == expected.shape
    assert close(states, expected)

    weights = torch.randn_like(expected)  # a loss that treats every output differently
    (states * weights).sum().backward()
    (expected * weights).sum().backward()
    assert close(x_ours.grad, x_theirs.grad)
    for m, rnn in enumerate(references):
        grads = {name: parameter.grad for name, parameter in rnn.named_parameters()}
        for d, suffix in enumerate(["l0", "l0_reverse"][: 1 + bidirectional]):
            assert close(ours.weight_ih.grad[m, d], grads[f"weight_ih_{suffix}"])
            assert close(ours.weight_hh.grad[m, d], grads[f"weight_hh_{suffix}"])
            if bias:
                assert close(ours.bias.grad[m, d], grads[f"bias_ih_{suffix}"])


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    members=st.integers(1, 3),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(1, 4)),
    hidden=st.integers(1, 6),
    outputs=st.integers(1, 4),
    directions=st.sampled_from([("forward", "backward"), ("forward",), ("backward",)]),
    seed=st.integers(0, 2**31),
)
def test_projections_are_the_states_times_weights(
    members, shape, hidden, outputs, directions, seed
):
    torch.manual_seed(seed)
    rnn = BatchedRNN(shape[-1], hidden, members, directions).double()
    x = torch.randn(members, *shape, dtype=torch.float64)
    weight = torch.randn(members, len(directions) * hidden, outputs, dtype=torch.float64)
    weight.requires_grad_()
    pair = rnn.project(x, weight), rnn(x) @ weight[:, None]
    assert close(*pair)
    loss = torch.randn_like(pair[0])
    grads = [torch.autograd.grad((p * loss).sum(), [weight, *rnn.parameters()]) for p in pair]
    assert all(close(ours, theirs) for ours, theirs in zip(*grads, strict=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("options", [{}, {"bidirectional": False}, {"bias": False}])
def test_projections_of_an_nn_rnn_train_that_nn_rnn(options, dtype):
    torch.manual_seed(0)
    (rnn,) = rnns(1, 3, 7, dtype=dtype, **options)
    weight = torch.randn(7 * (1 + rnn.bidirectional), 2, dtype=dtype, requires_grad=True)
    x = torch.randn(4, 30, 3, dtype=dtype, requires_grad=True)
    pair = project_rnn(rnn, x, weight), rnn(x)[0] @ weight
    assert close(*pair)
    grads = [torch.autograd.grad(p.square().sum(), [x, weight, *rnn.parameters()]) for p in pair]
    assert all(close(ours, theirs) for ours, theirs in zip(*grads, strict=True))


def test_working_size_equals_nn_rnn():
    """The size used in the book, where rounding has 250 bins to accumulate."""
    torch.manual_seed(0)
    (reference,) = rnns(1, 8, 32)
    with torch.no_grad():  # long memories: the hardest case for rounding
        reference.weight_hh_l0.copy_(torch.diag(torch.linspace(0.6, 0.98, 32)))
    ours = BatchedRNN.from_rnn(reference)
    x = torch.randn(32, 250, 8)
    states, expected = ours(x[None])[0], reference(x)[0]
    assert close(states, expected)
    states.square().mean().backward()
    expected.square().mean().backward()
    assert close(ours.weight_hh.grad[0, 0], reference.weight_hh_l0.grad)
    assert close(ours.weight_hh.grad[0, 1], reference.weight_hh_l0_reverse.grad)


def test_gradcheck():
    torch.manual_seed(0)
    rnn = BatchedRNN(2, 3, 2).double()
    x = torch.randn(2, 2, 5, 2, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in rnn.named_parameters()]

    def states(x, *parameters):
        return torch.func.functional_call(rnn, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(states, (x, *rnn.parameters()))


def test_inputs_are_left_alone_and_runs_repeat_exactly():
    torch.manual_seed(0)
    rnn, x, grad = BatchedRNN(3, 4, 2), torch.randn(2, 3, 20, 3), torch.randn(2, 3, 20, 8)
    kept = [each.detach().clone() for each in (x, grad, *rnn.parameters())]
    x.requires_grad_()
    runs = []
    for _ in range(2):
        states = rnn(x)
        runs.append((states.detach(), *torch.autograd.grad(states, (x, *rnn.parameters()), grad)))
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    now = (x, grad, *rnn.parameters())
    assert all(torch.equal(a, b) for a, b in zip(now, kept, strict=True))


def test_the_graph_can_be_walked_twice_and_changing_the_states_in_place_is_noticed():
    rnn = BatchedRNN(2, 3, seeds=[0])
    loss = rnn(torch.ones(1, 2, 5, 2)).sum()
    first = torch.autograd.grad(loss, rnn.weight_hh, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(loss, rnn.weight_hh)[0])
    states = rnn(torch.ones(1, 2, 5, 2))
    loss = states.square().sum()
    with torch.no_grad():
        states.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_frozen_parts_get_no_gradient_and_the_others_the_same():
    torch.manual_seed(0)
    rnn, x = BatchedRNN(2, 3), torch.randn(1, 2, 6, 2)
    rnn(x).square().sum().backward()
    expected = rnn.weight_ih.grad.clone()
    rnn.zero_grad()
    rnn.weight_hh.requires_grad_(False)
    rnn(x).square().sum().backward()
    torch.testing.assert_close(rnn.weight_ih.grad, expected)
    assert rnn.weight_hh.grad is None


def test_second_derivative_is_refused():
    rnn, x = BatchedRNN(2, 3), torch.randn(1, 2, 4, 2, requires_grad=True)
    (grad,) = torch.autograd.grad(rnn(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_direction_decides_which_inputs_are_seen(direction):
    rnn = BatchedRNN(2, 3, directions=(direction,), seeds=[0])
    x = torch.randn(1, 1, 9, 2, requires_grad=True)
    rnn(x)[0, 0, 4].sum().backward()
    seen = x.grad[0, 0].abs().sum(-1) > 0
    bins = torch.arange(9)
    assert torch.equal(seen, bins <= 4 if direction == "forward" else bins >= 4)


def test_a_member_depends_on_its_own_seed_only():
    together, alone = BatchedRNN(3, 4, 3, seeds=[5, 6, 7]), BatchedRNN(3, 4, seeds=[6])
    for module in (together, alone):
        module.leaky_integrators_()
    for name, parameter in alone.named_parameters():
        assert torch.equal(together.get_parameter(name)[1], parameter[0])
        assert not torch.equal(together.get_parameter(name)[0], parameter[0])
    x = torch.randn(3, 2, 10, 3)
    torch.testing.assert_close(together(x)[1], alone(x[1:2])[0])


def test_unseeded_members_follow_the_global_seed():
    made = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        made.append(BatchedRNN(2, 3, 2).weight_hh)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_leaky_integrators_forget_at_the_stated_rates():
    rnn = BatchedRNN(1, 5, directions=("forward",)).leaky_integrators_(0.6, 0.98, noise=0)
    with torch.no_grad():
        rnn.weight_ih.fill_(1e-3)  # small enough for tanh to be linear
        rnn.bias.zero_()
    pulse = torch.zeros(1, 1, 6, 1)
    pulse[0, 0, 0] = 1
    states = rnn(pulse)[0, 0]  # (T, H)
    kept = (states[5] / states[0]) ** (1 / 5)
    torch.testing.assert_close(kept, torch.linspace(0.6, 0.98, 5), atol=1e-4, rtol=0)


def test_integrated_gradients_in_eval_mode_equal_those_of_nn_rnn():
    torch.manual_seed(0)
    (reference,) = rnns(1, 3, 6, dtype=torch.float64)
    ours = BatchedRNN.from_rnn(reference).eval()
    x, baseline = torch.randn(2, 12, 3, dtype=torch.float64), torch.zeros(1, 12, 3).double()

    def attribute(function):
        return IntegratedGradients(function).attribute(x, baseline, n_steps=30)

    mine = attribute(lambda x: ours(x[None])[0, :, 6].sum(-1))
    theirs = attribute(lambda x: reference(x)[0][:, 6].sum(-1))
    torch.testing.assert_close(mine, theirs, atol=1e-10, rtol=0)
    total = ours(x[None])[0, :, 6].sum(-1) - ours(baseline[None])[0, :, 6].sum(-1)
    torch.testing.assert_close(mine.sum((1, 2)), total, atol=1e-3, rtol=0)


def test_state_dict_and_copies_keep_the_function():
    torch.manual_seed(0)
    rnn = BatchedRNN(2, 3, 2)
    fresh = BatchedRNN(2, 3, 2)
    fresh.load_state_dict(rnn.state_dict())
    x = torch.randn(2, 1, 7, 2)
    assert torch.equal(fresh(x), rnn(x))
    assert torch.equal(copy.deepcopy(rnn)(x), rnn(x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu():
    rnn = BatchedRNN(3, 8, 2, seeds=[0, 1])
    x = torch.randn(2, 4, 50, 3)
    torch.testing.assert_close(copy.deepcopy(rnn).cuda()(x.cuda()).cpu(), rnn(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BatchedRNN(2, 3, directions=("sideways",)), "sideways"),
        (lambda: BatchedRNN(2, 3, 2, seeds=[1]), "1 seeds for 2 members"),
        (lambda: BatchedRNN(2, 3)(torch.zeros(4, 5, 2)), r"\(4, 5, 2\)"),
        (lambda: BatchedRNN(2, 3)(torch.zeros(1, 4, 5, 7)), "2 features"),
        (lambda: BatchedRNN.from_rnn(nn.RNN(2, 3, num_layers=2)), "one layer"),
        (lambda: BatchedRNN.from_rnn(nn.RNN(2, 3, nonlinearity="relu")), "tanh"),
        (
            lambda: project_rnn(nn.RNN(2, 3, nonlinearity="relu"), torch.zeros(1, 4, 2), None),
            "tanh",
        ),
        (lambda: BatchedRNN(2, 3)(torch.zeros(1, 4, 0, 2)), "bins"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
