import pytest
import torch
from torch import nn

from pupil_helpers.models.base import one_thread
from pupil_helpers.models.network import EncoderNet, MemberLinear, PlainRNN


def net(seeds=(0, 1, 2), direction="bidirectional", **changes):
    settings = {"hidden_size": 5, "stem_size": 6, "skip": True} | changes
    return EncoderNet(7, 2, direction=direction, seeds=seeds, **settings)


def test_plain_rnn_is_nn_rnn_linear_softplus():
    model = PlainRNN(3, 2, hidden_size=4)
    x = torch.randn(5, 9, 3)
    hidden, _ = model.rnn(x)
    expected = nn.functional.softplus(hidden @ model.readout.weight.T + model.readout.bias)
    torch.testing.assert_close(model(x), expected)


def test_member_linear_is_one_nn_linear_per_member():
    layer, x = MemberLinear(3, 4, 2, seeds=[0, 1, 2]), torch.randn(3, 5, 6, 4)
    nn.init.normal_(layer.bias)
    for member in range(3):
        expected = nn.functional.linear(x[member], layer.weight[member].T, layer.bias[member, 0])
        torch.testing.assert_close(layer(x)[member], expected)


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


def test_one_thread_puts_things_back_even_after_an_error():
    @one_thread()
    def fails():
        raise KeyError(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with pytest.raises(KeyError, match="1"):
        fails()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
