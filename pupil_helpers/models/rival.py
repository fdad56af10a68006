"""What the rivals share: the steps in time they work on, their baseline and their lags."""

from __future__ import annotations

import numpy as np

from ..session import CHANNELS
from ..signals.pupil import PupilFeatures
from ..signals.rates import gaussian, smooth
from .base import Encoder
from .lags import FLOOR, TINY, filter_bank, interpolation, pool, principal_directions


class Rival(Encoder):
    """A model that predicts counts around a baseline, in steps of several bins.

    Features of the pupil go in, as for the default model. The counts of ``stride`` bins are
    summed; predictions are drawn as straight lines between the steps, and never fall below a
    twentieth of the baseline. Subclasses set ``_learn(inputs, counts, baseline)`` and
    ``_gain(inputs)``, expected counts divided by the baseline.
    """

    n_components = None
    """Principal components of the inputs that the model gets, as the default model does; None for
    the inputs themselves."""
    deterministic = True
    """Whether every fit to the same trials gives the same model (there is no ``seed``)."""

    def _fit(self, pupil, counts):
        if self.stride < 1:
            raise ValueError(f"stride is {self.stride}; give at least 1")
        self.features_ = PupilFeatures(self.bin_size).fit(pupil)
        baseline = np.broadcast_to(counts.mean(axis=(0, 1)), self.psth_.shape)
        if self.psth:
            baseline = smooth(self.psth_[None], gaussian(0.015, self.bin_size))[0]
        self.baseline_ = np.maximum(baseline, TINY)  # (bins, R)
        self._directions = None
        inputs, pooled = self._inputs(pupil), pool(counts, self.stride)  # (T, steps, …)
        if self.n_components:
            self._directions = principal_directions(inputs, self.n_components)
            inputs = inputs @ self._directions
        self._learn(inputs, pooled, pool(self.baseline_[None], self.stride)[0])
        # The PSTH holds the pupil's average course already: take it out of the gain.
        mean = self._gain(inputs).mean(axis=0, keepdims=True)  # (1, steps, R)
        mean = self._to_bins(np.maximum(mean, FLOOR))
        self.baseline_ = self.baseline_ / smooth(mean, gaussian(0.03, self.bin_size))[0]

    def _predict(self, pupil):
        gain = self._to_bins(self._gain(self._inputs(pupil)))  # (T, bins, R)
        return self.baseline_ * np.maximum(gain, FLOOR)

    def _to_bins(self, gain):
        return interpolation(len(self.psth_), self.stride) @ gain

    def _inputs(self, pupil) -> np.ndarray:
        """What the model reads, (trials, steps, inputs)."""
        inputs = self._all_inputs(pupil)
        return inputs if self._directions is None else inputs @ self._directions

    def _all_inputs(self, pupil) -> np.ndarray:
        """The same before principal components are taken."""
        reach, n_lags = self.lag_reach, self.n_lags
        return lagged(self.features_.transform(pupil), self.stride, self.bin_size, reach, n_lags)


def lagged(features, stride=4, bin_size=0.01, reach=0.6, n_lags=13) -> np.ndarray:
    """Features through the filters over lags of :func:`~pupil_helpers.models.lags.filter_bank`.

    (trials, bins, F) -> float32 (trials, steps, F * n_lags).
    """
    n_trials, n_bins, _ = features.shape
    bank = filter_bank(n_bins, stride, bin_size, reach, n_lags)
    levels, motion = np.split(features.transpose(0, 2, 1), [len(CHANNELS)], axis=1)
    seen = np.concatenate([levels @ bank[0], motion @ bank[1]], axis=1)  # (T, F, n_lags * steps)
    return seen.reshape(n_trials, seen.shape[1] * n_lags, -1).transpose(0, 2, 1)
