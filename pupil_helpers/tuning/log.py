"""Where a search keeps its trials: one line of JSON each, safe against a kill at any moment.

The first line says what was searched; every other line is one finished trial. A line is written
in one piece and forced to the disk before the search goes on. A kill in the middle of a write
leaves a torn last line, which is cut off when the search is taken up again. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import hyperopt
import numpy as np
from sklearn.base import BaseEstimator

try:
    import fcntl
except ImportError:  # Windows: two searches in one folder are not noticed there
    fcntl = None

NAME = "trials.jsonl"


class TrialLog:
    """The finished trials of one search, in memory and, if a folder is given, on disk.

    Parameters
    ----------
    folder : path, optional
        Made if it is not there. While the log is open no other process may write to it.
    about : dict of str, optional
        What is searched. A folder with a search over something else is refused.

    Attributes
    ----------
    records : dict of int to dict
        Finished trials by number.
    """

    def __init__(self, folder=None, about=None):
        self.records = {}
        self._file = self._lock = None
        if folder is None:
            return
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        self._lock = lock(folder / "lock")
        try:
            if not self.path.exists():
                create(self.path, {"about": about})
            found, self.records, n_bytes = read(self.path)
            for key in about or {}:
                if found.get(key) != about[key]:
                    raise ValueError(
                        f"{self.path} holds a search with another {key} "
                        f"({short(found.get(key))} there, {short(about[key])} now); "
                        "choose another folder, or search as before"
                    )
            self._file = open(self.path, "r+b")  # noqa: SIM115
            self._file.truncate(n_bytes)  # a torn last line
            self._file.seek(n_bytes)
        except BaseException:
            self.close()
            raise

    def append(self, record: dict) -> None:
        """Keep one finished trial; on return it is on the disk."""
        if self._file is not None:
            line = json.dumps(record, allow_nan=False) + "\n"
            try:
                self._file.write(line.encode())
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise OSError(
                    f"trial {record['trial']} could not be written to {self.path} "
                    f"({error.strerror}); make room and search on with the same folder"
                ) from None
        self.records[record["trial"]] = record

    def close(self) -> None:
        """Let others write to the folder."""
        for file in (self._file, self._lock):
            if file is not None:
                file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def short(value) -> str:
    return str(value) if len(str(value)) < 80 else str(value)[:76] + " ..."


def create(path: Path, about: dict) -> None:
    """Write the first line; the file appears whole or not at all."""
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        file.write(json.dumps(about).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def read_folder(folder) -> dict:
    """The finished trials in a folder by number; changes nothing there."""
    path = Path(folder) / NAME
    if not path.exists():
        raise ValueError(f"there is no search in {folder} ({NAME} is missing); give its folder")
    return read(path)[1]


def read(path: Path) -> tuple[dict, dict, int]:
    """What was searched, the finished trials, and how many bytes hold whole lines."""
    *lines, torn = path.read_bytes().split(b"\n")
    parsed = []
    for number, line in enumerate(lines, start=1):
        try:
            parsed.append(json.loads(line))
        except ValueError:
            raise ValueError(
                f"line {number} of {path} is damaged; delete that line (and its trial), "
                "or choose another folder"
            ) from None
    if not parsed or "about" not in parsed[0]:
        raise ValueError(f"{path} does not begin as the record of a search; choose another folder")
    records = {record["trial"]: record for record in parsed[1:]}
    return parsed[0]["about"], records, path.stat().st_size - len(torn)


def lock(path: Path):
    """Hold ``path`` for this process; the system lets go of it however the process ends."""
    file = open(path, "wb")  # noqa: SIM115
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ValueError(
                f"another search is writing to {path.parent}; wait for it or choose another folder"
            ) from None
    return file


def as_docs(records, tids=None) -> list[dict]:
    """Records as the documents that hyperopt keeps of finished trials."""
    docs = []
    tids = [record["trial"] for record in records] if tids is None else tids
    for tid, record in zip(tids, records, strict=True):
        drawn = record["drawn"]
        result = {name: record[name] for name in ("loss", "seconds", "curve", "n_steps", "error")}
        result["status"] = (
            hyperopt.STATUS_FAIL if record["status"] == "fail" else hyperopt.STATUS_OK
        )
        result["pruned"] = record["status"] == "pruned"
        docs.append(
            {
                "tid": tid,
                "state": hyperopt.JOB_STATE_DONE,
                "result": result,
                "misc": {
                    "tid": tid,
                    "cmd": ("domain_attachment", "FMinIter_Domain"),
                    "workdir": None,
                    "idxs": {k: [] if v is None else [tid] for k, v in drawn.items()},
                    "vals": {k: [] if v is None else [v] for k, v in drawn.items()},
                },
                **dict.fromkeys(("spec", "exp_key", "owner", "book_time", "refresh_time")),
                "version": 0,
            }
        )
    return docs


def as_trials(records) -> hyperopt.Trials:
    """Records as a hyperopt ``Trials``, so that its algorithms go on from what is known."""
    trials = hyperopt.Trials()
    trials.insert_trial_docs(as_docs(records))
    trials.refresh()
    return trials


def as_record(number, drawn, params, result, error=None) -> dict:
    """What is kept of a trial."""
    loss = result.get("loss")
    if result["status"] != hyperopt.STATUS_OK or not np.isfinite(loss):
        status, loss = "fail", None
        error = result.get("error") or str(error or f"loss {loss}")
    else:
        status = "pruned" if result.get("pruned") else "ok"
    kept = {name: result.get(name) for name in ("seconds", "n_steps")}
    curve = list(result.get("curve") or [])
    return {"trial": number, "status": status, "loss": loss, "params": params, "drawn": drawn,
            **kept, "curve": curve, "error": error}  # fmt: skip


def fingerprint(*arrays) -> str:
    """Short hash of arrays, to notice other data."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode() + np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


def describe(thing) -> str:
    """Text that is the same in every process, to notice another model or algorithm."""
    if isinstance(thing, BaseEstimator):
        settings = thing.get_params(deep=False).items()
        return f"{type(thing).__name__}({', '.join(f'{k}={describe(v)}' for k, v in settings)})"
    return getattr(thing, "__qualname__", type(thing).__name__) if callable(thing) else str(thing)
