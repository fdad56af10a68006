import numpy as np
import pytest
import torch

from pupil_helpers.metrics import scores
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.glm import PoissonGLM
from pupil_helpers.recordings.kinds import REGIONS
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.signals.rates import evaluation_kernel
from pupil_helpers.signals.splits import blocked_folds

torch.set_num_threads(1)
KERNEL = evaluation_kernel(0.01)
QUICK = {
    "n_updates": 6,
    "hidden_size": 4,
    "stem_size": 6,
    "n_lags": 5,
    "shrink": False,
    "glm": False,
}


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=11, n_trials=80, n_bins=120)


@pytest.fixture(scope="module")
def counts(session):
    return session.region_counts(["SCs", "LGd"])


@pytest.fixture(scope="module")
def whole():
    """The default model, fitted once, asked many things.

    The session is a long one: in 60 test trials even the true rates may hardly beat the PSTH.
    """
    session = simulate_session(seed=902, n_trials=600)
    counts = session.region_counts(list(REGIONS))
    split = blocked_folds(session.n_trials)[2]
    model = PupilEncoder().fit(session.pupil[split.train], counts[split.train])
    predicted = model.predict(session.pupil[split.test])
    truth = session.true_region_rates(list(REGIONS))[split.test]
    return counts[split.test], predicted, model.psth_, truth, model


def test_driven_regions_come_close_to_the_known_ceiling(whole):
    counts, predicted, _, truth, _ = whole
    share = scores.r2(counts, predicted, KERNEL)[:3] / scores.r2(counts, truth, KERNEL)[:3]
    assert share.mean() > 0.87  # the book and benchmarks report the full figure


def test_driven_regions_beat_their_psth_beyond_doubt(whole):
    counts, predicted, psth, _, _ = whole
    low, _ = scores.bootstrap_ci(counts, predicted, psth, kernel=KERNEL)
    assert (low[:3] > 0).all()


def test_other_regions_fall_back_to_their_psth(whole):
    counts, predicted, psth, _, model = whole
    assert (scores.psth_relative(counts, predicted, psth, KERNEL)[3:] > -0.05).all()
    low, _ = scores.bootstrap_ci(counts, predicted, psth, kernel=KERNEL)
    assert (low[3:] <= 0).all()
    assert (model.shrinkage_[3:] < model.shrinkage_[:3].min()).all()


def test_when_shrunk_to_0_the_prediction_is_the_psth_itself(whole):
    """A smoothed one would score a little above 0, as if the pupil had helped."""
    counts, predicted, psth, _, model = whole
    quiet = model.shrinkage_ == 0
    assert quiet.any()
    np.testing.assert_array_equal(predicted[0][:, quiet], psth[:, quiet])
    assert (scores.psth_relative(counts, predicted, psth, KERNEL)[quiet] == 0).all()


def test_prediction_has_the_units_and_shape_of_counts(whole):
    counts, predicted, *_ = whole
    assert predicted.shape == counts.shape
    assert predicted.dtype == np.float32
    assert (predicted > 0).all()
    np.testing.assert_allclose(predicted.mean((0, 1)), counts.mean((0, 1)), rtol=0.3)  # CA1 drifts


def test_networks_that_know_nothing_leave_it_to_the_glm(session, counts):
    """Their gain is 1 throughout, so that mixing them in can only shrink the GLM's."""
    settings = {"n_lags": 5, "shrink": False}
    one_step = {"n_updates": 1, "learning_rate": 1e-9, "direct": False}  # the GLM's own inputs
    ours = PupilEncoder(**settings, **one_step).fit(session.pupil, counts)
    glm = PoissonGLM(**settings).fit(session.pupil, counts)
    share = ours.module_.net.share
    assert (share >= 0.7).all()
    x = torch.randn(5, 2, 30, ours.module_.net.linear.weight.shape[1])
    theirs = 1 + share * (glm.module_.net(x) - 1)
    torch.testing.assert_close(ours.module_.net(x), theirs, rtol=1e-3, atol=1e-4)


def test_the_mixture_lies_between_its_parts(session, counts):
    model = PupilEncoder(**(QUICK | {"glm": True, "n_updates": 60})).fit(session.pupil, counts)
    net = model.module_.net
    x = torch.randn(5, 2, 30, net.linear.weight.shape[1])
    mixed, linear = net(x), net.linear(x)
    share, net.share[:] = net.share.clone(), 0
    torch.testing.assert_close(mixed, (1 - share) * net(x) + share * linear)


@pytest.mark.parametrize("glm", [False, True])
@pytest.mark.parametrize("direction", ["causal", "anticausal"])
def test_one_sided_models_see_one_side(session, counts, direction, glm):
    """Whatever is changed, or missing, on the other side of a moment."""
    settings = QUICK | {"glm": glm, "direction": direction}
    model = PupilEncoder(**settings).fit(session.pupil, counts)
    rng, at = np.random.default_rng(0), 61
    pupil = session.pupil[:12].copy()
    pupil[1, :7] = pupil[2, -7:] = pupil[3, 50:70] = np.nan  # gaps at the edges and in between
    side = slice(at, None) if direction == "causal" else slice(0, at)
    kept = slice(0, at) if direction == "causal" else slice(at, None)
    a = model.predict(pupil)
    for change in (lambda x: x + rng.normal(3, 5, x.shape), lambda x: x * np.nan):
        changed = pupil.copy()
        changed[:, side] = change(changed[:, side])
        b = model.predict(changed)
        np.testing.assert_allclose(a[:, kept], b[:, kept], rtol=1e-5)
        assert not np.allclose(a[:, side], b[:, side], rtol=1e-3)


@pytest.mark.parametrize(
    "setting",
    [
        {"hidden_size": 7},
        {"hidden_size": 0},
        {"stem_size": 3},
        {"stem_size": 0},
        {"skip": False},
        {"gated": False},
        {"glm": True},
        {"loss": "mse"},
        {"psth": False},
        {"lag_reach": 0.2},
        {"n_lags": 7},
        {"n_members": 2},
        {"n_updates": 5},
        {"batch_size": 5},
        {"learning_rate": 1e-4},
        {"weight_decay": 3.0},
        {"stride": 2},
        {"n_blocks": 3},
        {"gap": 5},
        {"shrink": True},
    ],
    ids=lambda s: "-".join(f"{k}={v}" for k, v in s.items()),
)
def test_every_setting_reaches_the_fit(session, counts, setting):
    default = PupilEncoder(**QUICK).fit(session.pupil, counts).predict(session.pupil)
    changed = PupilEncoder(**(QUICK | setting)).fit(session.pupil, counts).predict(session.pupil)
    assert np.isfinite(changed).all()
    assert np.abs(changed - default).max() > 1e-5


def test_a_network_needs_some_units(session, counts):
    with pytest.raises(ValueError, match="give the network some units"):
        PupilEncoder(hidden_size=0, stem_size=0).fit(session.pupil, counts)
