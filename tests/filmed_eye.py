"""A simulated eye whose saccades and blinks are known, as a good and as a poor tracker see it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pupil_helpers.recordings.eye import film_eye, move_eye, saccade_targets

BIN = 0.01


class Filmed(NamedTuple):
    clean: np.ndarray  # (samples, 3)
    filmed: np.ndarray  # (samples, 3); NaN in blinks
    times: np.ndarray  # (saccades,), seconds
    moves: np.ndarray  # (saccades, 2), pixels


def filmed_eye(seed: int, duration: float = 300.0, blink_rate: float = 0.1) -> Filmed:
    onset = np.arange(5, duration - 10, 5.0)
    trials = pd.DataFrame({"stimulus_time": onset, "feedback_time": 1.0, "feedback_type": 1})
    clean = move_eye(np.random.default_rng(seed), round(duration / BIN), BIN, trials)
    # The first thing that the eye draws from its generator.
    times, targets = saccade_targets(np.random.default_rng(seed), duration)
    filmed = film_eye(np.random.default_rng(seed + 1), clean, BIN, blink_rate)
    return Filmed(clean, filmed, times, np.diff(targets, axis=0, prepend=0))


def guessed(filmed: np.ndarray, seed: int = 0) -> np.ndarray:
    """What a tracker writes that never gives up: in blinks a small pupil in some wrong place."""
    rng, guess = np.random.default_rng(seed), filmed.copy()
    shut = np.isnan(filmed[:, 0])
    edges = np.flatnonzero(np.diff(shut.astype(int), prepend=0, append=0))
    for first, end in edges.reshape(-1, 2):
        n = end - first
        lid = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / 2 + 0.5)  # (n,)
        seen = filmed[first - 1] if first else filmed[end]
        guess[first:end, 0] = seen[0] * (1 - 0.6 * lid) + rng.normal(size=n)
        guess[first:end, 1:] = seen[1:] + 8 * lid[:, None] * rng.normal(size=2)
    return guess
