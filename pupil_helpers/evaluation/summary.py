"""Reading a comparison: folds joined into whole sessions, scores with intervals, ceilings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..metrics import scores as metrics
from ..metrics.ceilings import known_ceiling, poisson_ceiling, split_half_ceiling
from ..session import Session
from ..signals.rates import Kernel, evaluation_kernel

POISSON = ("bits_per_spike", "poisson_d2")
SCORES = ("r2", "psth_relative", "median_trial_r2", *POISSON)
"""Scores of a comparison; see :mod:`pupil_helpers.metrics.scores`."""


def region_names(session: Session, regions=None) -> list[str]:
    """The regions asked for, each once; by default all of the session in order of appearance."""
    if regions is None:
        return list(dict.fromkeys(session.regions.tolist()))
    names = [regions] if isinstance(regions, str) else list(regions)
    if len(set(names)) < len(names):
        raise ValueError(f"regions {', '.join(names)} are not all different; name each once.")
    return names


class HeldOut(NamedTuple):
    """Predictions of trials that the model has not learned from, beside what was recorded.

    ``counts`` and ``predicted`` (T, bins, R) counts per bin; ``psth`` of the training trials,
    (bins, R) or one for each trial, (T, bins, R); ``trials`` (T,) their numbers; ``regions`` (R,)
    names; ``bin_size`` in seconds.
    """

    counts: np.ndarray
    predicted: np.ndarray
    psth: np.ndarray
    trials: np.ndarray
    regions: np.ndarray
    bin_size: float

    @property
    def kernel(self) -> Kernel | None:
        """The evaluation kernel, a boxcar of 100 ms; None if a bin is as wide as that."""
        return evaluation_kernel(self.bin_size)

    def score(self, metric: str) -> np.ndarray:
        """Score per region; to the Poisson scores a negative prediction counts as 0."""
        if metric not in SCORES:
            raise ValueError(f"no metric {metric!r}; choose from {', '.join(SCORES)}.")
        if metric == "psth_relative":
            return metrics.psth_relative(self.counts, self.predicted, self.psth, self.kernel)
        if metric in POISSON:
            return getattr(metrics, metric)(self.counts, np.maximum(self.predicted, 0))
        return getattr(metrics, metric)(self.counts, self.predicted, self.kernel)

    def interval(self, metric: str, **settings) -> metrics.Interval:
        """Its confidence interval, by :func:`~pupil_helpers.metrics.scores.bootstrap_ci`."""
        reference = self.psth if metric == "psth_relative" else None
        predicted = np.maximum(self.predicted, 0) if metric in POISSON else self.predicted
        return metrics.bootstrap_ci(
            self.counts, predicted, reference, metric, kernel=self.kernel, **settings
        )


def out_of_fold(table: pd.DataFrame, model: str, seed: int | None = None) -> HeldOut:
    """A model's predictions of every trial, each from the fold that did not learn from it.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`~pupil_helpers.evaluation.compare.compare`, with predictions kept.
    model : str
        Which model.
    seed : int, optional
        Which seed; by default the first.

    Raises
    ------
    ValueError
        If the table has no such fits, or a fold of them failed or was not kept.
    """
    rows = table[table["model"] == model]
    seed = rows["seed"].min() if seed is None and len(rows) else seed
    rows = rows[rows["seed"] == seed].sort_values("fold")
    if rows.empty:
        known = ", ".join(map(str, table["model"].unique()))
        raise ValueError(f"no fits of {model!r} with seed {seed}; the table has {known}.")
    if (rows["error"] != "").any() or set(rows["fold"]) != set(table["fold"]):
        raise ValueError(f"{model!r} with seed {seed} lacks folds; compare again to fit them.")
    if not all(file and Path(file).is_file() for file in rows["file"]):
        raise ValueError(
            f"the predictions of {model!r} with seed {seed} are not there; compare again with "
            "keep_predictions=True and a folder of your own."
        )
    parts = []
    for file in dict.fromkeys(rows["file"]):
        with np.load(file, allow_pickle=False) as arrays:
            part = HeldOut(**arrays)
        parts.append(part._replace(psth=np.broadcast_to(part.psth, part.counts.shape)))
    first, trials = parts[0], np.concatenate([part.trials for part in parts])
    wanted = [first.regions.tolist().index(region) for region in rows["region"].unique()]
    counts, predicted, psth = (
        np.concatenate([getattr(part, name) for part in parts])[..., wanted]
        for name in ("counts", "predicted", "psth")
    )
    return HeldOut(counts, predicted, psth, trials, first.regions[wanted], float(first.bin_size))


def summary(table: pd.DataFrame, metric: str = "psth_relative", **settings) -> pd.DataFrame:
    """Score of each model and region over the whole session, with its confidence interval.

    The folds are joined first, so that every trial counts once; several seeds are averaged. The
    interval is that of :func:`pupil_helpers.metrics.scores.bootstrap_ci`, and tells how far the
    score depends on the trials that happened to be tested.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`~pupil_helpers.evaluation.compare.compare`, with predictions kept. Rows of
        some models or regions will do.
    metric : {"psth_relative", "r2", "bits_per_spike", "poisson_d2"}
        Which score.
    **settings
        ``n_boot``, ``block``, ``level`` and ``seed`` of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        One row per model and region: ``model``, ``region``, ``score``, ``low``, ``high``,
        ``seed_sd`` (SD of the score over seeds; NaN for one), ``seeds`` and mean ``seconds`` per
        fit. A seed of which a fold has failed is left out.

    Raises
    ------
    ValueError
        If predictions were not kept, the metric is unknown or there are fewer than 10 trials.
    """
    rows = []
    for model in table["model"].unique():
        of_model = table[table["model"] == model]
        failed = of_model.loc[of_model["error"] != "", "seed"]
        seeds = sorted(set(of_model["seed"]) - set(failed))
        held = [out_of_fold(table, model, seed) for seed in seeds]
        regions = held[0].regions if held else of_model["region"].unique()
        unknown = np.full(len(regions), np.nan)  # where every seed has failed
        scores = [one.score(metric) for one in held] or [unknown]  # (seeds, R)
        ends = [one.interval(metric, **settings) for one in held] or [(unknown, unknown)]
        low, high = np.mean(ends, axis=0)
        columns = {"model": model, "region": regions.astype(str), "score": np.mean(scores, axis=0)}
        columns |= {"low": low, "high": high, "seed_sd": pd.DataFrame(scores).std()}
        columns |= {"seeds": len(held), "seconds": of_model["seconds"].mean()}
        rows += pd.DataFrame(columns).to_dict("records")
    return pd.DataFrame(rows)


def differences(table: pd.DataFrame, other: str, **settings) -> pd.DataFrame:
    """How much more R² each model has than one other, with its confidence interval.

    Both are scored on the same trials, and hard trials are hard for both, so that the interval of
    the difference is narrower than the intervals of the two scores suggest.

    Parameters
    ----------
    table, **settings
        As in :func:`summary`.
    other : str
        The model to compare with. Seeds are paired; if it lacks a seed of a model, as a
        deterministic one does, its first is used.

    Returns
    -------
    pandas.DataFrame
        One row per model, the other one left out, and region: ``model``, ``region``, ``score``
        (the difference, mean over seeds), ``low``, ``high``.

    Raises
    ------
    ValueError
        As :func:`out_of_fold` raises.
    """
    paired = set(table.loc[table["model"] == other, "seed"])
    rows = []
    for model in table["model"].unique():
        if model == other:
            continue
        found = []
        for seed in sorted(table.loc[table["model"] == model, "seed"].unique()):
            ours = out_of_fold(table, model, seed)
            theirs = out_of_fold(table, other, seed if seed in paired else None)
            arrays = ours.counts, ours.predicted, theirs.predicted
            score = metrics.r2_difference(*arrays, ours.kernel)
            ends = metrics.bootstrap_ci(*arrays, "r2_difference", kernel=ours.kernel, **settings)
            found.append([score, *ends])
        score, low, high = np.mean(found, axis=0)
        columns = {"model": model, "region": ours.regions, "score": score, "low": low, "high": high}
        rows += pd.DataFrame(columns).to_dict("records")
    return pd.DataFrame(rows)


def ceilings(session: Session, regions=None) -> pd.DataFrame:
    """What R² each region allows: the :mod:`pupil_helpers.metrics.ceilings` side by side.

    Returns
    -------
    pandas.DataFrame
        Indexed by region: ``neurons``; ``split_half`` (NaN with a single neuron, which has no
        halves); ``poisson``; and ``known``, NaN unless the session is simulated.
    """
    regions = region_names(session, regions)
    counts = session.region_counts(regions)
    kernel = evaluation_kernel(session.bin_size)
    members = [session.regions == region for region in regions]
    known = np.full(len(regions), np.nan)
    if session.truth is not None:
        known = known_ceiling(counts, session.true_region_rates(regions), kernel)
    halves = [
        split_half_ceiling(session.spikes[..., member], kernel) if member.sum() > 1 else np.nan
        for member in members
    ]
    return pd.DataFrame(
        {
            "neurons": [int(member.sum()) for member in members],
            "split_half": halves,
            "poisson": poisson_ceiling(counts, kernel),
            "known": known,
        },
        index=pd.Index(regions, name="region"),
    )
