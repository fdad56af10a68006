"""What hyperopt decides: which candidate comes next, and on request where it is evaluated."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

import hyperopt
import numpy as np
from hyperopt.fmin import generate_trial
from hyperopt.pyll import as_apply
from hyperopt.pyll.stochastic import sample

from ..evaluation.workers import WorkerKilled, run_jobs
from .log import FAILED, EvaluationLog, in_order
from .objective import Objective, bars, whole_numbers


@dataclass
class Run:
    """Evaluates candidates until there are ``max_evals`` in the log.

    ``suggest`` is a suggest function in hyperopt's form; ``on_record()`` is called after every
    evaluation.
    """

    objective: Objective
    space: object
    suggest: Callable
    log: EvaluationLog
    max_evals: int
    on_record: Callable

    def here(self, n_jobs: int, n_compared: int | None) -> None:
        """Run in this process, or in ``n_jobs`` others.

        Number ``n`` is suggested from the results of those up to ``n - lag``, whichever others
        happen to be there already: so the search depends on ``n_jobs`` but not on the workers'
        luck, and every result can be recorded at once. It is pruned by comparison with at least
        ``n_compared`` others, or not at all if that is None.
        """
        objective, records = self.objective, self.log.records
        domain = hyperopt.base.Domain(objective, self.space)
        lag = 1 if n_jobs == 1 else 2 * n_jobs  # two per worker: no worker waits for the slowest
        missing = [number for number in range(self.max_evals) if number not in records]
        under_way = {}  # number: values drawn

        def jobs():
            for number in missing:
                while min(under_way, default=number) <= number - lag:
                    yield None  # a result that this suggestion builds on is not there yet
                known = [records[earlier] for earlier in range(number - lag + 1)]
                (doc,) = self.suggest([number], domain, as_trials(known), None)
                under_way[number] = drawn_values(doc)
                limits = () if n_compared is None else bars(known, n_compared)
                yield to_params(self.space, under_way[number]), limits

        work = run_jobs(lambda job: objective(*job), jobs(), n_jobs)
        try:
            with closing(work) as results:  # whatever happens here, no worker goes on
                for index, result in results:
                    self._record(missing[index], under_way.pop(missing[index]), result)
        except WorkerKilled as error:
            raise RuntimeError(
                "a worker process was killed, often for want of memory; use fewer n_jobs, and the "
                "same folder to go on from the evaluations that finished"
            ) from error

    def in_hyperopt(self, trials: hyperopt.Trials) -> None:
        """Let ``hyperopt.fmin`` run the search with the reader's own ``Trials``.

        Hyperopt numbers its trials without gaps, which a killed parallel search may have left;
        so the numbers in the log are kept apart from hyperopt's.
        """
        known = in_order(self.log.records)
        if known and len(trials):
            raise ValueError(
                "both the folder and trials hold finished evaluations; give an empty trials to "
                "go on from the folder"
            )
        add_to(trials, known)
        taken = [record["evaluation"] for record in known]
        free = [n for n in range(max(self.max_evals, len(trials))) if n not in taken]
        numbers = taken + free  # in the log, by hyperopt's
        seen, problems = set(range(len(known))), []

        def record_finished(trials, *_):
            try:
                for doc in list(trials._dynamic_trials):  # with those that hyperopt calls errors
                    tid, failed = doc["tid"], doc["state"] == hyperopt.JOB_STATE_ERROR
                    if tid not in seen and (failed or doc["state"] == hyperopt.JOB_STATE_DONE):
                        seen.add(tid)
                        error = {"error": str(doc["misc"].get("error"))}
                        result = FAILED | error if failed else doc["result"]
                        self._record(numbers[tid], drawn_values(doc), result)
            except Exception as error:  # SparkTrials calls from a thread that must not die
                problems.append(error)
            return bool(problems), []

        with suppress(hyperopt.exceptions.AllTrialsFailed):  # the table will say so
            hyperopt.fmin(
                self.objective, self.space, self.suggest, self.max_evals, trials=trials,
                rstate=np.random.default_rng(0),  # not used: `suggest` has its own seeds
                early_stop_fn=record_finished, return_argmin=False, show_progressbar=False,
                verbose=False,
            )  # fmt: skip
        record_finished(trials)
        if problems:
            raise problems[0]

    def _record(self, number: int, drawn: dict, result: dict) -> None:
        params = whole_numbers(self.objective.model, to_params(self.space, drawn))
        kept = {name: result[name] for name in FAILED}
        self.log.append({"evaluation": number, "params": params, "drawn": drawn, **kept})
        self.on_record()


def find_algorithm(algo, n_startup: int) -> Callable:
    """A suggest function in hyperopt's form: ``(new_ids, domain, trials, seed) -> docs``."""
    if callable(algo):
        return algo
    known = {
        "tpe": partial(hyperopt.tpe.suggest, n_startup_jobs=n_startup, verbose=False),
        "random": hyperopt.rand.suggest,
    }
    if algo not in known:
        raise ValueError(f"algo is {algo!r}; use 'tpe', 'random' or a callable")
    return known[algo]


def seeded(algorithm: Callable, seed: int) -> Callable:
    """``algorithm`` with a seed that depends on the evaluation's number only.

    Hyperopt draws one seed after the other from a generator: taken up again, a search would
    start with the first seed, and draw the same random points once more.
    """

    def suggest(new_ids, domain, trials, _):
        draw = np.random.SeedSequence([seed, new_ids[0]]).generate_state(1)[0]
        return algorithm(new_ids, domain, trials, int(draw) % 2**31)

    return suggest


def to_params(space, drawn: dict) -> dict:
    """The parameters that the drawn values stand for."""
    params = hyperopt.space_eval(space, {k: v for k, v in drawn.items() if v is not None})
    return {name: plain(value) for name, value in params.items()}


def draw_example(space, seed: int) -> dict:
    """One draw from the space, to see that it makes parameters that can be stored."""
    example = sample(as_apply(space), np.random.default_rng(seed))
    if not isinstance(example, dict):
        raise ValueError("space must give a dict of parameters: {'name': hp.uniform(...), ...}")
    for name, value in example.items():
        try:
            json.dumps(plain(value))
        except TypeError:
            raise ValueError(
                f"the space gives {name} a {type(value).__name__}, which cannot be stored as "
                "text; use numbers, strings, True, False or None"
            ) from None
    return {name: plain(value) for name, value in example.items()}


# -- hyperopt's form of evaluations ----------------------------------------------------------


def as_trials(records) -> hyperopt.Trials:
    """Records as hyperopt's finished trials, so that its algorithms go on from what is known."""
    return add_to(hyperopt.Trials(), records)


def add_to(trials: hyperopt.Trials, records) -> hyperopt.Trials:
    """Put records into empty trials; their place becomes hyperopt's number."""
    docs = []
    for tid, record in enumerate(records):
        result = {name: record[name] for name in FAILED}
        if result["status"] == "pruned":
            result["status"] = hyperopt.STATUS_OK
        drawn = {label: [] if v is None else [v] for label, v in record["drawn"].items()}
        doc = generate_trial(tid, {})
        doc |= {"state": hyperopt.JOB_STATE_DONE, "result": result}
        doc["misc"] |= {"vals": drawn, "idxs": {k: [tid] * len(v) for k, v in drawn.items()}}
        docs.append(doc)
    trials.insert_trial_docs(docs)
    trials.refresh()
    return trials


def drawn_values(doc: dict) -> dict:
    """Label → value drawn, None where the label plays no part."""
    return {label: plain(v[0]) if v else None for label, v in doc["misc"]["vals"].items()}


def plain(value):
    """A numpy number as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
