"""What a search minimises must be what it says, of every parameter that it searches."""

import numpy as np
import pytest
from hyperopt import hp
from instant import COUNTS, PUPIL, Scaled

from pupil_helpers.metrics.scores import bits_per_spike
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.ensemble import N_CHECKS
from pupil_helpers.models.neural import GRU
from pupil_helpers.recordings.kinds import DRIVEN
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.signals.rates import gaussian, smooth
from pupil_helpers.signals.splits import inner_blocks
from pupil_helpers.tuning.objective import RUNGS, UNSEEN, Objective, bars
from pupil_helpers.tuning.search import SPACE, tune

OTHER = {
    "hidden_size": 5, "direction": "causal", "stem_size": 5, "skip": False, "direct": False,
    "gated": False, "lag_reach": 0.3, "n_lags": 5, "n_components": 6, "n_updates": 24,
    "batch_size": 16, "learning_rate": 0.05, "warm_up": 0.2, "weight_decay": 5.0, "seed": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def mouse():
    session = simulate_session(seed=2, n_trials=40, n_bins=60)
    return session.pupil, session.region_counts(DRIVEN)


def quick(**settings):
    return PupilEncoder(**{"n_updates": 32, "batch_size": 8, **settings})


@pytest.mark.parametrize("name", OTHER)
def test_every_searched_parameter_changes_the_fit(mouse, name):
    """Changed alone, it must change the predictions, and the loss that the search sees."""
    pupil, counts = mouse
    before = quick(shrink=False).fit(pupil, counts).predict(pupil)
    after = quick(shrink=False, **{name: OTHER[name]}).fit(pupil, counts).predict(pupil)
    assert np.abs(after / before - 1).max() > 1e-3
    objective = Objective(quick(), pupil, counts, 5, 2, {name: OTHER[name]})
    assert objective.cross_fit
    losses = [objective(params)["loss"] for params in ({}, {name: OTHER[name]})]
    assert abs(losses[0] - losses[1]) > 1e-6  # without effect they are the same number


def test_parameters_that_the_quick_loss_cannot_see_are_refitted(mouse):
    settings = set(PupilEncoder().get_params())
    assert settings >= UNSEEN
    assert set(OTHER) >= set(SPACE)
    assert settings - UNSEEN - set(OTHER) == {"device", "progress", "on_check"}
    for name in UNSEEN:
        params = {name: PupilEncoder().get_params()[name]}
        assert not Objective(quick(), *mouse, 5, 2, params).cross_fit
    assert not Objective(quick(loss="mse"), *mouse, 5, 2, {}).cross_fit
    assert not Objective(PupilEncoder.original(), *mouse, 5, 2, {}).cross_fit


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("model", [PupilEncoder, GRU])
def test_loss_is_in_bits_per_spike(mouse, model, stride, monkeypatch):
    """The quick loss against the public metric in steps, on each network's own left-out block."""
    monkeypatch.setattr("pupil_helpers.models.ensemble.N_CHECKS", 1)  # all keep the same update
    pupil, counts = mouse
    alone = {"glm": False} if model is PupilEncoder else {}  # the loss is the networks' own
    model = model(n_updates=12, stride=stride, **alone)
    result = Objective(model, pupil, counts, 5, 2, {})({})
    model.set_params(n_members=5, shrink=False).fit(pupil, counts)

    def steps(values):  # (..., bins, regions) -> (..., steps, regions)
        return np.add.reduceat(values, np.arange(0, values.shape[-2], stride), axis=-2)

    counts, psth = steps(counts), steps(model._start(counts))
    module, predicted = model.module_, []
    inputs = module.inputs(module.features(*module.prepare(pupil)).float())
    blocks = inner_blocks(np.arange(len(pupil)), 5, 2)
    for member, block in enumerate(blocks):
        gains = module.net(inputs[block.test].expand(5, -1, -1, -1))[member]
        predicted.append(psth * gains.detach().numpy())
    truth = counts[np.concatenate([block.test for block in blocks])]
    predicted = np.concatenate(predicted)

    def parts(trials):
        return predicted[trials], np.broadcast_to(psth, predicted.shape)[trials]

    bits = bits_per_spike(truth, predicted, psth)
    spikes = truth.sum((0, 1))
    assert -result["loss"] == pytest.approx((bits * spikes).sum() / spikes.sum(), rel=1e-3)
    for block, loss in zip(np.split(np.arange(len(truth)), 5), result["blocks"], strict=True):
        bits, own = bits_per_spike(truth[block], *parts(block)), truth[block].sum((0, 1))
        assert -loss == pytest.approx((bits * own).sum() / spikes.sum() * 5, rel=1e-3)


def test_the_length_of_training_can_be_searched(mouse):
    """Each evaluation counts the checks of its own fit; hyperopt draws floats."""
    space = {"n_updates": hp.quniform("n_updates", 8, 2 * N_CHECKS, 8)}
    table = tune(*mouse, space, 4, model=quick(), progress=False).table
    assert set(table["status"]) == {"ok"}
    assert table["n_updates"].nunique() > 1
    assert table["steps"].tolist() == table["n_updates"].clip(upper=N_CHECKS).tolist()


@pytest.mark.parametrize("bin_size", [None, 0.005, 0.04])
def test_loss_of_other_models_is_in_bits_per_spike_too(bin_size):
    """Relative to the PSTH smoothed over 15 ms, however many bins these are."""

    class Timed(Scaled):
        bin_size_ = bin_size

    model = Scaled if bin_size is None else Timed  # one that does not say: 10 ms
    result = Objective(model(), PUPIL, COUNTS, 4, 2, {"x": 0.3})({"x": 0.3})
    nats = []
    for train, test in inner_blocks(np.arange(24), 4, 2):
        rate = COUNTS[train].mean((0, 1)) * np.exp(0.09)
        psth = smooth(COUNTS[train].mean(0)[None], gaussian(0.015, bin_size or 0.01))[0]
        nats.append((rate - psth - COUNTS[test] * np.log(rate / psth)).sum())
    bits = np.array(nats) * 4 / COUNTS.sum() / np.log(2)  # per spike of an average block
    assert result["blocks"] == pytest.approx(bits, rel=1e-6)
    assert result["loss"] == pytest.approx(bits.mean(), rel=1e-6)
    assert len(result["curve"]) == result["n_steps"] == 4


# -- stopping the hopeless ------------------------------------------------------------------


def test_bars_are_quantiles_of_the_best_so_far():
    curves = np.random.default_rng(0).normal(size=(20, 8))
    lowest = np.minimum.accumulate(curves, axis=1)
    expected = [(share, np.quantile(lowest[:, int(share * 8) - 1], q)) for share, q in RUNGS]
    known = [{"curve": curve, "n_steps": 8} for curve in curves.tolist()]
    assert np.allclose(bars(known, 10), expected)
    assert bars(known[:9], 10) == []
    stopped = [{"curve": record["curve"][:2], "n_steps": 8} for record in known[:15]]
    assert [share for share, _ in bars(stopped + known[15:], 10)] == [0.25]


def test_hopeless_evaluations_stop_early_and_are_never_best(mouse):
    space = {"learning_rate": hp.choice("learning_rate", [0.005, 1e-7])}
    options = {"model": quick(n_updates=40), "n_startup": 4, "progress": False, "algo": "random"}
    found = tune(*mouse, space, 14, **options)
    table = found.table
    pruned = table[table["status"] == "pruned"]
    assert len(pruned) > 0
    assert pruned["evaluation"].min() >= 4
    assert set(pruned["steps"]) <= {N_CHECKS // 4, N_CHECKS // 2, 3 * N_CHECKS // 4}
    assert set(pruned["learning_rate"]) == {1e-7}
    assert found.best == {"learning_rate": 0.005}
    everything = tune(*mouse, space, 14, prune=False, **options).table
    finished = table["status"] == "ok"
    assert np.allclose(everything["loss"][finished], table["loss"][finished])
