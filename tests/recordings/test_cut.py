"""Trials and bins cut from any recording, against numpy's histogram and a loop over the bins."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pupil_helpers.recordings.cut import Recording, Window, count_spikes, cut
from pupil_helpers.recordings.streams import Stream, at_moments
from pupil_helpers.session import SessionError

TICK = 1 / 64  # of a second: sums of ticks are exact, so that no edge is a matter of rounding
WINDOWS = st.builds(
    lambda start, n_bins, width: Window(start * TICK, n_bins, width * TICK),
    st.integers(-40, 40),
    st.integers(1, 6),
    st.sampled_from([1, 2, 8, 16]),
)


def ticks(low, high, sizes):
    """Times in seconds, in order."""
    return hnp.arrays(np.int64, sizes, elements=st.integers(low, high)).map(
        lambda whole: np.sort(whole) * TICK
    )


@given(WINDOWS, ticks(-100, 300, st.integers(1, 4)), st.data())
def test_counts_are_those_of_a_histogram(window, onsets, data):
    times = data.draw(ticks(-200, 500, st.integers(0, 60)))
    units = data.draw(hnp.arrays(np.int64, times.size, elements=st.integers(0, 3)))
    place = np.array([1, -1, 0, 2])  # unit 1 is no neuron
    counts = np.zeros((onsets.size, window.n_bins, 3), dtype=np.uint8)
    begins = onsets + window.start
    most = count_spikes(counts, times, units, place, begins, window.bin_size)
    for trial, begin in enumerate(begins):
        # One bin more than there are: the last bin of a histogram has its right edge too.
        edges = begin + np.arange(window.n_bins + 2) * window.bin_size
        for unit in (0, 2, 3):
            expected = np.histogram(times[units == unit], edges)[0][:-1]
            np.testing.assert_array_equal(counts[trial, :, place[unit]], expected)
    assert most == counts.max()


@given(WINDOWS, ticks(-100, 300, st.integers(1, 4)))
def test_centres_are_halfway_between_the_edges_of_their_bins(window, onsets):
    centres = window.centres(onsets)
    assert centres.shape == (onsets.size, window.n_bins)
    for trial, onset in enumerate(onsets):
        for b in range(window.n_bins):
            left = onset + window.start + b * window.bin_size
            assert centres[trial, b] == (left + left + window.bin_size) / 2


@st.composite
def recordings(draw):
    """Any recording of four units with a frame every four ticks; unit 3 is no neuron."""
    frames = np.arange(draw(st.integers(0, 40)), draw(st.integers(60, 120)), 4) * TICK
    values = np.arange(3.0 * len(frames)).reshape(-1, 3)
    times = draw(ticks(0, 130, st.integers(1, 60)))
    units = draw(hnp.arrays(np.int64, times.size, elements=st.integers(0, 3)))
    parts = [np.isin(units, pair) for pair in ((0, 2), (1, 3))]
    onsets = draw(ticks(-20, 150, st.integers(1, 5)))
    return Recording(
        where="a.nwb",
        name="any",
        area=Stream("area", frames, values[:, :1]),
        xy=Stream("xy", frames, values[:, 1:]),
        onsets=onsets,
        trials=pd.DataFrame({"number": np.arange(onsets.size)}),
        regions=np.array(["CA1", "", "SCs", "CA1"]),
        kept=np.array([True, True, True, False]),
        spikes=lambda: ((times[part], units[part]) for part in parts),
        onset_field="onsets",
        region_field="regions",
        spike_field="spikes",
    )


def bin_by_bin(recording, window):
    """Number, counts (bins, 2) and moments (bins,) of each trial that was filmed and has spikes."""
    times, units = map(np.concatenate, zip(*recording.spikes(), strict=True))
    frames = recording.area.times
    for trial, onset in enumerate(recording.onsets):
        lefts = [onset + window.start + b * window.bin_size for b in range(window.n_bins)]
        moments = np.array([left + window.bin_size / 2 for left in lefts])
        filmed = frames[0] <= moments[0] and moments[-1] <= frames[-1]
        heard = lefts[0] <= times.max() and lefts[-1] + window.bin_size > times.min()
        if filmed and heard:
            inside = [(left <= times) & (times < left + window.bin_size) for left in lefts]
            counts = [[(here & (units == unit)).sum() for unit in (0, 2)] for here in inside]
            yield trial, counts, moments


@settings(max_examples=150)
@given(recordings(), WINDOWS, st.sampled_from(["sample", "linear"]))
def test_a_session_is_cut_as_one_would_by_hand(recording, window, pupil):
    expected = list(bin_by_bin(recording, window))
    assume(expected)
    with warnings.catch_warnings(action="ignore"):
        session = cut(recording, window, pupil, faults="drop")
    trials, counts, moments = zip(*expected, strict=True)
    assert session.trials["number"].tolist() == list(trials)
    assert session.regions.tolist() == ["CA1", "SCs"]
    np.testing.assert_array_equal(session.spikes, counts)
    area = at_moments(recording.area, np.array(moments), pupil)
    xy = at_moments(recording.xy, np.array(moments), pupil)
    np.testing.assert_array_equal(session.pupil, np.concatenate([area, xy], axis=-1))


@given(recordings(), WINDOWS)
def test_trials_that_are_left_out_are_reason_to_refuse(recording, window):
    recording.regions = np.array(["CA1", "LGd", "SCs", "CA1"])
    whole = len(list(bin_by_bin(recording, window))) == len(recording.onsets)
    if whole:
        assert cut(recording, window).n_trials == len(recording.onsets)
    else:
        with pytest.raises(SessionError, match=r"^a\.nwb, field 'onsets': .*; (mend|check)"):
            cut(recording, window)
