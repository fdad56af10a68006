"""The times of an eye's samples, in each of the ways in which files say them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.recordings.hdf5 import SafeFile
from pupil_helpers.recordings.nwb_eye import eye_streams
from pupil_helpers.session import SessionError

h5py = pytest.importorskip("h5py")
SERIES = "processing/behavior/PupilTracking/eye_area"


def times_of(n_samples, timestamps=None, starting_time=None, rate=None):
    """What the reader makes of a file with one series."""
    with h5py.File("any.nwb", "w", driver="core", backing_store=False) as file:
        series = file.create_group(SERIES)
        series.attrs["neurodata_type"] = "TimeSeries"
        series.parent.attrs["neurodata_type"] = "PupilTracking"
        series["data"] = np.arange(float(n_samples))
        if timestamps is not None:
            series["timestamps"] = timestamps
        else:
            series["starting_time"] = starting_time
            series["starting_time"].attrs["rate"] = rate
        stream = eye_streams(SafeFile(file, "any.nwb", 10**9))["area"]
    np.testing.assert_array_equal(stream.values.ravel(), np.arange(n_samples))
    return stream.times


SECONDS = st.floats(-1e4, 1e4)


@given(st.integers(2, 300), SECONDS, st.floats(1e-3, 1e4))
def test_two_timestamps_are_the_first_and_the_last(n_samples, first, length):
    ends = [first, first + length]
    expected = np.interp(np.arange(n_samples), [0, n_samples - 1], ends)
    np.testing.assert_allclose(times_of(n_samples, ends), expected, rtol=1e-12, atol=1e-9)


@given(st.lists(SECONDS, min_size=3, max_size=30))
def test_all_timestamps_are_taken_as_they_are_if_they_go_up(times):
    if sorted(times) == times:
        np.testing.assert_array_equal(times_of(len(times), times), times)
    else:
        with pytest.raises(SessionError, match=f"'{SERIES}/timestamps': goes back .*; sort it"):
            times_of(len(times), times)


@given(st.lists(SECONDS, min_size=2, max_size=9), st.data())
def test_a_missing_time_is_refused(times, data):
    times = sorted(times)
    times[data.draw(st.integers(0, len(times) - 1))] = np.nan
    with pytest.raises(SessionError, match=f"'{SERIES}/timestamps': has 1 missing times"):
        times_of(len(times), times)


@given(st.integers(1, 300), SECONDS, st.floats(1.001, 1e3), st.booleans())
def test_a_rate_below_one_is_the_period(n_samples, begin, rate, period):
    expected = [begin + k / rate for k in range(n_samples)]
    found = times_of(n_samples, starting_time=begin, rate=1 / rate if period else rate)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("rate", [0.0, -30.0, np.nan])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(SessionError, match=f"'{SERIES}/starting_time': has rate .*; give the samp"):
        times_of(5, starting_time=0.0, rate=rate)
