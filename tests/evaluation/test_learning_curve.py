import pandas as pd
import pytest

from pupil_helpers.evaluation.learning_curve import curve, stored_curve


@pytest.fixture
def rows():
    return pd.DataFrame(
        [
            ("home", mouse, model, trials, region, region == "SCs", mouse / 10 + lead)
            for mouse in (1, 2, 3)
            for model, lead in (("a", 0.2), ("b", 0.0))
            for trials in (20, 300)
            for region in ("SCs", "CA1")
        ],
        columns=["kind", "mouse", "model", "trials", "region", "driven", "share"],
    )


def test_a_curve_is_a_mean_over_mice_of_driven_regions(rows):
    rows.loc[~rows["driven"], "share"] = -5
    found = curve(rows).set_index(["model", "trials"])
    assert found.loc[("a", 20), "mean"] == pytest.approx(0.4)
    assert found.loc[("a", 20), "high"] - found.loc[("a", 20), "low"] > 0.1
    assert (found["mice"] == 3).all()


def test_leads_are_paired_over_mice(rows):
    found = curve(rows, "b")
    assert set(found["model"]) == {"a"}
    assert found[["mean", "low", "high"]].to_numpy() == pytest.approx(0.2)
    with pytest.raises(ValueError, match="no model 'c'"):
        curve(rows, "c")


def test_the_stored_table_is_whole_and_no_mouse_trained_a_core_or_chose():
    rows = stored_curve()
    every = ["kind", "mouse", "model", "trials", "region"]
    assert not rows.duplicated(every).any()
    assert rows.notna().all(axis=None)
    assert rows.groupby(["kind", "mouse"]).size().nunique() == 1
    assert set(rows["trials"]) == {20, 40, 80, 160, 300}
    assert rows["mouse"].min() >= 1200  # cores: 1000 and on; settings: 1100 and on
