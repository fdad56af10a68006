"""Saccades: when the eye jumps, how far and where to.

Speed against a threshold that the recording itself sets, on an ellipse with one radius per axis,
after Engbert & Kliegl (2003, doi:10.1016/S0042-6989(03)00084-1). Clean the trace first
(:mod:`pupil_helpers.signals.cleaning`): a slip of the tracker looks like a saccade and another one
back.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .cleaning import pupil_trials, runs

WINDOW = 0.04
"""Seconds over which speed is measured, the same as for the features of the models."""

COLUMNS = ("trial", "onset", "duration", "dx", "dy", "amplitude", "direction", "peak_speed")


def find_saccades(
    pupil, bin_size: float, threshold: float = 5.0, apart: float = 0.05
) -> pd.DataFrame:
    """Every saccade of a recording.

    The eye is in a saccade while its velocity leaves an ellipse whose radii are ``threshold``
    robust SDs of the velocity along x and y (median absolute deviation / 0.6745). Small saccades
    drown in the camera's noise: with a lower threshold more of them are found, and more noise.

    Parameters
    ----------
    pupil : array_like, (samples, 3) or (trials, bins, 3)
        Area (not looked at), x and y; NaN where missing. A saccade next to a gap is not found.
    bin_size : float
        Seconds from one sample to the next.
    threshold : float, default 5
    apart : float, default 0.05
        Two movements are one if fewer than so many seconds lie between them: the eye may
        overshoot and come back a little.

    Returns
    -------
    pandas.DataFrame
        A row per saccade, in order of time: ``trial``; ``onset`` (seconds from the trial's first
        sample) and ``duration`` (seconds); ``dx``, ``dy`` and ``amplitude``, the way from before
        it to after it, in the units of the recording; ``direction`` (radians: 0 where x grows,
        π/2 where y grows, which in a video is down); ``peak_speed`` (units per second).

    Raises
    ------
    ValueError
        If the shape or a setting is wrong.
    """
    if not (bin_size > 0 and threshold > 0 and apart >= 0):
        raise ValueError("bin_size and threshold must be positive, and apart not negative")
    gaze = pupil_trials(pupil)[..., 1:].astype(float)  # (T, B, 2)
    span = min(max(1, round(WINDOW / bin_size)), gaze.shape[1] - 1)
    velocity = (gaze[:, span:] - gaze[:, : gaze.shape[1] - span]) / (span * bin_size)
    fast = np.hypot(*np.moveaxis(velocity / (threshold * _robust_sd(velocity)), -1, 0)) > 1
    trial, first, end = _merged(*runs(fast), round(apart / bin_size))
    begin, stop = first, end - 1 + span  # samples before and after the movement
    dx, dy = (gaze[trial, stop] - gaze[trial, begin]).T
    speed = np.hypot(*np.moveaxis(velocity, -1, 0))
    peak = [np.nanmax(speed[k, i:j]) for k, i, j in zip(trial, first, end, strict=True)]
    # A window leaves the ellipse when the movement fills part of it: count from its middle.
    onset = (first + span / 2) * bin_size
    values = trial, onset, (end - first) * bin_size, dx, dy, np.hypot(dx, dy), np.arctan2(dy, dx)
    return pd.DataFrame(dict(zip(COLUMNS, (*values, np.array(peak, dtype=float)), strict=True)))


def _robust_sd(velocity) -> np.ndarray:
    """Of each axis, (2,); infinite for an eye that never moves. Repeated samples do not count."""
    moving = np.where(velocity == 0, np.nan, velocity).reshape(-1, 2)
    sd = np.full(2, np.inf)
    for axis, values in enumerate(moving.T):
        values = values[~np.isnan(values)]
        if values.size:
            mad = np.median(np.abs(values - np.median(values)))
            sd[axis] = mad / 0.6745 or np.inf
    return sd


def _merged(trial, first, end, gap: int):
    """Runs with at most ``gap`` bins between them, as one."""
    if not len(trial):
        return trial, first, end
    new = np.r_[True, (np.diff(trial) > 0) | (first[1:] - end[:-1] > gap)]
    return trial[new], first[new], end[np.r_[new[1:], True]]
