"""A Session refuses what it cannot use, sums what it is asked for, and survives the disk."""

import errno
import os
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pupil_helpers import session as session_module
from pupil_helpers.session import Session, SessionError, Truth, write_npz

T, B, N = 4, 6, 5  # trials, bins, neurons


def fields(**changes):
    rng = np.random.default_rng(0)
    return {
        "pupil": rng.normal(size=(T, B, 3)),
        "spikes": rng.poisson(0.5, size=(T, B, N)),
        "regions": np.array(["CA1", "SCs", "CA1", "LGd", "SCs"]),
        "name": "test mouse",
    } | changes


def truth(neurons=N):
    """Any truth will do; only the shape of ``rates`` is checked."""
    rng = np.random.default_rng(1)
    return Truth(
        rates=rng.uniform(size=(T, B, neurons)).astype(np.float32),
        pupil=rng.normal(size=(T, B, 3)).astype(np.float32),
        regions=np.array(["CA1", "LGd", "SCs"]),
        driven=np.array([False, True, True]),
        channel_share=rng.uniform(size=(3, 3)),
        peak_lag=np.full((3, 3), np.nan),
        lags=np.arange(-2, 3) / 100,
        kernels=rng.normal(size=(3, 3, 5)),
    )


# -- what it refuses ----------------------------------------------------------------------------


def changed(shape, value, dtype=float):
    array = np.ones(shape, dtype)
    array.flat[3] = value
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pupil": np.zeros((T, B))}, r"pupil has shape \(4, 6\), expected \(trials, bins, 3\)"),
        ({"pupil": np.zeros((3, T, B))}, r"pupil has shape \(3, 4, 6\)"),
        ({"pupil": np.zeros((T, B, 1))}, "fill a channel you do not have with NaN"),
        ({"pupil": np.zeros((T, 0, 3))}, r"pupil has shape \(4, 0, 3\)"),
        ({"pupil": "big"}, "pupil is not an array of numbers"),
        ({"pupil": [[1, 2], [3]]}, "pupil is not an array of numbers"),
        ({"pupil": changed((T, B, 3), np.inf)}, "pupil has infinite values.*NaN"),
        ({"pupil": np.full((T, B, 3), np.nan)}, "pupil is missing .* in every sample"),
        ({"pupil": np.zeros((T + 1, B, 3))}, r"pupil .* \(5, 6\) but spikes has \(4, 6\)"),
        ({"spikes": np.zeros((T, B), int)}, r"spikes has shape \(4, 6\)"),
        ({"spikes": np.zeros((T, B, 0), int)}, r"spikes has shape \(4, 6, 0\)"),
        ({"spikes": changed((T, B, N), -1)}, "spikes must be counts"),
        ({"spikes": changed((T, B, N), 0.5)}, "not rates"),
        ({"spikes": changed((T, B, N), np.nan)}, "spikes has missing or infinite values"),
        ({"spikes": np.full((T, B, N), "1")}, "spikes has dtype <U1"),
        ({"regions": ["CA1"]}, r"regions has shape \(1,\), expected \(5,\)"),
        ({"bin_size": 0}, "bin_size is 0; give the bin width in seconds"),
        ({"bin_size": -0.01}, "bin_size is -0.01"),
        ({"bin_size": np.nan}, "bin_size is nan"),
        ({"bin_size": "0.01"}, "bin_size is '0.01'"),
        ({"bin_size": None}, "bin_size is None"),
        ({"start": np.inf}, "start is inf"),
        ({"start": "early"}, "start is 'early'"),
        ({"trials": pd.DataFrame({"response": [1]})}, "trials has 1 rows, expected 4"),
        ({"trials": {"response": [1] * T}}, "trials is not a pandas DataFrame"),
        ({"truth": truth(neurons=2)}, r"truth.rates has shape \(4, 6, 2\), expected \(4, 6, 5\)"),
    ],
)
def test_bad_input_is_named_in_one_line(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        Session(**fields(**changes))
    assert isinstance(error.value, SessionError)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("session 'test mouse': ")


def test_missing_pupil_samples_are_welcome_and_remembered():
    pupil = fields()["pupil"]
    pupil[1, 2, 0] = np.nan
    pupil[..., 2] = np.nan
    missing = Session(**fields(pupil=pupil)).missing
    assert missing[1, 2].tolist() == [True, False, True]
    assert missing.sum() == T * B + 1


# -- what it holds ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.uint16, np.int64, np.float32])
def test_counts_become_unsigned_whatever_they_were(dtype):
    counts = np.random.default_rng(2).poisson(0.3, size=(T, B, N)).astype(dtype)
    spikes = Session(**fields(spikes=counts)).spikes
    assert spikes.dtype.kind == "u"
    np.testing.assert_array_equal(spikes, counts)


def test_counts_beyond_a_byte_are_kept():
    session = Session(**fields(spikes=changed((T, B, N), 70_000)))
    assert session.spikes.max() == 70_000


def test_sizes_types_and_times():
    session = Session(**fields(bin_size=0.02, start=-0.1))
    assert (session.n_trials, session.n_bins, session.n_neurons) == (T, B, N)
    assert session.pupil.dtype == np.float32
    assert session.time == pytest.approx([-0.09, -0.07, -0.05, -0.03, -0.01, 0.01])
    assert len(session.trials) == T


def test_the_region_table_counts_neurons_and_spikes_per_second():
    session = Session(**fields(regions=["B", "A", "B", "B", "A"], bin_size=0.01))
    table = session.region_table()
    assert table["neurons"].to_dict() == {"B": 3, "A": 2}
    assert list(table.index) == ["B", "A"]
    spikes = session.spikes[:, :, [1, 4]].sum()
    assert table.loc["A", "rate_hz"] == pytest.approx(spikes / (2 * T * B * 0.01))


@given(
    hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 3)),
    st.data(),
)
def test_region_counts_are_the_sums_over_neurons(spikes, data):
    n_trials, n_bins, n_neurons = spikes.shape
    names = st.lists(st.sampled_from("ABC"), min_size=n_neurons, max_size=n_neurons)
    regions = data.draw(names)
    wanted = data.draw(st.lists(st.sampled_from(regions), min_size=1))
    session = Session(pupil=np.zeros((n_trials, n_bins, 3)), spikes=spikes, regions=regions)
    counts = session.region_counts(wanted)
    assert counts.shape == (n_trials, n_bins, len(wanted))
    assert counts.dtype == np.int64
    for t in range(n_trials):
        for b in range(n_bins):
            for r, region in enumerate(wanted):
                mine = [
                    int(n)
                    for n, where in zip(spikes[t, b], regions, strict=True)
                    if where == region
                ]
                assert counts[t, b, r] == sum(mine)


def test_one_region_may_be_given_by_its_name_alone():
    session = Session(**fields())
    np.testing.assert_array_equal(session.region_counts("SCs"), session.region_counts(["SCs"]))


@pytest.mark.parametrize("regions", [["SCs", "VISp"], "VISp", ["VISp"]])
def test_an_absent_region_is_named_beside_those_there_are(regions):
    with pytest.raises(SessionError, match=r"region.s. VISp; it has CA1, LGd, SCs"):
        Session(**fields()).region_counts(regions)


def test_no_region_at_all():
    with pytest.raises(SessionError, match=r"none named"):
        Session(**fields()).region_counts([])


def test_true_rates_are_summed_like_counts():
    session = Session(**fields(truth=truth()))
    rates = session.true_region_rates(["SCs", "CA1"])
    assert rates.shape == (T, B, 2)
    np.testing.assert_allclose(rates[..., 0], session.truth.rates[..., [1, 4]].sum(-1))
    with pytest.raises(SessionError, match=r"no truth"):
        Session(**fields()).true_region_rates("SCs")


# -- files --------------------------------------------------------------------------------------

COLUMNS = st.dictionaries(
    st.text("abc_. é", min_size=1, max_size=4),
    st.sampled_from(
        [
            np.array([0.0, 0.25, np.nan, 1.0]),
            np.array([1, -1, 0, 2]),
            np.array([True, False, True, True]),
            np.array(["go", "", "no go", "é"]),
        ]
    ),
    max_size=4,
)


@settings(max_examples=40)
@given(
    pupil=hnp.arrays(
        np.float32,
        (T, B, 3),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan),
        fill=st.just(np.float32(0.5)),
    ),
    spikes=hnp.arrays(st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64]), (T, B, N)),
    regions=st.lists(st.text("ABé1-", min_size=1), min_size=N, max_size=N),
    columns=COLUMNS,
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    bin_size=st.floats(1e-4, 10),
    start=st.floats(-10, 10),
    with_truth=st.booleans(),
)
def test_what_is_saved_comes_back(
    tmp_path_factory, pupil, spikes, regions, columns, name, bin_size, start, with_truth
):
    pupil[0, 0, 0] = 1.0  # at least one sample is there
    session = Session(
        pupil=pupil,
        spikes=spikes,
        regions=regions,
        trials=pd.DataFrame(columns, index=pd.RangeIndex(T)),
        name=name,
        bin_size=bin_size,
        start=start,
        truth=truth() if with_truth else None,
    )
    path = tmp_path_factory.mktemp("save") / "session.npz"
    assert session.save(path) == path
    loaded = Session.load(path)
    for field in ("pupil", "spikes", "regions"):
        saved, back = getattr(session, field), getattr(loaded, field)
        np.testing.assert_array_equal(back, saved)
        assert back.dtype == saved.dtype
    assert (loaded.name, loaded.bin_size, loaded.start) == (name, bin_size, start)
    assert list(loaded.trials) == list(columns)
    for column, values in columns.items():
        np.testing.assert_array_equal(loaded.trials[column], values)
    assert (loaded.truth is not None) == with_truth
    if with_truth:
        for field in Truth.__dataclass_fields__:
            np.testing.assert_array_equal(loaded.truth[field], session.truth[field])


def test_the_file_holds_no_pickle(tmp_path):
    mixed = pd.DataFrame({"note": ["a", None, 3, 0.5], "when": pd.to_datetime(["2016-12-17"] * T)})
    Session(**fields(trials=mixed, truth=truth())).save(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    assert Session.load(tmp_path / "s.npz").trials["note"].tolist()[0] == "a"


def test_others_may_read_the_file(tmp_path):
    path = Session(**fields()).save(tmp_path / "new" / "folder" / "s.npz")
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        Session.load(tmp_path / "none.npz")


class Bait:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_are_refused_unopened(tmp_path):
    bait = tmp_path / "bait"
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Bait(bait)))
    good = dict(np.load(Session(**fields()).save(tmp_path / "good.npz")))
    hidden = np.empty(N, dtype=object)
    hidden[:] = Bait(bait)
    np.savez(tmp_path / "hidden.npz", **good | {"regions": hidden})
    for name in ("bare.npz", "hidden.npz"):
        with pytest.raises(SessionError, match=f"{name} is not a readable session file"):
            Session.load(tmp_path / name)
    assert not bait.exists()


@pytest.mark.parametrize("name", ["pupil", "spikes", "regions", "bin_size", "start", "name"])
def test_a_missing_array_is_named(tmp_path, name):
    arrays = dict(np.load(Session(**fields()).save(tmp_path / "s.npz")))
    del arrays[name]
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(SessionError, match=f"s.npz .*no '{name}'.*delete it and make it again"):
        Session.load(tmp_path / "s.npz")


def test_other_numpy_files_are_not_sessions(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(SessionError, match=r"a\.npy is not a readable session file"):
        Session.load(tmp_path / "a.npy")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return Session(**fields()).save(tmp_path_factory.mktemp("saved") / "s.npz").read_bytes()


@settings(max_examples=150)
@given(data=st.data())
def test_damage_is_noticed(tmp_path_factory, saved, data):
    path = tmp_path_factory.mktemp("damage") / "s.npz"
    damaged = bytearray(saved)
    if data.draw(st.booleans(), label="cut"):
        del damaged[data.draw(st.integers(0, len(saved) - 1)) :]
    else:
        damaged[data.draw(st.integers(0, len(saved) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    try:
        loaded = Session.load(path)
    except SessionError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    original = Session(**fields())  # what was hit carries nothing, such as a date
    np.testing.assert_array_equal(loaded.spikes, original.spikes)
    np.testing.assert_array_equal(loaded.pupil, original.pupil)


@pytest.mark.parametrize("failure", ["full", "interrupted", "cannot rename"])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure):
    path = Session(**fields(name="old")).save(tmp_path / "s.npz")

    def half_written(file, **_):
        file.write(b"PK\x03\x04 half")
        if failure == "interrupted":
            raise KeyboardInterrupt
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def no_rename(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    if failure == "cannot rename":
        monkeypatch.setattr(session_module.os, "replace", no_rename)
    else:
        monkeypatch.setattr(session_module.np, "savez_compressed", half_written)
    with pytest.raises((OSError, KeyboardInterrupt)) as error:
        Session(**fields(name="new")).save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["s.npz"]
    assert Session.load(path).name == "old"
    if failure == "full":
        assert error.value.errno == errno.ENOSPC
        assert "could not write s.npz (No space left on device); free some space" in str(
            error.value
        )
        assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"could not write s\.npz .* choose another folder"):
        Session(**fields()).save(tmp_path / "file" / "s.npz")


def test_write_npz_writes_what_numpy_reads(tmp_path):
    write_npz(tmp_path / "a.npz", {"a": np.arange(3), "b": np.array("text")})
    with np.load(tmp_path / "a.npz") as file:
        assert file["a"].tolist() == [0, 1, 2]
        assert str(file["b"]) == "text"
