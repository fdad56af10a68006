"""Does the headline model pass the headline null? PupilEncoder under session permutation.

Run ``python benchmarks/null.py`` (twenty minutes on two cores); ``--write`` stores the
p-values in ``pupil_helpers/evaluation/null_tests.csv``, where a chapter can read them.

Every mouse of a pool is tested against the pupils of all others of its pool, and PupilEncoder is
fitted anew for every pairing: 2 blocked folds, 100 trials, bins of 250 ms. In the pool of kind
"null" no region is linked to the pupil and all drift; in the pool of home mice half of the regions
are linked, which shows the power. The assumption is that sessions are exchangeable: the same task,
and pupils that vary alike. Simulated mice fulfil it by construction; real animals only about so.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom
from tqdm import tqdm

import pupil_helpers.evaluation.mice as mice_module
from pupil_helpers import PupilEncoder, session_permutation, simulate_session
from pupil_helpers.evaluation.nulls import refit_score
from pupil_helpers.evaluation.workers import run_jobs

FILE = Path(mice_module.__file__).with_name("null_tests.csv")
N_TRIALS, WIDTH = 100, 25  # of each mouse; bins of 10 ms that become one
FIRST = 700
ALPHA = 0.05


def coarse(kind, seed):
    """Pupil (trials, bins, 3), counts (trials, bins, regions), regions, and which are linked."""
    session = simulate_session(seed, n_trials=N_TRIALS, kind=kind)
    names = session.truth.regions.tolist()
    pupil = session.pupil.reshape(N_TRIALS, -1, WIDTH, 3)
    seen = ~np.isnan(pupil)
    n_seen = seen.sum(axis=2)
    mean = np.where(seen, pupil, 0).sum(axis=2) / np.maximum(n_seen, 1)
    counts = session.region_counts(names).reshape(N_TRIALS, -1, WIDTH, len(names)).sum(axis=2)
    return np.where(n_seen > 0, mean, np.nan), counts, names, session.truth.driven


def p_values(pool, kind, job) -> list[dict]:
    """p-values of one mouse's regions."""
    make = partial(PupilEncoder, bin_size=0.01 * WIDTH, stride=1, device="cpu")
    pupil, counts, names, linked = pool[job]
    others = [other[0] for number, other in enumerate(pool) if number != job]
    found = session_permutation(refit_score(make, n_folds=2), pupil, counts, others)
    columns = zip(names, linked, found.observed, found.p, strict=True)
    return [
        {"kind": kind, "mouse": FIRST + job, "region": name, "linked": bool(link),
         "observed": score, "p": p, "others": len(others)}
        for name, link, score, p in columns
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=21, help="in each pool, at least 20")
    parser.add_argument("--kinds", nargs="+", default=["null", "home"], help="of mice, a pool each")
    parser.add_argument("--write", action="store_true", help="store the p-values in the package")
    options = parser.parse_args()
    rows = []
    for kind in options.kinds:
        pool = [coarse(kind, FIRST + number) for number in range(options.mice)]
        jobs = run_jobs(partial(p_values, pool, kind), range(options.mice), -1)
        for _, found in tqdm(jobs, f"{kind} mice", options.mice):
            rows += found
    table = pd.DataFrame(rows).sort_values(["kind", "mouse"])
    if options.write:
        table.round(5).to_csv(FILE, index=False)
    for (kind, linked), pairs in table.groupby(["kind", "linked"]):
        n, hits = len(pairs), int((pairs["p"] <= ALPHA).sum())
        allowed = int(binom.ppf(0.95, n, ALPHA))
        word = "found" if linked else f"false alarms (up to {allowed} would be no surprise)"
        print(f"{kind} mice, {'linked' if linked else 'unlinked'}: {hits} of {n} {word}")


if __name__ == "__main__":
    main()
