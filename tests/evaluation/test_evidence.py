"""What is stored of the real recording: its form, and two of its numbers measured again."""

import re

import numpy as np
import pytest
import real_data

from pupil_helpers import ceilings, compare, read_steinmetz, summary
from pupil_helpers._files import file_hash
from pupil_helpers.evaluation.evidence import stored_evidence

REGIONS = ["VISpm", "VISl", "POST", "CA1", "root"]
CONTROLS = "linear shift", "trial shuffle"
ROUNDING = 1e-5  # of what is stored


@pytest.fixture(scope="module")
def cori(tmp_path_factory):
    path = real_data.cori_part_file(tmp_path_factory.mktemp("cori"))
    return read_steinmetz(path, real_data.CORI_INDEX, start=real_data.CORI_START)


def one(what, measure, region, model=None):
    """The value of one cell."""
    table = stored_evidence(what)
    mine = (table["measure"] == measure) & (table["region"] == region)
    if model is not None:
        mine &= table["model"] == model
    (value,) = table.loc[mine, "value"]
    return value


def test_every_row_is_one_number_and_says_what_it_was_made_from():
    table = stored_evidence()
    assert list(table) == [
        "what", "measure", "model", "region", "value", "low", "high", "seed_sd", "seeds",
        "data_sha256", "code", "date",
    ]  # fmt: skip
    assert not table.duplicated(["what", "measure", "model", "region"]).any()
    assert np.isfinite(table["value"]).all()
    (digest,) = table["data_sha256"].unique()
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert table["code"].str.fullmatch(r"\d+\.\d+\.\d+\S* [0-9a-f]{12}").all()
    assert table["date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_scores_have_intervals_and_what_is_fitted_by_chance_several_seeds():
    table = stored_evidence("score")
    assert set(table["region"]) == set(REGIONS)
    assert len(table) == table["measure"].nunique() * table["model"].nunique() * len(REGIONS)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    several = table["seeds"] > 1
    assert (table["seed_sd"].notna() == several).all()
    assert set(table.loc[several, "model"]) == {"PupilEncoder"}


def test_controls_are_complete_and_no_p_is_below_the_least():
    for name in CONTROLS:
        table = stored_evidence(name)
        wide = table.pivot(index=["model", "region"], columns="measure", values="value")
        assert "ridge" in wide.index.unique("model")
        assert len(wide) == wide.index.unique("model").size * len(REGIONS)
        assert wide.notna().all(axis=None)
        assert (wide["p"] >= wide["least p"]).all()
        assert (wide["least p"] < 0.05).all()  # or no link could ever show
        assert (wide["null median"] <= wide["null 95 %"]).all()


def test_what_is_not_stored_is_refused_with_what_is():
    with pytest.raises(ValueError, match="'weight'; choose from recording, ceiling, score, "):
        stored_evidence("weight")


def test_numbers_are_of_the_recording_that_is_here():
    (digest,) = stored_evidence()["data_sha256"].unique()
    assert file_hash(real_data.require_real_data()) == digest


def test_a_rate_and_a_ceiling_measured_again(cori):
    rates = cori.region_table()["rate_hz"]
    assert rates["VISpm"] == pytest.approx(one("recording", "rate_hz", "VISpm"), abs=ROUNDING)
    found = ceilings(cori, ["CA1"])
    stored = one("ceiling", "split_half", "CA1")
    assert found.loc["CA1", "split_half"] == pytest.approx(stored, abs=ROUNDING)


def test_a_score_of_ridge_measured_again(cori):
    table = compare(cori, ["ridge"], REGIONS, n_jobs=1, progress=False)
    found = summary(table, "psth_relative").set_index("region")
    for region in ("VISl", "root"):  # the best and the worst
        stored = one("score", "psth_relative", region, "ridge")
        assert found.loc[region, "score"] == pytest.approx(stored, abs=1e-3)
