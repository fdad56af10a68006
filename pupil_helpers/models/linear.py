"""Rivals of the default model, all with the same ``fit``, ``predict`` and ``score``.

From the plainest to the least plain: one number per region, the average response, three
linear models, and the networks of :mod:`pupil_helpers.models.neural`. They get the same features
of the pupil, lags and components as the default model, the same PSTH to start from and the same
inner blocks, so that a difference in score is a difference between models.
"""

from __future__ import annotations

import numpy as np
from sklearn import linear_model

from ..signals.splits import inner_blocks
from .base import Encoder
from .encoder import PupilEncoder
from .lags import TINY
from .neural import GRU, LSTM, LaggedMLP, PlainRNNEncoder, TemporalConv
from .rival import Rival


class Constant(Encoder):
    """Each region's mean count per bin, in every bin of every trial."""

    deterministic = True

    def _fit(self, pupil, counts):
        self.mean_ = counts.mean(axis=(0, 1))  # (R,)

    def _predict(self, pupil):
        return np.broadcast_to(self.mean_, (*pupil.shape[:2], len(self.mean_)))


class PSTH(Encoder):
    """The average response of the training trials, the same in every trial."""

    deterministic = True

    def _fit(self, pupil, counts):
        pass  # every model keeps its training PSTH

    def _predict(self, pupil):
        return np.broadcast_to(self.psth_, (len(pupil), *self.psth_.shape))


class LaggedLinear(Rival):
    """What the three linear models share.

    Parameters
    ----------
    lag_reach : float, default 0.6
        Longest lag in seconds, to either side.
    n_lags : int, default 13
        Number of raised-cosine bumps over lags; see :func:`pupil_helpers.signals.pupil.lag_basis`.
    n_components : int or None, default 48
        Principal components of the lagged features that the model gets, the same that the default
        model does; None for all lagged features as they are.
    penalties : array_like of float, optional
        Penalties to choose from. The largest one should leave nothing but the PSTH.
    n_blocks, gap : int, default 5 and 2
        Inner blocks for the choice, and trials dropped on each side of them.
    psth : bool, default True
        Start from the PSTH; if False, from the mean rate.
    stride : int, default 4
        Bins per step.
    bin_size : float, default 0.01
        Seconds per bin.
    """

    DEFAULT_PENALTIES = np.geomspace(1, 1e7, 22)

    def __init__(
        self,
        lag_reach=0.6,
        n_lags=13,
        n_components=48,
        penalties=None,
        n_blocks=5,
        gap=2,
        psth=True,
        stride=4,
        bin_size=0.01,
    ):
        self.lag_reach = lag_reach
        self.n_lags = n_lags
        self.n_components = n_components
        self.penalties = penalties
        self.n_blocks = n_blocks
        self.gap = gap
        self.psth = psth
        self.stride = stride
        self.bin_size = bin_size

    def _penalties(self) -> np.ndarray:
        given = self.DEFAULT_PENALTIES if self.penalties is None else self.penalties
        penalties = np.sort(np.atleast_1d(np.asarray(given, dtype=float)))
        if penalties.ndim != 1 or not penalties.size or not (penalties > 0).all():
            raise ValueError(f"penalties is {given!r}; give one or more numbers above 0")
        return penalties

    def _inner(self, n_trials):
        return inner_blocks(np.arange(n_trials), self.n_blocks, self.gap)


class Ridge(LaggedLinear):
    """Linear regression on the pupil at many lags, with a penalty on large weights.

    What is predicted is each region's deviation from its PSTH. Each region has its own penalty,
    the one with the least squared error on inner blocks. Parameters as in
    :class:`LaggedLinear`; ``penalties`` are ``alpha`` of ``sklearn.linear_model.Ridge``.

    Attributes
    ----------
    penalty_ : ndarray, (regions,)
    model_ : sklearn.linear_model.Ridge
    """

    def _learn(self, inputs, counts, baseline):
        self._step_baseline = baseline
        deviations = counts - baseline  # (T, steps, R)
        penalties = self._penalties()
        error = 0
        for _, weights, x, y in self._inner_paths(inputs, deviations, penalties):
            error = error + ((y - x @ weights) ** 2).sum(axis=1)  # (penalties, R)
        self.penalty_ = penalties[np.argmin(error, axis=0)]
        self.model_ = linear_model.Ridge(alpha=self.penalty_)
        self.model_.fit(flat(inputs), flat(deviations))

    def _gain(self, inputs):
        predicted = self.model_.predict(flat(inputs)).reshape(*inputs.shape[:2], -1)
        return 1 + predicted / self._step_baseline

    def _inner_paths(self, inputs, deviations, penalties):
        """For each inner block: Gram matrix, weights at every penalty, and the block itself."""
        x, y = centred(inputs), centred(deviations)
        gram, cross = moments(x, y)
        for train, test in self._inner(len(x)):
            left_out = np.setdiff1d(np.arange(len(x)), train)  # the block and its gaps
            less_gram, less_cross = moments(x[left_out], y[left_out])
            gram_, cross_ = gram - less_gram, cross - less_cross
            yield gram_, ridge_path(gram_, cross_, penalties), flat(x[test]), flat(y[test])


class ReducedRank(Ridge):
    """Ridge regression whose weights share a few patterns over regions.

    The ridge prediction is projected onto its leading principal components over regions: the
    best linear model of that rank (Izenman 1975, doi:10.1016/0047-259X(75)90042-1; with a
    penalty: Mukherjee & Zhu 2011, doi:10.1002/sam.10138). One rank and one penalty for all
    regions, chosen on inner blocks; regions count in units of their SD. Rank 0 is the PSTH.
    Parameters as in :class:`Ridge`.

    Attributes
    ----------
    rank_ : int
    penalty_ : float
    coef_ : ndarray, (inputs, regions)
    """

    def _learn(self, inputs, counts, baseline):
        self._step_baseline = baseline
        deviations = counts - baseline  # (T, steps, R)
        scale = np.maximum(deviations.std(axis=(0, 1)), TINY)
        self._choose(inputs, deviations / scale)
        gram, cross = moments(centred(inputs), centred(deviations / scale))
        weights = ridge_path(gram, cross, [self.penalty_])
        patterns = leading_patterns(gram, weights, [self.penalty_])[0, :, : self.rank_]
        self.coef_ = weights[0] @ patterns @ patterns.T * scale
        self._offset = deviations.mean(axis=(0, 1)) - inputs.mean(axis=(0, 1)) @ self.coef_

    def _gain(self, inputs):
        return 1 + (inputs @ self.coef_ + self._offset) / self._step_baseline

    def _choose(self, inputs, deviations):
        penalties = self._penalties()
        error = 0
        for gram, weights, x, y in self._inner_paths(inputs, deviations, penalties):
            patterns = leading_patterns(gram, weights, penalties)  # (penalties, R, R)
            along, seen = (x @ weights) @ patterns, y @ patterns  # (penalties, steps, R)
            # Patterns are orthonormal, so each one kept changes the error on its own.
            change = (along**2 - 2 * along * seen).sum(axis=1)  # (penalties, R)
            error = error + np.c_[np.zeros(len(penalties)), change.cumsum(axis=1)]
        best, rank = np.unravel_index(np.argmin(error), error.shape)
        self.penalty_, self.rank_ = float(penalties[best]), int(rank)


class PoissonGLM(LaggedLinear):
    """Poisson regression with an exponential link on the pupil at many lags.

    ``expected counts = PSTH * exp(weights @ lagged features + intercept)``, one model per
    region, with raised-cosine bumps over lags as is usual for spike trains (Pillow et al. 2008,
    doi:10.1038/nature07140). Each region's penalty is the one with the best likelihood on inner
    blocks. Parameters as in :class:`LaggedLinear`; ``penalties`` are ``alpha`` of
    ``sklearn.linear_model.PoissonRegressor``.

    Attributes
    ----------
    penalty_ : ndarray, (regions,)
    coef_ : ndarray, (inputs, regions)
    intercept_ : ndarray, (regions,)
    """

    DEFAULT_PENALTIES = np.geomspace(1e-3, 100, 9)

    def _learn(self, inputs, counts, baseline):
        penalties = self._penalties()[::-1]  # from strong to weak: each fit starts the next
        blocks = self._inner(len(inputs))
        exposure = np.broadcast_to(baseline, counts.shape)
        chosen, models = [], []
        for region in range(counts.shape[-1]):
            y, base = counts[..., region], exposure[..., region]
            loss = np.zeros(len(penalties))
            for train, test in blocks:
                path = glm_path(inputs[train], y[train], base[train], penalties)
                loss += [glm_loss(*model, inputs[test], y[test], base[test]) for model in path]
            chosen.append(penalties[np.argmin(loss)])
            models += glm_path(inputs, y, base, chosen[-1:])
        self.penalty_ = np.array(chosen)
        self.coef_ = np.stack([coef for coef, _ in models], axis=-1)
        self.intercept_ = np.array([intercept for _, intercept in models])

    def _gain(self, inputs):
        return glm_gain(self.coef_, self.intercept_, inputs)


def flat(array) -> np.ndarray:
    """(trials, steps, n) -> (trials * steps, n)."""
    return array.reshape(-1, array.shape[-1])


def centred(array) -> np.ndarray:
    """Take off the mean over trials and steps."""
    return array - array.mean(axis=(0, 1))


def moments(x, y):
    """Gram matrix ``x'x`` (P, P) and cross products ``x'y`` (P, R), in double precision."""
    x, y = flat(x), flat(y)
    return (x.T @ x).astype(float), (x.T @ y).astype(float)


def ridge_path(gram, cross, penalties) -> np.ndarray:
    """Ridge weights at every penalty from one eigendecomposition, (penalties, P, R)."""
    values, vectors = np.linalg.eigh(gram)
    shrunk = 1 / (values + np.asarray(penalties)[:, None])  # (penalties, P)
    return vectors @ (shrunk[..., None] * (vectors.T @ cross))


def leading_patterns(gram, weights, penalties) -> np.ndarray:
    """Principal components over regions of the penalised fit, leading first, (penalties, R, R).

    ``weights' (gram + penalty I) weights`` is the fitted variance of the augmented data (the
    penalty as extra rows), on which ridge is ordinary least squares.
    """
    penalised = gram @ weights + np.asarray(penalties)[:, None, None] * weights
    return np.linalg.eigh(weights.swapaxes(1, 2) @ penalised)[1][..., ::-1]


def glm_path(inputs, spikes, baseline, penalties) -> list:
    """(weights, intercept) of one region at each penalty, each fit starting from the one before.

    scikit-learn has no offset; modelling ``spikes / baseline`` with weights ``baseline`` is the
    same likelihood.
    """
    if not spikes.any():
        return [(np.zeros(inputs.shape[-1]), 0.0)] * len(penalties)  # stay at the PSTH
    model = linear_model.PoissonRegressor(solver="newton-cholesky", warm_start=True)
    x, y, exposure = flat(inputs), (spikes / baseline).ravel(), baseline.ravel()
    path = []
    for penalty in penalties:
        model.set_params(alpha=penalty).fit(x, y, sample_weight=exposure)
        path.append((model.coef_.copy(), model.intercept_))
    return path


def glm_gain(weights, intercept, inputs) -> np.ndarray:
    """exp of the linear prediction, kept below a hundredfold against rare extreme inputs."""
    return np.exp(np.minimum(inputs @ weights + intercept, np.log(100)))


def glm_loss(weights, intercept, inputs, spikes, baseline) -> float:
    """Poisson loss, without terms that no model changes."""
    gain = glm_gain(weights, intercept, inputs)
    return float((baseline * gain - spikes * np.log(gain)).sum())


RIVALS = {
    "constant": Constant,
    "PSTH": PSTH,
    "ridge": Ridge,
    "Poisson GLM": PoissonGLM,
    "reduced rank": ReducedRank,
    "lagged MLP": LaggedMLP,
    "plain RNN": PlainRNNEncoder,
    "GRU": GRU,
    "LSTM": LSTM,
    "temporal convolution": TemporalConv,
    "original": PupilEncoder.original,
}
"""Every rival by name; call one to make it, with ``seed=`` unless it is ``deterministic``."""
