"""Many independent jobs in processes of their own, each with one thread.

Networks of this size gain nothing from a second thread, so folds, seeds and searches share the
cores by running side by side. The processes are loky's, which takes functions and classes from
notebook cells too, and are kept for the next call as long as they are not idle for long.
"""

from __future__ import annotations

import itertools
import numbers
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool

from joblib import effective_n_jobs
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits

from ..models.base import one_thread

IDLE = 60  # seconds after which a process without work ends


class WorkerKilled(RuntimeError):
    """A process was ended from outside, and the job that it was doing is lost."""


def run_jobs(function: Callable, jobs: Iterable, n_jobs: int = -1) -> Iterator[tuple[int, object]]:
    """Call ``function(job)`` for every job, and yield results in the order they are finished.

    No job is taken from ``jobs`` before a process is free for it, and the result that freed the
    process is yielded first. So ``jobs`` may be a generator that looks at the results so far,
    and it may yield None: nothing to begin until one more of those under way is finished (or, if
    none is under way, nothing more at all).

    Parameters
    ----------
    function : callable
        Called in another process, so it should hold or return nothing that cannot be pickled.
    jobs : iterable
        What to call it with.
    n_jobs : int, default -1
        Processes; -1: one for each core; 1: none besides this one.

    Yields
    ------
    index : int
        Place of the job in ``jobs``, without counting None.
    result
        What ``function`` returned. An exception that it raised is raised here.

    Raises
    ------
    ValueError
        If ``n_jobs`` is not a number of processes.
    WorkerKilled
        (a RuntimeError) If a process was killed.
    """
    if not isinstance(n_jobs, numbers.Integral) or n_jobs == 0:
        raise ValueError(f"n_jobs is {n_jobs!r}; give a number of processes, or -1 for all cores.")
    n_workers = effective_n_jobs(n_jobs)
    if n_workers > 1:
        return _in_processes(function, iter(jobs), n_workers)
    jobs = itertools.takewhile(lambda job: job is not None, jobs)
    return ((number, with_one_thread(function, job)) for number, job in enumerate(jobs))


def _in_processes(function, jobs, n_workers):
    pool = get_reusable_executor(
        n_workers, timeout=IDLE, initializer=_end_with_parent, initargs=(os.getpid(),)
    )
    numbers, running = itertools.count(), {}
    try:
        while True:
            for job in itertools.islice(jobs, n_workers - len(running)):
                if job is None:
                    break
                running[pool.submit(with_one_thread, function, job)] = next(numbers)
            if not running:
                return
            for future in _finished(running):
                yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise WorkerKilled(
            "a process was killed from outside, often for want of memory; use fewer n_jobs."
        ) from error
    finally:
        if running:  # an error, an interruption, or the caller has seen enough
            pool.shutdown(kill_workers=True)


def _finished(running):
    with warnings.catch_warnings():  # processes that have grown are replaced: no cause to worry
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        return wait(running, return_when=FIRST_COMPLETED).done


def with_one_thread(function: Callable, job):
    """``function(job)`` while torch and the libraries under numpy use one thread each."""
    with threadpool_limits(1), one_thread():
        return function(job)


def _end_with_parent(parent: int):
    """In a worker: end as soon as the process that started it is gone, killed or not."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
