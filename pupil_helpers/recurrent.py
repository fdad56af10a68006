"""A fast tanh recurrence: many small RNNs stepped through time in one batched loop.

``torch.nn.RNN`` is the readable reference; :class:`BatchedRNN` computes the same numbers, with
the two directions of a bidirectional network, and any number of independent networks
("members": seeds of an ensemble, trials of a search), advancing together. Three things make
it quick: one batched matrix product per time step, a hand-written backward pass instead of
one recorded by autograd, and tanh written as a logistic function (see :class:`_Recurrence`).
It uses ordinary tensor operations only, so it runs wherever torch does, without cuDNN's
rule that gradients exist only in training mode.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

DIRECTIONS = ("forward", "backward")


class _Recurrence(torch.autograd.Function):
    """``h[t] = tanh(drive[t] + W h[t-1])`` and its gradient.

    With ``h = 2 s - 1`` and ``tanh(a) = 2 logistic(2 a) - 1`` the recurrence becomes
    ``s[t] = logistic(4 W s[t-1] + 2 drive[t] - 2 W 1)``: the same recurrence in another
    unit, and torch's logistic function is about five times quicker than its tanh.
    """

    @staticmethod
    def forward(ctx, drive: Tensor, weight: Tensor) -> Tensor:
        states = torch.sub(2 * drive, weight.sum(-1).unsqueeze(1), alpha=2)  # (T, G, B, H)
        step = 4 * weight.mT.contiguous()
        previous = torch.full_like(states[0], 0.5)  # h = 0
        for state in states.unbind(0):
            previous = state.baddbmm_(previous, step).sigmoid_()
        states.mul_(2).sub_(1)
        ctx.save_for_backward(states, weight)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_states: Tensor) -> tuple[Tensor, Tensor]:
        states, weight = ctx.saved_tensors
        grad = grad_states.clone(memory_format=torch.contiguous_format)
        slope = torch.addcmul(states.new_ones(()), states, states, value=-1)  # tanh' = 1 - h²
        following = torch.zeros_like(grad[0])
        for at, slope_at in zip(reversed(grad.unbind(0)), reversed(slope.unbind(0)), strict=True):
            following = at.baddbmm_(following, weight).mul_(slope_at)
        grad_weight = torch.matmul(grad[1:].mT, states[:-1]).sum(0)  # (G, H, H)
        return grad, grad_weight


def recurrence(drive: Tensor, weight: Tensor) -> Tensor:
    """Hidden states of ``h[t] = tanh(drive[t] + weight @ h[t-1])``, from ``h = 0``.

    Parameters
    ----------
    drive : Tensor, (bins, groups, batch, hidden)
        Input to each unit before the non-linearity, time first so that a step is contiguous.
    weight : Tensor, (groups, hidden, hidden)
        Recurrent weights; row ``i`` holds the weights into unit ``i``, as in ``nn.RNN``.

    Returns
    -------
    Tensor, (bins, groups, batch, hidden)
        Differentiable once: a second derivative raises an error.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    if drive.ndim != 4 or weight.shape != (drive.shape[1], drive.shape[3], drive.shape[3]):
        raise ValueError(
            f"drive {tuple(drive.shape)} and weight {tuple(weight.shape)} do not fit: "
            "give (bins, groups, batch, hidden) and (groups, hidden, hidden)"
        )
    return _Recurrence.apply(drive, weight)


class BatchedRNN(nn.Module):
    """Independent one-layer tanh RNNs of one size, run together; equal to ``nn.RNN``.

    Parameters
    ----------
    n_features, n_hidden : int
        Inputs, and hidden units per direction.
    n_members : int, default 1
        Independent networks.
    directions : sequence of str, default ("forward", "backward")
        "forward" reads the past only, "backward" the future only.
    seeds : sequence of int, optional
        One per member. A member's initial weights depend on its own seed and on nothing
        else, so it starts the same alone or in company. By default drawn from torch's
        global generator.

    Attributes
    ----------
    weight_ih : Parameter, (members, directions, hidden, features)
    weight_hh : Parameter, (members, directions, hidden, hidden)
    bias : Parameter, (members, directions, hidden)
        The sum of the two biases of ``nn.RNN``.
    """

    def __init__(
        self,
        n_features: int,
        n_hidden: int,
        n_members: int = 1,
        directions: Sequence[str] = DIRECTIONS,
        seeds: Sequence[int] | None = None,
    ):
        super().__init__()
        self.directions = tuple(directions)
        if self.directions not in (DIRECTIONS, DIRECTIONS[:1], DIRECTIONS[1:]):
            raise ValueError(f"directions={directions!r}: use one or both of {DIRECTIONS}")
        if seeds is None:
            seeds = torch.randint(2**31, (n_members,)).tolist()
        if len(seeds) != n_members:
            raise ValueError(f"{len(seeds)} seeds for {n_members} members: give one per member")
        self.seeds = tuple(seeds)
        shape = (n_members, len(self.directions), n_hidden)
        self.weight_ih = nn.Parameter(torch.empty(*shape, n_features))
        self.weight_hh = nn.Parameter(torch.empty(*shape, n_hidden))
        self.bias = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw every weight uniformly in ±1/√hidden, as ``nn.RNN`` does."""
        scale = self.bias.shape[-1] ** -0.5
        for member, seed in enumerate(self.seeds):
            generator = torch.Generator().manual_seed(seed)
            for parameter in (self.weight_hh, self.weight_ih, self.bias):
                draw = torch.rand(parameter[member].shape, generator=generator)
                parameter[member] = (2 * draw - 1) * scale

    @torch.no_grad()
    def leaky_integrators_(self, low: float = 0.6, high: float = 0.98, noise: float = 0.1):
        """Start the hidden units as leaky integrators with a spread of memories.

        Unit ``i`` keeps the share ``d[i]`` of its state from bin to bin, ``d`` evenly spaced
        from `low` to `high`: a time constant of ``-1 / log(d)`` bins, from 2 to 50 by
        default. `noise` times the usual random weights is added. Returns the module.
        """
        n_hidden = self.bias.shape[-1]
        spread = torch.diag(torch.linspace(low, high, n_hidden))
        for member, seed in enumerate(self.seeds):
            generator = torch.Generator().manual_seed(seed)
            draw = torch.rand(self.weight_hh[member].shape, generator=generator)
            self.weight_hh[member] = spread + (2 * draw - 1) * noise * n_hidden**-0.5
        return self

    @torch.no_grad()
    def load_rnn(self, rnn: nn.RNN, member: int = 0) -> BatchedRNN:
        """Copy the weights of a one-layer tanh ``nn.RNN`` into `member`. Returns the module."""
        if rnn.num_layers != 1 or rnn.mode != "RNN_TANH":
            raise ValueError(f"{rnn}: only an nn.RNN with one layer and tanh can be copied")
        weights = dict(rnn.named_parameters())
        for d, suffix in enumerate(("l0", "l0_reverse")[: 1 + rnn.bidirectional]):
            self.weight_ih[member, d] = weights[f"weight_ih_{suffix}"]
            self.weight_hh[member, d] = weights[f"weight_hh_{suffix}"]
            self.bias[member, d] = 0
            if rnn.bias:
                self.bias[member, d] += weights[f"bias_ih_{suffix}"] + weights[f"bias_hh_{suffix}"]
        return self

    @classmethod
    def from_rnn(cls, *rnns: nn.RNN) -> BatchedRNN:
        """Make one module out of several ``nn.RNN`` of the same size, one member each."""
        first = rnns[0]
        directions = DIRECTIONS[: 1 + first.bidirectional]
        batched = cls(first.input_size, first.hidden_size, len(rnns), directions)
        batched.to(first.weight_ih_l0)
        for member, rnn in enumerate(rnns):
            batched.load_rnn(rnn, member)
        return batched

    def forward(self, x: Tensor) -> Tensor:
        """Hidden states, (members, batch, bins, directions × hidden), of x.

        `x` is (members, batch, bins, features): member ``m`` reads ``x[m]``. Use
        ``x.expand(members, -1, -1, -1)`` to give all of them the same input at no cost.
        """
        n_members, n_directions, _, n_features = self.weight_ih.shape
        if x.ndim != 4 or (x.shape[0], x.shape[3]) != (n_members, n_features):
            raise ValueError(
                f"input of shape {tuple(x.shape)}: expected "
                f"({n_members} members, batch, bins, {n_features} features)"
            )
        x = x.permute(2, 0, 1, 3)  # (T, M, B, F)
        x = torch.stack([x if d == "forward" else x.flip(0) for d in self.directions], 2)
        drive = x @ self.weight_ih.mT + self.bias.unsqueeze(-2)  # (T, M, D, B, H)
        states = recurrence(drive.flatten(1, 2), self.weight_hh.flatten(0, 1))
        states = states.unflatten(1, (n_members, n_directions)).unbind(2)  # D × (T, M, B, H)
        states = [
            s if d == "forward" else s.flip(0) for d, s in zip(self.directions, states, strict=True)
        ]
        return torch.cat(states, -1).permute(1, 2, 0, 3)  # (M, B, T, D × H)
