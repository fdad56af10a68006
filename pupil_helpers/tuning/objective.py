"""What a search minimises: the held-out loss of one set of parameters."""

from __future__ import annotations

import time

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..models.base import one_thread
from ..models.encoder import PupilEncoder, StopFit
from ..models.lags import TINY, pool_centres
from ..signals.rates import gaussian, smooth
from ..signals.splits import inner_blocks

# Parameters whose effect the losses on PupilEncoder's own left-out blocks do not show.
UNSEEN = {"n_members", "n_blocks", "gap", "shrink", "loss", "psth", "stride", "bin_size"}

RUNGS = ((0.25, 0.8), (0.5, 0.67), (0.75, 0.5))
"""When a trial is stopped early: after a quarter of its epochs if it is among the worst fifth of
the trials that came that far, after half of them among the worst third, after three quarters
among the worse half."""


class Objective:
    """Held-out Poisson loss relative to the PSTH, in bits per spike; below 0 beats the PSTH.

    One fit of a :class:`PupilEncoder` tells its loss on every inner block, since each of its
    networks leaves one out; see :func:`pupil_helpers.tuning.search.tune`. Other models, and
    parameters that those losses do not show, are fitted once per inner block.
    """

    def __init__(self, model, pupil, counts, n_blocks, gap, params):
        self.model, self.pupil, self.counts = model, pupil, counts
        self.n_blocks, self.gap = n_blocks, gap
        self.blocks = inner_blocks(np.arange(len(counts)), n_blocks, gap)
        example = build(model, params)  # says at once if the model does not take them
        self.cross_fit = (
            isinstance(example, PupilEncoder)
            and type(example)._fit is PupilEncoder._fit  # the original has its own
            and example.loss == "poisson"
            and example.psth
            and not UNSEEN & set(params)
        )

    def __call__(self, params, bars=()) -> dict:
        """Evaluate ``params``, giving up where the loss is above a bar.

        Parameters
        ----------
        params : dict
        bars : sequence of (float, float)
            Share of the work done, and the loss above which to stop there.

        Returns
        -------
        dict
            ``loss``, ``status`` ("ok", or "fail" with the ``error``), ``pruned``, ``seconds``,
            ``curve``, the loss after each of ``n_steps`` epochs (or blocks).
        """
        start, curve = time.perf_counter(), []
        result = {"status": "ok", "error": None, "pruned": False, "n_steps": None}

        def watch(loss, n_steps):
            curve.append(float(loss))
            result["n_steps"] = n_steps
            here = [bar for share, bar in bars if len(curve) == rung(share, n_steps)]
            if here and min(curve) > min(here) and len(curve) < n_steps:
                result["pruned"] = True
                raise StopFit

        try:
            evaluate = self._cross_fit if self.cross_fit else self._refit
            with one_thread():
                loss = evaluate(build(self.model, params), watch, curve)
            if not np.isfinite(loss):
                raise ValueError(f"the held-out loss is {loss}")
        except Exception as error:  # one bad trial must not end a search of many
            result |= {"status": "fail", "error": f"{type(error).__name__}: {error}"}
            loss = None
        curve = [value if np.isfinite(value) else None for value in curve]
        return {"loss": loss, **result, "seconds": time.perf_counter() - start, "curve": curve}

    def _cross_fit(self, model, watch, curve) -> float:
        """Lowest point of the held-out curve, averaged over the blocks."""
        n_held = min(len(block.test) for block in self.blocks)  # as PupilEncoder does
        n_spikes = sum(self.counts[block.test[:n_held]].sum() for block in self.blocks)
        n_steps = len(pool_centres(self.counts.shape[1], model.stride))
        n_terms = n_held * n_steps * self.counts.shape[2]  # its loss is a mean over these
        theirs = model.on_epoch

        def on_epoch(epoch, losses):
            watch(losses.sum() * n_terms / (n_spikes * np.log(2)), model.epochs)
            if theirs is not None:
                theirs(epoch, losses)

        model.set_params(n_members=self.n_blocks, n_blocks=self.n_blocks, gap=self.gap)
        model.set_params(on_epoch=on_epoch).fit(self.pupil, self.counts)
        return min((loss for loss in curve if np.isfinite(loss)), default=np.nan)

    def _refit(self, model, watch, curve) -> float:
        """Loss over all inner blocks, each predicted by a model fitted to the others."""
        nats = spikes = 0.0
        for train, test in self.blocks:
            fitted = clone(model) if isinstance(model, BaseEstimator) else model
            predicted = fitted.fit(self.pupil[train], self.counts[train]).predict(self.pupil[test])
            null = smooth(self.counts[train].mean(0)[None], gaussian(0.015))[0]
            counts, ratio = self.counts[test], np.maximum(predicted, TINY) / np.maximum(null, TINY)
            nats += float((predicted - null - counts * np.log(ratio)).sum(dtype=np.float64))
            spikes += float(counts.sum())
            try:
                watch(nats / (spikes * np.log(2)), len(self.blocks))
            except StopFit:
                break
        return curve[-1]


def rung(share: float, n_steps: int) -> int:
    """The step, counted from 1, at which ``share`` of the work is done."""
    return int(np.ceil(share * n_steps))


def build(model, params):
    """An unfitted model with ``params``."""
    if not isinstance(model, BaseEstimator):
        return model(**params)
    return clone(model).set_params(**whole_numbers(model, params))


def whole_numbers(model, params: dict) -> dict:
    """``params`` with floats made ints where the model's default is one; refuses unknown names.

    ``hp.quniform`` draws 16.0, and a network cannot have 16.0 units.
    """
    if not isinstance(model, BaseEstimator):
        return params
    defaults = model.get_params(deep=False)
    for name in params:
        if name not in defaults:
            raise ValueError(
                f"the space has {name!r}, which {type(model).__name__} does not take; "
                f"it takes {', '.join(defaults)}"
            )
    return {
        name: int(value)
        if type(defaults[name]) is int and isinstance(value, float) and value.is_integer()
        else value
        for name, value in params.items()
    }
