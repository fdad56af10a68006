"""The linear models against closed forms and other programs; their contract: test_base.py."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import Ridge as SklearnRidge
from test_base import LINEAR, planted

from pupil_helpers.models.glm import choose_penalty, glm_loss, glm_path
from pupil_helpers.models.lags import pool
from pupil_helpers.models.linear import (
    PSTH,
    Constant,
    LinearGain,
    ReducedRank,
    Ridge,
    leading_patterns,
    moments,
    ridge_path,
)

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def train():
    return planted(0)


def test_constant_and_psth_are_means(train):
    pupil, _, counts = train
    constant = np.broadcast_to(counts.mean((0, 1)), counts.shape)
    np.testing.assert_allclose(Constant().fit(pupil, counts).predict(pupil), constant, rtol=1e-5)
    average = np.broadcast_to(counts.mean(0), counts.shape)
    fitted = PSTH().fit(pupil, counts)
    np.testing.assert_allclose(fitted.predict(pupil), average, rtol=1e-5)
    assert fitted.score(pupil, counts, "psth_relative") == pytest.approx(0, abs=1e-6)


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 4), st.floats(1e-3, 1e4), st.integers(0, 100))
def test_ridge_path_is_ridge_regression(n_inputs, n_regions, penalty, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 10, n_inputs)), rng.normal(size=(4, 10, n_regions))
    ours = ridge_path(*moments(x, y), [penalty, 2 * penalty])[0]
    reference = SklearnRidge(alpha=penalty, fit_intercept=False)
    reference.fit(x.reshape(40, -1), y.reshape(40, -1))
    np.testing.assert_allclose(ours, reference.coef_.reshape(n_regions, -1).T, atol=1e-8)


@pytest.mark.parametrize("model", [Ridge, ReducedRank])
def test_a_single_region_can_be_fitted(model, train):
    pupil, _, counts = train
    one = model().fit(pupil, counts[..., :1])
    assert one.coef_.shape == (one.module_.inputs.n_outputs, 1)
    assert one.predict(pupil).shape == (*counts.shape[:2], 1)


def test_ridge_of_one_region_does_not_depend_on_the_others(train):
    pupil, _, counts = train
    one, all_of_them = (Ridge().fit(pupil, chosen) for chosen in (counts[..., :1], counts))
    np.testing.assert_allclose(
        one.predict(pupil), all_of_them.predict(pupil)[..., :1], rtol=1e-4, atol=1e-6
    )


def prepared(model, pupil, counts):
    """Inputs and deviations from the PSTH as a fitted model saw them."""
    module = model.module_
    inputs = module.inputs(module.features(*module.prepare(pupil)).float())
    psth = model._start(counts.astype(np.float32))
    return inputs.numpy(), pool(counts - psth.astype(float), model.stride)


def inner_error(x, y, train, held, penalty):
    reference = SklearnRidge(alpha=penalty)
    reference.fit(x[train].reshape(-1, x.shape[-1]), y[train].reshape(-1, y.shape[-1]))
    predicted = reference.predict(x[held].reshape(-1, x.shape[-1]))
    return y[held].reshape(-1, y.shape[-1]) - predicted, predicted


def test_ridge_chooses_the_penalty_that_scikit_learn_would(train):
    pupil, _, counts = train
    penalties = [1.0, 300.0, 1e5]
    model = Ridge(penalties=penalties, n_lags=5).fit(pupil, counts)
    x, y = prepared(model, pupil, counts)
    error = [
        sum((inner_error(x, y, *block, p)[0] ** 2).sum(0) for block in model.blocks_)
        for p in penalties
    ]
    np.testing.assert_array_equal(model.penalty_, np.array(penalties)[np.argmin(error, 0)])
    x, y = (each.reshape(-1, each.shape[-1]) for each in (x, y))
    reference = SklearnRidge(alpha=model.penalty_).fit(x, y)
    np.testing.assert_allclose(model.coef_, reference.coef_.T, rtol=0.01, atol=1e-4)
    assert len(set(model.penalty_)) > 1  # the silent majority differs from the driven regions


def reduced_rank_by_svd(x, y, penalty, rank):
    """Reduced-rank ridge regression: SVD of the least-squares fit to augmented data."""
    x = np.vstack([x, np.sqrt(penalty) * np.eye(x.shape[1])])
    y = np.vstack([y, np.zeros((x.shape[1], y.shape[1]))])
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    right = np.linalg.svd(x @ weights, full_matrices=False)[2][:rank]
    return weights @ right.T @ right


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_reduced_rank_is_the_svd_solution(rank):
    rng = np.random.default_rng(rank)
    x, y = rng.normal(size=(1, 60, 8)), rng.normal(size=(1, 60, 3))
    y[..., 2] = y[..., 0] + x[..., 0]
    gram, cross = moments(x, y)
    weights = ridge_path(gram, cross, [7.0])
    patterns = leading_patterns(gram, weights, [7.0])[0, :, :rank]
    expected = reduced_rank_by_svd(x[0], y[0], 7.0, rank)
    np.testing.assert_allclose(weights[0] @ patterns @ patterns.T, expected, atol=1e-9)


def test_reduced_rank_finds_the_rank():
    """Three regions that hear one mixture of the pupil, at three strengths: rank 1."""
    pupil, rate, _ = planted(2, n_trials=150)
    drive = np.log(rate[..., :1] / rate[..., :1].mean(0))
    counts = np.random.default_rng(3).poisson(0.6 * np.exp(drive * [0.6, -0.5, 0.4]))
    model = ReducedRank(n_lags=7).fit(pupil, counts)
    assert model.rank_ == 1
    assert np.linalg.matrix_rank(model.coef_, tol=1e-6) == 1


def test_glm_path_is_the_penalised_maximum_likelihood():
    """Against scipy, with the likelihood written out: offset, intercept, penalty on weights."""
    rng = np.random.default_rng(0)
    x, base = rng.normal(size=(6, 20, 3)), rng.uniform(0.2, 2, (6, 20))
    y = rng.poisson(base * np.exp(x @ [0.5, -0.3, 0.0])).astype(float)
    penalty = 0.1

    def loss(theta):
        eta = x @ theta[:3] + theta[3]
        return (base * np.exp(eta) - y * eta).sum() / base.sum() + penalty / 2 * theta[:3] @ theta[
            :3
        ]

    expected = minimize(loss, np.zeros(4), tol=1e-10).x
    (_, ours) = glm_path(x, y, base, [10.0, penalty])  # the second fit starts from the first
    np.testing.assert_allclose(np.r_[ours[0], ours[1]], expected, atol=1e-3)


def test_a_penalty_is_looked_for_no_further_than_it_gets_worse(monkeypatch):
    """The choice is that of the whole path, and its weak end is never fitted."""
    rng = np.random.default_rng(1)
    x, base = rng.normal(size=(20, 30, 6)), rng.uniform(0.2, 2, (20, 30))
    y = rng.poisson(base * np.exp(x @ [0.2, 0, 0, 0, 0, 0])).astype(float)
    trials = np.arange(20)
    blocks = [(np.setdiff1d(trials, test), test) for test in np.split(trials, 4)]
    penalties, asked = np.geomspace(1e-4, 10, 11), []

    def noted(*data):
        for penalty, model in zip(data[-1], glm_path(*data), strict=True):
            asked.append(penalty)
            yield model

    losses = dict.fromkeys(penalties, 0.0)
    for train, test in blocks:
        path = glm_path(x[train], y[train], base[train], penalties[::-1])
        for penalty, model in zip(penalties[::-1], path, strict=True):
            losses[penalty] += glm_loss(*model, x[test], y[test], base[test])
    monkeypatch.setattr("pupil_helpers.models.glm.glm_path", noted)
    penalty, models = choose_penalty((x, y, base), blocks, penalties)
    assert penalty == min(losses, key=losses.get)
    assert len(models) == 4
    assert 1e-4 < min(asked) < penalty


@pytest.mark.parametrize(("link", "sign"), [("identity", -1), ("log", -1), ("log", 1)])
def test_a_gain_is_never_negative_and_never_wild(link, sign):
    net = LinearGain(1, 1, 3, link)
    net.weight.fill_(1.0)
    gain = net(torch.full((1, 1, 3, 1), 1e6 * sign))
    torch.testing.assert_close(gain.unique(), torch.tensor([0.05 if sign < 0 else 100.0]))
    torch.testing.assert_close(net(torch.zeros(1, 1, 3, 1)).unique(), torch.tensor([1.0]))


def test_blocks_are_predicted_without_their_own_trials(train):
    """What shrinkage is found from: the models of blocks have not learned from them."""
    pupil, _, counts = train
    for name in LINEAR:
        model = name().fit(pupil, counts)
        module, block = model.module_, model.blocks_[1]
        inputs = module.inputs(module.features(*module.prepare(pupil)).float())
        psth = torch.tensor(pool(model._start(counts.astype(np.float32))[None], 4)[0])
        gains = []
        for change in (False, True):
            changed = counts.copy()
            if change:
                changed[block.test] = changed[block.test][::-1]  # means stay
            pooled = torch.tensor(pool(changed.astype(np.float32), 4))
            fresh = name(penalties=[model._penalties()[9 % len(model._penalties())]])
            fresh.psth_, fresh.blocks_ = model.psth_, model.blocks_
            net = fresh._network(inputs.shape[-1], 3)
            gains.append(fresh._learn(net, inputs, pooled, psth)[1][1][1])
        torch.testing.assert_close(*gains, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", LINEAR)
@pytest.mark.parametrize("penalties", [[], [-1.0], [1.0, 0.0]])
def test_penalties_must_be_positive(train, model, penalties):
    with pytest.raises(ValueError, match="penalties is"):
        model(penalties=penalties).fit(train[0], train[2])
