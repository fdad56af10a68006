"""The real Cori recording (mouse Cori, 2016-12-17), for the tests that want real data."""

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
