"""Where a comparison keeps what it has finished: two small files per model, fold and seed.

``NAME.npz`` holds the predictions of the test trials, ``NAME.json`` the scores. Both appear whole
or not at all, the second one last. The name ends in a mark of everything the result depends on
(:mod:`pupil_helpers.evaluation.marks`): a result that was made from anything else has another
name, and is never mistaken for this one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from .._files import locked, write_npz, write_text
from .summary import SCORES, HeldOut

TEMPORARY = "pupil_helpers-compare-"  # the start of their names


def stem(folder: Path, model: str, fold: int, seed: int, mark: str) -> Path:
    """Path of a result without its ending."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-") or "model"
    return folder / f"{readable}_fold{fold}_seed{seed}_{mark}"


def write(path: Path, record: dict, held: HeldOut | None = None) -> None:
    """Keep one result. Raises OSError, with the way out, if the disk is full."""
    if held is not None:
        write_npz(path.with_suffix(".npz"), held._asdict())
    write_text(path.with_suffix(".json"), json.dumps(record, allow_nan=False))


def read(path: Path, n_regions: int, with_predictions: bool) -> dict | None:
    """A finished result, or None if there is none, or not all of it, or it had failed."""
    try:
        record = json.loads(path.with_suffix(".json").read_text("utf-8"))
        scores = np.array([record[score] for score in SCORES], dtype=float)  # None becomes NaN
        usable = record["error"] == "" and scores.shape == (len(SCORES), n_regions)
        usable &= float(record["seconds"]) >= 0
        if with_predictions:
            with zipfile.ZipFile(path.with_suffix(".npz")) as arrays:
                usable &= {f"{name}.npy" for name in HeldOut._fields} <= set(arrays.namelist())
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    return record if usable else None


def check_writable(folder: Path) -> None:
    """Raise OSError, with the way out, if nothing can be kept in this folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            error.errno, f"cannot write to {folder} ({error.strerror}); choose another folder"
        ) from error


def temporary_folder() -> Path:
    """A new folder that lasts as long as this process."""
    return Path(tempfile.mkdtemp(dir=_folder_of_this_process()))


@functools.cache
def _folder_of_this_process() -> Path:
    """Locked while the process lives. Not all end in good order: the next one clears up."""
    for lock in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*/lock"):
        with contextlib.suppress(OSError), locked(lock, wait=False):  # its process is gone
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    life = contextlib.ExitStack()
    life.callback(shutil.rmtree, folder, ignore_errors=True)
    life.enter_context(locked(folder / "lock"))
    atexit.register(life.close)
    return folder
