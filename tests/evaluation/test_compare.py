"""A comparison scores what it says, loses nothing when interrupted, and trusts nothing stale."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.evaluation import compare as compare_module
from pupil_helpers.evaluation import fold_results as results
from pupil_helpers.evaluation.compare import (
    MODELS,
    FitsFailed,
    ceilings,
    compare,
    gains,
    out_of_fold,
    summary,
)
from pupil_helpers.metrics import scores as metrics
from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.models.base import Encoder
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.linear import PSTH, Constant
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.session import Session, SessionError
from pupil_helpers.signals.rates import boxcar
from pupil_helpers.signals.splits import blocked_folds

REGIONS = ["SCs", "CA1"]
QUIET = {"n_jobs": 1, "progress": False}
FITS = []  # every fit of the models below, in this process


class Noisy(Encoder):
    """The PSTH, times a number that depends on the seed."""

    def __init__(self, spread=0.1, seed=0):
        self.spread = spread
        self.seed = seed

    def _fit(self, pupil, counts):
        FITS.append(self.seed)
        self.factor_ = 1 + self.spread * np.random.default_rng(self.seed).random()

    def _predict(self, pupil):
        return np.broadcast_to(self.psth_ * self.factor_, (len(pupil), *self.psth_.shape))


class Slow(Noisy):
    def _fit(self, pupil, counts):
        time.sleep(0.3)
        super()._fit(pupil, counts)


class Dying(Noisy):
    def _fit(self, pupil, counts):
        os.kill(os.getpid(), signal.SIGKILL)


class Fragile(Noisy):
    """Fails on the training trials that begin late, which are those of the first fold."""

    def __init__(self, first_allowed=0, spread=0.1, seed=0):
        super().__init__(spread, seed)
        self.first_allowed = first_allowed

    def _fit(self, pupil, counts):
        if np.array_equal(pupil[0], LATE):
            raise RuntimeError("the first block\nis missing")
        super()._fit(pupil, counts)


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=3, n_trials=30, n_bins=40, blink_rate=0)


LATE = None  # first trial of the first fold's training part; set below


@pytest.fixture(autouse=True)
def start(session, monkeypatch):
    FITS.clear()
    first = blocked_folds(30, 5, 2)[0].train[0]
    monkeypatch.setattr(sys.modules[__name__], "LATE", session.pupil[first])


# -- the table ----------------------------------------------------------------------------------


def test_table_is_tidy_and_scores_each_fold_as_by_hand(session):
    table = compare(session, {"psth": PSTH(), "noisy": Noisy()}, REGIONS, seeds=(0, 7), **QUIET)
    assert len(table) == 2 * 5 * 1 + 2 * 5 * 2  # regions × folds × seeds; the PSTH has no seed
    assert not table.duplicated(["model", "region", "fold", "seed"]).any()
    assert (table["error"] == "").all()
    assert (table["seconds"] >= 0).all()

    counts = session.region_counts(REGIONS)
    train, test = blocked_folds(30, 5, 2)[3]
    model = Noisy(seed=7).fit(session.pupil[train], counts[train])
    expected = {
        metric: model.score(session.pupil[test], counts[test], metric, per_region=True)
        for metric in ("r2", "psth_relative", "bits_per_spike", "poisson_d2", "median_trial_r2")
    }
    rows = table.query("model == 'noisy' and fold == 3 and seed == 7").set_index("region")
    for metric, values in expected.items():
        np.testing.assert_allclose(rows.loc[REGIONS, metric], values, rtol=1e-5, err_msg=metric)


def test_models_by_name_and_all_regions_by_default(session):
    table = compare(session, ["constant", "PSTH"], seeds=(0,), n_folds=2, **QUIET)
    assert list(table["model"].unique()) == ["constant", "PSTH"]
    assert list(table["region"].unique()) == ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
    np.testing.assert_allclose(table.query("model == 'PSTH'")["psth_relative"], 0, atol=1e-6)


def test_models_given_are_not_changed(session):
    model = Noisy(seed=5)
    compare(session, {"noisy": model}, REGIONS, seeds=(1, 2), n_folds=2, **QUIET)
    assert model.seed == 5
    assert not hasattr(model, "psth_")


def test_the_named_original_learns_mean_counts_per_neuron(session, monkeypatch):
    made = []
    monkeypatch.setattr(PupilEncoder, "fit", lambda self, *_: made.append(self) or 1 / 0)
    compare(session, ["original"], REGIONS, seeds=(0,), n_folds=2, on_error="keep", **QUIET)
    assert made[0].n_neurons == [(session.regions == region).sum() for region in REGIONS]


def test_progress_bar_counts_fits(session, capfd):
    compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0,), n_jobs=1)
    shown = capfd.readouterr()
    assert "5/5" in shown.err + shown.out


# -- joined folds -------------------------------------------------------------------------------


def test_out_of_fold_predictions_come_from_the_fold_that_left_the_trial_out(session):
    table = compare(session, {"psth": PSTH()}, REGIONS, seeds=(0,), **QUIET)
    held = out_of_fold(table, "psth")
    counts = session.region_counts(REGIONS)
    np.testing.assert_array_equal(held.trials, np.arange(30))
    np.testing.assert_array_equal(held.counts, counts)
    for train, test in blocked_folds(30, 5, 2):
        for trial in test:
            np.testing.assert_allclose(held.predicted[trial], counts[train].mean(0), rtol=1e-6)
    np.testing.assert_allclose(held.baseline, held.predicted, rtol=1e-6)


def test_out_of_fold_follows_the_rows_it_is_given(session):
    table = compare(session, {"psth": PSTH()}, REGIONS, seeds=(0,), **QUIET)
    both, one = out_of_fold(table, "psth"), out_of_fold(table[table["region"] == "CA1"], "psth")
    assert one.regions.tolist() == ["CA1"]
    np.testing.assert_array_equal(one.predicted, both.predicted[..., [1]])


def test_summary_joins_folds_and_averages_seeds(session):
    table = compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0, 1, 2), **QUIET)
    held = [out_of_fold(table, "noisy", seed) for seed in (0, 1, 2)]
    for metric in ("psth_relative", "r2", "bits_per_spike", "poisson_d2"):
        found = summary(table, metric, n_boot=50).set_index("region")
        by_hand = np.array([one.score(metric) for one in held])
        np.testing.assert_allclose(found.loc[REGIONS, "score"], by_hand.mean(0))
        np.testing.assert_allclose(found.loc[REGIONS, "seed_sd"], by_hand.std(0, ddof=1))
        assert (found["low"] < found["score"]).all()
        assert (found["score"] < found["high"]).all()
        assert (found["seeds"] == 3).all()


def test_summary_interval_is_the_block_bootstrap_of_the_joined_folds(session):
    table = compare(session, {"constant": Constant()}, REGIONS, seeds=(0,), **QUIET)
    counts, held = session.region_counts(REGIONS), out_of_fold(table, "constant")
    low, high = metrics.bootstrap_ci(counts, held.predicted, held.baseline, n_boot=200, block=3)
    found = summary(table, n_boot=200, block=3)
    np.testing.assert_allclose(found["low"], low)
    np.testing.assert_allclose(found["high"], high)
    assert np.isnan(found["seed_sd"]).all()


def test_gains_are_differences_in_r2_trial_by_trial(session):
    models = {"noisy": Noisy(), "psth": PSTH(), "low": Noisy(-0.5)}
    table = compare(session, models, REGIONS, seeds=(0, 1), **QUIET)
    found = gains(table, "psth", n_boot=200).set_index(["model", "region"])
    r2 = summary(table, "r2", n_boot=200).set_index(["model", "region"])
    assert sorted(found.index.unique("model")) == ["low", "noisy"]
    for model in ("noisy", "low"):
        difference = r2.loc[model, "score"] - r2.loc["psth", "score"]
        np.testing.assert_allclose(found.loc[model, "score"], difference)
    width, alone = found["high"] - found["low"], r2["high"] - r2["low"]
    assert (width.loc["noisy"] < alone.loc["noisy"]).all()  # it is much like the PSTH
    against = gains(table, "noisy", n_boot=200).set_index(["model", "region"])
    np.testing.assert_allclose(
        against.loc["low", "score"], r2.loc["low", "score"] - r2.loc["noisy", "score"]
    )


def test_other_bins_are_smoothed_over_100_ms_too(session):
    coarse = Session(
        session.pupil[:, ::2], session.spikes[:, ::2] + session.spikes[:, 1::2], session.regions,
        bin_size=0.02,
    )  # fmt: skip
    table = compare(coarse, {"constant": Constant()}, REGIONS, seeds=(0,), **QUIET)
    held = out_of_fold(table, "constant")
    expected = metrics.r2(held.counts, held.predicted, boxcar(0.1, 0.02))
    np.testing.assert_allclose(summary(table, "r2")["score"], expected)


def test_a_table_survives_a_file(session, tmp_path):
    table = compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0,), folder=tmp_path, **QUIET)
    table.to_csv(tmp_path / "table.csv", index=False)
    again = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, na_values=["nan"])
    pd.testing.assert_frame_equal(summary(again), summary(table))


# -- resuming -----------------------------------------------------------------------------------


def test_a_second_call_fits_nothing_and_says_the_same(session, tmp_path):
    first = compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0, 1), folder=tmp_path, **QUIET)
    assert len(FITS) == 10
    again = compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0, 1), folder=tmp_path, **QUIET)
    assert len(FITS) == 10
    pd.testing.assert_frame_equal(first, again)


def test_more_seeds_and_models_fit_only_what_is_new(session, tmp_path):
    compare(session, {"a": Noisy()}, REGIONS, seeds=(0,), folder=tmp_path, **QUIET)
    compare(
        session, {"a": Noisy(), "b": Noisy(0.5)}, REGIONS, seeds=(0, 1), folder=tmp_path, **QUIET
    )
    assert len(FITS) == 5 * 4


def changed_session(session, **changes):
    names = ("pupil", "spikes", "regions", "bin_size")
    return Session(**{name: getattr(session, name) for name in names} | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"model": Noisy(0.2)},
        {"model": Slow()},
        {"n_folds": 4},
        {"gap": 1},
        {"regions": REGIONS[::-1]},
        {"pupil": 1},
        {"spikes": 1},
        {"bin_size": 0.02},
    ],
    ids=lambda change: next(iter(change)),
)
def test_results_of_anything_else_are_not_used(session, tmp_path, change):
    settings = {"regions": REGIONS, "seeds": (0,), "folder": tmp_path, **QUIET}
    compare(session, {"noisy": Noisy()}, **settings)
    FITS.clear()
    changes = {
        name: getattr(session, name) + value if name != "bin_size" else value
        for name, value in change.items()
        if name in ("pupil", "spikes", "bin_size")
    }
    model = change.get("model", Noisy())
    settings |= {name: value for name, value in change.items() if name in ("n_folds", "gap")}
    settings |= {"regions": change.get("regions", REGIONS)}
    compare(changed_session(session, **changes), {"noisy": model}, **settings)
    assert len(FITS) == settings.get("n_folds", 5)


def test_results_of_other_code_are_not_used(session, tmp_path, monkeypatch):
    settings = {"regions": REGIONS, "seeds": (0,), "folder": tmp_path, **QUIET}
    compare(session, {"noisy": Noisy()}, **settings)
    results._text.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(results, "_package_text", lambda: "a line was changed")
        compare(session, {"noisy": Noisy()}, **settings)
    results._text.cache_clear()
    assert len(FITS) == 10


@pytest.mark.parametrize("body", ["def _fit(self, *_): self.x = '{}'", "setting = '{}'"])
def test_results_of_a_class_that_was_typed_in_again_are_not_used(body):
    def typed(word):
        names = {"Noisy": Noisy, "__name__": "__main__"}
        exec(f"class Model(Noisy):\n    {body.format(word)}", names)  # as in a notebook
        return names["Model"]()

    marks = [results.fingerprint(typed(word)) for word in ("old", "old", "new")]
    assert marks[0] == marks[1] != marks[2]


@pytest.mark.parametrize("damage", ["torn", "emptied", "deleted", "no predictions"])
def test_damaged_results_are_made_again(session, tmp_path, damage):
    settings = {"regions": REGIONS, "seeds": (0,), "folder": tmp_path, **QUIET}
    first = compare(session, {"noisy": Noisy()}, **settings)
    record = sorted(tmp_path.glob("*.json"))[2]
    if damage == "torn":
        record.write_text(record.read_text()[:20])
    elif damage == "emptied":
        record.write_text("")
    elif damage == "deleted":
        record.unlink()
    else:
        record.with_suffix(".npz").unlink()
    again = compare(session, {"noisy": Noisy()}, **settings)
    assert len(FITS) == 6
    pd.testing.assert_frame_equal(first.drop(columns="seconds"), again.drop(columns="seconds"))


def test_nothing_is_pickled(session, tmp_path):
    compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0,), folder=tmp_path, **QUIET)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz"}
    for path in tmp_path.glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(array.dtype.kind != "O" for array in arrays.values())


@pytest.mark.skipif(os.name != "posix", reason="kills a process group")
def test_a_killed_comparison_goes_on_where_it_stopped(session, tmp_path):
    saved, folder = session.save(tmp_path / "session.npz"), tmp_path / "fits"
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_compare import REGIONS, Session, Slow, compare\n"
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
    table = compare(session, {"slow": Slow()}, REGIONS, seeds=range(8), folder=folder, **QUIET)
    assert len(FITS) == 40 - finished
    # Fits by two processes, cut short and taken up again, are those of one that ran through.
    whole = compare(session, {"slow": Noisy()}, REGIONS, seeds=range(8), **QUIET)
    drop = ["seconds", "file"]
    pd.testing.assert_frame_equal(table.drop(columns=drop), whole.drop(columns=drop))


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_killed_worker_is_reported_with_what_was_kept(session, tmp_path):
    settings = {"regions": REGIONS, "seeds": (0,), "folder": tmp_path, "progress": False}
    compare(session, {"noisy": Noisy()}, n_jobs=1, **settings)
    message = r"a process was killed .* 5 of 10 fits are kept: compare again with folder='.*fewer n"
    with pytest.raises(RuntimeError, match=message):
        compare(session, {"noisy": Noisy(), "dying": Dying()}, n_jobs=2, **settings)


@pytest.mark.parametrize(
    ("message", "raised"),
    [("no attribute '_temp_folder_manager'", RuntimeError), ("no such thing", AttributeError)],
)
def test_a_pool_that_vanishes_while_it_is_used_is_a_killed_worker(
    session, monkeypatch, message, raised
):
    def vanish(*_, **__):
        def run(_jobs):
            raise AttributeError(message)
            yield

        return run

    monkeypatch.setattr(compare_module, "Parallel", vanish)
    with pytest.raises(raised, match="a process was killed" if raised is RuntimeError else message):
        compare(session, {"noisy": Noisy()}, REGIONS, seeds=(0,), **QUIET)


def test_an_interruption_keeps_what_was_finished(session, tmp_path, monkeypatch):
    def interrupted(self, pupil, counts):
        if len(FITS) == 3:
            raise KeyboardInterrupt
        FITS.append(self.seed)
        self.factor_ = 1.0

    settings = {"regions": REGIONS, "seeds": (0,), "folder": tmp_path, **QUIET}
    with monkeypatch.context() as patch:
        patch.setattr(Noisy, "_fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compare(session, {"noisy": Noisy()}, **settings)
    assert len(list(tmp_path.glob("*.json"))) == 3
    compare(session, {"noisy": Noisy()}, **settings)
    assert len(FITS) == 5


# -- failures -----------------------------------------------------------------------------------


def test_one_failing_fold_loses_nothing_else(session, tmp_path):
    models = {"fragile": Fragile(), "psth": PSTH()}
    message = r"1 of 10 fits failed, .*'fragile' on fold 0 .*RuntimeError: the first block is mis"
    settings = {"seeds": (0,), "folder": tmp_path, **QUIET}
    with pytest.raises(FitsFailed, match=message) as caught:
        compare(session, models, REGIONS, **settings)
    assert "\n" not in str(caught.value)
    table = caught.value.table
    failed = (table["model"] == "fragile") & (table["fold"] == 0)
    assert table.loc[failed, "psth_relative"].isna().all()
    assert (table.loc[failed, "error"] == "RuntimeError: the first block is missing").all()
    assert table.loc[~failed, "psth_relative"].notna().all()

    kept = compare(session, models, REGIONS, on_error="keep", **settings)
    pd.testing.assert_frame_equal(kept, table)
    found = summary(table).set_index(["model", "region"])
    assert found.loc["fragile", "score"].isna().all()
    assert found.loc["psth", "score"].notna().all()
    with pytest.raises(ValueError, match="'fragile' with seed 0 lacks folds"):
        out_of_fold(table, "fragile")


def test_a_failed_fit_is_tried_again(session, tmp_path, monkeypatch):
    settings = {"regions": REGIONS, "seeds": (0,), "folder": tmp_path, **QUIET}
    with pytest.raises(FitsFailed):
        compare(session, {"fragile": Fragile()}, **settings)
    monkeypatch.setattr(sys.modules[__name__], "LATE", None)  # now it can be fitted
    table = compare(session, {"fragile": Fragile()}, **settings)
    assert len(FITS) == 5
    assert (table["error"] == "").all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_numbers_count_as_failure(session, bad):
    table = compare(
        session, {"bad": Noisy(bad)}, REGIONS, seeds=(0,), n_folds=2, on_error="keep", **QUIET
    )
    assert table["error"].str.contains("missing or infinite").all()


def test_negative_predictions_are_scored_not_refused(session):
    table = compare(session, {"low": Noisy(-50.0)}, REGIONS, seeds=(0,), n_folds=2, **QUIET)
    assert (table["bits_per_spike"] < -1).all()
    assert summary(table, "bits_per_spike")["low"].notna().all()


def test_a_full_disk_stops_the_comparison_with_the_way_out(session, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results.os, "replace", full)
    with pytest.raises(OSError, match="free some space or choose another folder"):
        compare(session, {"noisy": Noisy()}, REGIONS, folder=tmp_path, **QUIET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_folds": 31}, "30 trials are too few for 31 blocks"),
        ({"n_folds": 1}, "at least 2 blocks"),
        ({"regions": ["SCs", "V1"]}, r"no neurons in region\(s\) V1; it has CA1, LGd"),
        ({"regions": []}, "none named"),
        ({"regions": ["SCs", "SCs"]}, "name each once"),
        ({"models": ["ridgy"]}, "unknown model 'ridgy'; choose from constant, PSTH"),
        ({"models": [PSTH()]}, "unknown model PSTH.*give a dict"),
        ({"models": {"psth": PSTH}}, "give an object with fit and predict"),
        ({"models": {}}, "no model to compare"),
        ({"seeds": ()}, "one or more"),
        ({"seeds": (1, 1)}, "different"),
        ({"on_error": "ignore"}, "use 'raise' or 'keep'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_fit(session, settings, message):
    settings = {"models": {"noisy": Noisy()}, "regions": REGIONS} | settings
    with pytest.raises(ValueError, match=message):
        compare(session, **settings, **QUIET)
    assert FITS == []


def test_summary_without_predictions_says_what_to_do(session):
    table = compare(session, {"psth": PSTH()}, REGIONS, seeds=(0,), keep_predictions=False, **QUIET)
    assert table["psth_relative"].notna().all()
    with pytest.raises(ValueError, match="keep_predictions=True"):
        summary(table)
    with pytest.raises(ValueError, match="no fits of 'ridge'"):
        out_of_fold(table, "ridge")


def test_unknown_metric(session):
    table = compare(session, {"psth": PSTH()}, REGIONS, seeds=(0,), **QUIET)
    with pytest.raises(ValueError, match="no metric 'accuracy'"):
        summary(table, "accuracy")


# -- awkward regions ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def awkward(session):
    """One region of a single neuron, one with half its neurons silent, one without a spike."""
    spikes, regions = session.spikes.copy(), session.regions.copy()
    spikes[..., np.flatnonzero(regions == "SCm")[::2]] = 0
    spikes[..., regions == "VISam"] = 0
    regions[np.flatnonzero(regions == "CA1")[1:]] = "rest"
    return changed_session(session, spikes=spikes, regions=regions)


def test_single_and_silent_neurons(awkward):
    regions = ["CA1", "SCm", "VISam"]
    models = ["constant", "PSTH", "ridge"]
    table = compare(awkward, models, regions, seeds=(0,), n_folds=2, **QUIET)
    found = table.groupby("region")[["r2", "psth_relative", "bits_per_spike"]]
    assert found.get_group("SCm").notna().all(axis=None)
    assert found.get_group("CA1").notna().all(axis=None)
    assert found.get_group("VISam").isna().all(axis=None)  # nothing varies, nothing to explain
    pooled = summary(table).set_index(["model", "region"])["score"]
    assert pooled.notna().sum() == 6


def test_ceilings(session, awkward):
    found = ceilings(session, REGIONS)
    assert found["neurons"].tolist() == [32, 34]
    counts, rates = session.region_counts(REGIONS), session.true_region_rates(REGIONS)
    np.testing.assert_allclose(found["known"], known_ceiling(counts, rates))
    half = split_half_ceiling(session.spikes[..., session.regions == "CA1"])
    assert found.loc["CA1", "split_half"] == half

    found = ceilings(awkward)
    assert np.isnan(found.loc["CA1", "split_half"])  # one neuron has no halves
    assert np.isnan(found.loc["VISam", ["split_half", "poisson"]]).all()
    assert np.isfinite(found.loc["SCm", "split_half"])
    assert found["known"].isna().all()
    with pytest.raises(SessionError, match="V1"):
        ceilings(session, ["V1"])


def test_every_named_model_can_be_compared():
    for name, make in MODELS.items():
        model = make()
        assert hasattr(model, "fit"), name
        assert hasattr(model, "seed") != getattr(model, "deterministic", False), name
