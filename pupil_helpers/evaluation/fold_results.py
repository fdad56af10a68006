"""Where a comparison keeps what it has finished: two small files per model, fold and seed.

``NAME.npz`` holds the predictions of the test trials, ``NAME.json`` the scores. Both appear whole
or not at all, the second one last, so that a result with a ``.json`` is complete. The name ends
in a fingerprint of everything the result depends on: data, split, model, settings, code. A
result that was made from anything else has another name, and is never mistaken for this one.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import uuid
from functools import cache
from pathlib import Path

import numpy as np

from ..session import write_npz


def fingerprint(*parts) -> str:
    """A short hash of arrays, models, numbers, texts and containers of them."""
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()[:16]


def _add(digest, value) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"array {value.shape} {value.dtype.str}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            digest.update(f"key {key}".encode())
            _add(digest, value[key])
    elif isinstance(value, (list, tuple)):
        digest.update(f"sequence {len(value)}".encode())
        for item in value:
            _add(digest, item)
    elif hasattr(value, "fit"):
        digest.update(_text(type(value)).encode())
        _add(digest, value.get_params() if hasattr(value, "get_params") else vars(value))
    elif callable(value):
        digest.update(_text(value).encode())
    else:
        digest.update(f"{type(value).__name__} {value!r}".encode())


@cache
def _text(thing) -> str:
    """What a class or a function says: its own text, its parents', and all of this package's."""
    if inspect.isclass(thing):
        return _package_text() + "".join(_class_text(parent) for parent in thing.__mro__[:-1])
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):  # typed in at a prompt, or built in
        code = getattr(thing, "__code__", None)
        if code is None:
            return repr(thing)
        constants = [value for value in code.co_consts if not inspect.iscode(value)]
        return f"{code.co_code} {code.co_names} {constants}"


def _class_text(thing) -> str:
    name = f"{thing.__module__}.{thing.__qualname__}"
    if thing.__module__.startswith("pupil_helpers."):
        return name
    # Piece by piece, because a class that was made in a notebook cell has no file.
    for key, value in vars(thing).items():
        if inspect.isfunction(value):
            name += _text(value)
        elif isinstance(value, (int, float, str, tuple, list, dict)) and not key.startswith("__"):
            name += f"{key} = {value!r}"
    return name


@cache
def _package_text() -> str:
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def stem(folder: Path, model: str, fold: int, seed: int, mark: str) -> Path:
    """Path of a result without its ending."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-") or "model"
    return folder / f"{readable}_fold{fold}_seed{seed}_{mark}"


def write(path: Path, record: dict, arrays: dict | None = None) -> None:
    """Keep one result. Raises OSError, with the way out, if the disk is full."""
    if arrays is not None:
        write_npz(path.with_suffix(".npz"), arrays)
    target = path.with_suffix(".json")
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_text(json.dumps(record, allow_nan=False), "utf-8")
        os.replace(part, target)
    except OSError as error:
        raise OSError(
            error.errno,
            f"could not write {target.name} ({error.strerror}); free some space or choose another "
            f"folder than {target.parent}",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def read(path: Path, with_arrays: bool) -> dict | None:
    """A finished result, or None if there is none, or not all of it, or it had failed."""
    try:
        record = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("error", "unknown"):
        return None
    return None if with_arrays and not path.with_suffix(".npz").is_file() else record
