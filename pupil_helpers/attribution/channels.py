"""What does each pupil channel contribute? Answers from predictions alone, without gradients.

They work for every model with ``predict``: a ridge regression as well as a network. Three
questions that are easily mistaken for one another:

- :func:`contributions`: how does the channel move *this model's prediction*?
- :func:`permutation_importance`: how much worse does this model score if the channel is wrong?
- :func:`unique_contributions`: how much worse does a model score that was *fitted without* the
  channel? Only here can the other channels take over what they share with it.

Samples that are missing (NaN) stay missing in every pupil that the model is shown: how to fill
them is the model's business, and does not depend on which trials are explained together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from math import factorial

import numpy as np

from ..checks import check_pupil
from ..evaluation.cross_validation import fit_fold
from ..metrics.scores import r2_difference
from ..models.base import TINY
from ..session import CHANNELS
from ..signals.pupil import fill_missing
from ..signals.rates import evaluation_kernel

N = len(CHANNELS)
SUBSETS = list(product((False, True), repeat=N))  # which channels have gone ahead


def contributions(model, pupil, reference=None, n_steps: int = 1, log: bool = True) -> np.ndarray:
    """Share out the prediction in every bin among the channels.

    The pupil is moved from the reference to the recording in ``n_steps`` equal steps. In each
    step the channels move one after the other, and to each is attributed the change in the
    prediction when it moves, averaged over all orders: Shapley values (1953). With one step
    these are the Shapley values of whole channels; with many steps they become Integrated
    Gradients, summed over each channel (Aumann & Shapley 1974). The attributions of the channels
    sum to the prediction minus the reference's, exactly, with any number of steps.

    Parameters
    ----------
    model : object with ``predict``
        Fitted.
    pupil : array_like, (trials, bins, 3)
        Missing samples (NaN) stay missing along the way.
    reference : array_like, broadcastable to pupil, optional
        Where the path starts; by default each channel's mean over ``pupil``.
    n_steps : int, default 1
        Each costs 7 predictions.
    log : bool, default True
        Share out the logarithm of the expected counts, in which influences that multiply add up.

    Returns
    -------
    ndarray of float64, (trials, bins, regions, 3)

    Raises
    ------
    ValueError
        If the reference has missing values or does not fit, or ``n_steps`` is less than 1.
    """
    at_least_one("n_steps", n_steps)
    pupil = check_pupil(pupil)
    start = spread_reference(reference, fill_missing(pupil))

    def output(places):  # one place on the way per channel, from 0 to 1
        moved = start + np.asarray(places, np.float32) * (pupil - start)  # NaN stays NaN
        return _output(model, moved, log)

    attributions = 0.0
    here = output(np.zeros(N))
    for step in range(n_steps):
        ahead = {subset: output((step + np.array(subset)) / n_steps) for subset in SUBSETS[1:]}
        ahead[SUBSETS[0]] = here
        attributions = attributions + shapley(ahead)
        here = ahead[SUBSETS[-1]]
    return attributions


def spread_reference(reference, filled: np.ndarray) -> np.ndarray:
    """The reference as a whole pupil, or what is wrong with it.

    Parameters
    ----------
    reference : array_like, broadcastable to filled, or None
        None: each channel's mean over ``filled``, an eye that is average and still.
    filled : ndarray, (trials, bins, 3)
        Pupil without gaps.

    Returns
    -------
    ndarray, as ``filled``
        A view that cannot be written to.
    """
    if reference is None:
        reference = filled.mean(axis=(0, 1))
    reference = np.asarray(reference, filled.dtype)
    try:
        reference = np.broadcast_to(reference, filled.shape)
    except ValueError:
        raise ValueError(
            f"reference has shape {reference.shape}, which cannot be spread over pupil's "
            f"{filled.shape}; give one value per channel, or a whole pupil"
        ) from None
    if not np.isfinite(reference).all():
        raise ValueError("reference has missing or infinite values; fill them first")
    return reference


def at_least_one(name: str, number: int) -> None:
    """Refuse ``number`` if it is below 1."""
    if number < 1:
        raise ValueError(f"{name} is {number}; give at least 1")


def _output(model, pupil, log: bool) -> np.ndarray:
    """Expected counts or their logarithms, float64 (trials, bins, regions)."""
    counts = np.asarray(model.predict(pupil), np.float64)
    return np.log(np.maximum(counts, TINY)) if log else counts


def shapley(values: dict) -> np.ndarray:
    """Shapley values, on a new last axis, of a game given by the value of every subset.

    Parameters
    ----------
    values : dict of tuple of bool to ndarray
        One value (of any shape) for each subset of the players.

    Returns
    -------
    ndarray, (..., players)
    """
    n_players = len(next(iter(values)))
    shares = [0.0] * n_players
    for subset, value in values.items():
        size = sum(subset)
        for player, inside in enumerate(subset):
            if inside:
                without = (*subset[:player], False, *subset[player + 1 :])
                weight = factorial(size - 1) * factorial(n_players - size) / factorial(n_players)
                shares[player] = shares[player] + weight * (value - values[without])
    return np.stack(shares, axis=-1)


def variance_share(attributions) -> np.ndarray:
    """Share of each channel in the variation of a prediction, (regions, 3).

    The variance of the channel's attribution over trials and bins, divided by the sum of the
    three variances: what ``Truth.channel_share`` is for the simulated mouse. 0 throughout in a
    region whose prediction does not depend on the pupil.

    Parameters
    ----------
    attributions : ndarray, (trials, bins, regions, 3) or (events, regions, 3)
        From :func:`contributions`, or ``LagProfile.by_channel``.
    """
    attributions = np.asarray(attributions)
    variance = attributions.reshape(-1, *attributions.shape[-2:]).var(axis=0)  # (regions, 3)
    total = variance.sum(axis=-1, keepdims=True)
    return variance / np.where(total > 0, total, 1.0)


def swap_trials(pupil, channel: int, rng: np.random.Generator) -> np.ndarray:
    """A copy of the pupil in which one channel comes from other trials, gaps included."""
    swapped = np.array(check_pupil(pupil))
    n_trials = len(swapped)
    if n_trials < 2:
        raise ValueError("one trial is too few to swap a channel between trials; give 2 or more")
    # A random cycle through all trials: every trial gets another one's channel.
    order = rng.permutation(n_trials)
    swapped[order, :, channel] = swapped[np.roll(order, 1), :, channel]
    return swapped


def permutation_importance(
    model, pupil, counts, metric: str = "psth_relative", n_repeats: int = 10, seed: int = 0
) -> np.ndarray:
    """How much a fitted model's held-out score drops when a channel comes from other trials.

    Nothing is fitted again (Breiman 2001, doi:10.1023/A:1010933404324).

    Parameters
    ----------
    model : Encoder
        Fitted.
    pupil, counts : array_like
        Trials that were not fitted.
    metric : str, default "psth_relative"
        As in :meth:`Encoder.score <pupil_helpers.models.base.Encoder.score>`, which smooths over
        100 ms of the model's own bins.
    n_repeats : int, default 10
        Random swaps per channel.
    seed : int, default 0

    Returns
    -------
    ndarray, (n_repeats, regions, 3)
        Score with the right channel minus score with the wrong one.
    """
    rng = np.random.default_rng(seed)
    score = model.score(pupil, counts, metric, per_region=True)  # (regions,)
    drops = np.empty((n_repeats, len(score), N))
    for repeat, channel in product(range(n_repeats), range(N)):
        swapped = swap_trials(pupil, channel, rng)
        drops[repeat, :, channel] = score - model.score(swapped, counts, metric, per_region=True)
    return drops


def occlusion(model, pupil, n_repeats: int = 10, log: bool = True, seed: int = 0) -> np.ndarray:
    """How far the prediction moves when a channel comes from other trials.

    Parameters
    ----------
    model : object with ``predict``
        Fitted.
    pupil : array_like, (trials, bins, 3)
    n_repeats, seed : int
        As in :func:`permutation_importance`; no counts are needed here.
    log : bool, default True
        Compare logarithms of the expected counts.

    Returns
    -------
    ndarray, (regions, 3)
        Half the mean squared change: in a model that adds up its channels, the variance of the
        channel's part. 0 for a channel that the model ignores.
    """
    rng = np.random.default_rng(seed)
    whole = _output(model, pupil, log)
    moved = np.zeros((whole.shape[-1], N))
    for _, channel in product(range(n_repeats), range(N)):
        changed = _output(model, swap_trials(pupil, channel, rng), log) - whole
        moved[:, channel] += (changed**2).mean(axis=(0, 1)) / (2 * n_repeats)
    return moved


def unique_contributions(
    make_model: Callable, pupil, counts, split, metric: Callable | None = None
) -> np.ndarray:
    """What each channel adds that the other two cannot: refit without it and compare.

    Parameters
    ----------
    make_model : callable
        ``make_model()`` returns an unfitted model that knows its bin size.
    pupil, counts : array_like
        All trials.
    split : Split
        Training and test trials; see :mod:`pupil_helpers.signals.splits`.
    metric : callable, optional
        ``metric(counts, with_channel, without_channel)`` → (regions,). By default the difference
        in R² (Musall et al. 2019, doi:10.1038/s41593-019-0502-4), smoothed over 100 ms of the
        model's bins: :func:`~pupil_helpers.metrics.scores.r2_difference`.

    Returns
    -------
    ndarray, (regions, 3)
    """
    pupil, counts = check_pupil(pupil), np.asarray(counts)
    whole = fit_fold(make_model(), pupil, counts, split)
    if metric is None:
        metric = partial(r2_difference, kernel=evaluation_kernel(whole.model.bin_size_))
    unique = []
    for channel in np.eye(N, dtype=bool):
        hidden = np.where(channel, np.nan, pupil)  # as if it had not been recorded
        without = fit_fold(make_model(), hidden, counts, split)
        unique.append(metric(counts[split.test], whole.predicted, without.predicted))
    return np.stack(unique, axis=-1)
