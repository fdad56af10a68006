"""NWB files: DANDI 000017 as it is published, and files of the common layout.

A damaged HDF5 file can crash the library that reads it, or keep it busy for ever. So the file is
read in a process of its own (:mod:`pupil_helpers.recordings.nwb_file`), which hands over a finished
session, and whose end is no worse than an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from ..session import BIN_SIZE, Session, SessionError
from .cut import MAX_BYTES, Window, check_choices
from .nwb_file import read_here

ERRORS = {error.__name__: error for error in (SessionError, FileNotFoundError, ImportError)}

# No thread pools; "::" forbids the HDF5 library to load filters.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}

_SECONDS = 20  # of computing, and a second more for every 5 MB: far more than it takes
_BYTES_A_SECOND = 5_000_000
_BESIDES = 4 * 2**30  # bytes of address space for Python and its libraries


def read_nwb(
    path, *, onset: str | None = None, area: str | None = None, xy: str | None = None,
    region: str | None = None, quality: int = 2, start: float = -0.5, n_bins: int = 250,
    bin_size: float = BIN_SIZE, pupil: str = "sample", faults: str = "refuse",
    name: str | None = None, max_bytes: int = MAX_BYTES,
) -> Session:  # fmt: skip
    """Read a recording from an NWB file, and cut it into trials and bins.

    Parameters
    ----------
    path : str or Path
    onset : str, optional
        Column of the trial table with each trial's onset. By default ``visual_stimulus_time`` or,
        without it, ``start_time``.
    area, xy : str, optional
        Names, or paths in the file, of the series with the pupil's area (or diameter), one value
        per sample, and of its position, (samples, 2). By default what is in a ``PupilTracking`` or
        ``EyeTracking`` of any processing module, or under acquisition.
    region : str, optional
        Column of the unit table with each unit's region. By default the location of the electrode
        at the unit's ``peak_channel``, or of the first of its ``electrodes``; without those a
        column called region, brain_region, brain_area or location, or the location of the unit's
        group.
    quality : int, default 2
        Least ``phy_annotations`` of a neuron, where the file has them.
    start, n_bins, bin_size : float, int, float
        Which part of the recording belongs to a trial: 250 bins of 10 ms from 0.5 s before its
        onset, as Neuromatch cut them.
    pupil : {"sample", "linear"}
        How the pupil is read at the centre of a bin: see
        :data:`pupil_helpers.recordings.streams.PUPIL`.
    faults : {"refuse", "drop"}
        What to do about spikes before time 0, trials that are not wholly within the recording and
        neurons without a region: refuse the file, or leave them out with a warning.
    name : str, optional
        What to call the session; by default the file's identifier.
    max_bytes : int, default 8 * 2**30
        Refuse a file that asks for more memory than this.

    Returns
    -------
    Session
        ``pupil`` in the file's own units. ``trials`` has a row per trial: columns named ``…_time``,
        and ``gocue``, are in seconds from the trial's onset, ``onset`` is on the file's clock.

    Raises
    ------
    SessionError
        If the file is damaged, unsafe or too large, or something is missing or wrong in it. The
        message names file and field.
    FileNotFoundError
        If there is no such file.
    ImportError
        Without pynwb and h5py: ``pip install "pupil-helpers[nwb]"``.
    """
    check_choices(pupil, faults)
    Window(start, n_bins, bin_size)
    options = {
        "onset": onset,
        "area": area,
        "xy": xy,
        "region": region,
        "quality": quality,
        "start": start,
        "n_bins": n_bins,
        "bin_size": bin_size,
        "pupil": pupil,
        "faults": faults,
        "name": name,
        "max_bytes": max_bytes,
    }
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; check the path")
    with tempfile.TemporaryDirectory(prefix="pupil_helpers_") as folder:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(path.absolute()), folder],
            input=json.dumps(options, default=lambda value: value.item()),  # numpy's numbers
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
        told = Path(folder) / "told.json"
        if not told.exists():
            last = (done.stderr.strip().splitlines() or ["no word"])[-1][:200]
            raise SessionError(
                f"{path.name} is damaged: reading it ended in the HDF5 library (code "
                f"{done.returncode}, {last}); get the file again"
            )
        said = json.loads(told.read_text("utf-8"))
        for message in said["warnings"]:
            warnings.warn(message, stacklevel=2)
        if said["error"]:
            raise ERRORS[said["error"]](said["message"]) from None
        with warnings.catch_warnings(action="ignore"):  # of wild samples: told already
            return Session.load(Path(folder) / "session.npz", max_bytes=sys.maxsize)


def _child(path: str, folder: str, options: dict) -> None:
    """Read the file; leave the session, or what is wrong, in the folder."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        seconds = _SECONDS + os.stat(path).st_size // _BYTES_A_SECOND
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        size = options["max_bytes"] + _BESIDES
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    said = {"warnings": [], "error": "", "message": ""}
    try:
        with warnings.catch_warnings(record=True, action="always", category=UserWarning) as caught:
            read_here(path, **options).save(Path(folder) / "session.npz")
    except tuple(ERRORS.values()) as error:
        said |= {"error": type(error).__name__, "message": str(error)}
    said["warnings"] = [str(warning.message) for warning in caught]
    (Path(folder) / "told.json").write_text(json.dumps(said), "utf-8")


if __name__ == "__main__":
    _child(*sys.argv[1:], json.load(sys.stdin))
