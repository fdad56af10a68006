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

from .._files import TooLarge, check_archive, file_hash, npy_header, one_line
from ..session import Session, SessionError
from .part_table import built, table_to_session
from .provenance import provenance
from .unpickle import Refused, load_pickle

N_SESSIONS = 39
"""Sessions in the whole collection, in alphabetical order of mouse and date."""

SESSIONS_PER_PART = 13

OSF = "https://osf.io"
OSF_IDS = ("agvxh", "uv3mw", "ehmw2")
"""Where parts 0, 1 and 2 are published."""

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
    return divmod(check_index(index, N_SESSIONS, "the Steinmetz collection"), SESSIONS_PER_PART)


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
        place = check_index(index, len(tables), path.name)
    return session_of(tables[place], path, part, index, file_hash(path), start)


def session_of(table, path: Path, part: int | None, index, sha256: str, start=-0.5) -> Session:
    """The session of one table of a part file, with its provenance.

    Errors: as :func:`pupil_helpers.recordings.part_table.table_to_session`.
    """
    settings = {"index": operator.index(index), "start": start}
    return table_to_session(
        table,
        f"{path.name}, session index {index}",
        again(part),
        start,
        provenance(path.name, sha256, "read_steinmetz", settings),
    )


def check_index(index, count: int, what: str) -> int:
    """The index as an int; a ``SessionError`` unless it is a whole number from 0 to count - 1."""
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


# -- the file ---------------------------------------------------------------------------------


def read_tables(path, part: int | None = None, max_bytes: int = MAX_BYTES) -> list:
    """The tables of a part file, one for each session, each for ``table_to_session``.

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
    get_again = again(part)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; check the path, or get it from {_source(part)}"
        )
    try:
        tables = _read_dat(path, max_bytes)
    except TooLarge as error:
        raise SessionError(f"{error}, or {get_again}") from None
    except Refused as error:
        raise SessionError(
            f"{path.name} asks for {one_line(error)}, which no recording needs; it was refused "
            f"and nothing was run; {get_again}"
        ) from None
    except PermissionError:
        raise SessionError(f"{path} may not be read; change its permissions") from None
    except MemoryError as error:
        raise SessionError(
            f"not enough memory to read {path.name}; close other programs or, if that does not "
            f"help, {get_again}"
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise SessionError(
            f"{path.name} is damaged or incomplete ({one_line(error)}); {get_again}"
        ) from None
    if part is not None and len(tables) != SESSIONS_PER_PART:
        raise SessionError(
            f"{path.name} holds {len(tables)} sessions, not {SESSIONS_PER_PART}; {get_again}"
        )
    return tables


def _read_dat(path: Path, max_bytes: int) -> list:
    with zipfile.ZipFile(path) as archive:
        if "dat.npy" not in archive.namelist():
            raise ValueError("it has no array 'dat'")
        check_archive(path, max_bytes)
        dat = built(load_pickle(lambda: _pickle_in(archive)))
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


def again(part: int | None) -> str:
    """How an error ends: where to get a file again."""
    return f"delete it and download it again from {_source(part)}"
