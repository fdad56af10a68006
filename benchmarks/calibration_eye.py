"""Is the simulated eye like a real one? Gaze and pupil area of both, statistic by statistic.

Run ``python benchmarks/calibration_eye.py``. No recording at hand has gaze, pupil size and spikes
together, so that several animals stand in for one:

- gaze: a head-fixed rodent (https://github.com/cechava/minimal_eyetracker, 15 minutes at 20 Hz) and
  both eyes of a freely moving mouse (Meyer, O'Keefe and Poort 2020, 10 minutes at 60 Hz);
- area: Steinmetz et al. 2019, Cori 2016-12-17 (100 Hz, during the task), and the head-fixed rodent.

If they are on this machine (see ``tests/real_data.py``) the numbers are worked out again (and
stored with ``--write``), otherwise the stored ones are printed. All eyes are brought to 20 Hz
first; what the statistics are, :mod:`pupil_helpers.recordings.calibration` says. What is off is
listed for each animal: they differ a lot from one another.
"""

import argparse

import numpy as np
import pandas as pd
from calibration import data_folder, print_explanations, store

from pupil_helpers.recordings.calibration import (
    AREA,
    AREA_LAGS,
    GAZE,
    GAZE_LAGS,
    area_statistics,
    every_step,
    gaze_statistics,
    stored_calibration,
)
from pupil_helpers.recordings.eye import film_eye, move_eye
from pupil_helpers.recordings.simulate import simulate_session

FREE = "Meyer, O'Keefe and Poort 2020, github.com/arnefmeyer/meyer-et-al_currbiol_2020"
SOURCES = {
    "head-fixed": "github.com/cechava/minimal_eyetracker, sample output",
    "free left": FREE,
    "free right": FREE,
    "Cori": "Steinmetz et al. 2019, Cori 2016-12-17",
}

REASONS = {
    "the head-fixed eye was filmed almost without noise, so that saccades are "
    "found in it (micro-saccades) that are tiny beside the SD of its gaze; at this size the noise "
    "of the other cameras hides them. Its large saccades are rarer than the simulated ones. Eyes "
    "of a freely moving mouse also make up for movements of the head, so their large saccades are "
    "the most frequent": ("rate", "large rate", "small", "median", "large"),
    "what is horizontal in a picture depends on how the camera is turned, and so does the sign of "
    "the correlation; the animals differ as much from one another": ("horizontal", "axial", "x-y"),
    "the free mouse's saccades come in bursts with pauses between them, simulated ones at a more "
    "even pace (one gamma distribution of intervals) and about as many; the head-fixed animal's "
    "are even too, but more, see rate; 20 Hz knows short intervals only to the nearest 0.05 "
    "s": ("short wait", "wait", "long wait"),
    "cameras differ far more than animals do; ours lies between them": ("jitter",),
    "real gaze stays around one place for 10 s and more. Simulated saccades lead to a new place "
    "sooner, and what remains, the slow wandering, is less than half of its "
    "variance": tuple(f"gaze {lag} s" for lag in GAZE_LAGS),
    "blinks and gaps are set between the two animals: the head-fixed eye is hardly ever lost, "
    "those filmed from a freely moving head often and for long": (
        "missing", "gaps", "gap", "long gap",
    ),
    "both real pupils vary more for their size. Cori's is tiny under grey screens, so that noise "
    "and outliers are large beside it; the head-fixed animal's 95 % quantile is more than six "
    "times its 5 % quantile": ("variation",),
    "the noise in Cori's area counts as variance within trials; smoothed, the shares are "
    "alike": ("between",),
    "the simulated area is set to change as fast as Cori's, who did the task; the head-fixed "
    "animal's changes more slowly, and 15 minutes say little about lags of 30 s and more, "
    "where all are near 0": tuple(f"area {lag} s" for lag in AREA_LAGS),
}  # fmt: skip
"""Why statistics are more than 25 % off."""


def simulated(seed: int) -> dict:
    """Both sets of statistics of a simulated eye, filmed for a whole session."""
    trials = simulate_session(seed, kind="few neurons").trials
    rng, bin_size = np.random.default_rng(seed), 0.01
    onset = trials["stimulus_time"].to_numpy()
    clean = move_eye(rng, round((onset[-1] + 5) / bin_size), bin_size, trials)
    windows = ((onset[:, None] - 0.5) / bin_size).round().astype(int) + np.arange(250)
    filmed = film_eye(rng, clean, bin_size, blink_rate=0.05)[::5, 1:]
    size = film_eye(rng, clean, bin_size, blink_rate=0.0)[:, 0]  # Cori's trace has no gaps either
    return gaze_statistics(filmed.astype(float)) | area_statistics(every_step(size), size[windows])


def real() -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Gaze and area of the real animals, or nothing if a file is not here."""
    folder = data_folder()
    names = [
        "eye_only/rodent_head_fixed_20hz.npz",
        "eye_only/mouse_freely_moving_60hz.npz",
        "steinmetz2019_cori_2016-12-17/cori_20161217_pupil_spikes.npz",
    ]
    if not all((folder / name).is_file() for name in names):
        return None
    fixed, free, cori = (dict(np.load(folder / name)) for name in names)
    seen = np.where(fixed["blink"], np.nan, 1.0)
    time, stimuli = cori["eye_time_estimated"], cori["stim_time"]
    task = (time > stimuli[0]) & (time < stimuli[-1])
    gazes = {
        "head-fixed": gaze_statistics(np.stack([fixed["x"], fixed["y"]], axis=1) * seen[:, None]),
        "free left": gaze_statistics(free["left_xy_deg"][::3].astype(float)),
        "free right": gaze_statistics(free["right_xy_deg"][::3].astype(float)),
    }
    areas = {
        "Cori": area_statistics(
            every_step(cori["eye_area"][task]), cori["pupil_area_trials"].astype(float)
        ),
        "head-fixed": area_statistics(np.pi * fixed["radius"] ** 2 * seen),
    }
    return pd.DataFrame(gazes).T, pd.DataFrame(areas).T


def show(real, mice, titles):
    """One table, and what is off in it."""
    mean, sd = mice.mean()[list(titles)], mice.std()[list(titles)]
    table = real.T.assign(simulated=mean, SD=sd).round(3).rename(index=titles)
    print(table.to_string(na_rep=""))
    explained = {
        (name, animal): why
        for why, names in REASONS.items()
        for name in names
        for animal in real.index
    }
    mean, sd = (pd.DataFrame([values] * len(real), real.index) for values in (mean, sd))
    print_explanations(real, mean, sd, explained)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mice", type=int, default=12, help="simulated mice (seeds 0, 1, ...)")
    parser.add_argument("--write", action="store_true", help="store the real numbers")
    arguments = parser.parse_args()
    n_mice = arguments.mice
    mice = pd.DataFrame([simulated(seed) for seed in range(n_mice)])
    worked_out = real()
    print(f"Gaze and pupil area; {n_mice} simulated mice (SD between them).")
    print(f"Real numbers: {'stored' if worked_out is None else 'from the recordings'}.")
    if worked_out is None:
        worked_out = stored_calibration("gaze"), stored_calibration("area")
    elif arguments.write:
        for what, table in zip(("gaze", "area"), worked_out, strict=True):
            store(what, table, SOURCES)
    gazes, areas = worked_out
    print("\nGaze")
    show(gazes, mice, GAZE)
    print("\nPupil area")
    show(areas, mice, AREA)


if __name__ == "__main__":
    main()
