import numpy as np
import pytest
import torch

from pupil_helpers import PupilEncoder, simulate_session
from pupil_helpers.metrics import scores as metrics
from pupil_helpers.models.lags import pool
from pupil_helpers.recordings.simulate import REGIONS
from pupil_helpers.signals.rates import gaussian, smooth
from pupil_helpers.signals.splits import blocked_folds

torch.set_num_threads(1)
QUICK = {"epochs": 3, "hidden_size": 4, "stem_size": 6, "n_lags": 5, "shrink": False}


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=11, n_trials=80, n_bins=120)


@pytest.fixture(scope="module")
def counts(session):
    return session.region_counts(["SCs", "LGd"])


@pytest.fixture(scope="module")
def whole():
    """The default model on a full session: fitted once, asked many things."""
    session = simulate_session(seed=901)
    counts = session.region_counts(list(REGIONS))
    split = blocked_folds(session.n_trials)[2]
    model = PupilEncoder().fit(session.pupil[split.train], counts[split.train])
    predicted = model.predict(session.pupil[split.test])
    truth = session.true_region_rates(list(REGIONS))[split.test]
    return counts[split.test], predicted, model.psth_, truth, model


def test_driven_regions_come_close_to_the_known_ceiling(whole):
    counts, predicted, _, truth, _ = whole
    share = metrics.r2(counts, predicted)[:3] / metrics.r2(counts, truth)[:3]
    assert share.mean() > 0.87  # the book and benchmarks report the full figure


def test_driven_regions_beat_their_psth_beyond_doubt(whole):
    counts, predicted, psth, _, _ = whole
    low, _ = metrics.bootstrap_ci(counts, predicted, psth)
    assert (low[:3] > 0).all()


def test_other_regions_fall_back_to_their_psth(whole):
    counts, predicted, psth, _, model = whole
    assert (metrics.psth_relative(counts, predicted, psth)[3:] > -0.05).all()
    low, _ = metrics.bootstrap_ci(counts, predicted, psth)
    assert (low[3:] <= 0).all()
    assert (model.shrinkage_[3:] < model.shrinkage_[:3].min()).all()


def test_without_trust_the_prediction_is_the_psth_itself(whole):
    """A smoothed one would score a little above 0, as if the pupil had helped."""
    counts, predicted, psth, _, model = whole
    quiet = model.shrinkage_ == 0
    assert quiet.any()
    np.testing.assert_array_equal(predicted[0][:, quiet], psth[:, quiet])
    assert (metrics.psth_relative(counts, predicted, psth)[quiet] == 0).all()


def test_a_bin_that_never_had_a_spike_keeps_a_small_rate(session, counts):
    gappy = counts.copy()
    gappy[:, 50:53] = 0
    model = PupilEncoder(epochs=1, n_members=5).fit(session.pupil, gappy)
    model.shrinkage_ = np.zeros(counts.shape[-1])
    model._fall_back()
    predicted = model.predict(session.pupil)
    assert (predicted[:, 50:53] > 0).all()


def test_prediction_has_the_units_and_shape_of_counts(whole):
    counts, predicted, *_ = whole
    assert predicted.shape == counts.shape
    assert predicted.dtype == np.float32
    assert (predicted > 0).all()
    np.testing.assert_allclose(predicted.mean((0, 1)), counts.mean((0, 1)), rtol=0.15)


def test_same_seed_same_model(session, counts):
    a = PupilEncoder(seed=1, **QUICK).fit(session.pupil, counts).predict(session.pupil)
    b = PupilEncoder(seed=1, **QUICK).fit(session.pupil, counts).predict(session.pupil)
    c = PupilEncoder(seed=2, **QUICK).fit(session.pupil, counts).predict(session.pupil)
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


def test_fitting_leaves_the_global_generators_alone(session, counts):
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    expected = np.random.random(), torch.rand(1).item()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    PupilEncoder(**QUICK).fit(session.pupil, counts)
    assert (np.random.random(), torch.rand(1).item()) == expected  # noqa: NPY002


@pytest.mark.parametrize("direction", ["causal", "anticausal"])
def test_one_sided_models_see_one_side(session, counts, direction):
    model = PupilEncoder(direction=direction, **QUICK).fit(session.pupil, counts)
    changed, at = session.pupil.copy(), 61
    side = slice(at, None) if direction == "causal" else slice(0, at)
    changed[:, side] = changed[::-1, side]
    a, b = model.predict(session.pupil), model.predict(changed)
    kept = slice(0, at) if direction == "causal" else slice(at, None)
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
        {"leaky": False},
        {"loss": "mse"},
        {"psth": False},
        {"lag_reach": 0.2},
        {"n_lags": 7},
        {"n_members": 2},
        {"epochs": 2},
        {"batch_size": 16},
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


def test_best_weights_are_those_in_use(session, counts):
    model = PupilEncoder(**QUICK | {"epochs": 6}).fit(session.pupil, counts)
    best = model.history_.groupby("member")["held_out"].min()
    inputs = model._inputs(session.pupil)
    base = metrics.psth(counts)
    base = torch.tensor(pool(smooth(base[None], gaussian(0.015, 0.01)), 4)[0]).float()
    pooled = torch.tensor(pool(counts, 4)).float()
    for member, block in enumerate(model.blocks_):
        n_held = min(len(b.test) for b in model.blocks_)
        trials = block.test[:n_held]
        with torch.no_grad():
            gain = model.net_(inputs[trials].expand(model.n_members, -1, -1, -1))[member]
        loss = (base * (gain - 1) - pooled[trials] * torch.log(gain)).mean().item()
        assert loss == pytest.approx(best[member], abs=1e-5)


def test_members_learn_from_their_own_trials_only(session, counts):
    """Spikes of a member's left-out block may choose when it stops, not what it learns."""
    settings = {**QUICK, "epochs": 1, "psth": False}  # 1 epoch: nothing to choose
    model = PupilEncoder(**settings).fit(session.pupil, counts)
    block = model.blocks_[0]
    swapped = counts.copy()
    swapped[block.test] = swapped[block.test][::-1]  # the mean, and so the baseline, stay
    other = PupilEncoder(**settings).fit(session.pupil, swapped)
    for a, b in zip(model.net_.parameters(), other.net_.parameters(), strict=True):
        torch.testing.assert_close(a[0], b[0])
    assert any(
        not torch.equal(a[1], b[1])
        for a, b in zip(model.net_.parameters(), other.net_.parameters(), strict=True)
    )


def test_silent_regions_and_missing_channels_are_no_trouble(session, counts):
    silent = np.concatenate([counts, np.zeros_like(counts[..., :1])], axis=-1)
    pupil = session.pupil.copy()
    pupil[..., 1:] = np.nan
    model = PupilEncoder(**QUICK).fit(pupil, silent)
    predicted = model.predict(pupil)
    assert np.isfinite(predicted).all()
    np.testing.assert_allclose(predicted[..., 2], 0, atol=1e-6)


def test_scores_are_the_metrics_of_the_prediction(session, counts):
    model = PupilEncoder(**QUICK).fit(session.pupil[:60], counts[:60])
    held_out = session.pupil[60:], counts[60:]
    predicted = model.predict(held_out[0])
    assert model.score(*held_out) == pytest.approx(metrics.r2(held_out[1], predicted).mean())
    np.testing.assert_allclose(
        model.score(*held_out, metric="psth_relative", per_region=True),
        metrics.psth_relative(held_out[1], predicted, counts[:60].mean(0)),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"direction": "sideways"}, "direction"),
        ({"loss": "l1"}, "loss"),
        ({"hidden_size": 0, "stem_size": 0}, "units"),
        ({"n_members": 0}, "n_members"),
        ({"epochs": 0}, "epochs"),
        ({"n_blocks": 90}, "too few"),
        ({"learning_rate": 1e30}, "learning_rate"),
    ],
)
def test_bad_settings_are_named(session, counts, change, word):
    with pytest.raises(ValueError, match=word):
        PupilEncoder(**(QUICK | change)).fit(session.pupil, counts)


def test_bad_arrays_are_named(session, counts):
    model = PupilEncoder(**QUICK)
    with pytest.raises(ValueError, match="same trials and bins"):
        model.fit(session.pupil[:-1], counts)
    with pytest.raises(ValueError, match="counts"):
        model.fit(session.pupil, counts.astype(float) * np.nan)
    with pytest.raises(ValueError, match="not fitted"):
        model.predict(session.pupil)
    model.fit(session.pupil, counts)
    with pytest.raises(ValueError, match="bins"):
        model.predict(session.pupil[:, :-1])
    with pytest.raises(ValueError, match="metric"):
        model.score(session.pupil, counts, metric="accuracy")
