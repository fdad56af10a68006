"""The networks of the contest as networks; what they learn: test_base.py."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pupil_helpers.models.neural import Convolution, LaggedMLP, LSTMNet, Separately

torch.set_num_threads(1)


def test_members_are_networks_of_their_own():
    """Each has the output and the gradients of the network that its seed makes."""

    def make():
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))

    ours, x = Separately(make, seeds=[3, 8]), torch.randn(2, 6, 7, 4)
    out = ours(x)
    out.square().sum().backward()
    for member, seed in enumerate([3, 8]):
        torch.manual_seed(seed)
        alone = make()
        torch.testing.assert_close(out[member], alone(x[member]))
        alone(x[member]).square().sum().backward()
        for (_, p), q in zip(ours.named_parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(p.grad[member], q.grad)
    assert len(ours.state_dict()) == 4


def test_making_members_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Separately(lambda: nn.Linear(2, 2), seeds=[1, 2])
    assert torch.rand(1) == expected


@pytest.mark.parametrize("make", [lambda: LSTMNet(3, 2, 4), lambda: Convolution(3, 2, 4, 15)])
def test_gain_starts_at_one(make):
    torch.testing.assert_close(make()(torch.randn(5, 9, 3)), torch.ones(5, 9, 2))


@pytest.mark.parametrize("width", [1, 2, 15, 40])
def test_the_convolution_is_conv1d_centred_on_the_step(width):
    torch.manual_seed(0)
    net, x = Convolution(3, 2, 4, width, n_filters=5), torch.randn(6, 20, 3)
    nn.init.normal_(net.readout.weight)
    mixed = net.mix(x).mT.reshape(-1, 1, 20)  # (trials * inputs, 1, steps)
    padded = F.pad(mixed, ((width - 1) // 2, width // 2), mode="replicate")
    filtered = F.conv1d(padded, net.filters.weight[:, None], net.filters.bias)
    filtered = F.relu(filtered).view(6, 15, 20).mT  # (trials, steps, inputs * filters)
    torch.testing.assert_close(net(x), net.readout(F.relu(net.latents(filtered))))


def test_every_member_of_the_mlp_is_linear_relu_linear_relu_linear():
    net = LaggedMLP(hidden_size=4, n_members=3)._network(5, 2)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(3, 6, 7, 5)  # (members, trials, steps, inputs)
    found = net(x)
    weights, biases = (
        [p for name, p in net.named_parameters() if name.endswith(kind)]
        for kind in ("weight", "bias")
    )
    for member in range(3):
        layers = [nn.Linear(5, 4), nn.Linear(4, 4), nn.Linear(4, 2)]
        for layer, weight, bias in zip(layers, weights, biases, strict=True):
            layer.weight.data, layer.bias.data = weight[member].T, bias[member, 0]
        first, second, readout = layers
        z = readout(F.relu(second(F.relu(first(x[member])))))
        gain = F.softplus(z - 1) / F.softplus(torch.tensor(-1.0))
        torch.testing.assert_close(found[member], gain)


def test_layers_and_members_of_the_mlp_start_apart():
    first, _, rest = LaggedMLP(hidden_size=4, n_members=3)._network(4, 2)
    starts = [*first.weight, *rest.stem.weight]  # all (4, 4)
    assert len({tuple(start.flatten().tolist()) for start in starts}) == len(starts)
