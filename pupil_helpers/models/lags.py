"""Filters over lags, and the coarser clock the models run on: bins in, steps out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..session import CHANNELS
from .base import TINY


class LagFilters(nn.Module):
    """Features of every bin through smooth filters over lags, once per step.

    What the filters give overlaps so much that a few dozen principal components hold nearly all
    of it (Hotelling 1933, doi:10.1037/h0071325). Fewer inputs are quicker to learn from and
    harder to overfit. Components keep their relative sizes; all are scaled together.

    Parameters
    ----------
    n_bins, n_features : int
        Bins in a trial; features, of which the first three are levels and the others motions.
    bin_size : float
        Seconds.
    stride, reach, n_lags, direction
        As in :func:`filter_bank`.
    n_components : int or None
        Principal components to keep, at most as many as there are; None for the filtered features.
    direct : bool, default False
        Put the features themselves behind that, through the filter nearest to lag 0.

    Attributes
    ----------
    n_outputs : int
    """

    def __init__(
        self, n_bins, n_features, bin_size, stride, reach, n_lags, direction, n_components=None,
        direct=False,
    ):  # fmt: skip
        super().__init__()
        bank = filter_bank(n_bins, bin_size, stride, reach, n_lags, direction)
        self.n_steps = len(pool_centres(n_bins, stride))
        n_filters = bank.shape[-1] // self.n_steps
        self.n_outputs = n_features * n_filters
        self.register_buffer("bank", torch.from_numpy(bank), persistent=False)
        n_inputs, directions = self.n_outputs, None
        if n_components:
            self.n_outputs = min(n_components, n_inputs)
            directions = torch.zeros(n_inputs, self.n_outputs)
        self.register_buffer("directions", directions)
        self.n_outputs += n_features * direct
        nearest = {"causal": 0, "anticausal": n_filters - 1}.get(direction, n_filters // 2)
        self.direct = slice(nearest, None, n_filters) if direct else None

    @torch.no_grad()
    def fit_transform(self, features: Tensor) -> Tensor:
        """Find the components in the features of the training trials; the trials' inputs."""
        filtered = self._filter(features)
        if self.directions is not None:
            components = principal_directions(filtered.cpu().numpy(), self.directions.shape[1])
            self.directions.copy_(torch.from_numpy(components))
        return self._outputs(filtered)

    def forward(self, features: Tensor) -> Tensor:  # (T, bins, features)
        return self._outputs(self._filter(features))

    def _filter(self, features: Tensor) -> Tensor:
        levels, motion = features[..., : len(CHANNELS)], features[..., len(CHANNELS) :]
        parts = [  # contiguous, so that it is one product and not one per trial
            series.mT.contiguous() @ bank
            for series, bank in zip((levels, motion), self.bank, strict=True)
        ]
        filtered = torch.cat(parts, dim=1)  # (T, features, filters * steps)
        filtered = filtered.unflatten(-1, (-1, self.n_steps))  # (T, features, filters, steps)
        return filtered.flatten(1, 2).mT.contiguous()  # (T, steps, features * filters)

    def _outputs(self, filtered: Tensor) -> Tensor:
        outputs = filtered if self.directions is None else filtered @ self.directions
        if self.direct is None:
            return outputs
        return torch.cat([outputs, filtered[..., self.direct]], dim=-1)


class StepMeans(nn.Module):
    """Mean of each feature in each step, (trials, bins, features) -> (trials, steps, features)."""

    def __init__(self, n_bins: int, n_features: int, stride: int):
        super().__init__()
        self.n_outputs = n_features
        step_of = np.arange(n_bins) // stride
        member = np.eye(step_of[-1] + 1, dtype=np.float32)[:, step_of]  # (steps, bins)
        mean = torch.from_numpy(member / member.sum(axis=1, keepdims=True))
        self.register_buffer("mean", mean, persistent=False)

    def fit_transform(self, features: Tensor) -> Tensor:
        """There is nothing to learn."""
        return self(features)

    def forward(self, features: Tensor) -> Tensor:
        return self.mean @ features


def lag_basis(n_bins: int, bin_size: float, reach: float = 0.6, n_basis: int = 13):
    """Bumps over lags that tile ``-reach`` to ``reach`` seconds, narrow near 0 and wide far away.

    Raised cosines on a stretched lag axis, after Pillow et al. (2008, doi:10.1038/nature07140),
    here on both sides of 0: ``cos²`` bumps equally spaced in ``asinh(lag / 0.05 s)``. A single
    bump is centred on 0.

    Returns
    -------
    basis : ndarray, (n_basis, lags)
        Each row sums to 1.
    lags : ndarray of int, (lags,)
        Lags in bins, positive when the past of the pupil is read.
    """
    most = min(round(reach / bin_size), n_bins - 1)
    lags = np.arange(-most, most + 1)
    stretched = np.arcsinh(lags * bin_size / 0.05)
    if n_basis > 1:
        centres = np.linspace(stretched[0], stretched[-1], n_basis)
        spacing = max(centres[1] - centres[0], 1e-9)
    else:
        centres, spacing = np.zeros(1), stretched[-1] + np.arcsinh(bin_size / 0.05)
    phase = np.clip((stretched - centres[:, None]) / spacing, -1, 1)
    basis = np.cos(phase * np.pi / 2) ** 2
    return basis / basis.sum(axis=1, keepdims=True), lags


def filter_bank(
    n_bins: int,
    bin_size: float,
    stride: int = 4,
    reach: float = 0.6,
    n_lags: int = 13,
    direction: str = "bidirectional",
) -> np.ndarray:
    """The filters of :func:`lag_basis` as matrices over a whole trial.

    Parameters
    ----------
    n_bins : int
        Bins in a trial.
    bin_size : float
        Seconds.
    stride : int, default 4
        Bins per step of the model; filters are evaluated once per step.
    reach : float, default 0.6
        Longest lag in seconds.
    n_lags : int, default 13
        Number of filters before cutting to one direction.
    direction : {"bidirectional", "causal", "anticausal"}
        A causal bank reads the present and the past only.

    Returns
    -------
    ndarray of float32, (2, bins, filters * steps)
        Beyond a trial's ends the first matrix takes its input to stay as it was at the end,
        which suits levels; the second takes it to be 0, the average, which suits motion.
    """
    basis, lags = lag_basis(n_bins, bin_size, reach, n_lags)
    if direction != "bidirectional":
        seen = lags >= 0 if direction == "causal" else lags <= 0
        mass = basis[:, seen].sum(axis=1)
        basis, lags = (basis[:, seen] / np.maximum(mass, TINY)[:, None])[mass > 0.25], lags[seen]
    present = _present(n_bins, stride, direction)
    steps = np.arange(len(present))
    wanted = present[:, None] - lags  # (steps, lags)
    read = np.clip(wanted, 0, n_bins - 1)
    bank = np.zeros((2, len(basis), len(steps), n_bins), dtype=np.float32)
    for lag in range(len(lags)):
        weight = np.tile(basis[:, lag], (len(steps), 1))  # (steps, filters)
        inside = (read[:, lag] == wanted[:, lag])[:, None]
        bank[0, :, steps, read[:, lag]] += weight
        bank[1, :, steps, read[:, lag]] += weight * inside
    return bank.reshape(2, -1, n_bins).transpose(0, 2, 1)


def principal_directions(inputs, n_components: int) -> np.ndarray:
    """Directions in which the inputs vary most; ``inputs @ directions`` are their components.

    Parameters
    ----------
    inputs : array_like, (trials, steps, inputs)
        Of the training trials.
    n_components : int
        All there are, if there are fewer.

    Returns
    -------
    ndarray of float32, (inputs, components)
        Scaled together, so that the mean variance of the components is 1.
    """
    flat = np.asarray(inputs).reshape(-1, np.shape(inputs)[-1]).astype(float)
    flat -= flat.mean(axis=0)
    variances, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    variances, directions = variances[::-1][:n_components], directions[:, ::-1][:, :n_components]
    return (directions / np.sqrt(max(variances.mean(), TINY))).astype(np.float32)


def pool(counts, stride: int) -> np.ndarray:
    """Sum neighbouring bins, (trials, bins, regions) -> (trials, steps, regions)."""
    return np.add.reduceat(counts, np.arange(0, counts.shape[1], stride), axis=1)


def pool_centres(n_bins: int, stride: int) -> np.ndarray:
    """Centre of each step in bins, (steps,)."""
    first = np.arange(0, n_bins, stride)
    last = np.minimum(first + stride, n_bins) - 1
    return (first + last) / 2


def _present(n_bins: int, stride: int, direction: str) -> np.ndarray:
    """The bin each step counts lags from, (steps,).

    Its centre; or, so that no bin of the step hears the wrong side of its own time, the first
    bin of a causal step and the last of an anticausal one.
    """
    first = np.arange(0, n_bins, stride)
    if direction == "causal":
        return first
    if direction == "anticausal":
        return np.minimum(first + stride, n_bins) - 1
    return np.floor(pool_centres(n_bins, stride)).astype(int)


def interpolation(n_bins: int, stride: int, direction: str = "bidirectional") -> np.ndarray:
    """Matrix (bins, steps) from steps to bins.

    Straight lines between the centres of the steps; in one-sided models every bin takes its
    own step's value, since a line would mix in the next.
    """
    centres = pool_centres(n_bins, stride)
    if direction != "bidirectional":
        return np.eye(len(centres), dtype=np.float32)[np.arange(n_bins) // stride]
    rows = [np.interp(np.arange(n_bins), centres, unit) for unit in np.eye(len(centres))]
    return np.array(rows, dtype=np.float32).T
