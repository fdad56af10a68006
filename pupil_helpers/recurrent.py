"""A fast tanh recurrence: many small RNNs stepped through time in one batched loop.

``torch.nn.RNN`` is the readable reference; :class:`BatchedRNN` computes the same numbers, with
both directions, and any number of independent networks ("members": the seeds of an ensemble,
the trials of a search), advancing together. Three things make it quick: one batched matrix
product per time step, a hand-written backward pass, and tanh written as a logistic function.
It uses ordinary tensor operations only, so it runs wherever torch does, and gives gradients
in evaluation mode on a GPU, which cuDNN refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

DIRECTIONS = ("forward", "backward")
RUN = 2**18
"""Numbers in a working array: time is cut into runs of bins that fit a processor's cache."""


def _by_bin(states: Tensor, weight: Tensor, n_bins: int) -> Tensor:
    """View (M, batch * bins, D * hidden) as (bins, M, D, batch, hidden)."""
    n_members, n_directions, n_hidden, _ = weight.shape
    n_batch = states.shape[1] // n_bins
    return states.reshape(n_members, n_batch, n_bins, n_directions, n_hidden).permute(2, 0, 3, 1, 4)


def _copy_run(series: Tensor, start: int, run: Tensor, reverse: Sequence[bool], write=False):
    """Copy a run of steps, from `start` on, out of a series (or, with `write`, back into it).

    In a run the backward direction is flipped in time, so that all directions step together,
    and the numbers of one step lie side by side.
    """
    stop, n_bins = start + len(run), len(series)
    for d, flip in enumerate(reverse):
        bins = series[n_bins - stop : n_bins - start, :, d] if flip else series[start:stop, :, d]
        source, target = (run[:, :, d], bins) if write else (bins, run[:, :, d])
        target.copy_(source.flip(0) if flip else source)


class _Recurrence(torch.autograd.Function):
    """``h[t] = tanh(drive[t] + W h[t-1])`` from ``h = 0``; the states overwrite the drive.

    With ``h = 2 s - 1`` and ``tanh(a) = 2 logistic(2 a) - 1`` the recurrence becomes
    ``s[t] = logistic(4 W s[t-1] + 2 drive[t] - 2 W 1)``, and torch's logistic function is about
    five times quicker than its tanh. The price is rounding: about 1e-6 in float32.
    """

    @staticmethod
    def forward(ctx, drive: Tensor, weight: Tensor, n_bins: int, reverse: Sequence[bool]):
        # drive (M, batch * bins, D * hidden), weight (M, D, hidden, hidden)
        series, groups = _by_bin(drive, weight, n_bins), weight.flatten(0, 1)  # (M * D, H, H)
        length = max(1, min(n_bins, RUN // max(1, series[0].numel())))
        runs = series.new_empty(length, *series.shape[1:])  # (steps, M, D, B, H)
        weight_s, shift = 4 * groups.mT.contiguous(), 2 * groups.sum(-1).unsqueeze(1)
        s = torch.full_like(runs[0].flatten(0, 1), 0.5)  # h = 0
        for start in range(0, n_bins, length):
            run = runs[: n_bins - start]
            _copy_run(series, start, run, reverse)
            steps = run.flatten(1, 2)  # (steps, M * D, B, H)
            for step in steps.mul_(2).sub_(shift).unbind(0):
                s = step.baddbmm_(s, weight_s).sigmoid_()
            s = s.clone()  # out of the way of the next run
            steps.mul_(2).sub_(1)
            _copy_run(series, start, run, reverse, write=True)
        ctx.mark_dirty(drive)
        ctx.save_for_backward(drive, weight)
        ctx.n_bins, ctx.reverse, ctx.length = n_bins, reverse, length
        return drive

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_states: Tensor):
        (states, weight), n_bins, length = ctx.saved_tensors, ctx.n_bins, ctx.length
        grad_drive, groups = torch.empty_like(states), weight.flatten(0, 1)
        incoming, series, outgoing = (
            _by_bin(each, weight, n_bins) for each in (grad_states, states, grad_drive)
        )
        grads = series.new_empty(length + 1, *series.shape[1:])  # and the step after the run
        hiddens, slopes = (series.new_empty(length, *series.shape[1:]) for _ in range(2))
        grad_weight, later = torch.zeros_like(groups), torch.zeros_like(grads[0])
        for start in reversed(range(0, n_bins, length)):
            n = min(length, n_bins - start)
            grad, hidden, slope = grads[:n], hiddens[:n], slopes[:n]
            _copy_run(incoming, start, grad, ctx.reverse)
            _copy_run(series, start, hidden, ctx.reverse)
            torch.mul(hidden, hidden, out=slope).neg_().add_(1)  # tanh' = 1 - h²
            grads[n] = later
            *steps, g = grads[: n + 1].flatten(1, 2).unbind(0)
            slopes_at = slope.flatten(1, 2).unbind(0)
            for step, slope_at in zip(reversed(steps), reversed(slopes_at), strict=True):
                g = step.baddbmm_(g, groups).mul_(slope_at)
            later = grads[0].clone()
            grad_weight += (grads[1 : n + 1].mT @ hidden).sum(0).flatten(0, 1)
            _copy_run(outgoing, start, grad, ctx.reverse, write=True)
        return grad_drive, grad_weight.view_as(weight), None, None


class BatchedRNN(nn.Module):
    """Independent one-layer tanh RNNs of one size, run together; equal to ``nn.RNN``.

    Gradients are once differentiable: asking for a second derivative raises an error.

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

    def __init__(self, n_features, n_hidden, n_members=1, directions=DIRECTIONS, seeds=None):
        super().__init__()
        self.directions = tuple(directions)
        if self.directions not in (DIRECTIONS, DIRECTIONS[:1], DIRECTIONS[1:]):
            raise ValueError(f"directions={directions!r}: use one or both of {DIRECTIONS}")
        self.seeds = tuple(torch.randint(2**31, (n_members,)).tolist() if seeds is None else seeds)
        if len(self.seeds) != n_members:
            raise ValueError(f"{len(seeds)} seeds for {n_members} members: give one per member")
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
                draw = torch.rand(parameter.shape[1:], generator=generator)
                parameter[member] = (2 * draw - 1) * scale

    @torch.no_grad()
    def leaky_integrators_(self, low: float = 0.6, high: float = 0.98, noise: float = 0.1):
        """Turn the hidden units into leaky integrators with a spread of memories.

        Unit ``i`` keeps the share ``d[i]`` of its state from bin to bin, ``d`` evenly spaced
        from `low` to `high`: a time constant of ``-1 / log(d)`` bins, 2 to 50 by default.
        The recurrent weights there were are kept as noise, `noise` times as large. Call it
        once, on a fresh module. Returns the module.
        """
        spread = torch.linspace(low, high, self.bias.shape[-1])
        self.weight_hh.mul_(noise).add_(torch.diag(spread).to(self.weight_hh))
        return self

    @classmethod
    def from_rnn(cls, *rnns: nn.RNN) -> BatchedRNN:
        """Copy one-layer tanh ``nn.RNN`` of the same size, as one member each."""
        first = rnns[0]
        directions = DIRECTIONS[: 1 + first.bidirectional]
        batched = cls(first.input_size, first.hidden_size, len(rnns), directions)
        batched.to(first.weight_ih_l0)
        for member, rnn in enumerate(rnns):
            if rnn.num_layers != 1 or rnn.mode != "RNN_TANH":
                raise ValueError(f"{rnn}: only an nn.RNN with one layer and tanh can be copied")
            weights = rnn.state_dict()
            for d, suffix in enumerate(("l0", "l0_reverse")[: len(directions)]):
                biases = [weights[f"bias_{kind}_{suffix}"] for kind in ("ih", "hh") if rnn.bias]
                batched.weight_ih.data[member, d] = weights[f"weight_ih_{suffix}"]
                batched.weight_hh.data[member, d] = weights[f"weight_hh_{suffix}"]
                batched.bias.data[member, d] = sum(biases)
        return batched

    def forward(self, x: Tensor) -> Tensor:
        """Hidden states, (members, batch, bins, directions * hidden), of x.

        `x` is (members, batch, bins, features): member ``m`` reads ``x[m]``. Use
        ``x.expand(members, -1, -1, -1)`` to give all of them the same input.
        """
        n_members, _, _, n_features = self.weight_ih.shape
        if x.ndim != 4 or (x.shape[0], x.shape[3]) != (n_members, n_features) or not x.shape[2]:
            raise ValueError(
                f"input of shape {tuple(x.shape)}: expected "
                f"({n_members} members, batch, bins, {n_features} features)"
            )
        weight = self.weight_ih.flatten(1, 2).mT  # (M, F, D * H)
        drive = torch.baddbmm(self.bias.flatten(1).unsqueeze(1), x.flatten(1, 2), weight)
        reverse = [direction == "backward" for direction in self.directions]
        states = _Recurrence.apply(drive, self.weight_hh, x.shape[2], reverse)
        return states.view(*x.shape[:3], weight.shape[2])
