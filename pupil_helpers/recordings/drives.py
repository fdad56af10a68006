"""What drives the regions of a simulated mouse: features of its eye, filtered, or hidden signals.

Everything runs in continuous time, one sample per bin, and is cut into trials at the end.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

from ..session import CHANNELS
from .eye import slow_signal

LAGS = (-0.5, 1.5)
"""Range of lags in seconds of the true kernels; positive lags follow the pupil."""


class Eye:
    """The moving eye as neurons may see it.

    Parameters
    ----------
    clean : ndarray, (samples, 3)
        Area, x and y without noise and blinks.
    bin_size : float
        Seconds from one sample to the next.

    Attributes
    ----------
    level : ndarray, (samples,)
        Log area, mean 0.
    position, velocity : ndarray, (samples, 2)
        Pixels from the mean place, pixels per second.
    onset, amplitude, angle : ndarray, (saccades,)
        First sample, size in pixels and direction (0: rightward) of every saccade faster than
        30 pixels per second.
    """

    def __init__(self, clean, bin_size: float):
        self.bin_size = bin_size
        log_area = np.log(clean[:, 0])
        self.level = log_area - log_area.mean()
        self.position = clean[:, 1:] - clean[:, 1:].mean(axis=0)
        self.velocity = np.gradient(clean[:, 1:], bin_size, axis=0)
        fast = np.linalg.norm(self.velocity, axis=1) > 30
        edges = np.flatnonzero(np.diff(fast.astype(int), prepend=0, append=0))
        self.onset, last = edges[::2], edges[1::2] - 1
        dx, dy = (self.position[last] - self.position[self.onset]).T
        self.amplitude, self.angle = np.hypot(dx, dy), np.arctan2(dy, dx)

    def burst(self, sizes) -> np.ndarray:
        """A pulse of 50 ms and of the given size with each saccade, (samples,)."""
        pulses = np.zeros(len(self.level))
        np.add.at(pulses, self.onset, sizes)
        shape = np.hanning(round(0.05 / self.bin_size) + 3)
        return fftconvolve(pulses, shape)[: len(pulses)]


def level(eye, rng):
    """Log area."""
    return eye.level


def speed(axis):
    """Speed along one axis; it saturates in large saccades."""
    return lambda eye, rng: np.tanh(np.abs(eye.velocity[:, axis]) / 150)


def rightward(eye, rng):
    """Speed of rightward movements only."""
    return np.tanh(np.maximum(eye.velocity[:, 0], 0) / 150)


def integral(eye, rng):
    """Log area, integrated with a leak of 3 s."""
    keep = np.exp(-eye.bin_size / 3.0)
    return lfilter([1 - keep], [1.0, -keep], eye.level)


def since_saccade(eye, rng):
    """Time since the last saccade: 0 right after it, near 1 some seconds later."""
    samples = np.arange(len(eye.level))
    last = np.searchsorted(eye.onset, samples, side="right") - 1
    since = np.where(last >= 0, samples - np.r_[eye.onset, 0][last], samples + 10**6)
    return 1 - np.exp(-since * eye.bin_size / 1.0)


def aroused_saccades(eye, rng):
    """Speed of the eye, times a gain that grows with the area: next to nothing when it is small."""
    aroused = 1 / (1 + np.exp(-2 * eye.level / eye.level.std()))
    return (0.8 * speed(0)(eye, rng) + 0.5 * speed(1)(eye, rng)) * aroused


def large_saccades(eye, rng):
    """The same response to every saccade above 5 pixels, none to others."""
    return eye.burst(eye.amplitude > 5)


def tuned_saccades(eye, rng):
    """Saccades near a preferred direction, which may be any."""
    tuning = np.exp(2 * (np.cos(eye.angle - rng.uniform(0, 2 * np.pi)) - 1))
    return eye.burst(np.tanh(eye.amplitude / 5) * tuning)


def tiring_saccades(eye, rng):
    """Each saccade takes 60 % of what is left of a resource that comes back with a lag of 2 s."""
    left, sizes = 1.0, np.zeros(len(eye.onset))
    waits = np.diff(eye.onset, prepend=0) * eye.bin_size
    for k, wait in enumerate(waits):
        left = 1 - (1 - left) * np.exp(-wait / 2.0)
        sizes[k] = left
        left *= 0.4
    return eye.burst(sizes)


def gaze_field(eye, rng):
    """A place in the field of gaze: firing is high while the eye rests near it."""
    spread = eye.position.std(axis=0)
    place = rng.normal(0, 0.7, 2)
    distance = (eye.position / spread - place) / 0.6
    return np.exp(-0.5 * (distance**2).sum(axis=1))


FEATURES = {
    ("area", "level"): level,
    ("x", "speed"): speed(0),
    ("y", "speed"): speed(1),
    ("x", "rightward"): rightward,
    ("area", "integral"): integral,
    ("xy", "since saccade"): since_saccade,
    ("all", "aroused saccades"): aroused_saccades,
    ("xy", "large saccades"): large_saccades,
    ("xy", "tuned saccades"): tuned_saccades,
    ("xy", "tiring saccades"): tiring_saccades,
    ("xy", "gaze field"): gaze_field,
}
"""By the channels they come from and by name: ``feature(eye, rng)``, (samples,).

:meta hide-value:
"""

HIDDEN = {"fast": 0.5, "drift": 200.0, "slow drift": 600.0, "stimulus": None}
"""Signals unrelated to the pupil, by name, and their time constants in seconds."""


def kernel_lags(bin_size: float) -> np.ndarray:
    """Lags of the true kernels in seconds, (lags,)."""
    return np.arange(round(LAGS[0] / bin_size), round(LAGS[1] / bin_size) + 1) * bin_size


def pupil_drive(rng, region, eye: Eye, windows):
    """What the pupil does to a region's log rate.

    Returns
    -------
    drive : ndarray, (trials, bins)
    share, peak : ndarray, (3,)
        Each channel's share of the drive's variance, and its lag in s (NaN without a kernel).
    kernels : ndarray, (3, lags)
        All three are NaN if a feature has no channel of its own.
    """
    lags = kernel_lags(eye.bin_size)
    parts = {}  # by channels, each (trials, bins)
    peak, kernels = np.full(3, np.nan), np.zeros((3, len(lags)))
    for channels, feature, lag, width, weight in region.kernels:
        kernel = np.exp(-0.5 * ((lags - lag) / width) ** 2)
        part = _filter(FEATURES[channels, feature](eye, rng), kernel, lags)[windows]
        size = weight * rng.uniform(0.9, 1.1) / _sd(part)
        parts[channels] = parts.get(channels, 0) + size * (part - part.mean())
        if channels in CHANNELS:
            c = CHANNELS.index(channels)
            peak[c], kernels[c] = lag, size * kernel
    drive = sum(parts.values())
    scale = region.drive / _sd(drive)
    if not set(parts) <= set(CHANNELS):
        return scale * drive, np.full(3, np.nan), np.full(3, np.nan), np.full_like(kernels, np.nan)
    variance = np.array([np.var(parts.get(channel, 0)) for channel in CHANNELS])
    return scale * drive, variance / max(variance.sum(), 1e-9), peak, scale * kernels


def hidden_drive(rng, region, windows, n_samples: int, bin_size: float, evoked) -> np.ndarray:
    """Log-rate fluctuation of a region that the pupil does not drive, (trials, bins)."""
    if region.hidden == "stimulus":  # a late response that grows with contrast
        drive = evoked
    else:
        drive = slow_signal(rng, n_samples, bin_size, HIDDEN[region.hidden])[windows]
    drive = drive - drive.mean(axis=0)
    return region.drive * drive / _sd(drive)


def shared_gain(rng, gains, windows, n_samples: int, bin_size: float) -> np.ndarray:
    """A gain that all neurons of a region share, of mean 1, (trials, bins)."""
    log_gain = np.zeros(windows.shape)
    for tau, sd in gains:
        log_gain += sd * slow_signal(rng, n_samples, bin_size, tau)[windows] - sd**2 / 2
    return np.exp(log_gain)


def _sd(signal):
    """SD; infinite if only rounding errors vary (very short sessions), to scale those to 0."""
    sd = signal.std()
    return sd if sd > 1e-9 else np.inf


def _filter(signal, kernel, lags):
    """sum over lags of kernel(lag) * signal(t - lag), same length as ``signal``."""
    before = np.count_nonzero(lags < -1e-9)  # samples of the kernel that lie in the future
    return fftconvolve(signal, kernel)[before : before + len(signal)]
