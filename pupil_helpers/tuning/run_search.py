"""Ways to run a search: here, in worker processes, or by hyperopt's own machinery."""

from __future__ import annotations

import itertools
import warnings
from collections import deque
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

import hyperopt
import numpy as np
from joblib.externals.loky import get_reusable_executor

from .log import as_docs, as_trials
from .suggest import bars, drawn_values, to_params


def run_here(objective, space, suggest, record, records, n_trials, n_jobs, n_startup, prune):
    """Evaluate the trials that are missing among the first ``n_trials``.

    Trial ``n`` is suggested from the results of trials up to ``n - lag``, whichever others
    happen to be there already: so the search depends on ``n_jobs`` but not on the workers'
    luck, and every result can be recorded at once.
    """
    domain = hyperopt.base.Domain(objective, space)
    lag = 1 if n_jobs == 1 else 2 * n_jobs  # two per worker: no worker waits for the slowest
    missing = deque(n for n in range(n_trials) if n not in records)

    def ask(number):
        known = [records[n] for n in sorted(records) if n <= number - lag]
        (doc,) = suggest([number], domain, as_trials(known), None)
        drawn = drawn_values(doc)
        return drawn, (to_params(space, drawn), bars(known, n_startup) if prune else ())

    if n_jobs == 1:
        for number in missing:
            drawn, arguments = ask(number)
            record(number, drawn, objective(*arguments))
        return

    with warnings.catch_warnings():
        # Loky renews a worker whose memory has grown, and says so; no trial is lost by it.
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        run_in_workers(objective, ask, record, missing, lag, n_jobs)


def run_in_workers(objective, ask, record, missing, lag, n_jobs):
    """Evaluate trials in processes, and record each as soon as it is finished."""
    pool, running = get_reusable_executor(max_workers=n_jobs), {}

    def may_start():
        """Whether all results that the next suggestion builds on are there."""
        oldest = min((number for number, _ in running.values()), default=np.inf)
        return missing and missing[0] - lag < oldest

    try:
        while missing or running:
            while may_start():
                number = missing.popleft()
                drawn, arguments = ask(number)
                running[pool.submit(objective, *arguments)] = number, drawn
            for job in wait(running, return_when=FIRST_COMPLETED).done:
                number, drawn = running.pop(job)
                record(number, drawn, job.result())
    except BrokenProcessPool:
        raise RuntimeError(
            "a worker process was killed, perhaps for lack of memory; use fewer n_jobs, and the "
            "same folder to go on from the trials that finished"
        ) from None
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise


def run_in_hyperopt(objective, space, suggest, record, records, n_trials, trials):
    """Let ``hyperopt.fmin`` run the search with the reader's own ``Trials``.

    Hyperopt numbers trials without gaps, which a killed parallel search may have left; so the
    numbers in the folder are kept apart from hyperopt's.
    """
    if records and len(trials):
        raise ValueError(
            "both the folder and trials hold finished trials; give an empty trials to go on "
            "from the folder"
        )
    known = sorted(records.values(), key=lambda r: r["trial"])
    seen = set(range(len(known)))
    trials.insert_trial_docs(as_docs(known, tids=seen))
    trials.refresh()
    free = itertools.count()
    problems = []

    def record_finished(trials, *_):
        try:
            for doc in list(trials._dynamic_trials):  # with those that hyperopt calls errors
                done = doc["state"] in (hyperopt.JOB_STATE_DONE, hyperopt.JOB_STATE_ERROR)
                if done and doc["tid"] not in seen:
                    seen.add(doc["tid"])
                    number = next(n for n in free if n not in records)
                    record(number, drawn_values(doc), doc["result"], doc["misc"].get("error"))
        except Exception as error:  # SparkTrials calls from a thread that must not die
            problems.append(error)
        return bool(problems), []

    with suppress(hyperopt.exceptions.AllTrialsFailed):  # the table will say so
        hyperopt.fmin(
            objective,
            space,
            algo=suggest,
            max_evals=n_trials,
            trials=trials,
            rstate=np.random.default_rng(0),  # not used: `suggest` has its own seeds
            early_stop_fn=record_finished,
            return_argmin=False,
            show_progressbar=False,
            verbose=False,
        )
    record_finished(trials)
    if problems:
        raise problems[0]
