"""The simulated eye: saccades, wandering, arousal, and what a camera sees of them."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.recordings.eye import (
    NOISE,
    SPREAD,
    film_eye,
    move_eye,
    saccade_targets,
    slow_signal,
)

BIN = 0.01


def test_saccades_are_frequent_mostly_small_and_never_at_once():
    times, targets = saccade_targets(np.random.default_rng(0), 5000.0)
    assert np.diff(times).min() >= 0.15
    assert len(times) / 5000 == pytest.approx(1.33, abs=0.05)  # per second
    np.testing.assert_allclose(targets.std(axis=0), SPREAD, rtol=0.1)
    assert np.corrcoef(targets.T)[0, 1] == pytest.approx(0.5, abs=0.06)
    step = np.linalg.norm(np.diff(targets, axis=0), axis=1) / np.linalg.norm(SPREAD)
    small, median, large = np.quantile(step, [0.1, 0.5, 0.9])
    assert small < 0.1
    assert 0.3 < median < 0.6
    assert large > 1
    for axis in targets.T:  # gaze persists
        assert np.corrcoef(axis[:-1], axis[1:])[0, 1] == pytest.approx(1.7**-0.6, abs=0.04)


@pytest.mark.parametrize("tau", [0.5, 20.0])
def test_slow_signal_forgets_within_its_time_constant(tau):
    signal = slow_signal(np.random.default_rng(1), 500_000, tau / 50, tau)
    assert signal.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(signal[:-50], signal[50:])[0, 1] == pytest.approx(np.exp(-1), abs=0.05)


def test_pupil_dilates_after_feedback_and_more_after_reward():
    n = 600
    trials = pd.DataFrame(
        {
            "stimulus_time": 5.0 + 5.0 * np.arange(n),
            "feedback_time": 1.0,
            "feedback_type": np.where(np.arange(n) % 2, 1, -1),
        }
    )
    clean = move_eye(np.random.default_rng(2), 5 * (n + 2) * 100, BIN, trials)
    at = ((trials["stimulus_time"] + 1.0) / BIN).astype(int).to_numpy()
    change = np.log(clean[at + 50, 0]) - np.log(clean[at, 0])
    rewarded, failed = change[1::2].mean(), change[::2].mean()
    assert failed > 0.05
    assert rewarded > failed + 0.05


def test_camera_adds_noise_and_loses_all_channels_in_blinks():
    rng, clean = np.random.default_rng(3), np.full((100_000, 3), 40.0)
    filmed = film_eye(rng, clean, BIN, blink_rate=0.1)
    np.testing.assert_allclose(np.nanstd(filmed, axis=0), NOISE, rtol=0.02)
    closed = np.isnan(filmed)
    assert (closed == closed[:, :1]).all()
    edges = np.flatnonzero(np.diff(closed[:, 0].astype(int)))
    assert len(edges) / 2 == pytest.approx(100, abs=30)
    assert np.median(np.diff(edges)[::2]) * BIN == pytest.approx(0.19, abs=0.04)
    assert not np.isnan(film_eye(rng, clean, BIN, blink_rate=0.0)).any()
