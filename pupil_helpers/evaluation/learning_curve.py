"""How many trials does a new mouse need? With a core from other mice, and without: a stored table.

``benchmarks/shared_core.py`` made it. The mice that the cores were trained on, those that chose the
settings and those of the table are three different sets.
"""

from __future__ import annotations

import pandas as pd

from .._files import read_table
from ..metrics.scores import hierarchical_ci


def stored_curve() -> pd.DataFrame:
    """Scores of new mice after few and many trials, made by ``benchmarks/shared_core.py``.

    Returns
    -------
    pandas.DataFrame
        One row per ``kind``, ``mouse``, ``model``, number of ``trials`` and ``region``;
        ``driven``: whether the pupil drives the region; ``share``: how much of what could be
        predicted was, as in :func:`~pupil_helpers.evaluation.mice.share`, on trials that were not
        learnt from; ``error``: squared error of the counts relative to the PSTH's; ``seconds``
        of the fit.
    """
    return read_table("evaluation/shared_core.csv")


def curve(rows: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Mean share of the driven regions after each number of trials, with 95 % intervals.

    Parameters
    ----------
    rows : pandas.DataFrame
        From :func:`stored_curve`, or some of it.
    baseline : str, optional
        A model: how far the others are above it, on the same mice.

    Returns
    -------
    pandas.DataFrame
        One row per model and number of trials: ``model``, ``trials``, ``mean``, ``low``, ``high``
        (t, over mice) and ``mice``.

    Raises
    ------
    ValueError
        If no row is of the baseline.
    """
    of_mice = rows[rows["driven"]].groupby(["model", "trials", "kind", "mouse"], sort=False)
    table = of_mice["share"].mean().unstack(["kind", "mouse"])  # (model, trials) × mice
    if baseline is not None:
        if baseline not in table.index.get_level_values("model"):
            raise ValueError(f"the rows have no model {baseline!r}; name one they have")
        ours = table.loc[baseline]
        table = table.drop(baseline, level="model").sub(ours, level="trials")
    found = []
    for (model, trials), values in table.iterrows():
        values = values.dropna()
        low, high = hierarchical_ci(values.to_numpy(), range(len(values)))
        found.append((model, trials, values.mean(), low, high, len(values)))
    return pd.DataFrame(found, columns=["model", "trials", "mean", "low", "high", "mice"])
