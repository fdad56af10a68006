"""Real data for the tests that want them: mouse Cori, 2016-12-17, and eyes without neurons."""

import os
from pathlib import Path

import numpy as np
import pytest
from neuromatch import session_fields, write_part

CORI_INDEX = 1  # its place among the 39 sessions
CORI_START = 0.0  # seconds: its spike counts begin at stimulus onset


def data_folder() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("PUPIL_TEST_DATA") or beside)


def require_real_data() -> Path:
    """The file of the recording; without it, the test that asks for it is skipped."""
    path = data_folder() / "steinmetz2019_cori_2016-12-17" / "cori_20161217_pupil_spikes.npz"
    if not path.is_file():
        pytest.skip(f"needs the real Cori recording, {path} (PUPIL_TEST_DATA names the folder)")
    return path


def cori_fields() -> dict:
    """The recording as Neuromatch would publish it, cut to the 0.4 s that have spikes."""
    with np.load(require_real_data()) as file:
        cori = dict(file)
    n_trials = cori["spks"].shape[1]
    one_axis = ("contrast_left", "contrast_right", "response", "feedback_type")
    two_axes = ("gocue", "response_time", "feedback_time")
    return {
        **{name: cori[name] for name in one_axis},  # (251,)
        **{name: cori[name].reshape(n_trials, 1) for name in two_axes},  # (251, 1)
        "spks": cori["spks"].astype(np.int8),  # (1070, 251, 40)
        "pupil": cori["pupil_area_trials"][None, :, 50:90].astype(float),  # (1, 251, 40): area
        "brain_area": cori["brain_area"],
        "bin_size": float(cori["spks_bin_s"]),
        "mouse_name": "Cori",
        "date_exp": "2016-12-17",
    }


def cori_part_file(folder) -> Path:
    """Write the recording as session 1 of a ``steinmetz_part0.npz``; the others are made up.

    Read it by ``read_steinmetz(path, CORI_INDEX, start=CORI_START)``.
    """
    path = Path(folder) / "steinmetz_part0.npz"
    write_part(
        path,
        [cori_fields() if i == CORI_INDEX else session_fields(i, mouse="No") for i in range(13)],
    )
    return path


def real_eyes() -> dict[str, tuple[np.ndarray, float]]:
    """Area, x and y of real eyes, (samples, 3), and the seconds between samples; {} without them.

    One is head-fixed, filmed in pixels. The other two are those of a mouse that moves freely: in
    degrees, without an area, and compensating for the head.
    """
    folder = data_folder() / "eye_only"
    names = "rodent_head_fixed_20hz.npz", "mouse_freely_moving_60hz.npz"
    if not all((folder / name).is_file() for name in names):
        return {}
    fixed, free = (dict(np.load(folder / name)) for name in names)
    pupil = np.stack([np.pi * fixed["radius"] ** 2, fixed["x"], fixed["y"]], axis=1)
    pupil[fixed["blink"]] = np.nan
    eyes = {"head-fixed": (pupil, float(np.median(np.diff(fixed["time"]))))}
    for side in ("left", "right"):
        xy = free[f"{side}_xy_deg"]
        size = np.full((len(xy), 1), np.nan)
        step = float(np.median(np.diff(free["time"])))
        eyes[f"free {side}"] = np.concatenate([size, xy], axis=1), step
    return eyes


def require_real_eye(which: str) -> tuple[np.ndarray, float]:
    """One of them; without it, the test that asks for it is skipped."""
    eyes = real_eyes()
    if not eyes:
        pytest.skip(f"needs the real eyes in {data_folder() / 'eye_only'}")
    return eyes[which]
