"""A comparison scores what it says, loses nothing when interrupted, and trusts nothing stale."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from contestants import LOG, QUIET, REGIONS, Dying, Fragile, Noisy, Slow, changed, coarse

from pupil_helpers import _files
from pupil_helpers.evaluation import marks, stored
from pupil_helpers.evaluation.compare import FitsFailed, compare
from pupil_helpers.evaluation.entrants import MODELS
from pupil_helpers.evaluation.summary import SCORES, out_of_fold, summary
from pupil_helpers.models.linear import PSTH
from pupil_helpers.models.original import OriginalEncoder
from pupil_helpers.signals.splits import blocked_folds

posix = pytest.mark.skipif(os.name != "posix", reason="kills processes")
SETTINGS = {"regions": REGIONS, "seeds": (0,), **QUIET}


def noisy(session, model=None, **settings):
    """A comparison of one model, by default in one seed."""
    models = {"noisy": Noisy() if model is None else model}
    return compare(session, models, **SETTINGS | settings)


# -- the table ----------------------------------------------------------------------------------


def test_table_is_tidy_and_scores_each_fold_as_by_hand(session):
    table = compare(session, {"psth": PSTH(), "noisy": Noisy()}, REGIONS, seeds=(0, 7), **QUIET)
    assert len(table) == 2 * 5 * 1 + 2 * 5 * 2  # regions × folds × seeds; the PSTH has no seed
    assert not table.duplicated(["model", "region", "fold", "seed"]).any()
    assert (table["error"] == "").all()

    counts = session.region_counts(REGIONS)
    train, test = blocked_folds(30, 5, 2)[3]
    model = Noisy(seed=7).fit(session.pupil[train], counts[train])
    rows = table.query("model == 'noisy' and fold == 3 and seed == 7").set_index("region")
    for metric in SCORES:
        expected = model.score(session.pupil[test], counts[test], metric, per_region=True)
        np.testing.assert_allclose(rows.loc[REGIONS, metric], expected, rtol=1e-5, err_msg=metric)


def test_every_named_model_can_be_compared(session):
    small = {"n_updates": 1, "n_members": 2, "n_blocks": 2, "max_iterations": 2}
    models = {}
    for name, make in MODELS.items():
        known = make().get_params()
        models[name] = make(**{key: value for key, value in small.items() if key in known})
    table = compare(coarse(session), models, REGIONS, n_folds=2, seeds=(0, 1), **QUIET)
    assert np.isfinite(table[list(SCORES)]).all(axis=None)
    fits = table.groupby("model").size() / (2 * len(REGIONS))
    assert {name for name in MODELS if fits[name] == 1} == {
        "constant", "PSTH", "ridge", "Poisson GLM", "reduced rank"
    }  # fmt: skip
    assert fits.max() == 2


def test_models_by_name_all_regions_by_default_and_a_progress_bar(session, capfd):
    settings = {"seeds": 0, "n_folds": 2, "n_jobs": 1}
    table = compare(session, ["constant", "PSTH"], progress=True, **settings)
    assert list(table["model"].unique()) == ["constant", "PSTH"]
    assert list(table["region"].unique()) == ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
    np.testing.assert_allclose(table.query("model == 'PSTH'")["psth_relative"], 0, atol=1e-6)
    assert "4/4" in "".join(capfd.readouterr())


class Told(Noisy):
    """Predicts the width of a bin that it was told, and is fitted only once."""

    def fit(self, pupil, counts):
        assert not hasattr(self, "psth_")
        return super().fit(pupil, counts)

    def _predict(self, pupil):
        return np.full((len(pupil), *self.psth_.shape), self.bin_size_)


def test_copies_begin_every_fold_unfitted_and_know_the_width_of_a_bin(session):
    model = Told(seed=5)
    held = out_of_fold(noisy(coarse(session), model, seeds=(1, 2)), "noisy")
    np.testing.assert_allclose(held.predicted, 0.02)
    assert vars(model) == vars(Told(seed=5))


def test_the_named_original_learns_mean_counts_per_neuron(session, monkeypatch):
    made = []
    monkeypatch.setattr(OriginalEncoder, "fit", lambda self, *_: made.append(self) or 1 / 0)
    compare(session, ["original"], n_folds=2, on_error="keep", **SETTINGS)
    assert made[0].n_neurons == [(session.regions == region).sum() for region in REGIONS]


# -- resuming -----------------------------------------------------------------------------------


def test_a_second_call_fits_only_what_is_new(session, tmp_path, fits):
    first = noisy(session, folder=tmp_path, seeds=(0, 1))
    assert len(fits) == 10
    pd.testing.assert_frame_equal(first, noisy(session, folder=tmp_path, seeds=(0, 1)))
    assert len(fits) == 10
    models = {"noisy": Noisy(), "other": Noisy(0.5)}
    compare(session, models, REGIONS, seeds=(0, 1, 2), folder=tmp_path, **QUIET)
    assert len(fits) == 5 * 6
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz"}  # nothing pickled


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"model": Noisy(0.2)}, {}),
        ({"model": Slow()}, {}),
        ({"n_folds": 4}, {}),
        ({"gap": 1}, {}),
        ({"regions": REGIONS[::-1]}, {}),
        ({}, {"pupil": lambda pupil: pupil + 1}),
        ({}, {"spikes": lambda spikes: spikes + 1}),
        ({}, {"bin_size": lambda bin_size: 2 * bin_size}),
    ],
)
def test_results_of_anything_else_are_not_used(session, tmp_path, fits, settings, changes):
    noisy(session, folder=tmp_path)
    fits.clear()
    changes = {name: change(getattr(session, name)) for name, change in changes.items()}
    noisy(changed(session, **changes), folder=tmp_path, **settings)
    assert len(fits) == settings.get("n_folds", 5)


def test_results_of_other_code_are_not_used(session, tmp_path, fits, monkeypatch):
    for code, n_fits in [("one", 5), ("other", 10), ("one", 10)]:
        monkeypatch.setattr(marks, "package_hash", lambda code=code: code)
        noisy(session, folder=tmp_path)
        assert len(fits) == n_fits


def entry(name, value):
    """Damage: an entry of the record is something else."""

    def damage(record):
        record.write_text(json.dumps(json.loads(record.read_text()) | {name: value}))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.write_text(record.read_text()[:20]),
        lambda record: record.write_text("3"),
        lambda record: record.unlink(),
        lambda record: record.with_suffix(".npz").unlink(),
        lambda record: record.with_suffix(".npz").write_bytes(b"PK"),
        lambda record: record.write_text('{"error": "", "seconds": 1.0}'),
        entry("poisson_d2", [0.5]),
        entry("r2", [0.5, "high"]),
        entry("r2", None),
        entry("seconds", None),
    ],
)
def test_damaged_or_incomplete_results_are_made_again(session, tmp_path, fits, damage):
    first = noisy(session, folder=tmp_path)
    damage(sorted(tmp_path.glob("*.json"))[2])
    again = noisy(session, folder=tmp_path)
    assert len(fits) == 6
    pd.testing.assert_frame_equal(first.drop(columns="seconds"), again.drop(columns="seconds"))


@posix
def test_a_killed_comparison_goes_on_where_it_stopped(session, tmp_path, fits):
    saved, folder = session.save(tmp_path / "session.npz"), tmp_path / "fits"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from contestants import REGIONS, Session, Slow\n"
        "from pupil_helpers.evaluation.compare import compare\n"
        f"compare(Session.load({str(saved)!r}), {{'slow': Slow()}}, REGIONS, seeds=range(8),\n"
        f"        folder={str(folder)!r}, n_jobs=2, progress=False)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(list(folder.glob("*.json"))) < 3:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline, "no fit was finished in two minutes"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = len(list(folder.glob("*.json")))
    assert 3 <= finished < 40
    settings = SETTINGS | {"seeds": range(8)}
    table = compare(session, {"slow": Slow()}, folder=folder, **settings)
    assert len(fits) == 40 - finished
    # Fits by two processes, cut short and taken up again, are those of one that ran through.
    whole, drop = compare(session, {"slow": Noisy()}, **settings), ["seconds", "file"]
    pd.testing.assert_frame_equal(table.drop(columns=drop), whole.drop(columns=drop))


@posix
def test_a_killed_worker_is_reported_with_what_was_kept(session, tmp_path):
    noisy(session, folder=tmp_path)
    settings = SETTINGS | {"folder": tmp_path, "n_jobs": 2}
    message = r"a process was killed .* 5 of 10 fits are kept: compare again with folder='.*fewer n"
    with pytest.raises(RuntimeError, match=message):
        compare(session, {"noisy": Noisy(), "dying": Dying()}, **settings)
    again = compare(session, {"noisy": Noisy(0.3)}, **settings)  # in new processes
    assert (again["error"] == "").all()


def test_an_interruption_keeps_what_was_finished(session, tmp_path, fits):
    def interrupt(_):
        if len(fits) == 3:
            raise KeyboardInterrupt
        return True

    LOG.addFilter(interrupt)
    with pytest.raises(KeyboardInterrupt):
        noisy(session, folder=tmp_path)
    LOG.removeFilter(interrupt)
    assert len(list(tmp_path.glob("*.json"))) == 3
    noisy(session, folder=tmp_path)
    assert len(fits) == 5


@posix
def test_temporary_folders_of_dead_processes_are_swept(tmp_path, monkeypatch):
    code = (
        "import os; from pupil_helpers.evaluation.stored import temporary_folder\n"
        "print(temporary_folder(), flush=True); os.kill(os.getpid(), 15)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    left = Path(ended.stdout.decode().strip())
    assert left.is_relative_to(tmp_path)
    assert left.is_dir()
    monkeypatch.setattr(stored.tempfile, "tempdir", str(tmp_path))
    stored._folder_of_this_process.cache_clear()
    mine = stored.temporary_folder()
    assert not left.parent.exists()
    stored._folder_of_this_process.cache_clear()
    stored.temporary_folder()
    assert mine.is_dir()  # its process is alive
    stored._folder_of_this_process.cache_clear()


# -- failures -----------------------------------------------------------------------------------


def test_a_failing_fold_loses_nothing_else_and_is_tried_again(session, tmp_path, fits):
    broken = tmp_path / "broken"
    broken.touch()
    fragile = Fragile(session.pupil[blocked_folds(30, 5, 2)[0].train[0]], broken)
    models = {"fragile": fragile, "psth": PSTH()}
    settings = SETTINGS | {"folder": tmp_path / "fits"}
    message = r"^1 of 10 fits failed, .*'fragile' on fold 0 .*RuntimeError: the first block is mis"
    with pytest.raises(FitsFailed, match=message + r"[^\n]*$") as caught:
        compare(session, models, **settings)
    table = caught.value.table
    failed = (table["model"] == "fragile") & (table["fold"] == 0)
    assert table.loc[failed, [*SCORES, "seconds"]].isna().all(axis=None)
    assert (table.loc[failed, "error"] == "RuntimeError: the first block is missing").all()
    assert table.loc[~failed, "psth_relative"].notna().all()

    pd.testing.assert_frame_equal(compare(session, models, on_error="keep", **settings), table)
    found = summary(table).set_index(["model", "region"])
    assert found.loc["fragile", "score"].isna().all()
    assert found.loc["psth", "score"].notna().all()
    with pytest.raises(ValueError, match="'fragile' with seed 0 lacks folds"):
        out_of_fold(table, "fragile")

    broken.unlink()
    assert (compare(session, models, **settings)["error"] == "").all()
    assert len(fits) == 5


class Flat(Noisy):
    def _predict(self, pupil):
        return self.psth_


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Noisy(np.nan), "missing or infinite"),
        (Noisy(np.inf), "missing or infinite"),
        (Flat(), r"Flat predicts an array of shape \(40, 2\), expected \(6, 40, 2\)"),
    ],
)
def test_useless_predictions_count_as_failure(session, model, message):
    table = noisy(session, model, on_error="keep")
    assert table["error"].str.contains(message).all()


def test_negative_predictions_are_scored_not_refused(session):
    table = noisy(session, Noisy(-50.0), n_folds=2)
    assert (table["bits_per_spike"] < -1).all()
    assert summary(table, "bits_per_spike")["low"].notna().all()


def test_a_full_disk_stops_the_comparison_with_the_way_out(session, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files.os, "replace", full)
    with pytest.raises(OSError, match="free some space or choose another folder"):
        noisy(session, folder=tmp_path)


@pytest.mark.parametrize("kind", ["read-only", "in a file"])
def test_a_folder_that_takes_nothing_is_refused_before_any_fit(session, tmp_path, fits, kind):
    folder = tmp_path / "fits"
    if kind == "in a file":
        folder.touch()
        folder /= "fits"
    else:
        noisy(session, folder=folder)
        fits.clear()
        folder.chmod(0o555)
        noisy(session, folder=folder)  # all that it wants is there already
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write anywhere")
    with pytest.raises(OSError, match=r"cannot write to .*; choose another folder"):
        noisy(session, folder=folder, seeds=(3,))
    assert fits == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_folds": 31}, "30 trials are too few for 31 blocks"),
        ({"regions": ["SCs", "V1"]}, r"no neurons in region\(s\) V1; it has CA1, LGd"),
        ({"regions": []}, "none named"),
        ({"regions": ["SCs", "SCs"]}, "name each once"),
        ({"models": ["ridgy"]}, "unknown model 'ridgy'; choose from constant, PSTH"),
        ({"models": [PSTH()]}, "unknown model PSTH.*give a dict"),
        ({"models": {"psth": PSTH}}, "give an object with fit and predict"),
        ({"models": {}}, "no model to compare"),
        ({"models": {"w": PSTH(0.02)}}, "'w' was told .* 0.02 s, but the session's have 0.01"),
        ({"models": {"busy": Noisy(threading.Lock())}}, "'busy' holds a lock that cannot be told"),
        ({"seeds": ()}, "one or more"),
        ({"seeds": (1, 1)}, "different"),
        ({"seeds": (0, 2**70)}, "from 0 to"),
        ({"seeds": -1}, "from 0 to"),
        ({"seeds": (0.5, 1)}, "whole numbers"),
        ({"seeds": None}, "whole numbers"),
        ({"on_error": "ignore"}, "use 'raise' or 'keep'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_fit(session, fits, settings, message):
    settings = {"models": {"noisy": Noisy()}, "regions": REGIONS, **QUIET} | settings
    with pytest.raises(ValueError, match=message):
        compare(session, **settings)
    assert fits == []
