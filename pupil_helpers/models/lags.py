"""Bins and steps: the stem's filters over lags, and the coarser clock the network runs on."""

from __future__ import annotations

import numpy as np

from ..signals.pupil import lag_basis
from .base import TINY

FLOOR = 0.05
"""Rivals, and the default model in regions without trust, predict at least this share of the
baseline: a count can never be negative, and one spike where none was thought possible would decide
the whole likelihood."""


def filter_bank(
    n_bins: int,
    stride: int = 4,
    bin_size: float = 0.01,
    reach: float = 0.6,
    n_lags: int = 13,
    direction: str = "bidirectional",
) -> np.ndarray:
    """The filters of :func:`~pupil_helpers.signals.pupil.lag_basis` as matrices over a whole trial.

    Parameters
    ----------
    n_bins : int
        Bins in a trial.
    stride : int, default 4
        Bins per step of the network; filters are evaluated once per step.
    bin_size, reach : float, default 0.01 and 0.6
        Seconds.
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
    steps = np.arange(len(pool_centres(n_bins, stride)))
    wanted = _present(n_bins, stride, direction)[:, None] - lags  # (steps, lags)
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

    What the filters give overlaps so much that a few dozen components hold nearly all of it
    (principal component analysis: Hotelling 1933, doi:10.1037/h0071325). Fewer inputs are quicker
    to learn from and easier not to overfit. The components keep their relative sizes and are
    scaled together, to a mean variance of 1.

    Parameters
    ----------
    inputs : array_like, (trials, steps, inputs)
        Of the training trials.
    n_components : int
        All there are, if there are fewer.

    Returns
    -------
    ndarray of float32, (inputs, components)
    """
    flat = np.asarray(inputs).reshape(-1, np.shape(inputs)[-1]).astype(float)
    variances, directions = np.linalg.eigh(
        np.cov(flat, rowvar=False, ddof=0).reshape(2 * flat.shape[1:])
    )
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
