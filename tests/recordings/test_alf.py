"""ALF folders in both layouts, with something missing or wrong in them, and a real one."""

import os

import numpy as np
import pytest
from continuous import raw_recording, write_alf
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
        ("clusters.peakChannel", lambda v: np.append(v[1:], 999), "1 of 7 neurons have no region"),
        ("eye.timestamps", lambda v: v[::-1], "goes back in time after sample 0; sort it"),
        ("eye.timestamps", lambda v: v * [1, np.nan], "2 missing times .NaN., first at 0; give"),
        ("eye.timestamps", lambda v: v[:1], "rows of sample number and time; get it again"),
        ("spikes.times", lambda v: np.where(v > 9, np.nan, v), "missing times .NaN."),
        ("trials.visualStim_times", lambda v: v + 8, "3 of 5 trial.*beyond the eye's.*='drop'"),
        ("trials.visualStim_times", lambda v: v[:0], "is empty: there are no trials"),
        ("eye.area", lambda v: v.astype("c8"), "dtype complex64, expected numbers; save it so"),
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


def test_a_file_cut_short_or_of_terabytes_is_not_read(raw, tmp_path):
    folder = write_alf(tmp_path, raw)
    path = folder / "alf" / "eye.area.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-8])
    rows = raw.area.size
    message = f"'eye.area.npy': declares {rows * 8} bytes, but holds {rows * 8 - 8}; get the file"
    with pytest.raises(SessionError, match=message):
        read_alf(folder)
    np.save(path, np.zeros(1))
    header = path.read_bytes()[:128].replace(b"(1,), }" + b" " * 12, b"(1000000000000,), }")
    path.write_bytes(header + bytes(8))
    with pytest.raises(SessionError, match="declares 8000000000000 bytes, but holds 8; get"):
        read_alf(folder)


class Bait:
    """Pickles as an order to make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["eye.area", "spikes.times", "trials.repNum"])
def test_nothing_in_a_pickle_is_run(raw, tmp_path, name):
    folder = write_alf(tmp_path, raw)
    bait = np.array([Bait(tmp_path / "bait")], dtype=object)
    np.save(folder / "alf" / f"{name}.npy", bait, allow_pickle=True)
    with pytest.raises(SessionError, match=f"'{name}.npy': has dtype object, expected numbers"):
        read_alf(folder)
    assert not (tmp_path / "bait").exists()


def test_clusters_without_a_region_may_be_left_out(raw, tmp_path):
    folder = write_alf(tmp_path, raw)
    table = folder / "alf" / "channels.brainLocation.tsv"
    whole = read_alf(folder)
    table.write_bytes(table.read_bytes().replace(b"CA1", b""))
    with pytest.raises(
        SessionError, match=r"'channels.brainLocation.tsv': \d of 7 neurons have no"
    ):
        read_alf(folder)
    with pytest.warns(UserWarning, match=r"neurons have no region; left out"):
        session = read_alf(folder, faults="drop")
    assert "CA1" in whole.regions
    np.testing.assert_array_equal(session.regions, whole.regions[whole.regions != "CA1"])
    np.testing.assert_array_equal(session.spikes, whole.spikes[..., whole.regions != "CA1"])


def test_the_least_quality_of_a_neuron(raw, tmp_path):
    folder = write_alf(tmp_path, raw)
    assert read_alf(folder).n_neurons == (raw.quality >= 2).sum()
    assert read_alf(folder, quality=3).n_neurons == (raw.quality >= 3).sum()


def test_the_real_folder_is_read_as_far_as_it_goes():
    folder = data_folder() / "steinmetz2019_cori_2016-12-17"
    if not folder.is_dir():
        pytest.skip(f"needs the real Cori recording, {folder}")
    with pytest.raises(SessionError, match=r"eye\.timestamps\.npy, spikes\.times\.npy, ") as error:
        read_alf(folder)
    assert "251 trials, 1146 clusters, 309311 samples of the eye" in str(error.value)
