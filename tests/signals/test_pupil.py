import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pupil_helpers.signals.pupil import FEATURES, PupilFeatures, fill_missing


def pupil_with(rng, trials=6, bins=40):
    return np.cumsum(rng.normal(size=(trials, bins, 3)), axis=1) + np.array([60.0, 30.0, 20.0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0, 0.6))
def test_filling_equals_numpy_interp_and_leaves_samples_alone(seed, share):
    rng = np.random.default_rng(seed)
    pupil = pupil_with(rng).astype(np.float32)
    gaps = rng.random(pupil.shape) < share
    gaps[:, 0] = False
    broken = np.where(gaps, np.nan, pupil)
    filled = fill_missing(broken)
    np.testing.assert_array_equal(filled[~gaps], pupil[~gaps])
    t = np.arange(pupil.shape[1])
    for trial in range(len(pupil)):
        for channel in range(3):
            seen = ~gaps[trial, :, channel]
            expected = np.interp(t, t[seen], pupil[trial, seen, channel])
            np.testing.assert_allclose(filled[trial, :, channel], expected, rtol=1e-5)


def test_one_sided_filling_holds_the_nearest_sample_on_its_side():
    pupil = np.full((1, 5, 1), np.nan, dtype=np.float32)
    pupil[0, [1, 3], 0] = [2.0, 6.0]
    assert fill_missing(pupil, "causal")[0, :, 0].tolist() == [4, 2, 2, 6, 6]
    assert fill_missing(pupil, "anticausal")[0, :, 0].tolist() == [2, 2, 6, 6, 4]


def test_a_channel_without_samples_becomes_zero():
    assert (fill_missing(np.full((2, 4, 1), np.nan)) == 0).all()


def test_training_features_are_standardised():
    rng = np.random.default_rng(0)
    pupil = pupil_with(rng, trials=20, bins=100)
    values = PupilFeatures(0.01).fit(pupil).transform(pupil)
    assert values.shape == (20, 100, len(FEATURES))
    np.testing.assert_allclose(values[..., :9].mean((0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(values[..., :9].std((0, 1)), 1, atol=1e-3)
    assert (values[..., 9] == 0).all()


def test_scales_come_from_the_fitted_trials_only():
    rng = np.random.default_rng(0)
    train, test = pupil_with(rng), pupil_with(rng)
    features = PupilFeatures(0.01).fit(train)
    before = features.transform(train)
    features.transform(test * 100)
    np.testing.assert_array_equal(features.transform(train), before)


def test_units_of_the_recording_do_not_matter():
    rng = np.random.default_rng(1)
    pupil = pupil_with(rng)
    a = PupilFeatures(0.01).fit(pupil).transform(pupil)
    scaled = pupil * np.float32([0.01, 5, 5]) + np.float32([3, -100, 7])
    b = PupilFeatures(0.01).fit(scaled).transform(scaled)
    np.testing.assert_allclose(a, b, atol=2e-3)


def test_motion_of_a_step_points_where_the_eye_went():
    pupil = np.zeros((2, 60, 3), dtype=np.float32)
    pupil[0, 30:, 1] = 5  # right
    pupil[1, 30:, 2] = -5  # down
    values = PupilFeatures(0.01).fit(pupil).transform(pupil)
    at = {name: values[:, 30, FEATURES.index(name)] for name in FEATURES}
    rest = {name: values[:, 5, FEATURES.index(name)] for name in FEATURES}
    moved = {name: np.flatnonzero(at[name] > rest[name] + 0.5).tolist() for name in FEATURES}
    assert moved["right"] == [0]
    assert moved["left"] == []
    assert moved["up"] == []
    assert moved["down"] == [1]
    assert moved["eye speed"] == [0, 1]


def test_missing_share_is_reported_where_samples_were_missing():
    pupil = pupil_with(np.random.default_rng(2)).astype(np.float32)
    pupil[0, 10:13, :] = np.nan
    pupil[..., 2] = np.nan
    values = PupilFeatures(0.01).fit(pupil).transform(pupil)
    assert np.isfinite(values).all()
    missing = values[0, :, FEATURES.index("missing")]
    np.testing.assert_allclose(missing[10:13], 1)
    np.testing.assert_allclose(np.delete(missing, [10, 11, 12]), 1 / 3)
    assert (values[..., FEATURES.index("y")] == 0).all()


def test_a_trial_does_not_depend_on_the_others():
    """A channel without a sample in a trial used to take the mean of the trials at hand."""
    rng = np.random.default_rng(4)
    train, pupil = pupil_with(rng), pupil_with(rng) + 5
    pupil[0, :, 1] = np.nan  # a whole trial
    pupil[1, :3] = pupil[2, -3:] = np.nan  # its ends
    for direction in ("bidirectional", "causal", "anticausal"):
        features = PupilFeatures(0.01, direction).fit(train)
        together = features.transform(pupil)
        for trial in range(len(pupil)):
            alone = features.transform(pupil[trial : trial + 1])
            np.testing.assert_array_equal(alone[0], together[trial])


@pytest.mark.parametrize("wild", [1e9, -1e30, 3e38])
def test_a_wild_sample_changes_little(wild):
    """It counts as missing, in training trials as in others."""
    rng = np.random.default_rng(5)
    pupil = pupil_with(rng, trials=20).astype(np.float32)
    broken = pupil.copy()
    broken[3, 7, 1] = wild
    features, robust = PupilFeatures(0.01).fit(pupil), PupilFeatures(0.01).fit(broken)
    expected, found = features.transform(pupil), robust.transform(pupil)
    assert np.abs(found - expected)[..., :3].max() < 0.05
    assert np.isfinite(features.transform(broken)).all()
    others = np.arange(20) != 3
    np.testing.assert_array_equal(features.transform(broken)[others], expected[others])


def test_ordinary_samples_are_believed():
    rng = np.random.default_rng(6)
    pupil = pupil_with(rng, trials=20).astype(np.float32)
    filled, _ = PupilFeatures(0.01).fit(pupil).prepare(pupil)
    np.testing.assert_array_equal(filled.numpy(), pupil)


def test_a_single_bin_has_levels_and_no_motion():
    pupil = pupil_with(np.random.default_rng(7), trials=9, bins=1)
    values = PupilFeatures(0.01).fit(pupil).transform(pupil)
    assert values.shape == (9, 1, len(FEATURES))
    assert (values[..., 3:9] == 0).all()
    np.testing.assert_allclose(values[..., :3].std(0), 1, rtol=1e-3)


def test_gradients_are_those_of_finite_differences():
    """From features back to samples, also where the eye stands still."""
    pupil = pupil_with(np.random.default_rng(8), trials=2, bins=12)
    pupil[:, 5:, 1:] = pupil[:, 5:6, 1:]
    features = PupilFeatures(0.01).fit(pupil)
    filled, missing = features.prepare(pupil)
    filled.requires_grad_(True)
    features(filled, missing)[..., :4].sum().backward()
    step = 1e-4
    for at in [(0, 3, 0), (1, 4, 1)]:
        moved = filled.detach().clone()
        moved[at] += step
        change = features(moved, missing) - features(filled.detach(), missing)
        assert filled.grad[at].item() == pytest.approx(
            change[..., :4].sum().item() / step, abs=1e-2
        )
    filled.grad = None
    features(filled, missing).sum().backward()
    assert torch.isfinite(filled.grad).all()


@pytest.mark.parametrize("direction", ["causal", "anticausal"])
def test_one_sided_features_ignore_the_other_side(direction):
    rng = np.random.default_rng(3)
    pupil = pupil_with(rng, bins=80).astype(np.float32)
    pupil[:, 30:35] = np.nan
    pupil[1:3, :4] = pupil[2:4, -4:] = np.nan
    features = PupilFeatures(0.01, direction).fit(pupil)
    changed = pupil.copy()
    other, kept = (slice(50, None), slice(0, 50))
    if direction == "anticausal":
        other, kept = kept, other
    changed[:, other] += rng.normal(size=changed[:, other].shape)
    changed[::2, other, 0] = np.nan  # what is missing later must not tell either
    a, b = features.transform(pupil), features.transform(changed)
    np.testing.assert_array_equal(a[:, kept], b[:, kept])
    assert not np.allclose(a[:, other], b[:, other])


@pytest.mark.parametrize(
    ("pupil", "word"),
    [
        (np.zeros((3, 4)), "shape"),
        (np.zeros((3, 4, 2)), "area, x, y"),
        (np.full((3, 4, 3), np.inf), "infinite"),
        (np.full((3, 4, 3), np.nan), "every training trial"),
        ([["a"]], "numbers"),
    ],
)
def test_bad_pupil_is_named(pupil, word):
    with pytest.raises(ValueError, match=word):
        PupilFeatures(0.01).fit(pupil)
