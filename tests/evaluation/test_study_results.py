"""Reading a study back: means over seeds, animals and regions, and corrected p-values."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pupil_helpers.evaluation.nulls import p_value, pooled_p
from pupil_helpers.evaluation.study_results import LOWEST_CEILING, Study
from pupil_helpers.evaluation.study_units import FITS, NULLS, VERSIONS
from pupil_helpers.metrics.scores import hierarchical_ci

MADE = dict.fromkeys(VERSIONS, "1")


def write(folder, kind, schema, rows):
    """Rows as a study writes them, a file per session."""
    for session, group in pd.DataFrame(rows).groupby("session"):
        file = folder / kind / session / "unit.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        filled = [MADE | row for row in group.to_dict("records")]
        pq.write_table(pa.Table.from_pylist(filled, schema=schema), file)


def made_up(folder, ceiling=0.5):
    """Two sessions of one animal, one of another; two regions, two seeds, five folds."""
    (folder / "study.json").write_text(json.dumps({"n_folds": 5}))
    rows = []
    for session, animal, r2 in (("a1", "a", 0.1), ("a2", "a", 0.3), ("b1", "b", 0.4)):
        for region in ("SCs", "LGd")[: 1 if session == "b1" else 2]:
            rows += [
                {"session": session, "animal": animal, "region": region, "model": "ridge",
                 "fold": fold, "seed": seed, "neurons": 30, "trials": 20, "seconds": 1.0,
                 "session_r2": r2 + 0.02 * seed, "session_psth_relative": r2 - 0.1,
                 "ceiling_split_half": ceiling}
                for fold in range(5) for seed in range(2)
            ]  # fmt: skip
    write(folder, "fits", FITS, rows)
    return Study(folder)


def test_scores_count_every_session_once_and_average_seeds(tmp_path):
    scores = made_up(tmp_path).scores().set_index(["session", "region"])
    assert len(scores) == 5
    assert scores.loc[("a2", "LGd"), "r2"] == pytest.approx(0.31)
    assert scores.loc[("a2", "LGd"), "share"] == pytest.approx(0.62)
    assert (scores["seeds"] == 2).all()


def test_nothing_is_divided_by_a_ceiling_that_may_be_an_error(tmp_path):
    assert made_up(tmp_path, LOWEST_CEILING - 1e-6).scores()["share"].isna().all()


def test_regions_are_means_over_animals_with_intervals(tmp_path):
    found = made_up(tmp_path).by_region().set_index("region")
    scs = found.loc["SCs"]
    assert scs["share"] == pytest.approx(((0.22 + 0.62) / 2 + 0.82) / 2)  # not of three sessions
    expected = hierarchical_ci([0.22, 0.62, 0.82], ["a", "a", "b"])
    np.testing.assert_allclose(scs[["share_low", "share_high"]].astype(float), expected)
    assert found.loc["LGd", ["share_low", "share_high"]].isna().all()  # one animal
    assert found[["sessions", "animals"]].to_dict("index") == {
        "SCs": {"sessions": 3, "animals": 2}, "LGd": {"sessions": 2, "animals": 1},
    }  # fmt: skip


def pairings(folder, scores):
    """``scores``: by session and region, the observed one first."""
    (folder / "study.json").write_text("{}")
    rows = [
        {"session": session, "animal": session, "region": region, "model": "m", "test": "t",
         "pupil_of": session if i == 0 else f"other {i}", "pupil_animal": "", "score": score,
         "trials": 9, "folds": 2, "seconds": 0.0}
        for (session, region), values in scores.items() for i, score in enumerate(values)
    ]  # fmt: skip
    write(folder, "nulls", NULLS, rows)
    return Study(folder)


def adjusted(p):
    """Benjamini & Hochberg 1995, step by step."""
    order, n = np.argsort(p), len(p)
    q, least = np.empty(n), 1.0
    for rank in range(n, 0, -1):
        least = min(least, p[order[rank - 1]] * n / rank)
        q[order[rank - 1]] = least
    return q


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_p_values_by_session_and_region_are_corrected_over_all(tmp_path_factory, seed, n, m):
    rng = np.random.default_rng(seed)
    scores = {
        (f"s{i}", f"r{j}"): np.append(rng.random() + 0.3, rng.random(8))
        for i in range(n) for j in range(m)
    }  # fmt: skip
    study = pairings(tmp_path_factory.mktemp("study"), scores)
    found = study.p_values("session").set_index(["session", "region"])
    p = {key: p_value(values[:1], values[1:, None])[0] for key, values in scores.items()}
    assert found["p"].to_dict() == pytest.approx(p)
    np.testing.assert_allclose(found["q"], adjusted(found["p"].to_numpy()))
    found = study.p_values().set_index("region")
    for j in range(m):
        own = [scores[f"s{i}", f"r{j}"] for i in range(n)]
        expected = pooled_p([values[0] for values in own], [values[1:] for values in own])
        assert found.loc[f"r{j}", "p"] == expected
    np.testing.assert_allclose(found["q"], adjusted(found["p"].to_numpy()))
    assert (found["sessions"] == n).all()
    assert (found["others"] == 8).all()


def test_a_study_without_results_is_read_as_empty(tmp_path):
    (tmp_path / "study.json").write_text("{}")
    study = Study(tmp_path)
    for table in (study.table(), study.nulls(), study.scores(), study.by_region()):
        assert len(table) == 0
        assert "region" in table
    for table in (study.failures(), study.p_values(), study.p_values("session")):
        assert len(table) == 0
        assert len(table.columns)


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no study; give the folder that study"):
        Study(tmp_path)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ValueError, match="by is 'animal'; use 'region' or 'session'"):
        Study(tmp_path).p_values("animal")
