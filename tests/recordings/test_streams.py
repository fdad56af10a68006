"""The eye at any moment, against a loop over the frames and numpy's interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pupil_helpers.recordings.streams import STALE, Stream, at_moments, check_times

TICK = 1 / 64  # of a second: sums of ticks are exact


@st.composite
def streams_and_moments(draw):
    """Frames at any distances, with long gaps and missing values; moments on and between them."""
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 3, 5, 6, 40]), max_size=12))
    times = np.cumsum([draw(st.integers(-50, 50)), *steps]) * TICK
    values = hnp.arrays(float, (len(times), 2), elements=st.sampled_from([np.nan, -3, 0, 7.5]))
    after = st.sampled_from([0, 0, -1, 1, 2, 19, 20, 21, 100])  # quarters of a tick
    moment = st.builds(lambda time, n: time + n * TICK / 4, st.sampled_from(times), after)
    moments = hnp.arrays(float, (2, 8), elements=moment)
    return Stream("eye", times, draw(values)), draw(moments)


def usual(stream):
    return np.median(np.diff(stream.times)) if len(stream.times) > 1 else 0


@given(streams_and_moments())
def test_a_sample_is_the_last_frame_before_the_moment(both):
    stream, moments = both
    found = at_moments(stream, moments, "sample")
    for place in np.ndindex(moments.shape):
        before = [k for k, time in enumerate(stream.times) if time <= moments[place]]
        expected = [np.nan, np.nan]
        filmed = before and moments[place] <= stream.times[-1]
        if filmed and moments[place] - stream.times[before[-1]] <= STALE * usual(stream):
            expected = stream.values[before[-1]]
        np.testing.assert_array_equal(found[place], expected)


@given(streams_and_moments())
def test_linear_is_what_numpy_interpolates_where_there_are_frames(both):
    stream, moments = both
    found = at_moments(stream, moments, "linear")
    for place in np.ndindex(moments.shape):
        moment, times = moments[place], stream.times
        expected = np.full(2, np.nan)
        on = np.flatnonzero(times == moment)
        between = np.flatnonzero((times[:-1] < moment) & (moment < times[1:]))
        if on.size:
            k = on[0]
            if k == len(times) - 1 or times[k + 1] - times[k] <= STALE * usual(stream):
                expected = stream.values[k]
        elif between.size and np.diff(times)[between[0]] <= STALE * usual(stream):
            two = slice(between[0], between[0] + 2)
            expected = [np.interp(moment, times[two], column) for column in stream.values[two].T]
        np.testing.assert_allclose(found[place], expected, rtol=1e-9, atol=1e-9)


@given(hnp.arrays(float, st.integers(0, 6), elements=st.sampled_from([0, 1, 2, np.nan, np.inf])))
def test_times_must_be_there_and_not_go_back(times):
    def fail(name, problem):
        raise ValueError(f"{name} {problem}")

    if times.size and np.isfinite(times).all() and sorted(times) == times.tolist():
        check_times(times, fail, "times")
    else:
        with pytest.raises(ValueError, match=r"^times .*; (get|give|sort) "):
            check_times(times, fail, "times")
