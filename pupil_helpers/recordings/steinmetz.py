"""Real recordings: the Steinmetz et al. (2019) sessions, as Neuromatch publishes them.

The 39 sessions come in three files, each an ``.npz`` whose one array ``dat`` is a pickled list
of tables. They are read through :mod:`pupil_helpers.recordings.unpickle`, so nothing in a file is ever run.

A pickle cannot be entered in the middle, so the whole part file is read through for every session;
the large arrays of the others are dropped on the way, and memory holds two sessions at most.

Source of the recordings: Steinmetz, Zatka-Haas, Carandini & Harris, *Distributed coding of choice,
action and engagement across the mouse brain*, Nature 576, 266–273 (2019).
"""

from __future__ import annotations

import operator
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib import format as npy

from ..session import Session, SessionError
from .unpickle import PickledArray, Refused, load_pickle

N_SESSIONS = 39
"""Sessions in the whole collection, in alphabetical order of mouse and date."""

SESSIONS_PER_PART = 13

OSF = "https://osf.io"
OSF_IDS = ("agvxh", "uv3mw", "ehmw2")
"""Where parts 0, 1 and 2 are published."""

TRIAL_FIELDS = (
    "contrast_left",
    "contrast_right",
    "response",
    "gocue",
    "response_time",
    "feedback_time",
    "feedback_type",
)
"""Fields with one value per trial; they become the columns of ``Session.trials``."""

_MAX_BYTES = 8 * 2**30  # several times a published part: beyond it, a file only wants our memory


def part_name(part: int) -> str:
    """File name of part 0, 1 or 2."""
    return f"steinmetz_part{part}.npz"


def part_url(part: int) -> str:
    """Web address of part 0, 1 or 2."""
    return f"{OSF}/{OSF_IDS[part]}/download"


def locate(index) -> tuple[int, int]:
    """Which part holds a session, and its place in that part.

    Parameters
    ----------
    index : int
        Index of the session in the whole collection, 0 to 38.

    Returns
    -------
    part, place : int

    Raises
    ------
    SessionError
        If ``index`` is not a whole number from 0 to 38.
    """
    return divmod(_check_index(index, N_SESSIONS, "the Steinmetz collection"), SESSIONS_PER_PART)


def read_steinmetz(path, index: int, *, start: float = -0.5) -> Session:
    """Read one session from the Neuromatch files of Steinmetz et al. (2019).

    Parameters
    ----------
    path : str or Path
        A part file (``steinmetz_part0.npz``, ``…part1.npz``, ``…part2.npz``), or the folder that
        holds the parts.
    index : int
        Index of the session in the whole collection, 0 to 38; part 0 holds 0–12, part 1 13–25,
        part 2 26–38. In a file with another name it counts within the file.
    start : float, default -0.5
        Time of the left edge of the first bin, in seconds from stimulus onset. The published
        sessions have 250 bins of 10 ms, of which bin 50 starts at the stimulus.

    Returns
    -------
    Session
        ``spikes`` (trials, bins, neurons); ``pupil`` (trials, bins, 3), where x and y are NaN if
        the file holds the area only; one row of ``trials`` per trial.

    Raises
    ------
    SessionError
        If the index is out of range, the file is damaged or incomplete, asks for something other
        than arrays, or a field is missing or has the wrong shape. The message names the file.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    part, place = None, index
    if path.is_dir():
        part, place = locate(index)
        path = path / part_name(part)
    elif named := re.match(r"steinmetz_part([012])\b", path.name):
        part, place = locate(index)
        if part != int(named[1]):
            first = part * SESSIONS_PER_PART
            raise SessionError(
                f"session index {index} is not in {path.name} but in {part_name(part)}, which "
                f"holds {first} to {first + SESSIONS_PER_PART - 1}; get it from {part_url(part)}"
            )
    source = "where it came from" if part is None else part_url(part)
    again = f"delete it and download it again from {source}"
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; check the path, or get it from {source}")
    dat = _read_dat(path, place, again)
    if part is None:
        place = _check_index(index, len(dat), path.name)
    elif len(dat) != SESSIONS_PER_PART:
        raise SessionError(
            f"{path.name} holds {len(dat)} sessions, not {SESSIONS_PER_PART}; {again}"
        )
    return _to_session(dat[place], f"{path.name}, session index {index}", float(start), again)


def _check_index(index, count: int, what: str) -> int:
    try:
        place = operator.index(index)
    except TypeError:
        place = -1
    if isinstance(index, bool) or not 0 <= place < count:
        raise SessionError(
            f"session index {index!r} is out of range: {what} has {count} sessions, "
            f"0 to {count - 1}"
        )
    return place


# -- from a dict of fields to a Session -------------------------------------------------------


def _to_session(entry, where: str, start: float, again: str) -> Session:
    def fail(name, problem):
        raise SessionError(f"{where}, field {name!r}: {problem}")

    def field(name, kinds, what) -> np.ndarray:
        if name not in entry:
            fail(name, f"is missing; {again}")
        try:
            array = np.asarray(_built(entry[name]))
            if array.dtype.kind in "OS":
                array = array.astype(str if kinds == "U" else np.float64)
        except (AttributeError, TypeError, ValueError) as error:
            fail(name, f"does not hold {what} ({_one_line(error)}); {again}")
        if array.dtype.kind not in kinds:
            fail(name, f"has dtype {array.dtype}, expected {what}")
        return array

    def numbers(name) -> np.ndarray:
        return field(name, "fiub", "numbers")

    def one(array, name):
        if array.size != 1:
            fail(name, f"has shape {array.shape}, expected one value")
        return array.item()

    if not isinstance(entry, dict):
        raise SessionError(f"{where}: is not a table of fields; {again}")

    spks = numbers("spks")
    if spks.ndim != 3:
        fail("spks", f"has shape {spks.shape}, expected (neurons, trials, bins)")
    n_neurons, n_trials, n_bins = spks.shape

    recorded = numbers("pupil")
    if recorded.shape not in {(3, n_trials, n_bins), (1, n_trials, n_bins)}:
        fail(
            "pupil",
            f"has shape {recorded.shape}, expected (3, {n_trials}, {n_bins}) for area, x, y "
            f"or (1, {n_trials}, {n_bins}) for area only, like spks {spks.shape}",
        )
    pupil = np.full((n_trials, n_bins, 3), np.nan, dtype=np.float32)
    pupil[..., : len(recorded)] = recorded.transpose(1, 2, 0)  # (T, B, 1 or 3)

    regions = field("brain_area", "U", "names")
    if regions.shape != (n_neurons,):
        fail("brain_area", f"has shape {regions.shape}, expected ({n_neurons},): one per neuron")

    trials = {}
    for name in TRIAL_FIELDS:
        values = numbers(name)
        if values.shape not in {(n_trials,), (n_trials, 1), (1, n_trials)}:
            fail(name, f"has shape {values.shape}, expected ({n_trials},): one value per trial")
        trials[name] = values.ravel()  # (T,)

    mouse, date = (one(field(name, "U", "text"), name) for name in ("mouse_name", "date_exp"))
    bin_size = float(one(numbers("bin_size"), "bin_size"))
    try:
        return Session(
            pupil=pupil,
            spikes=np.ascontiguousarray(spks.transpose(1, 2, 0)),  # (T, B, N)
            regions=regions,
            bin_size=bin_size,
            trials=pd.DataFrame(trials),
            name=f"{mouse} {date}",
            start=start,
        )
    except SessionError as error:
        raise SessionError(f"{where}: {error}") from None


# -- the file ---------------------------------------------------------------------------------


def _read_dat(path: Path, place: int, again: str) -> list:
    """The sessions in a part file; only the one at ``place`` has its large arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            if "dat.npy" not in archive.namelist():
                raise ValueError("it has no array 'dat'")
            if archive.getinfo("dat.npy").file_size > _MAX_BYTES:
                raise ValueError("it would unpack to more than 8 GB")
            with archive.open("dat.npy") as member:
                return _read_objects(member, place)
    except Refused as error:
        raise SessionError(
            f"{path.name} asks for {_one_line(error)}, which no recording needs; it was refused "
            f"and nothing was run; {again}"
        ) from None
    except PermissionError:
        raise SessionError(f"{path} may not be read; change its permissions") from None
    except MemoryError:
        raise SessionError(
            f"not enough memory to read {path.name}; close other programs or, if that does not "
            f"help, {again}"
        ) from None
    except Exception as error:  # a damaged pickle can fail in any way
        raise SessionError(
            f"{path.name} is damaged or incomplete ({_one_line(error)}); {again}"
        ) from None


def _read_objects(member, place: int) -> list:
    version = npy.read_magic(member)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"npy version {version}")
    dtype = read_header[version](member)[2]
    if not dtype.hasobject:
        raise ValueError(f"'dat' has dtype {dtype}, not one table per session")
    dat = load_pickle(member, keep=place)
    # Reading to the end also makes zipfile compare the checksum of the whole array.
    if member.read(1):
        raise ValueError("there is something after the last session")
    dat = _built(dat)
    if not isinstance(dat, np.ndarray) or not dat.dtype.hasobject or dat.ndim != 1:
        raise ValueError("'dat' is not a list of sessions")
    return dat.tolist()


def _built(value):
    return value.build() if isinstance(value, PickledArray) else value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
