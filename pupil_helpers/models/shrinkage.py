"""Know when not to predict: how far to follow a model, region by region."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .base import TINY


def shrunk_loss(gain, counts, psth, weight) -> np.ndarray:
    """Poisson loss of ``psth * (1 + weight * (gain - 1))`` relative to the PSTH's.

    ``gain`` and ``counts`` are (trials, bins, regions), ``psth`` (bins, regions); returns
    the sum over trials and bins, (regions,). Below 0 is better than the PSTH.
    """
    shrunk = 1 + weight * (gain - 1)
    loss = psth * (shrunk - 1) - counts * np.log(np.maximum(shrunk, TINY))
    return loss.sum(axis=(0, 1))


def find_shrinkage(held_out, counts, psth, n_weights: int = 21) -> np.ndarray:
    """Weight of the model against the PSTH in each region, from left-out blocks.

    The weight between 0 and 1 that would have predicted the left-out blocks best; 0 if that
    best is not better than the PSTH by at least one standard error over blocks.

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
    losses = np.array(  # (blocks, weights, regions)
        [
            [shrunk_loss(gain, counts[trials], psth, weight) for weight in weights]
            for trials, gain in held_out
        ]
    )
    best = losses.sum(axis=0).argmin(axis=0)  # (regions,)
    if len(losses) > 1:
        at_best = losses[:, best, np.arange(len(best))]  # (blocks, regions)
        error = at_best.std(axis=0, ddof=1) * np.sqrt(len(at_best))
        best = np.where(-at_best.sum(axis=0) > error, best, 0)
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
    losses = 0  # (shares, weights, regions)
    for trials, *gains in pairs:
        first, second = (gain.cpu().numpy() for gain in gains)
        mixtures = [first + share * (second - first) for share in shares]
        losses = losses + np.array(
            [[shrunk_loss(gain, counts[trials], psth, w) for w in weights] for gain in mixtures]
        )
    return torch.as_tensor(shares[losses.min(axis=1).argmin(axis=0)])
