"""One call, one table: every model on the same blocked folds, with several seeds, in parallel.

:func:`compare` fits each model on the training trials of each fold and scores it on the test
block, region by region. Each finished fit is written to a folder at once, so that an interrupted
comparison goes on where it stopped. :mod:`pupil_helpers.evaluation.summary` joins the folds and adds
confidence intervals; its functions can be imported from here too.
"""

from __future__ import annotations

import atexit
import copy
import shutil
import tempfile
import time
import warnings
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ..metrics import scores as metrics
from ..models.encoder import PupilEncoder
from ..models.linear import RIVALS
from ..session import Session
from ..signals.splits import Split, blocked_folds
from . import fold_results as results
from .summary import SCORES, HeldOut, ceilings, gains, out_of_fold, region_names, summary

__all__ = ["MODELS", "FitsFailed", "ceilings", "compare", "gains", "out_of_fold", "summary"]

MODELS = {**RIVALS, "PupilEncoder": PupilEncoder}
"""Models that :func:`compare` knows by name."""


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
        Names from :data:`MODELS` (all of them by default), or models of your own by name:
        anything with ``fit(pupil, counts)`` and ``predict(pupil)``. They are copied, not changed.
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
        By default a temporary folder that is deleted when Python exits.
    n_jobs : int, default -1
        Processes, each with one thread; -1: one for each core; 1: none besides this one.
    progress : bool, default True
        Show a progress bar.
    keep_predictions : bool, default True
        Keep the predicted counts of the test trials too (float32: 4 bytes per trial, bin and
        region, for each model and seed). :func:`~pupil_helpers.evaluation.summary.summary` needs them.
    on_error : {"raise", "keep"}, default "raise"
        What to do, after all the other fits, if a fit has failed. Either way the table has the
        message in ``error`` and NaN for the scores, and the next call tries the fit again.

    Returns
    -------
    pandas.DataFrame
        One row per model, region, fold and seed: ``model``, ``region``, ``fold``, ``seed``; the
        scores :data:`~pupil_helpers.evaluation.summary.SCORES` over the test trials of the fold, NaN where
        they are undefined, such as for a region without spikes; ``seconds`` of fitting; ``error``,
        empty if all went well; and the ``file`` of the predictions, empty if not kept.

    Raises
    ------
    ValueError
        If there are too few trials for the folds, or a model, region or setting is unknown.
    FitsFailed
        If fits have failed. Its ``table`` is what would have been returned.
    RuntimeError
        If one of the processes is killed; what it had finished is kept.
    OSError
        If a result cannot be written.
    """
    if on_error not in ("raise", "keep"):
        raise ValueError(f"on_error is {on_error!r}; use 'raise' or 'keep'.")
    regions = region_names(session, regions)
    counts = session.region_counts(regions)
    folds = blocked_folds(session.n_trials, n_folds, gap)
    models = _as_models(models, session, regions)
    seeds = _seeds(seeds)
    folder = _folder(folder)
    data = results.fingerprint(session.pupil, counts, session.bin_size, regions)

    jobs = []
    for name, model in models.items():
        for seed in seeds if hasattr(model, "seed") else seeds[:1]:
            one = copy.deepcopy(model)
            if hasattr(one, "seed"):
                one.seed = seed
            for fold, split in enumerate(folds):
                mark = results.fingerprint(data, tuple(split), one)
                path = results.stem(folder, name, fold, seed, mark)
                jobs.append(Job(name, one, fold, seed, split, path))
    done = {job.path: results.read(job.path, keep_predictions) for job in jobs}
    todo = [job for job in jobs if done[job.path] is None]
    # Workers write their results themselves: what has been fitted survives whatever happens here.
    run = Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")(
        delayed(_run)(job, session.pupil, counts, regions, session.bin_size, keep_predictions)
        for job in todo
    )
    bar = tqdm(
        run, "comparing", len(jobs), initial=len(jobs) - len(todo), unit="fit", disable=not progress
    )
    try:
        with warnings.catch_warnings():  # processes that have grown are replaced: no cause to worry
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
            done |= dict(bar)
    except (BrokenProcessPool, AttributeError) as error:
        # joblib may notice only that its executor is gone, if it was just handing out a fit.
        if isinstance(error, AttributeError) and "_temp_folder_manager" not in str(error):
            raise
        kept = sum(results.read(job.path, keep_predictions) is not None for job in jobs)
        raise RuntimeError(
            f"a process was killed from outside, often for want of memory; {kept} of {len(jobs)} "
            f"fits are kept: compare again with folder={str(folder)!r}, and with fewer n_jobs."
        ) from error
    table = pd.DataFrame([row for job in jobs for row in _rows(job, done[job.path], regions)])
    failed = table.loc[table["error"] != ""].drop_duplicates(["model", "fold", "seed"])
    if len(failed) and on_error == "raise":
        first = failed.iloc[0]
        raise FitsFailed(
            f"{len(failed)} of {len(jobs)} fits failed, the first one {first['model']!r} on fold "
            f"{first['fold']} with seed {first['seed']} ({first['error']}); the others are kept in "
            "this exception's table; mend the model and compare again, or use on_error='keep'.",
            table,
        )
    return table


def _as_models(models, session, regions) -> dict:
    models = list(MODELS) if models is None else models
    if isinstance(models, str):
        models = [models]
    if not isinstance(models, dict):
        unknown = [name for name in models if not (isinstance(name, str) and name in MODELS)]
        if unknown:
            raise ValueError(
                f"unknown model {unknown[0]!r}; choose from {', '.join(MODELS)}, or give a dict "
                "of models of your own by name."
            )
        models = {name: _named(name, session, regions) for name in models}
    for name, model in models.items():
        if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "predict")):
            raise ValueError(f"model {name!r} is {model!r}; give an object with fit and predict.")
    if not models:
        raise ValueError("there is no model to compare; name at least one.")
    return models


def _named(name, session, regions):
    """A model from :data:`MODELS` that knows the session's bins and its regions' sizes."""
    model = MODELS[name]()
    known = {
        "bin_size": session.bin_size,
        "n_neurons": [int((session.regions == region).sum()) for region in regions],
    }
    for setting, value in known.items():
        if hasattr(model, setting):
            setattr(model, setting, value)
    return model


def _seeds(seeds) -> list[int]:
    seeds = [int(seed) for seed in np.atleast_1d(seeds)]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds are {seeds}; give one or more different whole numbers.")
    return seeds


def _folder(folder) -> Path:
    if folder is None:
        folder = tempfile.mkdtemp(prefix="compare-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(job: Job, pupil, counts, regions, bin_size, keep) -> tuple[Path, dict]:
    """Fit, score and keep one job, with one thread; runs in any process."""
    train, test = job.split
    arrays, n_threads = None, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            start = time.perf_counter()
            job.model.fit(pupil[train], counts[train])
            record = {"error": "", "seconds": time.perf_counter() - start}
            predicted = np.asarray(job.model.predict(pupil[test]), dtype=np.float32)
        psth = metrics.psth(counts[train]).astype(np.float32)  # as precise as the prediction
        held = HeldOut(test, regions, counts[test], predicted, psth, bin_size)
        for metric in SCORES:
            record[metric] = [float(v) if np.isfinite(v) else None for v in held.score(metric)]
        if keep:
            arrays = {name: np.asarray(value) for name, value in held._asdict().items()}
    except Exception as error:  # whatever one model does wrong must not stop the others
        record = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    finally:
        torch.set_num_threads(n_threads)
    results.write(job.path, record, arrays)
    return job.path, record


def _rows(job: Job, record: dict, regions):
    """The rows of the table for one job, one per region."""
    file = job.path.with_suffix(".npz")
    for i, region in enumerate(regions):
        row = {"model": job.name, "region": region, "fold": job.fold, "seed": job.seed}
        values = {metric: record[metric][i] if metric in record else None for metric in SCORES}
        row |= {metric: np.nan if value is None else value for metric, value in values.items()}
        row |= {"seconds": record.get("seconds", np.nan), "error": record["error"]}
        yield row | {"file": str(file) if file.is_file() and not row["error"] else ""}
