"""Attributions against closed forms, captum, and the truth of a simulated mouse."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn
from weighted import DELAY, WEIGHTS, Weighted, some_pupil

from pupil_helpers.attribution.channels import contributions, variance_share
from pupil_helpers.attribution.gradients import (
    expected_gradients,
    integrated_gradients,
)
from pupil_helpers.models.base import one_thread
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.signals.pupil import fill_missing

# -- Integrated Gradients ---------------------------------------------------------------------


def test_linear_model_has_the_closed_form():
    pupil, reference = some_pupil(), np.array([50.0, 30.0, 25.0])
    found = integrated_gradients(Weighted(), pupil, reference=reference, n_steps=1)
    away = fill_missing(pupil) - reference
    away[:, -DELAY:] = 0  # the last samples act after the trial
    expected = away[:, :, None] * WEIGHTS
    np.testing.assert_allclose(found.values, expected, atol=1e-4)
    np.testing.assert_allclose(found.difference, expected.sum(axis=(1, 3)), atol=1e-3)
    # A change at bin u moves every later bin, up to the last one that counts.
    counted = np.maximum(40 - DELAY - np.arange(40), 0)
    steps = np.diff(fill_missing(pupil) - reference, axis=1, prepend=0)
    expected = (counted[:, None] * steps)[:, :, None] * WEIGHTS
    np.testing.assert_allclose(found.changes, expected, atol=1e-3)
    assert found.completeness_error.max() < 1e-6
    assert found.n_steps == 1


def test_equals_captum(model, session):
    """Another implementation, same nodes: on the trained network, to float precision."""
    pupil, reference = session.pupil[:4], np.nanmean(session.pupil, axis=(0, 1))
    net = model.as_module()
    filled, missing = net.prepare(pupil)
    bins = [60, 100, 150, 220]
    with one_thread():
        theirs = IntegratedGradients(net).attribute(
            filled,
            torch.as_tensor(reference).to(filled).expand_as(filled),
            target=[(b, 1) for b in bins],
            additional_forward_args=missing,
            n_steps=12,
            method="gausslegendre",
        )
    ours = integrated_gradients(model, pupil, 1, bins, reference, n_steps=12, tolerance=None)
    scale = np.abs(ours.values).max()
    np.testing.assert_allclose(ours.values[:, :, 0], theirs.detach(), atol=1e-5 * scale)


@pytest.mark.parametrize("log", [False, True])
def test_complete_on_the_trained_model(model, session, log):
    pupil = session.pupil[:5].copy()
    pupil[0, :, 1] = np.nan  # a channel that is missing in a whole trial
    pupil[1] = pupil[1, :1]  # an eye that does not move: the slope of its speed is finite
    reference = np.nanmean(session.pupil, axis=(0, 1))
    found = integrated_gradients(model, pupil, [0, 2], reference=reference, log=log)
    assert found.completeness_error.max() <= 1e-3
    np.testing.assert_allclose(found.changes.sum(axis=1), found.by_channel, atol=1e-5)
    still = np.where(np.isnan(pupil), np.nan, reference)
    counts, before = (model.predict(p)[..., [0, 2]] for p in (pupil, still))
    expected = np.log(counts / before) if log else counts - before
    # The channel that is missing in trial 0 stays at the model's mean, in `still` too.
    np.testing.assert_allclose(found.difference[1:], expected.sum(axis=1)[1:], atol=2e-3)


def test_steps_are_doubled_until_complete():
    class Kinked(nn.Module):  # a threshold that one node cannot see
        def forward(self, pupil):
            return torch.relu(pupil[..., :1] - 61.3) ** 2

    options = {"pupil": some_pupil(gaps=False), "n_steps": 1}
    rough, fine = (integrated_gradients(Kinked(), tolerance=t, **options) for t in (None, 1e-3))
    assert rough.n_steps == 1 < fine.n_steps
    assert rough.completeness_error > 1e-2 > 1e-3 >= fine.completeness_error


def test_trials_are_explained_independently(model, session, monkeypatch):
    pupil = session.pupil[:5].copy()
    pupil[0] = np.nan
    options = {"regions": [2], "bins": 120, "reference": [60, 35, 25], "n_steps": 4}
    together = integrated_gradients(model, pupil, tolerance=None, **options)
    monkeypatch.setattr("pupil_helpers.attribution.gradients.CHUNK", 2)
    chunked = integrated_gradients(model, pupil, tolerance=None, **options)
    alone = integrated_gradients(model, pupil[:1], tolerance=None, **options)
    np.testing.assert_allclose(together.values, chunked.values, atol=1e-5)
    np.testing.assert_allclose(together.values[:1], alone.values, atol=1e-5)


def test_nothing_is_attributed_in_a_region_that_falls_back_to_its_psth(model, session):
    assert model.shrinkage_[3] == 0  # CA1, which the pupil does not drive
    found = integrated_gradients(model, session.pupil[:3], regions=3)
    assert not found.values.any()
    assert found.completeness_error == 0


def test_cudnn_is_off_while_gradients_are_taken():
    class Recording(Weighted):
        seen = ()

        def forward(self, pupil):
            self.seen = (*self.seen, torch.backends.cudnn.enabled)
            return super().forward(pupil)

    net = Recording()
    with torch.backends.cudnn.flags(enabled=True):
        integrated_gradients(net, some_pupil(), n_steps=2)
        assert torch.backends.cudnn.enabled
    assert net.seen
    assert not any(net.seen)


def test_expected_gradients_average_over_references():
    pupil, references = some_pupil(4, seed=1), some_pupil(30, seed=2)
    found = expected_gradients(Weighted(), pupil, references, regions=0, n_samples=1000)
    away = fill_missing(pupil) - fill_missing(references).mean(axis=0)
    away[:, -DELAY:] = 0
    # The mean of 1000 draws is off by a few SD / sqrt(1000).
    error = fill_missing(references).std() / np.sqrt(1000) * np.abs(WEIGHTS[0]).max()
    np.testing.assert_allclose(found.values[:, :, 0], away * WEIGHTS[0], atol=5 * error)
    assert found.completeness_error.max() < 1e-6  # exact, draw by draw, in a linear model


# -- beside the channels, and the truth -----------------------------------------------------------


def test_contributions_are_integrated_gradients(model, session):
    """Two ways to the same numbers: backward through the network, and forward along the path."""
    pupil = session.pupil[:4]
    backward = integrated_gradients(model, pupil, [0, 2], log=True).by_channel
    forward = contributions(model, pupil, n_steps=16)[:, :, [0, 2]].sum(axis=1)
    np.testing.assert_allclose(forward, backward, atol=0.01 * np.abs(backward).max())


def test_channels_rank_as_in_the_simulation(model, session):
    """Where their true shares differ by a fifth or more of the variance, the order is right."""
    share = variance_share(contributions(model, session.pupil, n_steps=2))[:3]
    truth = session.truth.channel_share[:3]
    found, true = (x[:, :, None] - x[:, None] for x in (share, truth))  # (regions, 3, 3)
    clear = true > 0.2
    assert clear.sum() >= 5
    assert (found[clear] > 0).all()


# -- what can go wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regions": 5}, "predicts 2 regions"),
        ({"regions": [-1]}, "from 0 to 1"),
        ({"bins": 40}, "0 to 39"),
        ({"bins": -1}, "reach from -1"),
        ({"bins": [1, 2]}, "one for each of 6 trials"),
        ({"bins": 1.5}, "whole number"),
        ({"reference": [1.0, 2.0]}, "one value per channel"),
        ({"n_steps": 0}, "at least 1"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        integrated_gradients(Weighted(), some_pupil(), **options)


def test_models_that_cannot_be_explained_are_refused(model, session):
    with pytest.raises(ValueError, match=r"(?i)call '?fit"):
        integrated_gradients(PupilEncoder(), some_pupil())
    with pytest.raises(ValueError, match=r"no gradients.*channels"):
        integrated_gradients(object(), some_pupil())
    with pytest.raises(ValueError, match="fitted with 250"):
        integrated_gradients(model, some_pupil())
    with pytest.raises(ValueError, match="fitted with 250"):
        expected_gradients(model, session.pupil[:2], some_pupil())
