"""Who takes part in a comparison: the models that have a name, and anybody's own.

Each model is copied once per seed, told the seed and the session's bins, and marked, so that its
stored fits can be told from those of any other model.
"""

from __future__ import annotations

import copy
import math
import numbers
import operator
from collections.abc import Iterator

import numpy as np

from ..models.encoder import PupilEncoder
from ..models.glm import PoissonGLM
from ..models.linear import PSTH, Constant, ReducedRank, Ridge
from ..models.neural import GRU, LSTM, LaggedMLP, PlainRNNEncoder, TemporalConv
from ..models.original import OriginalEncoder
from .marks import NoMark, mark

MODELS = {
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
    "original": OriginalEncoder,
    "PupilEncoder": PupilEncoder,
}
"""Models that :func:`~pupil_helpers.evaluation.compare.compare` knows by name: the baseline models
and ours.

:meta hide-value:
"""


def as_models(models, neurons, bin_size: float | None) -> dict:
    """Models by name, each one fit to be compared on a session.

    Parameters
    ----------
    models : sequence of str, or dict of str to model, or None
        As in :func:`~pupil_helpers.evaluation.compare.compare`.
    neurons : sequence of int
        How many each region has.
    bin_size : float or None
        The session's, in seconds; None if it is not known yet.

    Raises
    ------
    ValueError
        If there is no model, one is unknown, or one was told another width of bins.
    """
    models = list(MODELS) if models is None else models
    if isinstance(models, str):
        models = [models]
    if not isinstance(models, dict):
        unknown = [name for name in models if not (isinstance(name, str) and name in MODELS)]
        if unknown:
            raise ValueError(
                f"unknown model {unknown[0]!r}; choose from {', '.join(MODELS)}, or give a dict "
                "of models of your own by name."
            )
        # The original learns mean counts per neuron.
        settings = {"original": {"n_neurons": [int(number) for number in neurons]}}
        models = {name: MODELS[name](**settings.get(name, {})) for name in models}
    for name, model in models.items():
        if isinstance(model, type) or not (hasattr(model, "fit") and hasattr(model, "predict")):
            raise ValueError(f"model {name!r} is {model!r}; give an object with fit and predict.")
        known = getattr(model, "bin_size", None)
        is_time = isinstance(known, numbers.Real)
        if bin_size and known is not None and not (is_time and math.isclose(known, bin_size)):
            raise ValueError(
                f"model {name!r} was told that a bin has {known!r} s, but the session's have "
                f"{bin_size} s; leave its bin_size out."
            )
    if not models:
        raise ValueError("there is no model to compare; name at least one.")
    return models


def as_seeds(seeds) -> list[int]:
    """Seeds as whole numbers; a ValueError if they are not, or not all different."""
    try:
        given = [operator.index(seed) for seed in np.atleast_1d(np.asarray(seeds, dtype=object))]
    except TypeError:
        given = []
    in_range = all(0 <= seed < 2**32 for seed in given)  # what numpy takes as a seed
    if not given or not in_range or len(set(given)) < len(given):
        raise ValueError(
            f"seeds are {seeds!r}; give one or more different whole numbers from 0 to 2**32 - 1."
        )
    return given


def variants(models: dict, seeds, bin_size: float) -> Iterator[tuple[str, int, object, str]]:
    """Every model once per seed: name, seed, a copy that knows the seed and the bins, its mark.

    A model without ``seed`` comes with the first seed only. Raises ValueError if a model holds what
    cannot be told from another model's.
    """
    for name, given in models.items():
        for seed in seeds if hasattr(given, "seed") else seeds[:1]:
            model = copy.copy(given)
            if hasattr(model, "seed"):
                model.seed = seed
            if getattr(model, "bin_size", bin_size) is None:
                model.bin_size = bin_size
            try:
                yield name, seed, model, mark(model)
            except NoMark as error:
                raise ValueError(
                    f"model {name!r} holds {error}, so that its stored fits could be mistaken "
                    "for another model's; give it numbers, arrays or functions instead."
                ) from error
