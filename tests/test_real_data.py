"""A real recording goes the whole way: published file, session, blocked folds, scores.

The recording (mouse Cori, see ``real_data.py``) has pupil area but no x and y, and spikes of
0-0.4 s after the stimulus only: few scores could be high, and none is asked to be.
``benchmarks/real_session.py`` prints them all.
"""

import numpy as np
import pytest
from real_data import CORI_INDEX, CORI_START, cori_part_file

from pupil_helpers.evaluation.compare import compare
from pupil_helpers.evaluation.summary import ceilings, out_of_fold, summary
from pupil_helpers.recordings.steinmetz import read_steinmetz

REGIONS = ["VISpm", "VISl", "POST", "CA1"]
MODELS = ["constant", "PSTH", "ridge", "PupilEncoder"]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    path = cori_part_file(tmp_path_factory.mktemp("cori"))
    return read_steinmetz(path, CORI_INDEX, start=CORI_START)


@pytest.fixture(scope="module")
def table(session, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits")
    return compare(session, MODELS, REGIONS, seeds=(0,), folder=folder, n_jobs=1, progress=False)


def scores(table, metric="psth_relative"):
    """Score with its interval, indexed by model and region."""
    return summary(table, metric).set_index(["model", "region"])


def test_the_file_becomes_a_session(session):
    assert session.spikes.shape == (251, 40, 1070)
    assert session.missing.mean((0, 1)) == pytest.approx([0, 1, 1])  # x and y were not published
    assert set(REGIONS) < set(session.regions)


def test_every_fold_has_every_score(table):
    assert len(table) == len(MODELS) * len(REGIONS) * 5
    assert (table["error"] == "").all()
    for metric in ("r2", "psth_relative", "median_trial_r2", "bits_per_spike", "poisson_d2"):
        assert np.isfinite(table[metric]).all(), metric


def test_every_trial_is_predicted_once(session, table):
    held = out_of_fold(table, "PupilEncoder")
    np.testing.assert_array_equal(held.trials, np.arange(session.n_trials))
    np.testing.assert_array_equal(held.counts, session.region_counts(REGIONS))
    assert (held.predicted > 0).all()


@pytest.mark.parametrize("metric", ["psth_relative", "r2", "bits_per_spike"])
def test_intervals_surround_scores(table, metric):
    found = scores(table, metric)
    assert np.isfinite(found[["score", "low", "high"]]).all(axis=None)
    if metric == "psth_relative":  # where the PSTH is exactly 0
        found = found.query("model != 'PSTH'")
    assert (found["low"] < found["score"]).all()
    assert (found["score"] < found["high"]).all()


def test_the_psth_scores_0_beside_itself(table):
    np.testing.assert_allclose(scores(table).loc["PSTH", "score"], 0, atol=1e-6)


def test_the_default_model_falls_back_to_the_psth_where_the_pupil_does_not_help(table):
    error = 1 - scores(table).loc["PupilEncoder", "score"]  # in units of the PSTH's
    assert (error < 1.1).all()


def test_the_default_model_is_as_good_as_the_others_within_its_interval(table):
    found = scores(table)
    for other in ("constant", "PSTH", "ridge"):
        assert (found.loc["PupilEncoder", "high"] >= found.loc[other, "score"]).all(), other


def test_there_is_something_in_the_pupil_to_find(table):
    assert scores(table).loc["PupilEncoder", "score"].mean() > 0


def test_no_score_passes_its_ceiling(session, table):
    ceiling = ceilings(session, REGIONS)["split_half"]
    assert ((ceiling > 0) & (ceiling < 1)).all()
    for model in MODELS:
        assert (scores(table, "r2").loc[model, "score"] < ceiling).all()
