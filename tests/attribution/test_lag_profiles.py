"""Lags from attributions, against closed forms and the truth of a simulated mouse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighted import DELAY, WEIGHTS, Weighted, some_pupil

from pupil_helpers.attribution.channels import contributions
from pupil_helpers.attribution.lag_profiles import lag_correlation, lag_profile
from pupil_helpers.models.encoder import PupilEncoder


@pytest.mark.parametrize("bin_size", [0.01, 0.02])
def test_lag_profile_of_a_linear_model_is_its_weights(bin_size):
    pupil, reach = some_pupil(trials=40, bins=60), (-10 * bin_size, 15 * bin_size)
    found = lag_profile(Weighted(), pupil, reach=reach, n_steps=1, log=False, bin_size=bin_size)
    expected = np.zeros((26, 2, 3))
    expected[10 + DELAY] = WEIGHTS
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    np.testing.assert_allclose(found.lags, np.arange(-10, 16) * bin_size)
    # A step, up or down, moves all later samples: it counts from its delay on.
    assert not found.changes[: 10 + DELAY].any()


def test_a_causal_model_owes_nothing_to_the_future(session, counts):
    short = {"n_updates": 6, "n_members": 2, "n_blocks": 2, "shrink": False}
    model = PupilEncoder(direction="causal", bin_size=session.bin_size, **short)
    model.fit(session.pupil[:60], counts[:60, :, :1])
    profile = lag_profile(model, session.pupil[60:80], n_steps=3)
    assert not profile.values[profile.lags < -0.005].any()
    assert profile.values[profile.lags > 0].any()


# -- against the truth --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def profile(model, session):
    return lag_profile(model, session.pupil[::2], [0, 1, 2], n_draws=2, n_steps=6)


def test_lags_are_the_simulated_ones(session, model, profile):
    pupil, truth = session.pupil[::2], session.truth.peak_lag[:3]
    parts = contributions(model, pupil, n_steps=2)[:, :, :3]
    found = lag_correlation(parts, pupil, bin_size=session.bin_size).peak
    jumps = ~np.isnan(truth) & [False, True, True]
    assert jumps.sum() > 3
    np.testing.assert_allclose(profile.peak_lag()[jumps], truth[jumps], atol=0.03)
    np.testing.assert_allclose(found[jumps], truth[jumps], atol=0.03)
    np.testing.assert_allclose(found[:, 0], truth[:, 0], atol=0.12)


@pytest.mark.parametrize("region", range(3))
def test_attribution_of_a_jump_follows_the_true_kernel(session, profile, region):
    """Shape and sign: up in both colliculi, down in LGd, where saccades suppress."""
    truth = session.truth
    inside = np.searchsorted(truth.lags, profile.lags - 0.005)
    kernel = truth.kernels[region, 1, inside]
    assert np.corrcoef(profile.changes[:, region, 1], kernel)[0, 1] > 0.8


# -- correlations -------------------------------------------------------------------------------


def delayed(pupil, delay):
    """Attributions that follow area and the speed of x by so many bins; none for y."""
    speed = np.abs(np.gradient(pupil, axis=1))
    parts = np.stack([pupil[..., 0], speed[..., 1], np.zeros(pupil.shape[:2])], axis=-1)
    return np.roll(parts, delay, axis=1)[:, :, None]


@pytest.mark.parametrize("bin_size", [0.01, 0.02])
def test_lag_correlation_finds_the_delay_in_seconds(bin_size):
    pupil = some_pupil(trials=20, bins=120, gaps=False)
    reach = (-30 * bin_size, 30 * bin_size)
    found = lag_correlation(delayed(pupil, 12), pupil, reach, bin_size=bin_size)
    np.testing.assert_allclose(found.peak[0, :2], 12 * bin_size)
    assert np.isnan(found.peak[0, 2])  # nothing is attributed to y
    assert found.correlation.shape == (61, 1, 3)
    assert found.lags[[0, -1]].tolist() == pytest.approx(reach)


@settings(max_examples=15, derandomize=True)
@given(bins=st.integers(8, 40), lag=st.integers(-6, 6), seed=st.integers(0, 99))
def test_lag_correlation_is_pearsons_of_what_overlaps(bins, lag, seed):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(3, bins, 3)).astype(np.float32)
    parts = rng.normal(size=(3, bins, 2, 3))
    found = lag_correlation(parts, pupil, reach=(lag / 100, lag / 100), bin_size=0.01)
    pairs = []
    for trial in range(3):
        later = parts[trial, max(lag, 0) : bins + min(lag, 0), 1, 1]
        speed = np.abs(np.gradient(pupil[trial, :, 1]))[max(-lag, 0) : bins - max(lag, 0)]
        pairs.append((later - later.mean(), speed - speed.mean()))
    later, speed = np.concatenate(pairs, axis=1)
    expected = np.corrcoef(later, speed)[0, 1]
    assert found.correlation[0, 1, 1] == pytest.approx(expected, abs=1e-5)


# -- what can go wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda p: lag_profile(Weighted(), p), "give bin_size in seconds"),
        (lambda p: lag_profile(Weighted(), p, bin_size=0.01), "fit into a trial together"),
        (lambda p: lag_profile(Weighted(), p, n_draws=0), "n_draws is 0"),
        (lambda p: lag_correlation(p[:2, :, None], p, bin_size=0.01), "same trials and bins"),
        (lambda p: lag_correlation(p[:, :, None], p, bin_size=0.01), "fit into a trial"),
    ],
)
def test_bad_arguments_are_named(function, message):
    with pytest.raises(ValueError, match=message):
        function(some_pupil())
