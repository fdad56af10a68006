"""How good is a prediction, region by region?

Every score takes (trials, bins, regions) arrays in the same unit (counts per bin) and returns
one number per region. Regions are never pooled: :func:`flattened_r2` shows why. Scores of
squared error smooth counts and prediction with the same kernel, by default
:data:`~pupil_helpers.smoothing.EVALUATION_KERNEL`; pass ``kernel=None`` for raw counts.
Poisson scores use raw counts.

Each score is a function of a few sums over trials. Keeping those sums per trial turns the block
bootstrap (:func:`bootstrap_ci`) into one matrix product.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from .smoothing import EVALUATION_KERNEL, Kernel, as_trials, smooth

TINY_RATE = 1e-9  # what nlb_tools puts in place of a predicted rate of zero


def psth(counts) -> np.ndarray:
    """Peri-stimulus time histogram: the mean over trials, (bins, regions).

    Take it from training trials only when it serves as a prediction.
    """
    return as_trials(counts, "counts").mean(0)


def r2(counts, predicted, kernel: Kernel | None = EVALUATION_KERNEL) -> np.ndarray:
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
        Smoothing of both.

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


def psth_relative(
    counts, predicted, psth_prediction, kernel: Kernel | None = EVALUATION_KERNEL
) -> np.ndarray:
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


def r2_gain(counts, predicted, reference, kernel: Kernel | None = EVALUATION_KERNEL) -> np.ndarray:
    """Difference in R² between two predictions of the same trials.

    With ``reference`` from a model that was fitted without one pupil channel, this is that
    channel's unique contribution (Musall et al. 2019, doi:10.1038/s41593-019-0502-4).
    """
    return _score("r2_gain", counts, predicted, reference, kernel)


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
    """
    return _score("poisson_d2", counts, predicted)


def trial_r2(counts, predicted, kernel: Kernel | None = EVALUATION_KERNEL) -> np.ndarray:
    """R² within each trial, around that trial's own mean, (trials, regions).

    NaN in trials whose smoothed counts do not vary.
    """
    counts, predicted = _prepare(kernel, counts, predicted)
    error = ((counts - predicted) ** 2).sum(1)  # (trials, regions)
    total = ((counts - counts.mean(1, keepdims=True)) ** 2).sum(1)
    return 1 - _ratio(error, total)


def median_trial_r2(counts, predicted, kernel: Kernel | None = EVALUATION_KERNEL) -> np.ndarray:
    """Median over trials of :func:`trial_r2`: does the model follow the time course of a trial?"""
    values = trial_r2(counts, predicted, kernel)
    empty = np.isnan(values).all(0)
    return np.where(empty, np.nan, np.nanmedian(np.where(empty, 0, values), axis=0))


def flattened_r2(counts, predicted, kernel: Kernel | None = EVALUATION_KERNEL) -> float:
    """R² with all regions thrown together. A trap: do not report it.

    Regions differ in mean rate, and the difference counts as variance to explain. Predicting one
    constant per region, with no knowledge of the pupil at all, then scores high.
    """
    counts, predicted = _prepare(kernel, counts, predicted)
    return float(
        1 - _ratio(((counts - predicted) ** 2).sum(), ((counts - counts.mean()) ** 2).sum())
    )


# -- scores as sums over trials -------------------------------------------------------------


def _prepare(kernel, counts, *predictions) -> list[np.ndarray]:
    """Check all arrays against the counts, give predictions every trial, smooth all alike."""
    counts = as_trials(counts, "counts").astype(float)
    arrays = [counts]
    for values in predictions:
        values = np.asarray(values, dtype=float)
        if values.shape not in (counts.shape, counts.shape[1:], counts.shape[2:]):
            raise ValueError(
                f"a prediction has shape {values.shape} but counts has {counts.shape}; "
                "give one value per trial, bin and region, or per bin and region."
            )
        arrays.append(as_trials(np.broadcast_to(values, counts.shape), "a prediction"))
    return arrays if kernel is None else [smooth(values, kernel) for values in arrays]


def _ratio(a, b):
    """a / b, NaN where b is not above 0."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    return np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)


def _squared_sums(kernel, counts, *predictions) -> dict[str, np.ndarray]:
    """Per trial and region: squared errors and what the total sum of squares needs."""
    y, *predictions = _prepare(kernel, counts, *predictions)
    z = y - y.mean((0, 1))  # around a fixed point near the mean, so that nothing cancels
    sums = {"z": z.sum(1), "zz": (z**2).sum(1), "n": np.full_like(z[:, 0], z.shape[1])}
    for name, p in zip(("error", "reference"), predictions, strict=False):
        sums[name] = ((y - p) ** 2).sum(1)  # (trials, regions)
    return sums


def _total(s):
    return np.maximum(s["zz"] - s["z"] ** 2 / s["n"], 0)


def _poisson_sums(_, counts, *predictions) -> dict[str, np.ndarray]:
    """Per trial and region: log-likelihoods, without log(y!), which cancels in differences."""
    y, *predictions = _prepare(None, counts, *predictions)
    if (y < 0).any() or any((p < 0).any() for p in predictions):
        raise ValueError("counts and predicted rates must be >= 0; clip rates, e.g. at 1e-3.")
    sums = {"spikes": y.sum(1), "n": np.full_like(y[:, 0], y.shape[1])}
    sums["saturated"] = (xlogy(y, y) - y).sum(1)
    for name, p in zip(("model", "null"), predictions, strict=False):
        p = np.where(p == 0, TINY_RATE, p)
        sums[name] = (xlogy(y, p) - p).sum(1)  # (trials, regions)
    return sums


def _null(s):
    """Log-likelihood of the null: as given, or the constant mean of the counts evaluated."""
    return s["null"] if "null" in s else xlogy(s["spikes"], s["spikes"] / s["n"]) - s["spikes"]


SCORES = {
    "r2": (_squared_sums, lambda s: 1 - _ratio(s["error"], _total(s))),
    "psth_relative": (_squared_sums, lambda s: 1 - _ratio(s["error"], s["reference"])),
    "r2_gain": (_squared_sums, lambda s: _ratio(s["reference"] - s["error"], _total(s))),
    "bits_per_spike": (
        _poisson_sums,
        lambda s: _ratio(s["model"] - _null(s), s["spikes"] * np.log(2)),
    ),
    "poisson_d2": (
        _poisson_sums,
        lambda s: 1 - _ratio(s["saturated"] - s["model"], s["saturated"] - _null(s)),
    ),
}
"""Scores that :func:`bootstrap_ci` knows: how to sum over a trial, how to finish."""


def _trial_sums(metric, counts, predicted, reference, kernel) -> dict[str, np.ndarray]:
    if metric not in SCORES:
        raise ValueError(f"no metric {metric!r}; choose from {', '.join(SCORES)}.")
    if reference is None and metric in ("psth_relative", "r2_gain"):
        raise ValueError(f"{metric} compares two predictions; give the reference prediction too.")
    predictions = [predicted] if reference is None else [predicted, reference]
    return SCORES[metric][0](kernel, counts, *predictions)


def _score(metric, counts, predicted, reference=None, kernel=None) -> np.ndarray:
    sums = _trial_sums(metric, counts, predicted, reference, kernel)
    return SCORES[metric][1]({name: values.sum(0) for name, values in sums.items()})
