"""Know when not to predict: how far to trust a model, region by region."""

from __future__ import annotations

import numpy as np

from .lags import TINY


def shrunk_loss(gain, counts, baseline, weight) -> np.ndarray:
    """Poisson loss of ``baseline * (1 + weight * (gain - 1))`` relative to the baseline's.

    ``gain`` and ``counts`` are (trials, bins, regions), ``baseline`` (bins, regions); returns
    the sum over trials and bins, (regions,). Below 0 is better than the baseline.
    """
    shrunk = 1 + weight * (gain - 1)
    loss = baseline * (shrunk - 1) - counts * np.log(np.maximum(shrunk, TINY))
    return loss.sum(axis=(0, 1))


def trust(gains, counts, baseline, blocks, n_weights: int = 21) -> np.ndarray:
    """Weight of the model against the baseline in each region, from left-out blocks.

    The weight between 0 and 1 that would have predicted the left-out blocks best; 0 if that
    best is not better than the baseline by at least one standard error over blocks.

    Parameters
    ----------
    gains : ndarray, (members, trials, bins, regions)
        Gain on the baseline predicted by each member for every training trial.
    counts : ndarray, (trials, bins, regions)
    baseline : ndarray, (bins, regions)
    blocks : sequence of Split, (members,)
        ``blocks[m].test`` are the trials that member ``m`` has not learned from.
    n_weights : int, default 21
        Weights tried, evenly spaced.

    Returns
    -------
    ndarray, (regions,)
    """
    weights = np.linspace(0, 1, n_weights)
    members_of = {}
    for member, block in enumerate(blocks):
        members_of.setdefault(block.test[0], []).append(member)
    losses = []
    for members in members_of.values():
        trials = blocks[members[0]].test
        gain = gains[members][:, trials].mean(axis=0)  # (held-out trials, bins, regions)
        losses.append([shrunk_loss(gain, counts[trials], baseline, w) for w in weights])
    losses = np.array(losses)  # (blocks, weights, regions)
    best = losses.sum(axis=0).argmin(axis=0)  # (regions,)
    if len(losses) > 1:
        at_best = losses[:, best, np.arange(len(best))]  # (blocks, regions)
        error = at_best.std(axis=0, ddof=1) * np.sqrt(len(at_best))
        best = np.where(-at_best.sum(axis=0) > error, best, 0)
    return weights[best]
