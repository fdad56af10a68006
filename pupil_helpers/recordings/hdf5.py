"""HDF5 files of strangers, opened so that they can reach no other file and fill no memory.

An HDF5 file may name other files to read from (external links, external storage, virtual
datasets), ask for code to unpack it (filters that are loaded as plugins), and declare arrays of any
size in a few bytes. All of it is refused before anything is read. How much a text or a packed chunk
holds shows only once HDF5 has made room for it, so it gets little room.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .._files import one_line
from ..session import SessionError
from .memory import little_memory

MISSING = 'reading NWB files needs pynwb and h5py: pip install "pupil-helpers[nwb]"'

FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""Built in: deflate, shuffle, fletcher32, szip, nbit, scale-offset, and lzf, which h5py brings."""

_MAX_OBJECTS = 100_000
_MAX_PACKED = 1100  # how many times smaller deflate can make anything
_MAX_CHUNK = 2**26  # bytes that are unpacked together, unless the array is larger
_COPIES = 4  # of a chunk, while it is unpacked
_MAX_ITEM = 2**16  # bytes of one element
_MAX_UNWRITTEN = 2**20  # bytes that an array of which nothing is stored may declare
TEXTS = 4  # times the size of a file that all texts in it may take in memory
_LAZY = "data", "timestamps"  # arrays that pynwb does not read on its own; ours are checked later
_DAMAGED = "is damaged or no HDF5 file"


def h5py_module():
    """h5py, imported when first used; ImportError that says what to install."""
    try:
        import h5py
    except ImportError:
        raise ImportError(MISSING) from None
    return h5py


class SafeFile:
    """An open file whose every array is checked before it is read.

    Parameters
    ----------
    file : h5py.File
    where : str
        Name of the file in messages.
    max_bytes : int
        What may be read in all.
    """

    def __init__(self, file, where: str, max_bytes: int):
        self.file, self.where, self.max_bytes = file, where, max_bytes
        self._left = max_bytes

    def fail(self, name: str, problem: str):
        """Raise a ``SessionError`` about one field."""
        raise SessionError(f"{self.where}, field {name.strip('/') or '/'!r}: {problem}")

    def dataset(self, name: str):
        """The dataset, or None if there is none of that name."""
        found = self.guard(name, lambda: self.file.get(name))
        return found if isinstance(found, h5py_module().Dataset) else None

    def numbers(self, name: str, columns: int | None = 1, part: slice = slice(None)) -> np.ndarray:
        """An array of numbers, (rows,) or (rows, columns).

        Parameters
        ----------
        name : str
        columns : int or None, default 1
            How many there must be; one column comes as (rows,). None takes any shape as it is.
        part : slice
            Which rows.

        Raises
        ------
        SessionError
            If there is no such array, or it is not of that shape, or too large.
        """
        data = self._found(name)
        if data.dtype.kind not in "fiub":
            self.fail(name, f"has dtype {data.dtype}, expected numbers; save it so")
        wanted = {1: [data.shape[:1], (*data.shape[:1], 1)]}.get(
            columns, [(*data.shape[:1], columns)]
        )
        if columns is not None and (not data.ndim or data.shape not in wanted):
            self.fail(name, f"has shape {data.shape}, expected {_expected(columns)}")
        rows = data.shape[:1] and len(range(*part.indices(data.shape[0])))
        share = rows / data.shape[0] if rows and data.shape[0] else 1
        room = self._spend(name, data, share)
        with little_memory(room):
            values = self.guard(name, lambda: data[part] if data.ndim else data[()])
        return values.ravel() if columns == 1 else values

    def texts(self, name: str) -> np.ndarray:
        """An array of text, str (rows,); object references become the names they point to."""
        data = self._found(name)
        if data.ndim != 1 or data.dtype.kind not in "SO":
            self.fail(
                name,
                f"has dtype {data.dtype}, shape {data.shape}, expected a list of text; save it so",
            )
        self._spend(name, data)
        refers = h5py_module().check_ref_dtype(data.dtype) is not None
        values = []
        for i in range(len(data)):  # one by one: all may point to the same large text
            value = self.guard(name, lambda i=i: data[i])
            if refers:
                value = self.guard(name, lambda value=value: self.file[value].name)
            elif isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            if not isinstance(value, str):
                self.fail(name, "does not hold text; save it so")
            self._left -= 4 * len(value)
            self._check_left(name)
            values.append(value)
        return np.array(values, dtype=str) if values else np.empty(0, dtype="U1")

    def text(self, name: str) -> str:
        """One text, "" if there is none."""
        data = self.dataset(name)
        if data is None or data.shape != ():
            return ""
        value = self.guard(name, lambda: data[()])
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def attribute(self, name: str, attribute: str, otherwise=None):
        """An attribute of a group or dataset."""
        return self.guard(name, lambda: self.file[name].attrs.get(attribute, otherwise))

    def _found(self, name: str):
        data = self.dataset(name)
        if data is None:
            self.fail(name, "is missing; get the file again")
        if data.shape is None:
            self.fail(name, "is empty; get the file again")
        return data

    def guard(self, name: str, read, *arguments):
        """What ``read(*arguments)`` returns; what else it raises becomes a ``SessionError``."""
        try:
            return read(*arguments)
        except SessionError:
            raise
        except MemoryError:
            self.fail(
                name,
                "takes more memory than it declares, or than there is; close other programs, or "
                "get the file again",
            )
        except Exception as error:  # a damaged file can fail in any way
            self.fail(name, f"{_DAMAGED} ({one_line(error)}); get the file again")

    def _spend(self, name: str, data, share: float = 1.0) -> int:
        """Bytes that reading may take; refuse an array that is not as large as it declares."""
        declared, room, chunk = self.guard(name, _sizes, data)
        stored = self.guard(name, data.id.get_storage_size)
        if declared > room or room > stored * _MAX_PACKED or chunk > max(declared, _MAX_CHUNK):
            self.fail(
                name,
                f"declares {declared / 1e6:.3g} MB, but holds {stored / 1e6:.3g} MB; get the file "
                "again",
            )
        size = math.ceil(declared * share)
        self._left -= size
        self._check_left(name)
        return size + _COPIES * chunk

    def _check_left(self, name: str) -> None:
        if self._left < 0:
            self.fail(
                name,
                f"takes the file beyond the {self.max_bytes / 1e9:.3g} GB of memory allowed; if "
                "you trust it, raise max_bytes",
            )


def _expected(columns: int) -> str:
    what = "one value per row" if columns == 1 else f"(rows, {columns})"
    return f"{what}; transpose it if need be"


@contextlib.contextmanager
def opened(path, max_bytes: int) -> Iterator[SafeFile]:
    """Open an HDF5 file once it has been looked through.

    Raises
    ------
    SessionError
        If the file is damaged, or asks for what no recording needs; the message names the object.
    FileNotFoundError
        If there is no such file.
    ImportError
        Without h5py; the message says what to install.
    """
    h5py = h5py_module()
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; check the path")
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise SessionError(f"{path} may not be read; change its permissions") from None
    except Exception as error:
        raise SessionError(f"{path.name} {_DAMAGED} ({one_line(error)}); get it again") from None
    with file:
        safe = SafeFile(file, path.name, max_bytes)
        with little_memory(TEXTS * path.stat().st_size):
            _look_through(safe)
        yield safe


def _look_through(file: SafeFile) -> None:
    """Refuse whatever reaches out of the file, loads code or never ends; keeps nothing of it."""
    waiting, seen, found = ["/"], set(), 0
    while waiting:
        path = waiting.pop()
        names = file.guard(path, _look_at, file, path, seen)
        found += len(names)
        if found > _MAX_OBJECTS:
            _refuse(file.where, path, "brings the file beyond 100,000 objects")
        waiting += [f"{path.rstrip('/')}/{name}" for name in names]


def _look_at(file: SafeFile, path: str, seen: set[int]) -> list[str]:
    """Refuse an object, or return the names of those that are in it."""
    h5py = h5py_module()
    link = None if path == "/" else file.file.get(path, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        _refuse(file.where, path, "is a link to another file")
    if isinstance(link, h5py.SoftLink):
        return []  # it stays within the file, and what it points to is looked at there
    found = file.file[path]
    for attribute in found.attrs:  # each is read, while there is little memory for a long text
        file.guard(f"{path}, attribute {attribute}", found.attrs.get, attribute)
    if isinstance(found, h5py.Dataset):
        _check_dataset(found, file.where, path)
    if not isinstance(found, h5py.Group):
        return []
    address = h5py.h5o.get_info(found.id).addr
    if address in seen:
        _refuse(file.where, path, "is a group with two places in the file")
    seen.add(address)
    return list(itertools.islice(found, _MAX_OBJECTS + 1))


def _check_dataset(data, where: str, name: str) -> None:
    made = data.id.get_create_plist()
    if made.get_external_count():
        _refuse(where, name, "keeps its data in another file")
    if made.get_layout() == h5py_module().h5d.VIRTUAL:
        _refuse(where, name, "is put together from other files")
    for i in range(made.get_nfilters()):
        code = made.get_filter(i)[0]
        if code not in FILTERS:
            _refuse(where, name, f"is packed by filter {code}, which is not built in")
    if data.id.get_type().get_size() > _MAX_ITEM:
        _refuse(where, name, "has elements of more than 64 kB")
    if name.rsplit("/", 1)[-1] in _LAZY or data.shape is None:
        return
    declared, room, _ = _sizes(data)
    if declared > max(room, _MAX_UNWRITTEN):
        _refuse(where, name, f"declares {declared / 1e6:.3g} MB, but has {room / 1e6:.3g} MB")
    if h5py_module().check_string_dtype(data.dtype):
        data[()]  # as with attributes: once, while there is little memory for a long text


def _sizes(data) -> tuple[int, int, int]:
    """Bytes that a dataset declares, those for which something is in the file, and of a chunk."""
    declared = math.prod(data.shape) * data.dtype.itemsize
    if data.chunks is None:
        return declared, data.id.get_storage_size(), 0
    chunk = math.prod(data.chunks) * data.dtype.itemsize
    return declared, data.id.get_num_chunks() * chunk, chunk


def _refuse(where: str, name: str, problem: str):
    raise SessionError(
        f"{where}, object {name!r}: {problem}, which no recording needs; it was refused and "
        "nothing was read; save what you need in a plain file, or get it again"
    )
