"""The pieces of a study that are done one at a time, each leaving one file.

A unit is one model fitted to one session in all folds with one seed, or one pairing of a session's
counts with a pupil. It is told where the prepared session is, reads it, and writes its rows as one
Parquet file, whole or not at all. The file holds a mark of everything that its rows depend on. What
fails, or never comes to an end, leaves a note under ``failures/`` instead.
"""

from __future__ import annotations

import copy
import json
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from .._files import package_hash, write_text, written_whole
from ..metrics.scores import Interval
from ..signals.splits import blocked_folds
from .cross_validation import fit_fold, join_folds
from .nulls import refit_score
from .study_sessions import CEILINGS, Choice, Prepared, Source, prepare, pupil_and_counts, slug
from .summary import SCORES, HeldOut

WITH_INTERVAL = ("r2", "psth_relative")
ATTEMPTS = 2  # at a unit whose process is killed
VERSIONS = ("version", "code", "python", "numpy", "torch")
TEXT, WHOLE, REAL = pa.string(), pa.int64(), pa.float64()

FITS = pa.schema(
    [(name, TEXT) for name in ("session", "animal", "region", "model")]
    + [(name, WHOLE) for name in ("fold", "seed", "neurons", "trials")]
    + [(name, REAL) for name in SCORES]
    + [("seconds", REAL)]
    + [(f"session_{name}", REAL) for name in SCORES]
    + [(f"session_{name}_{end}", REAL) for name in WITH_INTERVAL for end in Interval._fields]
    + [(f"ceiling_{kind}", REAL) for kind in CEILINGS]
    + [(name, TEXT) for name in VERSIONS]
)
"""Columns of the results, one row per session, region, model, fold and seed.

:meta hide-value:
"""

NULLS = pa.schema(
    [(name, TEXT) for name in ("session", "animal", "region", "model", "pupil_of", "pupil_animal")]
    + [("score", REAL), ("trials", WHOLE), ("folds", WHOLE), ("seconds", REAL), ("test", TEXT)]
    + [(name, TEXT) for name in VERSIONS]
)
"""Columns of the null pairings, one row per session, region and pupil.

:meta hide-value:
"""


@dataclass(frozen=True, eq=False)
class Unit:
    """A piece of work: kind and ``stem`` name its file, ``mark`` what its rows depend on."""

    folder: Path
    stem: str
    mark: str
    session: Prepared
    model: object
    n_folds: int
    gap: int


@dataclass(frozen=True, eq=False)
class Fit(Unit):
    """One model, fitted to one session in every fold with one seed."""

    name: str
    seed: int

    kind, schema = "fits", FITS

    def rows(self) -> list[dict]:
        """A row per fold and region: scores of the fold, and what holds for the whole session."""
        session, folds, rows = self.session, [], []
        pupil, counts = pupil_and_counts(session.file)
        for number, split in enumerate(blocked_folds(len(counts), self.n_folds, self.gap)):
            try:
                fold = fit_fold(copy.deepcopy(self.model), pupil, counts, split)
            except Exception as error:
                error.add_note(f"in fold {number}")
                raise
            # As rough as the predictions of the models are, or the PSTH would not equal itself.
            fold = fold._replace(model=None, psth=fold.psth.astype(np.float32))
            held = self._held(counts[split.test], fold.predicted, fold.psth, split.test)
            about = {"fold": number, "trials": len(split.test), "seconds": fold.seconds}
            rows += self._by_region({name: held.score(name) for name in SCORES}, about)
            folds.append(fold)
        whole = self._by_region(self._of_session(folds, counts))
        return [row | whole[i % len(whole)] for i, row in enumerate(rows)]

    def _of_session(self, folds, counts) -> dict:
        """Scores with all folds joined, intervals, ceilings: each (regions,)."""
        held = self._held(counts, *join_folds(folds, counts), np.arange(len(counts)))
        found = {f"session_{name}": held.score(name) for name in SCORES}
        for name in WITH_INTERVAL if len(counts) >= 10 else ():
            for end, values in held.interval(name)._asdict().items():
                found[f"session_{name}_{end}"] = values
        found |= {f"ceiling_{kind}": self.session.ceilings[kind] for kind in CEILINGS}
        return found | {"neurons": self.session.neurons}

    def _held(self, counts, predicted, psth, trials) -> HeldOut:
        regions = np.array(self.session.regions)
        return HeldOut(counts, predicted, psth, trials, regions, self.session.bin_size)

    def _by_region(self, values: dict, about: dict | None = None) -> list[dict]:
        return [
            {name: column[i] for name, column in values.items()}
            | {"region": region}
            | (about or {})
            for i, region in enumerate(self.session.regions)
        ]

    def note(self) -> dict:
        """What tells it from other units of its session."""
        return {"model": self.name, "seed": self.seed}


@dataclass(frozen=True, eq=False)
class Pairing(Unit):
    """The counts of one session with one pupil, its own or another's; everything is refitted."""

    other: Prepared
    test: str
    n_trials: int

    kind, schema = "nulls", NULLS

    def rows(self) -> list[dict]:
        """A row per region."""
        n, session = self.n_trials, self.session
        counts = pupil_and_counts(session.file)[1][:n]
        pupil = pupil_and_counts(self.other.file)[0][:n]
        start = time.perf_counter()
        score = refit_score(lambda: copy.deepcopy(self.model), self.n_folds, self.gap)
        scores = score(pupil, counts)
        about = {"pupil_animal": self.other.animal, "test": self.test}
        about |= {"trials": n, "folds": self.n_folds, "seconds": time.perf_counter() - start}
        pairs = zip(session.regions, scores, strict=True)
        return [about | {"region": region, "score": score} for region, score in pairs]

    def note(self) -> dict:
        """What tells it from other units of its session."""
        return {"model": type(self.model).__name__, "pupil_of": self.other.name}


def results_file(unit: Unit) -> Path:
    """Where its rows go."""
    return unit.folder / unit.kind / f"{unit.stem}.parquet"


def failure_file(folder: Path, kind: str, stem: str) -> Path:
    """Where the note goes that it failed."""
    return folder / "failures" / kind / f"{stem}.json"


def is_done(unit: Unit) -> bool:
    """Whether the unit's rows are there, made from the same things."""
    try:
        return pq.read_schema(results_file(unit)).metadata[b"mark"] == unit.mark.encode()
    except (OSError, pa.ArrowInvalid, KeyError, TypeError):
        return False


def do_unit(unit: Unit) -> str | OSError:
    """Do a unit of work and keep its rows, or what went wrong; runs in any process.

    Returns
    -------
    str or OSError
        The error's text, empty if there was none; or that nothing could be written.
    """
    about = {"session": unit.session.name, "animal": unit.session.animal} | unit.note()
    file = results_file(unit)

    def work():
        file.unlink(missing_ok=True)  # rows of other data or code
        rows = [row | about | versions() for row in unit.rows()]
        table = pa.Table.from_pylist(rows, schema=unit.schema)
        with written_whole(file) as stream:
            pq.write_table(table.replace_schema_metadata({"mark": unit.mark}), stream)

    return _attempt(work, failure_file(unit.folder, unit.kind, unit.stem), about)


def do_prepare(source: Source, choice: Choice, folder: Path) -> str | OSError:
    """Prepare a session, or keep what went wrong; as :func:`do_unit`."""
    failure = failure_file(folder, "sessions", slug(source.label))
    return _attempt(lambda: prepare(source, choice), failure, {"session": source.label})


def _attempt(work, failure: Path, about: dict) -> str | OSError:
    """Do some work, with a note beside it from its beginning to its success.

    Work that kills its process, for want of memory say, would be given to one process after the
    other by an engine that replaces them; the note ends that.
    """
    try:
        begun = _times_begun(failure)
        if begun >= ATTEMPTS:
            return _note(failure, about, f"its process was killed, {begun} times in a row")
        _note(failure, about | {"begun": begun + 1}, "begun, but not finished")
        try:
            work()
        except Exception as error:  # whatever one model does wrong must not stop the others
            where = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
            text = " ".join(str(error).split())
            return _note(failure, about, f"{type(error).__name__}: {text}{where}")
        failure.unlink(missing_ok=True)
        return ""
    except OSError as error:
        return error  # not raised: not every engine hands over what is raised far away


def _times_begun(failure: Path) -> int:
    try:
        return json.loads(failure.read_text("utf-8")).get("begun", 0)
    except FileNotFoundError:
        return 0


def _note(file: Path, about: dict, message: str) -> str:
    write_text(file, json.dumps(about | {"error": message} | versions()))
    return message


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "version": version("pupil-helpers"),
        "code": package_hash()[:12],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
