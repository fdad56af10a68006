"""What the benchmarks that compare models share."""

import numpy as np
import pandas as pd

from pupil_helpers import Session, ceilings, summary
from pupil_helpers.metrics.scores import hierarchical_ci


def with_intervals(found: pd.DataFrame, value: str = "score", columns: str = "region") -> str:
    """Models × regions (or other ``columns``), each cell a value and its interval."""
    rows = zip(found[value], found["low"], found["high"], strict=True)
    cells = [f"{mean:6.3f} [{low:6.3f}, {high:6.3f}]" for mean, low, high in rows]
    wide = found.assign(cell=cells).pivot(index="model", columns=columns, values="cell")
    wide = wide.loc[found["model"].unique(), found[columns].unique()]
    return wide.rename_axis(index=None, columns=None).to_string()


def shares(table: pd.DataFrame, session: Session) -> pd.Series:
    """R² as a share of the known ceiling, mean of the regions that the pupil drives, by model."""
    driven = session.truth.regions[session.truth.driven]
    r2 = summary(table, "r2", n_boot=2).pivot(index="model", columns="region", values="score")
    share = r2[driven] / ceilings(session, driven)["known"]
    return share.mean(axis=1).loc[table["model"].unique()]


def over_mice(values: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95 % interval over the columns, one per mouse."""
    low, high = hierarchical_ci(values.T.to_numpy(), np.arange(values.shape[1]))
    return pd.DataFrame({"mean": values.mean(axis=1), "low": low, "high": high}).round(3)
