"""Neural rivals of the default model, and the one training loop they share.

Each is a small ``nn.Module`` from features of the pupil (trials, steps, inputs) to something
positive per region, a gain on the PSTH. All are trained alike: Adam with a one-cycle learning
rate, early stopping on contiguous blocks spread over the session, best weights restored.
"""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from .base import one_thread
from .ensemble import LOSSES, relative_loss, take
from .gated import fast_gru
from .lags import TINY, pool
from .network import BEND, REST, PlainRNN
from .recurrent import project_rnn
from .rival import Rival, lagged


class NeuralRival(Rival):
    """A network with a softplus readout that predicts a gain on the PSTH.

    Parameters
    ----------
    hidden_size : int, default 32
        Units of the hidden layer (per direction, if there are two).
    loss : {"poisson", "mse"}, default "poisson"
        Poisson negative log-likelihood, or squared error in units of each region's variance.
    psth : bool, default True
        Predict a gain on the PSTH; if False, on the mean rate.
    epochs, batch_size : int, default 25 and 16
    learning_rate : float, optional
        Peak of the one-cycle schedule; by default 0.01, and 0.003 for :class:`LaggedMLP`.
    weight_decay : float, default 1.0
        Decoupled weight decay (AdamW).
    n_blocks, held_out, gap : int, float, int, default 4, 0.2 and 2
        The middle ``held_out`` share of each of ``n_blocks`` stretches of the training trials
        serves early stopping, with ``gap`` trials dropped on each side.
    stride : int, default 4
        Bins per step.
    bin_size : float, default 0.01
        Seconds per bin.
    seed : int, default 0
    device : str, default "auto"
        "cpu", "cuda", or "auto": a GPU if there is one.

    Attributes
    ----------
    history_ : pandas.DataFrame
        Training and held-out loss of every epoch, relative to the baseline's.
    net_ : torch.nn.Module
    """

    deterministic = False
    DEFAULT_RATE = 0.01

    def __init__(
        self,
        hidden_size=32,
        loss="poisson",
        psth=True,
        epochs=25,
        batch_size=16,
        learning_rate=None,
        weight_decay=1.0,
        n_blocks=4,
        held_out=0.2,
        gap=2,
        stride=4,
        bin_size=0.01,
        seed=0,
        device="auto",
    ):
        self.hidden_size = hidden_size
        self.loss = loss
        self.psth = psth
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_blocks = n_blocks
        self.held_out = held_out
        self.gap = gap
        self.stride = stride
        self.bin_size = bin_size
        self.seed = seed
        self.device = device

    def _network(self, n_inputs: int, n_regions: int) -> nn.Module:
        raise NotImplementedError

    def _all_inputs(self, pupil):
        """Mean of each feature in each step, (trials, steps, features)."""
        features = self.features_.transform(pupil)
        return pool(features, self.stride) / pool(np.ones_like(features[:1, :, :1]), self.stride)

    @one_thread()
    def _learn(self, inputs, counts, baseline):
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}; use 'poisson' or 'mse'")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        train, held = spread_split(len(inputs), self.n_blocks, self.held_out, self.gap)
        device = self._device()
        # One trial after the other in memory: batches are then picked five times quicker.
        x, y = (torch.as_tensor(each, device=device).contiguous() for each in (inputs, counts))
        base = torch.as_tensor(baseline, device=device)  # (steps, R)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.net_ = self._network(x.shape[-1], y.shape[-1])
        nn.init.constant_(self.net_.readout.bias, BEND)
        self.net_.readout.weight.data.mul_(0.1)  # start near a gain of 1
        self.net_.to(device)
        self._train(x, y, base, train, held)

    def _train(self, x, y, base, train, held):
        batches = -(-len(train) // self.batch_size)
        peak = self.DEFAULT_RATE if self.learning_rate is None else self.learning_rate
        optimiser = adam(self.net_.parameters(), peak, self.weight_decay)
        schedule = OneCycleLR(optimiser, peak, total_steps=self.epochs * batches)
        rng = np.random.default_rng(self.seed)
        scale = y.var(dim=(0, 1)).clamp_min(TINY)
        best, history = np.inf, []
        for epoch in range(self.epochs):
            self.net_.train()
            total = 0.0
            for batch in np.array_split(rng.permutation(train), batches):
                rows = torch.as_tensor(batch)
                loss = self._loss(take(x, rows), take(y, rows), base, scale)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.net_.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                total += loss.item() * len(batch) / len(train)
            self.net_.eval()
            with torch.no_grad():
                held_loss = self._loss(x[held], y[held], base, scale).item()
            if not np.isfinite(total + held_loss):
                raise ValueError(
                    f"the loss became NaN or infinite in epoch {epoch + 1}; lower learning_rate "
                    f"(it is {peak}) or look for outliers in pupil"
                )
            history.append((epoch + 1, total, held_loss))
            if held_loss < best:
                best, kept = held_loss, copy.deepcopy(self.net_.state_dict())
        self.net_.load_state_dict(kept)
        self.history_ = pd.DataFrame(history, columns=["epoch", "train", "held_out"])

    def _loss(self, x, y, base, scale):
        """Loss relative to the baseline's."""
        return relative_loss(self.loss, self.net_(x) / REST, y, base, scale)

    @one_thread()
    @torch.no_grad()
    def _gain(self, inputs):
        x = torch.as_tensor(inputs, device=self._device())
        return np.concatenate([self.net_(chunk).cpu().numpy() for chunk in x.split(64)]) / REST

    def _device(self) -> torch.device:
        gpu = torch.cuda.is_available()
        return torch.device(("cuda" if gpu else "cpu") if self.device == "auto" else self.device)


def adam(parameters, learning_rate, weight_decay) -> torch.optim.AdamW:
    """AdamW, in one call for all parameters if torch can (on a CPU, from version 2.4 on)."""
    parameters, options = list(parameters), {"lr": learning_rate, "weight_decay": weight_decay}
    try:
        return torch.optim.AdamW(parameters, **options, fused=True)
    except RuntimeError:
        return torch.optim.AdamW(parameters, **options)


def spread_split(n_trials, n_blocks=4, held_out=0.2, gap=2):
    """Trials to train on and held-out trials, in several contiguous blocks over the session."""
    trials = np.arange(n_trials)
    parts = np.array_split(trials, n_blocks)
    n_held = max(1, round(held_out * n_trials / n_blocks))
    held = np.concatenate([part[(len(part) - n_held) // 2 :][:n_held] for part in parts])
    near = np.isin(trials, held[:, None] + np.arange(-gap, gap + 1))
    if near.all():
        raise ValueError(
            f"{n_trials} trials are too few for {n_blocks} held-out blocks with a gap of {gap}; "
            "use more trials, fewer blocks or a smaller gap"
        )
    return trials[~near], held


class QuickRNN(PlainRNN):
    """The same network, its recurrence computed as in :mod:`pupil_helpers.models.recurrent`."""

    def forward(self, x):  # (trials, steps, inputs)
        z = project_rnn(self.rnn, x, self.readout.weight.mT) + self.readout.bias
        return F.softplus(z)  # (trials, steps, regions)


class PlainRNNEncoder(NeuralRival):
    """:class:`~pupil_helpers.models.network.PlainRNN`: a bidirectional tanh ``nn.RNN`` and a readout."""

    def _network(self, n_inputs, n_regions):
        return QuickRNN(n_inputs, n_regions, self.hidden_size)


class Recurrent(nn.Module):
    """A bidirectional recurrent layer with a softplus readout."""

    def __init__(self, layer, n_inputs, n_regions, hidden_size):
        super().__init__()
        self.rnn = layer(n_inputs, hidden_size, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(2 * hidden_size, n_regions)

    def forward(self, x):  # (trials, steps, inputs)
        states = fast_gru(self.rnn, x) if isinstance(self.rnn, nn.GRU) else self.rnn(x)[0]
        return F.softplus(self.readout(states))  # (trials, steps, regions)


class GRU(NeuralRival):
    """A bidirectional gated recurrent unit (Cho et al. 2014, arXiv:1406.1078)."""

    def _network(self, n_inputs, n_regions):
        return Recurrent(nn.GRU, n_inputs, n_regions, self.hidden_size)


class LSTM(NeuralRival):
    """A bidirectional LSTM (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735)."""

    def _network(self, n_inputs, n_regions):
        return Recurrent(nn.LSTM, n_inputs, n_regions, self.hidden_size)


class Perceptron(nn.Module):
    """Two hidden layers of rectified units with a softplus readout."""

    def __init__(self, n_inputs, n_regions, hidden_size):
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(n_inputs, hidden_size), nn.ReLU(),
            nn.Linear(hidden_size, hidden_size), nn.ReLU(),
        )  # fmt: skip
        self.readout = nn.Linear(hidden_size, n_regions)

    def forward(self, x):  # (trials, steps, inputs)
        return F.softplus(self.readout(self.hidden(x)))  # (trials, steps, regions)


class LaggedMLP(NeuralRival):
    """A perceptron with two hidden layers on what the linear models get, too."""

    DEFAULT_RATE = 0.003
    n_components = 48

    def _network(self, n_inputs, n_regions):
        return Perceptron(n_inputs, n_regions, self.hidden_size)

    def _all_inputs(self, pupil):
        return lagged(self.features_.transform(pupil), self.stride, self.bin_size)


class Convolution(nn.Module):
    """Mixed features, a bank of long filters over time, rectified latents, softplus readout."""

    def __init__(self, n_inputs, n_regions, hidden_size, width, stride, n_filters=10):
        super().__init__()
        self.stride = stride
        self.mix = nn.Linear(n_inputs, n_inputs)
        self.filters = nn.Conv1d(1, n_filters, width, stride=stride)  # the same for every feature
        self.latents = nn.Linear(n_inputs * n_filters, hidden_size)
        self.readout = nn.Linear(hidden_size, n_regions)

    def forward(self, x):  # (trials, bins, inputs)
        n_trials, n_bins, n_inputs = x.shape
        filters = self.filters.weight.squeeze(1)  # (filters, width)
        n_filters, width = filters.shape
        n_steps = -(-n_bins // self.stride)
        before = (width - self.stride) // 2  # centre the filters on the steps
        after = (n_steps - 1) * self.stride + width - before - n_bins
        x = F.pad(x.permute(2, 0, 1), (before, after), mode="replicate")  # (inputs, trials, bins)
        windows = x.unfold(-1, width, self.stride).reshape(-1, width)
        # The same as mixing first and filtering then, but windows of data need no gradient.
        x = (filters @ windows.T).view(n_filters, n_inputs, -1)  # (…, trials * steps)
        bias = torch.outer(filters.sum(1), self.mix.bias) + self.filters.bias[:, None]
        x = F.relu(torch.baddbmm(bias[..., None], self.mix.weight.expand(n_filters, -1, -1), x))
        weight = self.latents.weight.unflatten(1, (n_inputs, n_filters)).mT.flatten(1)
        x = F.relu(torch.addmm(self.latents.bias[:, None], weight, x.flatten(0, 1)))
        return F.softplus(self.readout(x.T.unflatten(0, (n_trials, -1))))  # (…, steps, regions)


class TemporalConv(NeuralRival):
    """A temporal convolution network in the manner of facemap's (Syeda et al. 2024,
    doi:10.1038/s41593-023-01490-6): a linear mix of the features, 10 filters of 61 bins shared
    by all of them, ReLU, rectified latents, readout."""

    def _network(self, n_inputs, n_regions):
        width = round(0.6 / self.bin_size) + 1
        return Convolution(n_inputs, n_regions, self.hidden_size, width, self.stride)

    def _all_inputs(self, pupil):
        return self.features_.transform(pupil)  # every bin: the filters take the strides
