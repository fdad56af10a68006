"""Which model holds on which kind of mouse? All models, kinds of mice with known truth.

Run ``python benchmarks/mice.py``. Mice 500 and up chose the default's settings; the table is of
mice 600 and up, each scored once. With ``--entry module:Class`` a model of your own gets its row.
"""

import argparse
import importlib
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pupil_helpers import compare, out_of_fold, simulate_session
from pupil_helpers.evaluation.compare import MODELS
from pupil_helpers.recordings.kinds import KINDS
from pupil_helpers.signals.rates import evaluation_kernel, smooth

BASE = [name for name in MODELS if name not in ("constant", "original")]


def mouse_table(kind, seed, models, seeds=1, folder=None, n_jobs=-1) -> pd.DataFrame:
    """Scores of models on one mouse: a row per model, seed and region.

    ``share`` of what could be predicted (driven regions); ``error`` relative to the PSTH's;
    ``followed``: in what share of the folds the prediction was not simply the PSTH.
    """
    session = simulate_session(seed, kind=kind)
    table = compare(session, models, seeds=range(seeds), folder=folder, progress=False, n_jobs=n_jobs)
    driven = dict(zip(session.truth.regions, session.truth.driven, strict=True))
    names = list(driven)
    kernel = evaluation_kernel(session.bin_size)
    counts = session.region_counts(names).astype(float)
    truth = smooth(session.true_region_rates(names), kernel)  # (trials, bins, regions)
    rows = []
    for (model, fit_seed), fits in table.groupby(["model", "seed"], sort=False):
        held = out_of_fold(fits, model)
        order = [list(held.regions).index(name) for name in names]
        predicted = smooth(np.asarray(held.predicted, float)[..., order], kernel)
        relative = held.score("psth_relative")[order]
        blocks = [np.unique(np.asarray(f)) for f in np.array_split(np.arange(len(counts)), 5)]
        for r, name in enumerate(names):
            mine = fits[fits["region"] == name]
            rows.append({
                "kind": kind, "mouse": seed, "model": model, "seed": fit_seed, "region": name,
                "driven": driven[name],
                "share": share(kind, predicted[..., r], truth[..., r], blocks),
                "error": 1 - relative[r],
                "followed": np.mean(np.abs(mine["psth_relative"]) > 1e-4),
                "seconds": mine["seconds"].mean(),
            })  # fmt: skip
    return pd.DataFrame(rows)


def share(kind, predicted, truth, blocks) -> float:
    """R² with the true rate, (trials, bins) each: how much of what could be predicted was.

    On average it equals R² of the counts as a share of the ceiling, without the counts' noise.
    Under private gains the level of every block is off, whatever a model does, and a level that is
    wrong by as much as the pupil drives makes R² 0; there it is the squared correlation with the
    true rate within blocks, which leaves the level free.
    """
    if "private" in kind:
        pairs = [(predicted[b].ravel(), truth[b].ravel()) for b in blocks]
        r = [np.corrcoef(*pair)[0, 1] if pair[0].std() > 0 else 0.0 for pair in pairs]
        return float(np.mean(np.maximum(r, 0) ** 2))
    predicted, truth = (np.concatenate([x[b] for b in blocks]) for x in (predicted, truth))
    return 1 - ((predicted - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
