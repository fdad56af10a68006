"""A fast gated recurrent unit (GRU): ``torch.nn.GRU`` on a CPU, several times quicker.

``nn.GRU`` is the readable reference and keeps the parameters; :func:`fast_gru` computes the
same numbers. Three things make it quick: both directions advance together in one batched
matrix product per step, the backward pass is hand-written, and tanh is written as a logistic
function, as in :mod:`pupil_helpers.models.recurrent`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def fast_gru(rnn: nn.GRU, x: Tensor) -> Tensor:
    """Hidden states of a bidirectional GRU with one layer.

    On a GPU, where cuDNN is quick, this is ``rnn(x)[0]``. Gradients from the CPU are once
    differentiable: asking for a second derivative raises an error.

    Parameters
    ----------
    rnn : torch.nn.GRU
        With ``batch_first=True``, ``bidirectional=True`` and biases.
    x : Tensor, (batch, bins, features)

    Returns
    -------
    Tensor, (batch, bins, 2 * hidden)
        Forward states, then backward states.

    Raises
    ------
    ValueError
        If ``rnn`` is another kind of GRU, or ``x`` does not fit it.
    """
    if rnn.num_layers != 1 or not (rnn.bidirectional and rnn.batch_first and rnn.bias):
        raise ValueError(f"{rnn}: give one layer, bidirectional, with batch_first and biases")
    if x.ndim != 3 or x.shape[2] != rnn.input_size or not x.shape[1]:
        raise ValueError(
            f"input of shape {tuple(x.shape)}: expected (batch, bins, {rnn.input_size} features)"
        )
    if x.device.type != "cpu":
        return rnn(x)[0]
    x = x.transpose(0, 1)  # (bins, batch, features)
    ahead = nn.functional.linear(x, rnn.weight_ih_l0, rnn.bias_ih_l0)  # (bins, batch, 3 * hidden)
    back = nn.functional.linear(x.flip(0), rnn.weight_ih_l0_reverse, rnn.bias_ih_l0_reverse)
    ahead, back = _Recurrence.apply(
        torch.stack([ahead, back], 1),
        torch.stack([rnn.weight_hh_l0, rnn.weight_hh_l0_reverse]),
        torch.stack([rnn.bias_hh_l0, rnn.bias_hh_l0_reverse]),
    ).unbind(1)  # (bins, batch, hidden) each
    return torch.cat([ahead, back.flip(0)], -1).transpose(0, 1)


class _Recurrence(torch.autograd.Function):
    """The part of a GRU that takes one step after the other, from ``h = 0``::

        r, z = logistic(drive_r + W_r h + b_r), logistic(drive_z + W_z h + b_z)
        n = tanh(drive_n + r (W_n h + b_n))
        h = n + z (h - n)

    Everything is laid out by bin, so that the numbers of one step lie side by side. With
    ``tanh(a) = 2 logistic(2 a) - 1`` and ``h = 2 u - 1`` the last two lines become ``s =
    logistic(…)`` and ``u = s + z (u - s)``, and torch's logistic function is about five times
    quicker than its tanh. The price is rounding: about 1e-6 in float32.
    """

    @staticmethod
    def forward(ctx, drive: Tensor, weight: Tensor, bias: Tensor):
        # drive (bins, D, batch, 3 * hidden), weight (D, 3 * hidden, hidden), bias (D, 3 * hidden)
        size = weight.shape[2]
        weight_u = 2 * weight.mT.contiguous()  # W h = 2 W u - W 1
        shift = (bias - weight.sum(-1)).unsqueeze(1)  # (D, 1, 3 * hidden)
        for each in (weight_u, shift):
            each[..., 2 * size :] *= 2  # tanh(a) takes the logistic function of 2 a
        gates = drive + shift  # becomes r, z and 2 (W_n h + b_n)
        gates[..., 2 * size :] = shift[..., 2 * size :]
        s = 2 * drive[..., 2 * size :]  # (bins, D, batch, hidden)
        states = s.new_full((len(s) + 1, *s.shape[1:]), 0.5)  # u, from that of h = 0 on
        u, *after = states.unbind(0)
        views = (gates, gates[..., : 2 * size], *gates.split(size, -1), s)
        steps = zip(*(view.unbind(0) for view in views), after, strict=True)
        for gates_t, rz, r, z, hidden, s_t, u_t in steps:
            gates_t.baddbmm_(u, weight_u)
            rz.sigmoid_()
            s_t.addcmul_(r, hidden).sigmoid_()
            u = torch.lerp(s_t, u, z, out=u_t)
        states.mul_(2).sub_(1)
        ctx.save_for_backward(states, gates, s, weight)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_states: Tensor):
        states, gates, s, weight = ctx.saved_tensors
        size, before = weight.shape[2], states[:-1]
        r, z, hidden = gates.split(size, -1)  # (bins, D, batch, hidden) each
        kept = (1 - z) * s * (1 - s) * 4  # what of dh reaches drive_n; tanh' = 4 s (1 - s)
        # What of dh reaches W h + b, gate by gate. Only dh itself has to wait for its turn.
        to_r = kept * hidden * r * (1 - r) / 2
        to_z = (before + 1 - 2 * s) * z * (1 - z)
        grad = torch.stack([to_r, to_z, kept * r], -2)  # (bins, D, batch, 3, hidden)
        flat = grad.flatten(-2)  # the same numbers as a matrix per step and direction
        dh = torch.zeros_like(states)
        dh[1:] = grad_states
        views = (dh[:-1], dh[1:], dh[1:].unsqueeze(-2), z, grad, flat)
        steps = zip(*(reversed(view.unbind(0)) for view in views), strict=True)
        for earlier, dh_t, dh_each, z_t, grad_t, flat_t in steps:
            grad_t.mul_(dh_each)
            earlier.addcmul_(dh_t, z_t).baddbmm_(flat_t, weight)
        by_direction = flat.transpose(0, 1).flatten(1, 2)  # (D, bins * batch, 3 * hidden)
        grad_weight = by_direction.mT @ before.transpose(0, 1).flatten(1, 2)
        grad_bias = by_direction.sum(1)
        flat[..., 2 * size :] = dh[1:] * kept  # drive_n, unlike W_n h, is not multiplied by r
        return flat, grad_weight, grad_bias
