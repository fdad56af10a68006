"""From raw pupil samples to what a model reads.

Three channels in, ten features out: each channel's level and velocity, the eye's speed, and
where samples were missing. Everything is scaled with numbers from the training trials.
"""

from __future__ import annotations

import numpy as np

from ..session import CHANNELS

MOTIONS = ("area velocity", "right", "left", "up", "down", "eye speed")
FEATURES = (*CHANNELS, *MOTIONS, "missing")
"""Names of the features of :class:`PupilFeatures`, in the order of the last axis."""


def check_pupil(pupil) -> np.ndarray:
    """Return ``pupil`` as float32 (trials, bins, 3), or say what is wrong with it."""
    try:
        pupil = np.asarray(pupil, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(
            "pupil is not an array of numbers; give floats, NaN where missing"
        ) from None
    if pupil.ndim != 3 or pupil.shape[2] != 3 or 0 in pupil.shape:
        raise ValueError(f"pupil has shape {pupil.shape}, expected (trials, bins, 3): area, x, y")
    if np.isinf(pupil).any():
        raise ValueError("pupil has infinite values; replace missing samples by NaN")
    return pupil


def fill_missing(pupil, direction: str = "bidirectional") -> np.ndarray:
    """Replace missing samples by straight lines between their neighbours in the same trial.

    Parameters
    ----------
    pupil : array_like, (trials, bins, channels)
        Missing samples are NaN.
    direction : {"bidirectional", "causal", "anticausal"}
        Causal filling holds the last sample seen, anticausal filling the next one.

    Returns
    -------
    ndarray of float32, (trials, bins, channels)
        Gaps at a trial's ends take the nearest sample (one-sided filling: the channel's mean,
        where there is nothing to hold); a channel missing in a whole trial takes its mean over
        the other trials, and 0 if there is no sample at all.
    """
    filled = np.array(pupil, dtype=np.float32)  # a copy
    gaps = np.isnan(filled)
    bins = np.arange(filled.shape[1])
    for channel in range(filled.shape[2]):
        if not gaps[..., channel].any():
            continue
        samples = filled[..., channel][~gaps[..., channel]]
        average = samples.mean() if samples.size else 0.0
        for trial in np.flatnonzero(gaps[..., channel].any(axis=1)):
            gap, line = gaps[trial, :, channel], filled[trial, :, channel]  # line is a view
            seen = bins[~gap]
            if gap.all():
                line[gap] = average
            elif direction == "bidirectional":
                line[gap] = np.interp(bins[gap], seen, line[seen])
            elif direction == "causal":
                last = np.searchsorted(seen, bins[gap]) - 1
                line[gap] = np.where(last < 0, average, line[seen[np.maximum(last, 0)]])
            else:
                following = np.searchsorted(seen, bins[gap])
                at = seen[np.minimum(following, len(seen) - 1)]
                line[gap] = np.where(following == len(seen), average, line[at])
    return filled


class PupilFeatures:
    """Standardised levels, velocities, eye speed and missing-sample masks.

    ``fit`` learns each channel's mean and SD, and the SD of each velocity, from the training
    trials; ``transform`` applies them to any trials.

    Parameters
    ----------
    bin_size : float, default 0.01
        Width of a bin in seconds. Velocities are differences over 40 ms, scaled to SD 1.
    direction : {"bidirectional", "causal", "anticausal"}
        With "causal" no feature depends on later samples, with "anticausal" on earlier ones.
    """

    def __init__(self, bin_size: float = 0.01, direction: str = "bidirectional"):
        self.bin_size = bin_size
        self.direction = direction

    def fit(self, pupil) -> PupilFeatures:
        """Learn the scales. Raises ValueError if every sample of every channel is missing."""
        pupil = check_pupil(pupil)
        if np.isnan(pupil).all():
            raise ValueError(
                "pupil is missing (NaN) in every training trial; nothing to learn from"
            )
        filled = fill_missing(pupil, self.direction)
        self.mean_ = filled.mean(axis=(0, 1), dtype=np.float64)
        self.sd_ = _positive(filled.std(axis=(0, 1), dtype=np.float64))
        velocity = self._velocity((filled - self.mean_) / self.sd_)
        self.velocity_sd_ = _positive(velocity.std(axis=(0, 1)))
        motion = self._motion(velocity)
        self.motion_mean_ = motion.mean(axis=(0, 1))
        self.motion_sd_ = _positive(motion.std(axis=(0, 1)))
        return self

    def transform(self, pupil) -> np.ndarray:
        """Features of each sample, float32 (trials, bins, 10); names in :data:`FEATURES`."""
        pupil = check_pupil(pupil)
        levels = (self.fill(pupil) - self.mean_) / self.sd_
        motion = (self._motion(self._velocity(levels)) - self.motion_mean_) / self.motion_sd_
        missing = np.isnan(pupil).mean(axis=-1, keepdims=True)
        return np.concatenate([levels, motion, missing], axis=-1).astype(np.float32)

    def fill(self, pupil) -> np.ndarray:
        """Fill gaps; a channel without a sample in a trial takes its training mean."""
        gaps = np.isnan(pupil)
        unseen = gaps.all(axis=1, keepdims=True) & gaps
        return fill_missing(np.where(unseen, self.mean_.astype(np.float32), pupil), self.direction)

    def padding(self, n_bins: int) -> tuple[int, int]:
        """Bins to repeat at a trial's start and end before taking 40 ms differences."""
        reach = min(max(1, round(0.02 / self.bin_size)), n_bins - 1)
        sides = {"bidirectional": (reach, reach), "causal": (2 * reach, 0)}
        return sides.get(self.direction, (0, 2 * reach))

    def _velocity(self, levels) -> np.ndarray:
        """Change of each standardised channel over 40 ms at each bin, (trials, bins, 3)."""
        padding = self.padding(levels.shape[1])
        padded = np.pad(levels, ((0, 0), padding, (0, 0)), mode="edge")
        return padded[:, sum(padding) :] - padded[:, : -sum(padding)]

    def _motion(self, velocity) -> np.ndarray:
        """Area velocity, the four directions of the eye's velocity and its speed, compressed.

        ``log(1 + v)`` with ``v`` in SDs: a saccade is tens of SDs fast, and neither neurons nor
        least squares should hear it tens of times louder than a small one.
        """
        area, x, y = np.moveaxis(velocity / self.velocity_sd_, -1, 0)
        speed = np.hypot(*np.moveaxis(velocity[..., 1:] * self.sd_[1:], -1, 0))
        speed /= np.hypot(*(self.velocity_sd_ * self.sd_)[1:])
        rectified = [np.maximum(v, 0) for v in (x, -x, y, -y)]
        parts = [np.sign(area) * np.log1p(np.abs(area)), *np.log1p([*rectified, speed])]
        return np.stack(parts, axis=-1)


def _positive(sd) -> np.ndarray:
    """Scales to divide by; a constant channel keeps its (zero) deviations."""
    return np.where(sd > 1e-12, sd, 1.0)


def lag_basis(n_bins: int, bin_size: float = 0.01, reach: float = 0.6, n_basis: int = 13):
    """Bumps over lags that tile ``-reach`` to ``reach`` seconds, narrow near 0 and wide far away.

    Raised cosines on a stretched lag axis, after Pillow et al. (2008, doi:10.1038/nature07140),
    here on both sides of 0: ``cos²`` bumps equally spaced in ``asinh(lag / 0.05 s)``.

    Returns
    -------
    basis : ndarray, (n_basis, lags)
        Each row sums to 1.
    lags : ndarray of int, (lags,)
        Lags in bins, positive when the past of the pupil is read.
    """
    most = min(round(reach / bin_size), n_bins - 1)
    lags = np.arange(-most, most + 1)
    stretched = np.arcsinh(lags * bin_size / 0.05)
    centres = np.linspace(stretched[0], stretched[-1], n_basis)
    spacing = max(centres[1] - centres[0], 1e-9) if n_basis > 1 else 1.0
    phase = np.clip((stretched - centres[:, None]) / spacing, -1, 1)
    basis = np.cos(phase * np.pi / 2) ** 2
    return basis / basis.sum(axis=1, keepdims=True), lags
