"""What linear and neural models share: the PSTH they start from and fall back to, and files."""

import json

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from test_base import LINEAR, NEURAL, planted, quick

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.glm import PoissonGLM
from pupil_helpers.models.linear import Constant, Ridge
from pupil_helpers.signals.rates import gaussian, smooth

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data():
    return planted(0)


def test_a_region_shrunk_to_0_is_its_psth_itself(data):
    """A smoothed one would score a little above 0, as if the pupil had helped."""
    pupil, _, counts = data
    counts = counts.copy()
    counts[:, 50:53, 2] = 0
    fitted = Ridge().fit(pupil, counts)
    assert fitted.shrinkage_[2] == 0
    expected = fitted.psth_[:, 2].copy()
    silent = expected == 0
    assert silent.sum() == 3
    predicted = fitted.predict(pupil)[7, :, 2]
    np.testing.assert_allclose(predicted[~silent], expected[~silent], rtol=1e-6)
    assert (predicted[silent] > 0).all()  # a small rate where no spike was seen


def test_the_average_prediction_is_the_smoothed_psth(data):
    """The pupil's average course is in the PSTH already, and must not count twice."""
    pupil, _, counts = data
    fitted = PoissonGLM().fit(pupil, counts)
    mean = fitted.predict(pupil).mean(0)[:, :2]
    psth = smooth(fitted.psth_[None], gaussian(0.015, 0.01))[0][:, :2]
    np.testing.assert_allclose(mean[5:-5], psth[5:-5], rtol=0.03)


def test_without_a_psth_and_with_a_huge_penalty_only_the_mean_is_left(data):
    pupil, _, counts = data
    flat = Ridge(psth=False, penalties=1e12).fit(pupil, counts)
    constant = Constant().fit(pupil, counts)
    np.testing.assert_allclose(flat.predict(pupil), constant.predict(pupil), rtol=1e-3)


@pytest.mark.parametrize("model", LINEAR + NEURAL)
def test_a_saved_model_predicts_the_same(data, tmp_path, model):
    pupil, _, counts = data
    fitted = quick(model, bin_size=0.02).fit(pupil, counts)
    path = fitted.save(tmp_path / "new folder" / "model.npz")
    with np.load(path, allow_pickle=False) as file:  # plain arrays only
        assert json.loads(str(file["about"]))["class"] == model.__name__
    again = model.load(path)
    np.testing.assert_array_equal(again.predict(pupil), fitted.predict(pupil))
    held = pupil[:9], counts[:9]
    assert again.score(*held, "psth_relative") == fitted.score(*held, "psth_relative")
    np.testing.assert_allclose(again.shrinkage_, fitted.shrinkage_, rtol=1e-6)
    kept = {name for name in fitted.get_params() if name not in ("device", "progress", "on_check")}
    for name in kept:
        assert again.get_params()[name] == fitted.get_params()[name]


def test_penalties_given_as_an_array_can_be_saved(data, tmp_path):
    pupil, _, counts = data
    fitted = Ridge(penalties=np.array([10.0, 1e4])).fit(pupil, counts)
    again = Ridge.load(fitted.save(tmp_path / "ridge.npz"))
    np.testing.assert_array_equal(again.predict(pupil), fitted.predict(pupil))


def test_a_file_that_is_no_model_is_refused_by_name(data, tmp_path):
    pupil, _, counts = data
    path = quick(PupilEncoder).fit(pupil, counts).save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"use PupilEncoder\.load"):
        Ridge.load(path)
    whole = path.read_bytes()
    for broken in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"model\.npz is not a readable PupilEncoder"):
            PupilEncoder.load(path)
    np.savez(path, about=np.array(json.dumps({"class": "PupilEncoder"})))
    with pytest.raises(ValueError, match=r"model\.npz is not a readable PupilEncoder"):
        PupilEncoder.load(path)
    np.savez(path, about=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="not a readable"):
        PupilEncoder.load(path)
    with pytest.raises(FileNotFoundError):
        PupilEncoder.load(tmp_path / "none.npz")


def test_only_a_fitted_model_can_be_saved_or_explained(tmp_path):
    with pytest.raises(NotFittedError, match="call fit first"):
        Ridge().save(tmp_path / "model.npz")
    with pytest.raises(NotFittedError, match="call fit first"):
        Ridge().as_module()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model", LINEAR + NEURAL)
def test_too_few_trials_for_the_blocks(data, model):
    with pytest.raises(ValueError, match="trials are too few"):
        quick(model).fit(data[0][:4], data[2][:4])


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (Ridge, {"stride": 0}, "stride is 0"),
        (Ridge, {"n_lags": 0}, "n_lags is 0"),
        (Ridge, {"lag_reach": -1}, "lag_reach is -1"),
        (Ridge, {"gap": 1.5}, "gap"),
        (PupilEncoder, {"direction": "sideways"}, "direction is 'sideways'"),
    ],
)
def test_settings_that_cannot_work(data, model, settings, message):
    with pytest.raises(ValueError, match=message):
        quick(model, **settings).fit(data[0], data[2])
