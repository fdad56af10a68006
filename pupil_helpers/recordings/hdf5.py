"""HDF5 files of strangers, opened so that they can reach no other file and fill no memory.

An HDF5 file may name other files to read from (external links, external storage, virtual
datasets), ask for code to unpack it (filters that are loaded as plugins), and declare arrays of any
size in a few bytes. All of it is refused before anything is read.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .._files import one_line
from ..session import SessionError

MISSING = 'reading NWB files needs pynwb and h5py: pip install "pupil-helpers[nwb]"'

FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""Built in: deflate, shuffle, fletcher32, szip, nbit, scale-offset, and lzf, which h5py brings."""

_MAX_OBJECTS = 100_000
_MAX_PACKED = 1100  # how many times smaller deflate can make anything
_MAX_CHUNK = 2**26  # bytes that are unpacked together, unless the array is larger
_MAX_ITEM = 2**16  # bytes of one element
_MAX_UNWRITTEN = 2**20  # bytes that an array of which nothing is stored may declare
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
        raise SessionError(f"{self.where}, field {name!r}: {problem}")

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
        self._spend(name, data, share)
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

    def guard(self, name: str, read):
        """What ``read()`` returns; whatever else it raises becomes a ``SessionError``."""
        try:
            return read()
        except SessionError:
            raise
        except MemoryError:
            self.fail(name, "does not fit into memory; close other programs, or get the file again")
        except Exception as error:  # a damaged file can fail in any way
            self.fail(name, f"{_DAMAGED} ({one_line(error)}); get the file again")

    def _spend(self, name: str, data, share: float = 1.0) -> None:
        """Refuse an array that holds less than it declares, or more than may be read."""
        declared, room = self.guard(name, lambda: _sizes(data))
        stored = self.guard(name, data.id.get_storage_size)
        chunk = math.prod(data.chunks) * data.dtype.itemsize if data.chunks else 0
        if declared > room or room > stored * _MAX_PACKED or chunk > max(declared, _MAX_CHUNK):
            self.fail(
                name,
                f"declares {declared / 1e6:.3g} MB, but holds {stored / 1e6:.3g} MB; get the file "
                "again",
            )
        self._left -= math.ceil(declared * share)
        self._check_left(name)

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
        try:
            _look_through(file, path.name)
        except SessionError:
            raise
        except Exception as error:
            raise SessionError(
                f"{path.name} {_DAMAGED} ({one_line(error)}); get it again"
            ) from None
        yield SafeFile(file, path.name, max_bytes)


def _look_through(file, where: str) -> None:
    """Refuse whatever reaches out of the file, loads code or never ends; reads no array."""
    h5py = h5py_module()
    waiting, seen, looked_at = [file["/"]], set(), 0
    while waiting:
        group = waiting.pop()
        key = h5py.h5o.get_info(group.id).addr
        if key in seen:
            _refuse(where, group.name, "is a group with two places in the file")
        seen.add(key)
        for name in group:
            looked_at += 1
            if looked_at > _MAX_OBJECTS:
                _refuse(where, group.name, "brings the file beyond 100,000 objects")
            path = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                _refuse(where, path, "is a link to another file")
            if isinstance(link, h5py.SoftLink):
                continue  # it stays within the file, and what it points to is looked at there
            found = group[name]
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset):
                _check_dataset(found, where, path)


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
    if name.rsplit("/", 1)[-1] not in _LAZY and data.shape:
        declared, room = _sizes(data)
        if declared > max(room, _MAX_UNWRITTEN):
            _refuse(where, name, f"declares {declared / 1e6:.3g} MB, but has {room / 1e6:.3g} MB")


def _sizes(data) -> tuple[int, int]:
    """Bytes that a dataset declares, and those for which there is something in the file."""
    declared = math.prod(data.shape) * data.dtype.itemsize
    if data.chunks is None:
        return declared, data.id.get_storage_size()
    return declared, data.id.get_num_chunks() * math.prod(data.chunks) * data.dtype.itemsize


def _refuse(where: str, name: str, problem: str):
    raise SessionError(
        f"{where}, object {name!r}: {problem}, which no recording needs; it was refused and "
        "nothing was read; save what you need in a plain file, or get it again"
    )
