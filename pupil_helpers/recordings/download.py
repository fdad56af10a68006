"""Where sessions come from: one call, whether simulated or recorded.

Recordings are downloaded once. A broken download goes on where it stopped; a file is trusted
only when it has arrived whole and its checksums agree; and every session that has been read is
kept as a small file without pickle, which is what later calls open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import warnings
import zipfile
from pathlib import Path

import pooch
import requests
from tqdm.auto import tqdm

from ..session import Session, SessionError
from .steinmetz import locate, part_name, part_url, read_steinmetz

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None

SOURCES = ("simulated", "steinmetz")

FOLDER_VARIABLE = "PUPIL_HELPERS_DATA"
"""Environment variable that moves the folder of downloads and cached sessions."""

CHECKSUMS = "checksums.txt"
"""SHA-256 of each downloaded file, recorded at its first complete download (none is published).
``sha256sum -c checksums.txt`` understands it."""

_TIMEOUT = (15, 60)  # seconds to connect, and between two pieces of the file
_CHUNK = 2**20


def load_session(name: str = "simulated", *, index: int = 12, folder=None, **options) -> Session:
    """Get a session, from the simulator or from the published recordings.

    Parameters
    ----------
    name : {"simulated", "steinmetz"}
        ``"simulated"`` makes a session with a known truth, without any download.
        ``"steinmetz"`` gets a real one (Steinmetz et al., Nature 2019) from the Neuromatch files.
    index : int, default 12
        Which recording, 0 to 38; the simulator does not look at it. The default is the one that
        the original PupilEncoder used: mouse Lederberg, 2017-12-06.
    folder : str or Path, optional
        Where downloads and cached sessions are kept. By default the folder that the environment
        variable ``PUPIL_HELPERS_DATA`` names or, without it, the user's cache folder. A part file
        that is in the folder already is used as it is.
    **options
        Passed on to :func:`pupil_helpers.recordings.simulate.simulate_session`, such as ``seed=0``.

    Returns
    -------
    Session

    Raises
    ------
    SessionError
        If the name, the index or an option is unknown, or the downloaded file is damaged.
    OSError
        If there is no network, the server fails (``ConnectionError``), or the folder is full or
        cannot be written. What has arrived so far is kept for the next call to complete, but
        nothing incomplete is ever read.
    """
    if name == "simulated":
        from .simulate import simulate_session

        return simulate_session(**options)
    if name != "steinmetz":
        raise SessionError(
            f"unknown source {name!r}; choose one of {', '.join(map(repr, SOURCES))}, or open a "
            "session file of your own with Session.load(path)"
        )
    if options:
        raise SessionError(f"'steinmetz' takes index and folder, but not {', '.join(options)}")
    return _load_steinmetz(index, data_folder(folder))


def data_folder(folder=None) -> Path:
    """The folder of downloads and cached sessions (see :func:`load_session`); not created."""
    folder = folder or os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("pupil_helpers")
    return Path(folder).expanduser()


def _load_steinmetz(index: int, folder: Path) -> Session:
    part, place = locate(index)
    copy = folder / f"steinmetz_{place + 13 * part:02d}.npz"
    # A damaged copy is no reason to stop: it can be made again from the part file.
    with contextlib.suppress(SessionError, FileNotFoundError):
        return Session.load(copy)
    session = read_steinmetz(fetch_part(part, folder), index)
    try:
        session.save(copy)
    except OSError as error:
        warnings.warn(f"the session was read, but not cached: {error.strerror}", stacklevel=3)
    return session


# -- one part file ------------------------------------------------------------------------------


def fetch_part(part: int, folder=None) -> Path:
    """Get one of the three Neuromatch files, downloading it unless it is there already.

    Parameters
    ----------
    part : {0, 1, 2}
    folder : str or Path, optional
        As in :func:`load_session`.

    Returns
    -------
    Path
        The complete file. If its SHA-256 was recorded before, it has been compared, and a file
        that had changed since has been downloaded again.

    Raises
    ------
    OSError
        As in :func:`load_session`; the message says what to do.
    """
    folder = data_folder(folder)
    name, url = part_name(part), part_url(part)
    part_file = folder / f"{name}.part"
    by_hand = f"or download {url} in a browser and put it there as {name}"
    there = (folder / name).exists()
    try:
        with contextlib.nullcontext() if there else _one_at_a_time(folder):
            known = _recorded(folder).get(name)
            store = pooch.create(folder, base_url="", registry={name: known}, urls={name: url})
            store.fetch(name, downloader=lambda _, out, __: _download(url, part_file, out))
            if not there and known is None:
                _record(folder, name, pooch.file_hash(folder / name))
        return folder / name
    except requests.HTTPError as error:
        reply = error.response
        raise ConnectionError(
            f"{name}: the server answered {reply.status_code} {reply.reason}; try again later, "
            f"{by_hand} (folder {folder})"
        ) from None
    except (requests.RequestException, _Incomplete) as error:
        size = part_file.stat().st_size / 1e6 if part_file.exists() else 0
        raise ConnectionError(
            f"{name}: the download did not complete ({_reason(error)}; {size:.1f} MB kept); "
            f"check the network and run this again to go on from there, {by_hand} (folder {folder})"
        ) from None
    except ValueError:  # pooch: what arrived is not what was recorded
        raise ConnectionError(
            f"{name}: what {url} sends differs from the file recorded in {folder / CHECKSUMS}; "
            f"try again or, if a new version was published, delete the line of {name} there"
        ) from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise OSError(
            error.errno or errno.EACCES,
            f"{name}: {'the disk is full' if full else 'could not be stored'} in {folder} "
            f"({error.strerror or error}); {'free some space' if full else 'make it writable'}, "
            f"or set {FOLDER_VARIABLE} to another folder",
        ) from None


@contextlib.contextmanager
def _one_at_a_time(folder: Path):
    """Wait while another process downloads to the same folder, where the system can tell."""
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network drives have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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


def _download(url: str, part: Path, complete: str) -> None:
    """Continue the download that an earlier call may have left in ``part``.

    pooch throws its temporary file, ``complete``, away when a download fails; so the data go to
    a file of our own and become pooch's only when all of them are there.
    """
    total = _append(url, part)
    size = part.stat().st_size
    if total is not None and size < total:  # older versions of urllib3 do not mind
        raise _Incomplete(f"{size} of {total} bytes arrived")
    # The size is no proof: the published file may have changed between two halves, or a proxy
    # may have sent a page of its own. The checksums inside the archive are.
    try:
        with zipfile.ZipFile(part) as archive:
            whole = archive.testzip() is None and size == (total or size)
    except Exception:  # a damaged archive can fail in any way
        whole = False
    if not whole:
        part.unlink()
        raise _Incomplete("what arrived is not the published file, and was deleted")
    os.replace(part, complete)


def _append(url: str, part: Path) -> int | None:
    """Add to ``part`` what it lacks; return how many bytes it should then have, if known."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as reply:
        sent = reply.headers.get("Content-Range", "")
        if reply.status_code == 416 and sent == f"bytes */{have}":
            return have  # it was complete already
        if reply.status_code == 416:
            part.unlink()  # longer than the published file, so not a piece of it
            raise _Incomplete("an earlier piece did not fit, and was deleted")
        reply.raise_for_status()
        span = re.fullmatch(rf"bytes {have}-\d+/(\d+)", sent)
        if reply.status_code == 206 and span:
            total = int(span[1])
        else:  # the whole file, because we have nothing yet or the server does not do ranges
            have = 0
            total = int(reply.headers.get("Content-Length", 0)) or None
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem) as bar,
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
    temporary = folder / f".{CHECKSUMS}.part"
    temporary.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items())))
    os.replace(temporary, folder / CHECKSUMS)
