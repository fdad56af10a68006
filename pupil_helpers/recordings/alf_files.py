"""The files of an ALF folder, each checked against what it declares before it is read."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pandas as pd

from .._files import file_hash, npy_header, one_line
from ..session import SessionError

_TABLE_BYTES = 2**24  # a table of channels takes some kB a probe


class AlfFolder:
    """Files by their ALF names, such as ``"eye.area"``.

    A name space before the name (``_ibl_eye.area.npy``) does not matter.

    Parameters
    ----------
    folder : str or Path
        The folder of the files, or one that has them in ``alf``.
    max_bytes : int
        What may be read in all.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """

    def __init__(self, folder, max_bytes: int):
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no folder {folder}; check the path")
        self.folder = folder / "alf" if (folder / "alf").is_dir() else folder
        self.where = "/".join(self.folder.parts[-2:])
        self.max_bytes = self._left = max_bytes
        self._used: set[Path] = set()

    def fail(self, name: str, problem: str):
        """Raise a ``SessionError`` about one file."""
        raise SessionError(f"{self.where}, file {self.file_name(name)!r}: {problem}")

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._path(name) is not None

    def file_name(self, name: str) -> str:
        """Name of the file that is there, or should be."""
        path = self._path(name)
        if path is not None:
            return path.name
        return f"{name}.tsv" if name == "channels.brainLocation" else f"{name}.npy"

    def numbers(self, name: str, columns: int | None = 1, rows: int | None = None) -> np.ndarray:
        """An array of numbers, (rows,) or (rows, columns); ``columns=None`` takes any shape.

        Raises
        ------
        SessionError
            If the file is damaged or of another shape; the message names it.
        """
        values = np.array(self.mapped(name, columns))
        if rows is not None and len(values) != rows:
            self.fail(
                name,
                f"has {len(values)} rows, expected {rows} like the files beside it; get them again",
            )
        return values

    def whole_numbers(self, name: str) -> np.ndarray:
        """An array of whole numbers, int64 (rows,)."""
        values = self.numbers(name)
        if not (
            np.isfinite(values).all()
            and (values % 1 == 0).all()
            and np.abs(values).max(initial=0) < 2**31
        ):
            self.fail(name, "does not hold whole numbers; get it again")
        return values.astype(np.int64)

    def mapped(self, name: str, columns: int | None = 1) -> np.ndarray:
        """As :meth:`numbers`, but read only where it is looked at."""
        path = self._path(name)
        if path is None:
            self.fail(name, "is missing; put it there")
        try:
            with open(path, "rb") as file:
                shape, dtype = npy_header(file)
                declared = math.prod(shape) * dtype.itemsize
                stored = path.stat().st_size - file.tell()
            if dtype.kind not in "fiub":
                self.fail(name, f"has dtype {dtype}, expected numbers; save it so")
            if declared != stored:
                self.fail(
                    name, f"declares {declared} bytes, but holds {stored}; get the file again"
                )
            wanted = [shape[:1], (*shape[:1], 1)] if columns == 1 else [(*shape[:1], columns)]
            if columns is not None and (not shape or shape not in wanted):
                what = "one value per row" if columns == 1 else f"(rows, {columns})"
                self.fail(name, f"has shape {shape}, expected {what}; transpose it if need be")
            self._left -= declared
            if self._left < 0:
                self.fail(
                    name,
                    f"takes the folder beyond the {self.max_bytes / 1e9:.3g} GB of memory allowed; "
                    "if you trust it, raise max_bytes",
                )
            mode = "r" if declared else None  # nothing cannot be mapped
            values = np.load(path, mmap_mode=mode, allow_pickle=False)
        except SessionError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            self.fail(name, f"is damaged or no npy file ({one_line(error)}); get it again")
        self._used.add(path)
        return values.reshape(-1) if columns == 1 else values

    def column(self, name: str, column: str) -> np.ndarray:
        """A column of a table, str (rows,); what is not there is ""."""
        path = self._path(name)
        try:
            if path.stat().st_size > _TABLE_BYTES:
                self.fail(name, "has more than 16 MB; get the file again")
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8")
        except SessionError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            self.fail(name, f"is damaged or no table ({one_line(error)}); get it again")
        if column not in table:
            self.fail(
                name,
                f"has no column {column!r}; it has {', '.join(map(str, table))}"[:300]
                + "; get the file again",
            )
        if not len(table):
            self.fail(name, "is empty; get the file again")
        self._used.add(path)
        values = table[column].str.strip()
        return values.where(~values.str.lower().isin(["nan", "none"]), "").to_numpy(dtype=str)

    def digest(self) -> str:
        """SHA-256 of the files that were read, names included, in the format of ``sha256sum``."""
        lines = [f"{file_hash(path)}  {path.name}\n" for path in sorted(self._used)]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _path(self, name: str) -> Path | None:
        for kind in ("npy", "tsv"):
            plain = self.folder / f"{name}.{kind}"
            if plain.is_file():
                return plain
            spaced = sorted(self.folder.glob(f"_*_{name}.{kind}"))
            if spaced:
                return spaced[0]
        return None
