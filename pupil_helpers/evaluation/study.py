"""Sessions × models × folds × seeds: a study of many recordings, on one machine or on a cluster.

:func:`study` scores models on many sessions and keeps everything in one folder; :class:`Study`
reads it back, at any time. Work is done in small units
(:mod:`pupil_helpers.evaluation.study_units`) through joblib, so that ``joblib.parallel_config``
says where: on all cores by default, on the workers of a Dask cluster with ``backend="dask"``.
"""

from __future__ import annotations

import functools
import itertools
import json
import operator
from collections.abc import Iterator
from pathlib import Path

import joblib
from tqdm.auto import tqdm

from .._files import write_text
from ..models.encoder import PupilEncoder
from . import stored
from .entrants import as_models, as_seeds, variants
from .marks import mark
from .study_results import Study
from .study_sessions import Choice, Prepared, about, as_source, slug
from .study_units import Fit, Pairing, do_prepare, do_unit, failure_file, is_done
from .workers import with_one_thread

MODELS = ("PSTH", "ridge", "Poisson GLM", "PupilEncoder")
"""What :func:`study` fits by default."""


def study(
    sessions,
    models=MODELS,
    *,
    folder,
    regions=None,
    min_neurons: int = 10,
    animals=None,
    n_folds: int = 5,
    gap: int = 2,
    seeds=(0,),
    null: int = 0,
    null_model=None,
    null_folds: int = 2,
    only=None,
    n_jobs: int = -1,
    progress: bool = True,
) -> Study:
    """Score models on many sessions, and keep results, failures and versions in a folder.

    Each session is opened once, and what the fits need of it is put into the folder. Paths travel
    to the workers, not arrays, and a worker holds one session at a time. Whatever is finished is
    kept: a call with the same folder, after a kill at any moment, does what is missing. A folder
    may grow, by sessions, models, seeds and null pairings; a result that was made from other data,
    settings or code is made again.

    Parameters
    ----------
    sessions : sequence, or dict of str to what a sequence would hold
        Paths of session files (:meth:`~pupil_helpers.session.Session.save`); sessions; pairs such
        as ``("steinmetz", {"index": 12})`` for :func:`~pupil_helpers.recordings.load_session`; or
        pairs of a function that returns a session and its settings. With a dict, its keys take the
        place of the sessions' names, which must all be different.
    models : sequence of str, or dict of str to model, default :data:`MODELS`
        As in :func:`~pupil_helpers.evaluation.compare.compare`. Without any, ``()``, sessions are
        prepared and null pairings made, and nothing else.
    folder : path
        Where everything is kept. All machines that take part must see it.
    regions : sequence of str, optional
        Regions to predict, where a session has them; by default all.
    min_neurons : int, default 10
        Regions with fewer neurons are left out.
    animals : dict of str to str, callable or str, optional
        The animal of a session: by its name, as ``animals(session)``, or in a column of its
        trials. By default what its provenance says or, without it, its name less the date.
    n_folds, gap : int, default 5 and 2
        As in :func:`~pupil_helpers.signals.splits.blocked_folds`.
    seeds : sequence of int, default (0,)
        As in :func:`~pupil_helpers.evaluation.compare.compare`.
    null : int, default 0
        The budget of the session permutation: with how many pupils of other sessions the counts of
        each session are paired, ``null_model`` being fitted anew to every pairing. p cannot be
        less than 1 / (1 + null). Pupils of other animals come first. All sessions of a test are
        cut to the trials of the shortest. It assumes that sessions are exchangeable: the
        same task, cut in the same way, and pupils that vary alike, so that if there is no link
        any of these pupils could as well have been this session's.
    null_model : model, default ``PupilEncoder()``
    null_folds : int, default 2
        Folds for each pairing: it costs ``null_folds × (1 + null)`` fits a session.
    only : int or sequence of int, optional
        Places, in ``sessions``, of those to work on in this call: one job of a cluster for
        each session, say. The others lend their pupils only.
    n_jobs : int, default -1
        Processes, each with one thread; -1: all cores, or all workers of
        ``joblib.parallel_config("dask")``; 1: none besides this one.
    progress : bool, default True
        Show progress bars.

    Returns
    -------
    Study
        What the folder holds.

    Raises
    ------
    ValueError
        If a setting, model or source is unusable, two sessions have the same name, or the folder
        holds a study with other folds or regions. Sessions and fits that fail are no error: see
        :meth:`Study.failures <pupil_helpers.evaluation.study_results.Study.failures>`.
    RuntimeError
        If a worker is killed and the engine does not replace it; what is finished is kept.
    OSError
        If the folder cannot be written.
    """
    folder = Path(folder).expanduser().absolute()
    seeds, chosen = as_seeds(seeds), _chosen(sessions, only)
    _check(models, seeds, null, null_folds, min_neurons)
    regions = [regions] if isinstance(regions, str) else regions and list(regions)
    stored.check_writable(folder)
    design = {"regions": regions, "min_neurons": min_neurons, "n_folds": n_folds, "gap": gap}
    _keep_design(folder, design)

    choice = Choice(regions, min_neurons, animals)
    named = sessions.items() if isinstance(sessions, dict) else ((None, s) for s in sessions)
    sources = [as_source(given, name, choice, folder) for name, given in named]
    mine = [sources[i] for i in chosen]
    needed = sources if null else mine
    new = [source for source in needed if about(source.file) is None]
    _forget(failure_file(folder, "sessions", slug(source.label)) for source in new)
    work = functools.partial(do_prepare, choice=choice, folder=folder)
    _run(work, new, "preparing", len(needed), "session", n_jobs, progress)

    pool = [session for source in needed if (session := about(source.file))]
    _check_names(pool)
    mine = [session for session in pool if session.file in {source.file for source in mine}]
    units = list(itertools.chain(
        _fits(folder, mine, models, seeds, n_folds, gap),
        _pairings(folder, mine, pool, null, null_model, null_folds, gap),
    ))  # fmt: skip
    missing = [unit for unit in units if not is_done(unit)]
    _forget(failure_file(folder, unit.kind, unit.stem) for unit in missing)
    _run(do_unit, missing, "studying", len(units), "unit", n_jobs, progress)
    return Study(folder)


def _chosen(sessions, only) -> list[int]:
    places = range(len(sessions))
    if not len(places):
        raise ValueError("there is no session to study; give at least one.")
    wanted = places if only is None else [only] if not hasattr(only, "__iter__") else list(only)
    try:
        return [places[operator.index(place)] for place in wanted]
    except (TypeError, IndexError):
        raise ValueError(
            f"only is {only!r}; give places in sessions, from 0 to {len(places) - 1}."
        ) from None


def _check(models, seeds, null, null_folds, min_neurons) -> None:
    """What can be refused before any session is opened."""
    for name, value, least in (
        ("null", null, 0), ("null_folds", null_folds, 2), ("min_neurons", min_neurons, 1),
    ):  # fmt: skip
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name} is {value!r}; give a whole number, {least} or more.")
    if len(models):
        list(variants(as_models(models, [1], None), seeds, None))


def _keep_design(folder: Path, design: dict) -> None:
    """One folder, one design: rows of other folds or regions must not stand side by side."""
    file = folder / "study.json"
    if not file.exists():
        write_text(file, json.dumps(design))
    kept = json.loads(file.read_text("utf-8"))
    for name, value in design.items():
        if kept.get(name) != value:
            raise ValueError(
                f"{folder} holds a study with {name}={kept.get(name)!r}, not {value!r}; choose "
                "another folder, or the same setting."
            )


def _check_names(pool: list[Prepared]) -> None:
    names = [session.name for session in pool]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(
            f"{names.count(twice[0])} sessions are called {twice[0]!r}; give sessions as a dict, "
            "with a name for each."
        )


def _stem(session: Prepared, unit: str) -> str:
    return f"{slug(session.name)}/{slug(unit)}"


def _fits(folder, sessions, models, seeds, n_folds, gap) -> Iterator[Fit]:
    for session in sessions if len(models) else ():
        named = as_models(models, session.neurons, session.bin_size)
        for name, seed, model, model_mark in variants(named, seeds, session.bin_size):
            told = mark(session.data, model_mark, n_folds, gap)
            stem = _stem(session, f"{name} seed{seed}")
            yield Fit(folder, stem, told, session, model, n_folds, gap, name, seed)


def _pairings(folder, sessions, pool, n_null, model, n_folds, gap) -> Iterator[Pairing]:
    """Each session with its own pupil and those of others, of other animals first."""
    for session in sessions if n_null else ():
        place = pool.index(session)
        others = [
            other
            for other in pool[place + 1 :] + pool[:place]
            if (other.shape[1], other.bin_size) == (session.shape[1], session.bin_size)
        ]
        others = sorted(others, key=lambda other: other.animal == session.animal)[:n_null]
        n_trials = min(other.shape[0] for other in (session, *others))
        given = {"null": PupilEncoder() if model is None else model}
        given = as_models(given, session.neurons, session.bin_size)
        ((_, _, ready, model_mark),) = variants(given, [0], session.bin_size)
        test = mark(session.data, model_mark, n_trials, n_folds, gap)
        for other in (session, *others) if others else ():
            yield Pairing(
                folder, _stem(session, f"with {other.name}"), mark(test, other.data), session,
                ready, n_folds, gap, other, test, n_trials,
            )  # fmt: skip


def _forget(notes) -> None:
    """Take back the notes of what failed before: it is tried again."""
    for note in notes:
        note.unlink(missing_ok=True)


def _run(function, jobs, label, total, unit, n_jobs, progress) -> None:
    """Do all jobs, wherever joblib is told to; each keeps its own result."""
    if not jobs:
        return
    # All at once, since machines may join while others are at work; jobs are small.
    parallel = joblib.Parallel(
        n_jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="all"
    )
    done = total - len(jobs)
    with tqdm(desc=label, total=total, initial=done, unit=unit, disable=not progress) as bar:
        try:
            calls = (joblib.delayed(with_one_thread)(function, job) for job in jobs)
            for result in parallel(calls):
                if isinstance(result, OSError):
                    raise result
                bar.update()
        except OSError:
            raise
        except Exception as error:
            raise RuntimeError(
                f"{label} stopped after {bar.n} of {total} ({type(error).__name__}: a process may "
                "have been killed from outside, often for want of memory); what is finished is "
                "kept: call study again with the same folder, and with fewer n_jobs."
            ) from error
