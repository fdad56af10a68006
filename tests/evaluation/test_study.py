"""A study of many sessions loses nothing when killed, trusts nothing stale, takes any engine."""

import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import submitit
from contestants import LOG, QUIET, REGIONS, Dying, Fragile, Noisy, Slow, small_session
from distributed import Client, LocalCluster
from joblib.externals.loky import get_reusable_executor

from pupil_helpers import _files
from pupil_helpers.evaluation import study as module
from pupil_helpers.evaluation.compare import compare
from pupil_helpers.evaluation.nulls import refit_score, session_permutation
from pupil_helpers.evaluation.study import study
from pupil_helpers.evaluation.summary import SCORES, ceilings, summary
from pupil_helpers.models.linear import PSTH
from pupil_helpers.recordings import load_session
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.signals.splits import blocked_folds

posix = pytest.mark.skipif(os.name != "posix", reason="kills processes")
SMALL = {"n_trials": 30, "n_bins": 40, "blink_rate": 0}
SETTINGS = {"regions": REGIONS, **QUIET}
KEYS = ["session", "region", "model", "fold", "seed"]
CHANGING = ["seconds"]  # from run to run


def mice(n=2):
    return [("simulated", {"seed": seed, **SMALL}) for seed in range(3, 3 + n)]


def noisy(folder, sessions=None, model=None, **settings):
    """A study of one model, by default on two mice."""
    models = {"noisy": Noisy() if model is None else model}
    sessions = mice() if sessions is None else sessions
    return study(sessions, models, folder=folder, **SETTINGS | settings)


def same(table, other):
    drop = {"columns": CHANGING}
    pd.testing.assert_frame_equal(table.drop(**drop), other.drop(**drop))


# -- what it computes ---------------------------------------------------------------------------


def test_rows_are_those_of_a_comparison_with_ceilings_and_joined_folds(session, tmp_path):
    models = {"psth": PSTH(), "noisy": Noisy()}
    table = study([session], models, folder=tmp_path, seeds=(0, 7), **SETTINGS).table()
    assert len(table) == 2 * 5 * 1 + 2 * 5 * 2  # regions × folds × seeds; the PSTH has no seed
    assert not table.duplicated(KEYS).any()
    assert set(table["neurons"]) == {(session.regions == region).sum() for region in REGIONS}

    expected = compare(session, models, REGIONS, seeds=(0, 7), **QUIET)
    keys = ["model", "seed", "fold", "region"]
    left, right = table.set_index(keys).sort_index(), expected.set_index(keys).sort_index()
    np.testing.assert_allclose(left[list(SCORES)], right[list(SCORES)], rtol=1e-5, atol=1e-7)
    one = table.query("seed == 0 and fold == 0").set_index(["model", "region"])
    for metric in ("r2", "psth_relative"):
        whole = summary(expected[expected["seed"] == 0], metric).set_index(["model", "region"])
        columns = [f"session_{metric}{end}" for end in ("", "_low", "_high")]
        np.testing.assert_allclose(
            one.loc[whole.index, columns], whole[["score", "low", "high"]], rtol=1e-4, atol=1e-6
        )
    found = one.loc["noisy", ["ceiling_split_half", "ceiling_poisson", "ceiling_known"]]
    bounds = ceilings(session, REGIONS)[["split_half", "poisson", "known"]]
    np.testing.assert_allclose(found.loc[REGIONS], bounds)


def test_the_results_are_a_data_set_that_others_read(tmp_path):
    table = noisy(tmp_path).table()
    plain = pd.read_parquet(tmp_path / "fits").sort_values(KEYS, ignore_index=True)
    pd.testing.assert_frame_equal(plain, table.sort_values(KEYS, ignore_index=True))
    assert {path.suffix for path in tmp_path.rglob("*.*")} == {".json", ".npz", ".parquet"}
    assert (table[["version", "code", "python", "numpy", "torch"]] != "").all(axis=None)


def test_sessions_may_be_files_sessions_or_functions_and_are_told_apart(session, tmp_path):
    file = session.save(tmp_path / "a mouse.npz")
    sessions = {
        "file": file,
        "object": session,
        "source": ("simulated", {"seed": 3, **SMALL}),
        "function": (simulate_session, {"seed": 3, **SMALL}),
    }
    table = noisy(tmp_path / "study", sessions).table()
    by_session = [rows.drop(columns=["session", "animal"]) for _, rows in table.groupby("session")]
    assert set(table["session"]) == set(sessions)
    for rows in by_session[1:]:
        same(rows.reset_index(drop=True), by_session[0].reset_index(drop=True))


def test_regions_are_those_a_session_has_with_enough_neurons(tmp_path):
    few = {"few": ("simulated", {"kind": "few neurons", **SMALL}), "many": mice()[0]}
    found = noisy(tmp_path, few, regions=None, min_neurons=5)
    assert set(found.table()["session"]) == {"many"}
    assert (
        "no region wanted with 5 neurons or more; it has CA1 (4), LGd"
        in found.failures()["error"][0]
    )
    found = noisy(tmp_path / "other", few, regions=None, min_neurons=4)
    assert found.table().groupby("session")["region"].nunique().tolist() == [6, 6]


def of_date(seed, date="2016-12-14"):
    made = simulate_session(seed, **SMALL)
    made.name = f"Cori {date}"
    made.trials["who"] = "in trials"
    return made


@pytest.mark.parametrize(
    ("animals", "animal"),
    [
        (None, "Cori"),
        ({"Cori 2016-12-14": "in a dict"}, "in a dict"),
        ("who", "in trials"),
        (lambda session: session.regions[0], "SCs"),
    ],
)
def test_the_animal_is_what_one_is_told_or_the_name_less_the_date(tmp_path, animals, animal):
    assert noisy(tmp_path, [of_date(3)], animals=animals).table()["animal"].unique() == [animal]


@pytest.mark.parametrize(
    ("animals", "message"),
    [
        ({}, "animals does not say which animal session"),
        ("contrast", "0 different values in a col"),
    ],
)
def test_an_animal_that_cannot_be_told_is_a_failure(tmp_path, animals, message):
    assert message in noisy(tmp_path, [of_date(3)], animals=animals).failures()["error"][0]


def test_jobs_carry_paths_and_no_arrays(tmp_path, monkeypatch):
    seen = []
    run = module._run
    monkeypatch.setattr(module, "_run", lambda *args: seen.extend(args[1]) or run(*args))
    noisy(tmp_path)
    assert len(seen) == 2 + 2
    assert max(len(pickle.dumps(job)) for job in seen) < 3000


# -- resuming -----------------------------------------------------------------------------------


def test_a_second_call_fits_only_what_is_new(tmp_path, fits):
    first = noisy(tmp_path).table()
    assert len(fits) == 2 * 5
    pd.testing.assert_frame_equal(noisy(tmp_path).table(), first)
    assert len(fits) == 10
    grown = noisy(tmp_path, mice(3), seeds=(0, 1)).table()
    assert len(fits) == 3 * 2 * 5
    assert len(grown) == 3 * 2 * 5 * len(REGIONS)
    study(mice(3)[2:], {"other": Noisy(0.5)}, folder=tmp_path, **SETTINGS)
    assert len(fits) == 35


@pytest.mark.parametrize("change", ["model", "data", "half a file", "no session file"])
def test_what_was_made_from_anything_else_is_made_again_and_takes_its_place(
    tmp_path, fits, session, change
):
    folder, file = tmp_path / "study", session.save(tmp_path / "mouse.npz")
    first = noisy(folder, [file]).table()
    (kept,) = (folder / "fits").glob("*/*.parquet")
    if change == "data":
        session[:25].save(file)
    if change == "half a file":
        kept.write_bytes(kept.read_bytes()[:2000])
    if change == "no session file":  # the study does not need it, but what it kept of it
        for prepared in (folder / "sessions").iterdir():
            prepared.write_bytes(prepared.read_bytes()[:2000])
    again = noisy(folder, [file], Noisy(0.5) if change == "model" else None).table()
    assert len(again) == len(first)
    assert len(fits) == (5 if change == "no session file" else 10)
    changed = change in ("model", "data")
    assert (first["r2"] != again["r2"]).all() == changed


@posix
def test_a_study_killed_at_any_moment_goes_on_where_it_stopped(tmp_path, fits):
    folder = tmp_path / "study"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_study import Slow, mice, noisy\n"
        f"noisy({str(folder)!r}, mice(3), Slow(), seeds=range(8), n_jobs=2)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(list(folder.glob("fits/*/*.parquet"))) < 3:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline, "nothing was finished in two minutes"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = len(list(folder.glob("fits/*/*.parquet")))
    assert 3 <= finished < 24
    table = noisy(folder, mice(3), Slow(), seeds=range(8)).table()
    assert len(fits) == (24 - finished) * 5
    whole = noisy(tmp_path / "whole", mice(3), seeds=range(8)).table()  # Slow is only slow
    same(table, whole)
    left = [path for path in folder.rglob("*.part") if path.parent.name != "sessions"]
    assert len(left) <= 2  # of files that were being written; no reader takes them for results


def test_an_interruption_keeps_what_was_finished(tmp_path, fits):
    def interrupt(_):
        if len(fits) == 7:
            raise KeyboardInterrupt
        return True

    LOG.addFilter(interrupt)
    with pytest.raises(KeyboardInterrupt):
        noisy(tmp_path)
    LOG.removeFilter(interrupt)
    del fits[:]
    assert len(noisy(tmp_path).table()) == 2 * 5 * len(REGIONS)
    assert len(fits) == 5


# -- failures -----------------------------------------------------------------------------------


def test_failures_are_kept_beside_the_results_until_they_are_mended(session, tmp_path, fits):
    broken, damaged = tmp_path / "broken", tmp_path / "damaged.npz"
    broken.touch()
    damaged.write_bytes(b"PK")
    fragile = Fragile(session.pupil[blocked_folds(30, 5, 2)[2].train[0]], broken)
    sessions = {"good": session, "damaged": damaged, "gone": tmp_path / "gone.npz"}
    models = {"fragile": fragile, "psth": PSTH()}
    folder = tmp_path / "study"
    found = study(sessions, models, folder=folder, **SETTINGS)
    assert set(found.table()["model"]) == {"psth"}
    failures = found.failures().set_index("session")
    assert set(failures["kind"]) == {"sessions", "fits"}
    assert failures.loc["good", "error"].startswith("RuntimeError: the first block is missing (in ")
    assert "not a readable session file" in failures.loc["damaged", "error"]
    assert "No such file" in failures.loc["gone", "error"]
    assert failures.loc["good", "model"] == "fragile"
    assert "3 failures" in repr(found)

    broken.unlink()
    session.save(damaged)
    del sessions["gone"]
    found = study(sessions, models, folder=folder, **SETTINGS)
    assert found.failures()["session"].tolist() == ["gone"]
    assert len(found.table()) == 2 * 2 * 5 * len(REGIONS)


def test_a_fit_that_fails_now_leaves_no_rows_of_before(session, tmp_path):
    assert len(noisy(tmp_path, [session]).table())
    found = noisy(tmp_path, [session], Noisy(np.nan))
    assert not len(found.table())
    assert "missing or infinite" in found.failures()["error"][0]


@posix
def test_a_killed_worker_is_reported_with_what_was_kept(tmp_path):
    noisy(tmp_path)
    models = {"noisy": Noisy(), "dying": Dying()}
    get_reusable_executor().shutdown(kill_workers=True)  # those of other tests may be dying already
    with pytest.raises(RuntimeError, match=r"^studying stopped after 2 of 4 \(.*fewer n_jobs\.$"):
        study(mice(), models, folder=tmp_path, **SETTINGS | {"n_jobs": 2})
    found = noisy(tmp_path)
    assert len(found.table()) == 2 * 5 * len(REGIONS)
    assert "begun, but not finished" in set(found.failures()["error"])


def test_a_full_disk_stops_the_study_with_the_way_out(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    noisy(tmp_path)
    monkeypatch.setattr(_files.os, "replace", full)
    with pytest.raises(OSError, match="free some space or choose another folder"):
        noisy(tmp_path, seeds=(3,))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sessions": []}, "no session to study"),
        ({"sessions": [3]}, "cannot make a session of 3; give the path"),
        ({"sessions": {"a": small_session, "b": 1}}, "cannot make a session of"),
        ({"models": ["ridgy"]}, "unknown model 'ridgy'; choose from constant, PSTH"),
        ({"models": {"psth": PSTH}}, "give an object with fit and predict"),
        ({"seeds": (1, 1)}, "different"),
        ({"null": -1}, "null is -1; give a whole number, 0 or more"),
        ({"null": 0.5}, "null is 0.5"),
        ({"null_folds": 1}, "null_folds is 1; give a whole number, 2 or more"),
        ({"min_neurons": 0}, "min_neurons is 0"),
        ({"only": 2}, "only is 2; give places in sessions, from 0 to 1"),
        ({"only": "all"}, "only is 'all'"),
        ({"models": {"w": PSTH(0.02)}}, "'w' was told that a bin has 0.02 s"),
        ({"sessions": mice(1) * 2}, "2 sessions are called 'simulated mouse 3'; give sessions as"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_any_fit(tmp_path, fits, settings, message):
    settings = {"sessions": mice(), "models": {"noisy": Noisy()}, **SETTINGS} | settings
    with pytest.raises(ValueError, match=message):
        study(folder=tmp_path, **settings)
    assert fits == []


@pytest.mark.parametrize("other", [{"n_folds": 4}, {"gap": 1}, {"regions": None}])
def test_a_folder_has_one_design(tmp_path, other):
    noisy(tmp_path)
    with pytest.raises(ValueError, match=r"holds a study with .*; choose another folder"):
        noisy(tmp_path, **other)


# -- null pairings ------------------------------------------------------------------------------


def test_pairings_are_the_session_permutation_with_everything_refitted(tmp_path, fits):
    few = ("simulated", {"seed": 9, **SMALL, "n_trials": 24})
    found = noisy(tmp_path, [*mice(3), few], null=3, null_model=Noisy(0.5))
    assert len(fits) == 4 * 5 + 4 * 4 * 2
    sessions = [load_session(source, **options) for source, options in [*mice(3), few]]
    pupils = [session.pupil for session in sessions]
    score = refit_score(lambda: Noisy(0.5), 2, 2)
    by_session = found.p_values("session").set_index(["session", "region"])
    for i, session in enumerate(sessions):
        others = pupils[:i] + pupils[i + 1 :]
        expected = session_permutation(score, session.pupil, session.region_counts(REGIONS), others)
        rows = by_session.loc[session.name].loc[REGIONS]
        np.testing.assert_allclose(rows["score"], expected.observed)
        np.testing.assert_allclose(rows["p"], expected.p)
    assert set(found.nulls()["trials"]) == {24}


def test_a_larger_budget_adds_pupils_of_other_animals_first(tmp_path, fits):
    animals = {f"simulated mouse {seed}": "AABBB"[seed - 3] for seed in range(3, 8)}
    settings = {"sessions": mice(5), "null_model": Noisy(), "animals": animals}
    first = noisy(tmp_path, null=2, **settings)
    rows = first.nulls()
    others = rows[rows["session"] != rows["pupil_of"]]
    assert (others["animal"] != others["pupil_animal"]).all()
    done = len(fits)
    found = noisy(tmp_path, null=4, **settings).p_values("session")
    assert (found["others"] == 4).all()
    assert len(fits) - done == 5 * 2 * 2


def test_pairings_made_in_another_way_are_not_mixed(tmp_path):
    noisy(tmp_path, mice(3), null=2, null_model=Noisy())
    found = noisy(tmp_path, mice(3), null=1, null_model=Noisy(0.5))
    assert (found.p_values("session")["others"] == 1).all()


# -- other engines ------------------------------------------------------------------------------


@posix
def test_a_dask_worker_killed_midway_loses_nothing(tmp_path):
    whole = noisy(tmp_path / "whole", mice(3), seeds=range(4)).table()
    folder = tmp_path / "study"
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
    )  # fmt: skip
    with cluster, Client(cluster):
        before = _processes(cluster)
        assert os.getpid() not in before
        watch = _kill_when(lambda: len(list(folder.glob("fits/*/*.parquet"))) >= 2, min(before))
        with joblib.parallel_config("dask"):
            found = noisy(folder, mice(3), Slow(), seeds=range(4), n_jobs=-1)
        watch.join()
        deadline = time.monotonic() + 120
        while min(before) in _processes(cluster) and time.monotonic() < deadline:
            time.sleep(0.1)  # until it is noticed
        after = _processes(cluster)
    assert min(before) not in after  # it was killed
    assert len(found.failures()) == 0
    same(found.table(), whole)


@posix
def test_a_fit_that_kills_every_worker_of_a_cluster_does_not_stop_the_others(tmp_path):
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
    )  # fmt: skip
    models = {"dying": Dying(), "noisy": Noisy()}
    with cluster, Client(cluster), joblib.parallel_config("dask"):
        found = study(mice(1), models, folder=tmp_path, **SETTINGS | {"n_jobs": -1})
    assert set(found.table()["model"]) == {"noisy"}
    failures = found.failures()
    assert failures["model"].tolist() == ["dying"]
    assert failures["error"].tolist() == ["its process was killed, 2 times in a row"]


def _processes(cluster) -> set:
    return {nanny.pid for nanny in cluster.workers.values()}


def _kill_when(due, pid):
    def watch():
        deadline = time.monotonic() + 120
        while not due() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_submitit_runs_one_job_for_each_session(tmp_path):
    sessions, folder = mice(), tmp_path / "study"
    settings = {"folder": folder, "null": 1, "null_model": PSTH(), **SETTINGS}
    study(sessions, (), **settings | {"null": 0})  # opens every session once
    executor = submitit.AutoExecutor(tmp_path / "jobs", cluster="local")
    executor.update_parameters(timeout_min=5)
    one = functools.partial(study, sessions, ["PSTH", "ridge"], **settings)
    jobs = executor.map_array(lambda place: one(only=place) and None, range(len(sessions)))
    assert [job.result() for job in jobs] == [None, None]
    done = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    assert len(done) == 2 * (2 + 2)
    found = study(sessions, ["PSTH", "ridge"], **settings)  # all is there
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == done
    assert len(found.table()) == 2 * 2 * 5 * len(REGIONS)
