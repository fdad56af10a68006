"""Folds joined into whole sessions, summed up with intervals, beside what could be reached."""

import numpy as np
import pandas as pd
import pytest
from contestants import QUIET, REGIONS, Noisy, changed, coarse

from pupil_helpers.evaluation.compare import compare
from pupil_helpers.evaluation.summary import ceilings, differences, out_of_fold, summary
from pupil_helpers.metrics import scores as metrics
from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.models.linear import PSTH, Constant
from pupil_helpers.session import SessionError
from pupil_helpers.signals.rates import boxcar
from pupil_helpers.signals.splits import blocked_folds

KERNEL = boxcar(0.1, 0.01)


@pytest.fixture(scope="module")
def table(session):
    models = {"noisy": Noisy(), "psth": PSTH(), "low": Noisy(-0.5), "constant": Constant()}
    return compare(session, models, REGIONS, seeds=(0, 1, 2), **QUIET)


def test_out_of_fold_predictions_come_from_the_fold_that_left_the_trial_out(session, table):
    held = out_of_fold(table, "psth")
    counts = session.region_counts(REGIONS)
    np.testing.assert_array_equal(held.trials, np.arange(30))
    np.testing.assert_array_equal(held.counts, counts)
    for train, test in blocked_folds(30, 5, 2):
        for trial in test:
            np.testing.assert_allclose(held.predicted[trial], counts[train].mean(0), rtol=1e-6)
    np.testing.assert_allclose(held.psth, held.predicted, rtol=1e-6)
    one = out_of_fold(table[table["region"] == "CA1"], "psth")  # follows the rows it is given
    assert one.regions.tolist() == ["CA1"]
    np.testing.assert_array_equal(one.predicted, held.predicted[..., [1]])


def test_summary_joins_folds_and_averages_seeds(table):
    held = [out_of_fold(table, "noisy", seed) for seed in (0, 1, 2)]
    for metric in ("psth_relative", "r2", "bits_per_spike", "poisson_d2"):
        found = summary(table[table["model"] == "noisy"], metric, n_boot=50).set_index("region")
        by_hand = np.array([one.score(metric) for one in held])
        np.testing.assert_allclose(found.loc[REGIONS, "score"], by_hand.mean(0))
        np.testing.assert_allclose(found.loc[REGIONS, "seed_sd"], by_hand.std(0, ddof=1))
        assert (found["low"] < found["score"]).all()
        assert (found["score"] < found["high"]).all()
        assert (found["seeds"] == 3).all()


def test_summary_interval_is_the_block_bootstrap_of_the_joined_folds(session, table):
    counts, held = session.region_counts(REGIONS), out_of_fold(table, "constant")
    low, high = metrics.bootstrap_ci(
        counts, held.predicted, held.psth, kernel=KERNEL, n_boot=200, block=3
    )
    found = summary(table[table["model"] == "constant"], n_boot=200, block=3)
    np.testing.assert_allclose(found["low"], low)
    np.testing.assert_allclose(found["high"], high)
    assert np.isnan(found["seed_sd"]).all()


def test_differences_in_r2_are_taken_trial_by_trial(table):
    r2 = summary(table, "r2", n_boot=200).set_index(["model", "region"])
    for model, other in [("noisy", "psth"), ("low", "psth"), ("low", "noisy")]:
        found = differences(table, other, n_boot=200).set_index(["model", "region"])
        assert set(found.index.unique("model")) == {"noisy", "psth", "low", "constant"} - {other}
        difference = r2.loc[model, "score"] - r2.loc[other, "score"]
        np.testing.assert_allclose(found.loc[model, "score"], difference)
    found = differences(table, "psth", n_boot=200).set_index(["model", "region"]).loc["noisy"]
    alone = r2.loc["noisy"]  # it is much like the PSTH
    assert (found["high"] - found["low"] < alone["high"] - alone["low"]).all()


def test_other_bins_are_smoothed_over_100_ms_too(session):
    table = compare(coarse(session), {"constant": Constant()}, REGIONS, seeds=(0,), **QUIET)
    held = out_of_fold(table, "constant")
    expected = metrics.r2(held.counts, held.predicted, boxcar(0.1, 0.02))
    np.testing.assert_allclose(summary(table, "r2")["score"], expected)


def test_a_table_survives_a_file(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    again = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, na_values=["nan"])
    pd.testing.assert_frame_equal(summary(again), summary(table))


def test_what_the_table_does_not_hold_is_named(session, table):
    with pytest.raises(ValueError, match="no metric 'accuracy'"):
        summary(table, "accuracy")
    with pytest.raises(ValueError, match="no fits of 'ridge'"):
        out_of_fold(table, "ridge")
    bare = compare(session, {"psth": PSTH()}, REGIONS, keep_predictions=False, **QUIET)
    assert bare["psth_relative"].notna().all()
    with pytest.raises(ValueError, match="keep_predictions=True"):
        summary(bare)


# -- awkward regions ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def awkward(session):
    """One region of a single neuron, one with half its neurons silent, one without a spike."""
    spikes, regions = session.spikes.copy(), session.regions.copy()
    spikes[..., np.flatnonzero(regions == "SCm")[::2]] = 0
    spikes[..., regions == "VISam"] = 0
    regions[np.flatnonzero(regions == "CA1")[1:]] = "rest"
    return changed(session, spikes=spikes, regions=regions)


def test_single_and_silent_neurons(awkward):
    regions, models = ["CA1", "SCm", "VISam"], ["constant", "PSTH", "ridge"]
    table = compare(awkward, models, regions, seeds=(0,), n_folds=2, **QUIET)
    found = table.groupby("region")[["r2", "psth_relative", "bits_per_spike"]]
    assert found.get_group("SCm").notna().all(axis=None)
    assert found.get_group("CA1").notna().all(axis=None)
    assert found.get_group("VISam").isna().all(axis=None)  # nothing varies, nothing to explain
    assert summary(table)["score"].notna().sum() == 6


def test_ceilings(session, awkward):
    found = ceilings(session, REGIONS)
    assert found["neurons"].tolist() == [32, 34]
    counts, rates = session.region_counts(REGIONS), session.true_region_rates(REGIONS)
    np.testing.assert_allclose(found["known"], known_ceiling(counts, rates, KERNEL))
    half = split_half_ceiling(session.spikes[..., session.regions == "CA1"], KERNEL)
    assert found.loc["CA1", "split_half"] == half

    found = ceilings(awkward)
    assert np.isnan(found.loc["CA1", "split_half"])  # one neuron has no halves
    assert np.isnan(found.loc["VISam", ["split_half", "poisson"]]).all()
    assert np.isfinite(found.loc["SCm", "split_half"])
    assert found["known"].isna().all()
    with pytest.raises(SessionError, match="V1"):
        ceilings(session, ["V1"])
