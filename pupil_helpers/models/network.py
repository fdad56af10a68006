"""The networks.

:class:`PlainRNN` is the model as one would first write it. :class:`EncoderNet` keeps its
heart, a bidirectional tanh recurrence with a softplus readout, and adds a stem of smooth
temporal filters and a skip from the stem to the readout. It holds several independent members,
which train side by side in one batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .recurrent import BatchedRNN

DIRECTIONS = {
    "bidirectional": ("forward", "backward"),
    "causal": ("forward",),
    "anticausal": ("backward",),
}

BEND = -1.0
"""Where on the softplus the readout starts: below 0 it bends like an exponential, so that
influences multiply; far above 0 it is straight, and they add."""
REST = math.log1p(math.exp(BEND))  # softplus(BEND): dividing by it makes the gain start at 1


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

    def forward(self, x: Tensor) -> Tensor:  # (trials, bins, inputs)
        hidden, _ = self.rnn(x)  # (trials, bins, directions * hidden)
        return F.softplus(self.readout(hidden))  # (trials, bins, regions)


class MemberLinear(nn.Module):
    """One independent linear layer per member: (M, ..., inputs) -> (M, ..., outputs)."""

    def __init__(self, n_members: int, n_inputs: int, n_outputs: int, seeds, zero=False):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_members, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.zeros(n_members, 1, n_outputs))
        if not zero:
            with torch.no_grad():
                for member, seed in enumerate(seeds):
                    generator = torch.Generator().manual_seed(seed)
                    draw = torch.randn(n_inputs, n_outputs, generator=generator)
                    self.weight[member] = draw / math.sqrt(n_inputs)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(x.shape[0], -1, x.shape[-1])  # (M, batch * bins, inputs)
        return torch.baddbmm(self.bias, flat, self.weight).reshape(*x.shape[:-1], -1)


class EncoderNet(nn.Module):
    """Gain of each region around its baseline, from filtered pupil features.

    ``filtered features -> linear -> ReLU (stem) -> tanh recurrence``; the readout sees both the
    stem (skip) and the recurrence. Its output is a gain of 1 before training.

    Parameters
    ----------
    n_inputs : int
        Filtered features.
    n_regions : int
    hidden_size : int
        Recurrent units per direction; 0 leaves the recurrence out.
    stem_size : int
        Stem units; 0 feeds the recurrence with the inputs as they are.
    direction : {"bidirectional", "causal", "anticausal"}
    skip : bool
        Whether the readout sees the stem.
    seeds : sequence of int
        One per member.
    leaky : tuple of float
        Range of the recurrent self-weights at the start; see
        :meth:`~pupil_helpers.models.recurrent.BatchedRNN.leaky_integrators_`.
    """

    def __init__(
        self, n_inputs, n_regions, hidden_size, stem_size, direction, skip, seeds, leaky=(0.6, 0.98)
    ):
        super().__init__()
        n_members, read = len(seeds), 0
        self.stem = MemberLinear(n_members, n_inputs, stem_size, seeds) if stem_size else None
        width = stem_size or n_inputs
        self.rnn = None
        if hidden_size:
            self.rnn = BatchedRNN(width, hidden_size, n_members, DIRECTIONS[direction], seeds)
            if leaky is not None:
                self.rnn.leaky_integrators_(*leaky)
                with torch.no_grad():  # a slow unit sums many inputs: start it with small ones
                    memory = torch.linspace(*leaky, hidden_size)
                    self.rnn.weight_ih.mul_((1 - memory)[:, None] * 2)
            read += hidden_size * len(DIRECTIONS[direction])
        self.skip = skip or not hidden_size
        read += width if self.skip else 0
        self.readout = MemberLinear(n_members, read, n_regions, seeds, zero=True)

    def forward(self, x: Tensor) -> Tensor:  # (members, trials, bins, inputs)
        if self.stem is not None:
            x = F.relu(self.stem(x))  # (members, trials, bins, stem)
        n_skip = x.shape[-1] if self.skip else 0
        weight, bias = self.readout.weight, self.readout.bias  # (members, read, regions)
        z = torch.baddbmm(bias, x[..., :n_skip].flatten(1, 2), weight[:, :n_skip])
        z = z.unflatten(1, x.shape[1:3])  # (members, trials, bins, regions)
        if self.rnn is not None:
            z = z + self.rnn.project(x, weight[:, n_skip:])
        return F.softplus(z + BEND) / REST
