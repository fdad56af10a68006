"""Is the simulated mouse like a real one? Counts of both, region by region.

(For its eye, see ``calibration_eye.py``.)

Run ``python benchmarks/calibration.py``. The real session is Steinmetz et al. 2019, Lederberg
2017-12-06 (Neuromatch index 12), the one that the original PupilEncoder used; its counts are of
0-0.4 s from stimulus onset. If they are on this machine (see ``tests/real_data.py``) the numbers
are worked out again (and stored with ``--write``), otherwise the stored ones are printed.

All but the first two statistics are about the region's summed counts in windows of 100 ms (every
window of 10 bins that lies within the 0.4 s). Simulated numbers are means over several mice.
"""

import argparse
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import pupil_helpers.recordings.calibration as calibration
from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.recordings.calibration import (
    COUNTS,
    count_statistics,
    stored_calibration,
    windows,
)
from pupil_helpers.recordings.kinds import REGIONS
from pupil_helpers.recordings.simulate import simulate_session

SOURCE = "Steinmetz et al. 2019, Lederberg 2017-12-06, 0-0.4 s from the stimulus"
STORED = Path(calibration.__file__).with_name("calibration.csv")

SHORT_GAINS = (
    "the private gains of the simulated neurons are smaller and forget sooner than the real ones "
    "seem to; --long-gains shows what longer ones would do. Gains that last for many trials "
    "coincide by chance with slow changes of the pupil, every model learns such coincidences from "
    "the one session it has, and then even a good one can fall far short of the known ceiling"
)
EXPLAINED = {
    ("neurons", "LGd"): "fewer, so that sessions stay small; each follows the pupil more, so that "
    "the ceiling is nearly the real one all the same",
    ("ceiling", "SCs"): SHORT_GAINS,
    ("ceiling", "SCm"): "its drive is stronger than the real ceiling calls for, so that there is a "
    "lead before saccades to be found; and its private gains are short-lived, see SCm lag 1",
    ("lag 1", "SCs"): SHORT_GAINS,
    ("lag 1", "SCm"): SHORT_GAINS,
    ("between", "LGd"): "the simulated drive is mostly slow pupil area, which hardly changes "
    "within 0.4 s and so counts as a difference between trials; the real region changes faster",
    ("psth", "MRN"): "both are next to 0, and a ratio of two zeros means nothing",
}  # fmt: skip
"""Why a statistic is more than 25 % off."""

LONG_GAINS = {"SCs": {"gain": 0.64, "gain_memory": 0.96}, "SCm": {"gain": 0.52, "gain_memory": 0.9}}


def statistics(spikes) -> dict:
    """The numbers of one region's neurons, (trials, bins, neurons)."""
    ceiling = split_half_ceiling(windows(spikes), kernel=None, n_splits=200)
    return count_statistics(spikes) | {"ceiling": ceiling}


def data_folder() -> Path:
    """Where tests look for real recordings."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    import real_data

    return real_data.data_folder()


def real() -> pd.DataFrame | None:
    path = data_folder() / "lederberg_2017-12-06_spikes_0-400ms.npz"
    if not path.is_file():
        return None
    with np.load(path) as file:
        spikes, regions = file["spikes"], file["regions"]
    return pd.DataFrame({name: statistics(spikes[..., regions == name]) for name in REGIONS}).T


def simulated(seed: int) -> pd.DataFrame:
    session = simulate_session(seed)
    window = (session.time > 0) & (session.time < 0.4)
    table = {}
    for name in REGIONS:
        spikes = session.spikes[:, window][..., session.regions == name]
        truth = session.true_region_rates(name)[:, window]
        counts = session.region_counts(name)[:, window]
        known = known_ceiling(windows(counts), windows(truth), kernel=None)[0]
        table[name] = statistics(spikes) | {"known ceiling": known}
    return pd.DataFrame(table).T


def store(what: str, table: pd.DataFrame, sources: dict) -> None:
    """Put real numbers, (animals or regions, statistics), in the place of the stored ones.

    ``sources`` says where each row's numbers are from.
    """
    rows = [
        (what, whose, statistic, round(value, 4), sources[whose])
        for whose, numbers in table.iterrows()
        for statistic, value in numbers.items()
    ]
    new = pd.DataFrame(rows, columns=["what", "whose", "statistic", "value", "source"])
    old = stored_calibration() if STORED.exists() else new[:0]
    both = pd.concat([old[old["what"] != what], new])
    order = {name: i for i, name in enumerate(calibration.TITLES)}
    both = both.sort_values("what", key=lambda column: column.map(order), kind="stable")
    both.dropna().to_csv(STORED, index=False)
    print(f"\n{what}: written to {STORED.name}")


def print_explanations(recorded, mean, sd, explained) -> None:
    """What is off by more than 25 %, by reason.

    All tables are (regions or animals, statistics); ``explained`` says why, by statistic and row.
    """
    listed = {}
    for statistic in recorded:
        for row in recorded.index:
            real, ours = recorded.loc[row, statistic], mean.loc[row, statistic]
            if not abs(ours / real - 1) > 0.25:  # nor where there is no real number
                continue
            near = abs(ours - real) < 2 * sd.loc[row, statistic]
            chance = "as near to the real one as simulated mice are to one another (2 SD)"
            why = explained.get((statistic, row), chance if near else "NOT EXPLAINED")
            listed.setdefault(why, []).append(f"{row} {statistic} (ratio {ours / real:.2f})")
    print("\nMore than 25 % off, and why")
    for why, what in listed.items():
        line = f"- {', '.join(what)}: {why}."
        print(textwrap.fill(line, 96, subsequent_indent="  ", break_on_hyphens=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=24, help="simulated mice (seeds 0, 1, ...)")
    parser.add_argument(
        "--long-gains", action="store_true", help="private gains of SCs and SCm that last longer"
    )
    parser.add_argument("--write", action="store_true", help="store the real numbers")
    arguments = parser.parse_args()
    if arguments.long_gains:
        REGIONS.update({name: replace(REGIONS[name], **new) for name, new in LONG_GAINS.items()})
    recorded, n_mice = real(), arguments.mice
    mice = pd.concat([simulated(seed) for seed in range(n_mice)], keys=range(n_mice))
    by_region = mice.groupby(level=1, sort=False)
    mean, sd = by_region.mean(), by_region.std()
    print(f"Counts 0-0.4 s from stimulus onset; {n_mice} simulated mice (SD between them).")
    print(f"Real numbers: {'stored' if recorded is None else 'from the recording'}.")
    if arguments.write and recorded is not None:
        store("counts", recorded, dict.fromkeys(recorded.index, SOURCE))
    recorded = stored_calibration("counts") if recorded is None else recorded
    for statistic, title in COUNTS.items():
        table = pd.DataFrame({"real": recorded[statistic], "simulated": mean[statistic]})
        table["SD"] = sd[statistic]
        table["ratio"] = table["simulated"] / table["real"]
        if statistic == "ceiling":
            table["known"] = mean["known ceiling"]
        print(f"\n{title}\n{table.round(3).to_string()}")
    print_explanations(recorded, mean, sd, EXPLAINED)


if __name__ == "__main__":
    main()
