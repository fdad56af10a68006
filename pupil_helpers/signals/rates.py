"""From spike counts to firing rates.

A :class:`Kernel` says how much each neighbouring bin counts. Smoothing is a matrix product,
``rates = S @ counts``, with one matrix ``S`` of shape (bins, bins) per kernel: row ``t`` holds
the weights of every bin in the estimate at bin ``t``. Everything below reads off that matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy


@dataclass(frozen=True)
class Kernel:
    """Weights of neighbouring bins; they are scaled to sum to 1.

    Parameters
    ----------
    weights : array_like, (taps,)
        Non-negative weights, not all zero.
    lags : array_like of int, (taps,)
        Lag of each weight in bins: ``smoothed[t] = sum(weights * counts[t - lags])``. Positive
        lags look into the past, negative lags into the future; a causal kernel has none below 0.

    Raises
    ------
    ValueError
        If the weights are negative or do not give weight to lag 0.
    """

    weights: np.ndarray
    lags: np.ndarray

    def __post_init__(self):
        weights = np.asarray(self.weights, dtype=float)
        lags = np.asarray(self.lags)
        if weights.ndim != 1 or weights.shape != lags.shape or lags.dtype.kind not in "iu":
            raise ValueError("a kernel needs one whole-number lag (in bins) per weight.")
        if not (weights >= 0).all() or not (weights[lags == 0] > 0).any():
            raise ValueError("kernel weights must be at least 0, and above 0 at lag 0.")
        object.__setattr__(self, "weights", weights / weights.sum())
        object.__setattr__(self, "lags", lags)

    def matrix(self, n_bins: int, edges: str = "renormalise") -> np.ndarray:
        """The kernel as a (bins, bins) matrix ``S``, so that ``smoothed = S @ counts``.

        ``edges`` is as in :func:`smooth`.
        """
        if edges not in ("renormalise", "zero"):
            raise ValueError(f"edges is {edges!r}; use 'renormalise' or 'zero'.")
        matrix = np.zeros((n_bins, n_bins))
        for weight, lag in zip(self.weights, self.lags, strict=True):
            matrix += weight * np.eye(n_bins, k=-int(lag))
        return matrix / matrix.sum(1, keepdims=True) if edges == "renormalise" else matrix


def boxcar(width: float, bin_size: float = 0.01, causal: bool = False) -> Kernel:
    """A moving average over a window of exactly ``width`` seconds.

    Each bin weighs as much as the window covers of it. A centred window of 100 ms on 10 ms bins
    covers 9 bins fully and half a bin at either end (lags -5 to 5); a causal one ends with the
    current bin and covers 10 bins (lags 0 to 9).

    Parameters
    ----------
    width : float
        Width of the window in seconds, at least one bin.
    bin_size : float, default 0.01
        Width of a bin in seconds.
    causal : bool, default False
        Look only at the current bin and the past.

    Raises
    ------
    ValueError
        If the window is narrower than one bin.
    """
    n = _in_bins(width, bin_size)
    if n < 1 - 1e-9:
        raise ValueError(f"a boxcar of {width} s is narrower than a bin of {bin_size} s; widen it.")
    reach = int(np.ceil(n))
    lags = np.arange(-reach, reach + 1)
    left, right = (0.0, n) if causal else ((1 - n) / 2, (1 + n) / 2)
    covered = np.minimum(lags + 1, right) - np.maximum(lags, left)  # bin `lag` spans lag … lag + 1
    keep = covered > 1e-9
    return Kernel(covered[keep], lags[keep])


def gaussian(sd: float, bin_size: float = 0.01, causal: bool = False) -> Kernel:
    """A Gaussian cut off at 4 standard deviations; ``causal`` keeps only its past half.

    Parameters
    ----------
    sd : float
        Standard deviation (of the whole Gaussian) in seconds.
    bin_size : float, default 0.01
        Width of a bin in seconds.
    causal : bool, default False
        Look only at the current bin and the past.
    """
    n = _in_bins(sd, bin_size)
    reach = int(4 * n + 0.5)
    lags = np.arange(0 if causal else -reach, reach + 1)
    return Kernel(np.exp(-0.5 * (lags / n) ** 2), lags)


def exponential(tau: float, bin_size: float = 0.01) -> Kernel:
    """A causal exponential, as of a leaky integrator with time constant ``tau`` in seconds.

    It is cut off after 8 time constants, where 0.03 % of its mass is left.
    """
    n = _in_bins(tau, bin_size)
    lags = np.arange(int(np.ceil(8 * n)) + 1)
    return Kernel(np.exp(-lags / n), lags)


def _in_bins(seconds: float, bin_size: float) -> float:
    if not (np.isfinite(seconds) and seconds > 0 and np.isfinite(bin_size) and bin_size > 0):
        raise ValueError(f"got width {seconds} s and bins of {bin_size} s; both must be above 0.")
    return seconds / bin_size


EVALUATION_KERNEL = boxcar(0.1, 0.01)
"""The one kernel used for every R² in the book: a centred 100 ms boxcar on 10 ms bins
(weights 0.05, nine times 0.1, 0.05), renormalised at the edges of the trial."""


def smooth(counts, kernel: Kernel, edges: str = "renormalise") -> np.ndarray:
    """Smooth along the bins.

    Parameters
    ----------
    counts : array_like, (trials, bins, features)
        Spike counts, or anything else per bin.
    kernel : Kernel
        See :func:`boxcar`, :func:`gaussian`, :func:`exponential`.
    edges : {"renormalise", "zero"}, default "renormalise"
        What to do where the kernel reaches beyond the trial. "renormalise" divides by the
        kernel mass inside the trial, so that a constant stays constant; "zero" treats the
        outside as silent, which makes rates ramp up over the first bins.

    Returns
    -------
    ndarray, (trials, bins, features)
        float32 for float32 input, float64 otherwise; same unit as ``counts``.

    Raises
    ------
    ValueError
        If ``counts`` is not three-dimensional or ``edges`` is unknown.
    """
    counts = as_trials(counts, "counts")
    dtype = np.float32 if counts.dtype == np.float32 else np.float64
    matrix = kernel.matrix(counts.shape[1], edges).astype(dtype)
    return matrix @ counts.astype(dtype, copy=False)


def as_trials(values, name: str) -> np.ndarray:
    """Check that ``values`` is a non-empty, finite (trials, bins, features) array; return it."""
    values = np.asarray(values)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(
            f"{name} has shape {values.shape}; expected (trials, bins, regions), none of them 0."
        )
    if values.dtype.kind not in "buif":
        raise ValueError(f"{name} has dtype {values.dtype}; give numbers.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} has missing or infinite values; leave those trials out.")
    return values


def firing_rates(counts, kernel: Kernel, bin_size: float = 0.01, n_neurons=None) -> np.ndarray:
    """Smoothed firing rates in spikes per second.

    Parameters
    ----------
    counts : array_like, (trials, bins, regions)
        Spike counts per bin.
    kernel : Kernel
        How to smooth.
    bin_size : float, default 0.01
        Width of a bin in seconds.
    n_neurons : int or array_like of int (regions,), optional
        Neurons summed in each region; gives the rate per neuron. By default the rate is that of
        the whole region.

    Returns
    -------
    ndarray, (trials, bins, regions)
    """
    rates = smooth(counts, kernel) / bin_size
    return rates if n_neurons is None else rates / np.asarray(n_neurons)


def original_rates(mean_counts) -> np.ndarray:
    """The original PupilEncoder's smoothing, kept for comparison.

    ``np.convolve(counts, np.ones(10) / 10, "full")[:bins]`` on every trial: a causal boxcar of
    10 bins that treats the time before the trial as silent, so the first 9 bins ramp up.

    Parameters
    ----------
    mean_counts : array_like, (trials, bins, regions)
        Spikes per bin averaged over the neurons of a region (the original's unit).
    """
    return smooth(mean_counts, Kernel(np.ones(10), np.arange(10)), edges="zero")


class Bandwidth(NamedTuple):
    """What :func:`choose_bandwidth` found.

    ``best`` is the width (seconds) for all regions together, ``best_per_region`` (regions,) for
    each; ``widths`` (widths,) were tried and scored ``bits_per_spike`` (widths, regions) above
    the constant mean rate.
    """

    best: float
    best_per_region: np.ndarray
    widths: np.ndarray
    bits_per_spike: np.ndarray


def choose_bandwidth(
    counts,
    widths=(0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5),
    kernel=gaussian,
    bin_size: float = 0.01,
) -> Bandwidth:
    """Choose the width of a kernel by how well it predicts spikes it has not seen.

    Every bin is predicted from its neighbours in the same trial, with the bin itself left out of
    the kernel, and judged by its Poisson likelihood. Spikes are unpredictable noise around the
    rate, so a kernel that is too narrow (follows the noise) and one that is too wide (misses the
    rate's changes) both lose. Cross-validated likelihood is the classical choice for kernel
    density estimates (Bowman 1984, doi:10.1093/biomet/71.2.353); Shimazaki & Shinomoto 2010
    (doi:10.1007/s10827-009-0180-4) minimise squared error to the same end. The result does
    not know of any model, so it cannot flatter one.

    Parameters
    ----------
    counts : array_like, (trials, bins, regions)
        Spike counts of *training* trials.
    widths : array_like of float, (widths,)
        Widths to try, in seconds.
    kernel : callable, default :func:`gaussian`
        Called as ``kernel(width, bin_size)``; may be :func:`boxcar` or :func:`exponential`.
    bin_size : float, default 0.01
        Width of a bin in seconds.

    Returns
    -------
    Bandwidth

    Raises
    ------
    ValueError
        If a kernel does not reach beyond its own bin, or a region has no spikes.
    """
    counts = as_trials(counts, "counts").astype(float)
    spikes = counts.sum((0, 1))  # (regions,)
    if (counts < 0).any() or (spikes == 0).any():
        raise ValueError("counts must be >= 0 with at least one spike in every region.")
    widths = np.asarray(widths, dtype=float)
    gained = np.stack([_left_out_gain(counts, kernel(width, bin_size)) for width in widths])
    return Bandwidth(
        best=float(widths[gained.sum(1).argmax()]),
        best_per_region=widths[gained.argmax(0)],
        widths=widths,
        bits_per_spike=gained / spikes,
    )


def _left_out_gain(counts, kernel, prior=0.1) -> np.ndarray:
    """Log2-likelihood of each bin given its neighbours, above the mean rate's; (regions,)."""
    matrix = kernel.matrix(counts.shape[1])
    np.fill_diagonal(matrix, 0)
    mass = matrix.sum(1, keepdims=True)
    if (mass[1:] < 1e-12).any():
        raise ValueError("a kernel covers only its own bin; try wider kernels.")
    matrix /= np.where(mass > 0, mass, 1)
    # Where all neighbours are silent a spike would be impossible: add a tenth of a bin at the
    # mean rate to the n neighbours that the kernel averages over.
    n = 1 / np.maximum((matrix**2).sum(1, keepdims=True), 1e-12) * (mass > 0)  # (bins, 1)
    mean = counts.mean((0, 1))  # (regions,)
    rate = (n * (matrix @ counts) + prior * mean) / (n + prior)
    return (xlogy(counts, rate / mean) - rate + mean).sum((0, 1)) / np.log(2)
