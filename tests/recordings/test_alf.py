"""ALF folders in both layouts, with something missing or wrong in them, and a real one."""

import numpy as np
import pytest
from continuous import raw_recording, write_alf
from mutants import FORMATS, outcome
from real_data import data_folder

from pupil_helpers.recordings.alf import read_alf
from pupil_helpers.session import SessionError


@pytest.fixture(scope="module")
def raw():
    return raw_recording(n_trials=5)


@pytest.mark.parametrize("layout", ["9974357", "9598406"])
@pytest.mark.parametrize("timestamps", ["two", "all", "from 1"])
def test_both_layouts_and_all_ways_to_store_times(raw, tmp_path, layout, timestamps):
    first = read_alf(write_alf(tmp_path / "a", raw, "9598406", "two"))
    session = read_alf(write_alf(tmp_path / "b", raw, layout, timestamps))
    assert session.name == "Lederberg 2017-12-06"
    np.testing.assert_array_equal(session.spikes, first.spikes)
    assert np.mean(session.pupil == first.pupil) > 0.99  # the last digit of a time may differ


def test_blinks_are_missing_unless_kept(raw, tmp_path):
    blink = np.zeros(raw.area.size, dtype=bool)
    blink[400:500] = True
    folder = write_alf(tmp_path, raw, blink=blink)
    assert read_alf(folder).missing.any()
    assert not read_alf(folder, blinks="keep").missing.any()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("eye.area", None, "lacks eye.area.npy.*read so far: 5 trials, 9 clusters"),
        ("eye.area", lambda v: v.astype(object), "dtype object, expected numbers"),
        ("eye.xyPos", lambda v: v.T.copy(), "transpose it"),
        ("spikes.times", lambda v: v[::-1], "goes back in time"),
        ("spikes.times", lambda v: v - 1, "before time 0.*faults='drop'"),
        ("spikes.clusters", lambda v: v + 100, "names clusters .* but there are 9"),
        ("eye.timestamps", lambda v: v * [5, 1], "speaks of samples"),
        ("trials.goCue_times", lambda v: v[:3], "has 3 rows, expected 5"),
        ("clusters._phy_annotation", lambda v: v * 0, "none is a neuron"),
        ("clusters.peakChannel", lambda v: v + 999, "none is a neuron with a region|no region"),
    ],
)
def test_a_fault_is_told_in_one_line_with_its_file(raw, tmp_path, name, change, message):
    folder = write_alf(tmp_path, raw)
    path = folder / "alf" / f"{name}.npy"
    values = np.load(path)
    path.unlink()
    if change:
        np.save(path, change(values), allow_pickle=True)
    with pytest.raises(SessionError, match=message) as error:
        read_alf(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["alf", "part"])
def test_mutants_are_read_or_refused_in_one_line(tmp_path, kind):
    make, suffix = FORMATS[kind]
    format = make(tmp_path)
    seen = {"read": 0, "refused": 0}
    for seed in range(100):
        path = tmp_path / f"mutant{seed}{suffix}"
        format.mutant(np.random.default_rng([seed]), path)
        seen[outcome(format.read, path)] += 1
    assert min(seen.values()) > 10


def test_the_real_folder_is_read_as_far_as_it_goes():
    folder = data_folder() / "steinmetz2019_cori_2016-12-17"
    if not folder.is_dir():
        pytest.skip(f"needs the real Cori recording, {folder}")
    with pytest.raises(SessionError, match=r"eye\.timestamps\.npy, spikes\.times\.npy, ") as error:
        read_alf(folder)
    assert "251 trials, 1146 clusters, 309311 samples of the eye" in str(error.value)
