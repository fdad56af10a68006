"""One call, one table: every model on the same blocked folds, with several seeds, in parallel.

:func:`compare` fits each model on the training trials of each fold and scores it on the test
block, region by region. Each finished fit is written to a folder at once, so that an interrupted
comparison goes on where it stopped. :mod:`pupil_helpers.evaluation.summary` joins the folds and
adds confidence intervals.
"""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ..session import Session
from ..signals.splits import Split, blocked_folds
from . import stored
from .cross_validation import fit_fold
from .entrants import as_models, as_seeds, variants
from .marks import mark
from .summary import SCORES, HeldOut, region_names
from .workers import WorkerKilled, run_jobs


class FitsFailed(RuntimeError):
    """Some fits of a comparison failed; ``table`` holds all the others."""

    def __init__(self, message: str, table: pd.DataFrame):
        super().__init__(message)
        self.table = table


class Job(NamedTuple):
    """One fit: a model, where to train and test it, and where to keep the result."""

    name: str
    model: object
    fold: int
    seed: int
    split: Split
    path: Path


def compare(
    session: Session,
    models=None,
    regions=None,
    n_folds: int = 5,
    seeds=(0, 1, 2, 3, 4),
    gap: int = 2,
    folder=None,
    n_jobs: int = -1,
    progress: bool = True,
    keep_predictions: bool = True,
    on_error: str = "raise",
) -> pd.DataFrame:
    """Fit and score models on blocked folds.

    Parameters
    ----------
    session : Session
    models : sequence of str, or dict of str to model, optional
        Names from :data:`~pupil_helpers.evaluation.entrants.MODELS` (all of them by default), or
        models of your own by name: anything with ``fit(pupil, counts)`` and ``predict(pupil)``.
        They are copied, not changed. A copy whose ``bin_size`` is None gets the session's.
    regions : str or sequence of str, optional
        Regions to predict, together; by default all regions of the session.
    n_folds, gap : int, default 5 and 2
        As in :func:`~pupil_helpers.signals.splits.blocked_folds`.
    seeds : sequence of int, default (0, 1, 2, 3, 4)
        Each model is fitted once per seed, set as its ``seed``; a model without ``seed`` is taken
        to be deterministic and fitted for the first seed only.
    folder : path, optional
        Where finished fits are kept. Calling again with the same folder fits only what is
        missing. A result is used only for the same data, split, model, settings and code.
        By default a temporary folder that is deleted when Python exits (or, if Python is
        killed, by the next comparison).
    n_jobs : int, default -1
        Processes, each with one thread; -1: one for each core; 1: none besides this one.
    progress : bool, default True
        Show a progress bar.
    keep_predictions : bool, default True
        Keep the predicted counts of the test trials too (float32: 4 bytes per trial, bin and
        region, for each model and seed). :func:`~pupil_helpers.evaluation.summary.summary` needs
        them.
    on_error : {"raise", "keep"}, default "raise"
        What to do, after all the other fits, if a fit has failed. Either way the table has the
        message in ``error`` and NaN for the scores, and the next call tries the fit again.

    Returns
    -------
    pandas.DataFrame
        One row per model, region, fold and seed: ``model``, ``region``, ``fold``, ``seed``; the
        scores :data:`~pupil_helpers.evaluation.summary.SCORES` over the test trials of the fold,
        NaN where they are undefined, such as for a region without spikes; ``seconds`` of fitting;
        ``error``, empty if all went well; and the ``file`` of the predictions, empty if not kept.

    Raises
    ------
    ValueError
        If there are too few trials for the folds; a model, region or setting is unknown; or a
        model was told another width of bins, or holds what cannot be told from another model's.
    FitsFailed
        If fits have failed. Its ``table`` is what would have been returned.
    RuntimeError
        If one of the processes is killed; what it had finished is kept.
    OSError
        If a result cannot be written; a folder that takes none is refused before any fit.
    """
    if on_error not in ("raise", "keep"):
        raise ValueError(f"on_error is {on_error!r}; use 'raise' or 'keep'.")
    regions = region_names(session, regions)
    counts = session.region_counts(regions)
    models = as_models(models, session.region_table()["neurons"][regions], session.bin_size)
    folder = stored.temporary_folder() if folder is None else Path(folder).expanduser()
    splits = blocked_folds(session.n_trials, n_folds, gap)
    data = mark(session.pupil, counts, session.bin_size, regions)
    jobs = _plan(models, as_seeds(seeds), splits, session.bin_size, data, folder)

    read = functools.partial(stored.read, n_regions=len(regions), with_predictions=keep_predictions)
    done = {job.path: read(job.path) for job in jobs}
    todo = [job for job in jobs if done[job.path] is None]
    if todo:
        stored.check_writable(folder)
    # Workers write their results themselves: what has been fitted survives whatever happens here.
    work = functools.partial(
        _fit_and_score, session.pupil, counts, regions, session.bin_size, keep_predictions
    )
    results = tqdm(
        run_jobs(work, todo, n_jobs), "comparing", len(jobs), initial=len(jobs) - len(todo),
        unit="fit", disable=not progress,
    )  # fmt: skip
    try:
        for number, record in results:
            done[todo[number].path] = record
    except WorkerKilled as error:
        kept = sum(read(job.path) is not None for job in jobs)
        raise RuntimeError(
            f"a process was killed from outside, often for want of memory; {kept} of {len(jobs)} "
            f"fits are kept: compare again with folder={str(folder)!r}, and with fewer n_jobs."
        ) from error
    table = pd.DataFrame([row for job in jobs for row in _rows(job, done[job.path], regions)])
    table = table.astype(dict.fromkeys((*SCORES, "seconds"), float))  # None becomes NaN
    if on_error == "raise":
        _check_all_fitted(table, len(jobs))
    return table


def _plan(models, seeds, splits, bin_size, data, folder) -> list[Job]:
    jobs = []
    for name, seed, model, model_mark in variants(models, seeds, bin_size):
        for fold, split in enumerate(splits):
            path = stored.stem(folder, name, fold, seed, mark(data, model_mark, *split))
            jobs.append(Job(name, model, fold, seed, split, path))
    return jobs


def _fit_and_score(pupil, counts, regions, bin_size, keep, job: Job) -> dict:
    """Fit, score and keep one job; runs in any process."""
    test, held = job.split.test, None
    try:
        fold = fit_fold(copy.deepcopy(job.model), pupil, counts, job.split)
        record = {"error": "", "seconds": fold.seconds}
        predicted, psth = fold.predicted.astype(np.float32), fold.psth.astype(np.float32)
        held = HeldOut(counts[test], predicted, psth, test, np.array(regions), bin_size)
        for metric in SCORES:
            record[metric] = [float(v) if np.isfinite(v) else None for v in held.score(metric)]
    except Exception as error:  # whatever one model does wrong must not stop the others
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
        record = {"error": message, "seconds": None}
        record |= dict.fromkeys(SCORES, [None] * len(regions))
        held = None
    stored.write(job.path, record, held if keep else None)
    return record


def _rows(job: Job, record: dict, regions):
    """The rows of the table for one job, one per region."""
    file = job.path.with_suffix(".npz")
    kept = file.is_file() and not record["error"]
    for i, region in enumerate(regions):
        row = {"model": job.name, "region": region, "fold": job.fold, "seed": job.seed}
        row |= {metric: record[metric][i] for metric in SCORES}
        row |= {"seconds": record["seconds"], "error": record["error"]}
        yield row | {"file": str(file) if kept else ""}


def _check_all_fitted(table: pd.DataFrame, n_jobs: int) -> None:
    failed = table.loc[table["error"] != ""].drop_duplicates(["model", "fold", "seed"])
    if not len(failed):
        return
    first = failed.iloc[0]
    raise FitsFailed(
        f"{len(failed)} of {n_jobs} fits failed, the first one {first['model']!r} on fold "
        f"{first['fold']} with seed {first['seed']} ({first['error']}); the others are kept in "
        "this exception's table; mend the model and compare again, or use on_error='keep'.",
        table,
    )
