"""Cleaning, against a simulated eye whose blinks are known, and against made-up slips and gaps."""

from itertools import pairwise

import numpy as np
import pytest
from filmed_eye import BIN, filmed_eye, guessed
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import require_real_eye

from pupil_helpers.signals.cleaning import (
    PADDING,
    clean_pupil,
    fill_gaps,
    find_blinks,
    find_outliers,
    jump_limit,
    low_pass_filter,
    runs,
)


@pytest.fixture(scope="module", params=[0, 1])
def eye(request):
    return filmed_eye(request.param)


def middles(first, length):
    return (np.asarray(first) + np.asarray(length) / 2) * BIN


# -- against the truth of the simulator ----------------------------------------------------------


def test_an_eye_filmed_well_loses_nothing_to_outliers(eye):
    """Saccades are no slips of the tracker."""
    assert not find_outliers(eye.filmed, BIN).any()


def test_blinks_that_the_tracker_guessed_through_are_found(eye):
    shut = np.isnan(eye.filmed[:, 0])
    clean = clean_pupil(guessed(eye.filmed), BIN, max_gap=0)
    assert clean.outliers[shut].mean() > 0.9
    assert clean.lost[shut].mean() > 0.95
    near = np.convolve(shut, np.ones(2 * round(PADDING / BIN) + 3), "same") > 0
    dropped = clean.lost.any(axis=1) & ~near  # what little is seen between two blinks in a row
    assert dropped.mean() < 0.003
    _, first, end = runs(shut[None])
    true, found = middles(first, end - first), clean.blinks
    distance = np.abs(true[:, None] - middles(found["onset"] / BIN, found["duration"] / BIN))
    assert (distance.min(axis=1) < 0.05).mean() > 0.8  # two blinks in a row are one, or too long
    assert (distance.min(axis=0) < 0.05).mean() > 0.8


def test_cleaning_brings_a_guessed_recording_back_to_the_true_eye(eye):
    raw = guessed(eye.filmed)
    clean = clean_pupil(raw, BIN).pupil

    def error(pupil):
        return np.sqrt(np.nanmean((pupil - eye.clean) ** 2, axis=0))  # (3,)

    assert (error(clean) < 0.35 * error(raw)).all()
    assert np.isnan(clean).mean() < 0.05
    smooth = clean_pupil(raw, BIN, low_pass=4).pupil
    assert (smooth[:, 0] != clean[:, 0]).any()
    np.testing.assert_array_equal(smooth[:, 1:], clean[:, 1:])


def test_blinks_are_those_of_the_camera(eye):
    _, first, end = runs(np.isnan(eye.filmed[None, :, 0]))
    found = find_blinks(eye.filmed, BIN)
    short = (end - first) * BIN <= 0.5  # two in a row can be longer
    np.testing.assert_allclose(found["onset"], first[short] * BIN)
    np.testing.assert_allclose(found["duration"], (end - first)[short] * BIN)


# -- outliers -------------------------------------------------------------------------------------


def quiet(samples=400, seed=0):
    """Noise of size 1 around 60, 30 and 20."""
    return np.random.default_rng(seed).normal([60, 30, 20], 1, (samples, 3)).astype(np.float32)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_slip_is_an_outlier_in_every_channel_and_a_saccade_is_not(channel):
    pupil = quiet()
    pupil[100, channel] += 60
    found = find_outliers(pupil, BIN)
    assert found[100]
    assert found.sum() == (3 if channel == 0 else 1)  # a jump of the area has two ends
    pupil = quiet()
    pupil[200:, channel] += 60  # stays there
    assert find_outliers(pupil, BIN).sum() == (2 if channel == 0 else 0)


def test_gaze_may_come_back_later_but_not_within_50_ms():
    for length, wrong in ((5, True), (12, False)):
        pupil = quiet()
        pupil[100 : 100 + length, 1] += 60
        found = find_outliers(pupil, BIN)
        assert found[100 : 100 + length].all() == found.any() == wrong


def test_all_of_a_small_pupil_between_two_jumps_goes_if_it_is_as_short_as_a_blink():
    for length, wrong in ((40, True), (80, False)):
        pupil = quiet()
        pupil[100 : 100 + length, 0] -= 50
        found = find_outliers(pupil, BIN)
        assert found[105 : 95 + length].all() == wrong
        assert found[100 + length - 1], "the jump itself"


def test_jumps_are_measured_in_the_recordings_own_spread():
    pupil = quiet()
    pupil[100, 0] += 60
    scaled = pupil * np.float32([1e-3, 100, 1])
    np.testing.assert_array_equal(find_outliers(pupil, BIN), find_outliers(scaled, BIN))
    size = np.abs(np.diff(pupil[:, 0])) / BIN
    median = np.median(size)
    expected = median + 16 * np.median(np.abs(size - median))
    assert jump_limit(pupil[None, :, 0], BIN) == pytest.approx(expected)
    doubled = np.repeat(pupil[None, :, 0], 2, axis=1)  # a camera that writes each frame twice
    assert jump_limit(doubled, BIN) == pytest.approx(expected)
    assert not find_outliers(pupil, BIN, threshold=np.inf).any()


def test_a_jump_across_a_gap_is_a_change_over_its_whole_length():
    pupil = quiet()
    pupil[100:200] = np.nan
    pupil[200:, 0] += 60  # a second later: the pupil had time
    assert not find_outliers(pupil, BIN).any()


def test_an_eye_that_stands_still_or_was_not_recorded_has_no_outliers():
    pupil = np.full((50, 3), 7.0)
    pupil[:, 2] = np.nan
    assert not find_outliers(pupil, BIN).any()
    assert not clean_pupil(pupil, BIN).lost[:, :2].any()


def test_moments_that_the_tracker_doubts_are_lost():
    pupil, likelihood = quiet(), np.ones(400)
    likelihood[50:60], likelihood[70] = 0.5, np.nan
    clean = clean_pupil(pupil, BIN, likelihood=likelihood, max_gap=0)
    assert np.flatnonzero(clean.outliers).tolist() == [*range(50, 60), 70]
    padded = [*range(45, 65), 70]  # the long gap only
    assert np.flatnonzero(clean.lost[:, 0]).tolist() == padded
    assert np.isnan(clean.pupil[padded]).all()
    assert clean.blinks.to_numpy().tolist() == [[0, 0.5, 0.1]]
    clean = clean_pupil(pupil, BIN, likelihood=likelihood, min_likelihood=0.3)
    assert np.flatnonzero(clean.outliers).tolist() == [70]


# -- gaps -----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0, 0.8), longest=st.integers(0, 6))
def test_gaps_up_to_a_length_are_straight_lines_and_longer_ones_stay(seed, share, longest):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(3, 30, 3)).astype(np.float32)
    pupil[rng.random(pupil.shape) < share] = np.nan
    pupil[0, 0, 0] = 1.0
    clean, filled = fill_gaps(pupil, BIN, longest * BIN)
    for trial in range(3):
        for channel in range(3):
            line, bins = pupil[trial, :, channel], np.arange(30)
            seen, expected = np.flatnonzero(~np.isnan(line)), line.copy()
            for left, right in pairwise(seen):
                if right - left - 1 <= longest:
                    here = bins[left:right]
                    expected[here] = np.interp(here, [left, right], line[[left, right]])
            np.testing.assert_allclose(clean[trial, :, channel], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(filled, np.isnan(pupil) & ~np.isnan(clean))


def test_long_recordings_and_trials_are_cleaned_alike():
    eye = filmed_eye(2, duration=20)
    raw = guessed(eye.filmed)
    one, many = clean_pupil(raw, BIN, low_pass=4), clean_pupil(raw[None], BIN, low_pass=4)
    for name in ("pupil", "outliers", "lost", "filled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name)[0])
    assert one.pupil.shape == one.lost.shape == one.filled.shape == raw.shape
    assert one.outliers.shape == raw.shape[:1]
    assert one.pupil.dtype == np.float32


def test_no_gap_or_jump_reaches_into_the_next_trial():
    trials = quiet().reshape(2, 200, 3)
    trials[1, :, 0] += 60
    trials[0, -3:] = trials[1, :3] = np.nan
    clean = clean_pupil(trials, BIN)
    assert not clean.outliers.any()
    np.testing.assert_array_equal(np.isnan(clean.pupil), np.isnan(trials))


def test_cleaning_leaves_the_recording_as_it_was():
    raw = guessed(filmed_eye(3, duration=20).filmed)
    before = raw.copy()
    clean_pupil(raw, BIN, low_pass=4)
    np.testing.assert_array_equal(raw, before)


# -- the filter -----------------------------------------------------------------------------------


def test_low_pass_keeps_slow_waves_in_place_and_stops_fast_ones():
    time = np.arange(2000) * BIN
    slow, fast = np.sin(2 * np.pi * 0.5 * time), np.sin(2 * np.pi * 20 * time)
    smooth = low_pass_filter(slow + fast, BIN, 4)
    np.testing.assert_allclose(smooth[200:-200], slow[200:-200], atol=0.01)


def test_the_filter_never_crosses_a_gap():
    line = quiet()[:, 0]
    line[195:205] = np.nan
    other = line.copy()
    other[205:] += 100
    a, b = low_pass_filter(line, BIN, 4), low_pass_filter(other, BIN, 4)
    np.testing.assert_array_equal(a[:195], b[:195])
    np.testing.assert_allclose(b[205:] - a[205:], 100, rtol=1e-4)
    assert np.isnan(a[195:205]).all()
    alone = np.array([np.nan, 3.0, np.nan])
    np.testing.assert_allclose(low_pass_filter(alone, BIN, 4), alone)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bin_size": 0}, "bin_size is 0; give a positive"),
        ({"max_gap": -1}, "max_gap is -1"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"low_pass": 60}, "low_pass is 60; give Hz between 0 and 50"),
        ({"likelihood": np.ones(3)}, r"likelihood has shape \(3,\), expected \(400,\)"),
        ({"pupil": np.ones((4, 2))}, "channels area, x, y last"),
    ],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        clean_pupil(**{"pupil": quiet(), "bin_size": BIN} | settings)


@pytest.mark.parametrize("which", ["head-fixed", "free left", "free right"])
def test_real_eyes_lose_a_little_and_are_not_made_up(which):
    pupil, step = require_real_eye(which)
    clean = clean_pupil(pupil, step, max_gap=0.25)
    assert 0.002 < clean.outliers.mean() < 0.03
    same = ~clean.lost
    np.testing.assert_array_equal(clean.pupil[same], pupil[same].astype(clean.pupil.dtype))
    gaze = clean.lost[:, 1] & ~clean.filled[:, 1]
    assert np.isnan(clean.pupil[gaze, 1]).all()
    lasting = [end - first for _, first, end in zip(*runs(gaze[None]), strict=True)]
    assert min(lasting) * step > 0.25 - 1e-6 or gaze[[0, -1]].any()
