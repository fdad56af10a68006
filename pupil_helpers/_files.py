"""How this package writes, measures, locks and tells apart files: one way for every room."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import re
import uuid
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from numpy.lib import format as npy


@contextlib.contextmanager
def written_whole(path) -> Iterator:
    """A binary file that appears as ``path`` only when the block has ended without an error.

    A full disk or an interruption leaves whatever was there before, and nothing else.

    Raises
    ------
    OSError
        If the file cannot be written; the message says what to do.
    """
    path = Path(path).expanduser()
    # Not tempfile.mkstemp: its files are private, and a class may share one data folder.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"could not write {path.name} ({error.strerror}); free some space or choose another "
            f"folder than {path.parent}",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_npz(path, arrays: dict) -> None:
    """Write plain arrays to a compressed ``.npz``, whole or not at all; objects are refused.

    Spike counts are mostly zeros: the quickest compression is nearly as small as the best, which
    ``np.savez_compressed`` takes five times as long for.
    """
    with (
        written_whole(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)


def write_text(path, text: str) -> None:
    """Write a text file (UTF-8), whole or not at all."""
    with written_whole(path) as file:
        file.write(text.encode())


def column_to_array(column: pd.Series) -> np.ndarray:
    """A table's column for an ``.npz`` without pickle; :func:`array_to_column` gives it back.

    Plain numbers stay as they are. Anything else (text, missing values, mixed columns) becomes
    one JSON text with the name of the dtype; what JSON does not know is kept as its text.
    """
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "buif":
        return column.to_numpy()
    values = [_plain(value) for value in column.tolist()]
    return np.array(json.dumps({"dtype": str(column.dtype), "values": values}))  # ()


def array_to_column(array: np.ndarray) -> pd.Series:
    """The column that :func:`column_to_array` wrote."""
    if array.ndim:
        return pd.Series(array)
    content = json.loads(str(array))
    try:
        return pd.Series(content["values"], dtype=content["dtype"])
    except (TypeError, ValueError):  # a dtype of which only the text of the values was kept
        return pd.Series(content["values"], dtype=object)


def _plain(value):
    if value is pd.NA or value is pd.NaT:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


_MAX_HEADER = 65535  # bytes; that of a plain array takes 118


def npy_header(file) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype that an open ``.npy`` file declares; leaves the file behind its header."""
    version = npy.read_magic(file)
    read = {
        (1, 0): (2, npy.read_array_header_1_0),
        (2, 0): (4, npy.read_array_header_2_0),
    }
    if version not in read:
        raise ValueError(f"npy version {version}")
    width, header_of = read[version]
    size = file.read(width)
    length = int.from_bytes(size, "little")
    if length > _MAX_HEADER:  # numpy would read all of it before it looks
        raise ValueError(f"an npy header of {length} bytes")
    shape, _, dtype = header_of(io.BytesIO(size + file.read(length)))
    return shape, dtype


class TooLarge(ValueError):
    """A file that would take more memory than was allowed."""


def check_archive(path, max_bytes: int) -> None:
    """Refuse an ``.npz`` with members outside it, or that would take more memory than allowed.

    Neither number can be trusted alone: the archive says how much each member unpacks to, and
    the header of each array how much memory numpy sets aside for it.

    Raises
    ------
    TooLarge
        The message names the file and what to do.
    Exception
        Of almost any type, if the file is damaged.
    """
    size = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if _leads_outside(info.filename):
                raise ValueError(f"a member is called {info.filename[:80]!r}: a path out of it")
            with archive.open(info) as member:
                shape, dtype = npy_header(member)
            size += max(info.file_size, math.prod(shape) * dtype.itemsize)
    if size > max_bytes:
        raise TooLarge(
            f"{Path(path).name} would unpack to {size / 1e9:.3g} GB, more than the "
            f"{max_bytes / 1e9:.3g} GB allowed; if you trust it, raise max_bytes"
        )


def _leads_outside(name: str) -> bool:
    """Whether a member's name is an absolute path, or climbs by ``..``, on any system."""
    parts = re.split(r"[/\\]", name)
    return parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name) is not None


def read_npz(path, max_bytes: int, wanted: Callable[[str], bool] = bool) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz``, all or those whose names are ``wanted``.

    Pickled objects are refused. Raises as :func:`check_archive`.
    """
    check_archive(path, max_bytes)
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if wanted(name)}


@contextlib.contextmanager
def locked(path, wait: bool = True) -> Iterator[None]:
    """Hold the lock file ``path``; the system lets go of it however the process ends.

    Raises
    ------
    BlockingIOError
        If another process holds it and ``wait`` is False.
    OSError
        If the lock file cannot be made.
    """
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o666)  # a class may share one folder
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise BlockingIOError(f"another process holds {path}") from None
    try:
        yield
    finally:
        lock.release()


def file_hash(path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_table(name: str) -> pd.DataFrame:
    """A table that a benchmark stored in this package, such as ``evaluation/mice.csv``.

    An empty cell is NaN; the word "null" is not, since it is a kind of mouse.
    """
    path = Path(__file__).parent / name
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


@cache
def package_hash() -> str:
    """SHA-256 of every Python file of this package, names included."""
    digest, package = hashlib.sha256(), Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def one_line(error: Exception) -> str:
    """What an error says, or its type, in one line of at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__
