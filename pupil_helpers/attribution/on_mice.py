"""Do attributions agree with the truth? On more simulated mice than one.

``benchmarks/attribution.py`` made the stored table. It holds home mice only: in the other kinds
of mice several channels act together, so that there is no true share of each.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .._files import read_table
from ..recordings.simulate import simulate_session
from ..session import CHANNELS
from ..signals.splits import blocked_folds
from .channels import contributions, variance_share
from .lag_profiles import lag_correlation

EXPLAINED = range(600, 608)
"""Seeds of the mice of the stored table; none of them chose a setting of the default model."""


def explain_mouse(model, seed: int, **simulation) -> pd.DataFrame:
    """Fit a model to a simulated home mouse, and compare what it says with the truth.

    The model learns from the training trials of the middle one of five blocked folds. What it
    says is taken over all trials.

    Parameters
    ----------
    model : Encoder
        Not fitted yet.
    seed : int
        Of the mouse.
    **simulation
        As in :func:`~pupil_helpers.recordings.simulate.simulate_session`.

    Returns
    -------
    pandas.DataFrame
        One row per driven region and channel: ``mouse``, ``region``, ``channel``; ``share`` and
        ``true_share`` of the variation of log rate; ``lag`` and ``true_lag`` in seconds, NaN
        where there is none.
    """
    session = simulate_session(seed, **simulation)
    truth, names = session.truth, session.truth.regions.tolist()
    counts = session.region_counts(names)
    train = blocked_folds(session.n_trials)[2].train
    model.fit(session.pupil[train], counts[train])
    parts = contributions(model, session.pupil)
    share = variance_share(parts)  # (regions, 3)
    lag = lag_correlation(parts, session.pupil, bin_size=session.bin_size).peak
    rows = [
        {"mouse": seed, "region": names[r], "channel": channel,
         "share": share[r, c], "true_share": truth.channel_share[r, c],
         "lag": lag[r, c], "true_lag": truth.peak_lag[r, c]}
        for r in np.flatnonzero(truth.driven) for c, channel in enumerate(CHANNELS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def stored_shares() -> pd.DataFrame:
    """The stored table of ``benchmarks/attribution.py``, as :func:`explain_mouse` gives it."""
    return read_table("attribution/on_mice.csv")
