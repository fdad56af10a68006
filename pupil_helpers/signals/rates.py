"""From spike counts to firing rates.

A :class:`Kernel` says how much each neighbouring bin counts. Smoothing is a matrix product,
``rates = S @ counts``, with one matrix ``S`` of shape (bins, bins) per kernel: row ``t`` holds
the weights of every bin in the estimate at bin ``t``. Everything below reads off that matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights of neighbouring bins; they are scaled to sum to 1.

    Kernels with the same scaled weights at the same lags are equal.

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
        If the weights are negative or infinite, or do not give weight to lag 0.
    """

    weights: np.ndarray
    lags: np.ndarray

    def __post_init__(self):
        weights = np.asarray(self.weights, dtype=float)
        lags = np.asarray(self.lags)
        if weights.ndim != 1 or weights.shape != lags.shape or lags.dtype.kind not in "iu":
            raise ValueError("a kernel needs one whole-number lag (in bins) per weight.")
        total = weights.sum()
        if not (weights >= 0).all() or not (weights[lags == 0] > 0).any() or np.isinf(total):
            raise ValueError("kernel weights must be finite, at least 0, and above 0 at lag 0.")
        object.__setattr__(self, "weights", weights / total)
        object.__setattr__(self, "lags", lags.astype(int))

    def _value(self) -> tuple:
        return tuple(self.weights.tolist()), tuple(self.lags.tolist())

    def __eq__(self, other) -> bool:
        return self._value() == other._value() if isinstance(other, Kernel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value())

    def matrix(self, n_bins: int, edges: str = "renormalise") -> np.ndarray:
        """The kernel as a (bins, bins) matrix ``S``, so that ``smoothed = S @ counts``.

        ``edges`` is as in :func:`smooth`.
        """
        if edges not in ("renormalise", "zero"):
            raise ValueError(f"edges is {edges!r}; use 'renormalise' or 'zero'.")
        within = np.abs(self.lags) < n_bins
        by_lag = np.zeros(2 * n_bins - 1)  # from -(n_bins - 1) to n_bins - 1
        np.add.at(by_lag, self.lags[within] + n_bins - 1, self.weights[within])
        t = np.arange(n_bins)
        matrix = by_lag[t[:, None] - t + n_bins - 1]
        return matrix / matrix.sum(1, keepdims=True) if edges == "renormalise" else matrix


def boxcar(width: float, bin_size: float, causal: bool = False) -> Kernel:
    """A moving average over a window of exactly ``width`` seconds.

    Each bin weighs as much as the window covers of it. A centred window of 100 ms on 10 ms bins
    covers 9 bins fully and half a bin at either end (lags -5 to 5); a causal one ends with the
    current bin and covers 10 bins (lags 0 to 9).

    Parameters
    ----------
    width : float
        Width of the window in seconds, at least one bin.
    bin_size : float
        Width of a bin in seconds.
    causal : bool, default False
        Look only at the current bin and the past.

    Raises
    ------
    ValueError
        If the window is narrower than one bin, or not a number of seconds.
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


def gaussian(sd: float, bin_size: float, causal: bool = False) -> Kernel:
    """A Gaussian cut off at 4 standard deviations.

    Parameters
    ----------
    sd : float
        Standard deviation (of the whole Gaussian) in seconds.
    bin_size : float
        Width of a bin in seconds.
    causal : bool, default False
        Keep only the current bin and the past half.

    Raises
    ------
    ValueError
        If ``sd`` or ``bin_size`` is not a number of seconds above 0.
    """
    n = _in_bins(sd, bin_size)
    reach = int(4 * n + 0.5)
    lags = np.arange(0 if causal else -reach, reach + 1)
    return Kernel(np.exp(-0.5 * (lags / n) ** 2), lags)


def exponential(tau: float, bin_size: float) -> Kernel:
    """A causal exponential, as of a leaky integrator.

    It is cut off after 8 time constants, where 0.03 % of its mass is left.

    Parameters
    ----------
    tau : float
        Time constant in seconds.
    bin_size : float
        Width of a bin in seconds.

    Raises
    ------
    ValueError
        If ``tau`` or ``bin_size`` is not a number of seconds above 0.
    """
    n = _in_bins(tau, bin_size)
    lags = np.arange(int(np.ceil(8 * n)) + 1)
    return Kernel(np.exp(-lags / n), lags)


def _in_bins(width: float, bin_size: float) -> float:
    _check_seconds("the width of a kernel", width)
    _check_seconds("bin_size", bin_size)
    n = width / bin_size
    if n > 1e5:
        raise ValueError(f"a kernel of {width} s on bins of {bin_size} s has over 100,000 bins.")
    return n


def _check_seconds(name: str, value: float) -> None:
    if not (isinstance(value, Real) and 0 < value < 1e9):
        raise ValueError(f"{name} is {value!r}; give seconds, above 0.")


EVALUATION_WIDTH = 0.1
"""Width in seconds of the one window behind every R² in the book: see :func:`evaluation_kernel`."""


def evaluation_kernel(bin_size: float) -> Kernel | None:
    """The kernel of every R² in the book: a centred boxcar of ``EVALUATION_WIDTH`` seconds.

    On bins of 10 ms its weights are 0.05, nine times 0.1, 0.05. Scores renormalise it at the
    edges of the trial.

    Parameters
    ----------
    bin_size : float
        Width of a bin in seconds.

    Returns
    -------
    Kernel or None
        None, which is to say raw counts, if a bin is as wide as the window already.
    """
    n = _in_bins(EVALUATION_WIDTH, bin_size)
    return boxcar(EVALUATION_WIDTH, bin_size) if n > 1 else None


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
        If ``counts`` is not three-dimensional, ``kernel`` is not a :class:`Kernel` or ``edges``
        is unknown.
    """
    counts = as_trials(counts, "counts")
    if not isinstance(kernel, Kernel):
        raise ValueError(f"kernel is {kernel!r}; make one, e.g. boxcar(0.1, bin_size).")
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


def firing_rates(counts, kernel: Kernel, bin_size: float, n_neurons=None) -> np.ndarray:
    """Smoothed firing rates in spikes per second.

    Parameters
    ----------
    counts : array_like, (trials, bins, regions)
        Spike counts per bin.
    kernel : Kernel
        How to smooth.
    bin_size : float
        Width of a bin in seconds.
    n_neurons : int or array_like of int (regions,), optional
        Neurons summed in each region; gives the rate per neuron. By default the rate is that of
        the whole region.

    Returns
    -------
    ndarray, (trials, bins, regions)

    Raises
    ------
    ValueError
        If ``bin_size`` is not a number of seconds above 0, ``n_neurons`` is below 1 or not one
        number per region, or as :func:`smooth` raises.
    """
    _check_seconds("bin_size", bin_size)
    rates = smooth(counts, kernel) / bin_size
    if n_neurons is None:
        return rates
    n_neurons = np.asarray(n_neurons)
    if n_neurons.shape not in ((), rates.shape[2:]) or not (n_neurons >= 1).all():
        raise ValueError(f"n_neurons is {n_neurons}; give one number, 1 or more, per region.")
    return rates / n_neurons


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
