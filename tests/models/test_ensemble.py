"""How networks are trained: on their own trials, the best weights kept, nothing else touched."""

import numpy as np
import pytest
import torch
from test_base import NEURAL, planted, quick

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.ensemble import StopFit, relative_loss
from pupil_helpers.models.lags import pool
from pupil_helpers.models.neural import PlainRNNEncoder

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data():
    pupil, _, counts = planted(0)
    return pupil, counts[..., :2]


@pytest.mark.parametrize("model", NEURAL)
def test_a_seed_decides_the_fit_and_touches_nothing_else(data, model):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = torch.rand(1), np.random.random()  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    a, b, c = (
        quick(model, seed=s, shrink=False, epochs=3).fit(*data).predict(data[0]) for s in (1, 1, 2)
    )
    assert (torch.rand(1), np.random.random()) == expected  # noqa: NPY002
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize("model", NEURAL)
def test_the_weights_in_use_are_those_of_the_best_epoch(data, model):
    pupil, counts = data
    fitted = quick(model, epochs=6, learning_rate=0.05).fit(pupil, counts)
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
def test_members_learn_from_their_own_trials_only(data, model):
    """Spikes of a member's left-out block may choose when it stops, not what it learns."""
    pupil, counts = data
    settings = {"psth": False, "epochs": 1}  # 1 epoch: nothing to choose
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

    def watch(epoch, losses):
        seen.append((epoch, losses.shape))
        if epoch == 2:
            raise StopFit

    fitted = quick(PupilEncoder, epochs=9, on_epoch=watch).fit(*data)
    assert seen == [(1, (2,)), (2, (2,))]
    assert fitted.history_["epoch"].max() == 2
    assert np.isfinite(fitted.predict(data[0])).all()


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
    fitted = PlainRNNEncoder(loss="mse", n_members=5, epochs=30).fit(pupil, counts)
    fresh, _, held = planted(1)
    assert fitted.score(fresh, held[..., :2], "psth_relative", per_region=True)[0] > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "mae"}, "use 'poisson' or 'mse'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"n_members": 0}, "n_members is 0"),
        ({"learning_rate": 1e30, "epochs": 5}, "lower learning_rate"),
    ],
)
def test_settings_that_cannot_work(data, settings, message):
    with pytest.raises(ValueError, match=message):
        quick(PlainRNNEncoder, **settings).fit(*data)
