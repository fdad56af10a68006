"""Is the simulated eye like a real one? Gaze and pupil area of both, statistic by statistic.

Run ``python benchmarks/calibration_eye.py``. No recording at hand has gaze, pupil size and spikes
together, so that several animals stand in for one:

- gaze: a head-fixed rodent (https://github.com/cechava/minimal_eyetracker, 15 minutes at 20 Hz) and
  both eyes of a freely moving mouse (Meyer, O'Keefe and Poort 2020, 10 minutes at 60 Hz);
- area: Steinmetz et al. 2019, Cori 2016-12-17 (100 Hz, during the task), and the head-fixed rodent.

If they are on this machine (see ``tests/real_data.py``) the numbers are worked out again, otherwise
those that were found before are printed. All eyes are brought to 20 Hz first. A saccade is where
gaze changes from one sample to the next by more than 4 robust SDs of such changes; two are one if
less than 0.15 s apart. What is off is listed for each animal: they differ a lot from one another.
"""

import argparse

import numpy as np
import pandas as pd
from calibration import data_folder, print_explanations

from pupil_helpers.recordings.eye import film_eye, move_eye
from pupil_helpers.recordings.simulate import simulate_session

STEP = 0.05  # s between samples
GAZE_LAGS = (0.5, 1, 2, 5, 10)  # s
AREA_LAGS = (0.1, 0.5, 1, 2, 5, 10, 30, 60)  # s

GAZE = {
    "rate": "saccades per second",
    "large rate": "those above a quarter of the SD of gaze, per second",
    "small": "size of saccades / SD of gaze: 10 % quantile",
    "median": "size of saccades / SD of gaze: median",
    "large": "size of saccades / SD of gaze: 90 % quantile",
    "horizontal": "share of saccades nearer to horizontal than to vertical",
    "axial": "axial resultant length of their directions (1: all along one axis)",
    "short wait": "interval between saccades: 10 % quantile (s)",
    "wait": "interval between saccades: median (s)",
    "long wait": "interval between saccades: 90 % quantile (s)",
    "x-y": "correlation of x and y (absolute)",
    "jitter": "robust SD of sample-to-sample change / SD of gaze",
    **{f"gaze {lag} s": f"autocorrelation of gaze after {lag} s" for lag in GAZE_LAGS},
    "missing": "share of samples missing",
    "gaps": "gaps per second",
    "gap": "length of gaps: median (s)",
    "long gap": "length of gaps: 90 % quantile (s)",
}
AREA = {
    "variation": "coefficient of variation",
    "between": "share of variance between trials",
    "smooth between": "the same, smoothed over 200 ms",
    **{f"area {lag} s": f"autocorrelation after {lag} s" for lag in AREA_LAGS},
}

FOUND_GAZE = pd.DataFrame(
    {
        "rate": [1.77, 1.327, 1.357],
        "large rate": [0.217, 1.109, 1.167],
        "small": [0.015, 0.217, 0.232],
        "median": [0.043, 0.458, 0.528],
        "large": [0.314, 1.051, 1.272],
        "horizontal": [0.372, 0.661, 0.662],
        "axial": [0.472, 0.26, 0.276],
        "short wait": [0.2, 0.2, 0.2],
        "wait": [0.45, 0.4, 0.4],
        "long wait": [1.1, 0.915, 1.05],
        "x-y": [0.434, 0.29, 0.207],
        "jitter": [0.005, 0.087, 0.081],
        "gaze 0.5 s": [0.909, 0.806, 0.734],
        "gaze 1 s": [0.806, 0.759, 0.665],
        "gaze 2 s": [0.712, 0.682, 0.576],
        "gaze 5 s": [0.651, 0.585, 0.433],
        "gaze 10 s": [0.579, 0.438, 0.3],
        "missing": [0.001, 0.034, 0.125],
        "gaps": [0.012, 0.135, 0.4],
        "gap": [0.1, 0.2, 0.15],
        "long gap": [0.1, 0.45, 0.705],
    },
    index=["head-fixed", "free left", "free right"],
)
FOUND_AREA = pd.DataFrame(
    {
        "variation": [0.786, 0.615],
        "between": [0.549, np.nan],
        "smooth between": [0.666, np.nan],
        "area 0.1 s": [0.847, 0.999],
        "area 0.5 s": [0.674, 0.978],
        "area 1 s": [0.596, 0.942],
        "area 2 s": [0.484, 0.877],
        "area 5 s": [0.356, 0.75],
        "area 10 s": [0.299, 0.522],
        "area 30 s": [0.148, 0.109],
        "area 60 s": [0.058, -0.032],
    },
    index=["Cori", "head-fixed"],
)
"""The real animals' numbers, as this script finds them."""

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


def gaze(xy) -> dict:
    """Statistics of gaze, (samples, 2), NaN in gaps."""
    spread = np.nanstd(xy, axis=0)
    size = np.hypot(*spread)
    change = np.diff(xy, axis=0)
    middle = np.nanmedian(change, axis=0)
    jitter = np.nanmedian(np.abs(change - middle), axis=0) / 0.6745
    fast = np.flatnonzero(np.hypot(*(change / (4 * jitter)).T) > 1)  # False where NaN
    runs = np.split(fast, np.flatnonzero(np.diff(fast) > 2) + 1)
    begin, end = (np.array([run[i] for run in runs]) for i in (0, -1))
    move = xy[end + 1] - xy[begin]
    seen = np.isfinite(move).all(axis=1)
    move, begin = move[seen], begin[seen]
    small, median, large = np.quantile(np.hypot(*move.T) / size, [0.1, 0.5, 0.9])
    short, wait, long = np.quantile(np.diff(begin) * STEP, [0.1, 0.5, 0.9])
    duration = np.isfinite(xy[:, 0]).sum() * STEP
    missing = np.isnan(xy[:, 0])
    edges = np.flatnonzero(np.diff(missing.astype(int), prepend=0, append=0))
    gaps = (edges[1::2] - edges[::2]) * STEP
    return {
        "rate": len(move) / duration,
        "large rate": (np.hypot(*move.T) > size / 4).sum() / duration,
        "small": small,
        "median": median,
        "large": large,
        "horizontal": (np.abs(move[:, 0]) > np.abs(move[:, 1])).mean(),
        "axial": np.abs(np.exp(2j * np.arctan2(move[:, 1], move[:, 0])).mean()),
        "short wait": short,
        "wait": wait,
        "long wait": long,
        "x-y": abs(pd.Series(xy[:, 0]).corr(pd.Series(xy[:, 1]))),
        "jitter": (jitter / spread).mean(),
        **{f"gaze {lag} s": np.mean([persistence(a, lag) for a in xy.T]) for lag in GAZE_LAGS},
        "missing": missing.mean(),
        "gaps": len(gaps) / (len(xy) * STEP),
        "gap": np.median(gaps),
        "long gap": np.quantile(gaps, 0.9),
    }


def area(trace, trials=None) -> dict:
    """Statistics of the pupil's area, (samples,), and of its trials, (trials, bins of 10 ms).

    Without the lowest and highest percent: trackers lose small pupils now and then.
    """
    trace = np.clip(trace, *np.nanquantile(trace, [0.01, 0.99]))
    found = {"variation": np.nanstd(trace) / np.nanmean(trace)}
    if trials is not None:
        trials = np.clip(trials, *np.quantile(trials, [0.01, 0.99]))
        found["between"] = trials.mean(axis=1).var() / trials.var()
        smooth = np.lib.stride_tricks.sliding_window_view(trials, 20, axis=1).mean(axis=-1)
        found["smooth between"] = smooth.mean(axis=1).var() / smooth.var()
    return found | {f"area {lag} s": persistence(trace, lag) for lag in AREA_LAGS}


def persistence(trace, lag) -> float:
    return pd.Series(trace).autocorr(round(lag / STEP))


def coarse(trace) -> np.ndarray:
    """From 100 Hz to 20 Hz: medians of five."""
    return np.median(trace[: len(trace) // 5 * 5].reshape(-1, 5), axis=1)


def simulated(seed: int) -> dict:
    """Both sets of statistics of a simulated eye, filmed for a whole session."""
    trials = simulate_session(seed, kind="few neurons").trials
    rng, bin_size = np.random.default_rng(seed), 0.01
    onset = trials["stimulus_time"].to_numpy()
    clean = move_eye(rng, round((onset[-1] + 5) / bin_size), bin_size, trials)
    windows = ((onset[:, None] - 0.5) / bin_size).round().astype(int) + np.arange(250)
    filmed = film_eye(rng, clean, bin_size, blink_rate=0.05)[::5, 1:]
    size = film_eye(rng, clean, bin_size, blink_rate=0.0)[:, 0]  # Cori's trace has no gaps either
    return gaze(filmed.astype(float)) | area(coarse(size), size[windows])


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
        "head-fixed": gaze(np.stack([fixed["x"], fixed["y"]], axis=1) * seen[:, None]),
        "free left": gaze(free["left_xy_deg"][::3].astype(float)),
        "free right": gaze(free["right_xy_deg"][::3].astype(float)),
    }
    areas = {
        "Cori": area(coarse(cori["eye_area"][task]), cori["pupil_area_trials"].astype(float)),
        "head-fixed": area(np.pi * fixed["radius"] ** 2 * seen),
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
    n_mice = parser.parse_args().mice
    mice = pd.DataFrame([simulated(seed) for seed in range(n_mice)])
    worked_out = real()
    print(f"Gaze and pupil area; {n_mice} simulated mice (SD between them).")
    print(f"Real numbers: {'found before' if worked_out is None else 'from the recordings'}.")
    gazes, areas = (FOUND_GAZE, FOUND_AREA) if worked_out is None else worked_out
    print("\nGaze")
    show(gazes, mice, GAZE)
    print("\nPupil area")
    show(areas, mice, AREA)


if __name__ == "__main__":
    main()
