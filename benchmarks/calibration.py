"""Is the simulated mouse like a real one? Counts of both, region by region.

(For its eye, see ``calibration_eye.py``.)

Run ``python benchmarks/calibration.py``. The real session is Steinmetz et al. 2019, Lederberg
2017-12-06 (Neuromatch index 12), the one that the original PupilEncoder used; its counts are of
0-0.4 s from stimulus onset. If they are on this machine (see ``tests/real_data.py``) the numbers
are worked out again, otherwise those that were found before are printed.

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

from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.recordings.kinds import REGIONS
from pupil_helpers.recordings.simulate import simulate_session

STATISTICS = {
    "rate": "mean rate (Hz per neuron)",
    "fano": "Fano factor of a trial's count (median neuron)",
    "ceiling": "split-half ceiling",
    "psth": "R² of the session's own PSTH",
    "between": "share of variance between trials",
    "lag 1": "correlation of a trial's mean with the next one's",
}

FOUND = pd.DataFrame(
    {
        "rate": [6.86, 7.76, 4.86, 11.43, 2.55, 2.88],
        "fano": [1.86, 1.68, 1.44, 2.22, 1.42, 1.35],
        "ceiling": [0.30, 0.21, 0.72, 0.37, 0.14, 0.16],
        "psth": [0.040, 0.043, 0.107, 0.003, 0.036, 0.041],
        "between": [0.59, 0.59, 0.46, 0.58, 0.39, 0.36],
        "lag 1": [0.41, 0.36, 0.24, 0.12, 0.28, 0.13],
    },
    index=list(REGIONS),
)
"""The real session's numbers, as this script finds them."""

SHORT_GAINS = (
    "the private gains of the simulated neurons are smaller and forget sooner than the real ones "
    "seem to; --long-gains shows what longer ones would do. Gains that last for many trials "
    "coincide by chance with slow changes of the pupil, every model learns such coincidences from "
    "the one session it has, and then even a good one can fall far short of the known ceiling"
)
EXPLAINED = {
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


def statistics(spikes, bin_size=0.01) -> dict:
    """The numbers above for the counts of one region's neurons, (trials, bins, neurons)."""
    of_trial = spikes.sum(1, dtype=float)  # (trials, neurons)
    firing = of_trial[:, of_trial.any(0)]
    y = windows(spikes)  # (trials, windows, neurons)
    region = y.sum(-1)  # (trials, windows)
    total = ((region - region.mean()) ** 2).sum()
    mean = region.mean(1)  # (trials,)
    return {
        "rate": spikes.mean() / bin_size,
        "fano": np.median(firing.var(0, ddof=1) / firing.mean(0)),
        "ceiling": split_half_ceiling(y, kernel=None, n_splits=200),
        "psth": 1 - ((region - region.mean(0)) ** 2).sum() / total,
        "between": region.shape[1] * ((mean - mean.mean()) ** 2).sum() / total,
        "lag 1": np.corrcoef(mean[:-1], mean[1:])[0, 1],
    }


def windows(counts, width=10) -> np.ndarray:
    """Sums over every ``width`` bins in a row, (trials, bins - width + 1, ...)."""
    summed = np.cumsum(counts, axis=1, dtype=float)
    summed = np.concatenate([np.zeros_like(summed[:, :1]), summed], axis=1)
    return summed[:, width:] - summed[:, :-width]


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
    arguments = parser.parse_args()
    if arguments.long_gains:
        REGIONS.update({name: replace(REGIONS[name], **new) for name, new in LONG_GAINS.items()})
    recorded, n_mice = real(), arguments.mice
    mice = pd.concat([simulated(seed) for seed in range(n_mice)], keys=range(n_mice))
    by_region = mice.groupby(level=1, sort=False)
    mean, sd = by_region.mean(), by_region.std()
    print(f"Counts 0-0.4 s from stimulus onset; {n_mice} simulated mice (SD between them).")
    print(f"Real numbers: {'found before' if recorded is None else 'from the recording'}.")
    recorded = FOUND if recorded is None else recorded
    for statistic, title in STATISTICS.items():
        table = pd.DataFrame({"real": recorded[statistic], "simulated": mean[statistic]})
        table["SD"] = sd[statistic]
        table["ratio"] = table["simulated"] / table["real"]
        if statistic == "ceiling":
            table["known"] = mean["known ceiling"]
        print(f"\n{title}\n{table.round(3).to_string()}")
    print_explanations(recorded, mean, sd, EXPLAINED)


if __name__ == "__main__":
    main()
