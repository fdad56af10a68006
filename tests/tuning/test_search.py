"""A search must find the best, repeat itself exactly, and say what it cannot do."""

import itertools
import shutil

import hyperopt
import numpy as np
import pytest
from hyperopt import hp
from instant import Scaled, X, essence, read_lines, search

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.recordings.kinds import DRIVEN
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.tuning.search import Search, tune


def test_tpe_learns_from_its_results():
    """After the start-up it must draw nearer to the optimum than random search does."""
    near = {"tpe": [], "random": []}
    for algo, seed in itertools.product(near, range(4)):
        drawn = search(30, algo=algo, seed=seed).table["x"][12:]
        near[algo].append(drawn.abs().median())
    assert max(near["tpe"]) < min(near["random"])


def test_best_is_the_lowest_loss_and_can_be_refitted():
    found = search(15)
    table = found.table
    assert list(table["evaluation"]) == list(range(15))
    assert found.best == {"x": table.loc[table["loss"].idxmin(), "x"]}
    assert found.best_loss == table["loss"].min() == found.best_so_far()[-1]
    assert np.array_equal(found.best_so_far(), np.minimum.accumulate(table["loss"]))
    assert found.best_model(units=7).get_params() == Scaled(found.best["x"], units=7).get_params()
    assert (table["seconds"] > 0).all()
    assert "15 ok" in repr(found)


def test_losses_by_block_have_the_loss_as_their_mean():
    found = search(6, model=Scaled(kind="broken"))
    losses, failed = found.block_losses, (found.table["status"] == "fail").to_numpy()
    assert losses.shape == (6, 5)
    assert 0 < failed.sum() < 6
    assert np.isnan(losses[failed]).all()
    assert np.allclose(losses.mean(axis=1), found.table["loss"], equal_nan=True)
    assert Search([], None).block_losses.shape == (0, 0)


def test_losses_by_block_survive_hyperopt_and_leave_out_the_stopped(tmp_path):
    found = search(6, folder=tmp_path)
    again = search(6, trials=found.trials)
    assert np.array_equal(again.block_losses, found.block_losses)
    assert np.array_equal(Search.load(tmp_path).block_losses, found.block_losses)
    stopped = Search([{**found.records[0], "status": "pruned"}, *found.records[1:]], None)
    assert np.isnan(stopped.block_losses[0]).all()


def test_choices_conditions_and_whole_numbers():
    space = hp.choice("which", [
        {"kind": "plain", "x": hp.uniform("x", 0, 1)},
        {"kind": "other", "units": hp.quniform("units", 1, 9, 2), "y": hp.choice("y", [0.5, 1.5])},
    ])  # fmt: skip
    found = search(16, space)
    assert {type(r["params"].get("units", 1)) for r in found.records} == {int}
    assert set(found.table["kind"]) == {"plain", "other"}
    assert set(found.table["y"].dropna()) <= {0.5, 1.5}
    for record in found.records:
        assert ("x" in record["params"]) == (record["params"]["kind"] == "plain")


def test_parameters_called_like_columns_do_not_hide_them():
    found = search(3, {"loss": hp.choice("loss", ["a", "b"])}, model=lambda loss: Scaled())
    assert found.table["loss"].dtype == float
    assert set(found.table["param_loss"]) <= {"a", "b"}


def test_a_factory_or_a_class_will_do():
    found = search(4, {"x": hp.uniform("x", -1, 1)}, model=lambda x: Scaled(x, y=0.1))
    assert found.best_model().get_params() == Scaled(found.best["x"], 0.1).get_params()
    assert search(2, model=Scaled).best_model().x == pytest.approx(search(2).best["x"])


def test_failed_evaluations_are_kept_and_passed_over():
    found = search(20, model=Scaled(kind="broken"))
    failed = found.table["status"] == "fail"
    assert (failed == (found.table["x"] > 0)).all()
    assert (failed == found.table["loss"].isna()).all()
    assert set(found.table["error"][failed]) == {"RuntimeError: x is positive"}
    assert found.best["x"] <= 0


def test_a_loss_that_is_not_a_number_is_a_failure():
    found = search(3, model=Scaled(kind="nan"))
    assert set(found.table["status"]) == {"fail"}
    assert np.isnan(found.best_so_far()).all()
    with pytest.raises(ValueError, match=r"no evaluation of 3 succeeded: the first failed .*nan"):
        _ = found.best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": {"z": hp.uniform("z", 0, 1)}}, "Invalid parameter 'z' for estimator Scaled"),
        ({"space": hp.uniform("x", 0, 1)}, "space must give a dict"),
        ({"space": {"kind": hp.choice("kind", [print, len])}}, "kind .* cannot be stored"),
        ({"max_evals": 0}, "max_evals is 0"),
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"algo": "annealing"}, "algo is 'annealing'"),
        ({"n_blocks": 30}, "24 trials are too few"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        search(**options)


# -- hyperopt's own machinery ---------------------------------------------------------------


def test_hyperopt_goes_on_from_the_stored_evaluations(tmp_path):
    found = search(8, folder=tmp_path)
    trials = Search.load(tmp_path).trials
    assert trials.best_trial["result"]["loss"] == found.best_loss
    hyperopt.fmin(
        lambda params: params["x"] ** 2, X, algo=hyperopt.tpe.suggest, max_evals=10, trials=trials,
        rstate=np.random.default_rng(0), show_progressbar=False,
    )  # fmt: skip
    assert len(trials) == 10


@pytest.mark.parametrize("kind", ["plain", "broken"])
def test_any_trials_object_will_do(tmp_path, kind):
    options = {"model": Scaled(kind=kind), "folder": tmp_path}
    found = search(7, trials=(trials := hyperopt.Trials()), **options)
    assert essence(found) == essence(search(7, model=Scaled(kind=kind)))
    assert len(trials) == 7
    resumed = search(12, trials=hyperopt.Trials(), **options)
    assert essence(resumed) == essence(search(12, model=Scaled(kind=kind)))
    with pytest.raises(ValueError, match="give an empty trials"):
        search(14, trials=trials, **options)


def test_spark_runs_the_search(tmp_path):
    """The default model in Spark's own Python processes, and again from the folder."""
    pytest.importorskip("pyspark", reason="the extra 'spark' is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    session = simulate_session(seed=2, n_trials=40, n_bins=60)
    mouse = session.pupil, session.region_counts(DRIVEN)
    quick = PupilEncoder(n_updates=16)

    def on_spark(max_evals, **options):
        trials = hyperopt.SparkTrials(parallelism=2, spark_session=spark)
        options = {"model": quick, "folder": tmp_path, "n_startup": 3, **options}
        return tune(*mouse, None, max_evals, trials=trials, progress=False, **options)

    try:
        found = on_spark(5)
        assert len(read_lines(tmp_path)) - 1 == 5
        assert set(found.table["status"]) == {"ok"}
        here = tune(*mouse, None, 3, model=quick, progress=False, prune=False)
        assert np.allclose(found.table["loss"][:3], here.table["loss"], atol=1e-4)
        resumed = on_spark(7)
        assert essence(resumed)[:5] == essence(found)
        assert resumed.table["learning_rate"].nunique() == 7
        failed = on_spark(2, model=PupilEncoder(device="nowhere"), folder=None)
        assert set(failed.table["status"]) == {"fail"}
    finally:
        spark.stop()
