"""A search must lose nothing, repeat itself exactly, and search what it says it searches."""

import errno
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import hyperopt
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hyperopt import hp
from sklearn.base import BaseEstimator

from pupil_helpers.metrics import scores as metrics
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.plotting import tuning as figures
from pupil_helpers.recordings.simulate import DRIVEN, simulate_session
from pupil_helpers.signals.rates import gaussian, smooth
from pupil_helpers.signals.splits import inner_blocks
from pupil_helpers.tuning import log as _trial_log
from pupil_helpers.tuning.log import NAME
from pupil_helpers.tuning.objective import RUNGS, UNSEEN, Objective
from pupil_helpers.tuning.search import SPACE, Search, tune
from pupil_helpers.tuning.suggest import bars

PUPIL = np.zeros((24, 5, 3), dtype=np.float32)
COUNTS = np.random.default_rng(0).poisson(2.0, (24, 5, 2))


class Scaled(BaseEstimator):
    """Predicts ``exp(x² + y)`` times the mean count: the best x is 0. Instant to fit."""

    def __init__(self, x=0.0, y=0.0, units=3, pause=0.0, kind="plain"):
        self.x, self.y, self.units, self.pause, self.kind = x, y, units, pause, kind

    def fit(self, pupil, counts):
        if self.kind == "broken" and self.x > 0:
            raise RuntimeError("x is positive")
        if self.kind == "deadly" and self.x > 0:
            os._exit(1)
        if self.kind == "interrupted" and self.x > 0:
            raise KeyboardInterrupt
        assert isinstance(self.units, int)
        time.sleep(self.pause / 5)  # once for each of five blocks
        self.rate = counts.mean((0, 1)) * np.exp(self.x**2 + self.y)
        return self

    def predict(self, pupil):
        return np.broadcast_to(self.rate, (*pupil.shape[:2], 2)) * (
            np.nan if self.kind == "nan" else 1
        )


X = {"x": hp.uniform("x", -2, 2)}


def search(n_trials=12, space=X, model=None, **options):
    options = {"progress": False, "prune": False, **options}
    return tune(PUPIL, COUNTS, space, n_trials, model=model or Scaled(), **options)


def essence(found):
    """All of a search but the clock."""
    return [{k: v for k, v in record.items() if k != "seconds"} for record in found.records]


@pytest.fixture(scope="module")
def mouse():
    session = simulate_session(seed=2, n_trials=40, n_bins=60)
    return session.pupil, session.region_counts(DRIVEN)


# -- what is minimised ----------------------------------------------------------------------


OTHER = {
    "hidden_size": 5, "direction": "causal", "stem_size": 5, "skip": False, "leaky": False,
    "lag_reach": 0.3, "n_lags": 5, "n_components": 6, "epochs": 6,
    "batch_size": 16, "learning_rate": 0.02, "weight_decay": 5.0, "seed": 1,
}  # fmt: skip


def quick(**settings):
    return PupilEncoder(**{"epochs": 4, "batch_size": 8, **settings})


def test_every_parameter_of_the_default_space_is_tried_below():
    assert set(SPACE) <= set(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_every_searched_parameter_changes_the_fit(mouse, name):
    """Changed alone, it must change the predictions, and the loss that the search sees."""
    pupil, counts = mouse
    before = quick(shrink=False).fit(pupil, counts).predict(pupil)
    after = quick(shrink=False, **{name: OTHER[name]}).fit(pupil, counts).predict(pupil)
    assert np.abs(after / before - 1).max() > 1e-3
    objective = Objective(quick(), pupil, counts, 5, 2, {name: OTHER[name]})
    assert objective.cross_fit
    losses = [objective(params)["loss"] for params in ({}, {name: OTHER[name]})]
    assert abs(losses[0] - losses[1]) > 1e-6


def test_parameters_that_the_quick_loss_cannot_see_are_refitted(mouse):
    settings = set(PupilEncoder().get_params())
    assert settings >= UNSEEN
    assert settings - UNSEEN - set(OTHER) == {"device", "progress", "on_epoch"}
    for name in UNSEEN:
        params = {name: PupilEncoder().get_params()[name]}
        assert not Objective(quick(), *mouse, 5, 2, params).cross_fit
    assert not Objective(quick(loss="mse"), *mouse, 5, 2, {}).cross_fit


def test_loss_is_in_bits_per_spike(mouse):
    """The quick loss against the public metric, on each network's own left-out block."""
    pupil, counts = mouse
    result = Objective(quick(epochs=1), pupil, counts, 5, 2, {})({})
    model = quick(epochs=1, n_blocks=5, gap=2).fit(pupil, counts)
    gains = model._gains(model._inputs(pupil))  # (members, trials, bins, regions)
    blocks = inner_blocks(np.arange(len(pupil)), 5, 2)
    base = model._baseline
    predicted = np.concatenate([base * gains[i, b.test] for i, b in enumerate(blocks)])
    truth = counts[np.concatenate([b.test for b in blocks])]
    bits = metrics.bits_per_spike(truth, predicted, base)
    spikes = truth.sum((0, 1))
    assert -result["loss"] == pytest.approx((bits * spikes).sum() / spikes.sum(), rel=0.05)


def test_loss_of_other_models_is_in_bits_per_spike_too():
    result = Objective(Scaled(), PUPIL, COUNTS, 4, 2, {"x": 0.3})({"x": 0.3})
    nats = 0.0
    for train, test in inner_blocks(np.arange(24), 4, 2):
        rate = COUNTS[train].mean((0, 1)) * np.exp(0.09)
        psth = smooth(COUNTS[train].mean(0)[None], gaussian(0.015))[0]
        nats += (rate - psth - COUNTS[test] * np.log(rate / psth)).sum()
    assert result["loss"] == pytest.approx(nats / COUNTS.sum() / np.log(2), rel=1e-6)
    assert len(result["curve"]) == result["n_steps"] == 4


def test_models_that_train_in_their_own_way_are_refitted(mouse):
    model = PupilEncoder.original(max_iterations=2)
    found = tune(*mouse, {"patience": 3}, 1, model=model, n_blocks=3, progress=False)
    assert found.table["status"].tolist() == ["ok"], found.table["error"]
    assert len(found.records[0]["curve"]) == 3


def test_held_out_blocks_are_contiguous_and_apart():
    """The gap keeps neighbours of the held-out trials out of the fit."""
    seen = []

    class Spy(Scaled):
        def fit(self, pupil, counts):
            seen.append([set(pupil[:, 0, 0].astype(int))])
            return super().fit(pupil, counts)

        def predict(self, pupil):
            seen[-1].append(set(pupil[:, 0, 0].astype(int)))
            return super().predict(pupil)

    numbered = np.broadcast_to(np.arange(24.0)[:, None, None], PUPIL.shape)
    tune(numbered, COUNTS, X, 1, model=Spy(), n_blocks=4, gap=2, progress=False)
    assert len(seen) == 4
    for train, test in seen:
        assert max(test) - min(test) == len(test) - 1
        assert min(abs(a - b) for a in train for b in test) == 3


# -- searching ------------------------------------------------------------------------------


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
    assert list(table["trial"]) == list(range(15))
    assert found.best == {"x": table.loc[table["loss"].idxmin(), "x"]}
    assert found.best_loss == table["loss"].min() == found.best_so_far()[-1]
    assert np.array_equal(found.best_so_far(), np.minimum.accumulate(table["loss"]))
    assert found.best_model(units=7).get_params() == Scaled(found.best["x"], units=7).get_params()
    assert (table["seconds"] > 0).all()
    assert "15 ok" in repr(found)


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


def test_a_factory_will_do():
    found = search(4, {"x": hp.uniform("x", -1, 1)}, model=lambda x: Scaled(x, y=0.1))
    assert found.best_model().get_params() == Scaled(found.best["x"], 0.1).get_params()


def test_a_class_will_do():
    assert search(2, model=Scaled).best_model().x == pytest.approx(search(2).best["x"])


def test_failed_trials_are_kept_and_passed_over():
    found = search(20, model=Scaled(kind="broken"))
    failed = found.table[found.table["status"] == "fail"]
    assert (failed["x"] > 0).all()
    assert 0 < len(failed) < 20
    assert set(failed["error"]) == {"RuntimeError: x is positive"}
    assert failed["loss"].isna().all()
    assert found.best["x"] <= 0


def test_a_loss_that_is_not_a_number_is_a_failure():
    found = search(3, model=Scaled(kind="nan"))
    assert set(found.table["status"]) == {"fail"}
    assert np.isnan(found.best_so_far()).all()
    with pytest.raises(ValueError, match=r"no trial of 3 succeeded: the first failed with .*nan"):
        _ = found.best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": {"z": hp.uniform("z", 0, 1)}}, "space has 'z', which Scaled does not take"),
        ({"space": hp.uniform("x", 0, 1)}, "space must give a dict"),
        ({"space": {"kind": hp.choice("kind", [print, len])}}, "cannot be stored"),
        ({"n_trials": 0}, "n_trials is 0"),
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"algo": "annealing"}, "algo is 'annealing'"),
        ({"n_blocks": 30}, "24 trials are too few"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        search(**options)


def test_mismatched_arrays_are_refused():
    with pytest.raises(ValueError, match="give both the same trials"):
        tune(PUPIL[:-1], COUNTS, X, 2, model=Scaled())


# -- stopping hopeless trials ---------------------------------------------------------------


def known(curves, n_steps=8):
    return [{"curve": curve, "n_steps": n_steps} for curve in curves]


def test_bars_are_quantiles_of_the_best_so_far():
    curves = np.random.default_rng(0).normal(size=(20, 8))
    lowest = np.minimum.accumulate(curves, axis=1)
    expected = [(share, np.quantile(lowest[:, int(share * 8) - 1], q)) for share, q in RUNGS]
    assert np.allclose(bars(known(curves.tolist()), 10), expected)
    assert bars(known(curves[:9].tolist()), 10) == []
    stopped = [curve[:2] for curve in curves.tolist()[:15]] + curves.tolist()[15:]
    assert [share for share, _ in bars(known(stopped), 10)] == [0.25]


def test_hopeless_trials_stop_early_and_are_never_best(mouse):
    space = {"learning_rate": hp.choice("learning_rate", [0.005, 1e-7])}
    options = {"model": quick(epochs=8), "n_startup": 4, "progress": False}
    options["algo"] = "random"
    found = tune(*mouse, space, 14, **options)
    table = found.table
    pruned = table[table["status"] == "pruned"]
    assert len(pruned) > 0
    assert pruned["trial"].min() >= 4
    assert set(pruned["epochs"]) <= {2, 4, 6}
    assert set(pruned["learning_rate"]) == {1e-7}
    assert found.best == {"learning_rate": 0.005}
    everything = tune(*mouse, space, 14, prune=False, **options).table
    assert (everything["epochs"] == 8).all()
    finished = table["status"] == "ok"
    assert np.allclose(everything["loss"][finished], table["loss"][finished])


# -- nothing is lost ------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"algo": "random"}, {"prune": True}])
def test_a_resumed_search_is_the_uninterrupted_one(tmp_path, options):
    whole = search(16, folder=tmp_path / "whole", **options)
    search(5, folder=tmp_path / "parts", **options)
    search(12, folder=tmp_path / "parts", **options)
    resumed = search(16, folder=tmp_path / "parts", **options)
    assert essence(resumed) == essence(whole)
    assert essence(Search.load(tmp_path / "parts", Scaled())) == essence(whole)
    assert len({record["params"]["x"] for record in whole.records}) == 16


def test_asking_for_fewer_trials_than_there_are_keeps_them(tmp_path):
    search(6, folder=tmp_path)
    assert len(search(2, folder=tmp_path).records) == 6


def run_and_wait_to_be_killed(folder):
    search(60, folder=folder, model=Scaled(pause=0.01))


def read_lines(folder):
    path = folder / NAME
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_kill_at_any_moment_loses_no_trial(tmp_path):
    """Killed again and again at random moments; every whole line must live on as it was."""
    context = multiprocessing.get_context("fork")
    moments = np.random.default_rng(1)
    written = []
    for _ in range(12):
        process = context.Process(target=run_and_wait_to_be_killed, args=(tmp_path,))
        process.start()
        while len(read_lines(tmp_path)) <= len(written) and process.is_alive():
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        lines = read_lines(tmp_path)
        assert lines[: len(written)] == written
        written = lines
    assert 12 < len(written) < 60  # it was indeed killed on the way
    found = search(60, folder=tmp_path, model=Scaled(pause=0.01))
    assert read_lines(tmp_path)[: len(written)] == written
    assert [record["trial"] for record in found.records] == list(range(60))
    assert essence(found) == essence(search(60, model=Scaled(pause=0.01)))


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_search import Scaled, search
search(30, folder={folder!r}, model=Scaled(pause=0.1), n_jobs=2, n_startup=3)
"""


def test_kill_of_a_parallel_search_loses_no_trial(tmp_path):
    """A real process with workers: finished trials stay, also those that overtook others."""
    code = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(tmp_path / "killed"))
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while len(read_lines(tmp_path / "killed")) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    written = read_lines(tmp_path / "killed")
    assert 8 <= len(written) < 31
    options = {"model": Scaled(pause=0.1), "n_jobs": 2, "n_startup": 3}
    resumed = search(12, folder=tmp_path / "killed", **options)
    assert read_lines(tmp_path / "killed")[: len(written)] == written
    whole = search(12, **options)
    assert essence(resumed)[:12] == essence(whole)


def test_parallel_search_fills_gaps_and_is_repeatable(tmp_path):
    options = {"n_jobs": 2, "n_startup": 3, "folder": tmp_path}
    first = search(14, **options)
    lines = read_lines(tmp_path)
    kept = [line for line in lines if json.loads(line).get("trial") not in (4, 9)]
    (tmp_path / NAME).write_bytes(b"\n".join(kept) + b"\n")
    again = search(14, **options)
    assert essence(again) == essence(first)
    assert len(read_lines(tmp_path)) == len(lines)


def test_a_worker_that_dies_is_said_and_the_rest_is_kept(tmp_path):
    with pytest.raises(RuntimeError, match="a worker process was killed"):
        search(20, model=Scaled(kind="deadly"), folder=tmp_path, n_jobs=2)
    kept = Search.load(tmp_path).records
    assert all(record["params"]["x"] <= 0 for record in kept)
    assert len(search(6, n_jobs=2).records) == 6  # and the next search has new workers


def test_torn_last_line_is_cut_off(tmp_path):
    whole = search(4, folder=tmp_path / "whole")
    text = (tmp_path / "whole" / NAME).read_bytes()
    start = text.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(text)):
        folder = tmp_path / "torn"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / NAME).write_bytes(text[:end])
        assert essence(Search.load(folder)) == essence(whole)[:3]
    assert essence(search(4, folder=folder)) == essence(whole)


def test_loading_changes_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"there is no search in .*nowhere"):
        Search.load(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    search(3, folder=tmp_path)
    with open(tmp_path / NAME, "ab") as file:
        file.write(b'{"trial": 3')
    before = (tmp_path / NAME).read_bytes()
    held = _trial_log.TrialLog(tmp_path / "other", {})  # a search that is running
    (tmp_path / "other" / NAME).write_bytes(before)
    assert len(Search.load(tmp_path / "other").records) == len(Search.load(tmp_path).records) == 3
    held.close()
    assert (tmp_path / NAME).read_bytes() == before


def test_kill_while_the_file_is_begun(tmp_path):
    (tmp_path / NAME).with_suffix(".part").write_text('{"abo')
    assert len(search(2, folder=tmp_path).records) == 2


def test_damage_in_the_middle_is_named(tmp_path):
    search(3, folder=tmp_path)
    lines = read_lines(tmp_path)
    lines[2] = lines[2][:-5]
    (tmp_path / NAME).write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ValueError, match=r"line 3 of .*trials.jsonl is damaged"):
        search(3, folder=tmp_path)


def test_interrupt_keeps_what_was_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        search(30, folder=tmp_path, model=Scaled(kind="interrupted"))
    kept = Search.load(tmp_path).table
    assert (kept["x"] <= 0).all()


def test_full_disk_is_named_and_can_be_mended(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    search(3, folder=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(_trial_log.os, "fsync", full)
        with pytest.raises(OSError, match=r"trial 3 could not be written .*No space left"):
            search(6, folder=tmp_path)
    assert essence(search(6, folder=tmp_path)) == essence(search(6))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"algo": "random"}, "algo"),
        ({"space": {"x": hp.uniform("x", -2, 1)}}, "space"),
        ({"model": Scaled(y=1.0)}, "model"),
        ({"n_blocks": 4}, "blocks"),
    ],
)
def test_a_folder_with_another_search_is_refused(tmp_path, change, named):
    search(2, folder=tmp_path)
    with pytest.raises(ValueError, match=f"another {named} "):
        search(3, folder=tmp_path, **change)


def test_a_folder_with_other_data_is_refused(tmp_path):
    search(2, folder=tmp_path)
    with pytest.raises(ValueError, match="another data "):
        tune(PUPIL, COUNTS + 1, X, 3, model=Scaled(), folder=tmp_path, prune=False)


def test_two_searches_cannot_share_a_folder(tmp_path):
    pytest.importorskip("fcntl")
    held = _trial_log.TrialLog(tmp_path, {})
    with pytest.raises(ValueError, match="another search is writing"):
        search(2, folder=tmp_path)
    held.close()
    shutil.rmtree(tmp_path)
    search(2, folder=tmp_path)


# -- figures --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "broken"])
def test_figures_cope_with_failed_and_stopped_trials(kind):
    space = {**X, "pause": hp.loguniform("pause", -20, -12)}
    found = search(14, space, model=Scaled(kind=kind), n_startup=4, prune=True)
    assert "ok" in set(found.table["status"])
    plots = [
        figures.history({"one": found, "other": found}, noise=0.1),
        figures.slices(found.table, ["x", "pause"]),
        figures.parallel(found.table, ["x", "pause"]),
    ]
    lines = plots[2].axes[0].collections[0].get_segments()
    assert len(lines) == (found.table["status"] == "ok").sum()
    for plot in plots:
        plot.canvas.draw()
        plt.close(plot)


# -- hyperopt's own machinery ---------------------------------------------------------------


def test_hyperopt_goes_on_from_the_stored_trials(tmp_path):
    found = search(8, folder=tmp_path)
    trials = Search.load(tmp_path).trials
    assert trials.best_trial["result"]["loss"] == found.best_loss
    hyperopt.fmin(
        lambda params: params["x"] ** 2, X, algo=hyperopt.tpe.suggest, max_evals=10, trials=trials,
        rstate=np.random.default_rng(0), show_progressbar=False,
    )  # fmt: skip
    assert len(trials) == 10


def test_any_trials_object_will_do(tmp_path):
    trials = hyperopt.Trials()
    found = search(7, trials=trials, folder=tmp_path)
    assert essence(found) == essence(search(7))
    assert len(trials) == 7
    resumed = search(12, trials=hyperopt.Trials(), folder=tmp_path)
    assert essence(resumed) == essence(search(12))
    with pytest.raises(ValueError, match="give an empty trials"):
        search(14, trials=trials, folder=tmp_path)


def test_failures_in_hyperopt_are_recorded(tmp_path):
    found = search(15, model=Scaled(kind="broken"), trials=hyperopt.Trials(), folder=tmp_path)
    assert essence(found) == essence(search(15, model=Scaled(kind="broken")))


def test_full_disk_does_not_hang_hyperopt(tmp_path, monkeypatch):
    search(1, folder=tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_trial_log.os, "fsync", full)
    with pytest.raises(OSError, match="could not be written"):
        search(5, trials=hyperopt.Trials(), folder=tmp_path)


def test_spark_runs_the_search(tmp_path, mouse):
    """The default model in Spark's own Python processes, and again from the folder."""
    pytest.importorskip("pyspark", reason="the extra 'spark' is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()

    def on_spark(n_trials, **options):
        trials = hyperopt.SparkTrials(parallelism=2, spark_session=spark)
        options = {"model": quick(), "folder": tmp_path, "n_startup": 3, **options}
        return tune(*mouse, None, n_trials, trials=trials, progress=False, **options)

    try:
        found = on_spark(5)
        assert len(read_lines(tmp_path)) - 1 == 5
        assert set(found.table["status"]) == {"ok"}
        here = tune(*mouse, None, 3, model=quick(), progress=False, prune=False)
        assert np.allclose(found.table["loss"][:3], here.table["loss"], atol=1e-4)
        resumed = on_spark(7)
        assert essence(resumed)[:5] == essence(found)
        assert resumed.table["learning_rate"].nunique() == 7
        failed = on_spark(2, model=quick(device="nowhere"), folder=None)
        assert set(failed.table["status"]) == {"fail"}
    finally:
        spark.stop()


def test_optuna_learns_from_its_results(tmp_path):
    pytest.importorskip("optuna", reason="the extra 'optuna' is not installed")
    space = {
        "x": hp.uniform("x", -2, 2),
        "units": hp.qloguniform("units", 0, 3, 1),
        "kind": hp.choice("kind", ["plain", "other"]),
        "pause": hp.loguniform("pause", -20, -10),
    }
    near = []
    for seed in range(3):
        found = search(30, space, algo="optuna", seed=seed)
        near.append(found.table["x"][12:].abs().median())
    assert max(near) < 0.6  # uniform draws: 1
    search(12, space, algo="optuna", folder=tmp_path)
    resumed = search(30, space, algo="optuna", folder=tmp_path, seed=0)
    assert essence(resumed) == essence(search(30, space, algo="optuna", seed=0))
