"""The published recordings: each part file is downloaded once and read once.

A broken download goes on where it stopped; a file is trusted only when it has arrived whole, is a
recording and agrees with its recorded checksum. Its 13 sessions are kept as small files without
pickle, which is what later calls open for as long as the part file stays as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from pathlib import Path

import pooch

from .._files import file_hash, read_npz, write_text
from ..session import MAX_BYTES, Session, SessionError
from .steinmetz import (
    SESSIONS_PER_PART,
    locate,
    part_name,
    part_url,
    read_tables,
    session_of,
)
from .transfer import FOLDER_VARIABLE as FOLDER_VARIABLE
from .transfer import Incomplete, append, data_folder, one_at_a_time, told

CHECKSUMS = "checksums.txt"
"""SHA-256 of each downloaded file, recorded at its first complete download (none is published).
``sha256sum -c checksums.txt`` understands it."""

LOCK = ".lock"

# -- one session --------------------------------------------------------------------------------


def load_steinmetz(index: int, folder=None) -> Session:
    """One session from its cached copy or, without one, from the part file that holds it.

    Parameters, errors: as in :func:`pupil_helpers.recordings.load_session`.
    """
    part, place = locate(index)
    part_file = data_folder(folder) / part_name(part)
    if (session := _read_copy(part_file, part, place)) is not None:
        return session
    with one_at_a_time(part_file, LOCK):
        # Another process may have made the copies while this one waited.
        if (session := _read_copy(part_file, part, place)) is not None:
            return session
        _fetch(part, part_file.parent)
        return _read_part(part_file, part, place)


def _copy_path(part_file: Path, part: int, place: int) -> Path:
    return part_file.with_name(f"steinmetz_{part * SESSIONS_PER_PART + place:02d}.npz")


def _read_copy(part_file: Path, part: int, place: int) -> Session | None:
    """The session in a cached copy, if it is whole and the part file has not changed since."""
    copy = _copy_path(part_file, part, place)
    try:
        if part_file.exists():
            stamp = read_npz(copy, MAX_BYTES, {"part_file"}.__contains__)["part_file"]
            if str(stamp) != _stamp(part_file):
                return None
        return Session.load(copy)
    except Exception:  # it is not there, or damaged in any way: it can be made again
        return None


def _stamp(part_file: Path) -> str:
    """Size and time of last change; a hash of the whole file would take longer than the copy."""
    state = part_file.stat()
    return f"{state.st_size} bytes {state.st_mtime_ns} ns"


def _read_part(part_file: Path, part: int, place: int) -> Session:
    """Copy all sessions of a part file, one at a time; return the one at ``place``."""
    stamp, tables = _stamp(part_file), read_tables(part_file, part)
    sha256 = file_hash(part_file)

    def session_at(i: int) -> Session:
        return session_of(tables[i], part_file, part, part * SESSIONS_PER_PART + i, sha256)

    try:
        for i in range(SESSIONS_PER_PART):
            # Nobody has asked for these yet: their flaws are told when somebody does.
            with contextlib.suppress(SessionError), warnings.catch_warnings(action="ignore"):
                session_at(i).save(_copy_path(part_file, part, i), part_file=stamp)
    except OSError as error:
        warnings.warn(f"the session was read, but not cached: {error.strerror}", stacklevel=4)
    return session_at(place)


# -- one part file ------------------------------------------------------------------------------


def fetch_part(part: int, folder=None) -> Path:
    """Get one of the three Neuromatch files, downloading it unless it is there already.

    Parameters
    ----------
    part : {0, 1, 2}
    folder : str or Path, optional
        As in :func:`pupil_helpers.recordings.load_session`.

    Returns
    -------
    Path
        The complete file. If its SHA-256 was recorded before, it has been compared, and a file
        that had changed since has been downloaded again.

    Raises
    ------
    OSError
        As in :func:`pupil_helpers.recordings.load_session`; the message says what to do.
    """
    part_file = data_folder(folder) / part_name(part)
    with one_at_a_time(part_file, LOCK):
        _fetch(part, part_file.parent)
    return part_file


def _fetch(part: int, folder: Path) -> None:
    """See :func:`fetch_part`; the caller holds the lock."""
    name, url = part_name(part), part_url(part)
    half = folder / f"{name}.part"
    there = (folder / name).exists()
    try:
        with told(folder / name, half, url):
            known = _recorded(folder).get(name)
            store = pooch.create(folder, base_url="", registry={name: known}, urls={name: url})
            store.fetch(name, downloader=lambda _, complete, __: _download(part, half, complete))
            if not there and known is None:
                _record(folder, name, file_hash(folder / name))
    except SessionError:  # too little memory to look into it
        raise
    except ValueError:  # pooch: what arrived is not what was recorded
        raise ConnectionError(
            f"{name}: what {url} sends differs from the file recorded in {folder / CHECKSUMS}; "
            f"try again or, if a new version was published, delete the line of {name} there"
        ) from None


def _download(part: int, half: Path, complete: str) -> None:
    """Continue the download that an earlier call may have left in ``half``.

    pooch throws its temporary file, ``complete``, away when a download fails; so the data go to
    a file of our own and become pooch's only when all of them are there.
    """
    total = append(part_url(part), half)
    size = half.stat().st_size
    if total is not None and size < total:  # older versions of urllib3 do not mind
        raise Incomplete(f"{size} of {total} bytes arrived")
    # The size is no proof: the published file may have changed between two halves, or a proxy
    # may have sent something of its own, which must not become the measure of the right file.
    if size != (total or size) or not _is_recording(half, part):
        half.unlink()
        raise Incomplete("what arrived is not the published file, and was deleted")
    os.replace(half, complete)


def _is_recording(path: Path, part: int) -> bool:
    """Whether the file can be read to its end and some session in it can be used."""
    try:
        tables = read_tables(path, part)
    except SessionError as error:
        if isinstance(error.__cause__, MemoryError):  # that says nothing about the file
            raise
        return False
    for i, table in enumerate(tables):
        with contextlib.suppress(SessionError), warnings.catch_warnings(action="ignore"):
            session_of(table, path, part, i, sha256="")
            return True
    return False


# -- the record of checksums ----------------------------------------------------------------------


def _recorded(folder: Path) -> dict[str, str]:
    try:
        text = (folder / CHECKSUMS).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    return {name: digest for digest, name in re.findall(r"(?m)^([0-9a-f]{64}) [ *](.+)$", text)}


def _record(folder: Path, name: str, digest: str) -> None:
    lines = {**_recorded(folder), name: digest}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items()))
    write_text(folder / CHECKSUMS, text)
