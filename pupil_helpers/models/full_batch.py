"""Loss and gradients of the original network on all trials at once, by hand.

The original recipe makes 200 double-precision passes over every trial, and a comparison fits it
25 times. NumPy's matrix products are about twice as quick as torch's in double precision at
this size, memory is reserved once, and each step of time needs one product only: the
states, the inputs and a constant 1 lie below one another in one array.

With ``h = 2 s - 1`` and ``tanh(a) = 2 logistic(2 a) - 1`` the recurrence is
``s[t+1] = logistic(A [s[t]; x[t]; 1])``, where ``A = [4 W_hh, 2 W_ih, 2 (b - W_hh 1)]``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from .recurrent import weights_of


class Autograd:
    """Mean squared error of a network on fixed trials, with torch's own gradients."""

    def __init__(self, net, x, y):  # (trials, bins, inputs), (trials, bins, regions)
        self.net, self.x, self.y = net, x, y

    def loss(self) -> float:
        """The loss with the present weights."""
        self._loss = F.mse_loss(self.net(self.x), self.y)
        return self._loss.item()

    def backward(self) -> None:
        """Set the gradients of the loss that was computed last."""
        self._loss.backward()


class ByHand:
    """The same numbers for an ``OriginalRNN`` in double precision on a CPU, quicker."""

    def __init__(self, net, x, y):
        self.net, self.y = net, y.permute(1, 2, 0).contiguous()  # (T, R, B)
        n_batch, n_bins, n_inputs = x.shape
        hidden, n_regions = net.rnn.hidden_size, y.shape[-1]

        def reserve(*shape):
            array = np.zeros(shape)
            return array, torch.from_numpy(array)

        # For step t and each direction: the state before it, the input, 1.
        self.given, given = reserve(n_bins + 1, 2, hidden + n_inputs + 1, n_batch)
        states, inputs, one = given.split((hidden, n_inputs, 1), dim=2)
        states[0], one[:] = 0.5, 1  # h = 0
        inputs[:-1, 0] = x.permute(1, 2, 0)
        inputs[:-1, 1] = inputs[:-1, 0].flip(0)
        self.states = states.unbind(0)
        # And the gradients of what goes into step t's logistic and of the output before it.
        self.wanted, wanted = reserve(n_bins + 1, 2, hidden + n_regions, n_batch)
        grads, grad_output = wanted.split((hidden, n_regions), dim=2)
        self.grads, self.grad_output = grads.unbind(0), grad_output[1:]
        # What a step's product gives: what goes into the logistic, and the output before it.
        self.product, product = reserve(2, hidden + n_regions, n_batch)
        self.drive, self.output_before = product.split((hidden, n_regions), dim=1)
        self.output = torch.zeros(n_bins + 1, 2, n_regions, n_batch, dtype=x.dtype)
        self.backward_product, self.grad_states = reserve(2, hidden, n_batch)

    @torch.no_grad()
    def loss(self) -> float:
        into, bias, along = weights_of(self.net.rnn)
        across = bias - along.sum(-1)
        onward = torch.cat([4 * along, 2 * into, 2 * across[..., None]], dim=-1)
        # The readout of the average of both directions: half of each one's, h = 2 s - 1.
        weight = self.net.readout.weight
        nothing = weight.new_zeros(len(weight), into.shape[-1])
        out = torch.cat([weight, nothing, -weight.sum(1, keepdim=True) / 2], dim=1)
        step = torch.cat([onward, out.expand(2, -1, -1)], dim=1).numpy()
        next_states = (*self.states[1:], torch.empty_like(self.drive))
        for given, state, output in zip(self.given, next_states, self.output, strict=True):
            np.matmul(step, given, out=self.product)
            torch.sigmoid(self.drive, out=state)
            output.copy_(self.output_before)
        output = self.output[1:]
        self.z = output[:, 0] + output[:, 1].flip(0) + self.net.readout.bias[:, None]  # (T, R, B)
        self.error = F.softplus(self.z, beta=10) - self.y
        return self.error.square().mean().item()

    @torch.no_grad()
    def backward(self) -> None:
        net, hidden = self.net, self.net.rnn.hidden_size
        grad_z = torch.sigmoid(10 * self.z).mul_(self.error).mul_(2 / self.z.numel())
        self.grad_output[:, 0] = grad_z
        self.grad_output[:, 1] = grad_z.flip(0)
        along = weights_of(net.rnn)[2]
        outward = (net.readout.weight.mT / 2).expand(2, -1, -1)
        # tanh' = 1 - h² = 4 s (1 - s), of which sigmoid_backward multiplies by s (1 - s).
        step = 4 * torch.cat([along.mT, outward], dim=-1).numpy()
        backwards = zip(self.wanted[:0:-1], self.states[:0:-1], self.grads[-2::-1], strict=True)
        for wanted, state, grad in backwards:
            np.matmul(step, wanted, out=self.backward_product)
            torch.ops.aten.sigmoid_backward.grad_input(self.grad_states, state, grad_input=grad)
        total = np.matmul(self.wanted, self.given.swapaxes(-1, -2)).sum(0)
        total = torch.from_numpy(total)  # (2, hidden + regions, hidden + inputs + 1)
        from_states, from_inputs, bias = total.tensor_split((hidden, total.shape[-1] - 1), dim=-1)
        from_states = 2 * from_states - bias  # of h = 2 s - 1
        for direction, suffix in enumerate(("l0", "l0_reverse")):
            rows = direction, slice(hidden)
            for name, grad in (("weight_ih", from_inputs), ("weight_hh", from_states)):
                getattr(net.rnn, f"{name}_{suffix}").grad = grad[rows].clone()
            for name in ("bias_ih", "bias_hh"):
                getattr(net.rnn, f"{name}_{suffix}").grad = bias[rows][:, 0].clone()
        net.readout.weight.grad = from_states[:, hidden:].mean(0)
        net.readout.bias.grad = grad_z.sum((0, 2))
