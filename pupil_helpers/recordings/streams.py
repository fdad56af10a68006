"""Signals that run on, such as the eye's, and what they are at any moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PUPIL = ("sample", "linear")
"""How the pupil is read at the centre of a bin.

"sample" (the default) takes the last video frame before it, as Neuromatch did: every value was
recorded, a saccade stays as steep as it was and a missing frame harms no neighbour; it is late by
half a frame on average. "linear" draws a line between the frames on either side: no delay, and no
stairs where the camera is slower than the bins, but a saccade within one frame becomes a ramp.
"""

STALE = 5
"""A bin this many usual frame intervals away from a frame has no pupil."""


@dataclass
class Stream:
    """What a camera saw: ``values`` (samples, channels) at ``times`` (samples,) in seconds."""

    field: str
    times: np.ndarray
    values: np.ndarray


def check_times(times: np.ndarray, fail: Callable, name: str) -> None:
    """Refuse times that are missing or go back, by ``fail(name, problem)``."""
    if not times.size:
        fail(name, "is empty: there is nothing to read; get the file again")
    if not (finite := np.isfinite(times)).all():
        first = int(np.argmin(finite))
        fail(name, f"has {(~finite).sum()} missing times (NaN), first at {first}; give every time")
    if (back := np.diff(times) < 0).any():
        fail(name, f"goes back in time after sample {int(np.argmax(back))}; sort it by time")


def at_moments(stream: Stream, moments: np.ndarray, how: str = "sample") -> np.ndarray:
    """The eye at any moments, (..., channels); NaN where it was not filmed.

    Parameters
    ----------
    stream : Stream
    moments : ndarray, (...)
        Seconds.
    how : {"sample", "linear"}
        See :data:`PUPIL`.
    """
    times, values = stream.times, stream.values
    last = len(times) - 1
    before = np.clip(np.searchsorted(times, moments, side="right") - 1, 0, last)
    usual = np.median(np.diff(times)) if last else 0
    filmed = (moments >= times[0]) & (moments <= times[-1])
    if how == "sample":
        found = values[before]
        filmed &= moments - times[before] <= STALE * usual
    else:
        after = np.minimum(before + 1, last)
        gap = times[after] - times[before]
        share = (moments - times[before]) / np.where(gap > 0, gap, 1)
        left, right = values[before], values[after]
        found = left + np.where(share > 0, share, 0)[..., None] * (right - left)
        found = np.where((share > 0)[..., None], found, left)  # NaN to the right does not matter
        filmed &= gap <= STALE * usual
    return np.where(filmed[..., None], found, np.nan)
