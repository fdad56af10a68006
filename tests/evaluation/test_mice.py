import numpy as np
import pandas as pd
import pytest

from pupil_helpers import compare, simulate_session
from pupil_helpers.evaluation import mice
from pupil_helpers.evaluation.summary import out_of_fold
from pupil_helpers.metrics.scores import r2
from pupil_helpers.models.linear import PSTH, Ridge
from pupil_helpers.recordings.kinds import DRIVEN, KINDS

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def rows():
    models = {"ridge": Ridge(), "PSTH": PSTH()}
    kinds = ["few trials", "null + few trials"]
    return mice.score_on_mice(models, kinds, mice=[700], n_jobs=1, progress=False)


def test_share_is_one_for_the_truth_and_nothing_for_the_mean():
    truth = RNG.gamma(2.0, size=(10, 30))
    assert mice.share(truth, truth) == 1
    assert mice.share(np.full_like(truth, truth.mean()), truth) == pytest.approx(0)
    blocks = np.array_split(np.arange(10), 5)
    assert mice.share(3 + 2 * truth, truth, blocks) == pytest.approx(1)  # level and scale are free
    assert mice.share(-truth, truth, blocks) == 0
    assert mice.share(np.ones_like(truth), truth, blocks) == 0


def test_share_equals_r2_over_its_ceiling_on_average():
    """As its docstring claims: with Poisson counts around the truth, over many draws."""
    truth = RNG.gamma(2.0, size=(200, 40))
    guess = truth.mean() + 0.6 * (truth - truth.mean())
    counts = RNG.poisson(truth, (40, *truth.shape))
    ratio = [r2(c[..., None], guess[..., None], None) / r2(c[..., None], truth[..., None], None)
             for c in counts]  # fmt: skip
    assert mice.share(guess, truth) == pytest.approx(np.mean(ratio), abs=0.01)


def test_one_row_for_each_region_with_the_scores_of_compare(rows):
    mouse = rows[rows["kind"] == "few trials"].set_index(["model", "region"])
    session = simulate_session(700, kind="few trials")
    table = compare(session, {"ridge": Ridge()}, seeds=(0,), n_jobs=1, progress=False)
    held = out_of_fold(table, "ridge")
    expected = dict(zip(held.regions, 1 - held.score("psth_relative"), strict=True))
    for region, error in expected.items():
        assert mouse.loc[("ridge", region), "error"] == pytest.approx(error)
        assert mouse.loc[("PSTH", region), "error"] == pytest.approx(1)
        assert mouse.loc[("PSTH", region), "followed"] == 0
        assert mouse.loc[("ridge", region), "driven"] == (region in DRIVEN)
    assert mouse.loc[("ridge", "LGd"), "share"] > 0.3 > mouse.loc[("PSTH", "LGd"), "share"]
    assert mouse.loc[("ridge", "LGd"), "followed"] == 1


def test_tables_by_kind_are_paired_over_mice():
    rows = pd.DataFrame(
        [
            ("home", mouse, model, 0, "SCs", True, mouse / 10 + lead, 1.0, 1.0, 1.0)
            for mouse in (1, 2, 3)
            for model, lead in (("a", 0.2), ("b", 0.0))
        ],
        columns=["kind", "mouse", "model", "seed", "region", "driven", "share", "error",
                 "followed", "seconds"],
    )  # fmt: skip
    table = mice.by_kind(mice.shares(rows)).set_index("model")
    assert table.loc["a", "mean"] == pytest.approx(0.4)
    assert table.loc["a", "high"] - table.loc["a", "low"] > 0.1
    lead = mice.leads(rows, "a").set_index("model")
    assert lead.loc["b", ["mean", "low", "high"]].to_numpy() == pytest.approx(0.2)
    assert lead.loc["b", "mice"] == 3


def test_holding_back_counts_regions_without_the_pupil_only(rows):
    table = mice.holding_back(rows)
    undriven = rows[(rows["model"] == "ridge") & ~rows["driven"]]
    assert table.loc["ridge", "fits"] == len(undriven) == 3 + 6
    assert table.loc["ridge", "worst"] == undriven["error"].max()
    assert table.loc["PSTH", "at most 1.02"] == 1


def test_an_unknown_kind_is_refused_before_anything_is_fitted():
    with pytest.raises(ValueError, match="unknown kind 'tame'; choose from home, memory"):
        mice.score_on_mice({"PSTH": PSTH()}, ["home", "tame"])


def test_mice_that_chose_are_not_scored():
    assert not set(mice.CHOSE) & set(mice.SCORED)


def test_the_stored_table_is_whole_and_of_mice_that_chose_nothing():
    rows = mice.stored_scores()
    assert set(rows["kind"]) == set(KINDS)  # "null" is a kind, not a missing value
    assert set(rows["mouse"]) == set(mice.SCORED)
    ours = rows[rows["model"] == "PupilEncoder"].groupby(["kind", "mouse", "seed"]).size()
    assert len(ours) == 2 * len(KINDS) * len(mice.SCORED)  # two fits of each
    assert (ours == 6).all()
    assert not rows.duplicated(["kind", "mouse", "model", "seed", "region"]).any()
    assert rows.notna().all(axis=None)


def test_the_stored_ablation_is_whole_and_of_mice_that_chose():
    rows = mice.stored_ablation()
    assert set(rows["kind"]) == set(KINDS)
    assert set(rows["mouse"]) == set(mice.CHOSE[:4])
    assert not rows.duplicated(["kind", "mouse", "model", "region"]).any()
    regions = rows.groupby("kind")["region"].nunique().sum()
    assert (rows.groupby("model").size() == 4 * regions).all()
    assert rows.notna().all(axis=None)
