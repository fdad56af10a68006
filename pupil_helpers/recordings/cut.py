"""From a continuous recording to trials and bins: what all readers of raw recordings share.

A reader fills a :class:`Recording` with an eye that runs on, spike times and trial onsets, all in
seconds on one clock; :func:`cut` makes a session of it, in the way Neuromatch made theirs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..session import BIN_SIZE, Session, SessionError
from .streams import PUPIL, Stream, at_moments

FAULTS = ("refuse", "drop")

MAX_BYTES = 8 * 2**30
"""Memory that a recording may ask for, unless the caller allows more."""


@dataclass(frozen=True)
class Window:
    """Which part of the recording belongs to a trial.

    Parameters
    ----------
    start : float, default -0.5
        Left edge of the first bin in seconds from the trial's onset.
    n_bins : int, default 250
    bin_size : float, default 0.01
        Width of a bin in seconds.

    Raises
    ------
    SessionError
        If a value makes no sense.
    """

    start: float = -0.5
    n_bins: int = 250
    bin_size: float = BIN_SIZE

    def __post_init__(self):
        if not (isinstance(self.n_bins, int | np.integer) and self.n_bins > 0):
            raise SessionError(f"n_bins is {self.n_bins!r}; give a whole number, such as 250")
        if not (np.isfinite(self.start) and np.isfinite(self.bin_size) and self.bin_size > 0):
            raise SessionError(
                f"start is {self.start!r} and bin_size {self.bin_size!r}; give seconds, such as "
                "-0.5 and 0.01"
            )

    def centres(self, onsets: np.ndarray) -> np.ndarray:
        """Middle of each bin of each trial in seconds, (trials, bins)."""
        return (onsets + self.start)[:, None] + (np.arange(self.n_bins) + 0.5) * self.bin_size


@dataclass
class Recording:
    """A recording before it is cut. The ``…field`` names say in errors where things came from.

    Attributes
    ----------
    where, name : str
        The file in messages, and the session's name.
    area, xy : Stream or None
        One channel and two.
    onsets : ndarray, (trials,)
        Seconds, in order of time.
    trials : pandas.DataFrame
        One row per trial.
    regions : ndarray of str, (units,)
        Empty where the region is not known.
    kept : ndarray of bool, (units,)
        Which units are neurons.
    spikes : callable
        Yields pairs of times and unit numbers, (spikes,) each, in order of time; all spikes of a
        unit come in one pair.
    """

    where: str
    name: str
    area: Stream | None
    xy: Stream | None
    onsets: np.ndarray
    trials: pd.DataFrame
    regions: np.ndarray
    kept: np.ndarray
    spikes: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
    onset_field: str
    region_field: str
    spike_field: str
    max_bytes: int = MAX_BYTES
    provenance: dict = field(default_factory=dict)

    def fail(self, name: str, problem: str):
        """Raise a ``SessionError`` about one field."""
        raise SessionError(f"{self.where}, field {name!r}: {problem}")


def check_choices(pupil: str, faults: str) -> None:
    """Raise a ``SessionError`` if ``pupil`` or ``faults`` is not one of the words known."""
    for name, value, known in (("pupil", pupil, PUPIL), ("faults", faults, FAULTS)):
        if value not in known:
            raise SessionError(f"{name} is {value!r}; use one of {', '.join(known)}")


def cut(
    recording: Recording, window: Window, pupil: str = "sample", faults: str = "refuse"
) -> Session:
    """Cut a recording into trials and bins.

    Parameters
    ----------
    recording : Recording
    window : Window
    pupil : {"sample", "linear"}
        See :data:`pupil_helpers.recordings.streams.PUPIL`.
    faults : {"refuse", "drop"}
        What to do about spikes before time 0, trials that are not wholly within the recording and
        neurons without a region: refuse the recording, or leave them out with a warning.

    Returns
    -------
    Session

    Raises
    ------
    SessionError
        The message names file and field.

    Warns
    -----
    UserWarning
        With ``faults="drop"``, of what was left out.
    """
    check_choices(pupil, faults)

    def fault(name, problem):
        if faults == "refuse":
            recording.fail(name, f"{problem}; mend the file, or leave them out by faults='drop'")
        warnings.warn(f"{recording.where}, field {name!r}: {problem}; left out", stacklevel=4)

    neurons = _neurons(recording, fault)
    seen = _trials_seen(recording, window, fault)
    counts, heard = _count(recording, seen, neurons, window, fault)
    trials = seen[heard]
    moments = window.centres(recording.onsets[trials])  # (T, B)
    eye = np.full((*moments.shape, 3), np.nan, dtype=np.float32)
    for stream, channels in ((recording.area, slice(0, 1)), (recording.xy, slice(1, 3))):
        if stream is not None:
            eye[..., channels] = at_moments(stream, moments, pupil)
    try:
        return Session(
            pupil=eye,
            spikes=counts if heard.all() else counts[heard],
            regions=recording.regions[neurons],
            bin_size=float(window.bin_size),
            trials=recording.trials.iloc[trials].reset_index(drop=True),
            name=recording.name,
            start=float(window.start),
            provenance=recording.provenance,
        )
    except SessionError as error:
        raise SessionError(f"{recording.where}: {error}") from None


# -- trials ---------------------------------------------------------------------------------------


def _trials_seen(recording: Recording, window: Window, fault: Callable) -> np.ndarray:
    """Numbers of the trials that have an onset and were filmed from beginning to end."""
    onsets, name = recording.onsets, recording.onset_field
    streams = [stream for stream in (recording.area, recording.xy) if stream is not None]
    timed = np.isfinite(onsets)
    if not timed.all():
        fault(name, f"{_which(~timed)} without an onset")
    if (back := np.diff(onsets[timed]) < 0).any():
        recording.fail(
            name, f"goes back in time after trial {int(np.argmax(back))}; sort the trials by time"
        )
    first, last = (max(s.times[0] for s in streams), min(s.times[-1] for s in streams))
    begin = onsets + window.start + window.bin_size / 2
    end = begin + (window.n_bins - 1) * window.bin_size
    beyond = timed & ~((begin >= first) & (end <= last))
    if beyond.any():
        fault(
            name,
            f"{_which(beyond)} beyond the eye's recording ({first:.6g} to {last:.6g} s)",
        )
    return _some(recording, np.flatnonzero(timed & ~beyond))


def _which(mask: np.ndarray) -> str:
    return f"{mask.sum()} of {len(mask)} trial(s), first trial {int(np.argmax(mask))}, are"


def _some(recording: Recording, trials: np.ndarray) -> np.ndarray:
    if not trials.size:
        recording.fail(
            recording.onset_field,
            "no trial lies within the recording; check that eye, spikes and trials are in seconds "
            "on one clock",
        )
    return trials


# -- the spikes -----------------------------------------------------------------------------------


def _neurons(recording: Recording, fault: Callable) -> np.ndarray:
    """Numbers of the units that become neurons."""
    name = recording.region_field
    named = recording.regions != ""
    nowhere = recording.kept & ~named
    if nowhere.any():
        fault(name, f"{nowhere.sum()} of {recording.kept.sum()} neurons have no region")
    neurons = np.flatnonzero(recording.kept & named)
    if not neurons.size:
        recording.fail(
            name,
            f"of {len(named)} units none is a neuron with a region; get "
            "the file again, or lower quality=…",
        )
    return neurons


def _count(recording, trials, neurons, window, fault) -> tuple[np.ndarray, np.ndarray]:
    """Counts, (trials, bins, neurons), and which of the trials have spikes from end to end."""
    onsets, name = recording.onsets[trials], recording.spike_field
    size = len(trials) * window.n_bins * len(neurons)
    if size > recording.max_bytes:
        recording.fail(
            name,
            f"{len(trials)} trials of {window.n_bins} bins and {len(neurons)} neurons would take "
            f"{size / 1e9:.3g} GB; if you trust the file, raise max_bytes",
        )
    counts = np.zeros((len(trials), window.n_bins, len(neurons)), dtype=np.uint8)
    place = np.full(len(recording.regions), -1)  # of each unit on the last axis
    place[neurons] = np.arange(len(neurons))
    first, last = np.inf, -np.inf
    for times, units in recording.spikes():
        early = int(np.searchsorted(times, 0.0))
        if early:
            fault(name, f"{early} spikes are before time 0")
            times, units = times[early:], units[early:]
        if len(times):
            first, last = min(first, float(times[0])), max(last, float(times[-1]))
            most = count_spikes(counts, times, units, place, onsets + window.start, window.bin_size)
            if most > 255:
                recording.fail(
                    name, f"has {most} spikes of one unit in one bin; check that it is in seconds"
                )
    begin, end = onsets + window.start, onsets + window.start + window.n_bins * window.bin_size
    beyond = (end <= first) | (begin > last)
    if beyond.any():
        problem = f"{_which(beyond)} beyond its spikes ({first:.6g} to {last:.6g} s)"
        fault(recording.onset_field, problem)
    _some(recording, np.flatnonzero(~beyond))
    return counts, ~beyond


def count_spikes(counts, times, units, place, begins, bin_size: float) -> int:
    """Fill in the counts of the units that have a place; return the largest count in one bin.

    Parameters
    ----------
    counts : ndarray of uint8, (trials, bins, neurons)
        Changed, where units that occur in ``units`` have their place.
    times, units : ndarray, (spikes,)
        In order of time.
    place : ndarray of int, (units,)
        Where each unit is on the last axis of ``counts``; -1 for those that are not.
    begins : ndarray, (trials,)
        Left edge of each trial's first bin, seconds.
    bin_size : float
        Seconds.
    """
    _, n_bins, n_neurons = counts.shape
    edges = np.stack([begins, begins + n_bins * bin_size])
    low, high = np.searchsorted(times, edges)
    most = 0
    for trial, (i, j) in enumerate(zip(low, high, strict=True)):
        bins = np.floor((times[i:j] - begins[trial]) / bin_size).astype(np.int64)
        where = place[np.asarray(units[i:j], dtype=np.int64)]
        inside = (bins >= 0) & (bins < n_bins) & (where >= 0)
        if inside.any():
            flat = bins[inside] * n_neurons + where[inside]
            filled, tally = np.unique(flat, return_counts=True)
            most = max(most, int(tally.max()))
            counts[trial].reshape(-1)[filled] = tally
    return most
