"""ALF folders: the recordings of Steinmetz et al. (2019) as figshare has them, and others alike.

ALF is a way to name files, ``object.attribute.npy``: all files of one object have the same rows.
Both published layouts are read, ``allData/Cori_2016-12-14/`` (figshare 9598406) and
``Subjects/Cori/2016-12-14/001/alf/`` (9974357).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ..session import BIN_SIZE, Session, SessionError
from .alf_files import AlfFolder
from .cut import MAX_BYTES, Recording, Window, check_choices, cut
from .peak_channels import peak_regions
from .provenance import provenance
from .streams import Stream, check_times

ONSET = "trials.visualStim_times"
TRIALS = {
    "contrast_left": "trials.visualStim_contrastLeft",
    "contrast_right": "trials.visualStim_contrastRight",
    "response": "trials.response_choice",
    "gocue": "trials.goCue_times",
    "response_time": "trials.response_times",
    "feedback_time": "trials.feedback_times",
    "feedback_type": "trials.feedbackType",
    "included": "trials.included",
    "rep_num": "trials.repNum",
}
"""Columns of ``Session.trials``, the first seven as Neuromatch calls them, and their files."""

LAST = "included", "rep_num"

NEEDED = (
    "trials.visualStim_times",
    "eye.area",
    "eye.timestamps",
    "spikes.times",
    "spikes.clusters",
    "clusters.peakChannel",
    "channels.brainLocation",
)

BLINKS = ("missing", "keep")

_CHECKED_AT_ONCE = 4_000_000


def read_alf(
    folder, *, quality: int = 2, blinks: str = "missing", start: float = -0.5, n_bins: int = 250,
    bin_size: float = BIN_SIZE, pupil: str = "sample", faults: str = "refuse",
    name: str | None = None, max_bytes: int = MAX_BYTES,
) -> Session:  # fmt: skip
    """Read a recording from a folder of ALF files, and cut it into trials and bins.

    Parameters
    ----------
    folder : str or Path
        The folder of the files, or the session's folder around it (``001`` or its ``alf``).
    quality : int, default 2
        Least ``clusters._phy_annotation`` of a neuron, if there is such a file.
    blinks : {"missing", "keep"}
        What becomes of pupil samples that ``eye.blink`` marks, if there is such a file.
    start, n_bins, bin_size, pupil, faults, max_bytes
        As for :func:`pupil_helpers.recordings.nwb.read_nwb`.
    name : str, optional
        What to call the session; by default mouse and date, taken from the path.

    Returns
    -------
    Session
        ``pupil`` in the units of the files (area: arbitrary; position: of the video frame), where
        x and y are NaN without ``eye.xyPos``. ``trials`` has a row per trial; its times are in
        seconds from the trial's onset, but for ``onset`` itself.

    Raises
    ------
    SessionError
        If a file is missing, damaged or too large, or something is wrong in it; the message
        names folder and file. Pickled objects are refused.
    FileNotFoundError
        If there is no such folder.
    """
    check_choices(pupil, faults)
    if blinks not in BLINKS:
        raise SessionError(f"blinks is {blinks!r}; use one of {', '.join(BLINKS)}")
    window = Window(start, n_bins, bin_size)
    files = AlfFolder(folder, max_bytes)
    read = []
    if files.has(ONSET):
        onsets, trials = _trials(files)
        read.append(f"{len(onsets)} trials")
    if files.has("clusters.peakChannel") and files.has("channels.brainLocation"):
        regions, kept = _units(files, quality)
        read.append(f"{len(kept)} clusters")
    if files.has("eye.area"):
        area = files.numbers("eye.area")
        read.append(f"{len(area)} samples of the eye")
    _refuse_if_incomplete(files, read)
    settings = {
        "quality": quality,
        "blinks": blinks,
        "start": start,
        "n_bins": n_bins,
        "bin_size": bin_size,
        "pupil": pupil,
        "faults": faults,
    }
    recording = Recording(
        where=files.where,
        name=name or _session_name(files.folder),
        **_eye(files, area, blinks),
        onsets=onsets,
        trials=trials,
        regions=regions,
        kept=kept,
        spikes=lambda: _spikes(files, len(kept)),
        onset_field=files.file_name(ONSET),
        region_field=files.file_name("channels.brainLocation"),
        spike_field=files.file_name("spikes.times"),
        max_bytes=max_bytes,
    )
    session = cut(recording, window, pupil, faults)
    session.provenance = provenance(files.where, files.digest(), "read_alf", settings)
    return session


def _refuse_if_incomplete(files: AlfFolder, read: list[str]) -> None:
    missing = [name for name in NEEDED if not files.has(name)]
    if not missing:
        return
    lacks = ", ".join(files.file_name(name) for name in missing)
    also = "" if files.has("eye.xyPos") else " (eye.xyPos.npy is not there either: no x and y)"
    raise SessionError(
        f"{files.where} lacks {lacks}{also}; read so far: {', '.join(read) or 'nothing'}; put the "
        "missing files there"
    )


def _session_name(folder: Path) -> str:
    """Mouse and date, from ``Cori_2016-12-14`` or ``Cori/2016-12-14/001/alf``."""
    parts = folder.resolve().parts
    for place in range(len(parts) - 1, 0, -1):
        if dated := re.fullmatch(r"(?:(.+)[_ ])?(\d{4}-\d\d-\d\d)", parts[place]):
            return f"{dated[1] or parts[place - 1]} {dated[2]}"
    return folder.resolve().name


# -- trials ---------------------------------------------------------------------------------------


def _trials(files: AlfFolder) -> tuple[np.ndarray, pd.DataFrame]:
    onsets = files.numbers(ONSET).astype(float)
    if not len(onsets):
        files.fail(ONSET, "is empty: there are no trials; get the files again")
    since = {}
    for column, file in TRIALS.items():
        if files.has(file):
            values = files.numbers(file, rows=len(onsets))
            since[column] = values - onsets if file.endswith("_times") else values
    table = {column: since[column] for column in since if column not in LAST}
    table["onset"] = onsets
    if files.has("trials.intervals"):
        intervals = files.numbers("trials.intervals", columns=2, rows=len(onsets))
        table["start_time"], table["stop_time"] = (intervals - onsets[:, None]).T
    return onsets, pd.DataFrame(table | since)


# -- the eye --------------------------------------------------------------------------------------


def _eye(files: AlfFolder, area: np.ndarray, blinks: str) -> dict[str, Stream | None]:
    n_samples = len(area)
    times = _sample_times(files, n_samples)
    values = {"area": area.astype(float)[:, None], "xy": None}
    if files.has("eye.xyPos"):
        values["xy"] = files.numbers("eye.xyPos", columns=2, rows=n_samples).astype(float)
    if blinks == "missing" and files.has("eye.blink"):
        blink = files.numbers("eye.blink", rows=n_samples) > 0
        for channels in values.values():
            if channels is not None:
                channels[blink] = np.nan
    names = {"area": "eye.area", "xy": "eye.xyPos"}
    return {
        what: None if channels is None else Stream(files.file_name(names[what]), times, channels)
        for what, channels in values.items()
    }


def _sample_times(files: AlfFolder, n_samples: int) -> np.ndarray:
    """Time of each sample, from rows of sample number and time: two of them, or more, or all."""
    name = "eye.timestamps"
    rows = files.numbers(name, columns=None)
    if rows.ndim == 1 or rows.shape[1:] == (1,):
        rows = np.column_stack([np.arange(len(rows)), rows.ravel()])
    if rows.ndim != 2 or rows.shape[1] != 2 or len(rows) < 2:
        files.fail(
            name, f"has shape {rows.shape}, expected rows of sample number and time; get it again"
        )
    sample, time = rows.T.astype(float)
    check_times(time, lambda _, problem: files.fail(name, problem), name)
    if not np.isfinite(sample).all() or (np.diff(sample) <= 0).any():
        files.fail(name, "has sample numbers that do not go up; sort it, or get it again")
    if sample[0] >= 1 and sample[-1] == n_samples:  # counted from 1
        sample = sample - 1
    if sample[0] < 0 or sample[-1] > n_samples - 1 or sample[-1] - sample[0] < 0.9 * n_samples - 1:
        files.fail(
            name,
            f"speaks of samples {sample[0]:.0f} to {sample[-1]:.0f}, but the eye has {n_samples}; "
            "get both files again",
        )
    rate = (time[-1] - time[0]) / (sample[-1] - sample[0])  # seconds per sample, for the ends
    if sample[0] > 0:
        sample, time = np.append(0, sample), np.append(time[0] - sample[0] * rate, time)
    if sample[-1] < n_samples - 1:
        beyond = time[-1] + (n_samples - 1 - sample[-1]) * rate
        sample, time = np.append(sample, n_samples - 1), np.append(time, beyond)
    return np.interp(np.arange(n_samples), sample, time)


# -- units and spikes -----------------------------------------------------------------------------


def _units(files: AlfFolder, quality: int) -> tuple[np.ndarray, np.ndarray]:
    """Region of each cluster, "" where its channel is unknown, and which clusters are neurons."""
    locations = files.column("channels.brainLocation", "allen_ontology")
    peaks = files.whole_numbers("clusters.peakChannel")
    probes, channel_probes = np.zeros(len(peaks)), np.zeros(len(locations))
    if files.has("clusters.probes") and files.has("channels.probe"):
        probes = files.numbers("clusters.probes", rows=len(peaks))
        channel_probes = files.numbers("channels.probe", rows=len(locations))
    kept = np.ones(len(peaks), dtype=bool)
    if files.has("clusters._phy_annotation"):
        kept = files.numbers("clusters._phy_annotation", rows=len(peaks)) >= quality
    if not kept.any():
        files.fail(
            "clusters._phy_annotation",
            f"of {len(kept)} clusters none is a neuron ({quality} or better); lower quality=…",
        )
    return peak_regions(peaks, probes, channel_probes, locations), kept


def _spikes(files: AlfFolder, n_clusters: int):
    """All spikes at once, in order of time; read from the disk as far as trials need them."""
    times = files.mapped("spikes.times")
    clusters = files.mapped("spikes.clusters")
    if len(times) != len(clusters):
        files.fail(
            "spikes.clusters",
            f"has {len(clusters)} rows, spikes.times has {len(times)}; get both again",
        )

    def fail(_, problem):
        files.fail("spikes.times", problem)

    last = -np.inf
    for first in range(0, max(len(times), 1), _CHECKED_AT_ONCE):
        part = slice(first, first + _CHECKED_AT_ONCE)
        check_times(times[part], fail, "spikes.times")
        if times[first] < last:
            fail(None, f"goes back in time after spike {first - 1}; sort it by time")
        last = times[part][-1]
        units = clusters[part]
        if units.dtype.kind == "f" and (units % 1 != 0).any():
            files.fail("spikes.clusters", "does not hold whole numbers; get it again")
        if units.min() < 0 or units.max() >= n_clusters:
            files.fail(
                "spikes.clusters",
                f"names clusters {units.min():.0f} to {units.max():.0f}, but there are "
                f"{n_clusters}, counted from 0; get the clusters' files again",
            )
    yield times, clusters
