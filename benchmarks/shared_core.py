"""Does a core from other mice help with a new one? Learning curves, beside the default's.

Run ``python benchmarks/shared_core.py --write`` (some 20 minutes of one core), which stores
``pupil_helpers/evaluation/shared_core.csv``; without ``--write`` the curves are only printed, and
with ``--stored`` nothing is fitted. ``--first 1100`` scores the mice that chose the settings.

Two cores meet every new mouse. One was trained on mice of all kinds; the other on as many, but none
of the new one's kind. Mice of one kind listen to the eye alike, which flatters the first.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import pupil_helpers.evaluation.learning_curve as curves
from pupil_helpers._files import write_text
from pupil_helpers.evaluation.mice import share
from pupil_helpers.metrics.scores import psth_relative
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.shared import SharedEncoder
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.signals.rates import evaluation_kernel, smooth

FILE = Path(curves.__file__).with_name("shared_core.csv")
KINDS = "home", "memory", "unforeseen"
TRAINED, TESTED = 1000, 1200  # first seeds; 1100 and on chose the settings
APART = 20  # seeds of one kind: no two mice have the same eye
TRIALS = 20, 40, 80, 160, 300
GAP, HELD_OUT = 2, 100  # trials after those that are learnt from


def seeds(kind: str, first: int, n: int) -> range:
    """Seeds of the mice of one kind."""
    start = first + APART * KINDS.index(kind)
    return range(start, start + n)


def learnt_core(kinds, n_mice: int) -> SharedEncoder:
    """A core from as many mice of each of these kinds as make ``n_mice`` together."""
    recordings = []
    for kind in kinds:
        for seed in seeds(kind, TRAINED, n_mice // len(kinds)):
            session = simulate_session(seed, kind=kind)
            recordings.append((session.pupil, session.region_counts(session.truth.regions)))
    return SharedEncoder(device="cpu").learn_core(recordings)


def new_mouse(kind: str, seed: int, models: dict) -> list[dict]:
    """Every model after every number of trials, on the same held-out trials of one mouse."""
    most = max(TRIALS)
    session = simulate_session(seed, n_trials=most + GAP + HELD_OUT, kind=kind)
    names, kernel = session.truth.regions, evaluation_kernel(session.bin_size)
    counts, test = session.region_counts(names), slice(most + GAP, None)
    truth = smooth(session.true_region_rates(names)[test], kernel)
    rows = []
    for n in TRIALS:
        train = slice(most - n, most)  # those right before the gap
        for name, model in models.items():
            start = time.process_time()
            model.fit(session.pupil[train], counts[train])
            about = {"kind": kind, "mouse": seed, "model": name, "trials": n}
            about["seconds"] = time.process_time() - start
            guess = model.predict(session.pupil[test])
            relative = psth_relative(counts[test], guess, model.psth_, kernel)
            guess = smooth(guess, kernel)
            rows += [
                about | {
                    "region": region, "driven": bool(session.truth.driven[r]),
                    "share": share(guess[..., r], truth[..., r]), "error": 1 - relative[r],
                }
                for r, region in enumerate(names)
            ]  # fmt: skip
    return rows


def measure(first: int, n_new: int, n_trained: int, n_jobs: int) -> Iterator[pd.DataFrame]:
    """The table so far after every new mouse: each with both cores and without."""
    others = {kind: tuple(k for k in KINDS if k != kind) for kind in KINDS}
    wanted = [KINDS, *others.values()]
    cores = Parallel(n_jobs=n_jobs)(delayed(learnt_core)(kinds, n_trained) for kinds in wanted)
    cores, jobs, rows = dict(zip(wanted, cores, strict=True)), [], []
    for place in range(n_new):
        for kind in KINDS:
            models = {
                "PupilEncoder": PupilEncoder(device="cpu"),
                "shared core": cores[KINDS],
                "core of other kinds": cores[others[kind]],
            }
            jobs.append(delayed(new_mouse)(kind, seeds(kind, first, n_new)[place], models))
    for found in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        rows += found
        yield pd.DataFrame(rows)


def report(rows: pd.DataFrame) -> None:
    """Print the curves, the leads over the default, and errors where the pupil does nothing."""

    def cells(found):
        found = found.assign(cell=[
            f"{row.mean:6.3f} [{row.low:6.3f}, {row.high:6.3f}]"
            for row in found.itertuples(index=False)
        ])  # fmt: skip
        return found.pivot(index="model", columns="trials", values="cell").to_string()

    mice = rows.groupby("kind", sort=False)["mouse"].nunique().to_dict()
    print(f"new mice {mice}; share of what could be predicted, driven regions, 95 % over mice")
    print(cells(curves.curve(rows)))
    print("\nlead over PupilEncoder on the same mice")
    print(cells(curves.curve(rows, "PupilEncoder")))
    for kind in mice:
        print(f"\nlead, {kind}\n{cells(curves.curve(rows[rows['kind'] == kind], 'PupilEncoder'))}")
    errors = rows[~rows["driven"]].groupby(["model", "trials"], sort=False)["error"]
    print("\nregions without the pupil, error relative to the PSTH's: 95 % quantile and worst")
    print(errors.agg([lambda e: np.quantile(e, 0.95), "max"]).round(3).to_string())
    seconds = rows.groupby(["model", "trials"], sort=False)["seconds"].mean().unstack()
    print(f"\nseconds of CPU time per fit\n{seconds.round(1).to_string()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=TESTED, help="seed of the first new mouse")
    parser.add_argument("--mice", type=int, default=3, help="new ones of each kind")
    parser.add_argument("--trained", type=int, default=12, help="mice that train each core")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="store the table in the package")
    parser.add_argument("--stored", action="store_true", help="print the stored table")
    options = parser.parse_args()
    if options.stored:
        return report(curves.stored_curve())
    for rows in measure(options.first, options.mice, options.trained, options.jobs):
        if options.write:  # at once: whoever stops early keeps what is there
            write_text(FILE, rows.round(5).to_csv(index=False))
    report(rows)


if __name__ == "__main__":
    main()
