"""Real recordings: the Steinmetz et al. (2019) sessions, as Neuromatch publishes them.

The 39 sessions come in three files, each an ``.npz`` whose one array ``dat`` is a pickled list
of tables. They are read through :mod:`pupil_helpers.recordings.unpickle`, so nothing in a file is
ever run. A pickle cannot be entered in the middle: the whole part file is read for one session, and
:func:`pupil_helpers.recordings.load_session` makes pickle-free copies of all 13 while it is there.

Source of the recordings: Steinmetz, Zatka-Haas, Carandini & Harris, *Distributed coding of choice,
action and engagement across the mouse brain*, Nature 576, 266–273 (2019).
"""

from __future__ import annotations

import contextlib
import operator
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from .._files import TooLarge, check_size, npy_header
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

MAX_BYTES = 8 * 2**30
"""Memory that a part file may ask for, unless the caller allows more: several times its own."""


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


def read_steinmetz(path, index: int, *, start: float = -0.5, max_bytes: int = MAX_BYTES) -> Session:
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
    max_bytes : int, default 8 * 2**30
        Refuse a file that would unpack to more than this: a small one can fill the memory.

    Returns
    -------
    Session
        ``spikes`` (trials, bins, neurons); ``pupil`` (trials, bins, 3), where x and y are NaN if
        the file holds the area only; one row of ``trials`` per trial.

    Raises
    ------
    SessionError
        If the index is out of range, the file is damaged, incomplete or too large, asks for
        something other than arrays, or a field is missing or has the wrong shape. The message
        names the file.
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
    tables = read_tables(path, part, max_bytes)
    if part is None:
        place = _check_index(index, len(tables), path.name)
    return table_to_session(tables[place], f"{path.name}, session index {index}", part, start)


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


def table_to_session(table, where: str, part: int | None, start: float = -0.5) -> Session:
    """Make a :class:`Session` of one table of part ``part`` (see :func:`read_tables`).

    Raises
    ------
    SessionError
        If a field is missing or wrong; the message begins with ``where``.
    """

    again = _again(part)

    def fail(name, problem):
        raise SessionError(f"{where}, field {name!r}: {problem}")

    def field(name, kinds="fiub", what="numbers") -> np.ndarray:
        if name not in table:
            fail(name, f"is missing; {again}")
        try:
            array = np.asarray(_built(table[name]))
            if array.dtype.kind in "OS":
                array = array.astype(str if kinds == "U" else np.float64)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            fail(name, f"does not hold {what} ({_one_line(error)}); {again}")
        if array.dtype.kind not in kinds:
            fail(name, f"has dtype {array.dtype}, expected {what}")
        return array

    def one(array, name):
        if array.size != 1:
            fail(name, f"has shape {array.shape}, expected one value")
        return array.item()

    if not isinstance(table, dict):
        raise SessionError(f"{where}: is not a table of fields; {again}")

    spks = field("spks")
    if spks.ndim != 3:
        fail("spks", f"has shape {spks.shape}, expected (neurons, trials, bins)")
    n_neurons, n_trials, n_bins = spks.shape

    recorded = field("pupil")
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
        values = field(name)
        if values.shape not in {(n_trials,), (n_trials, 1), (1, n_trials)}:
            fail(name, f"has shape {values.shape}, expected ({n_trials},): one value per trial")
        trials[name] = values.ravel()  # (T,)

    mouse, date = (one(field(name, "U", "text"), name) for name in ("mouse_name", "date_exp"))
    bin_size = float(one(field("bin_size"), "bin_size"))
    try:
        return Session(
            pupil=pupil,
            spikes=np.ascontiguousarray(spks.transpose(1, 2, 0)),  # (T, B, N)
            regions=regions,
            bin_size=bin_size,
            trials=pd.DataFrame(trials),
            name=f"{mouse} {date}",
            start=float(start),
        )
    except SessionError as error:
        raise SessionError(f"{where}: {error}") from None


# -- the file ---------------------------------------------------------------------------------


def read_tables(path, part: int | None = None, max_bytes: int = MAX_BYTES) -> list:
    """The tables of a part file, one for each session, each for :func:`table_to_session`.

    The whole file is read and checked before anything is returned. The arrays in the tables are
    :class:`~pupil_helpers.recordings.unpickle.PickledArray`.

    Parameters
    ----------
    path : str or Path
    part : {0, 1, 2}, optional
        Which part it is, so that messages can say where to get it again.
    max_bytes : int, default 8 * 2**30
        As for :func:`read_steinmetz`.

    Raises
    ------
    SessionError, FileNotFoundError
        As for :func:`read_steinmetz`.
    """
    path = Path(path)
    again = _again(part)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; check the path, or get it from {_source(part)}"
        )
    try:
        tables = _read_dat(path, max_bytes)
    except TooLarge as error:
        raise SessionError(f"{error}, or {again}") from None
    except Refused as error:
        raise SessionError(
            f"{path.name} asks for {_one_line(error)}, which no recording needs; it was refused "
            f"and nothing was run; {again}"
        ) from None
    except PermissionError:
        raise SessionError(f"{path} may not be read; change its permissions") from None
    except MemoryError as error:
        raise SessionError(
            f"not enough memory to read {path.name}; close other programs or, if that does not "
            f"help, {again}"
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise SessionError(
            f"{path.name} is damaged or incomplete ({_one_line(error)}); {again}"
        ) from None
    if part is not None and len(tables) != SESSIONS_PER_PART:
        raise SessionError(
            f"{path.name} holds {len(tables)} sessions, not {SESSIONS_PER_PART}; {again}"
        )
    return tables


def _read_dat(path: Path, max_bytes: int) -> list:
    with zipfile.ZipFile(path) as archive:
        if "dat.npy" not in archive.namelist():
            raise ValueError("it has no array 'dat'")
        check_size(path, max_bytes)
        dat = _built(load_pickle(lambda: _pickle_in(archive)))
    if not isinstance(dat, np.ndarray) or not dat.dtype.hasobject or dat.ndim != 1:
        raise ValueError("'dat' is not a list of sessions")
    return dat.tolist()


@contextlib.contextmanager
def _pickle_in(archive: zipfile.ZipFile):
    with archive.open("dat.npy") as member:
        _, dtype = npy_header(member)
        if not dtype.hasobject:
            raise ValueError(f"'dat' has dtype {dtype}, not one table per session")
        yield member


def _source(part: int | None) -> str:
    return "where it came from" if part is None else part_url(part)


def _again(part: int | None) -> str:
    return f"delete it and download it again from {_source(part)}"


def _built(value):
    return value.build() if isinstance(value, PickledArray) else value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
