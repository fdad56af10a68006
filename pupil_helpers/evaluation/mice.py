"""Models on many kinds of simulated mice: how they are scored, and the stored table.

A claim about models that rests on one mouse is a claim about that mouse. Here every model meets
every kind (:mod:`pupil_helpers.recordings.kinds`) on the same mice and folds.
``benchmarks/mice.py`` made the stored table; :func:`score_on_mice` gives a model of anybody's own
its row.

Mice 500 to 599 chose the settings of the default model. Mice 600 to 603 scored an earlier default,
whose recurrence had no gate. The mice of the stored table chose no setting. Models were scored on
them once, and anew when mice 500 to 503 had chosen a shorter training and, for the default, that
the recurrence hears the features of the moment. (That a GRU led on the mice of the table that
remember was the reason to try the latter.)
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from .._files import read_table
from ..metrics.scores import hierarchical_ci
from ..recordings.kinds import KINDS, kind_of_mouse
from ..recordings.simulate import simulate_session
from ..signals.rates import smooth
from .compare import compare
from .summary import out_of_fold

CHOSE = range(500, 600)
"""Seeds of the mice that chose the default's settings."""
SCORED = range(700, 704)
"""Seeds of the mice of the stored table."""

NOT_FOLLOWED = 1e-4
"""A PSTH-relative score nearer to 0 than this is the PSTH's own: the model was not followed."""


def score_on_mice(
    models, kinds: Iterable[str] | None = None, mice: Iterable[int] = SCORED, seeds=(0,),
    n_jobs: int = -1, progress: bool = True, folder=None, regions=None,
) -> pd.DataFrame:  # fmt: skip
    """Fit and score models on simulated mice, five blocked folds each.

    Parameters
    ----------
    models, seeds, n_jobs, folder
        As in :func:`~pupil_helpers.evaluation.compare.compare`.
    kinds : sequence of str, optional
        By default all of :data:`~pupil_helpers.recordings.kinds.KINDS`.
    mice : sequence of int, default :data:`SCORED`
        Seeds of the mice of each kind.
    progress : bool, default True
        Show a progress bar over mice.
    regions : sequence of str, optional
        By default all regions.

    Returns
    -------
    pandas.DataFrame
        One row per kind, mouse, model, seed and region. ``driven``: whether the pupil drives the
        region; ``share``: how much of what could be predicted was, see :func:`share`; ``error``:
        squared error relative to the PSTH's; ``followed``: in what share of the folds the
        prediction was more than the PSTH; ``seconds`` per fit.

    Raises
    ------
    ValueError
        If a kind is unknown, or as :func:`~pupil_helpers.evaluation.compare.compare` raises.
    """
    kinds = list(KINDS) if kinds is None else [kinds] if isinstance(kinds, str) else list(kinds)
    for kind in kinds:
        kind_of_mouse(kind)
    jobs = [(kind, mouse) for kind in kinds for mouse in mice]
    rows = []
    for kind, mouse in tqdm(jobs, "mice", disable=not progress):
        session = simulate_session(mouse, kind=kind)
        fits = compare(
            session, models, regions, seeds=seeds, folder=folder, n_jobs=n_jobs, progress=False
        )
        for (model, seed), table in fits.groupby(["model", "seed"], sort=False):
            rows += _regions(session, kind, table, {"mouse": mouse, "model": model, "seed": seed})
    return pd.DataFrame(rows)


def _regions(session, kind, fits, about: dict) -> list[dict]:
    """A row for each region of one model's fits to one mouse."""
    held = out_of_fold(fits, about["model"])
    names, kernel = held.regions.tolist(), held.kernel
    truth = smooth(session.true_region_rates(names), kernel)[held.trials]  # (trials, bins, regions)
    predicted, relative = smooth(held.predicted, kernel), held.score("psth_relative")
    driven = dict(zip(session.truth.regions, session.truth.driven, strict=True))
    level_free = kind_of_mouse(kind).gains is not None
    blocks = np.array_split(np.arange(len(truth)), fits["fold"].nunique()) if level_free else None
    rows = []
    for r, name in enumerate(names):
        mine = fits[fits["region"] == name]
        rows.append({
            "kind": kind, **about, "region": name, "driven": bool(driven[name]),
            "share": share(predicted[..., r], truth[..., r], blocks),
            "error": 1 - relative[r],
            "followed": float((mine["psth_relative"].abs() > NOT_FOLLOWED).mean()),
            "seconds": float(mine["seconds"].mean()),
        })  # fmt: skip
    return rows


def share(predicted, truth, blocks=None) -> float:
    """R² of a prediction with the true rate: how much of what could be predicted was.

    On average this equals the R² of counts as a share of its ceiling, without the noise of counts.

    With ``blocks`` it is the squared correlation within each block, averaged: it leaves level and
    scale free. Under private gains the level of every block is off, whatever a model does, and a
    level that is off by as much as the pupil drives makes any R² 0, even that of counts with the
    true rate.

    Parameters
    ----------
    predicted, truth : ndarray, (trials, bins)
        Smoothed alike.
    blocks : sequence of ndarray, optional
        Trials of each block.
    """
    if blocks is None:
        return float(1 - ((predicted - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
    found = []
    for block in blocks:
        mine, true = (x[block].ravel() - x[block].mean() for x in (predicted, truth))
        size = np.sqrt((mine**2).sum() * (true**2).sum())
        found.append(max(0.0, (mine * true).sum() / size) ** 2 if size > 0 else 0.0)
    return float(np.mean(found))


def shares(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean share of the driven regions: models × (kind, mouse), fits averaged."""
    driven = rows[rows["driven"]]
    table = driven.groupby(["model", "kind", "mouse"], sort=False)["share"].mean()
    order = [kind for kind in KINDS if kind in set(driven["kind"])]
    return table.unstack(["kind", "mouse"]).loc[driven["model"].unique()][order]


def by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the mice of each kind, with 95 % intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`shares`, or a difference of two of its rows.

    Returns
    -------
    pandas.DataFrame
        One row per model and kind: ``model``, ``kind``, ``mean``, ``low``, ``high`` and ``mice``.
        The interval (t, over mice) holds what varies between mice and between fits, since every
        mouse has fits of its own.
    """
    found = []
    for kind in table.columns.unique("kind"):
        for model, values in table[kind].iterrows():
            values = values.dropna()
            low, high = hierarchical_ci(values, values.index)
            found.append((model, kind, values.mean(), low, high, len(values)))
    return pd.DataFrame(found, columns=["model", "kind", "mean", "low", "high", "mice"])


def leads(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """By how much a model's share is above each other's, on the same mice; as :func:`by_kind`."""
    table = shares(rows)
    return by_kind(table.loc[model] - table.drop(model))


def holding_back(rows: pd.DataFrame) -> pd.DataFrame:
    """Regions without the pupil, one row per model: does it know when not to predict?

    Returns
    -------
    pandas.DataFrame
        ``error`` relative to the PSTH's: its 95 % quantile over mice and regions, the worst, and
        the share that is at most 1.02; ``followed``: in what share of the fits the model was
        followed there, where it should not be.
    """
    undriven = rows[~rows["driven"]].groupby("model", sort=False)
    error = undriven["error"]
    return pd.DataFrame(
        {
            "error, 95 % quantile": error.quantile(0.95),
            "worst": error.max(),
            "at most 1.02": error.apply(lambda e: (e <= 1.02).mean()),
            "followed": undriven["followed"].mean(),
            "fits": error.size(),
        }
    )


def stored_scores() -> pd.DataFrame:
    """The stored table of ``benchmarks/mice.py``, as :func:`score_on_mice` gives it."""
    return read_table("evaluation/mice.csv")


def stored_ablation() -> pd.DataFrame:
    """The stored table of ``benchmarks/ablation.py``, as :func:`score_on_mice` gives it.

    The default ("all of it") without one ingredient at a time, on mice that chose its settings.
    """
    return read_table("evaluation/ablation.csv")
