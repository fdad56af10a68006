"""Weights that are scrambled must not explain what trained ones do."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from weighted import Weighted

from pupil_helpers.attribution.gradients import integrated_gradients
from pupil_helpers.attribution.sanity import randomised
from pupil_helpers.models.encoder import PupilEncoder


def similarity(one, other):
    """Mean rank correlation of two attributions over regions."""
    pairs = zip(np.moveaxis(one, 2, 0), np.moveaxis(other, 2, 0), strict=True)
    return np.mean([spearmanr(a.ravel(), b.ravel()).statistic for a, b in pairs])


def test_scrambled_weights_change_the_attribution(model, session, counts):
    def explained(encoder):
        options = {"regions": [0, 1, 2], "n_steps": 5, "tolerance": None}
        return integrated_gradients(encoder, session.pupil[:10], **options).values

    trained, before = explained(model), model.predict(session.pupil[:10])
    scrambled = [similarity(trained, explained(randomised(model, seed=seed))) for seed in range(4)]
    assert abs(np.mean(scrambled)) < 0.4
    np.testing.assert_array_equal(model.predict(session.pupil[:10]), before)  # left alone
    again = PupilEncoder(seed=1, bin_size=session.bin_size)
    again = similarity(trained, explained(again.fit(session.pupil, counts)))
    assert again > 0.6 > max(scrambled)


def test_scrambling_keeps_each_layer_to_itself(model):
    scrambled = dict(randomised(model, layers=["readout"]).as_module().net.named_parameters())
    for name, weight in model.as_module().net.named_parameters():
        other = scrambled[name]
        assert torch.equal(other, weight) == (not name.startswith("readout"))
        torch.testing.assert_close(other.flatten(1).sort().values, weight.flatten(1).sort().values)


def test_what_cannot_be_scrambled_is_refused(model):
    with pytest.raises(ValueError, match="no layer named 'head'; this network has stem, rec"):
        randomised(model, layers=["head"])
    with pytest.raises(ValueError, match="Weighted has no network"):
        randomised(Weighted())
