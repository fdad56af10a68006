"""Search for good hyperparameters: TPE or random, in parallel, interruptible, pruned.

:func:`tune` scores every candidate on inner blocks of the training trials it is given. It never
needs the outer test block, and must not be shown it: the winner of a search has been chosen for
being lucky as well as good, and only trials that took no part in the choice can tell how good.

Hyperopt suggests the candidates (Bergstra et al. 2011, "Algorithms for hyper-parameter
optimization", NeurIPS 24; Bergstra et al. 2013, ICML). What it calls a trial is called an
evaluation here: trials are the mouse's. Each suggestion depends only on the seed, the number of
the evaluation and the results of earlier ones, so an interrupted search that is taken up again
goes the way it would have gone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import hyperopt
import numpy as np
import pandas as pd
from hyperopt import hp
from hyperopt.pyll import as_apply
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, clone
from tqdm.auto import tqdm

from .._files import package_hash
from ..evaluation.marks import NoMark, mark
from ..models.base import check_pair
from ..models.encoder import PupilEncoder
from .log import in_order, open_log, read_folder
from .objective import Objective, build
from .run import Run, as_trials, draw_example, find_algorithm, seeded

SPACE = {
    "learning_rate": hp.loguniform("learning_rate", math.log(1e-3), math.log(1e-1)),
    "weight_decay": hp.loguniform("weight_decay", math.log(1e-3), math.log(10)),
    "hidden_size": hp.qloguniform("hidden_size", math.log(4), math.log(48), 1),
    "stem_size": hp.qloguniform("stem_size", math.log(4), math.log(48), 1),
    "lag_reach": hp.uniform("lag_reach", 0.2, 1.0),
    "n_lags": hp.quniform("n_lags", 5, 21, 1),
}
"""Where :func:`tune` searches by default; copy and edit it. Any hyperopt expressions will do.

:meta hide-value:
"""


COLUMNS = ("evaluation", "status", "loss", "seconds", "steps", "error")


def tune(
    pupil,
    counts,
    space=None,
    max_evals: int = 50,
    *,
    model=None,
    algo="tpe",
    folder=None,
    trials=None,
    n_blocks: int = 5,
    gap: int = 2,
    n_startup: int = 10,
    prune: bool = True,
    n_jobs: int = 1,
    seed: int = 0,
    progress: bool = True,
) -> Search:
    """Search for the parameters with the lowest held-out loss.

    The loss is the Poisson loss relative to the PSTH in bits per spike, all regions together:
    minus what the model's likelihood gains over the PSTH, so that lower is better and below 0
    beats the PSTH. One fit of a :class:`~pupil_helpers.models.encoder.PupilEncoder`, or of
    another ensemble over blocks, gives it for all inner blocks, as each of its networks leaves
    out one: the lowest point on the way of the networks' mean loss, before shrinkage. It is for
    choosing, not for reporting: scales and PSTH come from all trials given, and the winner is the
    best of many. Other models, and searches over parameters that this loss does not show (such as
    ``shrink`` or ``stride``), are fitted once per inner block, at ``n_blocks`` times the cost.

    Parameters
    ----------
    pupil, counts : array_like
        *Training* trials, as in :meth:`~pupil_helpers.models.base.Encoder.fit`.
    space : dict of str, or hyperopt expression, default :data:`SPACE`
        Parameter names with hyperopt expressions or fixed values.
    max_evals : int, default 50
        Evaluations in all, those found in ``folder`` included.
    model : estimator or callable, default ``PupilEncoder()``
        Holds the settings that are not searched, ``bin_size`` for example; or
        ``model(**params)`` makes a model with ``fit`` and ``predict``.
    algo : {"tpe", "random"} or callable, default "tpe"
        A callable has the arguments of ``hyperopt.tpe.suggest``.
    folder : path, optional
        Keep every finished evaluation here, in ``evaluations.jsonl``. A search killed at any
        moment goes on from there when ``tune`` is called with the same folder, the same
        arguments and the same version of this package: losses that come from different code
        cannot be compared. :meth:`Search.load` reads any.
    trials : hyperopt.Trials, optional
        Let hyperopt's own machinery run the search, for example
        ``SparkTrials(parallelism=8)`` on a cluster (install the extra ``spark``). ``n_jobs`` and
        ``prune`` then have no effect. Legacy: kept as it is, nothing new will be built on it.
    n_blocks, gap : int, default 5 and 2
        Inner blocks; see :func:`~pupil_helpers.signals.splits.inner_blocks`.
    n_startup : int, default 10
        Evaluations drawn at random before TPE starts to learn and pruning to compare.
    prune : bool, default True
        Stop hopeless evaluations early: after a quarter of their training those in the worst
        fifth of all that came that far, after half of it the worst third, after three quarters
        the worse half. (A median stopping rule, Golovin et al. 2017, "Google Vizier", made gentler
        early on, because a slow learner can be a good one.) In random searches on simulated mice
        this saved a fifth of the training, and stopped the best evaluation of at most 1 search
        in 100.
    n_jobs : int, default 1
        Evaluations at a time, each in a process of its own with one thread; -1 for as many as
        there are cores. Suggestions then lag ``2 * n_jobs`` evaluations behind the results.
    seed : int, default 0
        Seed of the suggestions; the networks have the seed of ``model``.
    progress : bool, default True
        Show a progress bar with the best loss so far.

    Returns
    -------
    Search

    Raises
    ------
    ValueError
        If the arrays or the space cannot be used, or ``folder`` holds another search. An
        evaluation that fails does not raise: its error is in the table.
    OSError
        If ``folder`` cannot be written to. What was finished before is kept.
    RuntimeError
        If a worker process is killed. What was finished before is kept.
    """
    pupil, counts = check_pair(pupil, counts)
    if max_evals < 1:
        raise ValueError(f"max_evals is {max_evals}; give at least 1")
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs is {n_jobs}; give at least 1, or -1 for every core")
    model, space = as_model(model), SPACE if space is None else space
    objective = Objective(model, pupil, counts, n_blocks, gap, draw_example(space, seed))
    suggest = seeded(find_algorithm(algo, n_startup), seed)
    about = None if folder is None else {
        "version of pupil_helpers": package_hash()[:16],
        "data": mark(pupil, counts),
        "space": told_apart("space", as_apply(space)),
        "model": told_apart("model", clone(model) if isinstance(model, BaseEstimator) else model),
        "blocks": [n_blocks, gap],
        "algo": told_apart("algo", algo),
        "seed": seed,
        "n_startup": n_startup,
        "prune": bool(prune and trials is None),
    }  # fmt: skip
    with open_log(folder, about) as log, tqdm(
        total=max_evals, initial=len(log.records), unit="evaluation", desc="tuning",
        disable=not progress,
    ) as bar:  # fmt: skip

        def show():
            losses = [r["loss"] for r in log.records.values() if r["status"] == "ok"]
            bar.set_postfix(best=f"{min(losses):.4f}" if losses else "none", refresh=False)
            bar.update()

        run = Run(objective, space, suggest, log, max_evals, show)
        if trials is not None:
            run.in_hyperopt(trials)
        else:
            run.here(effective_n_jobs(n_jobs), n_startup if prune else None)
        return Search(in_order(log.records), model)


@dataclass
class Search:
    """What :func:`tune` found.

    Attributes
    ----------
    records : list of dict
        One per finished evaluation: its number, parameters, loss and loss on each block, curve,
        seconds, status, error.
    model : estimator or callable
        What the parameters were given to.
    """

    records: list[dict]
    model: BaseEstimator | Callable

    @classmethod
    def load(cls, folder, model=None) -> Search:
        """Read a search back from its folder, even while it is running; nothing is unpickled."""
        return cls(read_folder(folder), as_model(model))

    @property
    def table(self) -> pd.DataFrame:
        """One row per evaluation.

        Its number, status, loss (bits per spike), seconds, steps, parameters and error. Status
        is "ok", "pruned" (stopped early: its loss is where it stood then) or "fail". Steps say
        how far it came: checks of a network, or blocks if models are fitted once per block. A
        parameter that is called like another column, such as ``loss``, is ``param_loss``.
        """
        rows = [{**record, "steps": len(record["curve"])} for record in self.records]
        table = pd.DataFrame(rows, columns=COLUMNS).astype({"loss": float, "seconds": float})
        params = pd.DataFrame([record["params"] for record in self.records])
        params = params.rename(columns={name: f"param_{name}" for name in COLUMNS})
        error = table.pop("error")  # comes last
        return pd.concat([table, params, error], axis=1)

    @property
    def block_losses(self) -> np.ndarray:
        """Loss of every evaluation on every inner block, (evaluations, blocks), in bits per spike.

        Each is divided by the mean number of spikes in a block, so that a row's mean is the loss.
        All evaluations see the same blocks: compare two of them block by block, as what makes a
        block easy or hard for both cancels in the difference. NaN where an evaluation failed or
        was stopped early.
        """
        rows = [record["blocks"] if record["status"] == "ok" else None for record in self.records]
        width = max((len(row) for row in rows if row), default=0)
        return np.array([row or [np.nan] * width for row in rows]).reshape(len(rows), width)

    @property
    def best_evaluation(self) -> dict:
        """Record of the evaluation with the lowest loss; ValueError if none has succeeded."""
        finished = [record for record in self.records if record["status"] == "ok"]
        if not finished:
            errors = [record["error"] for record in self.records if record["error"]]
            why = f"the first failed with {errors[0]}" if errors else "none has finished"
            raise ValueError(f"no evaluation of {len(self.records)} succeeded: {why}")
        return min(finished, key=lambda record: record["loss"])

    @property
    def best(self) -> dict:
        """Parameters of the best evaluation."""
        return dict(self.best_evaluation["params"])

    @property
    def best_loss(self) -> float:
        """Lowest loss, in bits per spike; too good to report, see :func:`tune`."""
        return self.best_evaluation["loss"]

    @property
    def trials(self) -> hyperopt.Trials:
        """The evaluations in hyperopt's form."""
        return as_trials(self.records)

    def best_so_far(self) -> np.ndarray:
        """Lowest loss of the first 1, 2, … evaluations; NaN before the first success."""
        table = self.table
        return table["loss"].where(table["status"] == "ok").cummin().ffill().to_numpy()

    def best_model(self, **settings):
        """A new model with the best parameters, to be fitted to all training trials."""
        return build(self.model, {**self.best, **settings})

    def __repr__(self):
        kinds = Counter(record["status"] for record in self.records).most_common()
        text = ", ".join(f"{n} {status}" for status, n in kinds) or "none finished"
        best = f"; best loss {self.best_loss:.4f} bits/spike" if "ok" in dict(kinds) else ""
        return f"<Search of {len(self.records)} evaluations: {text}{best}>"


def as_model(model):
    """The default, an instance, or the factory given."""
    model = PupilEncoder if model is None else model
    is_class = isinstance(model, type) and issubclass(model, BaseEstimator)
    return model() if is_class else model


def told_apart(name: str, thing) -> str:
    """A mark of its value and, for readers, its text without addresses in memory."""
    try:
        return f"{mark(thing)} {re.sub(' at 0x[0-9a-fA-F]+', '', str(thing))}"
    except NoMark as error:
        raise ValueError(
            f"the {name} holds {error}, so that its search could be mistaken for another one; "
            "give it numbers, arrays or functions instead, or search without a folder"
        ) from error
