"""Baseline models without a network: one number per region, the PSTH, and linear regression.

The linear models get the same features of the pupil, lags and components as the default model,
the same PSTH to start from, the same inner blocks and the same shrinkage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn import linear_model
from torch import Tensor, nn

from .base import TINY, Encoder
from .gain import FLOOR, GainEncoder

MOST_GAIN = 100.0  # of the exponential link: rare extreme inputs must not decide everything


class Constant(Encoder):
    """Each region's mean count per bin, in every bin of every trial."""

    def _fit(self, pupil, counts):
        self.mean_ = counts.mean(axis=(0, 1))  # (R,)

    def _predict(self, pupil):
        return np.broadcast_to(self.mean_, (*pupil.shape[:2], len(self.mean_)))


class PSTH(Encoder):
    """The average response of the training trials, the same in every trial."""

    def _fit(self, pupil, counts):
        pass  # every model keeps its training PSTH

    def _predict(self, pupil):
        return np.broadcast_to(self.psth_, (len(pupil), *self.psth_.shape))


class LinearGain(nn.Module):
    """A weighted sum of the inputs as a gain, (M, T, S, inputs) -> (M, T, S, R).

    Parameters
    ----------
    n_inputs, n_regions, n_steps : int
    link : {"identity", "log"}
        "identity" adds the sum to the PSTH, "log" multiplies the PSTH by its exponential.
    """

    def __init__(self, n_inputs: int, n_regions: int, n_steps: int, link: str):
        super().__init__()
        self.link = link
        self.register_buffer("weight", torch.zeros(1, n_inputs, n_regions))
        self.register_buffer("bias", torch.zeros(n_regions))
        self.register_buffer("psth", torch.ones(n_steps, n_regions))

    def forward(self, x: Tensor) -> Tensor:
        z = x @ self.weight + self.bias
        if self.link == "log":
            return z.clamp(np.log(FLOOR), np.log(MOST_GAIN)).exp()
        return (1 + z / self.psth).clamp_min(FLOOR)


@dataclass(eq=False, repr=False)
class LaggedLinear(GainEncoder):
    """What the three linear models share.

    Parameters
    ----------
    lag_reach : float, default 0.6
        Longest lag in seconds, to either side.
    n_lags : int, default 13
        Number of raised-cosine bumps over lags; see :func:`pupil_helpers.models.lags.lag_basis`.
    n_components : int or None, default 48
        Principal components of the lagged features that the model gets, the same that the default
        model does; None for all lagged features as they are.
    penalties : array_like of float, optional
        Penalties to choose from. The largest one should leave nothing but the PSTH.
    n_blocks, gap : int, default 5 and 2
        Inner blocks for the choice, and trials dropped on each side of them.
    psth : bool, default True
        Start from the PSTH; if False, from the mean rate.
    shrink : bool, default True
        Shrink each region towards its PSTH by the skill seen on the inner blocks.
    stride : int, default 4
        Bins per step.
    bin_size : float, optional
        Seconds per bin; see :class:`~pupil_helpers.models.base.Encoder`.

    Attributes
    ----------
    coef_ : ndarray, (inputs, regions)
    intercept_ : ndarray, (regions,)
    """

    lag_reach: float = 0.6
    n_lags: int = 13
    n_components: int | None = 48
    penalties: np.ndarray | None = None
    n_blocks: int = 5
    gap: int = 2
    psth: bool = True
    shrink: bool = True
    stride: int = 4

    DEFAULT_PENALTIES = np.geomspace(1, 1e7, 22)
    link = "identity"

    def _choose(self, inputs, counts, psth, penalties):
        """Find ``coef_`` and ``intercept_``; return those of each left-out block as well."""
        raise NotImplementedError

    def _network(self, n_inputs, n_regions):
        n_steps = -(-len(self.psth_) // self.stride)
        return LinearGain(n_inputs, n_regions, n_steps, self.link)

    def _learn(self, net, inputs, counts, psth):
        net.psth.copy_(psth)
        arrays = (each.cpu().numpy() for each in (inputs, counts, psth))
        left_out = self._choose(*arrays, self._penalties())
        held_out = []
        for block, model in zip(self.blocks_, left_out, strict=True):
            self._use(net, *model)
            held_out.append((block.test, net(inputs[block.test])))
        self._use(net, self.coef_, self.intercept_)
        return net(inputs), held_out

    def _use(self, net, coef, intercept) -> None:
        net.weight.copy_(torch.as_tensor(coef))
        net.bias.copy_(torch.as_tensor(intercept))

    def _penalties(self) -> np.ndarray:
        given = self.DEFAULT_PENALTIES if self.penalties is None else self.penalties
        penalties = np.sort(np.atleast_1d(np.asarray(given, dtype=float)))
        if penalties.ndim != 1 or not penalties.size or not (penalties > 0).all():
            raise ValueError(f"penalties is {given!r}; give one or more numbers above 0")
        return penalties


class Ridge(LaggedLinear):
    """Linear regression on the pupil at many lags, with a penalty on large weights.

    What is predicted is each region's deviation from its PSTH. Each region has its own penalty,
    the one with the least squared error on inner blocks. Parameters and attributes as in
    :class:`LaggedLinear`; ``penalties`` are ``alpha`` of ``sklearn.linear_model.Ridge``.

    Attributes
    ----------
    penalty_ : ndarray, (regions,)
    """

    def _choose(self, inputs, counts, psth, penalties):
        deviations = counts - psth  # (T, S, R)
        paths, error = [], 0
        for _, weights, x, y in self._inner_paths(inputs, deviations, penalties):
            error = error + ((y - x @ weights) ** 2).sum(axis=1)  # (penalties, R)
            paths.append(weights)
        best = np.argmin(error, axis=0)  # (R,)
        self.penalty_ = penalties[best]
        model = linear_model.Ridge(alpha=self.penalty_).fit(flat(inputs), flat(deviations))
        self.coef_ = np.atleast_2d(model.coef_).T  # of a single region scikit-learn gives a vector
        self.intercept_ = np.atleast_1d(model.intercept_)
        at_best = [path[best, :, np.arange(len(best))].T for path in paths]
        return [(coef, intercept(coef, inputs, deviations)) for coef in at_best]

    def _inner_paths(self, inputs, deviations, penalties):
        """For each inner block: Gram matrix, weights at every penalty, and the block itself."""
        x, y = centred(inputs), centred(deviations)
        gram, cross = moments(x, y)
        for train, test in self.blocks_:
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
    Parameters and attributes as in :class:`LaggedLinear`.

    Attributes
    ----------
    rank_ : int
    penalty_ : float
    """

    def _choose(self, inputs, counts, psth, penalties):
        deviations = counts - psth  # (T, S, R)
        scale = np.maximum(deviations.std(axis=(0, 1)), TINY)
        paths, error = [], 0
        for gram, weights, x, y in self._inner_paths(inputs, deviations / scale, penalties):
            patterns = leading_patterns(gram, weights, penalties)  # (penalties, R, R)
            along, seen = (x @ weights) @ patterns, y @ patterns  # (penalties, steps, R)
            # Patterns are orthonormal, so each one kept changes the error on its own.
            change = (along**2 - 2 * along * seen).sum(axis=1)  # (penalties, R)
            error = error + np.c_[np.zeros(len(penalties)), change.cumsum(axis=1)]
            paths.append((weights, patterns))
        best, rank = np.unravel_index(np.argmin(error), error.shape)
        self.penalty_, self.rank_ = float(penalties[best]), int(rank)

        gram, cross = moments(centred(inputs), centred(deviations / scale))
        weights = ridge_path(gram, cross, [self.penalty_])
        patterns = leading_patterns(gram, weights, [self.penalty_])
        everything = (weights[0], patterns[0])
        coefs = [
            weights @ patterns[:, :rank] @ patterns[:, :rank].T * scale
            for weights, patterns in [everything, *((w[best], p[best]) for w, p in paths)]
        ]
        models = [(coef, intercept(coef, inputs, deviations)) for coef in coefs]
        self.coef_, self.intercept_ = models[0]
        return models[1:]


def flat(array) -> np.ndarray:
    """(trials, steps, n) -> (trials * steps, n)."""
    return array.reshape(-1, array.shape[-1])


def centred(array) -> np.ndarray:
    """Take off the mean over trials and steps."""
    return array - array.mean(axis=(0, 1))


def intercept(coef, inputs, outputs) -> np.ndarray:
    """What makes the mean prediction right, (regions,)."""
    return outputs.mean(axis=(0, 1)) - inputs.mean(axis=(0, 1)) @ coef


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
