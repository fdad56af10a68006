"""Know when not to predict: how far to follow a model, region by region."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .base import TINY


def shrunk_losses(gain, counts, psth, weight) -> tuple[np.ndarray, np.ndarray]:
    """Two Poisson losses of ``psth * (1 + weight * (gain - 1))`` relative to the PSTH's.

    ``gain`` and ``counts`` are (trials, bins, regions), ``psth`` (bins, regions). Both losses are
    sums over trials and bins, (regions,); below 0 is better than the PSTH. The second is that of
    when the spikes came, given how many there were: it leaves the block's level free.
    """
    shrunk = np.maximum(1 + weight * (gain - 1), TINY)
    at_psth = len(gain) * psth.sum(axis=0, dtype=float)  # (R,) spikes that the PSTH expects
    expected = (psth * shrunk).sum(axis=(0, 1), dtype=float)
    seen = (counts * np.log(shrunk)).sum(axis=(0, 1), dtype=float)
    n_spikes = counts.sum(axis=(0, 1), dtype=float)
    return expected - at_psth - seen, n_spikes * np.log(expected / at_psth) - seen


def find_shrinkage(held_out, counts, psth, n_weights: int = 21) -> np.ndarray:
    """Weight of the model against the PSTH in each region, from left-out blocks.

    The weight between 0 and 1 that would have predicted the left-out blocks best; 0 if that is
    not better than the PSTH by at least one standard error over blocks. It has to be better in two
    ways: in the likelihood of the counts, and in their likelihood given each block's total. A
    model that has learned how a drifting region's level goes along with a drifting pupil's is
    lucky now and then in the first, seldom in both.

    Parameters
    ----------
    held_out : sequence of (trials, gain)
        For each block its trials, and their gain on the PSTH, (trials of the block, bins,
        regions), predicted by models that have not learned from the block.
    counts : ndarray, (trials, bins, regions)
        Of all training trials.
    psth : ndarray, (bins, regions)
    n_weights : int, default 21
        Weights tried, evenly spaced.

    Returns
    -------
    ndarray, (regions,)
    """
    weights = np.linspace(0, 1, n_weights)
    losses = np.array(  # (blocks, weights, 2, regions)
        [
            [shrunk_losses(gain, counts[trials], psth, weight) for weight in weights]
            for trials, gain in held_out
        ]
    )
    best = losses[:, :, 0].sum(axis=0).argmin(axis=0)  # (regions,)
    if len(losses) > 1:
        at_best = losses[:, best, :, np.arange(len(best))]  # (regions, blocks, 2)
        error = at_best.std(axis=1, ddof=1) * np.sqrt(len(losses))
        best = np.where((-at_best.sum(axis=1) > error).all(axis=-1), best, 0)
    return weights[best]


def find_mixture(pairs, counts, psth, n_shares: int = 11, n_weights: int = 6) -> Tensor:
    """Share of the second of two models in each region, from left-out blocks.

    With the weight against the PSTH that suits the mixture best, as :func:`find_shrinkage` will
    choose it, the share between 0 and 1 that would have predicted the left-out blocks best
    (stacking: Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1).

    Parameters
    ----------
    pairs : sequence of (trials, gain, gain)
        Of each block its trials and their gain by both models, (trials of the block, steps,
        regions), predicted without the block.
    counts : Tensor, (trials, steps, regions)
        Of all training trials.
    psth : Tensor, (steps, regions)

    Returns
    -------
    Tensor, (regions,)
    """
    shares, weights = np.linspace(0, 1, n_shares), np.linspace(0, 1, n_weights)[1:]
    counts, psth = counts.cpu().numpy(), psth.cpu().numpy()
    losses = np.zeros((n_shares, len(weights), counts.shape[-1]))  # (shares, weights, regions)
    for trials, *gains in pairs:
        first, second = (gain.cpu().numpy() for gain in gains)
        for place, share in enumerate(shares):
            gain = first + share * (second - first)
            losses[place] += [shrunk_losses(gain, counts[trials], psth, w)[0] for w in weights]
    return torch.as_tensor(shares[losses.min(axis=1).argmin(axis=0)])
