"""Reading a study: its rows, scores per session, p-values, failures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
from scipy.stats import false_discovery_control

from ..metrics.scores import hierarchical_ci
from .nulls import p_value, pooled_p
from .study_sessions import CEILINGS
from .study_units import FITS, NULLS, VERSIONS, WITH_INTERVAL
from .summary import SCORES

LOWEST_CEILING = 0.05
"""Below this a split-half ceiling may be nothing but its error, and no score is divided by it."""

HEADLINES = ("share", "psth_relative")
KEYS = ["session", "animal", "region", "model"]


class Study:
    """What a folder of :func:`~pupil_helpers.evaluation.study.study` holds.

    The results proper are a Parquet data set that other programs read as well:
    ``pandas.read_parquet(folder / "fits")``, ``polars.read_parquet(folder / "fits/**/*.parquet")``,
    in R ``arrow::open_dataset("…/fits")``. Null pairings are under ``nulls`` in the same way.

    Parameters
    ----------
    folder : path

    Raises
    ------
    FileNotFoundError
        If the folder holds no study.
    """

    def __init__(self, folder):
        self.folder = Path(folder).expanduser().absolute()
        try:
            self.design = json.loads((self.folder / "study.json").read_text("utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.folder} holds no study; give the folder that study(…, folder=…) wrote to."
            ) from None

    def table(self) -> pd.DataFrame:
        """One row per session, region, model, fold and seed.

        ``session``, ``animal``, ``region``, ``model``, ``fold``, ``seed``; ``neurons`` of the
        region, ``trials`` tested; the scores
        :data:`~pupil_helpers.evaluation.summary.SCORES` of the fold; ``seconds`` of fitting. Then
        what is the same in all folds: ``session_…``, the scores with the folds joined, so that
        every trial counts once, of two of them with the ``_low`` and ``_high`` end of a 95 %
        interval (block bootstrap over trials); ``ceiling_…``, the
        :func:`~pupil_helpers.evaluation.summary.ceilings` of R² over all trials, ``known`` in
        simulated sessions only; and the versions of this package, a hash of its code, Python,
        numpy and torch.
        """
        return self._read("fits", FITS, [*KEYS[:1], "model", "seed", "fold"])

    def nulls(self) -> pd.DataFrame:
        """One row per session, region and pupil: the score that the null model has with it.

        ``pupil_of`` is the session that lent its pupil; where it is the session itself, ``score``
        is the observed one. ``trials``, ``folds`` and ``seconds`` of the pairing; ``test`` marks
        pairings that can be compared.
        """
        return self._read("nulls", NULLS, ["session", "pupil_of"])

    def _read(self, kind, schema, order) -> pd.DataFrame:
        files = sorted(map(str, (self.folder / kind).glob("*/*.parquet")))
        if not files:
            return schema.empty_table().to_pandas()
        table = ds.dataset(files, schema=schema, format="parquet").to_table().to_pandas()
        return table.sort_values(order, kind="stable", ignore_index=True)

    def failures(self) -> pd.DataFrame:
        """One row for whatever failed and has not succeeded since.

        ``kind``: sessions, fits or nulls; ``session``, ``animal``, ``model``, ``seed``,
        ``pupil_of`` as far as they say which; ``error`` and versions. What is under way, or was
        when its process was killed, is "begun, but not finished". The next call of
        :func:`~pupil_helpers.evaluation.study.study` tries again.
        """
        columns = ["kind", "session", "animal", "model", "seed", "pupil_of", "error", *VERSIONS]
        files = sorted((self.folder / "failures").rglob("*.json"))
        top = self.folder / "failures"
        notes = [
            {"kind": file.relative_to(top).parts[0]} | json.loads(file.read_text("utf-8"))
            for file in files
        ]
        return pd.DataFrame(notes, columns=columns)

    def scores(self) -> pd.DataFrame:
        """One row per session, region and model: folds joined, seeds averaged.

        The keys, ``neurons``, ``seeds``, the scores and intervals of :meth:`table` without
        ``session_``, the ceilings, and ``share``: R² over the split-half ceiling, NaN where the
        ceiling is below :data:`LOWEST_CEILING`.
        """
        table = self.table().drop_duplicates([*KEYS, "seed"])
        ends = [f"{name}_{end}" for name in WITH_INTERVAL for end in ("low", "high")]
        values = {f"session_{name}": name for name in (*SCORES, *ends)}
        ceilings = [f"ceiling_{kind}" for kind in CEILINGS]
        grouped = table.groupby(KEYS, sort=False)
        found = grouped[[*values, *ceilings]].mean().rename(columns=values)
        found.insert(0, "neurons", grouped["neurons"].first())
        found.insert(1, "seeds", grouped.size())
        ceiling = found["ceiling_split_half"]
        found["share"] = found["r2"] / ceiling.where(ceiling >= LOWEST_CEILING)
        return found.reset_index()

    def by_region(self) -> pd.DataFrame:
        """One row per region and model: means over animals, sessions averaged within each.

        ``region``, ``model``, ``sessions``, ``animals``; ``neurons`` in a session (median);
        ``ceiling`` (split-half, mean); ``r2``; ``share`` and ``psth_relative`` with the ``_low``
        and ``_high`` end of a 95 % interval over animals
        (:func:`~pupil_helpers.metrics.scores.hierarchical_ci`), NaN with fewer than two.
        """
        rows = []
        for (region, model), group in self.scores().groupby(["region", "model"], sort=False):
            row = {"region": region, "model": model, "sessions": group["session"].nunique()}
            row |= {"animals": group["animal"].nunique(), "neurons": group["neurons"].median()}
            means = group.groupby("animal")[["ceiling_split_half", "r2", *HEADLINES]].mean().mean()
            row |= {"ceiling": means.pop("ceiling_split_half"), **means}
            for name in HEADLINES:
                low, high = hierarchical_ci(group[name], group["animal"])
                row |= {f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
        ends = [f"{name}{end}" for name in HEADLINES for end in ("", "_low", "_high")]
        counts = ["sessions", "animals", "neurons", "ceiling", "r2"]
        return pd.DataFrame(rows, columns=["region", "model", *counts, *ends])

    def p_values(self, by: str = "region") -> pd.DataFrame:
        """Is the pupil linked to the region? By session permutation, everything refitted.

        Parameters
        ----------
        by : {"region", "session"}, default "region"
            One p-value per region over all its sessions
            (:func:`~pupil_helpers.evaluation.nulls.pooled_p`), or one per session and region.

        Returns
        -------
        pandas.DataFrame
            ``region``; ``sessions`` and ``animals``, or ``session`` and ``animal``; ``score``
            observed (mean over sessions); ``others``: null pairings, the fewest of a session;
            ``p``; and ``q``: p corrected for all rows (Benjamini–Hochberg 1995).

        Raises
        ------
        ValueError
            If ``by`` is neither.
        """
        if by not in ("region", "session"):
            raise ValueError(f"by is {by!r}; use 'region' or 'session'.")
        tests = self._tests()
        if by == "session":
            found = tests.drop(columns="null")
            pairs = zip(tests["score"], tests["null"], strict=True)
            found["p"] = [p_value([score], null[:, None])[0] for score, null in pairs]
        else:
            grouped = tests.groupby("region", sort=False)
            found = grouped.agg(
                sessions=("session", "nunique"), animals=("animal", "nunique"),
                score=("score", "mean"), others=("others", "min"),
            )  # fmt: skip
            found["p"] = pd.Series(
                {name: pooled_p(group["score"], group["null"]) for name, group in grouped},
                dtype=float,
            )
            found = found.reset_index()
        known = found["p"].notna()
        found["q"] = np.nan
        if known.any():
            found.loc[known, "q"] = false_discovery_control(found.loc[known, "p"])
        return found

    def _tests(self) -> pd.DataFrame:
        """A row per session and region: observed score, and the null scores made in its way."""
        table, rows = self.nulls(), []
        for (session, region), group in table.groupby(["session", "region"], sort=False):
            own = group[group["pupil_of"] == session]
            null = group[(group["pupil_of"] != session) & group["test"].isin(own["test"])]
            if len(own) and len(null):
                about = own.iloc[0][["animal", "score"]].to_dict()
                about |= {"others": len(null), "null": null["score"].to_numpy()}
                rows.append({"session": session, "region": region} | about)
        columns = ["session", "animal", "region", "score", "others", "null"]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self):
        table, failed = self.table(), len(self.failures())
        counts = table[["session", "model"]].nunique()
        text = f"{counts['session']} sessions × {counts['model']} models, {len(table)} rows"
        return f"<Study in {self.folder}: {text}, {failed} failures>"
