"""The published recordings: each part file is downloaded once and read once.

A broken download goes on where it stopped; a file is trusted only when it has arrived whole, is a
recording and agrees with its recorded checksum. Its 13 sessions are kept as small files without
pickle, which is what later calls open for as long as the part file stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pooch
import requests
from tqdm.auto import tqdm

from .._files import file_hash, locked, write_text
from ..session import Session, SessionError
from .steinmetz import (
    SESSIONS_PER_PART,
    locate,
    part_name,
    part_url,
    read_tables,
    table_to_session,
)

FOLDER_VARIABLE = "PUPIL_HELPERS_DATA"
"""Environment variable that moves the folder of downloads and cached sessions."""

CHECKSUMS = "checksums.txt"
"""SHA-256 of each downloaded file, recorded at its first complete download (none is published).
``sha256sum -c checksums.txt`` understands it."""

LOCK = ".lock"

_TIMEOUT = (15, 60)  # seconds to connect, and between two pieces of the file
_CHUNK = 2**20


def data_folder(folder=None) -> Path:
    """The folder of downloads and cached sessions; not created.

    See :func:`pupil_helpers.recordings.load_session`.
    """
    folder = folder or os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("pupil_helpers")
    return Path(folder).expanduser()


# -- one session --------------------------------------------------------------------------------


def load_steinmetz(index: int, folder=None) -> Session:
    """One session from its cached copy or, without one, from the part file that holds it.

    Parameters, errors: as in :func:`pupil_helpers.recordings.load_session`.
    """
    part, place = locate(index)
    part_file = data_folder(folder) / part_name(part)
    if (session := _read_copy(part_file, part, place)) is not None:
        return session
    with _one_at_a_time(part_file):
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
            with np.load(copy, allow_pickle=False) as file:
                if str(file["part_file"]) != _stamp(part_file):
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

    def session_at(i: int) -> Session:
        index = part * SESSIONS_PER_PART + i
        return table_to_session(tables[i], f"{part_file.name}, session index {index}", part)

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
    with _one_at_a_time(part_file):
        _fetch(part, part_file.parent)
    return part_file


@contextlib.contextmanager
def _one_at_a_time(part_file: Path) -> Iterator[None]:
    """Wait while another process works in the same folder.

    A folder that may only be read needs no lock if the file is there: nobody can change it.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(part_file.with_name(LOCK)))
        except OSError as error:
            if not part_file.exists():
                raise _not_stored(part_file, error) from None
        yield


def _fetch(part: int, folder: Path) -> None:
    """See :func:`fetch_part`; the caller holds the lock."""
    name, url = part_name(part), part_url(part)
    half = folder / f"{name}.part"
    by_hand = f"or download {url} in a browser and put it there as {name}"
    there = (folder / name).exists()
    try:
        known = _recorded(folder).get(name)
        store = pooch.create(folder, base_url="", registry={name: known}, urls={name: url})
        store.fetch(name, downloader=lambda _, complete, __: _download(part, half, complete))
        if not there and known is None:
            _record(folder, name, file_hash(folder / name))
    except requests.HTTPError as error:
        reply = error.response
        raise ConnectionError(
            f"{name}: the server answered {reply.status_code} {reply.reason}; try again later, "
            f"{by_hand} (folder {folder})"
        ) from None
    except (requests.RequestException, _Incomplete) as error:
        size = half.stat().st_size / 1e6 if half.exists() else 0
        raise ConnectionError(
            f"{name}: the download did not complete ({_reason(error)}; {size:.1f} MB kept); "
            f"check the network and run this again to go on from there, {by_hand} (folder {folder})"
        ) from None
    except SessionError:  # too little memory to look into it
        raise
    except ValueError:  # pooch: what arrived is not what was recorded
        raise ConnectionError(
            f"{name}: what {url} sends differs from the file recorded in {folder / CHECKSUMS}; "
            f"try again or, if a new version was published, delete the line of {name} there"
        ) from None
    except OSError as error:
        raise _not_stored(folder / name, error) from None


def _not_stored(part_file: Path, error: OSError) -> OSError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return OSError(
        error.errno or errno.EACCES,
        f"{part_file.name}: {'the disk is full' if full else 'could not be stored'} in "
        f"{part_file.parent} ({error.strerror or error}); "
        f"{'free some space' if full else 'make it writable'}, "
        f"or set {FOLDER_VARIABLE} to another folder",
    )


class _Incomplete(Exception):
    """Less, or something else, has arrived than was announced."""


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "the server took too long to answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was lost"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed"
    return " ".join(str(error).split())[:200]


def _download(part: int, half: Path, complete: str) -> None:
    """Continue the download that an earlier call may have left in ``half``.

    pooch throws its temporary file, ``complete``, away when a download fails; so the data go to
    a file of our own and become pooch's only when all of them are there.
    """
    total = _append(part_url(part), half)
    size = half.stat().st_size
    if total is not None and size < total:  # older versions of urllib3 do not mind
        raise _Incomplete(f"{size} of {total} bytes arrived")
    # The size is no proof: the published file may have changed between two halves, or a proxy
    # may have sent something of its own, which must not become the measure of the right file.
    if size != (total or size) or not _is_recording(half, part):
        half.unlink()
        raise _Incomplete("what arrived is not the published file, and was deleted")
    os.replace(half, complete)


def _is_recording(path: Path, part: int) -> bool:
    """Whether the file can be read to its end and some session in it can be used."""
    try:
        tables = read_tables(path, part)
    except SessionError as error:
        if isinstance(error.__cause__, MemoryError):  # that says nothing about the file
            raise
        return False
    for table in tables:
        with contextlib.suppress(SessionError), warnings.catch_warnings(action="ignore"):
            table_to_session(table, path.name, part)
            return True
    return False


def _append(url: str, half: Path) -> int | None:
    """Add to ``half`` what it lacks; return how many bytes it should then have, if known."""
    have = half.stat().st_size if half.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as reply:
        sent = reply.headers.get("Content-Range", "")
        if reply.status_code == 416:  # the published file does not reach beyond what we have
            end = re.fullmatch(r"bytes \*/(\d+)", sent)
            return int(end[1]) if end else None
        reply.raise_for_status()
        span = re.fullmatch(rf"bytes {have}-\d+/(\d+)", sent)
        if reply.status_code == 206 and span:
            total = int(span[1])
        else:  # the whole file, because we have nothing yet or the server does not do ranges
            have = 0
            total = int(reply.headers.get("Content-Length", 0)) or None
        with (
            open(half, "ab" if have else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=half.stem) as bar,
        ):
            for chunk in reply.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    return total


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
