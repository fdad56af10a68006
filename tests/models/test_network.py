"""The default network's layers against torch's own, and who hears what."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pupil_helpers.models.network import (
    EncoderNet,
    GatedRecurrence,
    MemberLinear,
    MemberRecurrence,
    PlainRNN,
)
from pupil_helpers.models.neural import MemberGRU

torch.set_num_threads(1)


def net(seeds=(0, 1, 2), direction="bidirectional", hidden_size=5, stem_size=6, skip=True):
    recurrence = partial(MemberRecurrence, hidden_size=hidden_size, direction=direction)
    return EncoderNet(7, 2, seeds, stem_size, recurrence if hidden_size else None, skip)


@torch.no_grad()
def test_direct_inputs_pass_the_stem_on_their_way_to_the_recurrence():
    """With a deaf stem the last inputs are heard, and the others are not."""
    recurrence = partial(MemberRecurrence, hidden_size=5, direction="bidirectional")
    ours = EncoderNet(7, 2, (0, 1), 6, recurrence, n_direct=3)
    ours.stem.weight.zero_()
    ours.readout.weight.normal_()
    x = torch.randn(2, 3, 9, 7)
    others, direct = x.clone(), x.clone()
    others[..., :4] += 1
    direct[..., 4:] += 1
    torch.testing.assert_close(ours(others), ours(x))
    assert (ours(direct) - ours(x)).abs().max() > 0.01


def reference(layer, ours, member):
    """torch's own layer with one member's weights."""
    n_inputs, hidden = ours.weight_ih.shape[-1], ours.weight_hh.shape[-1]
    theirs = layer(n_inputs, hidden, batch_first=True, bidirectional=len(ours.reads) == 2).double()
    with torch.no_grad():
        for d, suffix in enumerate(("l0", "l0_reverse")[: len(ours.reads)]):
            for name in ("weight_ih", "weight_hh"):
                getattr(theirs, f"{name}_{suffix}").copy_(getattr(ours, name)[member, d])
            getattr(theirs, f"bias_ih_{suffix}").copy_(ours.bias[member, d])
            getattr(theirs, f"bias_hh_{suffix}").zero_()
    return theirs


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    layers=st.sampled_from([(MemberRecurrence, nn.RNN), (MemberGRU, nn.GRU)]),
    members=st.integers(1, 3),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 5)),
    hidden=st.integers(1, 6),
    direction=st.sampled_from(["bidirectional", "causal"]),
    seed=st.integers(0, 2**31),
)
def test_states_and_gradients_are_those_of_torch(layers, members, shape, hidden, direction, seed):
    ours = layers[0](shape[-1], hidden, direction, range(seed, seed + members)).double()
    x = torch.randn(members, *shape, dtype=torch.float64, requires_grad=True)
    states = torch.cat(ours(x.transpose(1, 2)), dim=-1).transpose(1, 2)  # (M, T, S, D * H)
    weights = torch.randn_like(states)  # a loss that treats every output differently
    grad_x, *grads = torch.autograd.grad((states * weights).sum(), [x, *ours.parameters()])
    grads = dict(zip((name for name, _ in ours.named_parameters()), grads, strict=True))
    for m in range(members):
        theirs = reference(layers[1], ours, m)
        own = x[m].detach().requires_grad_()
        expected = theirs(own)[0]
        torch.testing.assert_close(states[m], expected)
        (expected * weights[m]).sum().backward()
        torch.testing.assert_close(grad_x[m], own.grad)
        for d, suffix in enumerate(("l0", "l0_reverse")[: len(ours.reads)]):
            for name, twin in (("weight_ih",) * 2, ("weight_hh",) * 2, ("bias", "bias_ih")):
                wanted = getattr(theirs, f"{twin}_{suffix}").grad
                torch.testing.assert_close(grads[name][m, d], wanted)


def test_anticausal_is_causal_in_mirrored_time():
    x = torch.randn(2, 9, 3, 4)
    causal, anticausal = (MemberRecurrence(4, 5, d, [3, 4]) for d in ("causal", "anticausal"))
    torch.testing.assert_close(anticausal(x.flip(1))[0].flip(1), causal(x)[0])


@pytest.mark.parametrize("layer", [MemberRecurrence, GatedRecurrence, MemberGRU])
def test_inputs_in_parts_are_heard_as_if_joined(layer):
    ours, x = layer(4, 5, "bidirectional", [3, 4]), torch.randn(2, 9, 3, 4)
    torch.testing.assert_close(ours(x[..., :1], x[..., 1:]), ours(x))


def test_a_gate_is_a_gru_that_always_listens():
    """With its reset gate open, and its update gate's complement as ours."""
    ours = GatedRecurrence(4, 3, "bidirectional", [7]).double()
    gru = nn.GRU(4, 3, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for d, suffix in enumerate(("l0", "l0_reverse")):
            for name in ("weight_ih", "weight_hh", "bias"):
                new, gate = getattr(ours, name)[0, d].chunk(2)
                reset = torch.full_like(new, 50) if name == "bias" else torch.zeros_like(new)
                twin = getattr(gru, f"{name.replace('bias', 'bias_ih')}_{suffix}")
                twin.copy_(torch.cat([reset, -gate, new]))
            getattr(gru, f"bias_hh_{suffix}").zero_()
    x = torch.randn(1, 5, 20, 4, dtype=torch.float64)
    states = torch.cat(ours(x.transpose(1, 2)), dim=-1).transpose(1, 2)
    torch.testing.assert_close(states[0], gru(x[0])[0])


def test_plain_rnn_is_nn_rnn_linear_softplus():
    model = PlainRNN(3, 2, hidden_size=4)
    x = torch.randn(5, 9, 3)
    hidden, _ = model.rnn(x)
    expected = nn.functional.softplus(hidden @ model.readout.weight.T + model.readout.bias)
    torch.testing.assert_close(model(x), expected)


def test_member_linear_is_one_nn_linear_per_member():
    layer, x = MemberLinear(4, 2, seeds=[0, 1, 2]), torch.randn(3, 5, 6, 4)
    nn.init.normal_(layer.bias)
    for member in range(3):
        expected = nn.functional.linear(x[member], layer.weight[member].T, layer.bias[member, 0])
        torch.testing.assert_close(layer(x)[member], expected)
    torch.testing.assert_close(layer(x[..., :1], x[..., 1:]), layer(x))


@pytest.mark.parametrize("changes", [{}, {"hidden_size": 0}, {"stem_size": 0}, {"skip": False}])
def test_gain_starts_at_one(changes):
    torch.testing.assert_close(net(**changes)(torch.randn(3, 4, 8, 7)), torch.ones(3, 4, 8, 2))


def test_members_do_not_hear_one_another():
    model, x = net(), torch.randn(3, 4, 8, 7)
    nn.init.normal_(model.readout.weight)
    changed = x.clone()
    changed[1] += 1
    before, after = model(x), model(changed)
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])
    assert not torch.allclose(before[1], after[1])


def test_a_member_starts_the_same_in_any_company():
    alone, together = net(seeds=(7,)), net(seeds=(3, 7))
    for a, b in zip(alone.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(a[0], b[1])


@pytest.mark.parametrize(("direction", "deaf"), [("causal", slice(5, 8)), ("anticausal", slice(4))])
def test_direction_decides_what_is_heard(direction, deaf):
    model, x = net(direction=direction), torch.randn(3, 4, 8, 7, requires_grad=True)
    nn.init.normal_(model.readout.weight)
    model(x)[:, :, 4].sum().backward()
    assert (x.grad[:, :, deaf] == 0).all()
    assert (x.grad[:, :, 4] != 0).any()
