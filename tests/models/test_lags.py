import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from pupil_helpers.models.lags import (
    LagFilters,
    StepMeans,
    filter_bank,
    interpolation,
    lag_basis,
    pool,
    pool_centres,
    principal_directions,
)


@settings(max_examples=30, deadline=None)
@given(bins=st.integers(2, 60), stride=st.integers(1, 7))
def test_pooling_keeps_every_spike(bins, stride):
    counts = np.random.default_rng(0).poisson(1.0, (3, bins, 2))
    pooled = pool(counts, stride)
    assert pooled.shape[1] == len(pool_centres(bins, stride)) == -(-bins // stride)
    np.testing.assert_array_equal(pooled.sum(1), counts.sum(1))
    np.testing.assert_array_equal(pooled[:, 0], counts[:, :stride].sum(1))


@settings(max_examples=30, deadline=None)
@given(bins=st.integers(2, 60), stride=st.integers(1, 7))
def test_interpolation_keeps_constants_and_lines(bins, stride):
    matrix = interpolation(bins, stride)
    centres = pool_centres(bins, stride)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)
    inside = (np.arange(bins) >= centres[0]) & (np.arange(bins) <= centres[-1])
    np.testing.assert_allclose((matrix @ centres)[inside], np.arange(bins)[inside], atol=1e-4)


def test_filters_are_convolutions_with_the_lag_basis():
    n_bins, signal = 120, np.random.default_rng(0).normal(size=120)
    basis, lags = lag_basis(n_bins, 0.01, reach=0.3, n_basis=5)
    bank = filter_bank(n_bins, 0.01, stride=1, reach=0.3, n_lags=5)
    for matrix, mode in ((bank[0], "edge"), (bank[1], "constant")):
        ours = (signal @ matrix).reshape(5, n_bins)
        padded = np.pad(signal, len(lags) // 2, mode=mode)
        for row, weights in zip(ours, basis, strict=True):
            np.testing.assert_allclose(row, np.convolve(padded, weights, "valid"), atol=1e-5)


@pytest.mark.parametrize("direction", ["causal", "anticausal"])
@pytest.mark.parametrize("stride", [1, 3, 4])
def test_one_sided_filters_and_steps_see_one_side(direction, stride):
    n_bins = 50
    bank = filter_bank(n_bins, 0.01, stride, direction=direction)
    n_steps = len(pool_centres(n_bins, stride))
    for matrix in bank:
        reads = (matrix.reshape(n_bins, -1, n_steps) != 0).any(1)  # (bins read, steps)
        out = interpolation(n_bins, stride, direction) @ reads.T  # (bins predicted, bins read)
        late, early = np.triu(out, 1), np.tril(out, -1)
        assert (late if direction == "causal" else early).sum() == 0
        assert (early if direction == "causal" else late).sum() > 0


@pytest.mark.parametrize("n", [1, 4, 99])
def test_principal_directions_are_those_of_scikit_learn(n):
    rng = np.random.default_rng(1)
    inputs = (rng.normal(size=(9, 20, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    flat = inputs.reshape(-1, 6)
    reference = PCA(min(n, 6)).fit(flat)
    directions = principal_directions(inputs, n)
    assert directions.shape == (6, min(n, 6))
    cosines = reference.components_ @ directions / np.linalg.norm(directions, axis=0)
    np.testing.assert_allclose(np.abs(cosines), np.eye(min(n, 6)), atol=1e-4)
    variances = (flat @ directions).var(axis=0)
    ratios = reference.explained_variance_ / reference.explained_variance_.mean()
    np.testing.assert_allclose(variances, ratios, rtol=1e-3)  # their own sizes, 1 on average


def test_principal_directions_of_constant_inputs_are_finite():
    assert np.isfinite(principal_directions(np.ones((3, 4, 5), np.float32), 2)).all()
    assert principal_directions(np.ones((3, 4, 1), np.float32), 2).shape == (1, 1)


def test_lag_basis_tiles_the_lags():
    basis, lags = lag_basis(250, 0.01, reach=0.6, n_basis=13)
    assert lags[0] == -60
    assert lags[-1] == 60
    np.testing.assert_allclose(basis.sum(axis=1), 1)
    np.testing.assert_allclose(basis, basis[::-1, ::-1], atol=1e-12)  # alike on both sides
    peaks = lags[basis.argmax(axis=1)]
    assert (np.diff(peaks) > 0).all()
    assert (np.diff(np.abs(peaks[6:])) > 0).all()  # wider and wider apart
    assert ((basis > 0).sum(axis=0) >= 1).all()  # no lag is left out


@pytest.mark.parametrize("direction", ["bidirectional", "causal", "anticausal"])
@pytest.mark.parametrize("n_lags", [1, 2, 3])
@pytest.mark.parametrize("n_bins", [1, 2, 30])
def test_few_filters_and_bins_leave_something_to_read(direction, n_lags, n_bins):
    """One filter and one direction used to leave an empty bank."""
    bank = filter_bank(n_bins, 0.01, n_lags=n_lags, direction=direction)
    assert bank.shape[-1] >= len(pool_centres(n_bins, 4))
    np.testing.assert_allclose(bank[0].sum(axis=0), 1, rtol=1e-5)  # a constant stays constant


def test_the_module_is_the_bank_then_the_components():
    features = torch.from_numpy(np.random.default_rng(2).normal(size=(8, 30, 5)).astype("f"))
    settings = (30, 5, 0.01, 4, 0.3, 3, "bidirectional")
    plain = LagFilters(*settings)
    bank = filter_bank(30, 0.01, 4, 0.3, 3)
    for matrix, feature in ((bank[0], 2), (bank[1], 3)):  # a level and a motion
        expected = (features[..., feature].numpy() @ matrix).reshape(8, 3, 8)  # (T, filters, S)
        ours = plain(features).unflatten(-1, (5, 3))[:, :, feature]  # (T, S, filters)
        np.testing.assert_allclose(ours.mT, expected, atol=1e-5)
    few = LagFilters(*settings, n_components=4)
    np.testing.assert_allclose(few.fit_transform(features), few(features), atol=1e-5)
    expected = plain(features).numpy() @ principal_directions(plain(features), 4)
    np.testing.assert_allclose(few(features), expected, atol=1e-4)
    assert (plain.n_outputs, few.n_outputs) == (15, 4)


@pytest.mark.parametrize(
    ("direction", "step"), [("bidirectional", 3), ("causal", 4), ("anticausal", 2)]
)
@pytest.mark.parametrize("n_components", [None, 4])
def test_direct_outputs_are_the_features_of_the_moment(direction, step, n_components):
    """A pulse in one feature is largest in its own step, and in that feature only.

    Or in the next one, if a step sees what lies before its first bin, and likewise ahead.
    """
    features = torch.zeros(1, 32, 5)
    features[0, 12:16, 3] = 1.0  # the fourth step of four bins
    settings = (32, 5, 0.01, 4, 0.3, 5, direction, n_components)
    filters, less = LagFilters(*settings, direct=True), LagFilters(*settings)
    direct = filters.fit_transform(features)[0, :, less.n_outputs :]  # (S, features)
    np.testing.assert_array_equal(filters(features)[..., : less.n_outputs],
                                  less.fit_transform(features))  # fmt: skip
    assert direct.shape == (8, 5)
    assert filters.n_outputs == less.n_outputs + 5
    assert direct[:, 3].argmax() == step
    assert direct[step, 3] > 0.5
    assert not direct[:, [0, 1, 2, 4]].any()


@pytest.mark.parametrize(("bins", "stride"), [(30, 4), (31, 3), (1, 4)])
def test_step_means_are_means(bins, stride):
    features = torch.randn(2, bins, 3)
    expected = pool(features.numpy(), stride) / pool(np.ones((1, bins, 1)), stride)
    np.testing.assert_allclose(StepMeans(bins, 3, stride)(features), expected, atol=1e-6)
