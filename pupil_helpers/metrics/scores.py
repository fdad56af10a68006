"""How good is a prediction, region by region?

Every score takes (trials, bins, regions) arrays in the same unit (counts per bin) and returns
one number per region. Regions are never pooled: :func:`flattened_r2` shows why. Scores of
squared error smooth counts and prediction with the same kernel, in this book
:func:`evaluation_kernel(bin_size) <pupil_helpers.signals.rates.evaluation_kernel>`;
``kernel=None`` stands for raw counts. Poisson scores always use raw counts.

Each score is a function of a few sums over trials. Keeping those sums per trial turns the block
bootstrap (:func:`bootstrap_ci`) into one matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from ..signals.rates import Kernel, as_trials
from .sums import SCORES, centred, prepare, ratio, trial_sums


def psth(counts) -> np.ndarray:
    """Peri-stimulus time histogram: the mean over trials, (bins, regions).

    Take it from training trials only when it serves as a prediction.
    """
    return as_trials(counts, "counts").mean(0)


def r2(counts, predicted, kernel: Kernel | None) -> np.ndarray:
    """Share of variance explained, over all trials and bins given.

    ``1 - sum((y - p)**2) / sum((y - mean(y))**2)`` per region, with ``y`` and ``p`` the smoothed
    counts and prediction. 0 is as good as the constant mean of the trials given, which no
    prediction can know: an honest constant scores a little below 0.

    Parameters
    ----------
    counts : array_like, (trials, bins, regions)
        Observed counts of the test trials.
    predicted : array_like, (trials, bins, regions) or (bins, regions)
        Expected counts; a (bins, regions) array, such as a PSTH, is used for every trial.
    kernel : Kernel or None
        Smoothing of both; None for raw counts.

    Returns
    -------
    ndarray, (regions,)
        At most 1; NaN where the counts do not vary.

    Raises
    ------
    ValueError
        If shapes differ or values are missing.
    """
    return _score("r2", counts, predicted, None, kernel)


def psth_relative(counts, predicted, psth_prediction, kernel: Kernel | None) -> np.ndarray:
    """The headline score: how much of the PSTH's squared error the model removes.

    ``1 - SSE_model / SSE_PSTH``: 1 is perfect, 0 is no better than predicting every trial by
    the training trials' average, below 0 is worse.

    Parameters
    ----------
    counts, predicted, kernel
        As in :func:`r2`.
    psth_prediction : array_like, (bins, regions) or (trials, bins, regions)
        PSTH of the *training* trials (see :func:`psth`); with several folds, one per test trial.
    """
    return _score("psth_relative", counts, predicted, psth_prediction, kernel)


def r2_difference(counts, predicted, other, kernel: Kernel | None) -> np.ndarray:
    """R² of ``predicted`` less R² of ``other``, for two predictions of the same trials.

    With ``other`` from a model that was fitted without one pupil channel, this is that channel's
    unique contribution (Musall et al. 2019, doi:10.1038/s41593-019-0502-4).

    Parameters
    ----------
    counts, predicted, kernel
        As in :func:`r2`.
    other : array_like, (trials, bins, regions) or (bins, regions)
        Expected counts of the other model.
    """
    return _score("r2_difference", counts, predicted, other, kernel)


def bits_per_spike(counts, predicted, null=None) -> np.ndarray:
    """Poisson log-likelihood gained over a null model, in bits per spike, on raw counts.

    ``(NLL_null - NLL_model) / (spikes * ln 2)``, the definition of the Neural Latents Benchmark
    (Pei et al. 2021, arXiv:2109.04463; ``nlb_tools.evaluation.bits_per_spike``). Their null is
    each column's mean over the trials and bins *evaluated*, the default here; as there, a
    predicted rate of exactly 0 counts as 1e-9.

    Parameters
    ----------
    counts, predicted : array_like
        As in :func:`r2`.
    null : array_like, (regions,), (bins, regions) or (trials, bins, regions), optional
        Other null rates, for example the training mean or PSTH.

    Returns
    -------
    ndarray, (regions,)
        NaN where there are no spikes.

    Raises
    ------
    ValueError
        If a predicted rate is negative: clip it at a small positive rate first.
    """
    return _score("bits_per_spike", counts, predicted, null)


def poisson_d2(counts, predicted) -> np.ndarray:
    """Share of Poisson deviance explained, on raw counts.

    ``1 - D(y, p) / D(y, mean(y))``; scikit-learn's ``d2_tweedie_score(power=1)`` per region.
    Arguments, and what is refused, as in :func:`bits_per_spike`.
    """
    return _score("poisson_d2", counts, predicted)


def trial_r2(counts, predicted, kernel: Kernel | None) -> np.ndarray:
    """R² within each trial, around that trial's own mean, (trials, regions).

    Arguments as in :func:`r2`. NaN in trials whose smoothed counts do not vary.
    """
    counts, predicted = prepare(kernel, counts, predicted)
    error = ((counts - predicted) ** 2).sum(1)  # (trials, regions)
    total = (centred(counts, 1) ** 2).sum(1)
    return 1 - ratio(error, total)


def median_trial_r2(counts, predicted, kernel: Kernel | None) -> np.ndarray:
    """Median over trials of :func:`trial_r2`: does the model follow the time course of a trial?"""
    return pd.DataFrame(trial_r2(counts, predicted, kernel)).median().to_numpy()  # skips NaN


def flattened_r2(counts, predicted, kernel: Kernel | None) -> float:
    """R² with all regions thrown together. A trap: do not report it.

    Regions differ in mean rate, and the difference counts as variance to explain. Predicting one
    constant per region, with no knowledge of the pupil at all, then scores high. Arguments as in
    :func:`r2`.
    """
    counts, predicted = (y.reshape(len(y), -1, 1) for y in prepare(kernel, counts, predicted))
    return float(r2(counts, predicted, None)[0])


def _score(metric, counts, predicted, reference=None, kernel=None) -> np.ndarray:
    sums = trial_sums(metric, counts, predicted, reference, kernel)
    return SCORES[metric][1]({name: values.sum(0) for name, values in sums.items()})


class Interval(NamedTuple):
    """Lower and upper end of a confidence interval, each (regions,)."""

    low: np.ndarray
    high: np.ndarray


def bootstrap_ci(
    counts,
    predicted,
    reference=None,
    metric: str = "psth_relative",
    *,
    kernel: Kernel | None,
    n_boot: int = 1000,
    block: int = 15,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Confidence interval of a score, by resampling contiguous blocks of test trials.

    Blocks keep neighbouring trials together, because they are not independent (circular block
    bootstrap: Politis & Romano 1992). The interval is score ± t × bootstrap standard error, with
    one degree of freedom less than there are blocks: plain bootstrap percentiles are too narrow
    when blocks are few (Hesterberg 2015, doi:10.1080/00031305.2015.1089789). It holds for the
    predictions given; it does not include the luck of the training trials.

    Parameters
    ----------
    counts, predicted, reference, kernel
        As in the score named by ``metric``; ``reference`` is the PSTH prediction, the other
        model or the null rates where the score takes one, and Poisson scores take no notice of
        ``kernel``. Predictions from all folds can be joined in order of trials.
    metric : {"psth_relative", "r2", "r2_difference", "bits_per_spike", "poisson_d2"}
        Which score.
    n_boot : int, default 1000
        Resamples.
    block : int, default 15
        Trials per block; at most a fifth of the trials is used. Take longer blocks where the
        error drifts over more than a few trials.
    level : float, default 0.95
        Coverage aimed at.
    seed : int, default 0
        Seed of the resampling.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If there are fewer than 10 trials or 2 resamples, ``level`` is not between 0 and 1, or
        as the score raises.
    """
    sums = trial_sums(metric, counts, predicted, reference, kernel)
    finish = SCORES[metric][1]
    n_trials = len(sums["n"])
    if n_trials < 10:
        raise ValueError(
            f"{n_trials} trials are too few for a confidence interval; use 10 or more."
        )
    if n_boot < 2 or not 0 < level < 1:
        raise ValueError(f"got n_boot {n_boot} and level {level}; use 2 or more, and 0 to 1.")
    block = max(1, min(block, n_trials // 5))
    n_blocks = n_trials / block
    draws = np.random.default_rng(seed).integers(n_trials, size=(n_boot, int(np.ceil(n_blocks))))
    drawn = (draws[:, :, None] + np.arange(block)) % n_trials  # (n_boot, blocks, block)
    drawn = drawn.reshape(n_boot, -1)[:, :n_trials] + n_trials * np.arange(n_boot)[:, None]
    times = np.bincount(drawn.ravel(), minlength=n_boot * n_trials).reshape(n_boot, n_trials)
    error = finish({name: times @ values for name, values in sums.items()}).std(0)  # (regions,)
    score = finish({name: values.sum(0) for name, values in sums.items()})
    reach = student_t.ppf((1 + level) / 2, n_blocks - 1) * np.sqrt(n_blocks / (n_blocks - 1))
    return Interval(score - reach * error, score + reach * error)


def hierarchical_ci(scores, animals, level: float = 0.95) -> Interval:
    """Confidence interval of the mean score over animals, from several sessions per animal.

    Sessions of one animal are not independent, so each animal is averaged first and the
    animals are the sample: a t interval over animal means. (A bootstrap that resamples animals
    with all their sessions estimates the same standard error; resampling sessions as well
    counts the variance between them twice. Davison & Hinkley 1997, section 3.8.)

    Parameters
    ----------
    scores : array_like, (sessions,) or (sessions, regions)
        One score per session; NaN where a region was not recorded.
    animals : array_like, (sessions,)
        Which animal each session is from.
    level : float, default 0.95
        Coverage aimed at.

    Returns
    -------
    Interval
        NaN for regions seen in fewer than two animals.

    Raises
    ------
    ValueError
        If there is not one animal per session.
    """
    scores, animals = np.asarray(scores, dtype=float), np.asarray(animals)
    if scores.ndim not in (1, 2) or animals.shape != scores.shape[:1]:
        raise ValueError(
            f"scores has shape {scores.shape} and animals {animals.shape}; "
            "give one row of scores and one animal per session."
        )
    means = pd.DataFrame(scores).groupby(animals).mean()  # (animals, regions), NaN skipped
    mean, error = means.mean().to_numpy(), means.sem().to_numpy()
    reach = student_t.ppf((1 + level) / 2, means.count() - 1) * error
    low, high = mean - reach, mean + reach
    return Interval(low, high) if scores.ndim == 2 else Interval(low[0], high[0])
