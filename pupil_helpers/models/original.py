"""The original PupilEncoder's recipe, kept exactly, to compare with.

Unnormalised area, x and y go into a bidirectional tanh RNN with 27 units, whose two halves are
averaged; a linear layer and a softplus give each region's smoothed mean count. It is trained in
double precision on all training trials at once, by squared error, and stopped on a random fifth
of the trials. Two things differ from the original program: missing samples are filled by
straight lines (it was given none), and the random numbers that start the weights are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from ..signals.pupil import channel_means, fill_missing
from ..signals.rates import original_rates
from ..signals.splits import random_split
from .base import Encoder, one_thread
from .devices import torch_device


class OriginalRNN(nn.Module):
    """Bidirectional tanh RNN, the two directions averaged, linear readout, softplus (beta 10)."""

    def __init__(self, n_inputs: int, n_regions: int, hidden_size: int = 27):
        super().__init__()
        self.rnn = nn.RNN(n_inputs, hidden_size, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(hidden_size, n_regions)

    def forward(self, x):  # (trials, bins, inputs)
        past, future = self.rnn(x)[0].chunk(2, dim=-1)  # (trials, bins, hidden) each
        return F.softplus(self.readout((past + future) / 2), beta=10)


@dataclass(eq=False, repr=False)
class OriginalEncoder(Encoder):
    """``PupilEncoder.original()``: the recipe of the first PupilEncoder.

    Parameters
    ----------
    n_neurons : int or array_like of int (regions,), optional
        Neurons summed in each region: the network learns mean counts per neuron, as the original
        did. By default the summed counts are learnt as they are.
    max_iterations : int, default 200
        Gradient steps, each on all training trials.
    patience : int, default 25
        Stop after this many steps without a better held-out loss. The weights are those of the
        last step, not of the best one.
    seed : int, default 0
        Seed of the starting weights. The split for early stopping always has seed 42.
    device : str, default "auto"
        "cpu", "cuda", or "auto": a GPU if there is one.
    progress : bool, default False
        Show a progress bar.
    bin_size : float, optional
        Seconds per bin; only the scores need it (the recipe counts in bins).

    Attributes
    ----------
    history_ : pandas.DataFrame
        One row per step: ``epoch``, ``member`` (always 0), ``train`` and ``held_out`` loss.
    net_ : OriginalRNN
        Takes raw pupil samples in double precision, gaps filled.
    """

    n_neurons: int | np.ndarray | None = None
    max_iterations: int = 200
    patience: int = 25
    seed: int = 0
    device: str = "auto"
    progress: bool = False

    @one_thread()
    def _fit(self, pupil, counts):
        if self.max_iterations < 1 or self.patience < 1:
            raise ValueError("max_iterations and patience must be at least 1")
        n_regions = counts.shape[-1]
        self.neurons_ = neurons_per_region(self.n_neurons, n_regions)
        self.average_ = channel_means(pupil)
        x = self._filled(pupil)
        y = original_rates(counts.astype(float) / self.neurons_)  # (T, B, R)
        y = torch.tensor(y, device=x.device)
        train, held = (torch.as_tensor(i, device=x.device) for i in random_split(len(counts)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.net_ = OriginalRNN(x.shape[-1], n_regions).double().to(x.device)
        self._train(x[train], y[train], x[held], y[held])

    def _train(self, x, y, x_held, y_held):
        optimiser = torch.optim.Adam(self.net_.parameters(), lr=1e-3)
        best, waited, history = np.inf, 0, []
        for step in tqdm(range(self.max_iterations), desc="fitting", disable=not self.progress):
            optimiser.zero_grad()
            loss = F.mse_loss(self.net_(x), y)
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                held_loss = F.mse_loss(self.net_(x_held), y_held).item()
            history.append((step + 1, 0, loss.item(), held_loss))
            if not np.isfinite(held_loss):
                raise ValueError(
                    f"the loss became NaN or infinite in step {step + 1}; "
                    "look for outliers in pupil"
                )
            waited = 0 if held_loss < best else waited + 1
            best = min(best, held_loss)
            if waited >= self.patience:
                break
        self.history_ = pd.DataFrame(history, columns=["epoch", "member", "train", "held_out"])

    def _filled(self, pupil) -> torch.Tensor:
        filled = fill_missing(pupil, average=self.average_)
        return torch.tensor(filled, dtype=torch.float64, device=torch_device(self.device))

    @one_thread()
    @torch.no_grad()
    def _predict(self, pupil):
        return self.net_(self._filled(pupil)).cpu().numpy() * self.neurons_


def neurons_per_region(n_neurons, n_regions: int) -> np.ndarray:
    """``n_neurons`` as one positive number per region; ones if it is None."""
    given = np.ones(n_regions) if n_neurons is None else np.asarray(n_neurons, dtype=float)
    if given.ndim > 1 or given.size not in (1, n_regions) or not (given > 0).all():
        raise ValueError(
            f"n_neurons is {n_neurons!r}; give one number above 0 for each of {n_regions} regions"
        )
    return np.broadcast_to(given, n_regions)
