"""Attribution against closed forms, captum, and the truth of a simulated mouse."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import nn

from pupil_helpers import PupilEncoder, simulate_session
from pupil_helpers.attribution import gradients as at
from pupil_helpers.attribution.channels import contributions, lag_correlation, variance_share
from pupil_helpers.models.base import one_thread
from pupil_helpers.models.differentiable import DifferentiableFeatures
from pupil_helpers.models.linear import Ridge
from pupil_helpers.signals.pupil import PupilFeatures, fill_missing

REGIONS = ["SCs", "SCm", "LGd", "CA1"]  # the pupil drives the first three


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=11)


@pytest.fixture(scope="module")
def model(session):
    return PupilEncoder(n_members=5).fit(session.pupil, session.region_counts(REGIONS))


class Weighted(nn.Module):
    """Expected counts that are a weighted sum of the channels 5 bins earlier, plus a constant."""

    delay = 5

    def __init__(self, weights):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weights, dtype=torch.float64))  # (R, 3)

    def forward(self, pupil):  # (T, B, 3)
        late = nn.functional.pad(pupil, (0, 0, self.delay, 0))[:, : pupil.shape[1]]
        return 7 + late @ self.weight.T


def some_pupil(trials=6, bins=40, seed=0, gaps=True):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(trials, bins, 3)).cumsum(axis=1) * [2, 1, 1] + [60, 30, 20]
    if gaps:
        pupil[rng.random((trials, bins)) < 0.1] = np.nan
    return pupil.astype(np.float32)


# -- the differentiable form of the model ---------------------------------------------------


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(2, 30)),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    direction=st.sampled_from(["bidirectional", "causal", "anticausal"]),
    bin_size=st.sampled_from([0.005, 0.01, 0.04]),
    still=st.booleans(),
    seed=st.integers(0, 99),
)
def test_torch_features_equal_the_numpy_ones(shape, missing, direction, bin_size, still, seed):
    rng = np.random.default_rng(seed)
    train, pupil = some_pupil(5, 30, seed), some_pupil(*shape, seed + 1)
    pupil[rng.random(pupil.shape) < missing] = np.nan
    if still:
        pupil[:] = pupil[:, :1]
    features = PupilFeatures(bin_size, direction).fit(train)
    filled = torch.as_tensor(features.fill(pupil), dtype=torch.float64, device="cpu")
    gaps = torch.as_tensor(np.isnan(pupil).mean(axis=-1, keepdims=True))
    filled.requires_grad_(True)
    ours = DifferentiableFeatures(features)(filled, gaps)
    np.testing.assert_allclose(ours.detach(), features.transform(pupil), rtol=2e-5, atol=2e-5)
    (slope,) = torch.autograd.grad(ours.sum(), filled)
    assert torch.isfinite(slope).all()  # also where the eye does not move


@pytest.mark.parametrize("direction", ["bidirectional", "causal", "anticausal"])
def test_module_predicts_what_the_model_predicts(session, direction):
    counts = session.region_counts(REGIONS)
    settings = {"epochs": 2, "n_members": 2, "n_blocks": 2, "shrink": False}
    model = PupilEncoder(direction=direction, **settings).fit(session.pupil[:60], counts[:60])
    pupil = session.pupil[60:66].copy()
    pupil[0] = np.nan
    pupil[1, :, 1] = np.nan
    net = model.as_module()
    with torch.no_grad():
        predicted = net(*net.prepare(pupil))
    np.testing.assert_allclose(predicted, model.predict(pupil), rtol=1e-5)


# -- Integrated Gradients ---------------------------------------------------------------------


def test_linear_model_has_the_closed_form():
    pupil, weights = some_pupil(), np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 0.0]])
    baseline = np.array([50.0, 30.0, 25.0])
    found = at.integrated_gradients(Weighted(weights), pupil, baseline=baseline, n_steps=1)
    away = fill_missing(pupil) - baseline
    away[:, -Weighted.delay :] = 0  # the last samples act after the trial
    expected = away[:, :, None] * weights
    np.testing.assert_allclose(found.values, expected, atol=1e-4)
    np.testing.assert_allclose(found.difference, expected.sum(axis=(1, 3)), atol=1e-3)
    # A change at bin u moves every later bin, up to the last one that counts.
    counted = np.maximum(40 - Weighted.delay - np.arange(40), 0)
    steps = np.diff(fill_missing(pupil) - baseline, axis=1, prepend=0)
    expected = (counted[:, None] * steps)[:, :, None] * weights
    np.testing.assert_allclose(found.changes, expected, atol=1e-3)
    assert found.completeness_error.max() < 1e-6
    assert found.n_steps == 1


def test_equals_captum(model, session):
    """Another implementation, same nodes: on the trained network, to float precision."""
    pupil, baseline = session.pupil[:4], np.nanmean(session.pupil, axis=(0, 1))
    net = model.as_module()
    filled, missing = net.prepare(pupil)
    bins = [60, 100, 150, 220]
    with one_thread():
        theirs = IntegratedGradients(net).attribute(
            filled,
            torch.as_tensor(baseline).expand_as(filled).to(filled),
            target=[(b, 1) for b in bins],
            additional_forward_args=missing,
            n_steps=12,
            method="gausslegendre",
        )
    ours = at.integrated_gradients(model, pupil, 1, bins, baseline, n_steps=12, tolerance=None)
    scale = np.abs(ours.values).max()
    np.testing.assert_allclose(ours.values[:, :, 0], theirs.detach(), atol=1e-5 * scale)


@pytest.mark.parametrize("log", [False, True])
def test_complete_on_the_trained_model(model, session, log):
    pupil = session.pupil[:5]
    found = at.integrated_gradients(model, pupil, [0, 2], log=log)
    assert found.completeness_error.max() <= 1e-3
    np.testing.assert_allclose(found.changes.sum(axis=1), found.by_channel, atol=1e-9)
    still = np.where(np.isnan(pupil), np.nan, fill_missing(pupil).mean(axis=(0, 1)))
    counts, before = (model.predict(p)[..., [0, 2]] for p in (pupil, still))
    expected = np.log(counts / before) if log else counts - before
    np.testing.assert_allclose(found.difference, expected.sum(axis=1), atol=2e-3)


def test_steps_are_doubled_until_complete():
    class Kinked(nn.Module):  # a threshold that one node cannot see
        def forward(self, pupil):
            return torch.relu(pupil[..., :1] - 61.3) ** 2

    pupil = some_pupil(gaps=False)
    rough = at.integrated_gradients(Kinked(), pupil, n_steps=1, tolerance=None)
    fine = at.integrated_gradients(Kinked(), pupil, n_steps=1, tolerance=1e-3)
    assert rough.n_steps == 1
    assert rough.completeness_error > 1e-2
    assert fine.n_steps > 1
    assert fine.completeness_error <= 1e-3


def test_trials_are_explained_independently(model, session, monkeypatch):
    options = {"regions": [2], "bins": 120, "baseline": [60, 35, 25], "n_steps": 4}
    together = at.integrated_gradients(model, session.pupil[:5], tolerance=None, **options)
    monkeypatch.setattr("pupil_helpers.attribution.path.CHUNK", 2)
    apart = at.integrated_gradients(model, session.pupil[:5], tolerance=None, **options)
    np.testing.assert_allclose(together.values, apart.values, atol=1e-5)


def test_a_region_the_model_does_not_trust_gets_no_credit(model, session):
    assert model.shrinkage_[3] == 0  # CA1, which the pupil does not drive
    found = at.integrated_gradients(model, session.pupil[:3], regions=3)
    assert not found.values.any()
    assert found.completeness_error == 0


def test_cudnn_is_off_while_gradients_are_taken():
    class Recording(Weighted):
        seen = ()

        def forward(self, pupil):
            self.seen = (*self.seen, torch.backends.cudnn.enabled)
            return super().forward(pupil)

    net = Recording(np.eye(3))
    before = torch.backends.cudnn.enabled
    at.integrated_gradients(net, some_pupil(), n_steps=2)
    assert net.seen
    assert not any(net.seen)
    assert torch.backends.cudnn.enabled == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_recurrent_networks_on_a_gpu():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(3, 4, batch_first=True, bidirectional=True)

        def forward(self, pupil):
            return self.rnn(pupil)[0]

    found = at.integrated_gradients(Net().cuda().eval(), some_pupil(), regions=0)
    assert found.completeness_error <= 1e-3


# -- Expected Gradients -----------------------------------------------------------------------


def test_expected_gradients_average_over_references():
    pupil, references = some_pupil(4, seed=1), some_pupil(30, seed=2)
    weights = np.array([[1.0, 0.5, -2.0]])
    found = at.expected_gradients(Weighted(weights), pupil, references, n_samples=1000)
    away = fill_missing(pupil) - fill_missing(references).mean(axis=0)
    away[:, -Weighted.delay :] = 0
    # The mean of 1000 draws is off by a few SD / sqrt(1000).
    error = fill_missing(references).std() / np.sqrt(1000) * np.abs(weights).max()
    np.testing.assert_allclose(found.values[:, :, 0], away * weights, atol=5 * error)
    assert found.completeness_error.max() < 1e-6  # exact, draw by draw, in a linear model


def test_expected_gradients_on_the_trained_model(model, session):
    found = at.expected_gradients(
        model, session.pupil[:15], session.pupil[15:], [0, 2], n_samples=40, log=True
    )
    whole = contributions(model, session.pupil[:15])[..., [0, 2], :].sum(axis=1)
    assert found.completeness_error.max() < 0.2
    for region in range(2):  # another baseline moves the credits, but hardly the order of trials
        for channel in range(2):
            pair = found.by_channel[:, region, channel], whole[:, region, channel]
            assert spearmanr(*pair).statistic > 0.7


# -- against the truth --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def profile(model, session):
    return at.lag_profile(model, session.pupil[::2], [0, 1, 2], n_draws=2, n_steps=6)


@pytest.fixture(scope="module")
def credit(model, session):
    """Integrated Gradients of every bin, summed over each channel's samples."""
    return contributions(model, session.pupil, n_steps=2)


def test_contributions_are_integrated_gradients(model, session):
    """Two ways to the same numbers: backward through the network, and forward along the path."""
    pupil = session.pupil[:4]
    backward = at.integrated_gradients(model, pupil, [0, 2], log=True).by_channel
    forward = contributions(model, pupil, n_steps=8)[:, :, [0, 2]].sum(axis=1)
    np.testing.assert_allclose(forward, backward, atol=0.01 * np.abs(backward).max())


@pytest.mark.parametrize("region", range(3))
def test_channels_rank_as_in_the_simulation(session, credit, region):
    share, truth = variance_share(credit)[region], session.truth.channel_share[region]
    assert np.argsort(share).tolist() == np.argsort(truth).tolist()
    np.testing.assert_allclose(share, truth, atol=0.12)


@pytest.mark.parametrize("region", range(3))
def test_lags_are_the_simulated_ones(session, credit, profile, region):
    truth = session.truth.peak_lag[region]
    jumps = ~np.isnan(truth) & [False, True, True]
    np.testing.assert_allclose(profile.peak_lag()[region, jumps], truth[jumps], atol=0.03)
    found = lag_correlation(credit[::2, :, [region]], session.pupil[::2]).peak[0]
    np.testing.assert_allclose(found[jumps], truth[jumps], atol=0.03)
    assert found[0] == pytest.approx(truth[0], abs=0.12)


def test_credit_of_a_jump_follows_the_true_kernel(session, profile):
    """Shape and sign: up in both colliculi, down in LGd, where saccades suppress."""
    truth = session.truth
    inside = np.searchsorted(truth.lags, profile.lags - 0.005)
    for region in range(3):
        kernel = truth.kernels[region, 1, inside]
        assert np.corrcoef(profile.changes[:, region, 1], kernel)[0, 1] > 0.8


def test_lag_profile_of_a_linear_model_is_its_weights():
    weights = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 0.0]])
    pupil = some_pupil(trials=40, bins=60)
    found = at.lag_profile(Weighted(weights), pupil, reach=(-0.1, 0.15), n_steps=1, log=False)
    expected = np.zeros((26, 2, 3))
    expected[10 + Weighted.delay] = weights
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    np.testing.assert_allclose(found.lags, np.arange(-10, 16) / 100)
    # A step, up or down, moves all later samples: it is credited from its delay on.
    assert not found.changes[: 10 + Weighted.delay].any()


def test_a_causal_model_owes_nothing_to_the_future(session):
    counts = session.region_counts(["SCm"])[:60]
    settings = {"epochs": 3, "n_members": 2, "n_blocks": 2, "shrink": False}
    model = PupilEncoder(direction="causal", **settings).fit(session.pupil[:60], counts)
    profile = at.lag_profile(model, session.pupil[60:80], n_steps=3)
    assert not profile.values[profile.lags < -0.005].any()
    assert profile.values[profile.lags > 0].any()


# -- the randomised-model check -----------------------------------------------------------------


def similarity(one, other):
    """Mean rank correlation of two attributions over regions."""
    pairs = zip(np.moveaxis(one, 2, 0), np.moveaxis(other, 2, 0), strict=True)
    return np.mean([spearmanr(a.ravel(), b.ravel()).statistic for a, b in pairs])


def test_scrambled_weights_change_the_attribution(model, session):
    pupil, options = session.pupil[:10], {"regions": [0, 1, 2], "n_steps": 5, "tolerance": None}
    trained = at.integrated_gradients(model, pupil, **options).values
    before = model.predict(pupil)
    scrambled = [
        similarity(trained, at.integrated_gradients(net, pupil, **options).values)
        for net in (at.randomised(model, seed=seed) for seed in range(4))
    ]
    assert abs(np.mean(scrambled)) < 0.4
    np.testing.assert_array_equal(model.predict(pupil), before)  # the model itself is left alone
    again = PupilEncoder(n_members=5, seed=1)
    again.fit(session.pupil, session.region_counts(REGIONS))
    again = similarity(trained, at.integrated_gradients(again, pupil, **options).values)
    assert again > 0.6 > max(scrambled)


def test_scrambling_keeps_each_layer_to_itself(model):
    scrambled = at.randomised(model, layers=["readout"])
    for name, weight in model.net_.named_parameters():
        other = dict(scrambled.net_.named_parameters())[name]
        assert torch.equal(other, weight) == (not name.startswith("readout"))
        torch.testing.assert_close(other.flatten(1).sort().values, weight.flatten(1).sort().values)


# -- what can go wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": 5}, "predicts 2 regions"),
        ({"regions": [-1]}, "from 0 to 1"),
        ({"bins": 40}, "0 to 39"),
        ({"bins": [1, 2]}, "one for each of 6 trials"),
        ({"bins": 1.5}, "whole number"),
        ({"baseline": [1.0, 2.0]}, "one value per channel"),
        ({"baseline": [np.nan, 2.0, 3.0]}, "missing or infinite"),
        ({"n_steps": 0}, "at least 1"),
    ],
)
def test_bad_arguments_are_named(options, message):
    net = Weighted(np.ones((2, 3)))
    with pytest.raises(ValueError, match=message):
        at.integrated_gradients(net, some_pupil(), **options)


def test_models_that_cannot_be_explained_are_refused(model, session):
    with pytest.raises(ValueError, match="call fit first"):
        at.integrated_gradients(PupilEncoder(), some_pupil())
    with pytest.raises(ValueError, match=r"no gradients.*channels"):
        at.integrated_gradients(Ridge(), some_pupil())
    with pytest.raises(ValueError, match="was fitted with 250"):
        at.integrated_gradients(model, some_pupil())
    with pytest.raises(ValueError, match="fit into a trial"):
        at.lag_profile(model, session.pupil[:2], reach=(-2, 2))
    with pytest.raises(ValueError, match="no layer named 'head'"):
        at.randomised(model, layers=["head"])
    with pytest.raises(ValueError, match="fitted with 250"):
        at.expected_gradients(model, session.pupil[:2], some_pupil())
