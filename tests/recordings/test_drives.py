"""Does every feature of the eye do what it is named for? Tried on eyes made by hand."""

import numpy as np
import pytest

from pupil_helpers.recordings.drives import FEATURES, Eye, hidden_drive, pupil_drive, shared_gain
from pupil_helpers.recordings.kinds import KINDS, REGIONS

BIN = 0.01
SEED = 0


def eye(*saccades, seconds=30.0, area=60.0) -> Eye:
    """An eye at rest but for saccades of 40 ms: (time in s, size in pixels, angle)."""
    time = np.arange(round(seconds / BIN)) * BIN
    clean = np.tile([1.0, 35.0, 25.0], (len(time), 1))
    clean[:, 0] = area
    for begin, size, angle in saccades:
        done = np.clip((time - begin) / 0.04, 0, 1)[:, None]
        clean[:, 1:] += size * done * [np.cos(angle), np.sin(angle)]
    return Eye(clean, BIN)


def feature(channels, name, of, seed=SEED):
    return FEATURES[channels, name](of, np.random.default_rng(seed))


def responses(trace, times) -> np.ndarray:
    """The largest value in the 0.2 s after each time."""
    return np.array([trace[round(t / BIN) : round((t + 0.2) / BIN)].max() for t in times])


def test_saccades_are_found_with_their_size_and_direction():
    found = eye((2.0, 8.0, 0.0), (5.0, 4.0, np.pi / 2), (9.0, 12.0, -2.0))
    np.testing.assert_allclose(found.onset * BIN, [2, 5, 9], atol=0.015)
    np.testing.assert_allclose(found.amplitude, [8, 4, 12], rtol=0.01)
    np.testing.assert_allclose(found.angle, [0, np.pi / 2, -2], atol=0.01)


def test_time_since_the_last_saccade_starts_at_0_and_saturates():
    moving = eye((2.0, 8.0, 0.0), (5.0, 8.0, 1.0))
    since = feature("xy", "since saccade", moving)
    first, second = moving.onset
    assert since[:first] == pytest.approx(1)  # long ago, for all one knows
    assert since[second] == 0
    time = np.arange(second - first) * BIN
    np.testing.assert_allclose(since[first:second], 1 - np.exp(-time))


def test_integral_of_the_area_forgets_within_3_s():
    step = np.where(np.arange(3000) < 1000, 50.0, 80.0)
    moving = eye(area=step)
    low, high = moving.level[[0, -1]]
    time = (np.arange(3000) + 1) * BIN
    expected = low * (1 - np.exp(-time / 3))
    expected[1000:] += (high - low) * (1 - np.exp(-time[:2000] / 3))
    np.testing.assert_allclose(feature("area", "integral", moving), expected, atol=1e-9)


def test_aroused_saccades_are_loud_only_when_the_pupil_is_large():
    area = np.where(np.arange(3000) < 1500, 40.0, 90.0)
    heard = feature("all", "aroused saccades", eye((5.0, 8.0, 0.5), (20.0, 8.0, 0.5), area=area))
    small, large = responses(heard, [4.9, 19.9])
    assert 0 < small < 0.2 * large


def test_large_saccades_are_all_alike_and_small_ones_ignored():
    heard = feature("xy", "large saccades", eye((2.0, 4.0, 0.0), (5.0, 6.0, 2.0), (9.0, 20.0, 4.0)))
    small, large, larger = responses(heard, [2, 5, 9])
    assert small == pytest.approx(0)
    assert large == pytest.approx(larger)
    assert large > 0.9


def test_tiring_saccades_recover_within_seconds():
    heard = feature(
        "xy", "tiring saccades", eye((2.0, 8.0, 0.0), (2.5, 8.0, 3.0), (22.5, 8.0, 0.0))
    )
    first, second, rested = responses(heard, [2, 2.5, 22.5])
    assert second / first == pytest.approx(0.4 + 0.6 * (1 - np.exp(-0.5 / 2)))
    assert rested / first == pytest.approx(1, abs=1e-3)


def test_tuned_saccades_prefer_one_direction_which_may_be_any():
    times, angles = 2 + 3.0 * np.arange(8), np.arange(8) * np.pi / 4
    moving = eye(*((t, 8.0, a) for t, a in zip(times, angles, strict=True)))
    preferred = set()
    for seed in range(60):
        heard = responses(feature("xy", "tuned saccades", moving, seed), times)
        best = int(heard.argmax())
        assert heard[best] > 10 * heard[(best + 4) % 8]  # the opposite direction
        preferred.add(best)
    assert preferred == set(range(8))


@pytest.mark.parametrize("seed", range(3))
def test_gaze_field_is_a_hill_around_one_place(seed):
    clean = np.random.default_rng(1).normal([60, 35, 25], [1, 6, 3], size=(20_000, 3))
    heard = feature("xy", "gaze field", looking := Eye(clean, BIN), seed)
    assert 0.95 < heard.max() <= 1
    place = looking.position[heard.argmax()]
    distance = np.linalg.norm((looking.position - place) / [6, 3], axis=1)  # in SDs
    assert np.corrcoef(np.log(heard), distance**2)[0, 1] < -0.95
    assert heard[distance > 3].max(initial=0) < 0.01


def test_joint_features_leave_the_channels_without_a_share():
    moving = eye((2.0, 8.0, 0.0), (5.0, 8.0, 1.0), area=60 + np.sin(np.arange(3000) / 100))
    windows = np.arange(2800).reshape(14, 200)
    for kind, known in [("home", True), ("memory", False), ("unforeseen", False)]:
        region = KINDS[kind].regions()["SCs"]
        drive, *truth = pupil_drive(np.random.default_rng(SEED), region, moving, windows)
        assert drive.shape == windows.shape
        assert drive.std() == pytest.approx(region.drive)
        assert all(np.isfinite(part).all() == known for part in truth)
        assert known or all(np.isnan(part).all() for part in truth)


@pytest.mark.parametrize("region", [*KINDS["null"].regions().values(), REGIONS["MRN"]])
def test_hidden_drives_have_the_strength_of_their_region(region):
    windows = np.arange(4000).reshape(40, 100)
    drive = hidden_drive(np.random.default_rng(SEED), region, windows, 4000, BIN, None)
    assert drive.std() == pytest.approx(region.drive)


def test_shared_gains_have_mean_1_and_last_as_long_as_declared():
    gains = KINDS["private gains"].gains
    n_samples, step = 10**6, 0.05
    windows = np.arange(n_samples)[None]
    gain = shared_gain(np.random.default_rng(SEED), gains, windows, n_samples, step)[0]
    assert gain.mean() == pytest.approx(1, abs=0.03)
    log_gain = np.log(gain)
    total = sum(sd**2 for _, sd in gains)
    assert log_gain.var() == pytest.approx(total, rel=0.1)
    for lag in (0.3, 2.0, 60.0):
        shift = round(lag / step)
        expected = sum(sd**2 * np.exp(-lag / tau) for tau, sd in gains) / total
        found = np.corrcoef(log_gain[:-shift], log_gain[shift:])[0, 1]
        assert found == pytest.approx(expected, abs=0.06)
    assert (shared_gain(None, (), windows[:, :9], n_samples, step) == 1).all()
