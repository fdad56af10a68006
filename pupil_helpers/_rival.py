"""What the rivals share: the steps in time they work on, their baseline and their lags."""

from __future__ import annotations

import numpy as np

from .base import Encoder
from .features import PupilFeatures, lag_basis
from .smoothing import gaussian, smooth
from .training import TINY, interpolation, pool, pool_centres

FLOOR = 0.05
"""No rival predicts less than this share of the baseline: a count can never be negative, and
one spike where none was thought possible would decide the whole likelihood."""


class Rival(Encoder):
    """A model that predicts counts around a baseline, in steps of several bins.

    Features of the pupil go in, as for the default model. The counts of ``stride`` bins are
    summed; predictions are drawn as straight lines between the steps, and never fall below a
    twentieth of the baseline. Subclasses set ``_learn(inputs, counts, baseline)`` and
    ``_gain(inputs)``, expected counts divided by the baseline.
    """

    deterministic = True
    """Whether every fit to the same trials gives the same model (there is no ``seed``)."""

    def _fit(self, pupil, counts):
        if self.stride < 1:
            raise ValueError(f"stride is {self.stride}; give at least 1")
        self.features_ = PupilFeatures(self.bin_size).fit(pupil)
        if self.psth:
            baseline = smooth(self.psth_[None], gaussian(0.03, self.bin_size))[0]
        else:
            baseline = np.broadcast_to(counts.mean(axis=(0, 1)), self.psth_.shape)
        self.baseline_ = np.maximum(baseline, TINY)  # (bins, R)
        pooled = pool(counts, self.stride)  # (T, steps, R)
        self._learn(self._inputs(pupil), pooled, pool(self.baseline_[None], self.stride)[0])

    def _predict(self, pupil):
        gain = interpolation(len(self.baseline_), self.stride) @ self._gain(self._inputs(pupil))
        return self.baseline_ * np.maximum(gain, FLOOR)  # (T, bins, R)

    def _inputs(self, pupil) -> np.ndarray:
        """What the model reads, (trials, steps, inputs)."""
        return lagged(
            self.features_.transform(pupil), self.stride, self.bin_size, self.lag_reach, self.n_lags
        )


def lagged(features, stride=4, bin_size=0.01, reach=0.6, n_lags=13) -> np.ndarray:
    """Every feature seen through every bump of :func:`~pupil_helpers.features.lag_basis`.

    (trials, bins, F) -> float32 (trials, steps, F * n_lags), at the centre of every step.
    Beyond a trial's ends the features are taken to stay as they were at the end.
    """
    n_trials, n_bins, _ = features.shape
    basis, lags = lag_basis(n_bins, bin_size, reach, n_lags)
    steps = np.floor(pool_centres(n_bins, stride)).astype(int)
    bank = np.zeros((n_lags, len(steps), n_bins), dtype=np.float32)
    for column, lag in zip(basis.T, lags, strict=True):
        read = np.clip(steps - lag, 0, n_bins - 1)
        bank[:, np.arange(len(steps)), read] += column[:, None]
    seen = features.transpose(0, 2, 1) @ bank.reshape(-1, n_bins).T  # (T, F, n_lags * steps)
    return seen.reshape(n_trials, -1, len(steps)).transpose(0, 2, 1)
