"""How long a search takes, what pruning saves, and whether TPE beats drawing at random.

Run ``python benchmarks/tuning.py``; ``--seeds 5`` repeats the comparison of algorithms, and
``--seeds 0`` leaves it out. The outer test block, the last quarter of the session, is scored once
per search, with the winner fitted to all other trials.
"""

import argparse
import time

import numpy as np
import pandas as pd

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.recordings.kinds import DRIVEN
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.tuning.search import tune


def mouse(seed, n_trials):
    """Training trials and, two trials later, test trials."""
    session = simulate_session(seed=seed, n_trials=n_trials)
    counts = session.region_counts(DRIVEN)
    cut = 3 * n_trials // 4
    return (session.pupil[:cut], counts[:cut]), (session.pupil[cut + 2 :], counts[cut + 2 :])


def speed(n_trials, max_evals) -> pd.DataFrame:
    """Seconds of one TPE search, with and without worker processes and pruning."""
    train, _ = mouse(0, n_trials)
    rows = []
    for n_jobs, prune in [(2, True), (2, False), (1, True)]:
        start = time.perf_counter()
        found = tune(*train, max_evals=max_evals, n_jobs=n_jobs, prune=prune, progress=False)
        table = found.table
        rows.append(
            {
                "processes": n_jobs,
                "pruning": "yes" if prune else "no",
                "seconds": round(time.perf_counter() - start),
                "pruned": (table["status"] == "pruned").sum(),
                "steps": table["steps"].sum(),
                "best (bits/spike)": round(-found.best_loss, 4),
            }
        )
    return pd.DataFrame(rows)


def algorithms(n_seeds, max_evals) -> pd.DataFrame:
    """Best held-out gain of each algorithm, and its winner's score on the test block."""
    rows = []
    for seed in range(n_seeds):
        train, test = mouse(100 + seed, 150)
        default = PupilEncoder().fit(*train)
        rows.append((seed, "default settings", np.nan, default.score(*test, "psth_relative")))
        for algo in ("tpe", "random"):
            options = {"algo": algo, "n_jobs": 2, "seed": seed, "progress": False}
            found = tune(*train, max_evals=max_evals, **options)
            winner = found.best_model().fit(*train)
            rows.append((seed, algo, -found.best_loss, winner.score(*test, "psth_relative")))
    columns = ["mouse", "algorithm", "held out (bits/spike)", "test (PSTH-relative)"]
    return pd.DataFrame(rows, columns=columns)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evals", type=int, default=50, help="evaluations of each search")
    parser.add_argument("--seeds", type=int, default=2, help="mice to compare the algorithms on")
    options = parser.parse_args()
    print(f"{options.evals} evaluations by TPE on a session of 300 trials (225 to search on)")
    print(speed(300, options.evals).to_string(index=False), "\n")
    if options.seeds:
        print(f"{options.evals} evaluations on sessions of 150 trials (112 to search on)")
        table = algorithms(options.seeds, options.evals)
        print(table.pivot(index="mouse", columns="algorithm").round(4).to_string())


if __name__ == "__main__":
    main()
