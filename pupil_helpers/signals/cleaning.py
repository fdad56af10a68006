"""From what a tracker wrote to samples that can be believed: blinks, slips, gaps, camera noise.

The steps and their settings are those of Kret & Sjak-Shie (2019, doi:10.3758/s13428-018-1075-y),
whose guidelines for pupil size much of the field follows, but for two things. What lies between a
jump and the jump back goes too, so that a lid's shadow does not stay as a short, small pupil. And
gaze has saccades: a jump of the eye counts only if it comes straight back, which no eye does.

Every function takes one long recording, (samples, 3), or trials, (trials, bins, 3), of area, x
and y; missing samples are NaN, and a gap never reaches from one trial into the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import butter, sosfiltfilt

from ..checks import check_pupil
from .pupil import fill_missing

THRESHOLD = 16.0
"""A change is a jump when it is this many median absolute deviations above the median one."""

BLINK = 0.05, 0.5
"""Shortest and longest blink in seconds; less is a slip of the tracker, more a lost eye."""

BACK = 0.05
"""Seconds: gaze that comes back within them never left."""

PADDING = 0.05
"""Seconds on both sides of a blink, or a longer gap, in which the lid hides part of the pupil."""


@dataclass(frozen=True, eq=False)
class CleanPupil:
    """What :func:`clean_pupil` made of a recording.

    Attributes
    ----------
    pupil : ndarray of float32, like the recording
        Area, x and y; NaN where a sample is lost and not filled.
    outliers : ndarray of bool, (samples,) or (trials, bins)
        Moments that the tracker got wrong: doubted by itself, or jumps.
    lost, filled : ndarray of bool, like the recording
        Samples not there, or not believed; those of them that lie on a straight line now.
    blinks : pandas.DataFrame
        A row per blink: ``trial``, ``onset`` (seconds from its first sample) and ``duration``
        (seconds), without the padding.
    """

    pupil: np.ndarray
    outliers: np.ndarray
    lost: np.ndarray
    filled: np.ndarray
    blinks: pd.DataFrame


def clean_pupil(
    pupil,
    bin_size: float,
    *,
    likelihood=None,
    min_likelihood: float = 0.9,
    threshold: float = THRESHOLD,
    max_gap: float = 0.25,
    low_pass: float | None = None,
) -> CleanPupil:
    """Drop what the tracker got wrong, fill short gaps, leave long ones missing.

    Filling and filtering use samples from both sides, so that a cleaned sample knows a little of
    its future. The models of this package fill gaps themselves, from the side they may see, and
    are told where: for them, clean with ``max_gap=0`` and without a filter.

    Parameters
    ----------
    pupil : array_like, (samples, 3) or (trials, bins, 3)
        Area, x and y at equal steps; NaN where missing, and throughout a channel that was not
        recorded.
    bin_size : float
        Seconds from one sample to the next.
    likelihood : array_like, (samples,) or (trials, bins), optional
        How sure the tracker was, 0 to 1, if it says so (DeepLabCut, SLEAP and Facemap do).
    min_likelihood : float, default 0.9
        Moments with less are lost.
    threshold : float, default 16
        As for :func:`find_outliers`; ``numpy.inf`` leaves this step out.
    max_gap : float, default 0.25
        Longest gap in seconds to fill with a straight line. Longer ones, and gaps at the start
        or end of a trial, stay missing.
    low_pass : float, optional
        Cut-off in Hz of the filter of the area (4 is usual). x and y are never filtered: it would
        spread saccades out.

    Returns
    -------
    CleanPupil

    Raises
    ------
    ValueError
        If a shape or a setting is wrong; the message names it.
    """
    trials = pupil_trials(pupil)  # (T, B, 3)
    _check(bin_size=bin_size, max_gap=max_gap, threshold=threshold)
    outliers = find_outliers(trials, bin_size, threshold)
    if likelihood is not None:
        outliers |= _doubted(likelihood, trials.shape[:2], np.ndim(pupil), min_likelihood)
    lost = np.isnan(trials) | outliers[..., None]
    blinks = find_blinks(np.where(lost, np.nan, trials), bin_size)
    lost = _widen(lost, bin_size)
    clean, filled = fill_gaps(np.where(lost, np.nan, trials), bin_size, max_gap)
    if low_pass is not None:
        clean[..., 0] = low_pass_filter(clean[..., 0], bin_size, low_pass)
    parts = (part.reshape(np.shape(pupil)[: part.ndim - trials.ndim or None])
             for part in (clean, outliers, lost, filled))  # fmt: skip
    return CleanPupil(*parts, blinks)


def pupil_trials(pupil) -> np.ndarray:
    """The pupil as trials, float32 (trials, bins, 3); a long recording is one trial."""
    return check_pupil(np.asarray(pupil)[None] if np.ndim(pupil) == 2 else pupil)


def runs(mask) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trial, first bin and end (one past the last bin) of every run of True in (trials, bins)."""
    edges = np.diff(np.asarray(mask).astype(np.int8), axis=1, prepend=0, append=0)
    trial, first = np.nonzero(edges == 1)
    return trial, first, np.nonzero(edges == -1)[1]


def find_outliers(pupil, bin_size: float, threshold: float = THRESHOLD) -> np.ndarray:
    """Moments at which the area jumps, or gaze jumps and comes straight back.

    A jump is a change between two samples, per second, whose size exceeds the channel's median
    size by ``threshold`` median absolute deviations. Both samples of a jump of the area are
    outliers, and all between a jump and the jump back, at most half a second later (so what is
    seen for a moment between two blinks goes too). Gaze has to come back within 50 ms. What one
    channel shows, all lose: the tracker was wrong.

    Parameters
    ----------
    pupil : array_like, (samples, 3) or (trials, bins, 3)
    bin_size : float
        Seconds from one sample to the next.
    threshold : float, default 16

    Returns
    -------
    ndarray of bool, (samples,) or (trials, bins)
    """
    trials = pupil_trials(pupil)
    found = np.zeros(trials.shape[:2], dtype=bool)
    for channel, longest in enumerate((BLINK[1], BACK, BACK)):
        line = trials[..., channel]  # (T, B)
        limit = jump_limit(line, bin_size, threshold)
        for trial in range(len(line)):
            seen = np.flatnonzero(~np.isnan(line[trial]))
            change = np.diff(line[trial, seen]) / (np.diff(seen) * bin_size)
            jumps = np.flatnonzero(np.abs(change) > limit)
            if channel == 0:
                found[trial, seen[jumps]] = found[trial, seen[jumps + 1]] = True
            for first, end in _excursions(line[trial, seen], jumps, round(longest / bin_size)):
                found[trial, seen[first:end]] = True
    return found.reshape(np.shape(pupil)[:-1])


def jump_limit(line, bin_size: float, threshold: float = THRESHOLD) -> float:
    """Size of change per second above which (trials, bins) of a channel jump.

    Samples that repeat the one before are left out of the medians: a camera that writes each
    frame twice would have a median of 0.
    """
    size = np.abs(np.diff(line, axis=1)) / bin_size
    size = size[size > 0]  # no NaN either
    if not size.size or threshold == np.inf:
        return np.inf
    median = np.median(size)
    return float(median + threshold * np.median(np.abs(size - median)))


def _excursions(line, jumps, longest: int):
    """First sample and end of each way out and back of at most ``longest`` samples."""
    up = line[jumps + 1] > line[jumps]
    for k, jump in enumerate(jumps):
        for back in range(k + 1, len(jumps)):
            if jumps[back] - jump > longest:
                break
            out = line[jump + 1 : jumps[back] + 1] - line[jump]
            if up[back] != up[k] and abs(line[jumps[back] + 1] - line[jump]) < abs(out).max() / 2:
                yield jump + 1, jumps[back] + 1


def find_blinks(pupil, bin_size: float) -> pd.DataFrame:
    """Times when no channel was seen, for 0.05 to 0.5 s.

    Parameters
    ----------
    pupil : array_like, (samples, 3) or (trials, bins, 3)
        Channels that were not recorded (all NaN) do not count.
    bin_size : float
        Seconds from one sample to the next.

    Returns
    -------
    pandas.DataFrame
        Columns ``trial``, ``onset`` and ``duration`` (seconds), as in :class:`CleanPupil`.
    """
    missing = np.isnan(pupil_trials(pupil))
    recorded = ~missing.all(axis=(0, 1))
    trial, first, end = runs(missing[..., recorded].all(-1) & recorded.any())
    length = end - first
    short, long = (max(1, round(limit / bin_size)) for limit in BLINK)
    blink = (length >= short) & (length <= long)
    table = {"trial": trial, "onset": first * bin_size, "duration": length * bin_size}
    return pd.DataFrame(table)[blink].reset_index(drop=True)


def fill_gaps(pupil, bin_size: float, max_gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Straight lines across gaps of at most ``max_gap`` seconds between samples of the same trial.

    Returns
    -------
    pupil : ndarray of float32, like the recording
        Longer gaps, and those at either end, stay NaN.
    filled : ndarray of bool, like the recording
    """
    trials = pupil_trials(pupil)
    short = np.zeros(trials.shape, dtype=bool)
    n_bins = trials.shape[1]
    for channel in range(trials.shape[-1]):
        for trial, first, end in zip(*runs(np.isnan(trials[..., channel])), strict=True):
            inside = first > 0 and end < n_bins
            short[trial, first:end, channel] = inside and (end - first) * bin_size <= max_gap + 1e-9
    clean = np.where(short, fill_missing(trials), trials)
    return clean.reshape(np.shape(pupil)), short.reshape(np.shape(pupil))


def low_pass_filter(line, bin_size: float, cutoff: float) -> np.ndarray:
    """A channel without what changes faster than ``cutoff`` Hz, filtered forth and back.

    A Butterworth filter of order 4; it shifts nothing in time, and never crosses a gap.

    Parameters
    ----------
    line : array_like, (samples,) or (trials, bins)
    bin_size : float
        Seconds from one sample to the next.
    cutoff : float
        Hz.

    Raises
    ------
    ValueError
        If the cut-off is not between 0 and half the sampling rate.
    """
    half = 0.5 / bin_size
    if not 0 < cutoff < half:
        raise ValueError(f"low_pass is {cutoff!r}; give Hz between 0 and {half:g}, half the rate")
    sections = butter(4, cutoff, fs=1 / bin_size, output="sos")
    smooth = np.array(line, dtype=np.float32)  # a copy
    rows = np.atleast_2d(smooth)  # a view
    settle = round(1 / (cutoff * bin_size))  # samples that the filter needs to forget its start
    for row, first, end in zip(*runs(~np.isnan(rows)), strict=True):
        run = rows[row, first:end].astype(float)
        rows[row, first:end] = sosfiltfilt(sections, run, padlen=min(settle, len(run) - 1))
    return smooth


def _widen(lost, bin_size: float) -> np.ndarray:
    """Gaps as long as a blink or longer, with their padding."""
    wide, by = lost.copy(), round(PADDING / bin_size)
    for channel in range(lost.shape[-1]):
        for trial, first, end in zip(*runs(lost[..., channel]), strict=True):
            if end - first >= max(1, round(BLINK[0] / bin_size)):
                wide[trial, max(0, first - by) : end + by, channel] = True
    return wide


def _doubted(likelihood, shape, n_axes: int, least: float) -> np.ndarray:
    likelihood = np.asarray(likelihood, dtype=float)
    expected = shape if n_axes == 3 else shape[1:]
    if likelihood.shape != expected:
        raise ValueError(f"likelihood has shape {likelihood.shape}, expected {expected}, as pupil")
    return ~(likelihood.reshape(shape) >= least)  # a likelihood of NaN is none


def _check(**settings) -> None:
    for name, value in settings.items():
        if not value >= 0 or (name == "bin_size" and not 0 < value < np.inf):
            raise ValueError(f"{name} is {value!r}; give a positive number")
