"""The Poisson GLM, the field's standard for spike counts, on the same features as the others."""

from __future__ import annotations

import numpy as np
from sklearn import linear_model

from .linear import MOST_GAIN, LaggedLinear, flat


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

    DEFAULT_PENALTIES = np.geomspace(1e-3, 100, 9)
    link = "log"

    def _choose(self, inputs, counts, psth, penalties):
        penalties = penalties[::-1]  # from strong to weak: each fit starts the next
        exposure = np.broadcast_to(psth, counts.shape)
        chosen, models = [], []  # models: for each region, of all trials and without each block
        for region in range(counts.shape[-1]):
            y, base = counts[..., region], exposure[..., region]
            paths = [
                glm_path(inputs[train], y[train], base[train], penalties)
                for train, _ in self.blocks_
            ]
            loss = sum(
                np.array([glm_loss(*model, inputs[t], y[t], base[t]) for model in path])
                for path, (_, t) in zip(paths, self.blocks_, strict=True)
            )
            best = int(np.argmin(loss))
            chosen.append(penalties[best])
            whole = glm_path(inputs, y, base, penalties[best : best + 1])[0]
            models.append([whole, *(path[best] for path in paths)])
        self.penalty_ = np.array(chosen)
        joined = [  # a model of all regions together
            (np.stack([coef for coef, _ in of], axis=-1), np.array([bias for _, bias in of]))
            for of in zip(*models, strict=True)
        ]
        self.coef_, self.intercept_ = joined[0]
        return joined[1:]


def glm_path(inputs, spikes, psth, penalties) -> list:
    """(weights, intercept) of one region at each penalty, each fit starting from the one before.

    scikit-learn has no offset; modelling ``spikes / psth`` with weights ``psth`` is the
    same likelihood.
    """
    if not spikes.any():
        return [(np.zeros(inputs.shape[-1]), 0.0)] * len(penalties)  # stay at the PSTH
    model = linear_model.PoissonRegressor(solver="newton-cholesky", warm_start=True)
    x, y, exposure = flat(inputs), (spikes / psth).ravel(), psth.ravel()
    path = []
    for penalty in penalties:
        model.set_params(alpha=penalty).fit(x, y, sample_weight=exposure)
        path.append((model.coef_.copy(), model.intercept_))
    return path


def glm_loss(weights, bias, inputs, spikes, psth) -> float:
    """Poisson loss, without terms that no model changes."""
    log_gain = np.minimum(inputs @ weights + bias, np.log(MOST_GAIN))
    return float((psth * np.exp(log_gain) - spikes * log_gain).sum())
