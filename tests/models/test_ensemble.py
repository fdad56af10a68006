"""How networks are trained: on their own trials, the best weights kept, nothing else touched."""

import numpy as np
import pytest
import torch
from test_base import NEURAL, planted, quick

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.ensemble import N_CHECKS, StopFit, check_points, relative_loss
from pupil_helpers.models.lags import pool
from pupil_helpers.models.neural import PlainRNNEncoder

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data():
    pupil, _, counts = planted(0)
    return pupil, counts[..., :2]


def networks(model, **settings):
    """A quick model without a GLM, which would hide what networks do after a few updates."""
    return quick(model, **settings, **({"glm": False} if model is PupilEncoder else {}))


@pytest.mark.parametrize("model", NEURAL)
def test_a_seed_decides_the_fit_and_touches_nothing_else(data, model):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = torch.rand(1), np.random.random()  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    a, b, c = (
        networks(model, seed=s, shrink=False, n_updates=6).fit(*data).predict(data[0])
        for s in (1, 1, 2)
    )
    assert (torch.rand(1), np.random.random()) == expected  # noqa: NPY002
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize("model", NEURAL)
def test_the_weights_in_use_are_those_of_the_best_check(data, model):
    pupil, counts = data
    fitted = networks(model, n_updates=24, learning_rate=0.05).fit(pupil, counts)
    best = fitted.history_.groupby("member")["held_out"].min()
    module = fitted.module_
    psth = torch.tensor(pool(fitted._start(counts.astype(np.float32))[None], 4)[0])
    pooled = torch.tensor(pool(counts.astype(np.float32), 4))
    n_held = min(len(block.test) for block in fitted.blocks_)
    for member in range(fitted.n_members):
        trials = fitted.blocks_[member].test[:n_held]
        with torch.no_grad():
            features = module.features(*module.prepare(pupil[trials])).float()
            inputs = module.inputs(features)
            gain = module.net(inputs.expand(fitted.n_members, -1, -1, -1))[member]
        loss = relative_loss("poisson", gain, pooled[trials], psth, None).item()
        assert loss == pytest.approx(best[member], abs=1e-5)


@pytest.mark.parametrize("model", NEURAL)
def test_members_learn_from_their_own_trials_only(data, model, monkeypatch):
    """Spikes of a member's left-out block may choose when it stops, not what it learns."""
    pupil, counts = data
    monkeypatch.setattr("pupil_helpers.models.ensemble.N_CHECKS", 1)  # nothing to choose
    settings = {"psth": False, "n_updates": 4}
    fitted = quick(model, **settings).fit(pupil, counts)
    swapped, block = counts.copy(), fitted.blocks_[0]
    swapped[block.test] = swapped[block.test][::-1]  # the mean rate stays
    other = quick(model, **settings).fit(pupil, swapped)
    pairs = list(zip(fitted.module_.net.parameters(), other.module_.net.parameters(), strict=True))
    for a, b in pairs:
        torch.testing.assert_close(a[0], b[0])
    assert any(not torch.equal(a[1], b[1]) for a, b in pairs)


def test_a_fit_can_be_watched_and_stopped(data):
    seen = []

    def watch(update, losses):
        seen.append((update, losses.shape))
        if len(seen) == 2:
            raise StopFit

    fitted = quick(PupilEncoder, n_updates=3 * N_CHECKS, on_check=watch).fit(*data)
    assert seen == [(3, (2,)), (6, (2,))]
    assert fitted.history_["update"].max() == 6
    assert np.isfinite(fitted.predict(data[0])).all()


# -- how long they are trained --------------------------------------------------------------------


@pytest.mark.parametrize("n_updates", [1, 7, N_CHECKS, N_CHECKS + 1, 63, 64, 800, 1001])
def test_checks_are_evenly_spaced_and_the_last_update_is_one(n_updates):
    checks = check_points(n_updates)
    assert len(checks) == min(n_updates, N_CHECKS)
    assert checks[-1] == n_updates
    apart = np.diff([0, *checks])
    assert apart.min() >= 1
    assert apart.max() - apart.min() <= 1


@pytest.mark.parametrize("n_trials", [20, 300])
def test_as_many_updates_are_made_however_many_trials_there_are(n_trials):
    pupil, _, counts = planted(0, n_trials, n_bins=40)
    history = quick(PupilEncoder, n_updates=50).fit(pupil, counts).history_
    for _, member in history.groupby("member"):
        assert member["update"].tolist() == check_points(50)


@pytest.mark.parametrize("n_trials", [20, 19, 12, 8])
def test_few_trials_are_enough(n_trials):
    """With the default blocks, of which some are smaller than others."""
    pupil, _, counts = planted(0, n_trials)
    fitted = PupilEncoder(n_updates=10).fit(pupil, counts)
    assert fitted.history_["update"].max() == 10
    assert np.isfinite(fitted.history_).all(axis=None)
    assert np.isfinite(fitted.predict(pupil)).all()


def test_fewer_trials_than_the_blocks_and_gaps_need_are_refused():
    pupil, _, counts = planted(0, n_trials=5)
    with pytest.raises(ValueError, match="5 trials are too few for 5 blocks with a gap of 2"):
        PupilEncoder().fit(pupil, counts)


# -- losses ---------------------------------------------------------------------------------------


def test_relative_loss_is_torchs_own_loss_less_the_psths():
    rng = torch.Generator().manual_seed(0)
    gain, counts = 0.5 + torch.rand(3, 4, 5, 2, generator=rng), torch.rand(4, 5, 2, generator=rng)
    psth, scale = 1 + torch.rand(5, 2, generator=rng), torch.ones(2)
    for kind, theirs in (
        ("mse", torch.nn.functional.mse_loss),
        ("poisson", lambda r, c: torch.nn.functional.poisson_nll_loss(r, c, log_input=False)),
    ):
        ours = relative_loss(kind, gain, counts, psth, scale)
        expected = [theirs(psth * g, counts) - theirs(psth.expand(4, 5, 2), counts) for g in gain]
        torch.testing.assert_close(ours, torch.stack(expected))


def test_squared_error_can_be_learnt_too(data):
    pupil, counts = data
    fitted = PlainRNNEncoder(loss="mse", n_updates=150).fit(pupil, counts)
    fresh, _, held = planted(1)
    assert fitted.score(fresh, held[..., :2], "psth_relative", per_region=True)[0] > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "mae"}, "use 'poisson' or 'mse'"),
        ({"n_updates": 0}, "n_updates is 0"),
        ({"warm_up": 1.5}, "warm_up is 1.5; give a share"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"n_members": 0}, "n_members is 0"),
        ({"learning_rate": 1e30, "n_updates": 5}, "lower learning_rate"),
    ],
)
def test_settings_that_cannot_work(data, settings, message):
    with pytest.raises(ValueError, match=message):
        quick(PlainRNNEncoder, **settings).fit(*data)
