"""Saccades, against those that the simulator made."""

import numpy as np
import pytest
from filmed_eye import BIN, filmed_eye, guessed
from real_data import require_real_eye

from pupil_helpers.recordings.calibration import gaze_statistics
from pupil_helpers.signals.cleaning import clean_pupil
from pupil_helpers.signals.saccades import COLUMNS, find_saccades


def matched(found, times):
    """For each saccade found, the nearest true one, and whether it is one and the same."""
    distance = np.abs(found["onset"].to_numpy()[:, None] - times)
    return distance.argmin(axis=1), distance.min(axis=1) < 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_found_saccades_are_the_true_ones(seed):
    eye = filmed_eye(seed)
    found = find_saccades(eye.filmed, BIN)
    which, true = matched(found, eye.times)
    assert true.mean() > 0.99
    assert len(set(which[true])) == true.sum(), "none is found twice"
    size = np.hypot(*eye.moves.T)
    gap = np.convolve(np.isnan(eye.filmed[:, 0]), np.ones(31), "same") > 0
    ends = (eye.times > 0.2) & (eye.times < len(eye.filmed) * BIN - 0.2)
    seen = ends & ~gap[np.minimum((eye.times / BIN).astype(int), len(gap) - 1)]
    hit = np.isin(np.arange(len(size)), which[true])
    assert hit[seen & (size > 1)].mean() > 0.99  # pixels
    assert hit[seen].mean() > 0.85  # the smallest drown in noise


def test_onset_amplitude_and_direction_are_right():
    eye = filmed_eye(3)
    found = find_saccades(eye.filmed, BIN)
    which, true = matched(found, eye.times)
    found, moves, times = found[true], eye.moves[which[true]], eye.times[which[true]]
    late = found["onset"] - times
    assert abs(np.median(late)) < 0.005
    assert late.std() < 0.012
    size = np.hypot(*moves.T)
    assert abs(np.median(found["amplitude"] - size)) < 0.05  # pixels
    assert np.median(np.abs(found["amplitude"] - size)) < 0.15
    large = size > 2
    turn = np.exp(1j * (found["direction"][large] - np.arctan2(*moves[large].T[::-1])))
    assert np.quantile(np.abs(np.angle(turn)), 0.9) < 0.1
    assert found["duration"].median() == pytest.approx(0.06, abs=0.02)


def test_speed_grows_with_size():
    """The simulator's saccades all take 50 ms, so that the one is proportional to the other."""
    found = find_saccades(filmed_eye(4).filmed, BIN)
    large = found[found["amplitude"] > 2]
    ratio = large["peak_speed"] / large["amplitude"]
    assert ratio.median() == pytest.approx(1 / 0.043, rel=0.1)


def test_a_guessing_tracker_makes_saccades_up_and_cleaning_takes_them_away():
    eye = filmed_eye(5, blink_rate=0.2)
    raw = guessed(eye.filmed)
    before = matched(find_saccades(raw, BIN), eye.times)[1]
    after = matched(find_saccades(clean_pupil(raw, BIN, max_gap=0).pupil, BIN), eye.times)[1]
    assert before.mean() < 0.95
    assert after.mean() > 0.98


def test_at_20_hz_they_are_those_that_the_calibration_counts():
    filmed = filmed_eye(6).filmed[::5]
    found, expected = find_saccades(filmed, 0.05, threshold=4), gaze_statistics(filmed[:, 1:])
    seen = np.isfinite(filmed[:, 1]).sum() * 0.05
    spread = np.hypot(*np.nanstd(filmed[:, 1:], axis=0))
    assert len(found) / seen == pytest.approx(expected["rate"], rel=1e-6)
    assert found["amplitude"].median() / spread == pytest.approx(expected["median"], rel=1e-5)
    assert found["onset"].diff().median() == pytest.approx(expected["wait"])
    axial = abs(np.exp(2j * found["direction"]).mean())
    assert axial == pytest.approx(expected["axial"], rel=1e-5)


def still(samples=100):
    return np.random.default_rng(0).normal([60, 30, 20], 0.02, (samples, 3))


def test_a_known_jump_is_described_in_full():
    pupil = still()
    pupil[40:, 1:] += [3, -4]
    (found,) = find_saccades(pupil, BIN, threshold=8).to_dict("records")
    assert list(found) == list(COLUMNS)
    assert found["trial"] == 0
    assert found["onset"] == pytest.approx(0.4, abs=0.025)
    assert found["amplitude"] == pytest.approx(5, abs=0.15)
    assert found["dx"] == pytest.approx(3, abs=0.15)
    assert found["direction"] == pytest.approx(np.arctan2(-4, 3), abs=0.05)
    assert found["peak_speed"] == pytest.approx(5 / 0.04, rel=0.05)


def test_an_overshoot_belongs_to_its_saccade():
    pupil = still()
    pupil[40:, 1] += 5
    pupil[44:, 1] -= 1
    assert len(find_saccades(pupil, BIN, threshold=8)) == 1
    pupil[60:, 1] -= 1
    found = find_saccades(pupil, BIN, threshold=8)
    assert len(found) == 2
    assert found["dx"].tolist() == pytest.approx([4, -1], abs=0.15)
    assert len(find_saccades(pupil, BIN, threshold=8, apart=0.3)) == 1


def test_trials_are_kept_apart():
    pupil = np.stack([still(), still()])
    pupil[1, :, 1] += 50  # between trials, nobody was looking
    pupil[1, 30:, 2] += 5
    found = find_saccades(pupil, BIN, threshold=8)
    assert found["trial"].tolist() == [1]
    assert found["direction"][0] == pytest.approx(np.pi / 2, abs=0.05)
    pupil[0, 90:, 1] += 5
    assert find_saccades(pupil, BIN, threshold=8)["trial"].tolist() == [0, 1]


def test_a_camera_that_repeats_its_frames_hides_no_saccade():
    pupil = np.repeat(still(), 12, axis=0)
    pupil[480:, 1] += 5
    found = find_saccades(pupil, BIN, threshold=8)
    assert found["dx"].tolist() == pytest.approx([5], abs=0.15)


@pytest.mark.parametrize("pupil", [np.full((40, 3), 5.0), np.full((2, 40, 3), [1, np.nan, np.nan])])
def test_an_eye_that_never_moves_has_none(pupil):
    found = find_saccades(pupil, BIN)
    assert list(found) == list(COLUMNS)
    assert not len(found)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="must be positive"):
        find_saccades(still(), 0)
    with pytest.raises(ValueError, match="channels area, x, y last"):
        find_saccades(still()[:, 1:], BIN)


@pytest.mark.parametrize("which", ["head-fixed", "free left", "free right"])
def test_real_eyes_make_saccades_as_rodents_do(which):
    """One or two a second, smaller than the spread of gaze, and the larger the faster
    ("main sequence"). At 20 Hz the small ones drown."""
    pupil, step = require_real_eye(which)
    gaze = clean_pupil(pupil, step).pupil
    found = find_saccades(gaze, step)
    seen = (~np.isnan(gaze[:, 1])).sum() * step
    assert 0.5 < len(found) / seen < 2.5
    spread = np.hypot(*np.nanstd(gaze[:, 1:], axis=0))
    assert 0.05 < found["amplitude"].median() / spread < 1
    assert found["amplitude"].corr(found["peak_speed"], method="spearman") > 0.4
