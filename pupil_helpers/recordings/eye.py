"""The eye of a simulated mouse, in continuous time, and what a camera sees of it."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

SPREAD = np.array([5.0, 3.5])
"""SD in pixels of the places that saccades lead to."""
WANDER = np.array([4.2, 3.0])
"""SD in pixels of the slow wandering of gaze between saccades."""
NOISE = np.array([0.6, 0.03, 0.03])
"""SD of the camera's noise in area, x and y."""


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
    saccades, targets = saccade_targets(rng, duration)
    steps = np.zeros((n_samples, 2))
    np.add.at(steps, (saccades / bin_size).astype(int), np.diff(targets, axis=0, prepend=0))
    jump = np.hanning(round(0.05 / bin_size) + 3)  # a saccade takes about 50 ms
    position = np.cumsum(fftconvolve(steps, (jump / jump.sum())[:, None], axes=0), axis=0)
    position = position[:n_samples] + np.array([35.0, 25.0])
    wander = together(np.stack([slow_signal(rng, n_samples, bin_size, 40.0) for _ in "xy"], -1))
    blur = np.hanning(round(0.5 / bin_size) + 3)[:, None]  # wandering is smooth, not a walk
    position += WANDER * fftconvolve(wander, blur / blur.sum(), mode="same", axes=0)

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


def saccade_targets(rng, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (saccades,) in seconds and where gaze goes, (saccades, 2) pixels from the centre.

    A refractory gamma renewal process. Most saccades are small: a target keeps ``exp(-a)`` of the
    place that gaze had, ``a`` drawn anew each time and mostly near 0, and the rest is a new place.
    """
    waits = 0.15 + rng.gamma(1.2, 0.5, int(2 * duration) + 20)
    times = np.cumsum(waits)
    times = times[times < duration]
    kept = np.exp(-rng.gamma(0.6, 0.7, len(times)))
    new = together(rng.normal(size=(len(times), 2)))
    targets = np.empty_like(new)
    place = rng.normal(size=2)
    for k, share in enumerate(kept):
        place = targets[k] = share * place + np.sqrt(1 - share**2) * new[k]
    return times, targets * SPREAD


def together(xy) -> np.ndarray:
    """Two unrelated columns made to correlate by 0.5, as x and y do."""
    x, y = np.moveaxis(xy, -1, 0)
    return np.stack([x, 0.5 * x + np.sqrt(0.75) * y], axis=-1)


def slow_signal(rng, n_samples: int, bin_size: float, tau: float) -> np.ndarray:
    """A stationary signal of unit variance with time constant ``tau`` seconds, (samples,)."""
    keep = np.exp(-bin_size / tau)
    noise = rng.normal(size=n_samples) * np.sqrt(1 - keep**2)
    noise[0] = rng.normal()
    return lfilter([1.0], [1.0, -keep], noise)


def film_eye(rng, clean: np.ndarray, bin_size: float, blink_rate: float) -> np.ndarray:
    """What the camera gives: noisy samples, none during blinks, (samples, 3) float32."""
    measured = clean + rng.normal(size=clean.shape) * NOISE
    n_blinks = rng.poisson(blink_rate * len(clean) * bin_size)
    first = rng.integers(0, len(clean), n_blinks)
    last = first + (rng.uniform(0.08, 0.3, n_blinks) / bin_size).astype(int)
    for begin, end in zip(first, last, strict=True):
        measured[begin:end] = np.nan
    return measured.astype(np.float32)
