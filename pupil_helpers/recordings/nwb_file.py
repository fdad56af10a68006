"""What :func:`pupil_helpers.recordings.nwb.read_nwb` does in a process of its own.

The file is looked through first (:mod:`pupil_helpers.recordings.hdf5`), then opened and validated
by pynwb, and its arrays are read by h5py, as far as they are needed.
"""

from __future__ import annotations

import contextlib
import re
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from .._files import file_hash, one_line
from ..session import BIN_SIZE, Session
from .cut import MAX_BYTES, Recording, Window, check_choices, cut
from .hdf5 import MISSING, TEXTS, SafeFile, h5py_module, opened
from .memory import little_memory
from .nwb_eye import eye_streams
from .nwb_units import columns, listed, regions_of, spikes_of, units_of
from .provenance import provenance

TRIALS = "intervals/trials"

BUILDERS = "GroupBuilder", "DatasetBuilder", "LinkBuilder"
"""What pynwb makes of the objects of a file, before it makes what they stand for."""

HEAD = "identifier", "session_description", "session_start_time", "file_create_date"

ONSETS = "visual_stimulus_time", "start_time"
"""Columns of the trial table that may hold a trial's onset, the first that is there."""

RENAMED = {
    "visual_stimulus_left_contrast": "contrast_left",
    "visual_stimulus_right_contrast": "contrast_right",
    "response_choice": "response",
    "go_cue": "gocue",
    "response_time": "response_time",
    "feedback_time": "feedback_time",
    "feedback_type": "feedback_type",
}
"""Columns of DANDI 000017 under the names that Neuromatch gave them; in this order, and first."""


def read_here(
    path, *, onset=None, area=None, xy=None, region=None, quality=2, start=-0.5, n_bins=250,
    bin_size=BIN_SIZE, pupil="sample", faults="refuse", name=None, max_bytes=MAX_BYTES,
) -> Session:  # fmt: skip
    """As :func:`pupil_helpers.recordings.nwb.read_nwb`, but in this process.

    A damaged file can make the HDF5 library crash, or never return.
    """
    check_choices(pupil, faults)
    window = Window(start, n_bins, bin_size)
    path = Path(path).expanduser()
    with opened(path, max_bytes) as file:
        eye = eye_streams(file, area, xy)
        onset_field, onsets, trials = _trials(file, onset)
        probes, kept = units_of(file, quality)
        region_field, regions = regions_of(file, region, probes)
        _check_head(file)
        remarks = _open_with_pynwb(file, path)  # last: what is found above is told more clearly
        settings = {
            "onset": onset_field,
            "area": eye["area"] and eye["area"].field,
            "xy": eye["xy"] and eye["xy"].field,
            "region": region_field,
            "quality": quality,
            "start": start,
            "n_bins": n_bins,
            "bin_size": bin_size,
            "pupil": pupil,
            "faults": faults,
            "validation": remarks,
        }
        recording = Recording(
            where=path.name,
            name=name or _session_name(file, path),
            **eye,
            onsets=onsets,
            trials=trials,
            regions=regions,
            kept=kept,
            spikes=lambda: spikes_of(file, len(kept)),
            onset_field=onset_field,
            region_field=region_field,
            spike_field="units/spike_times",
            max_bytes=max_bytes,
            provenance=provenance(path.name, file_hash(path), "read_nwb", settings),
        )
        return cut(recording, window, pupil, faults)


def _check_head(file: SafeFile) -> None:
    """Refuse a file that lacks a text which pynwb needs: pynwb does not say which it was."""
    for name in HEAD:
        data = file.dataset(name)
        if data is None:
            file.fail(name, "is missing, which every NWB file has; mend the file, or get it again")
        if data.dtype.kind not in "SO":
            file.fail(name, f"has dtype {data.dtype}, expected text; save it so")


def _open_with_pynwb(file: SafeFile, path: Path) -> str:
    """Let pynwb open and validate the file; return what it remarks on, in one line.

    Published files break the standard here and there, DANDI 000017 among them: that is told in
    the session's provenance and is no reason to refuse them.
    """
    try:
        import pynwb
    except ImportError:
        raise ImportError(MISSING) from None
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        stack.enter_context(little_memory(TEXTS * path.stat().st_size))
        try:
            io = stack.enter_context(pynwb.NWBHDF5IO(path, "r"))
            io.read()
            errors = pynwb.validate(io=io)
        except Exception as error:  # a damaged file can fail in any way
            place, cause = _place_and_cause(error)
            file.fail(place, f"pynwb cannot take it ({cause}); mend the file, or get it again")
    if not errors:
        return ""
    return f"{len(errors)} remark(s), first: {one_line(errors[0])}"


def _place_and_cause(error: Exception) -> tuple[str, str]:
    """Path of the object that pynwb was at, and what it was in the end, in one line.

    Few of pynwb's errors name the object, and some print whole groups. But the function that
    failed, or one of those that called it, has the object among its variables.
    """
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    cause = one_line(chain[-1])
    if isinstance(chain[-1], KeyError) and " " not in cause:
        cause = f"there is no {cause}"
    for part in reversed(chain):
        for frame in reversed([frame for frame, _ in traceback.walk_tb(part.__traceback__)]):
            if paths := list(filter(None, map(_path_of, frame.f_locals.values()))):
                return max(paths, key=len).removeprefix("root"), cause
    return "/", cause


def _path_of(value) -> str | None:
    """Path of an object of an open file, as h5py has it or as pynwb has read it."""
    with contextlib.suppress(Exception):  # what h5py cannot name is not it
        if type(value).__name__ in BUILDERS:
            return value.path
        if isinstance(value, h5py_module().HLObject):
            return value.name
    return None


def _session_name(file: SafeFile, path: Path) -> str:
    identifier = file.text("identifier") or path.stem
    return re.sub(r"_(?=\d{4}-\d\d-\d\d$)", " ", identifier)  # Cori_2016-12-14


# -- trials ---------------------------------------------------------------------------------------


def _trials(file: SafeFile, onset: str | None) -> tuple[str, np.ndarray, pd.DataFrame]:
    """Field, onsets (trials,) and table of the trials."""
    names = columns(file, TRIALS)
    if onset is None:
        onset = next((known for known in ONSETS if known in names), None)
    if onset not in names:
        wanted = f"no column {onset!r}" if onset else "no column that is an onset"
        file.fail(TRIALS, f"has {wanted}; name one by onset=…, it has {listed(names)}")
    field = f"{TRIALS}/{onset}"
    onsets = file.numbers(field).astype(float)
    if not len(onsets):
        file.fail(field, "is empty: there are no trials; get the file again")
    table = {"onset": onsets}
    for column in names:
        values = _trial_column(file, f"{TRIALS}/{column}", len(onsets))
        if values is None or column == onset:
            continue
        if (column.endswith("_time") or column == "go_cue") and values.dtype.kind in "fiu":
            values = values - onsets
        table[RENAMED.get(column, column)] = values
    order = [new for new in RENAMED.values() if new in table]
    order += [column for column in table if column not in order]
    return field, onsets, pd.DataFrame({column: table[column] for column in order})


def _trial_column(file: SafeFile, field: str, n_trials: int) -> np.ndarray | None:
    """A column with one number or text per trial; None for any other."""
    data = file.dataset(field)
    if data is None or data.shape not in {(n_trials,), (n_trials, 1)}:
        return None
    if file.dataset(f"{field}_index") is not None or field.endswith("_index"):
        return None  # several values per trial
    if data.dtype.kind in "fiub":
        return file.numbers(field)
    return file.texts(field) if data.dtype.kind in "SO" and data.ndim == 1 else None
