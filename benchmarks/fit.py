"""How long the default model takes, how well it does, and how both grow.

    python benchmarks/fit.py            about two minutes
    python benchmarks/fit.py --quick    without the original recipe

Everything runs in one process, one after the other, on one thread.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd
import torch

from pupil_helpers import PupilEncoder, blocked_folds, evaluation_kernel, simulate_session
from pupil_helpers.metrics import scores
from pupil_helpers.models.neural import GRU, LSTM, PlainRNNEncoder, TemporalConv
from pupil_helpers.recordings.kinds import DRIVEN

SEEDS = range(3)
SEEDS_OF_THE_ORIGINAL = range(1)  # it takes ten times as long as the others


def seconds(job):
    """Result of ``job()`` and the seconds it took."""
    begin = time.perf_counter()
    result = job()
    return result, time.perf_counter() - begin


def fits(session, quick: bool) -> pd.DataFrame:
    """Our fit beside the original recipe and the recurrent and convolutional networks."""
    counts = session.region_counts(DRIVEN)
    split = blocked_folds(session.n_trials)[0]
    pupil, test = session.pupil[split.train], counts[split.test]
    kernel = evaluation_kernel(session.bin_size)
    ceiling = scores.r2(test, session.true_region_rates(DRIVEN)[split.test], kernel)
    n_neurons = [int((session.regions == region).sum()) for region in DRIVEN]
    models = {
        "PupilEncoder": PupilEncoder(),
        "PupilEncoder, 1 network": PupilEncoder(n_members=1),
        "plain RNN": PlainRNNEncoder(),
        "GRU": GRU(),
        "LSTM": LSTM(),
        "convolution": TemporalConv(),
    }
    if not quick:
        models["original recipe"] = PupilEncoder.original(n_neurons=n_neurons)
    rows = []
    PupilEncoder(n_updates=1).fit(pupil, counts[split.train])  # what is slow only the first time
    for name, model in models.items():
        for seed in SEEDS_OF_THE_ORIGINAL if name == "original recipe" else SEEDS:
            model.seed = seed
            _, took = seconds(lambda model=model: model.fit(pupil, counts[split.train]))
            predicted = model.predict(session.pupil[split.test])
            r2 = scores.r2(test, predicted, kernel)
            relative = scores.psth_relative(test, predicted, model.psth_, kernel)
            share = np.mean(r2 / ceiling)
            rows.append((name, took, r2.mean(), share, relative.mean()))
    columns = ["model", "seconds", "R2", "share of known ceiling", "PSTH-relative"]
    return pd.DataFrame(rows, columns=columns).groupby("model", sort=False).mean()


def growth() -> pd.DataFrame:
    """Seconds of one fit as each size doubles; the first row is the reference."""
    base = {"n_trials": 150, "n_bins": 125, "regions": 3, "hidden_size": 16}
    rows = []
    for change in ({}, {"n_trials": 300}, {"n_bins": 250}, {"regions": 6}, {"hidden_size": 32}):
        size = base | change
        session = simulate_session(n_trials=size["n_trials"], n_bins=size["n_bins"])
        counts = session.region_counts([*DRIVEN, "MRN", "CA1", "VISam"][: size["regions"]])
        model = PupilEncoder(hidden_size=size["hidden_size"])
        rows.append(size | {"seconds": seconds(lambda m=model: m.fit(session.pupil, counts))[1]})  # noqa: B023
    table = pd.DataFrame(rows)
    table["times the first"] = table["seconds"] / table["seconds"][0]
    return table


def members(session) -> pd.DataFrame:
    """What a network costs when several train in one batch."""
    counts = session.region_counts(DRIVEN)
    rows = []
    for n in (1, 4, 8):
        took = min(
            seconds(lambda n=n: PupilEncoder(n_members=n).fit(session.pupil, counts))[1]
            for _ in range(3)
        )
        rows.append({"networks": n, "seconds": took, "seconds per network": took / n})
    table = pd.DataFrame(rows)
    table["of one alone"] = table["seconds per network"] / table["seconds"][0]
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave the original recipe out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    session, took = seconds(simulate_session)
    print(f"simulated session: {took:.2f} s\n")
    print(
        "One outer fold of the simulated session, mean of the pupil-driven regions and of "
        f"{len(SEEDS)} seeds:"
    )
    print(fits(session, arguments.quick).round(3).to_string(), "\n")
    print("What a network costs in company (whole fits, best of 3):")
    print(members(session).round(2).to_string(index=False), "\n")
    print("How the default fit grows:")
    print(growth().round(2).to_string(index=False), "\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
