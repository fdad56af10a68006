"""Scores as sums over trials: the arithmetic behind :mod:`pupil_helpers.metrics.scores`.

A score is a pair of functions. The first gives, for every trial and region, the sums that the
score is made of; the second turns totals of those sums into the score. Any set of trials, such as
a bootstrap resample, can then be scored by adding up rows.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from ..signals.rates import as_trials, smooth

TINY_RATE = 1e-9  # what nlb_tools puts in place of a predicted rate of zero


def prepare(kernel, counts, *predictions) -> list[np.ndarray]:
    """Check all arrays against the counts, give predictions every trial, smooth all alike."""
    counts = as_trials(counts, "counts").astype(float)
    arrays = [counts]
    for values in predictions:
        values = np.asarray(values, dtype=float)
        if values.shape not in (counts.shape, counts.shape[1:], counts.shape[2:]):
            raise ValueError(
                f"a prediction or PSTH has shape {values.shape} but counts has {counts.shape}; "
                "give one value per trial, bin and region, or per bin and region."
            )
        arrays.append(as_trials(np.broadcast_to(values, counts.shape), "a prediction"))
    return arrays if kernel is None else [smooth(values, kernel) for values in arrays]


def ratio(a, b):
    """a / b, NaN where b is not above 0."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    return np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)


def centred(y, axis) -> np.ndarray:
    """y minus its mean over ``axis``; exactly 0 where only rounding noise is left."""
    z = y - y.mean(axis, keepdims=True)
    return np.where(np.abs(z) > 1e-12 * np.abs(y).max(), z, 0)


def _squared_sums(kernel, counts, *predictions) -> dict[str, np.ndarray]:
    """Per trial and region: squared errors and what the total sum of squares needs."""
    y, *predictions = prepare(kernel, counts, *predictions)
    z = centred(y, (0, 1))  # around a fixed point near the mean, so that nothing cancels
    sums = {"z": z.sum(1), "zz": (z**2).sum(1), "n": np.full_like(z[:, 0], z.shape[1])}
    for name, p in zip(("error", "reference"), predictions, strict=False):
        sums[name] = ((y - p) ** 2).sum(1)  # (trials, regions)
    return sums


def _total(s):
    return np.maximum(s["zz"] - s["z"] ** 2 / s["n"], 0)


def _poisson_sums(_, counts, *predictions) -> dict[str, np.ndarray]:
    """Per trial and region: log-likelihoods, without log(y!), which cancels in differences."""
    y, *predictions = prepare(None, counts, *predictions)
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
    "r2": (_squared_sums, lambda s: 1 - ratio(s["error"], _total(s))),
    "psth_relative": (_squared_sums, lambda s: 1 - ratio(s["error"], s["reference"])),
    "r2_difference": (_squared_sums, lambda s: ratio(s["reference"] - s["error"], _total(s))),
    "bits_per_spike": (
        _poisson_sums,
        lambda s: ratio(s["model"] - _null(s), s["spikes"] * np.log(2)),
    ),
    "poisson_d2": (
        _poisson_sums,
        lambda s: 1 - ratio(s["saturated"] - s["model"], s["saturated"] - _null(s)),
    ),
}
"""How each score that :func:`~pupil_helpers.metrics.scores.bootstrap_ci` knows is summed over a
trial, and how it is finished."""


def trial_sums(metric, counts, predicted, reference, kernel) -> dict[str, np.ndarray]:
    """Check the input and return the sums of ``metric``, each (trials, regions)."""
    if metric not in SCORES:
        raise ValueError(f"no metric {metric!r}; choose from {', '.join(SCORES)}.")
    if reference is None and metric in ("psth_relative", "r2_difference"):
        raise ValueError(f"{metric} compares two predictions; give the reference prediction too.")
    predictions = [predicted] if reference is None else [predicted, reference]
    return SCORES[metric][0](kernel, counts, *predictions)
