"""What holds for every model: the contract with scikit-learn, time, trials of their own."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.utils.estimator_checks import (
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
)

from pupil_helpers.metrics import scores
from pupil_helpers.models.base import one_thread
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.glm import PoissonGLM
from pupil_helpers.models.linear import PSTH, Constant, ReducedRank, Ridge
from pupil_helpers.models.neural import GRU, LSTM, LaggedMLP, PlainRNNEncoder, TemporalConv
from pupil_helpers.models.original import OriginalEncoder
from pupil_helpers.signals.rates import evaluation_kernel

torch.set_num_threads(1)
LINEAR = [Ridge, PoissonGLM, ReducedRank]
NEURAL = [PupilEncoder, PlainRNNEncoder, GRU, LSTM, LaggedMLP, TemporalConv]
EVERY = [Constant, PSTH, *LINEAR, *NEURAL, OriginalEncoder]
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


def quick(model, **settings):
    """An unfitted model that fits in no time."""
    if model in NEURAL:
        settings = {"n_updates": 2, "n_members": 2, "hidden_size": 4} | settings
    if model is OriginalEncoder:
        settings = {"max_iterations": 2} | settings
    return model(**settings)


@pytest.fixture(scope="module")
def train():
    return planted(0)


@pytest.fixture(scope="module")
def test():
    return planted(1)


# -- what they learn ------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=LINEAR + NEURAL)
def learnt(request, train):
    pupil, _, counts = train
    settings = {"n_updates": 150} if request.param in NEURAL else {}
    return request.param(**settings).fit(pupil, counts)


def test_a_planted_lag_is_learnt(learnt, test):
    pupil, rate, counts = test
    possible = scores.psth_relative(counts, rate, learnt.psth_, evaluation_kernel(0.01))
    reached = learnt.score(pupil, counts, "psth_relative", per_region=True)
    assert (reached[:2] > 0.6 * possible[:2]).all()
    assert possible[0] > 0.15  # there was something to learn


def test_a_region_that_fires_at_random_falls_back_to_the_psth(learnt, test):
    pupil, _, counts = test
    assert learnt.score(pupil, counts, "psth_relative", per_region=True)[2] > -0.02
    assert learnt.shrinkage_[2] < learnt.shrinkage_[:2].min()


def test_prediction_has_the_shape_and_units_of_counts(learnt, test):
    pupil, _, counts = test
    predicted = learnt.predict(pupil)
    assert predicted.shape == counts.shape
    assert predicted.dtype == np.float32
    assert (predicted >= 0).all()
    np.testing.assert_allclose(predicted.mean((0, 1)), counts.mean((0, 1)), rtol=0.15)


def test_a_prediction_is_the_module(learnt, test):
    """One path: what predicts is what gradients go through, and gradients reach every channel."""
    module, pupil = learnt.as_module(), test[0][:4]
    filled, missing = module.prepare(pupil)
    filled.requires_grad_(True)
    counts = module(filled, missing)
    np.testing.assert_allclose(counts.detach(), learnt.predict(pupil), rtol=1e-5)
    counts[..., 0].sum().backward()
    assert (filled.grad.abs().amax((0, 1)) > 0).all()


# -- whatever the trials --------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_a_trial_is_predicted_the_same_in_any_company(train, test, model):
    """With gaps wherever they may be: filling them used to look at the other trials."""
    pupil, _, counts = train
    settings = {"n_updates": 12, "learning_rate": 0.05} if model in NEURAL else {}
    fitted = quick(model, **settings).fit(pupil, counts)
    broken = test[0][:6].copy()
    broken[0, :, 1] = np.nan
    broken[1, :20] = broken[2, -20:] = np.nan
    broken[3:, :, 2] += 3  # the others' mean is no measure
    together = fitted.predict(broken)
    if model not in (Constant, PSTH):  # it does depend on the pupil
        assert not np.allclose(together, fitted.predict(broken[::-1]), rtol=1e-3)
    for trial in range(len(broken)):
        alone = fitted.predict(broken[trial : trial + 1])[0]
        np.testing.assert_allclose(alone, together[trial], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", EVERY)
def test_silent_regions_and_a_pupil_without_position_are_no_trouble(train, model):
    pupil, _, counts = train
    pupil, counts = pupil.copy(), counts.copy()
    pupil[..., 1:] = np.nan
    counts[..., 1] = 0
    predicted = quick(model).fit(pupil, counts).predict(pupil)
    assert np.isfinite(predicted).all()
    if model is not OriginalEncoder:  # two steps take it nowhere
        assert predicted[..., 1].max() < 1e-3
        np.testing.assert_allclose(predicted[..., 0].mean(), counts[..., 0].mean(), rtol=0.1)


@pytest.mark.parametrize("model", EVERY)
def test_one_bin_is_enough(model):
    pupil, _, counts = planted(3)
    fitted = quick(model).fit(pupil[:, 50:51], counts[:, 50:51])
    assert fitted.predict(pupil[:, 50:51]).shape == (N_TRIALS, 1, 3)


# -- scikit-learn ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_scikit_learns_own_checks_of_parameters(model):
    check_parameters_default_constructible(model.__name__, model())
    check_no_attributes_set_in_init(model.__name__, model())
    changed = clone(model(bin_size=0.02))
    assert changed.get_params() == model().get_params() | {"bin_size": 0.02}


@pytest.mark.parametrize("model", EVERY)
def test_an_unfitted_model_says_so(train, model):
    pupil, _, counts = train
    for call in ("predict", "score"):
        with pytest.raises(NotFittedError, match="not fitted yet; call fit first"):
            getattr(model(), call)(*(pupil, counts)[: 1 + (call == "score")])


@pytest.mark.parametrize("model", EVERY)
def test_a_failed_refit_leaves_the_model_unfitted(train, model):
    pupil, _, counts = train
    fitted = quick(model).fit(pupil, counts)
    with pytest.raises(ValueError, match="same trials and bins"):
        fitted.fit(pupil[:-1], counts)
    with pytest.raises(NotFittedError):
        fitted.predict(pupil)
    if model in LINEAR + NEURAL:
        fitted.fit(pupil, counts).set_params(n_blocks=N_TRIALS + 1)
        with pytest.raises(ValueError, match="too few"):
            fitted.fit(pupil, counts)
        with pytest.raises(NotFittedError):
            fitted.predict(pupil)


def test_grid_search_and_cross_validation_go_over_trials(train):
    pupil, _, counts = train
    search = GridSearchCV(Ridge(), {"penalties": [[1e3], [1e9]]}, cv=KFold(3), error_score="raise")
    search.fit(pupil, counts)
    assert search.best_params_ == {"penalties": [1e3]}
    assert search.predict(pupil[:5]).shape == (5, N_BINS, 3)
    folds = KFold(3)
    joined = cross_val_predict(Ridge(), pupil, counts, cv=folds)
    fit, held = next(folds.split(pupil))
    np.testing.assert_allclose(
        joined[held], Ridge().fit(pupil[fit], counts[fit]).predict(pupil[held])
    )


# -- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bin_size", [0.01, 0.02, 0.2])
def test_scores_smooth_over_seconds_not_bins(train, test, bin_size):
    fitted = PSTH(bin_size=bin_size).fit(train[0], train[2])
    assert fitted.bin_size_ == bin_size
    counts, predicted = test[2], fitted.predict(test[0])
    expected = scores.r2(counts, predicted, evaluation_kernel(bin_size))
    np.testing.assert_allclose(fitted.score(*test[::2], per_region=True), expected)


@pytest.mark.parametrize("model", [Ridge, PupilEncoder])
def test_bins_of_another_width_are_another_model(train, model):
    pupil, _, counts = train
    told, not_told = quick(model, bin_size=0.02).fit(pupil, counts), quick(model).fit(pupil, counts)
    assert (told.bin_size_, not_told.bin_size_) == (0.02, 0.01)
    assert not np.allclose(told.predict(pupil), not_told.predict(pupil), rtol=1e-3)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p, c: (p[:-1], c), "same trials and bins"),
        (lambda p, c: (p[..., :2], c), "area, x, y"),
        (lambda p, c: (p * np.nan, c), "every training trial"),
        (lambda p, c: (p, c * np.nan), "counts has missing"),
        (lambda p, c: (p, -1.0 * c - 1), "negative"),
        (lambda p, c: (p, c[0]), "expected numbers of shape"),
        (lambda p, c: (p, [[[1.0], [2.0]], [[3.0]]]), "ragged"),
        (lambda p, c: ([[[1, 2, 10**400]]], c), "numbers"),
    ],
)
def test_bad_arrays_are_named(train, change, word):
    with pytest.raises(ValueError, match=word):
        Constant().fit(*change(train[0], train[2]))


def test_what_is_asked_of_a_fitted_model_must_fit_it(train):
    pupil, _, counts = train
    fitted = Constant().fit(pupil, counts)
    with pytest.raises(ValueError, match="fitted with 100"):
        fitted.predict(pupil[:, :-1])
    with pytest.raises(ValueError, match="unknown metric"):
        fitted.score(pupil, counts, metric="accuracy")
    with pytest.raises(ValueError, match="bin_size"):
        Constant(bin_size=-1).fit(pupil, counts)


def test_one_thread_puts_things_back_even_after_an_error():
    @one_thread()
    def fails():
        raise KeyError(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with pytest.raises(KeyError, match="1"):
        fails()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
