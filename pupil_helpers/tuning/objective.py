"""What a search minimises: the held-out loss of one set of parameters."""

from __future__ import annotations

import time

import numpy as np
from sklearn.base import BaseEstimator, clone

from ..evaluation.cross_validation import cross_validate
from ..models.base import TINY, one_thread
from ..models.encoder import PupilEncoder
from ..models.ensemble import BlockEnsemble, StopFit, check_points
from ..models.gain import smooth_psth
from ..models.lags import pool_centres
from ..session import BIN_SIZE
from ..signals.splits import inner_blocks

# Parameters whose effect the losses on the networks' own left-out blocks do not show.
UNSEEN = {"n_members", "n_blocks", "gap", "shrink", "loss", "psth", "stride", "bin_size", "glm"}

RUNGS = ((0.25, 0.8), (0.5, 0.67), (0.75, 0.5))
"""When an evaluation is stopped early: after this share of its training, if its loss is above this
quantile of those that came that far."""


class Objective:
    """Held-out Poisson loss relative to the PSTH, in bits per spike; below 0 beats the PSTH.

    One fit of a :class:`~pupil_helpers.models.ensemble.BlockEnsemble` tells its loss on every
    inner block, since each of its networks leaves one out; see
    :func:`pupil_helpers.tuning.search.tune`. Other models, and parameters that those losses do
    not show, are fitted once per inner block.
    """

    def __init__(self, model, pupil, counts, n_blocks, gap, params):
        self.model, self.pupil, self.counts = model, pupil, counts
        self.n_blocks, self.gap = n_blocks, gap
        self.blocks = inner_blocks(np.arange(len(counts)), n_blocks, gap)
        example = build(model, params)  # says at once if the model does not take them
        self.cross_fit = (
            isinstance(example, BlockEnsemble)
            and type(example)._learn in (BlockEnsemble._learn, PupilEncoder._learn)
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
            As :data:`~pupil_helpers.tuning.log.FAILED`.
        """
        start, curve, parts = time.perf_counter(), [], []
        result = {"status": "ok", "loss": None, "blocks": None, "n_steps": None, "error": None}

        def is_hopeless(blocks, n_steps) -> bool:
            parts.append([float(loss) for loss in blocks])
            curve.append(float(np.mean(blocks)))
            result["n_steps"] = n_steps
            here = [bar for share, bar in bars if len(curve) == rung(share, n_steps)]
            if here and min(curve) > min(here) and len(curve) < n_steps:
                result["status"] = "pruned"
            return result["status"] == "pruned"

        try:
            with one_thread():
                evaluate = self._cross_fit if self.cross_fit else self._refit
                evaluate(params, is_hopeless)
            finite = [loss if np.isfinite(loss) else np.inf for loss in curve]
            place = int(np.argmin(finite)) if self.cross_fit else -1
            if not np.isfinite(curve[place]):
                raise ValueError(f"the held-out loss is {curve[place]}")
            result |= {"loss": curve[place], "blocks": parts[place]}
        except Exception as error:  # one bad evaluation must not end a search of many
            message = f"{type(error).__name__}: {' '.join(str(error).split())}"
            result |= {"status": "fail", "error": message}
        curve = [value if np.isfinite(value) else None for value in curve]
        return {**result, "seconds": time.perf_counter() - start, "curve": curve}

    def _cross_fit(self, params, is_hopeless) -> None:
        """The held-out curve over checks, averaged over the blocks; its lowest point counts."""
        model = build(self.model, params)
        n_held = min(len(block.test) for block in self.blocks)  # as BlockEnsemble does
        n_spikes = sum(self.counts[block.test[:n_held]].sum() for block in self.blocks)
        n_steps = len(pool_centres(self.counts.shape[1], model.stride))
        n_terms = n_held * n_steps * self.counts.shape[2]  # its loss is a mean over these
        n_checks = len(check_points(model.n_updates))
        theirs = model.on_check

        def on_check(update, losses):
            stop = is_hopeless(losses * n_terms * self.n_blocks / (n_spikes * np.log(2)), n_checks)
            if theirs is not None:
                theirs(update, losses)
            if stop:
                raise StopFit

        if isinstance(model, PupilEncoder):
            model.set_params(glm=False)  # these losses are the networks' own
        model.set_params(n_members=self.n_blocks, n_blocks=self.n_blocks, gap=self.gap)
        model.set_params(on_check=on_check).fit(self.pupil, self.counts)

    def _refit(self, params, is_hopeless) -> None:
        """The loss over the blocks so far, each predicted by a model fitted to the others.

        The PSTH is smoothed as :class:`~pupil_helpers.models.encoder.PupilEncoder` smooths its
        own, with a Gaussian of 15 ms, so that both losses start from the same 0.
        """
        nats, spikes = [], 0.0  # of the blocks so far

        def make_model():
            return build(self.model, params)

        for fold in cross_validate(make_model, self.pupil, self.counts, self.blocks):
            bin_size = getattr(fold.model, "bin_size_", BIN_SIZE)
            null = smooth_psth(fold.psth, bin_size)  # (bins, regions)
            counts = self.counts[fold.split.test]
            ratio = np.maximum(fold.predicted, TINY) / np.maximum(null, TINY)
            nats.append((fold.predicted - null - counts * np.log(ratio)).sum(dtype=np.float64))
            spikes += float(counts.sum())
            blocks = np.array(nats) * len(nats) / (spikes * np.log(2))
            if is_hopeless(blocks, len(self.blocks)):
                break


def rung(share: float, n_steps: int) -> int:
    """The step, counted from 1, at which ``share`` of the work is done."""
    return int(np.ceil(share * n_steps))


def bars(known: list[dict], n_startup: int) -> list[tuple[float, float]]:
    """The losses above which an evaluation is hopeless, as (share of its training, loss)."""
    limits = []
    for share, quantile in RUNGS:
        reached = []
        for record in known:
            if not record["n_steps"]:  # it failed before its first step
                continue
            curve, step = record["curve"], rung(share, record["n_steps"])
            seen = [loss for loss in curve[:step] if loss is not None]
            if len(curve) >= step and seen:
                reached.append(min(seen))
        if len(reached) >= n_startup:
            limits.append((share, float(np.quantile(reached, quantile))))
    return limits


def build(model, params: dict):
    """An unfitted model with ``params``."""
    if not isinstance(model, BaseEstimator):
        return model(**params)
    return clone(model).set_params(**whole_numbers(model, params))


def whole_numbers(model, params: dict) -> dict:
    """``params`` with floats made ints where an estimator's default is one.

    ``hp.quniform`` draws 16.0, and a network cannot have 16.0 units.
    """
    defaults = model.get_params(deep=False) if isinstance(model, BaseEstimator) else {}
    return {
        name: int(value)
        if type(defaults.get(name)) is int and isinstance(value, float) and value.is_integer()
        else value
        for name, value in params.items()
    }
