"""A Session refuses what it cannot use, sums what it is asked for, and survives the disk."""

import os
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pupil_helpers.session import Session, SessionError, Truth

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
        ({"pupil": np.zeros((T, B, 1))}, "fill a channel you do not have with NaN"),
        ({"pupil": np.zeros((T, 0, 3))}, r"pupil has shape \(4, 0, 3\)"),
        ({"pupil": "big"}, "pupil is not an array of numbers"),
        ({"pupil": [[[1, 2, 3]], [[1]]]}, "pupil is not an array of numbers"),
        ({"pupil": [[[10**400] * 3]]}, "pupil is not an array of numbers"),
        ({"pupil": changed((T, B, 3), 1e300)}, "pupil has infinite values"),
        ({"pupil": changed((T, B, 3), np.inf)}, "pupil has infinite values.*NaN"),
        ({"pupil": np.full((T, B, 3), np.nan)}, "pupil is missing .* in every sample"),
        ({"pupil": np.zeros((T + 1, B, 3))}, r"pupil .* \(5, 6\) but spikes has \(4, 6\)"),
        ({"spikes": np.zeros((T, B), int)}, r"spikes has shape \(4, 6\)"),
        ({"spikes": np.zeros((T, B, 0), int)}, r"spikes has shape \(4, 6, 0\)"),
        ({"spikes": changed((T, B, N), -1)}, "spikes must be counts"),
        ({"spikes": changed((T, B, N), 0.5)}, "not rates"),
        ({"spikes": changed((T, B, N), np.nan)}, "spikes has missing or infinite values"),
        ({"spikes": np.full((T, B, N), "1")}, "spikes has dtype <U1"),
        ({"spikes": [[[1, 2], [3]]]}, "spikes is not an array of counts"),
        ({"spikes": [[[10**30]]]}, "spikes has dtype object; give whole numbers"),
        ({"spikes": changed((T, B, N), 2**40, int)}, "spikes has a count of 1099511627776 in one"),
        ({"spikes": changed((T, B, N), 1e30)}, "spikes has a count of 10000000000000000"),
        ({"regions": [["CA1"], ["SCs", "LGd"]]}, "regions is not an array of names"),
        ({"regions": ["CA1"]}, r"regions has shape \(1,\), expected \(5,\)"),
        ({"bin_size": 0}, "bin_size is 0; give the bin width in seconds"),
        ({"bin_size": np.nan}, "bin_size is nan"),
        ({"bin_size": "0.01"}, "bin_size is '0.01'"),
        ({"bin_size": 10**400}, "bin_size is 1000"),
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


# -- wild samples ---------------------------------------------------------------------------------


def eye(n_trials=20, n_bins=30):
    """A pupil in usual units that rests and jumps."""
    rng = np.random.default_rng(3)
    rest = np.repeat(rng.normal([60, 35, 25], [15, 6, 4], (n_trials, 3, 3)), n_bins // 3, axis=1)
    return rest + rng.normal(0, 0.05, rest.shape)


def test_wild_samples_are_reported():
    pupil = eye()
    pupil[7, 3, 1] = 1e9
    pupil[12, 5:8, 1] = 1e30
    with pytest.warns(UserWarning, match="wild") as caught:
        Session(pupil=pupil, spikes=np.ones((20, 30, 1), int), regions=["CA1"], name="Cori")
    [warning] = caught
    assert warning.filename == __file__
    assert str(warning.message).startswith(
        "session 'Cori': channel x of pupil has 4 wild sample(s) in 2 trial(s), first in trial 7, "
        "such as 1e+09 where the median is "
    )
    assert "set them to NaN" in str(warning.message)


@pytest.mark.parametrize(
    "pupil",
    [eye(), eye(2, 6), eye() - eye().mean((0, 1)), np.zeros((2, 3, 3)), [[[np.nan, 1.0, 2.0]] * 4]],
    ids=["usual", "short", "centred", "constant", "no area"],
)
def test_other_pupils_pass_in_silence(pupil):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Session(pupil=pupil, spikes=np.ones((*np.shape(pupil)[:2], 1), int), regions=["CA1"])


# -- what it holds ------------------------------------------------------------------------------


def test_a_session_is_equal_to_itself_only_and_no_list_of_trials():
    session, other = Session(**fields(truth=truth())), Session(**fields(truth=truth()))
    assert session == session
    assert session != other
    assert len({session, other, session.truth, other.truth}) == 4
    assert other not in [session]
    with pytest.raises(TypeError, match="not iterable"):
        iter(session)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        (2, [2]),
        (np.int64(-1), [3]),
        ([3, 0, 0], [3, 0, 0]),
        (np.array([True, False, False, True]), [0, 3]),
        (pd.Series([False, True, False, False]), [1]),
    ],
    ids=str,
)
def test_some_trials_of_a_session(trials, expected):
    table = pd.DataFrame({"response": [5, 6, 7, 8]})
    whole = Session(**fields(trials=table, truth=truth(), bin_size=0.02, start=-0.1))
    part = whole[trials]
    np.testing.assert_array_equal(part.pupil, whole.pupil[expected])
    np.testing.assert_array_equal(part.spikes, whole.spikes[expected])
    np.testing.assert_array_equal(part.truth.rates, whole.truth.rates[expected])
    np.testing.assert_array_equal(part.truth.pupil, whole.truth.pupil[expected])
    assert part.trials["response"].to_dict() == dict(enumerate(table["response"][expected]))
    assert (part.name, part.bin_size, part.start) == (whole.name, 0.02, -0.1)
    part.pupil[:] = 0  # what is done to the part stays there
    np.testing.assert_array_equal(whole.pupil, np.float32(fields()["pupil"]))
    np.testing.assert_array_equal(whole.trials["response"], [5, 6, 7, 8])


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (4, "index 4 is out of bounds.*; choose trials by a slice"),
        ([0, -5], "index -5 is out of bounds"),
        ([True, False], "boolean"),
        ([], "none is chosen"),
        (slice(4, None), "none is chosen"),
        (np.zeros(T, bool), "none is chosen"),
        *(
            (wrong, "choose trials by a slice, whole numbers or a mask, one value per trial")
            for wrong in (
                slice(0, "end"),
                True,
                "pupil",
                1.0,
                None,
                (0, 1),
                [[0, 1]],
                [[0], [1, 2]],
            )
        ),
    ],
    ids=str,
)
def test_trials_that_cannot_be_chosen(trials, message):
    with pytest.raises(SessionError, match=f"^session 'test mouse': .*{message}") as error:
        Session(**fields())[trials]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float32])
def test_counts_become_unsigned_whatever_they_were(dtype):
    counts = np.random.default_rng(2).poisson(0.3, size=(T, B, N)).astype(dtype)
    spikes = Session(**fields(spikes=counts)).spikes
    assert spikes.dtype.kind == "u"
    np.testing.assert_array_equal(spikes, counts)
    assert Session(**fields(spikes=changed((T, B, N), 70_000))).spikes.max() == 70_000


def test_sizes_types_times_and_missing_samples():
    pupil = fields()["pupil"]
    pupil[1, 2, 0], pupil[..., 2] = np.nan, np.nan
    session = Session(**fields(pupil=pupil, bin_size=0.02, start=-0.1))
    assert (session.n_trials, session.n_bins, session.n_neurons) == (T, B, N)
    assert session.pupil.dtype == np.float32
    assert session.time == pytest.approx([-0.09, -0.07, -0.05, -0.03, -0.01, 0.01])
    assert len(session.trials) == T
    np.testing.assert_array_equal(session.missing, np.isnan(pupil))


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
    for r, region in enumerate(wanted):
        mine = [n for n, where in enumerate(regions) if where == region]
        for t, b in np.ndindex(n_trials, n_bins):
            assert counts[t, b, r] == sum(int(spikes[t, b, n]) for n in mine)
    np.testing.assert_array_equal(session.region_counts(wanted[0]), counts[..., :1])


@pytest.mark.parametrize("regions", [["SCs", "VISp"], "VISp", []])
def test_an_absent_region_is_named_beside_those_there_are(regions):
    absent = "VISp" if regions else "none named"
    with pytest.raises(SessionError, match=rf"region.s. \(?{absent}\)?; it has CA1, LGd, SCs"):
        Session(**fields()).region_counts(regions)


def test_true_rates_are_summed_like_counts():
    session = Session(**fields(truth=truth()))
    rates = session.true_region_rates(["SCs", "CA1"])
    assert rates.shape == (T, B, 2)
    np.testing.assert_allclose(rates[..., 0], session.truth.rates[..., [1, 4]].sum(-1))
    with pytest.raises(SessionError, match=r"no truth"):
        Session(**fields()).true_region_rates("SCs")


# -- files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict:
    """The arrays in the file of a session."""
    return dict(np.load(Session(**fields()).save(tmp_path_factory.mktemp("saved") / "s.npz")))


CELLS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text("aé\0")
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=T, max_size=T).map(lambda cells: pd.Series(cells, dtype=object)),
    st.sampled_from(
        [
            pd.Series([0.0, 0.25, np.nan, 1.0]),
            pd.Series([1, -1, 0, 2], dtype=np.int8),
            pd.Series([True, False, True, True]),
            pd.Series([True, None, False, True]),
            pd.Series(["go", "", None, "é"]),
            pd.Series([True, None, False, None], dtype="boolean"),
            pd.Series([1, None, 2**60 + 1, -1], dtype="Int64"),
            pd.Series([0.5, None, 1, 2], dtype="Float64"),
            pd.Series(["a", None, "", "b"], dtype="string"),
            pd.Series(["left", "right", None, "left"], dtype="category"),
            pd.to_datetime(pd.Series(["2016-12-17 10:00:00.123456", None] * 2)),
            pd.to_timedelta(pd.Series([0.5, 1, None, 2]), unit="s"),
        ]
    ),
)


@settings(max_examples=40)
@given(
    pupil=hnp.arrays(
        np.float32,
        (T, B, 3),
        elements=st.floats(-10, 10, width=32) | st.just(np.nan),
        fill=st.just(np.float32(0.5)),
    ),
    spikes=hnp.arrays(st.sampled_from([np.uint8, np.uint16, np.uint32]), (T, B, N)),
    regions=st.lists(st.text("ABé1-", min_size=1), min_size=N, max_size=N),
    columns=st.dictionaries(st.text("abc_. é", min_size=1, max_size=4), COLUMNS, max_size=4),
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
        trials=pd.DataFrame(columns, index=range(T)),
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
    pd.testing.assert_frame_equal(loaded.trials, session.trials, check_column_type=False)
    assert (loaded.truth is not None) == with_truth
    if with_truth:
        for field in Truth.__dataclass_fields__:
            saved, back = getattr(session.truth, field), getattr(loaded.truth, field)
            np.testing.assert_array_equal(back, saved)


def test_the_file_holds_no_pickle(tmp_path):
    note = pd.Series(["a", None, 3, {"any": "thing"}], dtype=object)
    path = Session(**fields(trials=pd.DataFrame({"note": note}), truth=truth())).save(
        tmp_path / "s.npz"
    )
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)
    assert Session.load(path).trials["note"].tolist() == ["a", None, 3, "{'any': 'thing'}"]


def test_files_of_before_have_columns_of_text(tmp_path, saved):
    np.savez(tmp_path / "s.npz", **saved, **{"trials.go": np.array(["a", "None", "b", "c"])})
    assert Session.load(tmp_path / "s.npz").trials["go"].tolist() == ["a", "None", "b", "c"]


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Session(**fields()).save("~/below/s") == tmp_path / "below" / "s"
    assert Session.load("~/below/s").name == "test mouse"
    assert [path.name for path in tmp_path.iterdir()] == ["below"]
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        Session.load("~/none.npz")


class Bait:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_and_other_numpy_files_are_refused_unopened(tmp_path, saved):
    bait = tmp_path / "bait"
    (tmp_path / "bare").write_bytes(pickle.dumps(Bait(bait)))
    np.savez(tmp_path / "hidden.npz", **saved | {"regions": np.array([Bait(bait)] * N)})
    np.save(tmp_path / "array.npy", np.zeros(3))
    for path in tmp_path.iterdir():
        with pytest.raises(SessionError, match=f"{path.name} is not a readable session file"):
            Session.load(path)
    assert not bait.exists()


@pytest.mark.parametrize("name", ["pupil", "spikes", "regions", "bin_size", "start", "name"])
def test_a_missing_array_is_named(tmp_path, saved, name):
    np.savez(tmp_path / "s.npz", **{other: saved[other] for other in saved if other != name})
    with pytest.raises(SessionError, match=f"s.npz .*no '{name}'.*delete it and make it again"):
        Session.load(tmp_path / "s.npz")


def test_a_damaged_archive_is_told_in_few_words(tmp_path, saved):
    """zipfile prints all of a name that damage has made thousands of bytes long."""
    path = tmp_path / "s.npz"
    np.savez(path, **saved)
    content = bytearray(path.read_bytes())
    content[27] ^= 32  # the length of the first name, in its own header
    path.write_bytes(content)
    with pytest.raises(SessionError, match=r"s.npz is not a readable .*; delete it") as error:
        Session.load(path)
    assert len(str(error.value)) < 400


def test_a_small_file_that_would_fill_the_memory(tmp_path, saved):
    path = tmp_path / "s.npz"
    np.savez_compressed(path, **saved, more=np.zeros(3_000_000, np.int8))
    assert path.stat().st_size < 20_000
    with pytest.raises(SessionError, match=r"s.npz would unpack to 0.003 GB.*raise max_bytes"):
        Session.load(path, max_bytes=2_000_000)
    assert Session.load(path, max_bytes=4_000_000).name == "test mouse"


@settings(max_examples=150)
@given(data=st.data())
def test_damage_is_noticed(tmp_path_factory, data):
    original = Session(**fields())
    path = original.save(tmp_path_factory.mktemp("damage") / "s.npz")
    damaged = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(damaged) - 1))
    if data.draw(st.booleans(), label="cut"):
        del damaged[place:]
    else:
        damaged[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    try:
        loaded = Session.load(path)
    except SessionError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    np.testing.assert_array_equal(loaded.spikes, original.spikes)  # what was hit carries nothing
    np.testing.assert_array_equal(loaded.pupil, original.pupil)
