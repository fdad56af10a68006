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


def test_the_default_model_finds_what_there_is_and_otherwise_falls_back_to_the_psth(table):
    found = scores(table)
    np.testing.assert_allclose(found.loc["PSTH", "score"], 0, atol=1e-6)
    ours = found.loc["PupilEncoder"]
    assert (ours["score"] > -0.1).all()  # in units of the PSTH's error
    assert ours["score"].mean() > 0
    for other in ("constant", "PSTH", "ridge"):
        assert (ours["high"] >= found.loc[other, "score"]).all(), other


def test_no_score_passes_its_ceiling(session, table):
    ceiling = ceilings(session, REGIONS)["split_half"]
    assert ((ceiling > 0) & (ceiling < 1)).all()
    for model in MODELS:
        assert (scores(table, "r2").loc[model, "score"] < ceiling).all()
