"""NWB files as DANDI 000017 has them, the same numbers in three formats, and hostile files."""

import warnings

import numpy as np
import pytest
from continuous import neuromatch_fields, raw_recording, write_alf, write_nwb
from neuromatch import write_part

from pupil_helpers.recordings.alf import read_alf
from pupil_helpers.recordings.nwb_file import read_here
from pupil_helpers.recordings.part_table import TRIAL_FIELDS
from pupil_helpers.recordings.steinmetz import read_steinmetz
from pupil_helpers.session import SessionError

h5py = pytest.importorskip("h5py")
pytest.importorskip("pynwb")
EYE = "processing/behavior/PupilTracking/eye_area"
TABLE = "general/extracellular_ephys/electrodes"


def assert_same(session, other):
    np.testing.assert_array_equal(session.spikes, other.spikes)
    np.testing.assert_array_equal(session.pupil, other.pupil)
    np.testing.assert_array_equal(session.regions, other.regions)
    assert (session.name, session.start, session.bin_size) == (
        other.name, other.start, other.bin_size,
    )  # fmt: skip
    for name in TRIAL_FIELDS:
        np.testing.assert_array_equal(session.trials[name], other.trials[name])


@pytest.fixture(scope="module")
def raw():
    return raw_recording()


@pytest.fixture(scope="module")
def expected(raw, tmp_path_factory):
    """The session of the Neuromatch file, worked out trial by trial."""
    path = tmp_path_factory.mktemp("part") / "a.npz"
    write_part(path, [neuromatch_fields(raw)])
    return read_steinmetz(path, 0)


@pytest.fixture
def file(raw, tmp_path):
    return write_nwb(tmp_path / "a.nwb", raw, "all")


@pytest.mark.parametrize(
    ("timestamps", "count", "compress"),
    [("two", "within", False), ("all", "together", True)],
)
def test_the_same_numbers_three_ways(raw, expected, tmp_path, timestamps, count, compress):
    nwb = read_here(write_nwb(tmp_path / "a.nwb", raw, timestamps, count, compress))
    alf = read_alf(write_alf(tmp_path, raw, timestamps=timestamps))
    assert_same(nwb, expected)
    assert_same(alf, expected)
    assert nwb.trials.equals(alf.trials)


def test_linear_interpolation_is_between_the_frames(raw, expected, file):
    linear = read_here(file, pupil="linear").pupil
    moments = raw.onsets[:, None] + expected.time
    area = np.interp(moments, raw.frame_times, raw.area)
    np.testing.assert_allclose(linear[..., 0], area, rtol=1e-5)
    assert not np.array_equal(linear, expected.pupil)


@pytest.mark.parametrize("rate", ["rate", "period"])
def test_a_rate_may_be_stored_as_the_period(raw, expected, tmp_path, rate):
    nwb = read_here(write_nwb(tmp_path / "a.nwb", raw, rate))
    assert np.mean(nwb.pupil == expected.pupil) > 0.99  # the last digit of a time may differ


def test_provenance_says_what_was_read_and_how(file, tmp_path):
    session = read_here(file, pupil="linear")
    assert session.provenance["source"] == "a.nwb"
    assert len(session.provenance["sha256"]) == 64
    assert session.provenance["reader"] == "read_nwb"
    assert session.provenance["settings"]["pupil"] == "linear"
    assert session.provenance["settings"]["area"] == EYE
    loaded = type(session).load(session.save(tmp_path / "s.npz"))
    assert loaded.provenance == session.provenance


def spoil(file, name, values):
    with h5py.File(file, "a") as open_file:
        attributes = dict(open_file[name].attrs)
        del open_file[name]
        if isinstance(values, tuple):
            open_file.create_dataset(name, values, "f8", chunks=(1024,))
        elif values is not None:
            open_file[name] = values
        if values is not None:
            open_file[name].attrs.update(attributes)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (f"{EYE}/timestamps", lambda v: v[::-1], "goes back in time after sample 0; sort it"),
        (f"{EYE}/timestamps", lambda v: np.where(v > 9, np.nan, v), "missing times .NaN."),
        (f"{EYE}/timestamps", lambda v: v[:7], "7 times for .* samples; give one per sample"),
        (f"{EYE}/timestamps", lambda v: (2**40,), r"declares 8\.8e\+06 MB, but holds 0 MB"),
        ("intervals/trials/visual_stimulus_time", lambda v: v + 8, "beyond the eye's.*='drop'"),
        ("units/spike_times", lambda v: v - 1, "spikes are before time 0.*faults='drop'"),
        ("units/spike_times", lambda v: v * np.nan, "missing times"),
        ("intervals/trials/visual_stimulus_time", lambda v: v[::-1], "sort the trials by time"),
        ("intervals/trials/visual_stimulus_time", lambda v: v * 1e3, "beyond the eye"),
        ("intervals/trials/visual_stimulus_time", lambda v: v[:0], "is empty: there are no trials"),
        (f"{EYE}/data", lambda v: v.astype("c8"), "dtype complex64, expected numbers; save it so"),
        (f"{EYE}/data", lambda v: v[None], r"expected one value per row; transpose it"),
        (f"{EYE}/data", lambda v: v[:0], "is empty: there is nothing to read; get the file again"),
        ("processing/behavior/PupilTracking/eye_xy_positions/data", lambda v: v.T, "transpose it"),
        ("units/spike_times", lambda v: v[::-1], "goes back in time within unit 0; sort it"),
        ("units/spike_times", lambda v: None, "is missing; get the file again"),
        ("units/spike_times", lambda v: 10 + v * 1e-9, "spikes of one unit in one bin; check"),
        ("units/spike_times_index", lambda v: v + 5, "does not divide the .* values among the"),
        ("units/peak_channel", lambda v: v * np.nan, "missing values .NaN.; give every channel"),
        ("units/phy_annotations", lambda v: v[:3], "has 3 rows, expected 9, one per unit; mend"),
        ("units/phy_annotations", lambda v: v * 0, "of 9 units none is a neuron.*lower quality"),
        ("intervals/trials/go_cue", lambda v: None, "pynwb cannot take it .there is no 'go_cue'"),
        ("intervals/trials/go_cue", lambda v: v[:3], "pynwb cannot take it .Columns must be the"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_one_line_with_its_field(file, name, change, message):
    with h5py.File(file) as open_file:
        values = open_file[name][()]
    spoil(file, name, change(values))
    with pytest.raises(SessionError, match=message) as error:
        read_here(file)
    field = "intervals/trials" if "pynwb" in message else name
    assert str(error.value).startswith(f"a.nwb, field '{field}")
    assert "\n" not in str(error.value)


def test_text_in_place_of_numbers_is_refused(file):
    spoil(file, f"{EYE}/data", ["1.0"] * 5)
    with pytest.raises(SessionError, match=f"field '{EYE}/data': has dtype object, expected num"):
        read_here(file)


@pytest.mark.parametrize(
    "name", ["identifier", "session_description", "session_start_time", "file_create_date"]
)
def test_what_every_nwb_file_has_is_missed_by_name(file, name):
    spoil(file, name, None)
    with pytest.raises(
        SessionError, match=rf"^a\.nwb, field '{name}': is missing.*; mend the file"
    ):
        read_here(file)
    with h5py.File(file, "a") as open_file:
        open_file[name] = 20171206
    with pytest.raises(SessionError, match=rf"^a\.nwb, field '{name}': has dtype int64, expected"):
        read_here(file)


@pytest.mark.parametrize(
    ("name", "attribute", "message"),
    [
        ("/", "nwb_version", "field '/': pynwb cannot take it .Missing NWB version in file"),
        ("units", "neurodata_type", "field 'units': pynwb cannot take it .No data_type found"),
        (f"{TABLE}/id", "namespace", f"field '{TABLE}/id': pynwb .* .No namespace found"),
        (f"{TABLE}/location", "description", f"field '{TABLE}/location': pynwb .* missing argu"),
        ("acquisition", None, "field 'acquisition': pynwb cannot take it .*DatasetBuilder"),
        ("units/id", None, "field 'units/id': pynwb cannot take it"),
    ],
)  # fmt: skip
def test_what_pynwb_cannot_take_is_told_with_its_place(file, name, attribute, message):
    """Attributes are taken away; objects get a number in their place."""
    with h5py.File(file, "a") as open_file:
        if attribute:
            del open_file[name].attrs[attribute]
        else:
            del open_file[name]
            open_file[name] = 0.5
    with pytest.raises(
        SessionError, match=rf"^a\.nwb, {message}.*; mend the file, or get it again"
    ):
        read_here(file)


def set_locations(file, change):
    with h5py.File(file, "a") as open_file:
        column = open_file["general/extracellular_ephys/electrodes/location"]
        column[...] = [change(value.decode()) for value in column[...]]


def test_units_without_a_location_may_be_left_out(file, expected):
    set_locations(file, lambda name: {"CA1": "", "LGd": "nan"}.get(name, name))
    with pytest.raises(SessionError, match=r"electrodes/location': \d of 7 neurons have no region"):
        read_here(file)
    with pytest.warns(UserWarning, match=r"neurons have no region; left out"):
        session = read_here(file, faults="drop")
    known = ~np.isin(expected.regions, ["CA1", "LGd"])
    assert 0 < known.sum() < 7
    np.testing.assert_array_equal(session.regions, expected.regions[known])
    np.testing.assert_array_equal(session.spikes, expected.spikes[..., known])


def test_a_file_that_names_no_region_is_refused(file):
    set_locations(file, lambda name: " ")
    with pytest.raises(SessionError, match=r"field 'units': says of no unit which region.*region="):
        read_here(file)


def test_the_least_quality_of_a_neuron(file, raw):
    assert read_here(file).n_neurons == (raw.quality >= 2).sum()
    assert read_here(file, quality=3).n_neurons == (raw.quality >= 3).sum()


def test_an_eye_in_another_module_and_of_spatial_series(raw, expected, tmp_path):
    """As other laboratories store it: EyeTracking for the position, in a module called eye."""
    path = write_nwb(tmp_path / "a.nwb", raw, "all")
    with h5py.File(path, "a") as file:
        file.move("processing/behavior", "processing/eye")
        behavior = file["processing/eye"]
        tracking = behavior.create_group("EyeTracking")
        tracking.attrs.update(behavior["PupilTracking"].attrs)
        tracking.attrs["neurodata_type"] = "EyeTracking"
        behavior.move("PupilTracking/eye_xy_positions", "EyeTracking/gaze")
        gaze = behavior["EyeTracking/gaze"]
        gaze.attrs["neurodata_type"] = "SpatialSeries"
        gaze["reference_frame"] = "of the video"
    session = read_here(path)
    assert_same(session, expected)
    assert session.provenance["settings"]["xy"] == "processing/eye/EyeTracking/gaze"


def test_faults_may_be_left_out(file, expected):
    """The first trial begins before the eye is filmed."""
    with h5py.File(file) as open_file:
        times = open_file[f"{EYE}/timestamps"][()]
    spoil(file, f"{EYE}/timestamps", times + 2)
    with pytest.warns(UserWarning, match=r"1 of 12 trial.*first trial 0.*left out"):
        session = read_here(file, faults="drop")
    np.testing.assert_array_equal(session.spikes, expected.spikes[1:])


def test_the_error_lists_what_a_file_has_instead(file):
    with pytest.raises(SessionError, match=f"no series of that name for area=.*{EYE}"):
        read_here(file, area="pupil")
    with pytest.raises(SessionError, match=r"has no column 'go'.*it has .*visual_stimulus_time"):
        read_here(file, onset="go")
    with pytest.raises(SessionError, match=r"no column 'area' for region=.*peak_channel"):
        read_here(file, region="area")


def test_streams_may_be_named(file, expected):
    with warnings.catch_warnings(action="error"):
        assert_same(read_here(file, area="eye_area", xy="eye_xy_positions"), expected)
