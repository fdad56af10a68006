"""How wide should a kernel be? As wide as predicts unseen spikes best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from .rates import as_trials, gaussian


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
    bin_size: float,
    widths=(0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5),
    kernel=gaussian,
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
    bin_size : float
        Width of a bin in seconds.
    widths : array_like of float, (widths,)
        Widths to try, in seconds.
    kernel : callable, default :func:`~pupil_helpers.signals.rates.gaussian`
        Called as ``kernel(width, bin_size)``; may be :func:`~pupil_helpers.signals.rates.boxcar` or
        :func:`~pupil_helpers.signals.rates.exponential`.

    Returns
    -------
    Bandwidth

    Raises
    ------
    ValueError
        If a kernel does not reach beyond its own bin (none does in trials of one bin), or a
        region has no spikes.
    """
    counts = as_trials(counts, "counts").astype(float)
    spikes = counts.sum((0, 1))  # (regions,)
    if (counts < 0).any() or (spikes == 0).any():
        raise ValueError("counts must be >= 0 with at least one spike in every region.")
    widths = np.asarray(widths, dtype=float)
    if widths.ndim != 1 or not widths.size:
        raise ValueError("widths must be a list of one or more widths in seconds.")
    bits = np.stack([_left_out_bits(counts, kernel(width, bin_size)) for width in widths])
    return Bandwidth(  # bits is (widths, regions)
        best=float(widths[bits.sum(1).argmax()]),
        best_per_region=widths[bits.argmax(0)],
        widths=widths,
        bits_per_spike=bits / spikes,
    )


def _left_out_bits(counts, kernel) -> np.ndarray:
    """Log2-likelihood of each bin given its neighbours, above the mean rate's; (regions,)."""
    matrix = kernel.matrix(counts.shape[1])
    np.fill_diagonal(matrix, 0)
    mass = matrix.sum(1, keepdims=True)
    if (mass < 1e-12).all():
        raise ValueError(
            f"a kernel covers only its own bin in trials of {len(matrix)}; "
            "try wider kernels or longer trials."
        )
    matrix /= np.where(mass > 0, mass, 1)
    # Where all neighbours are silent a spike would be impossible: add a tenth of a bin at the
    # mean rate to the n neighbours that the kernel averages over.
    n = 1 / np.maximum((matrix**2).sum(1, keepdims=True), 1e-12) * (mass > 0)  # (bins, 1)
    prior = 0.1  # bins
    mean = counts.mean((0, 1))  # (regions,)
    rate = (n * (matrix @ counts) + prior * mean) / (n + prior)
    return (xlogy(counts, rate / mean) - rate + mean).sum((0, 1)) / np.log(2)
