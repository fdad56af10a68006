"""The eye of a simulated mouse, in continuous time, and what a camera sees of it."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter


def move_eye(rng, n_samples: int, bin_size: float, trials) -> np.ndarray:
    """Area (arbitrary units), x and y (pixels) of every sample, (samples, 3).

    Fixations and saccades in x and y; an area with 1/f arousal and phasic dilations, some of them
    after feedback.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_samples : int
    bin_size : float
        Seconds from one sample to the next.
    trials : pandas.DataFrame
        With ``stimulus_time`` (s from the session's start), ``feedback_time`` (s from the
        stimulus) and ``feedback_type`` (1: reward).
    """
    duration = n_samples * bin_size
    # Saccades: a refractory gamma renewal process; each jumps to a new place near the centre.
    waits = 0.2 + rng.gamma(1.5, 0.6, int(duration) + 10)
    times = np.cumsum(waits)
    times = times[times < duration]
    x_target = rng.normal(0, 6, len(times))
    y_target = 0.4 * x_target + rng.normal(0, 3.5, len(times))  # x and y jump together
    steps = np.zeros((n_samples, 2))
    at = (times / bin_size).astype(int)
    np.add.at(steps, at, np.diff(np.c_[x_target, y_target], axis=0, prepend=0))
    jump = np.hanning(round(0.05 / bin_size) + 3)  # a saccade takes about 50 ms
    position = np.cumsum(fftconvolve(steps, (jump / jump.sum())[:, None], axes=0), axis=0)
    position = position[:n_samples] + np.array([35.0, 25.0])
    wander = [slow_signal(rng, n_samples, bin_size, 3.0) for _ in "xy"]
    position += 0.6 * np.stack(wander, axis=-1)

    arousal = sum(slow_signal(rng, n_samples, bin_size, tau) for tau in (1.0, 5.0, 30.0, 200.0)) / 2
    events = np.zeros(n_samples)
    feedback = ((trials["stimulus_time"] + trials["feedback_time"]) / bin_size).astype(int)
    inside = (feedback >= 0) & (feedback < n_samples)
    np.add.at(events, feedback[inside], 0.6 + 0.6 * (trials["feedback_type"][inside] == 1))
    np.add.at(events, (rng.random(int(duration / 6)) * n_samples).astype(int), 1.0)
    t = np.arange(0, 4, bin_size)
    dilation = (t / 0.5) * np.exp(1 - t / 0.5)  # rises in half a second, gone in three
    phasic = fftconvolve(events, dilation)[:n_samples]
    area = 60 * np.exp(0.25 * (arousal + 0.8 * phasic))
    return np.c_[area, position]


def slow_signal(rng, n_samples: int, bin_size: float, tau: float) -> np.ndarray:
    """A stationary signal of unit variance with time constant ``tau`` seconds, (samples,)."""
    keep = np.exp(-bin_size / tau)
    noise = rng.normal(size=n_samples) * np.sqrt(1 - keep**2)
    noise[0] = rng.normal()
    return lfilter([1.0], [1.0, -keep], noise)


def film_eye(rng, clean: np.ndarray, bin_size: float, blink_rate: float) -> np.ndarray:
    """What the camera gives: noisy samples, none during blinks, (samples, 3) float32."""
    measured = clean + rng.normal(size=clean.shape) * [0.6, 0.05, 0.05]
    n_blinks = rng.poisson(blink_rate * len(clean) * bin_size)
    first = rng.integers(0, len(clean), n_blinks)
    last = first + (rng.uniform(0.08, 0.3, n_blinks) / bin_size).astype(int)
    for begin, end in zip(first, last, strict=True):
        measured[begin:end] = np.nan
    return measured.astype(np.float32)
