"""A study of 3, 6 and 12 simulated mice: seconds and peak memory.

Run ``python benchmarks/study.py`` (some ten minutes on two cores). Each size runs in a process of
its own, 4 models × 5 folds in every session: the time should be linear in the number of sessions,
the memory independent of it. The second call finds everything done.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time

import pandas as pd
import psutil

from pupil_helpers import study
from pupil_helpers.evaluation.study import MODELS

SIZES = (3, 6, 12)
FIRST = 300  # seed of the first mouse


class Watch(threading.Thread):
    """Looks at this process and its workers: CPU seconds of each, most memory of all together."""

    def __init__(self):
        super().__init__(daemon=True)
        self.cpu, self.memory, self.stop = {}, 0.0, threading.Event()

    def run(self):
        me = psutil.Process()
        while not self.stop.wait(0.2):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss / 1e6  # what is shared counts once
                    times = process.cpu_times()
                except psutil.Error:
                    continue
                self.cpu[process.pid] = times.user + times.system
            self.memory = max(self.memory, total)


def measure(n: int, models, n_jobs: int) -> dict:
    """Seconds and memory of one study, in this process."""
    sessions = [("simulated", {"seed": seed}) for seed in range(FIRST, FIRST + n)]
    watch = Watch()
    watch.start()
    with tempfile.TemporaryDirectory() as folder:
        call = {"models": models, "folder": folder, "n_jobs": n_jobs, "progress": False}
        start = time.perf_counter()
        found = study(sessions, **call)
        first = time.perf_counter() - start
        start = time.perf_counter()
        study(sessions, **call)
        second = time.perf_counter() - start
        table = found.table()
        fits = table.drop_duplicates(["session", "model", "fold", "seed"])
    watch.stop.set()
    watch.join()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "sessions": n, "fits": len(fits), "failures": len(found.failures()), "seconds": first,
        "CPU seconds": sum(watch.cpu.values()), "again (s)": second,
        "all processes (MB)": watch.memory, "this one (MB)": own,
        **fits.groupby("model", sort=False)["seconds"].mean().add_suffix(" (s a fit)"),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--one", action="store_true", help="measure here; print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.sizes[0], options.models, options.jobs)))
        return
    rows = []
    for n in options.sizes:
        command = [sys.executable, __file__, "--one", "--sizes", str(n), "--jobs"]
        command += [str(options.jobs), "--models", *options.models]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout))
        print(pd.DataFrame(rows).round(2).T.to_string(header=False), flush=True)


if __name__ == "__main__":
    main()
