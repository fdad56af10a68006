"""A core from other sessions: learnt from all of them, adapted to a new one, left as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from test_base import planted

from pupil_helpers.metrics import scores
from pupil_helpers.models.shared import CORE, JointNet, SharedEncoder, checked, joint_blocks
from pupil_helpers.signals.rates import evaluation_kernel

torch.set_num_threads(1)
QUICK = {
    "hidden_size": 6,
    "stem_size": 8,
    "n_lags": 7,
    "n_members": 2,
    "n_updates": 20,
    "core_updates": 150,
    "core_batch": 16,
    "shrink": False,
    "glm": False,
    "device": "cpu",
}


def recording(seed, n_trials=60, scale=1.0):
    """Another mouse whose regions listen alike; the camera may have another unit."""
    pupil, _, counts = planted(seed, n_trials)
    return scale * pupil, counts


@pytest.fixture(scope="module")
def shared():
    recordings = [recording(seed, scale=10.0**seed) for seed in range(3)]
    recordings[1] = recordings[1][0], recordings[1][1][..., :1]  # fewer regions in this one
    return SharedEncoder(**QUICK).learn_core(recordings)


@pytest.fixture(scope="module")
def new():
    return recording(7, n_trials=20)


def of_core(module):
    state = module.state_dict()
    return {k: v.numpy() for k, v in state.items() if k.startswith(CORE)}


def test_every_trial_gets_the_readout_of_its_session():
    net = JointNet(4, 2, 3, [0, 1], 5)
    torch.nn.init.normal_(net.readout.weight)
    x = torch.randn(2, 6, 7, 4)
    sessions = torch.tensor([0, 2, 1, 1, 0, 2]).reshape(1, 6, 1, 1).expand(2, 6, 7, 1)
    every = super(JointNet, net).forward(x)  # (M, T, S, 3 * 2)
    expected = torch.stack(
        [every[:, t, :, 2 * s : 2 * s + 2] for t, s in enumerate([0, 2, 1, 1, 0, 2])], dim=1
    )
    torch.testing.assert_close(net(torch.cat([x, sessions], dim=-1)), expected)


def test_blocks_of_the_heap_are_those_of_its_sessions():
    blocks = joint_blocks([20, 30], n_blocks=5, gap=2)
    assert np.concatenate([block.test for block in blocks]).size == 50
    np.testing.assert_array_equal(blocks[0].test, [*range(4), *range(20, 26)])
    np.testing.assert_array_equal(blocks[0].train, [*range(6, 20), *range(28, 50)])


def test_with_few_trials_a_core_helps(shared, new):
    pupil, counts = recording(8)
    alone = replace(shared, n_updates=1, learning_rate=1e-9, thaw=0).fit(*new)
    learnt = replace(shared, n_updates=60).fit(*new)
    kernel = evaluation_kernel(0.01)
    possible = scores.psth_relative(counts, planted(8, 60)[1], learnt.psth_, kernel)[:2]
    assert (
        learnt.score(pupil, counts, "psth_relative", per_region=True)[:2] > 0.5 * possible
    ).all()
    assert (alone.score(pupil, counts, "psth_relative", per_region=True)[:2] < 0.1 * possible).all()


def test_a_frozen_core_stays_and_a_thawed_one_moves(shared, new):
    frozen, thawed = replace(shared, thaw=0).fit(*new), clone(shared).fit(*new)
    for name, value in shared.core.items():
        np.testing.assert_array_equal(of_core(frozen.module_)[name], value)
    moved = of_core(thawed.module_)["net.recurrence.weight_ih"]
    assert not np.array_equal(moved, shared.core["net.recurrence.weight_ih"])
    np.testing.assert_array_equal(
        of_core(thawed.module_)["inputs.directions"], shared.core["inputs.directions"]
    )
    assert frozen.history_["update"].max() == 20
    assert thawed.history_["update"].max() == 40
    assert not np.allclose(frozen.predict(new[0]), thawed.predict(new[0]))


def test_a_fit_leaves_the_core_for_the_next_mouse_as_it_was(shared, new):
    before = {name: value.copy() for name, value in shared.core.items()}
    first = replace(shared).fit(*new).predict(new[0])
    for name, value in before.items():
        np.testing.assert_array_equal(shared.core[name], value)
    np.testing.assert_array_equal(replace(shared).fit(*new).predict(new[0]), first)


def test_units_of_a_camera_do_not_matter(shared, new):
    pupil, counts = new
    same = replace(shared).fit(100 * pupil + 7, counts).predict(100 * pupil + 7)
    np.testing.assert_allclose(same, replace(shared).fit(*new).predict(pupil), rtol=1e-2)


def test_no_member_of_a_core_learns_from_its_left_out_blocks(monkeypatch):
    """Their spikes may choose when it stops, not what it learns."""
    monkeypatch.setattr("pupil_helpers.models.ensemble.N_CHECKS", 1)  # nothing to choose
    recordings = [recording(seed, n_trials=20) for seed in range(2)]
    settings = QUICK | {"core_updates": 3, "psth": False}
    first = SharedEncoder(**settings).learn_core(recordings).core
    pupil, counts = recordings[1]
    counts = counts.copy()
    counts[:4] = counts[:4][::-1]  # the first of five blocks; the mean rate stays
    other = SharedEncoder(**settings).learn_core([recordings[0], (pupil, counts)]).core
    name = "net.stem.weight"
    np.testing.assert_allclose(first[name][0], other[name][0], rtol=1e-4, atol=1e-7)
    assert not np.allclose(first[name][1], other[name][1], rtol=1e-4, atol=1e-7)


def test_a_fitted_model_is_saved_without_its_core(shared, new, tmp_path):
    fitted = replace(shared).fit(*new)
    fitted.save(tmp_path / "model.npz")
    again = SharedEncoder.load(tmp_path / "model.npz")
    assert again.core is None
    np.testing.assert_array_equal(again.predict(new[0]), fitted.predict(new[0]))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda shared: SharedEncoder(**QUICK), "no core yet; call learn_core"),
        (lambda shared: replace(shared, hidden_size=5), "learnt with other settings"),
        (lambda shared: replace(shared, n_members=3), "learnt with other settings"),
        (lambda shared: replace(shared, thaw=-1), "thaw is -1"),
    ],
)
def test_a_core_that_cannot_be_used_is_refused(shared, new, model, message):
    with pytest.raises(ValueError, match=message):
        model(shared).fit(*new)


@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        ([], "no recording"),
        ([recording(0, 20), (np.ones((5, 9, 3)), np.ones((5, 9, 2)))], "recording 1 has 9 bins"),
        ([recording(0, 20), (np.ones((5, 9, 3)), -np.ones((5, 9, 2)))], "recording 1: counts"),
    ],
)
def test_recordings_that_cannot_be_joined_are_named(recordings, message):
    with pytest.raises(ValueError, match=message):
        checked(recordings)


def test_a_core_needs_updates():
    with pytest.raises(ValueError, match="core_updates is 0"):
        SharedEncoder(**QUICK | {"core_updates": 0}).learn_core([recording(0, 20)])
