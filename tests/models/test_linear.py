import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import Ridge as SklearnRidge

from pupil_helpers.metrics import scores as metrics
from pupil_helpers.models.lags import pool
from pupil_helpers.models.linear import RIVALS, glm_path, leading_patterns, moments, ridge_path
from pupil_helpers.models.neural import Convolution, spread_split
from pupil_helpers.signals.rates import gaussian, smooth
from pupil_helpers.signals.splits import inner_blocks

torch.set_num_threads(1)
NAMES = [name for name in RIVALS if name != "original"]  # has tests of its own
LINEAR = ["ridge", "Poisson GLM", "reduced rank"]
NEURAL = [name for name in NAMES if not RIVALS[name].deterministic]
N_TRIALS, N_BINS = 70, 100


def planted(seed, n_trials=N_TRIALS, n_bins=N_BINS):
    """Pupil, expected counts of three regions, and counts.

    The first region follows x by 120 ms, the second precedes the area by 80 ms; both on top of
    a bump in the middle of the trial. The third fires at random.
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n_trials, n_bins + 60, 3))
    kernel = np.hanning(31) / np.sqrt((np.hanning(31) ** 2).sum())
    pupil = np.apply_along_axis(np.convolve, 1, noise, kernel, "same")
    at = np.arange(30, 30 + n_bins)
    drives = [pupil[:, at - 12, 1], pupil[:, at + 8, 0], np.zeros((n_trials, n_bins))]
    log_rate = 0.6 * np.stack(drives, axis=-1)
    bump = 0.5 * np.exp(-0.5 * ((np.arange(n_bins) - n_bins / 2) / 10) ** 2)
    rate = 0.5 * np.exp(log_rate + bump[:, None])
    return pupil[:, at], rate, rng.poisson(rate)


def quick(name, **settings):
    """A rival; a neural one with epochs that suit the small session."""
    epochs = {"epochs": 40 if name == "lagged MLP" else 12} if name in NEURAL else {}
    return RIVALS[name](**epochs | settings)


def one_epoch(name):
    return {"epochs": 1} if name in NEURAL else {}


@pytest.fixture(scope="module")
def train():
    return planted(0)


@pytest.fixture(scope="module")
def test():
    return planted(1)


@pytest.fixture(scope="module")
def fitted(train):
    pupil, _, counts = train
    return {name: quick(name).fit(pupil, counts) for name in NAMES}


# -- against closed forms and other programs ------------------------------------------------------


def test_constant_and_psth_are_means(fitted, train, test):
    counts = train[2]
    shape = test[2].shape
    constant = np.broadcast_to(counts.mean((0, 1)), shape)
    np.testing.assert_allclose(fitted["constant"].predict(test[0]), constant, rtol=1e-5)
    average = np.broadcast_to(counts.mean(0), shape)
    np.testing.assert_allclose(fitted["PSTH"].predict(test[0]), average, rtol=1e-5)
    assert fitted["PSTH"].score(test[0], test[2], "psth_relative") == pytest.approx(0, abs=1e-6)


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 4), st.floats(1e-3, 1e4), st.integers(0, 100))
def test_ridge_path_is_ridge_regression(n_inputs, n_regions, penalty, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 10, n_inputs)), rng.normal(size=(4, 10, n_regions))
    ours = ridge_path(*moments(x, y), [penalty, 2 * penalty])[0]
    reference = SklearnRidge(alpha=penalty, fit_intercept=False)
    reference.fit(x.reshape(40, -1), y.reshape(40, -1))
    np.testing.assert_allclose(ours, reference.coef_.reshape(n_regions, -1).T, atol=1e-8)


def prepared(model, pupil, counts):
    """Inputs and deviations from the PSTH as a fitted model saw them."""
    inputs = model._inputs(pupil)
    return inputs, pool(counts.astype(float), model.stride) - model._step_baseline


def inner_error(x, y, train, held, penalty):
    reference = SklearnRidge(alpha=penalty)
    reference.fit(x[train].reshape(-1, x.shape[-1]), y[train].reshape(-1, y.shape[-1]))
    predicted = reference.predict(x[held].reshape(-1, x.shape[-1]))
    return y[held].reshape(-1, y.shape[-1]) - predicted, predicted


def test_ridge_chooses_the_penalty_that_scikit_learn_would(train):
    pupil, _, counts = train
    penalties = [1.0, 300.0, 1e5]
    model = RIVALS["ridge"](penalties=penalties, n_lags=5).fit(pupil, counts)
    x, y = prepared(model, pupil, counts)
    error = [
        sum((inner_error(x, y, *block, p)[0] ** 2).sum(0) for block in inner_blocks(range(len(x))))
        for p in penalties
    ]
    np.testing.assert_array_equal(model.penalty_, np.array(penalties)[np.argmin(error, 0)])
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
    model = RIVALS["reduced rank"](n_lags=7).fit(pupil, counts)
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


# -- against the truth ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINEAR + NEURAL)
def test_a_planted_lag_is_learnt(fitted, test, name):
    pupil, rate, counts = test
    model = fitted[name]
    possible = metrics.psth_relative(counts, rate, model.psth_)
    reached = model.score(pupil, counts, "psth_relative", per_region=True)
    least = 0.7 if name in LINEAR else 0.6
    assert (reached[:2] > least * possible[:2]).all()
    assert possible[0] > 0.15  # there was something to learn


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_fall_back_to_the_psth(fitted, test, name):
    """In the region that fires at random."""
    pupil, _, counts = test
    assert fitted[name].score(pupil, counts, "psth_relative", per_region=True)[2] > -0.02


@pytest.mark.parametrize("name", NEURAL)
def test_the_best_epoch_is_kept(fitted, train, name):
    pupil, _, counts = train
    model = fitted[name]
    _, held = spread_split(len(pupil), model.n_blocks, model.held_out, model.gap)
    pooled = torch.tensor(pool(counts.astype(np.float32), model.stride))
    base = torch.tensor(pool(np.maximum(smooth_psth(model), 1e-6), model.stride)[0])
    x = torch.tensor(model._inputs(pupil))
    with torch.no_grad():
        loss = model._loss(x[held], pooled[held], base, None).item()
    assert loss == pytest.approx(model.history_["held_out"].min(), abs=1e-5)


def smooth_psth(model):
    return smooth(model.psth_[None], gaussian(0.015))


def test_filters_of_the_convolution_are_centred_on_the_steps():
    """A filter that reads its middle bin only gives each step its own middle bin."""
    net = Convolution(n_inputs=1, n_regions=1, hidden_size=1, width=61, stride=4, n_filters=1)
    with torch.no_grad():
        for layer in (net.mix, net.filters, net.latents, net.readout):
            layer.weight.zero_()
            layer.bias.zero_()
        for layer in (net.mix, net.latents, net.readout):
            layer.weight.fill_(1.0)
        net.filters.weight[0, 0, 30] = 1.0
        x = torch.arange(1.0, 43.0).reshape(1, -1, 1)  # 42 bins: the last step has only two
        steps = torch.log(torch.expm1(net(x)))[0, :, 0]
    expected = np.arange(0, 42, 4) + 2.0  # value at the second bin of each step
    np.testing.assert_allclose(steps, expected, atol=1.01)  # within one bin of its middle


# -- the common contract --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_prediction_has_the_shape_and_units_of_counts(fitted, test, name):
    pupil, _, counts = test
    predicted = fitted[name].predict(pupil)
    assert predicted.shape == counts.shape
    assert predicted.dtype == np.float32
    assert (predicted >= 0).all()
    np.testing.assert_allclose(predicted.mean((0, 1)), counts.mean((0, 1)), rtol=0.15)


@pytest.mark.parametrize("name", RIVALS)
def test_scikit_learn_can_copy_every_rival(name):
    model = RIVALS[name]()
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("name", NEURAL)
def test_a_seed_decides_the_fit_and_touches_nothing_else(train, name):
    pupil, _, counts = train
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    a, b, c = (RIVALS[name](seed=s, epochs=1).fit(pupil, counts).predict(pupil) for s in (1, 1, 2))
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)


@pytest.mark.parametrize("name", NAMES)
def test_silent_regions_are_predicted_silent(train, name):
    pupil, _, counts = train
    counts = counts.copy()
    counts[..., 1] = 0
    predicted = quick(name, **one_epoch(name)).fit(pupil, counts).predict(pupil)
    assert np.isfinite(predicted).all()
    assert predicted[..., 1].max() < 1e-3
    np.testing.assert_allclose(predicted[..., 0].mean(), counts[..., 0].mean(), rtol=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_pupil_without_position_is_enough(train, name):
    """As in recordings that hold the pupil's area only."""
    pupil, _, counts = train
    pupil = pupil.copy()
    pupil[..., 1:] = np.nan
    assert np.isfinite(quick(name, **one_epoch(name)).fit(pupil, counts).predict(pupil)).all()


@pytest.mark.parametrize("name", LINEAR + NEURAL)
def test_too_few_trials_for_inner_blocks(train, name):
    pupil, _, counts = train
    with pytest.raises(ValueError, match="trials are too few"):
        RIVALS[name]().fit(pupil[:4], counts[:4])


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("penalties", [[], [-1.0], [1.0, 0.0]])
def test_penalties_must_be_positive(train, name, penalties):
    with pytest.raises(ValueError, match="penalties is"):
        RIVALS[name](penalties=penalties).fit(train[0], train[2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "mae"}, "use 'poisson' or 'mse'"),
        ({"epochs": 0}, "at least 1"),
        ({"stride": 0}, "stride is 0"),
        ({"learning_rate": 1e30}, "lower learning_rate"),
    ],
)
def test_settings_that_cannot_work(train, settings, message):
    with pytest.raises(ValueError, match=message):
        RIVALS["plain RNN"](**settings).fit(train[0], train[2])


def test_squared_error_and_no_psth_are_available(train, test):
    pupil, _, counts = train
    flat = RIVALS["lagged MLP"](loss="mse", psth=False).fit(pupil, counts)
    assert flat.score(test[0], test[2], "psth_relative", per_region=True)[0] > 0
    flat = RIVALS["ridge"](psth=False, penalties=1e12).fit(pupil, counts)
    np.testing.assert_allclose(
        flat.predict(pupil), RIVALS["constant"]().fit(pupil, counts).predict(pupil), rtol=1e-3
    )


@settings(max_examples=50)
@given(st.integers(1, 200), st.integers(1, 6), st.floats(0.05, 0.5), st.integers(0, 3))
def test_held_out_blocks_are_apart_from_training(n_trials, n_blocks, share, gap):
    try:
        train, held = spread_split(n_trials, n_blocks, share, gap)
    except ValueError:
        assume(False)
    assert len(held) > 0
    assert abs(train[:, None] - held).min() > gap
    assert len(held) <= n_blocks * max(1, round(share * n_trials / n_blocks))
    assert (np.diff(held) > 0).all()
