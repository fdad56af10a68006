"""Cleaning and saccades: right on simulated eyes, and what they find in real ones.

Run ``python benchmarks/preprocessing.py``. Simulated eyes have a truth: every blink is filled with
what a tracker might guess, and found again; so is every saccade. The real ones (see
``benchmarks/calibration_eye.py`` for their sources) have none, and are left out where they are not
on this machine.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pupil_helpers.recordings.calibration import gaze_statistics
from pupil_helpers.signals.cleaning import clean_pupil
from pupil_helpers.signals.saccades import find_saccades

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from filmed_eye import BIN, filmed_eye, guessed
from real_data import data_folder, real_eyes

SAME = 0.05  # s; two times of one saccade


def simulated(seed: int) -> dict:
    """How much of the truth is found in one simulated eye of ten minutes."""
    eye = filmed_eye(seed, duration=600)
    raw, shut = guessed(eye.filmed, seed), np.isnan(eye.filmed[:, 0])
    clean = clean_pupil(raw, BIN)
    found = find_saccades(clean.pupil, BIN)
    distance = np.abs(found["onset"].to_numpy()[:, None] - eye.times)  # (found, true)
    which, true = distance.argmin(axis=1), distance.min(axis=1) < SAME
    size, late = np.hypot(*eye.moves.T), (found["onset"] - eye.times[which])[true]
    hit = np.isin(np.arange(len(size)), which[true])
    raw_found = find_saccades(raw, BIN)["onset"].to_numpy()[:, None]
    return {
        "samples in blinks that are lost": clean.lost[shut, 0].mean(),
        "other samples that are lost": clean.lost[~shut, 0].mean(),
        "saccades that are true, raw": (np.abs(raw_found - eye.times).min(axis=1) < SAME).mean(),
        "saccades that are true, cleaned": true.mean(),
        "saccades above 1 pixel found": hit[size > 1].mean(),
        "all saccades found": hit.mean(),
        "onset: median error (ms)": 1000 * np.median(late),
        "onset: SD of error (ms)": 1000 * late.std(),
        "amplitude: median error (pixels)": np.median(
            np.abs(found["amplitude"] - size[which])[true]
        ),
    }


def described(pupil, bin_size: float) -> dict:
    """What is found in one real eye."""
    clean = clean_pupil(pupil, bin_size)
    found = find_saccades(clean.pupil, bin_size)
    gaze = clean.pupil[:, 1:]
    spread, seen = np.hypot(*np.nanstd(gaze, axis=0)), (~np.isnan(gaze[:, 0])).sum() * bin_size
    every = max(1, round(0.05 / bin_size))  # the calibration's 20 Hz
    return {
        "missing before": np.isnan(pupil[:, 1]).mean(),
        "outliers": clean.outliers.mean(),
        "lost with padding": clean.lost[:, 1].mean(),
        "filled again": clean.filled[:, 1].mean(),
        "blinks per minute": len(clean.blinks) / (len(pupil) * bin_size / 60),
        "saccades per second": len(found) / seen,
        "the same, calibration's count": gaze_statistics(pupil[::every, 1:].astype(float))["rate"],
        "amplitude / SD of gaze: median": found["amplitude"].median() / spread,
        "wait: median (s)": found["onset"].diff().median(),
        "axial": np.abs(np.exp(2j * found["direction"]).mean()),
        "rank correlation of speed and size": found["amplitude"].corr(
            found["peak_speed"], method="spearman"
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mice", type=int, default=6, help="simulated eyes (seeds 0, 1, ...)")
    mice = pd.DataFrame([simulated(seed) for seed in range(parser.parse_args().mice)])
    print(f"Simulated eyes ({len(mice)}), blinks filled with guesses: mean, lowest, highest")
    print(mice.agg(["mean", "min", "max"]).T.round(4).to_string())
    eyes = real_eyes()
    if not eyes:
        print(f"\nThe real eyes are not on this machine ({data_folder() / 'eye_only'}): left out.")
        return
    print("\nReal eyes")
    print(pd.DataFrame({name: described(*eye) for name, eye in eyes.items()}).round(4).to_string())


if __name__ == "__main__":
    main()
