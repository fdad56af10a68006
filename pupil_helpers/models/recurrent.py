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
RUN = 2**17
"""Numbers in a working array: time is cut into runs of bins that fit a processor's cache."""


class _Recurrence(torch.autograd.Function):
    """``h[t] = tanh(V x[t] + b + W h[t-1])`` from ``h = 0``, times output weights if there are any.

    Members and directions are one list of ``G`` networks. Those that read backwards get their
    input flipped in time, so that all of them step together, and give their output so.

    With ``h = 2 s - 1`` and ``tanh(a) = 2 logistic(2 a) - 1`` the recurrence becomes
    ``s[t] = logistic(2 V x[t] + 4 W s[t-1] + 2 b - 2 W 1)``, and torch's logistic function is about
    five times quicker than its tanh. The price is rounding: about 1e-6 in float32.
    """

    @staticmethod
    def forward(ctx, x, weight_ih, bias, weight_hh, weight_out, reverse: Sequence[bool]):
        # x (M, T, B, F), weight_ih (M, D, H, F), bias (M, D, H), weight_hh (M, D, H, H),
        # weight_out (M, D, H, outputs) or None
        n_bins, n_batch = x.shape[1:3]
        x = torch.stack([x.flip(1) if flip else x for flip in reverse], dim=1).flatten(0, 1)
        weight_ih, weight_hh = weight_ih.flatten(0, 1), weight_hh.flatten(0, 1)
        shift = 2 * (bias.flatten(0, 1) - weight_hh.sum(-1)).unsqueeze(1)  # (G, 1, H)
        into, along = 2 * weight_ih.mT.contiguous(), 4 * weight_hh.mT.contiguous()
        states = x.new_empty(*x.shape[:3], bias.shape[-1])  # (G, T, B, H)
        output = states
        if weight_out is not None:
            weight_out = weight_out.flatten(0, 1)
            output = x.new_empty(*x.shape[:3], weight_out.shape[-1])  # (G, T, B, outputs)
        length = max(1, min(n_bins, RUN // max(1, states[:, 0].numel())))
        # The numbers of one step lie side by side, for the matrix product to be quick.
        steps = x.new_empty(length, *states[:, 0].shape)  # (steps, G, B, H)
        s, minus_one = torch.full_like(steps[0], 0.5), x.new_tensor(-1)  # h = 0
        for start in range(0, n_bins, length):
            now = slice(start, min(start + length, n_bins))
            drive = torch.baddbmm(shift, x[:, now].flatten(1, 2), into)
            drive = drive.unflatten(1, (-1, n_batch)).unbind(1)
            for given, step in zip(drive, steps, strict=False):
                s = torch.baddbmm(given, s, along, out=step).sigmoid_()
            s = s.clone()  # out of the way of the next run
            h = torch.add(
                minus_one, steps[: len(drive)].transpose(0, 1), alpha=2, out=states[:, now]
            )
            if weight_out is not None:
                output[:, now] = (h.flatten(1, 2) @ weight_out).unflatten(1, (-1, n_batch))
        ctx.save_for_backward(x, states, weight_ih, weight_hh, weight_out)
        ctx.reverse, ctx.length = reverse, length
        return output.unflatten(0, (-1, len(reverse)))

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        x, states, weight_ih, weight_hh, weight_out = ctx.saved_tensors
        n_bins, n_batch, n_directions = *states.shape[1:3], len(ctx.reverse)
        grad_output = grad_output.flatten(0, 1)
        weights = weight_ih, weight_hh[..., 0], weight_hh, weight_out
        grads = [None if w is None else torch.zeros_like(w) for w in weights]
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        steps = states.new_empty(ctx.length, *states[:, 0].shape)  # (steps, G, B, H)
        later = torch.zeros_like(steps[0])
        for start in reversed(range(0, n_bins, ctx.length)):
            now = slice(start, min(start + ctx.length, n_bins))
            h, incoming = states[:, now], grad_output[:, now]
            if weight_out is not None:
                outer = incoming.flatten(1, 2)  # (G, steps * B, outputs)
                grads[3] += (outer.mT @ h.flatten(1, 2)).mT  # quicker than h.mT @ outer
                incoming = (outer @ weight_out.mT).unflatten(1, (-1, n_batch))
            slope = torch.square(h).neg_().add_(1)  # tanh' = 1 - h²
            g, run = later, steps[: h.shape[1]]
            for given, slope_at, step in zip(
                *(
                    reversed(series)
                    for series in (incoming.unbind(1), slope.unbind(1), run.unbind(0))
                ),
                strict=True,
            ):
                g = torch.baddbmm(given, g, weight_hh, out=step).mul_(slope_at)
            later = g.clone()
            grad = run.transpose(0, 1).flatten(
                1, 2
            )  # of what goes into the tanh, (G, steps * B, H)
            grads[0] += (x[:, now].flatten(1, 2).mT @ grad).mT
            grads[1] += grad.sum(1)
            before = states[:, max(0, start - 1) : now.stop - 1].flatten(1, 2)
            grads[2] += grad[:, grad.shape[1] - before.shape[1] :].mT @ before
            if grad_x is not None:
                grad_x[:, now] = (grad @ weight_ih).unflatten(1, (-1, n_batch))
        if grad_x is not None:
            grad_x = sum(in_time(grad_x.unflatten(0, (-1, n_directions)), ctx.reverse))
        grads = [g if g is None else g.unflatten(0, (-1, n_directions)) for g in grads]
        return grad_x, *grads, None


def in_time(series: Tensor, reverse: Sequence[bool]) -> list[Tensor]:
    """Each direction of (M, D, bins, ...) with its bins in the order of time, (M, bins, ...)."""
    return [series[:, d].flip(1) if flip else series[:, d] for d, flip in enumerate(reverse)]


def project(x: Tensor, weights: Sequence[Tensor], weight_out: Tensor, reverse) -> Tensor:
    """States times output weights, in order of time, (M, batch, bins, outputs).

    A few outputs are put in order more quickly than many hidden states. `x` is (M, batch, bins,
    features), `weights` are those of :class:`BatchedRNN`, `weight_out` is (M, D * H, outputs).
    """
    weight_out = weight_out.unflatten(1, (len(reverse), -1))
    output = _Recurrence.apply(x.transpose(1, 2), *weights, weight_out, reverse)
    return sum(in_time(output, reverse)).transpose(1, 2)


def project_rnn(rnn: nn.RNN, x: Tensor, weight: Tensor) -> Tensor:
    """``rnn(x)[0] @ weight`` with the gradients of both, several times quicker on a CPU.

    Parameters
    ----------
    rnn : nn.RNN
        One tanh layer, ``batch_first``.
    x : Tensor, (batch, bins, features)
    weight : Tensor, (directions * hidden, outputs)

    Returns
    -------
    Tensor, (batch, bins, outputs)

    Raises
    ------
    ValueError
        If ``rnn`` has more layers or is not a tanh RNN.
    """
    if x.is_cuda:  # cuDNN's own loop is quicker there
        return rnn(x)[0] @ weight
    weights = [each[None] for each in weights_of(rnn)]  # one member
    return project(x[None], weights, weight[None], [False, True][: 1 + rnn.bidirectional])[0]


def weights_of(rnn: nn.RNN) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of an ``nn.RNN`` as one member of a :class:`BatchedRNN` has them.

    ``weight_ih`` (D, H, F), ``bias`` (D, H), the sum of both, and ``weight_hh`` (D, H, H).
    """
    if rnn.num_layers != 1 or rnn.mode != "RNN_TANH":
        raise ValueError(f"{rnn}: only an nn.RNN with one layer and tanh will do")
    suffixes = ("l0", "l0_reverse")[: 1 + rnn.bidirectional]

    def of_directions(kind):
        return torch.stack([getattr(rnn, f"{kind}_{suffix}") for suffix in suffixes])

    into, along = of_directions("weight_ih"), of_directions("weight_hh")
    bias = into.new_zeros(into.shape[:2])
    if rnn.bias:
        bias = of_directions("bias_ih") + of_directions("bias_hh")
    return into, bias, along


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
        with torch.no_grad():
            theirs = zip(*map(weights_of, rnns), strict=True)
            for ours, members in zip(batched._weights, theirs, strict=True):
                ours.copy_(torch.stack(members))
        return batched

    def forward(self, x: Tensor) -> Tensor:
        """Hidden states, (members, batch, bins, directions * hidden), of x.

        `x` is (members, batch, bins, features): member ``m`` reads ``x[m]``. Use
        ``x.expand(members, -1, -1, -1)`` to give all of them the same input.
        """
        self._check(x)
        states = _Recurrence.apply(x.transpose(1, 2), *self._weights, None, self._reverse)
        return torch.cat(in_time(states, self._reverse), dim=-1).transpose(1, 2)

    def project(self, x: Tensor, weight: Tensor) -> Tensor:
        """``self(x) @ weight``, quicker: (members, batch, bins, outputs).

        `weight` is (members, directions * hidden, outputs).
        """
        self._check(x)
        return project(x, self._weights, weight, self._reverse)

    @property
    def _weights(self):
        return self.weight_ih, self.bias, self.weight_hh

    @property
    def _reverse(self) -> list[bool]:
        return [direction == "backward" for direction in self.directions]

    def _check(self, x):
        n_members, _, _, n_features = self.weight_ih.shape
        if x.ndim != 4 or (x.shape[0], x.shape[3]) != (n_members, n_features) or not x.shape[2]:
            raise ValueError(
                f"input of shape {tuple(x.shape)}: expected "
                f"({n_members} members, batch, bins, {n_features} features)"
            )
