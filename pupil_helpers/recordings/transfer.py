"""Downloads that go on where they stopped, and the folder that they go to."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pooch
import requests
from tqdm.auto import tqdm

from .._files import locked, one_line

FOLDER_VARIABLE = "PUPIL_HELPERS_DATA"
"""Environment variable that moves the folder of downloads and cached sessions."""

TIMEOUT = (15, 60)  # seconds to connect, and between two pieces of the file
CHUNK = 2**20


def data_folder(folder=None) -> Path:
    """The folder of downloads and cached sessions; not created.

    See :func:`pupil_helpers.recordings.load_session`.
    """
    folder = folder or os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("pupil_helpers")
    return Path(folder).expanduser()


@contextlib.contextmanager
def one_at_a_time(path: Path, lock: str) -> Iterator[None]:
    """Wait while another process holds the lock file beside ``path``.

    A folder that may only be read needs no lock if the file is there: nobody can change it.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path.with_name(lock)))
        except OSError as error:
            if not path.exists():
                raise not_stored(path, error) from None
        yield


def not_stored(path: Path, error: OSError) -> OSError:
    """The same error, with what to do about it."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return OSError(
        error.errno or errno.EACCES,
        f"{path.name}: {'the disk is full' if full else 'could not be stored'} in "
        f"{path.parent} ({error.strerror or error}); "
        f"{'free some space' if full else 'make it writable'}, "
        f"or set {FOLDER_VARIABLE} to another folder",
    )


class Incomplete(Exception):
    """Less, or something else, has arrived than was announced."""


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "the server took too long to answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was lost"
    if isinstance(error, requests.ConnectionError):
        return "the connection failed"
    return one_line(error)


@contextlib.contextmanager
def told(path: Path, half: Path, url: str) -> Iterator[None]:
    """Turn what goes wrong in a download into one line that says what to do.

    Raises
    ------
    OSError
        ``ConnectionError`` if network or server fail; what has arrived is in ``half``.
    """
    by_hand = f"or download {url} in a browser and put it there as {path.name}"
    try:
        yield
    except requests.HTTPError as error:
        reply = error.response
        raise ConnectionError(
            f"{path.name}: the server answered {reply.status_code} {reply.reason}; try again "
            f"later, {by_hand} (folder {path.parent})"
        ) from None
    except (requests.RequestException, Incomplete) as error:
        size = half.stat().st_size / 1e6 if half.exists() else 0
        raise ConnectionError(
            f"{path.name}: the download did not complete ({_reason(error)}; {size:.1f} MB kept); "
            f"check the network and run this again to go on from there, {by_hand} "
            f"(folder {path.parent})"
        ) from None
    except OSError as error:
        raise not_stored(path, error) from None


def append(url: str, half: Path) -> int | None:
    """Add to ``half`` what it lacks; return how many bytes it should then have, if known."""
    have = half.stat().st_size if half.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as reply:
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
            for chunk in reply.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    return total
