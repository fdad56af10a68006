"""What a study keeps of each session: one small file, and nothing that its fits do not need.

A recording is opened once. Its pupil, the counts of its regions and their ceilings go into a file
of a few megabytes in the study's folder; from then on only the path of that file travels.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._files import file_hash, read_npz, write_npz
from ..recordings import load_session
from ..session import MAX_BYTES, Session
from .marks import mark
from .summary import ceilings, region_names

CEILINGS = ("split_half", "poisson", "known")
ANIMAL_KEYS = ("animal", "mouse", "subject")  # where a session's provenance may name it


class Choice(NamedTuple):
    """Which regions of a session take part, and who its animal is."""

    regions: list[str] | None
    min_neurons: int
    animals: Callable | dict | str | None


class Source(NamedTuple):
    """Where a session comes from.

    ``given``: a path, a session, or a pair of a source and its settings; ``label``: how to call it
    as long as its name is not known; ``name``: what to call it instead of its own name, or None;
    ``file``: where what the study needs of it is kept.
    """

    given: object
    label: str
    name: str | None
    file: Path


class Prepared(NamedTuple):
    """What a study knows of a session without its arrays."""

    file: Path
    name: str
    animal: str
    regions: list[str]
    neurons: list[int]
    ceilings: dict[str, np.ndarray]
    bin_size: float
    shape: tuple[int, int]
    data: str


def as_source(given, name: str | None, choice: Choice, folder: Path) -> Source:
    """How to get at a session, and where what is needed of it is kept.

    Raises
    ------
    ValueError
        If it is none of the things that a study takes.
    """
    if isinstance(given, Session):
        fields = given.pupil, given.spikes, given.regions, given.bin_size, given.name
        label, told = given.name, mark(*fields)
    elif isinstance(given, str | Path):
        given = Path(given).expanduser().absolute()  # a worker may run in another folder
        label, told = str(given), file_hash(given) if given.is_file() else "missing"
    elif _is_spec(given):
        source, settings = given
        source_name = source if isinstance(source, str) else source.__name__
        label = f"{source_name} {', '.join(f'{key}={value}' for key, value in settings.items())}"
        told = mark(source, settings)
    else:
        raise ValueError(
            f"cannot make a session of {given!r}; give the path of a session file, a Session, or "
            "a pair such as ('steinmetz', {'index': 12}) or (function, {its settings})."
        )
    label = label if name is None else name
    file = folder / "sessions" / f"{slug(label)}-{mark(told, name, choice)}.npz"
    return Source(given, label, name, file)


def _is_spec(given) -> bool:
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict)):
        return False
    return isinstance(given[0], str) or callable(given[0])


def prepare(source: Source, choice: Choice) -> None:
    """Open a session and keep what the study needs of it."""
    session = _open(source.given)
    name = session.name if source.name is None else source.name
    animal = _animal(session, name, choice.animals)
    regions = _regions(session, choice)
    table = ceilings(session, regions)
    arrays = {
        "name": np.str_(name),
        "animal": np.str_(animal),
        "regions": np.array(regions),
        "neurons": table["neurons"].to_numpy(),
        "bin_size": np.float64(session.bin_size),
        "pupil": session.pupil,
        "counts": session.region_counts(regions).astype(np.int32),
    }
    arrays["data"] = np.str_(mark(animal, *arrays.values()))
    arrays["shape"] = np.array(session.pupil.shape[:2])
    write_npz(source.file, arrays | {kind: table[kind].to_numpy() for kind in CEILINGS})


def about(file: Path) -> Prepared | None:
    """What is known of a prepared session; None if the file is not there, or not all of it."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return Prepared(
                file,
                str(arrays["name"]),
                str(arrays["animal"]),
                arrays["regions"].tolist(),
                arrays["neurons"].tolist(),
                {kind: arrays[kind] for kind in CEILINGS},
                float(arrays["bin_size"]),
                tuple(arrays["shape"].tolist()),
                str(arrays["data"]),
            )
    except Exception:  # a damaged file can fail in any way; it is made again
        return None


def pupil_and_counts(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The arrays of a prepared session: (trials, bins, 3) and (trials, bins, regions)."""
    arrays = read_npz(file, MAX_BYTES)
    return arrays["pupil"], arrays["counts"]


def slug(text: str) -> str:
    """A text as a file's name: readable, and different for different texts."""
    safe = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
    unchanged = safe == text and len(text) <= 60
    return text if unchanged else f"{safe[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _open(given) -> Session:
    if isinstance(given, Session):
        return given
    if isinstance(given, Path):
        return Session.load(given)
    source, settings = given
    session = source(**settings) if callable(source) else load_session(source, **settings)
    if not isinstance(session, Session):
        raise ValueError(f"{source!r} returns a {type(session).__name__}, not a Session")
    return session


def _regions(session: Session, choice: Choice) -> list[str]:
    """Those asked for that the session has, with enough neurons."""
    neurons = session.region_table()["neurons"]
    wanted = region_names(session, choice.regions)
    found = [name for name in wanted if neurons.get(name, 0) >= choice.min_neurons]
    if not found:
        has = ", ".join(f"{name} ({number})" for name, number in neurons.items())
        raise ValueError(
            f"session {session.name!r} has no region wanted with {choice.min_neurons} neurons or "
            f"more; it has {has}; choose others, or a smaller min_neurons"
        )
    return found


def _animal(session: Session, name: str, animals) -> str:
    if callable(animals):
        return str(animals(session))
    if isinstance(animals, dict):
        if name not in animals:
            raise ValueError(f"animals does not say which animal session {name!r} is from; add it")
        return str(animals[name])
    if isinstance(animals, str):
        values = session.trials[animals].unique() if animals in session.trials else []
        if len(values) != 1:
            raise ValueError(
                f"session {name!r} has {len(values)} different values in a column {animals!r} of "
                "its trials, expected one animal; give animals as a dict or a function"
            )
        return str(values[0])
    provenance = getattr(session, "provenance", None) or {}
    known = [provenance[key] for key in ANIMAL_KEYS if provenance.get(key)]
    without_date = re.sub(r"[ _-]*\d{4}-?\d{2}-?\d{2}.*$", "", name)
    return str(known[0]) if known else without_date or name
