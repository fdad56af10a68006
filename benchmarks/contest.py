"""Did the RNN outperform all other methods? Every model on simulated mice.

Run ``python benchmarks/contest.py``: all models, five folds, five seeds, one mouse. With
``--mice 4 --first 400`` more mice, with ``--drive``, ``--noise`` and ``--trials`` other ones. The
original recipe, which takes ten times as long as the others, is fitted once per fold
(``--original-seeds``).
Mice below 400 served to choose the settings of the models; so did, at last, 400 to 406.
"""

import argparse
import time

import pandas as pd
from _tables import over_mice, shares, with_intervals

from pupil_helpers import ceilings, compare, differences, simulate_session, summary
from pupil_helpers.evaluation.entrants import MODELS


def contest(session, models, seeds, original_seeds, folder=None, regions=None) -> pd.DataFrame:
    """The table of all models, in which the original recipe has fewer seeds."""
    parts = []
    for names, n in (
        ([name for name in models if name != "original"], seeds),
        ([name for name in models if name == "original"], original_seeds),
    ):
        if names and n:
            parts.append(compare(session, names, regions, seeds=range(n), folder=folder))
    return pd.concat(parts, ignore_index=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=1)
    parser.add_argument("--first", type=int, default=200, help="seed of the first mouse")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--original-seeds", type=int, default=1, help="of the original recipe")
    parser.add_argument("--folder", help="where to keep finished fits, to go on after a stop")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="some of the models")
    parser.add_argument("--trials", type=int, default=300, help="trials of each mouse")
    parser.add_argument("--drive", type=float, default=1.0, help="how much the pupil drives")
    parser.add_argument("--noise", type=float, default=1.0, help="how much else varies")
    options = parser.parse_args()
    kind = {
        "n_trials": options.trials,
        "drive_scale": options.drive,
        "noise_scale": options.noise,
    }
    share = {}
    for mouse in range(options.first, options.first + options.mice):
        session, start = simulate_session(mouse, **kind), time.perf_counter()
        table = contest(
            session, options.models, options.seeds, options.original_seeds, options.folder
        )
        print(
            f"\n{session.name}: {len(options.models)} models, 5 folds, up to {options.seeds} "
            f"seeds, compared in {time.perf_counter() - start:.0f} s"
        )
        share[session.name] = shares(table, session)
        print(f"\nceilings of R²\n{ceilings(session).round(3)}")
        for metric in ("psth_relative", "bits_per_spike"):
            print(f"\n{metric}, 95 % interval\n{with_intervals(summary(table, metric))}")
        if "PupilEncoder" in options.models:
            found = with_intervals(differences(table, "PupilEncoder"))
            print(f"\nR² above PupilEncoder's, on the same trials, 95 % interval\n{found}")
        seconds = table.groupby("model", sort=False)["seconds"].mean().round(2)
        print(f"\nseconds per fit, with as many fits at a time as cores\n{seconds.to_string()}")
    share = pd.DataFrame(share)
    print(f"\nshare of the known ceiling, mean of the driven regions\n{share.round(3).to_string()}")
    if options.mice > 1:
        print(f"\nover mice, with 95 % interval\n{over_mice(share).to_string()}")
    if options.mice > 1 and "PupilEncoder" in options.models:
        lead = share.loc["PupilEncoder"] - share.drop("PupilEncoder")
        print(f"\nPupilEncoder's lead over each, with 95 % interval\n{over_mice(lead).to_string()}")


if __name__ == "__main__":
    main()
