"""The other networks of the contest, in the same ensemble as the default model.

They differ from it, and from one another, in the network only: blocks, members, training, early
stopping and shrinkage are those of :class:`~pupil_helpers.models.ensemble.BlockEnsemble`. Only the
plain RNN is trained for twice as long: without gates it learns more slowly, and would lose what the
others do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..signals.pupil import FEATURES
from .ensemble import BlockEnsemble
from .lags import StepMeans
from .network import BEND, REST, EncoderNet, MemberLinear, MemberRecurrence


class Separately(nn.Module):
    """Any network of (trials, steps, inputs), once per member, one after the other.

    Parameters
    ----------
    make : callable
        ``make()`` returns a network without buffers; it is called once for each seed.
    seeds : sequence of int
    """

    def __init__(self, make: Callable[[], nn.Module], seeds):
        super().__init__()
        networks = []
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                networks.append(make())
        self.pattern = [networks[0]]  # in a list: its own parameters are not ours
        self.names = [name for name, _ in networks[0].named_parameters()]
        for name in self.names:
            members = torch.stack([dict(n.named_parameters())[name].detach() for n in networks])
            self.register_parameter(name.replace(".", "-"), nn.Parameter(members))

    def forward(self, x: Tensor) -> Tensor:  # (M, T, S, inputs)
        parameters = {name: getattr(self, name.replace(".", "-")) for name in self.names}
        return torch.stack(
            [
                functional_call(
                    self.pattern[0], {name: p[member] for name, p in parameters.items()}, (own,)
                )
                for member, own in enumerate(x)
            ]
        )


class GainReadout(nn.Linear):
    """A linear layer and a softplus, scaled to a gain of 1 before training."""

    def reset_parameters(self):
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(super().forward(x) + BEND) / REST


class MemberGRU(MemberRecurrence):
    """A gated recurrent unit per member and direction; each computes what ``nn.GRU`` does.

    With one bias instead of two, of which only the sums count in all gates but the last. Written
    out because ten members that step together take 25 ms where ten ``nn.GRU`` take 160 (batches
    of 32 trials).
    """

    gates = 3

    def step_through(self, drive: Tensor, along: Tensor) -> Tensor:
        # Reset and update together, and the new state by itself: each of one piece in memory.
        both = [2 * along.shape[1], along.shape[1]]
        to_gates, to_new = (part.contiguous() for part in along.split(both, dim=-1))
        h, states = torch.zeros_like(drive[:, 0, :, both[0] :]), []  # (G, T, H)
        for given in drive.unbind(1):  # (G, T, 3 * H)
            gates, new = given.split(both, dim=-1)
            reset, update = torch.sigmoid(torch.baddbmm(gates, h, to_gates)).chunk(2, dim=-1)
            new = torch.tanh(torch.addcmul(new, reset, h @ to_new))
            h = torch.lerp(new, h, update)
            states.append(h)
        return torch.stack(states, dim=1)


class StepEncoder(BlockEnsemble):
    """A network that gets the features of each step as they are, and has to find lags itself.

    Parameters and attributes as in :class:`~pupil_helpers.models.ensemble.BlockEnsemble`.
    """

    def _inputs(self, n_bins):
        return StepMeans(n_bins, len(FEATURES), self.stride)

    def _recurrent(self, layer, n_inputs, n_regions) -> EncoderNet:
        """Such a layer, read in both directions, and a readout."""
        recurrence = partial(layer, hidden_size=self.hidden_size, direction="bidirectional")
        return EncoderNet(n_inputs, n_regions, self._seeds(), 0, recurrence, skip=False)


@dataclass(eq=False, repr=False)
class PlainRNNEncoder(StepEncoder):
    """A bidirectional tanh RNN and a readout, as :class:`~pupil_helpers.models.network.PlainRNN`.

    Parameters
    ----------
    n_updates : int, default 400
    warm_up : float, default 0.3
    hidden_size, loss, psth, n_members, n_blocks, gap, shrink, batch_size, learning_rate, \
weight_decay, stride, bin_size, seed, device, progress, on_check
        As in :class:`~pupil_helpers.models.ensemble.BlockEnsemble`, and so are the attributes.
    """

    n_updates: int = 400
    warm_up: float = 0.3

    def _network(self, n_inputs, n_regions):
        return self._recurrent(MemberRecurrence, n_inputs, n_regions)


class GRU(StepEncoder):
    """A bidirectional gated recurrent unit (Cho et al. 2014, arXiv:1406.1078)."""

    def _network(self, n_inputs, n_regions):
        return self._recurrent(MemberGRU, n_inputs, n_regions)


class LSTM(StepEncoder):
    """A bidirectional LSTM (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735)."""

    def _network(self, n_inputs, n_regions):
        make = partial(LSTMNet, n_inputs, n_regions, self.hidden_size)
        return Separately(make, self._seeds())


class LSTMNet(nn.Module):
    """A bidirectional ``nn.LSTM`` and a readout."""

    def __init__(self, n_inputs, n_regions, hidden_size):
        super().__init__()
        self.rnn = nn.LSTM(n_inputs, hidden_size, batch_first=True, bidirectional=True)
        self.readout = GainReadout(2 * hidden_size, n_regions)

    def forward(self, x: Tensor) -> Tensor:  # (T, S, inputs)
        return self.readout(self.rnn(x)[0])  # (T, S, R)


class LaggedMLP(BlockEnsemble):
    """A perceptron with two hidden layers on the same lagged components as the linear models."""

    def _network(self, n_inputs, n_regions):
        # Layers of weights from different seeds: the first here, the second a stem without more.
        first, second = self._seeds(), [seed + self.n_members for seed in self._seeds()]
        return nn.Sequential(
            MemberLinear(n_inputs, self.hidden_size, first),
            nn.ReLU(),
            EncoderNet(self.hidden_size, n_regions, second, self.hidden_size),
        )


class TemporalConv(StepEncoder):
    """A temporal convolution network in the manner of facemap's (Syeda et al. 2024,
    doi:10.1038/s41593-023-01490-6): a linear mix of the features, 10 filters of 0.6 s shared
    by all of them, ReLU, rectified latents, readout."""

    def _network(self, n_inputs, n_regions):
        width = max(1, round(0.6 / (self.stride * self.bin_size_)))
        make = partial(Convolution, n_inputs, n_regions, self.hidden_size, width)
        return Separately(make, self._seeds())


class Convolution(nn.Module):
    """Mixed features, a bank of long filters over time, rectified latents, readout."""

    def __init__(self, n_inputs, n_regions, hidden_size, width, n_filters=10):
        super().__init__()
        self.padding = (width - 1) // 2, width // 2
        self.mix = nn.Linear(n_inputs, n_inputs)
        self.filters = nn.Linear(width, n_filters)  # the same for every feature
        self.latents = nn.Linear(n_inputs * n_filters, hidden_size)
        self.readout = GainReadout(hidden_size, n_regions)

    def forward(self, x: Tensor) -> Tensor:  # (T, S, inputs)
        x = F.pad(self.mix(x).mT, self.padding, mode="replicate")  # (T, inputs, S + width - 1)
        windows = x.unfold(-1, self.filters.in_features, 1)  # (T, inputs, S, width)
        x = F.relu(self.filters(windows.flatten(0, 2)))  # a fifth quicker than of windows
        x = x.unflatten(0, windows.shape[:3])  # (T, inputs, S, filters)
        x = F.relu(self.latents(x.transpose(1, 2).flatten(2)))  # (T, S, hidden)
        return self.readout(x)  # (T, S, R)
