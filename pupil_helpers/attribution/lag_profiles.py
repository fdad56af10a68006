"""How long before or after the pupil do the neurons follow? Attributions, lined up by lag.

Lags are positive where the pupil's past counts, so that neurons follow the pupil. Two ways that
complement one another: :func:`lag_profile` asks the gradients, and suits channels that jump;
:func:`lag_correlation` needs predictions only, and serves the slow area too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..checks import check_pupil
from ..signals.pupil import fill_missing
from .channels import at_least_one
from .gradients import as_module, integrated_gradients


@dataclass
class LagProfile:
    """Attributions by lag between the pupil and the explained bin.

    Attributes
    ----------
    lags : ndarray, (lags,)
        Seconds; positive where it is the pupil's past that counts.
    values : ndarray, (lags, regions, 3)
        Attribution of levels per unit of distance from the reference: the weights, if the model
        were a weighted sum. Fitted to the explained bins by least squares.
    changes : ndarray, (lags, regions, 3)
        Attribution of changes per unit of change in either direction: total attribution over
        total change.
    by_channel : ndarray, (events, regions, 3)
        Attribution of each channel for every explained bin, summed over all lags.
    completeness_error : ndarray, (regions,)
        As in :class:`~pupil_helpers.attribution.gradients.Attribution`, averaged over draws.
    """

    lags: np.ndarray
    values: np.ndarray
    changes: np.ndarray
    by_channel: np.ndarray
    completeness_error: np.ndarray

    def peak_lag(self, width: int = 5) -> np.ndarray:
        """Lag in seconds at which changes get most attribution, of either sign, (regions, 3).

        The profile is averaged over ``width`` bins first. For x and y, which jump: where within
        its slow waves the area's attribution goes is up to the network, and
        :func:`lag_correlation` finds its lag better. NaN where nothing is attributed.
        """
        return _peak(self.lags, uniform_filter1d(self.changes, width, axis=0))


def lag_profile(
    model,
    pupil,
    regions=None,
    reach=(-0.5, 0.8),
    n_draws: int = 2,
    reference=None,
    n_steps: int = 32,
    log: bool = True,
    bin_size: float | None = None,
    seed: int = 0,
) -> LagProfile:
    """How much the prediction owes to the pupil so many seconds before (or after).

    Explains one random bin of every trial, ``n_draws`` times. A bin's output depends on its own
    trial only, so that one backward pass serves all trials, each with a target of its own.

    Parameters
    ----------
    model, pupil, regions, reference, log
        As in :func:`~pupil_helpers.attribution.gradients.integrated_gradients`.
    reach : (float, float), default (-0.5, 0.8)
        Smallest and largest lag in seconds. Explained bins are far enough from the trial's ends
        for all lags to lie within it.
    n_draws : int, default 2
        Bins explained in each trial.
    n_steps : int, default 32
        Fewer than for a single trial, because errors average out over the explained bins.
    bin_size : float, optional
        Seconds; by default the fitted model's own. An ``nn.Module`` does not know it.
    seed : int, default 0

    Returns
    -------
    LagProfile

    Raises
    ------
    ValueError
        If the trials are too short for the lags, or ``bin_size`` is not known.
    """
    at_least_one("n_draws", n_draws)
    net = as_module(model)
    bin_size = getattr(model, "bin_size_", None) if bin_size is None else bin_size
    if bin_size is None:
        raise ValueError("an nn.Module does not know how long a bin is; give bin_size in seconds")
    n_trials, n_bins = check_pupil(pupil).shape[:2]
    lags = _lags_in_bins(reach, bin_size)
    first, last = max(lags[-1:].max(initial=0), 0), n_bins - 1 + min(lags[:1].min(initial=0), 0)
    if not len(lags) or first > last:
        raise ValueError(
            f"reach is {reach} s, but trials last {n_bins * bin_size:g} s; give lags from low to "
            "high that fit into a trial together"
        )
    rng = np.random.default_rng(seed)
    draws, errors = [], []
    for _ in range(n_draws):
        bins = rng.integers(first, last + 1, n_trials)
        part = integrated_gradients(net, pupil, regions, bins, reference, n_steps, None, log)
        moved = np.diff(part.distance, axis=1, prepend=0)
        at = (np.arange(n_trials)[:, None], bins[:, None] - lags)  # each (trials, lags)
        by_lag = part.values[at], part.changes[at], part.distance[at], moved[at]
        draws.append((*by_lag, part.by_channel))
        errors.append(part.completeness_error)
    values, changes, distance, moved, by_channel = map(np.concatenate, zip(*draws, strict=True))
    distance, moved = distance[:, :, None], np.abs(moved)[:, :, None]  # (events, lags, 1, 3)
    values = (values * distance).sum(axis=0) / np.maximum((distance**2).sum(axis=0), 1e-12)
    changes = changes.sum(axis=0) / np.maximum(moved.sum(axis=0), 1e-12)
    return LagProfile(lags * bin_size, values, changes, by_channel, np.mean(errors, axis=0))


def _lags_in_bins(reach, bin_size: float) -> np.ndarray:
    return np.arange(round(reach[0] / bin_size), round(reach[1] / bin_size) + 1)


class LagCorrelation(NamedTuple):
    """Lags in seconds (lags,) and correlations (lags, regions, 3)."""

    lags: np.ndarray
    correlation: np.ndarray

    @property
    def peak(self) -> np.ndarray:
        """Lag of the strongest correlation, (regions, 3)."""
        return _peak(self.lags, self.correlation)


def _peak(lags, curves) -> np.ndarray:
    """The lag at which curves (lags, …) are farthest from 0; NaN where they are 0 throughout."""
    return np.where(curves.any(axis=0), lags[np.abs(curves).argmax(axis=0)], np.nan)


def lag_correlation(attributions, pupil, reach=(-0.5, 0.8), *, bin_size: float) -> LagCorrelation:
    """How long after the pupil moves does a channel's attribution follow?

    Correlates each channel's attribution with what the channel did earlier (positive lags) or
    later (negative): the level of the area, and the speed of x and y. Both around the mean of
    their stretch of the trial, so that slow differences between trials do not blur the lag. It
    serves slow channels too, about whose lag :func:`lag_profile` says little.

    Parameters
    ----------
    attributions : ndarray, (trials, bins, regions, 3)
        From :func:`~pupil_helpers.attribution.channels.contributions`.
    pupil : array_like, (trials, bins, 3)
        Of the same trials.
    reach : (float, float), default (-0.5, 0.8)
        Smallest and largest lag in seconds.
    bin_size : float
        Seconds.

    Returns
    -------
    LagCorrelation
        Correlation 0 and peak NaN where nothing is attributed to a channel.

    Raises
    ------
    ValueError
        If the arrays are not of the same trials, or too short for the lags.
    """
    later, filled = np.asarray(attributions, dtype=np.float64), fill_missing(check_pupil(pupil))
    n_bins = filled.shape[1]
    if later.ndim != 4 or later.shape[:2] != filled.shape[:2]:
        raise ValueError(
            f"attributions has shape {later.shape} and pupil {filled.shape}; give the "
            "contributions for the same trials and bins"
        )
    lags = _lags_in_bins(reach, bin_size)
    if not len(lags) or np.abs(lags).max() > n_bins - 2:
        raise ValueError(
            f"reach is {reach} s, but trials last {n_bins * bin_size:g} s; give lags from low to "
            "high that fit into a trial"
        )
    speed = np.abs(np.gradient(filled, axis=1))
    earlier = np.stack([filled[..., 0], speed[..., 1], speed[..., 2]], axis=-1)[:, :, None]
    # (regions, 3, trials, bins): sums over the last axis are quick.
    later, earlier = (a.transpose(2, 3, 0, 1).astype(float, "C") for a in (later, earlier))
    correlation = []
    for lag in lags:  # both are cut to the bins that overlap
        after = later[..., max(lag, 0) : n_bins + min(lag, 0)]
        before = earlier[..., max(-lag, 0) : n_bins - max(lag, 0)]
        correlation.append(_correlate(after, before))
    return LagCorrelation(lags * bin_size, np.stack(correlation))


def _correlate(one, other) -> np.ndarray:
    """Pearson's correlation over trials and bins, each around its trial's mean, (regions, 3)."""
    one, other = (a - a.mean(axis=-1, keepdims=True) for a in (one, other))
    dot = partial(np.einsum, "...tb,...tb")  # broadcasts, and needs no array of products
    scale = np.sqrt(dot(one, one) * dot(other, other))
    return dot(one, other) / np.where(scale > 1e-12, scale, np.inf)
