"""The default network, from pupil samples to expected counts, in one sitting.

``pupil -> features -> lag filters -> linear, ReLU (stem) -> gated recurrence -> readout -> gain``;
the recurrence sees the features of the moment too, the readout sees the stem too (skip), and the
gain multiplies the PSTH. Several independent networks ("members") run side by side: M members, T
trials, S steps of a few bins each, B bins, R regions. The first axis of every parameter is the
member.

:class:`PlainRNN` is the network as one would first write it, for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..signals.pupil import PupilFeatures

READS = {
    "bidirectional": (False, True),
    "causal": (False,),
    "anticausal": (True,),
}
"""For each direction: the recurrences there are, and whether each reads backwards in time."""

BEND = -1.0
"""Where on the softplus the readout starts: below 0 it bends like an exponential, so that
influences multiply; far above 0 it is straight, and they add."""
REST = math.log1p(math.exp(BEND))  # softplus(BEND): dividing by it makes the gain start at 1


class MemberLinear(nn.Module):
    """One independent linear layer per member: (M, ..., inputs) -> (M, ..., outputs)."""

    def __init__(self, n_inputs: int, n_outputs: int, seeds: Sequence[int]):
        super().__init__()
        draws = [torch.randn(n_inputs, n_outputs, generator=generator(seed)) for seed in seeds]
        self.weight = nn.Parameter(torch.stack(draws) / math.sqrt(n_inputs))
        self.bias = nn.Parameter(torch.zeros(len(seeds), 1, n_outputs))

    def forward(self, *parts: Tensor) -> Tensor:
        """Of one input, or of several as if they were joined along the last axis."""
        out = self.bias.mT  # (M, outputs, 1)
        weights = self.weight.split([part.shape[-1] for part in parts], dim=1)
        for part, weight in zip(parts, weights, strict=True):
            out = out + weight.mT @ part.flatten(1, -2).mT  # quicker than part @ weight
        return out.mT.unflatten(1, parts[0].shape[1:-1])


class MemberRecurrence(nn.Module):
    """One tanh recurrence per member and direction; each computes what ``nn.RNN`` does.

    Parameters
    ----------
    n_inputs, hidden_size : int
        ``hidden_size`` units per direction.
    direction : {"bidirectional", "causal", "anticausal"}
    seeds : sequence of int
        One per member, whose starting weights depend on nothing else.
    """

    gates = 1

    def __init__(self, n_inputs, hidden_size, direction, seeds):
        super().__init__()
        self.reads = READS[direction]
        self.shape = len(seeds), len(self.reads)  # members M, directions D
        wide = self.gates * hidden_size
        scale = hidden_size**-0.5
        drawn = {"weight_hh": (wide, hidden_size), "weight_ih": (wide, n_inputs), "bias": (wide,)}
        generators = [generator(seed) for seed in seeds]
        for name, size in drawn.items():  # (M, D, outputs, inputs), as in nn.RNN
            draws = [torch.rand(len(self.reads), *size, generator=each) for each in generators]
            self.register_parameter(name, nn.Parameter((2 * torch.stack(draws) - 1) * scale))

    def forward(self, *parts: Tensor) -> list[Tensor]:
        """States of each direction, one or two of (M, S, T, H).

        The input is (M, S, T, inputs), in one part or in several as if they were joined along the
        last axis. Steps come before trials, so that the numbers of one step lie side by side.
        """
        into, bias, along = self.weights()
        into = into.flatten(1, 2).mT.split([part.shape[-1] for part in parts], dim=1)
        drive = bias.flatten(1).unsqueeze(1)  # (M, 1, D * outputs)
        for part, weight in zip(parts, into, strict=True):
            drive = torch.baddbmm(drive, part.flatten(1, 2), weight)  # (M, S * T, D * outputs)
        drive = drive.unflatten(1, parts[0].shape[1:3]).unflatten(-1, (self.shape[1], -1))
        # Members and directions become one list of G = M * D networks that step together; those
        # that read backwards get their drive, and give their states, flipped in time.
        drive = torch.stack(self.turn(drive.unbind(-2)), dim=1).flatten(0, 1)
        states = self.step_through(drive, along.flatten(0, 1).mT)  # (G, S, T, H)
        return self.turn(states.unflatten(0, self.shape).unbind(1))

    def turn(self, directions) -> list[Tensor]:
        """The series (M, S, T, ...) of those directions that read backwards flipped in time."""
        return [s.flip(1) if flip else s for s, flip in zip(directions, self.reads, strict=True)]

    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of the input (M, D, outputs, inputs), biases (M, D, outputs), of the state (…, H)."""
        return self.weight_ih, self.bias, self.weight_hh

    def step_through(self, drive: Tensor, along: Tensor) -> Tensor:
        """``h[s] = tanh(drive[s] + W h[s - 1])`` from ``h = 0``, where ``drive = V x + b``:
        (G, S, T, H) -> (G, S, T, H)."""
        h, states = torch.zeros_like(drive[:, 0]), []  # (G, T, H)
        for given in drive.unbind(1):
            h = torch.tanh(torch.baddbmm(given, h, along))
            states.append(h)
        return torch.stack(states, dim=1)


class GatedRecurrence(MemberRecurrence):
    """A tanh recurrence whose units decide how much of their state to renew.

    ``h[s] = h[s - 1] + g (tanh(V x[s] + b + W h[s - 1]) - h[s - 1])``, with the gate
    ``g = logistic(V' x[s] + b' + W' h[s - 1])``: a GRU without its reset gate (Ravanelli et al.
    2018, doi:10.1109/TETCI.2017.2762739). A unit whose gate is nearly shut remembers for
    seconds, and one input can open it.
    """

    gates = 2  # first the halves of all parameters that lead to tanh, then those to the gate

    def weights(self):
        """With ``tanh(a) = 2 logistic(2 a) - 1`` and ``h = 2 u - 1``, a step has one logistic
        function, three times as quick as tanh: ``r, g = logistic(...)`` and
        ``u[s] = u[s - 1] + g (r - u[s - 1])``. So ``a`` counts twice, and ``h`` is ``2 u - 1``."""
        into, bias, along = super().weights()
        scale = bias.new_tensor([2, 1]).repeat_interleave(along.shape[-1])  # of tanh, of the gate
        column = scale.unsqueeze(1)
        return into * column, (bias - along.sum(-1)) * scale, along * (2 * column)

    def step_through(self, drive: Tensor, along: Tensor) -> Tensor:
        u = torch.full_like(drive[:, 0, :, : along.shape[1]], 0.5)  # (G, T, H)
        states = []
        for given in drive.unbind(1):  # (G, T, 2 * H)
            renewed, gate = torch.sigmoid(torch.baddbmm(given, u, along)).chunk(2, dim=-1)
            u = torch.lerp(u, renewed, gate)
            states.append(u)
        return torch.add(u.new_tensor(-1), torch.stack(states, dim=1), alpha=2)


class EncoderNet(nn.Module):
    """Gain of each region on its PSTH, (M, T, S, inputs) -> (M, T, S, R); 1 before training.

    Parameters
    ----------
    n_inputs, n_regions : int
    seeds : sequence of int
        One per member.
    stem_size : int, default 16
        Rectified units; 0 feeds the recurrence with the inputs as they are.
    recurrence : callable or None
        ``recurrence(n_inputs, seeds=seeds)`` makes the recurrent layer; None leaves it out.
    skip : bool, default True
        Whether the readout sees the stem, as it must where there is no recurrence.
    n_direct : int, default 0
        The last so many inputs reach the recurrence past the stem as well as through it.
    """

    def __init__(
        self, n_inputs, n_regions, seeds, stem_size=16, recurrence=None, skip=True, n_direct=0
    ):
        super().__init__()
        self.stem = MemberLinear(n_inputs, stem_size, seeds) if stem_size else None
        wide = stem_size or n_inputs
        self.direct = slice(n_inputs - n_direct, None) if n_direct and stem_size else None
        heard = wide + n_direct * (self.direct is not None)
        self.recurrence = recurrence(heard, seeds=seeds) if recurrence else None
        self.skip = skip or not recurrence
        read = wide * self.skip
        if recurrence:
            read += self.recurrence.weight_hh.shape[-1] * len(self.recurrence.reads)
        self.readout = MemberLinear(read, n_regions, seeds)
        nn.init.zeros_(self.readout.weight)

    def forward(self, x: Tensor) -> Tensor:  # (M, T, S, inputs)
        x = x.transpose(1, 2).contiguous()  # (M, S, T, inputs), the order of the recurrence
        stem = x if self.stem is None else F.relu(self.stem(x))  # (M, S, T, stem)
        seen = [stem] if self.skip else []
        if self.recurrence is not None:
            direct = [] if self.direct is None else [x[..., self.direct]]
            seen += self.recurrence(stem, *direct)  # each (M, S, T, H)
        z = self.readout(*seen).transpose(1, 2).contiguous()  # (M, T, S, R)
        return F.softplus(z + BEND) / REST


class PupilToCounts(nn.Module):
    """The whole of a model: fits, predictions, attributions and saved files all use this path.

    Parameters
    ----------
    features : PupilFeatures
    inputs : nn.Module
        Features (T, B, 10) to what the networks get, (T, S, inputs).
    net : nn.Module
        Inputs of every member, (M, T, S, inputs), to their gains, (M, T, S, R).
    n_members, n_regions : int
    to_bins : array_like, (bins, steps)
        See :func:`pupil_helpers.models.lags.interpolation`.
    """

    def __init__(self, features: PupilFeatures, inputs, net, n_members, n_regions, to_bins):
        super().__init__()
        self.features, self.inputs, self.net, self.n_members = features, inputs, net, n_members
        self.register_buffer("to_bins", torch.as_tensor(np.asarray(to_bins)), persistent=False)
        self.register_buffer("psth", torch.ones(len(to_bins), n_regions))  # (B, R)
        self.register_buffer("shrinkage", torch.ones(n_regions))

    def prepare(self, pupil) -> tuple[Tensor, Tensor]:
        """As :meth:`PupilFeatures.prepare <pupil_helpers.signals.pupil.PupilFeatures.prepare>`."""
        filled, missing = self.features.prepare(pupil)
        if filled.shape[1] != len(self.psth):
            raise ValueError(
                f"pupil has {filled.shape[1]} bins, but the model was fitted with {len(self.psth)}"
            )
        return filled, missing

    def forward(self, filled: Tensor, missing: Tensor) -> Tensor:  # (T, B, 3), (T, B, 1)
        inputs = self.inputs(self.features(filled, missing).float())  # (T, S, inputs)
        gain = self.net(inputs.expand(self.n_members, *inputs.shape)).mean(0)  # (T, S, R)
        gain = self.to_bins @ gain  # (T, B, R)
        return self.psth * (1 + self.shrinkage * (gain - 1))  # (T, B, R)


class PlainRNN(nn.Module):
    """One hidden layer of tanh units, read in both directions, and a softplus readout.

    Parameters
    ----------
    n_inputs, n_regions : int
    hidden_size : int, default 32
        Units per direction.
    direction : {"bidirectional", "causal"}
    """

    def __init__(self, n_inputs, n_regions, hidden_size=32, direction="bidirectional"):
        super().__init__()
        both = direction == "bidirectional"
        self.rnn = nn.RNN(n_inputs, hidden_size, batch_first=True, bidirectional=both)
        self.readout = nn.Linear(hidden_size * (1 + both), n_regions)

    def forward(self, x: Tensor) -> Tensor:  # (T, B, inputs)
        hidden, _ = self.rnn(x)  # (T, B, directions * hidden)
        return F.softplus(self.readout(hidden))  # (T, B, R)


def generator(seed: int) -> torch.Generator:
    """Random numbers that depend on this seed only."""
    return torch.Generator().manual_seed(seed)
