"""How good could any prediction be?

Spikes are noisy, so even the true rate does not predict them perfectly. The *ceiling* of a region
is the R² that its true, trial-by-trial rate would score. Where the truth is known (simulation) it
is :func:`known_ceiling`; otherwise :func:`split_half_ceiling` estimates it from how well
one half of the region's neurons agrees with the other.
"""

from __future__ import annotations

import numpy as np

from ..signals.rates import Kernel, as_trials, smooth
from .scores import r2
from .sums import centred, ratio


def known_ceiling(counts, true_rates, kernel: Kernel | None) -> np.ndarray:
    """R² of the true rates: the ceiling itself, for simulated sessions.

    Parameters
    ----------
    counts, true_rates : array_like, (trials, bins, regions)
        ``session.region_counts(regions)`` and ``session.true_region_rates(regions)``.
    kernel : Kernel or None
        The same as for the R² that is compared with it.

    Returns
    -------
    ndarray, (regions,)
    """
    return r2(counts, true_rates, kernel)


def split_half_ceiling(spikes, kernel: Kernel | None, n_splits: int = 50, seed: int = 0) -> float:
    """Ceiling of one region, from the agreement of random halves of its neurons.

    The summed activity of the two halves is correlated over trials and bins, corrected to the
    full number of neurons (Spearman 1910; Brown 1910) as ``2 r / (1 + |r|)``, and averaged over
    splits. It is the share of the summed activity's variance that neurons have in common. It
    is too high if they share noise that no rate explains, too low if few neurons carry
    most of the signal. It is unbiased otherwise, but slow private fluctuations of the two halves
    agree or disagree by chance: expect errors of a few hundredths per region and session.

    Splits in which one half does not vary, such as a half of silent neurons, say nothing and are
    left out. The formula proper has ``r`` without bars; with them, neurons that work against each
    other give -1 at worst, not minus infinity (``fix.negative = "bilateral"`` in the R package
    AATtools).

    Parameters
    ----------
    spikes : array_like, (trials, bins, neurons)
        Spike counts of the region's neurons, such as ``session.spikes[..., session.regions ==
        "SCs"]``; the trials on which the R² is measured, or all.
    kernel : Kernel or None
        The same as for the R² that is compared with it.
    n_splits : int, default 50
        Random splits to average over, 1 or more.
    seed : int, default 0
        Seed of the splits.

    Returns
    -------
    float
        Between -1 and 1: slightly below 0 now and then where there is no signal, well below 0
        only where neurons oppose each other. NaN if in no split both halves vary.

    Raises
    ------
    ValueError
        If there are fewer than 2 neurons or no splits.
    """
    covariance = _neuron_covariance(as_trials(spikes, "spikes"), kernel)  # (neurons, neurons)
    n = len(covariance)
    if n < 2:
        raise ValueError("a split-half ceiling needs at least 2 neurons in the region.")
    if n_splits < 1:
        raise ValueError(f"n_splits is {n_splits}; average over 1 split or more.")
    rng = np.random.default_rng(seed)
    half = np.argsort(rng.random((n_splits, n)), axis=1) < n // 2  # True: in the first half
    halves = np.stack([half, ~half]).astype(float)  # (2, splits, neurons)
    # The covariance of sums of neurons is the sum of a block of the neurons' covariance.
    first, second = halves @ covariance  # (splits, neurons)
    shared = (first * halves[1]).sum(1)  # (splits,)
    variances = np.stack([(first * halves[0]).sum(1), (second * halves[1]).sum(1)])  # (2, splits)
    # Neurons may cancel in a half: what is left beside their own variances is rounding.
    vary = (variances > 1e-9 * (halves @ covariance.diagonal())).all(0)  # (splits,)
    if not vary.any():
        return float("nan")
    r = np.clip(shared[vary] / np.sqrt(variances[:, vary].prod(0)), -1, 1)
    return float(np.mean(2 * r / (1 + np.abs(r))))


def poisson_ceiling(counts, kernel: Kernel | None) -> np.ndarray:
    """Ceiling if the counts were Poisson around their rate: a cross-check, not the ceiling.

    The variance of Poisson noise equals the rate, so after smoothing with weights ``w`` it is
    ``mean(rate) * sum(w**2)``; the rest of the variance is taken for signal. Real
    counts are noisier than Poisson (over-dispersed), which makes this too high.

    Parameters
    ----------
    counts : array_like, (trials, bins, regions)
        Spike counts summed over the neurons of each region.
    kernel : Kernel or None
        The same as for the R² that is compared with it.

    Returns
    -------
    ndarray, (regions,)
        NaN where the counts do not vary.
    """
    counts = as_trials(counts, "counts").astype(float)
    n_bins = counts.shape[1]
    weights = np.eye(n_bins) if kernel is None else kernel.matrix(n_bins)
    noise = ((weights**2) @ counts.mean(0)).mean(0)  # (regions,)
    variance = (centred(weights @ counts, (0, 1)) ** 2).mean((0, 1))
    return 1 - ratio(noise, variance)


def _neuron_covariance(spikes, kernel, chunk: int = 50) -> np.ndarray:
    """Covariance of the smoothed neurons over trials and bins, a few trials at a time."""
    n_trials, n_bins, n = spikes.shape
    mean = spikes.mean((0, 1), dtype=float)  # taken away: a constant neuron is 0 exactly
    total, products = np.zeros(n), np.zeros((n, n))
    for first in range(0, n_trials, chunk):
        part = spikes[first : first + chunk] - mean
        part = part if kernel is None else smooth(part, kernel)
        part = part.reshape(-1, n)  # (trials × bins, neurons)
        total += part.sum(0)
        products += part.T @ part
    mean = total / (n_trials * n_bins)
    return products / (n_trials * n_bins) - np.outer(mean, mean)
