"""What does each pupil channel contribute? Answers from predictions alone, without gradients.

They work for every model with ``predict``: a ridge regression as well as a network. Three
questions that are easily mistaken for one another:

- :func:`contributions`: how does the channel move *this model's prediction*?
- :func:`permutation_importance`: how much worse does this model score if the channel is wrong?
- :func:`unique_contributions`: how much worse does a model score that was *fitted without* the
  channel? Only here can the other channels take over what they share with it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import factorial
from typing import NamedTuple

import numpy as np

from ..metrics.scores import r2_gain
from ..models.lags import TINY
from ..session import CHANNELS
from ..signals.pupil import check_pupil, fill_missing

N = len(CHANNELS)
SUBSETS = list(product((False, True), repeat=N))  # which channels have gone ahead


def contributions(model, pupil, baseline=None, n_steps: int = 1, log: bool = True) -> np.ndarray:
    """Share out the prediction in every bin among the channels.

    The pupil is moved from the baseline to the recording in ``n_steps`` equal steps. In each
    step the channels move one after the other, and each is credited with the change in the
    prediction when it moves, averaged over all orders: Shapley values (1953). With one step
    these are the Shapley values of whole channels; with many steps they become Integrated
    Gradients, summed over each channel (Aumann & Shapley 1974). The credits of the channels sum
    to the prediction minus the baseline's, exactly, with any number of steps.

    Parameters
    ----------
    model : object with ``predict``
        Fitted.
    pupil : array_like, (trials, bins, 3)
        Missing samples (NaN) stay missing along the way.
    baseline : array_like, broadcastable to pupil, optional
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
        If the baseline has missing values or does not fit, or ``n_steps`` is less than 1.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps is {n_steps}; give at least 1")
    pupil = check_pupil(pupil)
    filled = fill_missing(pupil)
    start = filled.mean(axis=(0, 1)) if baseline is None else np.asarray(baseline, np.float32)
    try:
        start = np.broadcast_to(start, pupil.shape)
    except ValueError:
        raise ValueError(
            f"baseline has shape {start.shape}, which cannot be spread over pupil's {pupil.shape}; "
            "give one value per channel, or a whole pupil"
        ) from None
    if not np.isfinite(start).all():
        raise ValueError("baseline has missing or infinite values; fill them first")

    def output(places):  # one place on the way per channel, from 0 to 1
        moved = start + np.asarray(places, np.float32) * (filled - start)
        counts = model.predict(np.where(np.isnan(pupil), np.nan, moved))
        return np.log(np.maximum(counts, TINY)) if log else np.asarray(counts, np.float64)

    credit = 0.0
    here = output(np.zeros(N))
    for step in range(n_steps):
        ahead = {subset: output((step + np.array(subset)) / n_steps) for subset in SUBSETS[1:]}
        ahead[SUBSETS[0]] = here
        credit = credit + shapley(ahead)
        here = ahead[SUBSETS[-1]]
    return credit


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
    credit = [0.0] * n_players
    for subset, value in values.items():
        size = sum(subset)
        for player, inside in enumerate(subset):
            if inside:
                without = (*subset[:player], False, *subset[player + 1 :])
                weight = factorial(size - 1) * factorial(n_players - size) / factorial(n_players)
                credit[player] = credit[player] + weight * (value - values[without])
    return np.stack(credit, axis=-1)


def variance_share(credit) -> np.ndarray:
    """Share of each channel in the variation of a prediction, (regions, 3).

    The variance of the channel's credit over trials and bins, divided by the sum of the three
    variances: what ``Truth.channel_share`` is for the simulated mouse. 0 throughout in a region
    whose prediction does not depend on the pupil.

    Parameters
    ----------
    credit : ndarray, (trials, bins, regions, 3) or (events, regions, 3)
        From :func:`contributions`, or ``LagProfile.by_channel``.
    """
    credit = np.asarray(credit)
    variance = credit.reshape(-1, *credit.shape[-2:]).var(axis=0)  # (regions, 3)
    total = variance.sum(axis=-1, keepdims=True)
    return variance / np.where(total > 0, total, 1.0)


class LagCorrelation(NamedTuple):
    """Lags in seconds (lags,), correlations (lags, regions, 3) and the lag of the strongest
    (regions, 3)."""

    lags: np.ndarray
    correlation: np.ndarray
    peak: np.ndarray


def lag_correlation(credit, pupil, reach=(-0.5, 0.8), bin_size: float = 0.01) -> LagCorrelation:
    """How long after the pupil moves does a channel's credit follow?

    Correlates each channel's credit with what the channel did earlier (positive lags) or
    later (negative): the level of the area, and the speed of x and y. Both around the mean of
    their stretch of the trial, so that slow differences between trials do not blur the lag. It
    serves slow channels too, whose credit by lag (:func:`pupil_helpers.attribution.gradients.lag_profile`)
    says little.

    Parameters
    ----------
    credit : ndarray, (trials, bins, regions, 3)
        From :func:`contributions`.
    pupil : array_like, (trials, bins, 3)
        Of the same trials.
    reach : (float, float), default (-0.5, 0.8)
        Smallest and largest lag in seconds.
    bin_size : float, default 0.01
        Seconds.

    Returns
    -------
    LagCorrelation
        Correlation 0 and peak NaN where a channel gets no credit.
    """
    credit, filled = np.asarray(credit, dtype=np.float64), fill_missing(check_pupil(pupil))
    n_bins = filled.shape[1]
    if credit.ndim != 4 or credit.shape[:2] != filled.shape[:2]:
        raise ValueError(
            f"credit has shape {credit.shape} and pupil {filled.shape}; give the contributions "
            "for the same trials and bins"
        )
    lags = np.arange(round(reach[0] / bin_size), round(reach[1] / bin_size) + 1)
    if not len(lags) or np.abs(lags).max() > n_bins - 2:
        raise ValueError(
            f"reach is {reach} s, but trials last {n_bins * bin_size:g} s; give lags from low to "
            "high that fit into a trial"
        )
    speed = np.abs(np.gradient(filled, axis=1))
    signal = np.stack([filled[..., 0], speed[..., 1], speed[..., 2]], axis=-1)[:, :, None]
    signal = (signal - signal.mean(axis=1, keepdims=True)).astype(np.float64)
    credit = credit - credit.mean(axis=1, keepdims=True)
    # At each lag both are cut to the bins that overlap; FFTs and running sums do all lags at once.
    spectra = [np.fft.rfft(a, 2 * n_bins, axis=1) for a in (credit, signal)]
    product = np.fft.irfft((spectra[0] * spectra[1].conj()).sum(axis=0), axis=0)[lags]
    after, before = np.maximum(lags, 0), np.maximum(-lags, 0)
    size = (n_bins - np.abs(lags))[:, None, None]
    later = [_window(a, after, n_bins - before) for a in (credit, credit**2)]  # (T, lags, R, 3)
    earlier = [_window(a, before, n_bins - after) for a in (signal, signal**2)]
    product -= (later[0] * earlier[0]).sum(axis=0) / size
    power = [(square - total**2 / size).sum(axis=0) for total, square in (later, earlier)]
    scale = np.sqrt(np.maximum(power[0] * power[1], 0))
    correlation = product / np.where(scale > 1e-12, scale, np.inf)
    peak = lags[np.abs(correlation).argmax(axis=0)] * bin_size
    return LagCorrelation(lags * bin_size, correlation, np.where(correlation.any(0), peak, np.nan))


def _window(array, start, stop) -> np.ndarray:
    """Sums over bins from each of ``start`` up to ``stop``, (trials, windows, …)."""
    running = np.cumsum(np.insert(array, 0, 0, axis=1), axis=1)
    return running[:, stop] - running[:, start]


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
        Trials that were not fitted, as in :meth:`Encoder.fit <pupil_helpers.models.base.Encoder.fit>`.
    metric : str, default "psth_relative"
        As in :meth:`Encoder.score <pupil_helpers.models.base.Encoder.score>`.
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

    def output(pupil):
        counts = model.predict(pupil)
        return np.log(np.maximum(counts, TINY)) if log else counts

    whole = output(pupil)
    moved = np.zeros((whole.shape[-1], N))
    for _, channel in product(range(n_repeats), range(N)):
        changed = output(swap_trials(pupil, channel, rng)) - whole
        moved[:, channel] += (changed**2).mean(axis=(0, 1)) / (2 * n_repeats)
    return moved


def unique_contributions(make_model: Callable, pupil, counts, split, metric=r2_gain) -> np.ndarray:
    """What each channel adds that the other two cannot: refit without it and compare.

    Parameters
    ----------
    make_model : callable
        ``make_model()`` returns an unfitted model.
    pupil, counts : array_like
        All trials.
    split : Split
        Training and test trials; see :mod:`pupil_helpers.signals.splits`.
    metric : callable, default :func:`~pupil_helpers.metrics.scores.r2_gain`
        ``metric(counts, with_channel, without_channel)`` → (regions,). The default is a
        difference in R² (Musall et al. 2019, doi:10.1038/s41593-019-0502-4).

    Returns
    -------
    ndarray, (regions, 3)
    """
    pupil, counts = check_pupil(pupil), np.asarray(counts)
    train, test = split

    def predict(shown):
        return make_model().fit(shown[train], counts[train]).predict(shown[test])

    whole = predict(pupil)
    hidden = np.where(np.eye(N, dtype=bool)[:, None, None], np.nan, pupil)  # (3, T, B, 3)
    return np.stack([metric(counts[test], whole, predict(shown)) for shown in hidden], axis=-1)
