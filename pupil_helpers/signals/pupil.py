"""From raw pupil samples to what a model reads.

Three channels in, ten features out: each channel's level and velocity, the eye's speed, and
where samples were missing. Everything is scaled with numbers from the training trials, and
computed with torch, so that gradients reach the pupil samples themselves.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_pupil
from ..session import CHANNELS

MOTIONS = ("area velocity", "right", "left", "up", "down", "eye speed")
FEATURES = (*CHANNELS, *MOTIONS, "missing")
"""Names of the features of :class:`PupilFeatures`, in the order of the last axis."""

DIRECTIONS = ("bidirectional", "causal", "anticausal")
"""Which side of the present may be seen: both, the past only, the future only."""

SPANS = 5
"""A sample further beyond the central 98 % of the training samples than this many times their span
is no pupil's (some 25 SDs of a normal distribution), and counts as missing."""


def fill_missing(pupil, direction: str = "bidirectional", average=None) -> np.ndarray:
    """Replace missing samples by straight lines between their neighbours in the same trial.

    Parameters
    ----------
    pupil : array_like, (trials, bins, channels)
        Missing samples are NaN.
    direction : {"bidirectional", "causal", "anticausal"}
        Causal filling holds the last sample seen, anticausal filling the next one.
    average : array_like, (channels,), optional
        What a channel takes where it has nothing to go by: throughout a trial without a sample
        and, if filled from one side, before the first. By default the mean of the samples given
        (0 without any), which depends on the other trials: a model gives its training mean.

    Returns
    -------
    ndarray of float32, (trials, bins, channels)
        Two-sided filling gives gaps at a trial's ends the nearest sample.
    """
    filled = np.array(pupil, dtype=np.float32)  # a copy
    gaps = np.isnan(filled)
    average = channel_means(filled) if average is None else np.asarray(average)
    bins = np.arange(filled.shape[1])
    for trial, channel in zip(*np.nonzero(gaps.any(axis=1)), strict=True):
        gap, line = gaps[trial, :, channel], filled[trial, :, channel]  # line is a view
        seen = bins[~gap]
        if gap.all():
            line[gap] = average[channel]
        elif direction == "bidirectional":
            line[gap] = np.interp(bins[gap], seen, line[seen])
        elif direction == "causal":
            last = np.searchsorted(seen, bins[gap]) - 1
            line[gap] = np.where(last < 0, average[channel], line[seen[np.maximum(last, 0)]])
        else:
            following = np.searchsorted(seen, bins[gap])
            at = seen[np.minimum(following, len(seen) - 1)]
            line[gap] = np.where(following == len(seen), average[channel], line[at])
    return filled


def channel_means(pupil) -> np.ndarray:
    """Mean of each channel's samples over trials and bins, 0 without any, (channels,)."""
    seen = ~np.isnan(pupil)
    total = np.where(seen, pupil, 0).sum(axis=(0, 1), dtype=np.float64)
    return total / np.maximum(seen.sum(axis=(0, 1)), 1)


class PupilFeatures(nn.Module):
    """Standardised levels, velocities, eye speed and missing-sample mask.

    ``fit`` learns every scale from the training trials; ``transform`` applies them to any trial,
    without a look at the others. As a torch module it maps what :meth:`prepare` returns to the
    same features, with gradients.

    Parameters
    ----------
    bin_size : float
        Width of a bin in seconds. Velocities are differences over 40 ms, scaled to SD 1.
    direction : {"bidirectional", "causal", "anticausal"}
        With "causal" no feature depends on later samples, with "anticausal" on earlier ones.

    Attributes
    ----------
    average, lowest, highest : Tensor, (3,)
        Of each channel: what fills a trial without a sample, and the limits of what is believed.
    mean, sd, velocity_sd : Tensor, (3,)
    motion_mean, motion_sd : Tensor, (6,)
    """

    def __init__(self, bin_size: float, direction: str = "bidirectional"):
        super().__init__()
        if direction not in DIRECTIONS:
            raise ValueError(f"direction is {direction!r}; use one of {', '.join(DIRECTIONS)}")
        self.bin_size = bin_size
        self.direction = direction
        for name in ("average", "lowest", "highest", "mean", "sd", "velocity_sd"):
            self.register_buffer(name, torch.zeros(len(CHANNELS), dtype=torch.float64))
        for name in ("motion_mean", "motion_sd"):
            self.register_buffer(name, torch.zeros(len(MOTIONS), dtype=torch.float64))

    @torch.no_grad()
    def fit(self, pupil) -> PupilFeatures:
        """Learn the scales. Raises ValueError if every sample of every channel is missing."""
        pupil = check_pupil(pupil)
        if np.isnan(pupil).all():
            raise ValueError(
                "pupil is missing (NaN) in every training trial; nothing to learn from"
            )
        lowest, highest = _limits(pupil)
        self._keep(lowest=lowest, highest=highest)
        self._keep(average=channel_means(_believed(pupil, lowest, highest)))
        filled, _ = self.prepare(pupil)  # (T, B, 3)
        self._keep(mean=filled.mean((0, 1)), sd=_positive(filled.std((0, 1), correction=0)))
        velocity = self._velocity((filled - self.mean) / self.sd)  # (T, B, 3)
        self._keep(velocity_sd=_positive(velocity.std((0, 1), correction=0)))
        motion = self._motion(velocity)  # (T, B, 6)
        spread = _positive(motion.std((0, 1), correction=0))
        self._keep(motion_mean=motion.mean((0, 1)), motion_sd=spread)
        return self

    def _keep(self, **scales) -> None:
        for name, scale in scales.items():
            getattr(self, name).copy_(torch.as_tensor(scale))

    def prepare(self, pupil) -> tuple[Tensor, Tensor]:
        """Split a recorded pupil into samples, which may be varied, and where there were none.

        Parameters
        ----------
        pupil : array_like, (trials, bins, 3)
            Missing samples are NaN; so are, from here on, wild ones (:data:`SPANS`).

        Returns
        -------
        filled : Tensor of float64, (trials, bins, 3)
            Gaps filled from the same trial.
        missing : Tensor of float64, (trials, bins, 1)
            Share of the channels that was missing in each bin.
        """
        lowest, highest, average = (
            scale.cpu().numpy() for scale in (self.lowest, self.highest, self.average)
        )
        pupil = _believed(check_pupil(pupil), lowest, highest)
        missing = np.isnan(pupil).mean(axis=-1, keepdims=True)
        filled = fill_missing(pupil, self.direction, average)
        return torch.as_tensor(filled).to(self.mean), torch.as_tensor(missing).to(self.mean)

    def forward(self, filled: Tensor, missing: Tensor) -> Tensor:  # (T, B, 3), (T, B, 1)
        levels = (filled - self.mean) / self.sd
        motion = (self._motion(self._velocity(levels)) - self.motion_mean) / self.motion_sd
        return torch.cat([levels, motion, missing], dim=-1)  # (T, B, 10)

    @torch.no_grad()
    def transform(self, pupil) -> np.ndarray:
        """Features of each sample, float32 (trials, bins, 10); names in :data:`FEATURES`."""
        return self(*self.prepare(pupil)).float().cpu().numpy()

    def _velocity(self, levels: Tensor) -> Tensor:
        """Change of each standardised channel over 40 ms at each bin, (trials, bins, 3)."""
        n_bins = levels.shape[1]
        reach = min(max(1, round(0.02 / self.bin_size)), n_bins - 1)
        sides = {"bidirectional": (reach, reach), "causal": (2 * reach, 0)}
        padding = sides.get(self.direction, (0, 2 * reach))
        padded = F.pad(levels.mT, padding, mode="replicate").mT  # (T, B + 2 reach, 3)
        return padded[:, 2 * reach :] - padded[:, :n_bins]

    def _motion(self, velocity: Tensor) -> Tensor:
        """Area velocity, the four directions of the eye's velocity and its speed, compressed.

        ``log(1 + v)`` with ``v`` in SDs: a saccade is tens of SDs fast, and neither neurons nor
        least squares should hear it tens of times louder than a small one.
        """
        area, x, y = (velocity / self.velocity_sd).unbind(-1)
        # vector_norm, unlike hypot, has a gradient (0) where the eye does not move at all.
        speed = torch.linalg.vector_norm(velocity[..., 1:] * self.sd[1:], dim=-1)
        speed = speed / torch.linalg.vector_norm((self.velocity_sd * self.sd)[1:])
        parts = [F.relu(v) for v in (x, -x, y, -y)] + [speed]
        area = area.sign() * torch.log1p(area.abs())
        return torch.stack([area, *torch.log1p(torch.stack(parts))], dim=-1)  # (T, B, 6)


def _limits(pupil) -> tuple[np.ndarray, np.ndarray]:
    """Beyond which samples of each channel are wild, (3,) each; infinite without a sample."""
    lowest, highest = np.full(pupil.shape[-1], -np.inf), np.full(pupil.shape[-1], np.inf)
    for channel in range(pupil.shape[-1]):
        samples = pupil[..., channel][~np.isnan(pupil[..., channel])]
        if samples.size:
            low, high = np.quantile(samples.astype(float), (0.01, 0.99))
            reach = SPANS * ((high - low) or max(abs(high), 1.0))  # a channel that stands still
            lowest[channel], highest[channel] = low - reach, high + reach
    return lowest, highest


def _believed(pupil, lowest, highest) -> np.ndarray:
    return np.where((pupil < lowest) | (pupil > highest), np.nan, pupil)


def _positive(sd: Tensor) -> Tensor:
    """Scales to divide by; a constant channel keeps its (zero) deviations."""
    return torch.where(sd > 1e-12, sd, 1.0)
