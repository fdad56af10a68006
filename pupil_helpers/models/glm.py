"""The Poisson GLM, the field's standard for spike counts, on the same features as the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn import config_context, linear_model

from .linear import MOST_GAIN, LaggedLinear, flat

CHECKED = {"assume_finite": True, "skip_parameter_validation": True}
"""What scikit-learn need not look at again, a hundred times for one fit: it takes a tenth of it."""

PATIENCE = 2
"""Penalties in a row that may be worse than the best so far."""


class PoissonGLM(LaggedLinear):
    """Poisson regression with an exponential link on the pupil at many lags.

    ``expected counts = PSTH * exp(weights @ lagged features + intercept)``, one model per
    region, with raised-cosine bumps over lags as is usual for spike trains (Pillow et al. 2008,
    doi:10.1038/nature07140). Each region's penalty is the one with the best likelihood on inner
    blocks. Parameters and attributes as in :class:`LaggedLinear`; ``penalties`` are ``alpha`` of
    ``sklearn.linear_model.PoissonRegressor``.

    Attributes
    ----------
    penalty_ : ndarray, (regions,)
    """

    DEFAULT_PENALTIES = np.geomspace(1e-3, 100, 7)
    link = "log"

    def _choose(self, inputs, counts, psth, penalties):
        exposure = np.broadcast_to(psth, counts.shape)
        chosen, models = [], []  # models: for each region, of all trials and without each block
        for region in range(counts.shape[-1]):
            data = inputs, counts[..., region], exposure[..., region]
            penalty, left_out = choose_penalty(data, self.blocks_, penalties)
            (whole,) = glm_path(*data, [penalty])
            chosen.append(penalty)
            models.append([whole, *left_out])
        self.penalty_ = np.array(chosen)
        joined = [  # a model of all regions together
            (np.stack([coef for coef, _ in of], axis=-1), np.array([bias for _, bias in of]))
            for of in zip(*models, strict=True)
        ]
        self.coef_, self.intercept_ = joined[0]
        return joined[1:]


def choose_penalty(data, blocks, penalties) -> tuple[float, tuple]:
    """One region's penalty with the least loss on left-out blocks; the models without each block.

    From strong to weak, until :data:`PATIENCE` in a row were no better than the best: the weakest
    take the longest to fit.
    """
    penalties = np.sort(penalties)[::-1]
    paths = [glm_path(*(values[train] for values in data), penalties) for train, _ in blocks]
    losses, tried = [], []
    for penalty, models in zip(penalties, zip(*paths, strict=True), strict=True):
        losses.append(
            sum(
                glm_loss(*model, *(values[test] for values in data))
                for model, (_, test) in zip(models, blocks, strict=True)
            )
        )
        tried.append((penalty, models))
        best = int(np.argmin(losses))
        if len(losses) - 1 - best == PATIENCE:
            break
    return tried[best]


def glm_path(inputs, spikes, psth, penalties) -> Iterator[tuple[np.ndarray, float]]:
    """(Weights, intercept) of one region at each penalty, each fit starting from the one before.

    scikit-learn has no offset; modelling ``spikes / psth`` with weights ``psth`` is the
    same likelihood.
    """
    if not spikes.any():
        yield from [(np.zeros(inputs.shape[-1]), 0.0)] * len(penalties)  # stay at the PSTH
        return
    model = linear_model.PoissonRegressor(solver="newton-cholesky", warm_start=True)
    x, y, exposure = flat(inputs), (spikes / psth).ravel(), psth.ravel()
    for penalty in penalties:
        with config_context(**CHECKED):
            model.set_params(alpha=penalty).fit(x, y, sample_weight=exposure)
        yield model.coef_.copy(), model.intercept_


def glm_loss(weights, bias, inputs, spikes, psth) -> float:
    """Poisson loss, without terms that no model changes."""
    log_gain = np.minimum(inputs @ weights + bias, np.log(MOST_GAIN))
    return float((psth * np.exp(log_gain) - spikes * log_gain).sum())
