"""Search for good hyperparameters: TPE or random, in parallel, interruptible, pruned.

:func:`tune` scores every candidate on inner blocks of the training trials it is given. It never
needs the outer test block, and must not be shown it: the winner of a search has been chosen for
being lucky as well as good, and only trials that took no part in the choice can tell how good.

Hyperopt suggests the candidates (Bergstra et al. 2011, "Algorithms for hyper-parameter
optimization", NeurIPS 24; Bergstra et al. 2013, ICML). Each suggestion depends only on the
seed, the trial's number and the results of earlier trials, so an interrupted search that is
taken up again goes the way it would have gone.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import hyperopt
import numpy as np
import pandas as pd
from hyperopt import hp
from hyperopt.pyll import as_apply
from hyperopt.pyll.stochastic import sample
from sklearn.base import BaseEstimator
from tqdm.auto import tqdm

from ..models.base import check_counts
from ..models.encoder import PupilEncoder
from ..signals.pupil import check_pupil
from .log import TrialLog, as_record, as_trials, describe, fingerprint, read_folder
from .objective import Objective, build, whole_numbers
from .run_search import run_here, run_in_hyperopt
from .suggest import find_algorithm, plain, seeded, to_params

SPACE = {
    "learning_rate": hp.loguniform("learning_rate", math.log(1e-3), math.log(3e-2)),
    "weight_decay": hp.loguniform("weight_decay", math.log(1e-3), math.log(10)),
    "hidden_size": hp.qloguniform("hidden_size", math.log(4), math.log(48), 1),
    "stem_size": hp.qloguniform("stem_size", math.log(4), math.log(48), 1),
    "lag_reach": hp.uniform("lag_reach", 0.2, 1.0),
    "n_lags": hp.quniform("n_lags", 5, 21, 1),
}
"""Where :func:`tune` searches by default; copy and edit it. Any hyperopt expressions will do.

:meta hide-value:
"""


def tune(
    pupil,
    counts,
    space=None,
    n_trials: int = 50,
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
    beats the PSTH. For a :class:`~pupil_helpers.models.encoder.PupilEncoder` one fit gives it for all
    inner blocks, as each of its networks leaves out one: the lowest point over epochs of the
    held-out curve, averaged over blocks. Three small liberties make it slightly too good as an
    estimate, though hardly as a ranking: the epoch is the best of them all (about 1 % of the
    loss), scales and PSTH come from all trials given, and the winner is the best of many. Other
    models, and searches over parameters that this loss does not show (such as ``shrink`` or
    ``stride``), are fitted once per inner block, at ``n_blocks`` times the cost.

    Parameters
    ----------
    pupil, counts : array_like
        *Training* trials, as in :meth:`~pupil_helpers.models.base.Encoder.fit`.
    space : dict of str, or hyperopt expression, default :data:`SPACE`
        Parameter names with hyperopt expressions or fixed values.
    n_trials : int, default 50
        Trials in all, those found in ``folder`` included.
    model : estimator or callable, default ``PupilEncoder()``
        Holds the settings that are not searched; or ``model(**params)`` makes a model with
        ``fit`` and ``predict``.
    algo : {"tpe", "random", "optuna"} or callable, default "tpe"
        "optuna" is the TPE of Optuna (install the extra ``optuna``); a callable has the
        arguments of ``hyperopt.tpe.suggest``.
    folder : path, optional
        Keep every finished trial here, in ``trials.jsonl``. A search killed at any moment goes
        on from there when ``tune`` is called with the same folder.
    trials : hyperopt.Trials, optional
        Let hyperopt's own machinery run the search, for example
        ``SparkTrials(parallelism=8)`` on a cluster (install the extra ``spark``). ``n_jobs`` and
        ``prune`` then have no effect.
    n_blocks, gap : int, default 5 and 2
        Inner blocks; see :func:`~pupil_helpers.signals.splits.inner_blocks`.
    n_startup : int, default 10
        Trials drawn at random before TPE starts to learn and pruning to compare.
    prune : bool, default True
        Stop hopeless trials early: after a quarter of the epochs those in the worst fifth of
        the trials that came that far, after half of them the worst third, after three quarters
        the worse half. (A median stopping rule, Golovin et al. 2017, "Google Vizier", made
        gentler early on, because a slow learner can be a good one.) In random searches on
        simulated mice this saved a fifth of the epochs, and stopped the best trial of at most
        1 search in 100.
    n_jobs : int, default 1
        Trials evaluated at a time, each in a process of its own with one thread; -1 for as many
        as there are cores. Suggestions then lag ``2 * n_jobs`` trials behind the results.
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
        If the arrays or the space cannot be used, or ``folder`` holds another search. A trial
        that fails does not raise: its error is in the table.
    """
    pupil, counts = check_pupil(pupil), check_counts(counts)
    if pupil.shape[:2] != counts.shape[:2]:
        raise ValueError(
            f"pupil has (trials, bins) = {pupil.shape[:2]} but counts has {counts.shape[:2]}; "
            "give both the same trials and bins"
        )
    if n_trials < 1:
        raise ValueError(f"n_trials is {n_trials}; give at least 1")
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs is {n_jobs}; give at least 1, or -1 for every core")
    model, space = as_model(model), SPACE if space is None else space
    objective = Objective(model, pupil, counts, n_blocks, gap, draw_example(space, seed))
    suggest = seeded(find_algorithm(algo, n_startup), seed)
    about = {
        "data": fingerprint(pupil, counts),
        "space": str(as_apply(space)),
        "model": describe(model),
        "blocks": [n_blocks, gap],
        "algo": describe(algo),
        "seed": seed,
        "n_startup": n_startup,
        "prune": bool(prune and trials is None),
    }
    with TrialLog(folder, about) as log:
        bar = tqdm(total=n_trials, initial=len(log.records), unit="trial", desc="tuning",
                   disable=not progress)  # fmt: skip

        def record(number, drawn, result, error=None):
            params = whole_numbers(model, to_params(space, drawn))
            log.append(as_record(number, drawn, params, result, error))
            losses = [r["loss"] for r in log.records.values() if r["status"] == "ok"]
            bar.set_postfix(best=f"{min(losses):.4f}" if losses else "none", refresh=False)
            bar.update()

        job = objective, space, suggest, record, log.records, n_trials
        with bar:
            if trials is not None:
                run_in_hyperopt(*job, trials)
            else:
                n_jobs = os.cpu_count() if n_jobs == -1 else n_jobs
                run_here(*job, n_jobs, n_startup, prune)
        return Search(in_order(log.records), model)


@dataclass
class Search:
    """What :func:`tune` found.

    Attributes
    ----------
    records : list of dict
        One per finished trial: its number, parameters, loss, curve, seconds, status, error.
    model : estimator or callable
        What the parameters were given to.
    """

    records: list[dict]
    model: BaseEstimator | Callable

    @classmethod
    def load(cls, folder, model=None) -> Search:
        """Read a search back from its folder, even while it is running; nothing is unpickled."""
        return cls(in_order(read_folder(folder)), as_model(model))

    @property
    def table(self) -> pd.DataFrame:
        """One row per trial: number, status, loss (bits per spike), seconds, epochs, parameters.

        Status is "ok", "pruned" (stopped early: its loss is where it stood then) or "fail".
        """
        rows = [
            {
                **{name: record[name] for name in ("trial", "status", "loss", "seconds")},
                "epochs": len(record["curve"]),
                **record["params"],
                "error": record["error"],
            }
            for record in self.records
        ]
        table = pd.DataFrame(rows)
        table["loss"] = table["loss"].astype(float)
        return table[[*(name for name in table if name != "error"), "error"]]

    @property
    def best_trial(self) -> dict:
        """Record of the finished trial with the lowest loss; ValueError if there is none."""
        finished = [record for record in self.records if record["status"] == "ok"]
        if not finished:
            errors = [record["error"] for record in self.records if record["error"]]
            why = f"the first failed with {errors[0]}" if errors else "none has finished"
            raise ValueError(f"no trial of {len(self.records)} succeeded: {why}")
        return min(finished, key=lambda record: record["loss"])

    @property
    def best(self) -> dict:
        """Parameters of the best trial."""
        return dict(self.best_trial["params"])

    @property
    def best_loss(self) -> float:
        """Loss of the best trial, in bits per spike; too good to report, see :func:`tune`."""
        return self.best_trial["loss"]

    @property
    def trials(self) -> hyperopt.Trials:
        """The trials in hyperopt's form."""
        return as_trials(self.records)

    def best_so_far(self) -> np.ndarray:
        """Lowest loss among the first 1, 2, … trials; NaN before the first success."""
        finished = self.table["loss"].where(self.table["status"] == "ok", np.inf)
        best = finished.cummin().to_numpy()
        return np.where(np.isinf(best), np.nan, best)

    def best_model(self, **settings):
        """A new model with the best parameters, to be fitted to all training trials."""
        return build(self.model, {**self.best, **settings})

    def __repr__(self):
        counts = pd.Series([record["status"] for record in self.records]).value_counts()
        kinds = ", ".join(f"{n} {status}" for status, n in counts.items())
        best = f"; best loss {self.best_loss:.4f} bits/spike" if "ok" in counts else ""
        return f"<Search of {len(self.records)} trials: {kinds}{best}>"


def as_model(model):
    """The default, an instance, or the factory given."""
    if model is None:
        return PupilEncoder()
    is_class = isinstance(model, type) and issubclass(model, BaseEstimator)
    return model() if is_class else model


def draw_example(space, seed) -> dict:
    """One draw from the space, to see that it makes parameters that can be stored."""
    example = sample(as_apply(space), np.random.default_rng(seed))
    if not isinstance(example, dict):
        raise ValueError("space must give a dict of parameters: {'name': hp.uniform(...), ...}")
    example = {
        name: getattr(value, "tolist", lambda v=value: v)() for name, value in example.items()
    }
    for name, value in example.items():
        try:
            json.dumps(value)
        except TypeError:
            raise ValueError(
                f"the space gives {name} a {type(value).__name__}, which cannot be stored as "
                "text; use numbers, strings, True, False or None"
            ) from None
    return {name: plain(value) for name, value in example.items()}


def in_order(records: dict) -> list[dict]:
    return [records[number] for number in sorted(records)]
