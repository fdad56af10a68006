"""Files written exactly as Neuromatch publishes them, and files with something wrong in them."""

import os
import pickle
import re
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuromatch import Python2Pickler, object_array, session_fields, write_part, write_pickle
from real_data import CORI_INDEX, CORI_START, cori_part_file, require_real_data

from pupil_helpers.recordings.steinmetz import TRIAL_FIELDS, read_steinmetz
from pupil_helpers.session import SessionError


def assert_holds(session, entry):
    """The session has what the published table has, axis by axis."""
    n_neurons, n_trials, n_bins = entry["spks"].shape
    assert session.spikes.shape == (n_trials, n_bins, n_neurons)
    assert session.spikes.dtype.kind == "u"
    np.testing.assert_array_equal(session.spikes, np.moveaxis(entry["spks"], 0, -1))
    assert session.pupil.shape == (n_trials, n_bins, 3)
    assert session.pupil.dtype == np.float32
    for channel, recorded in enumerate(entry["pupil"]):
        np.testing.assert_array_equal(session.pupil[:, :, channel], np.float32(recorded))
    assert session.regions.tolist() == list(entry["brain_area"])
    assert session.name == f"{entry['mouse_name']} {entry['date_exp']}"
    assert session.bin_size == 0.01
    assert list(session.trials) == list(TRIAL_FIELDS)
    for name in TRIAL_FIELDS:
        np.testing.assert_array_equal(session.trials[name], np.ravel(entry[name]))


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def part(tmp_path):
    """Path of part 0 with 13 sessions, and what was written."""
    path = tmp_path / "steinmetz_part0.npz"
    return path, write_part(path)


# -- files as published -------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 1, 12])
def test_reads_each_session_of_a_part(part, index):
    path, entries = part
    session = read_steinmetz(path, index)
    assert_holds(session, entries[index])
    assert session.start == -0.5
    assert session.time[0] == pytest.approx(-0.495)


def test_the_folder_of_the_parts_will_do(tmp_path):
    entries = write_part(tmp_path / "steinmetz_part2.npz")
    assert_holds(read_steinmetz(tmp_path, 38), entries[12])
    assert_holds(read_steinmetz(str(tmp_path), np.int64(26)), entries[0])


@pytest.mark.parametrize(("name", "index"), [("mine.npz", 2), ("steinmetz_part1 (1).npz", 15)])
def test_a_file_with_another_name_counts_from_its_own_start(tmp_path, name, index):
    """Unless a browser has only numbered it."""
    entries = write_part(tmp_path / name)
    assert_holds(read_steinmetz(tmp_path / name, index), entries[2])


def test_copies_with_pupil_area_only_have_no_position(tmp_path):
    [entry] = write_part(tmp_path / "area.npz", [session_fields(channels=1)])
    session = read_steinmetz(tmp_path / "area.npz", 0)
    assert_holds(session, entry)
    assert session.missing.mean(axis=(0, 1)).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "dump",
    [Python2Pickler.dumps, lambda dat: pickle.dumps(dat, 2), lambda dat: pickle.dumps(dat, 3)],
    ids=["Python 2", "protocol 2", "protocol 3"],
)
def test_older_pickles(tmp_path, dump):
    entries = [session_fields(seed) for seed in range(13)]
    write_pickle(tmp_path / "steinmetz_part0.npz", dump(object_array(entries)))
    assert_holds(read_steinmetz(tmp_path, 7), entries[7])


def test_other_ways_to_store_the_same_values(tmp_path):
    entry = session_fields()
    changes = {
        "spks": entry["spks"].astype(float),
        "brain_area": list(entry["brain_area"]),
        "contrast_left": entry["contrast_left"].astype(object),
        "response": entry["response"][None].astype(">f4"),
        "mouse_name": np.array(["Cori"], dtype=object),
        "date_exp": np.str_("2016-12-14"),
        "bin_size": np.float64(0.01),
        "gocue": np.asfortranarray(entry["gocue"]),
    }
    write_part(tmp_path / "other.npz", [entry | changes])
    assert_holds(read_steinmetz(tmp_path / "other.npz", 0), entry)


def test_compressed_files(tmp_path):
    entries = [session_fields(seed) for seed in range(13)]
    np.savez_compressed(tmp_path / "steinmetz_part0.npz", dat=object_array(entries))
    assert_holds(read_steinmetz(tmp_path, 3), entries[3])


def test_two_sessions_may_share_an_array(tmp_path):
    """A pickle holds it once; neither session may go without."""
    a = session_fields(0, trials=20, bins=250, neurons=20, mouse="A")
    entries = write_part(tmp_path / "mine.npz", [a, a | {"mouse_name": "B"}])
    for index, entry in enumerate(entries):
        assert_holds(read_steinmetz(tmp_path / "mine.npz", index), entry)


def test_memory_holds_the_file_once(tmp_path):
    path = tmp_path / "steinmetz_part0.npz"
    write_part(path, [session_fields(i, trials=40, bins=250, neurons=100) for i in range(13)])
    read_steinmetz(path, 0)  # imports and caches are not ours to count
    tracemalloc.start()
    read_steinmetz(path, 6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.2 * path.stat().st_size


# -- the wrong index ----------------------------------------------------------------------------


@pytest.mark.parametrize("index", [-1, 39, 10**30, 1.5, "3", None, True])
def test_an_index_out_of_range_says_the_range(part, index):
    path, _ = part
    for where in (path, path.parent):
        with pytest.raises(
            SessionError, match=r"out of range: .* has 39 sessions, 0 to 38"
        ) as error:
            read_steinmetz(where, index)
        assert repr(index) in one_line(error)


def test_an_index_in_another_part_says_which(part):
    with pytest.raises(SessionError, match=r"steinmetz_part1.npz, which holds 13 to 25") as error:
        read_steinmetz(part[0], 20)
    assert "https://osf.io/uv3mw/download" in one_line(error)


def test_an_index_beyond_a_file_with_another_name(tmp_path):
    write_part(tmp_path / "mine.npz", [session_fields()])
    for index in (1, -1):
        with pytest.raises(SessionError, match=r"mine.npz has 1 sessions, 0 to 0"):
            read_steinmetz(tmp_path / "mine.npz", index)


# -- fields that are missing or wrong -----------------------------------------------------------


REQUIRED = ["spks", "pupil", "brain_area", "bin_size", "mouse_name", "date_exp", *TRIAL_FIELDS]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(tmp_path, name):
    entries = [session_fields(), session_fields(1, **{name: None})]
    write_part(tmp_path / "part.npz", entries)
    with pytest.raises(
        SessionError, match=f"part.npz, session index 1, field '{name}': is missing"
    ):
        read_steinmetz(tmp_path / "part.npz", 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("spks", np.zeros((5, 6)), r"shape \(5, 6\), expected \(neurons, trials, bins\)"),
        ("spks", np.array("abc"), "expected numbers"),
        ("spks", object_array(["a", "b"]), "does not hold numbers"),
        (
            "pupil",
            np.zeros((2, 6, 20)),
            r"shape \(2, 6, 20\), expected \(3, 6, 20\) .* \(1, 6, 20\)",
        ),
        ("pupil", np.zeros((3, 20, 6)), "expected"),
        ("pupil", [[1], [1, 2]], "does not hold numbers"),
        ("brain_area", np.array(["CA1"] * 4), r"shape \(4,\), expected \(5,\)"),
        ("brain_area", np.arange(5), "expected names"),
        ("response", np.zeros(7), r"shape \(7,\), expected \(6,\)"),
        ("gocue", np.zeros((6, 2)), r"shape \(6, 2\)"),
        ("bin_size", np.zeros(2), "expected one value"),
        ("mouse_name", 7, "expected text"),
        ("date_exp", ["a", "b"], "expected one value"),
        ("spks", np.full((5, 6, 20), 0.5), "session 'Cori 2016-12-14': spikes must be counts"),
        ("pupil", np.full((3, 6, 20), np.nan), r"pupil is missing \(NaN\) in every sample"),
        ("bin_size", -0.01, r"bin_size is -0\.01"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, name, value, message):
    write_part(tmp_path / "part.npz", [session_fields(**{name: value})])
    with pytest.raises(SessionError, match=message) as error:
        read_steinmetz(tmp_path / "part.npz", 0)
    where = rf"part.npz, session index 0(, field {name!r}|: session 'Cori 2016-12-14'): "
    assert re.match(where, one_line(error))


def test_sessions_that_are_not_tables(tmp_path):
    write_part(tmp_path / "part.npz", ["no table"])
    with pytest.raises(SessionError, match=r"session index 0: is not a table"):
        read_steinmetz(tmp_path / "part.npz", 0)


# -- files that are not what they should be -----------------------------------------------------


def test_no_such_file(tmp_path):
    for path in (tmp_path, tmp_path / "steinmetz_part0.npz"):
        with pytest.raises(FileNotFoundError, match=r"osf.io/agvxh/download"):
            read_steinmetz(path, 0)
    with pytest.raises(FileNotFoundError, match=r"mine.npz"):
        read_steinmetz(tmp_path / "mine.npz", 0)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_says_to_download_it_again(part, share):
    path, _ = part
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        SessionError, match=r"steinmetz_part0.npz is damaged or incomplete"
    ) as error:
        read_steinmetz(path, 0)
    assert "delete it and download it again from https://osf.io/agvxh" in one_line(error)


@pytest.mark.parametrize(
    "content",
    [b"<!doctype html>\n<p>Sign in\n", b"PK\x03\x04" + b"\0" * 100, b"\x93NUMPY\x01\0v\0{"],
)
def test_another_kind_of_file(tmp_path, content):
    path = tmp_path / "steinmetz_part1.npz"
    path.write_bytes(content)
    with pytest.raises(SessionError, match=r"damaged or incomplete .*osf.io/uv3mw"):
        read_steinmetz(path, 14)


def test_a_truncated_pickle_in_a_whole_archive(tmp_path):
    pickled = pickle.dumps(object_array([session_fields(i) for i in range(13)]), 4)
    damage = [(pickled[: int(share * len(pickled))], "damaged or incomplete") for share in (0, 0.5)]
    for content, message in [*damage, (pickled + b"more", "something after the last session")]:
        write_pickle(tmp_path / "steinmetz_part0.npz", content)
        with pytest.raises(SessionError, match=message):
            read_steinmetz(tmp_path, 0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": np.zeros(3)}, "no array 'dat'"),
        ({"dat": np.zeros(3)}, "dtype float64"),
        ({"dat": object_array([session_fields()] * 4).reshape(2, 2)}, "not a list of sessions"),
        ({"dat": object_array([session_fields()] * 5)}, "holds 5 sessions, not 13"),
    ],
)
def test_an_npz_with_something_else_in_it(tmp_path, arrays, message):
    np.savez(tmp_path / "steinmetz_part0.npz", **arrays)
    with pytest.raises(SessionError, match=message):
        read_steinmetz(tmp_path, 0)


@settings(max_examples=60)
@given(data=st.data())
def test_any_flipped_bit_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip")
    path = folder / "part.npz"
    [entry] = write_part(path, [session_fields()])
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        session = read_steinmetz(path, 0)
    except SessionError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:  # a byte that carries nothing, such as the date of the file
        assert_holds(session, entry)


def test_a_file_that_would_fill_the_memory(tmp_path):
    path = tmp_path / "steinmetz_part0.npz"
    entries = [session_fields(i, wheel=np.zeros((1, 6, 100_000))) for i in range(13)]
    np.savez_compressed(path, dat=object_array(entries))
    assert path.stat().st_size < 1_000_000 < 50_000_000
    with pytest.raises(SessionError, match=r"would unpack to 0.0625 GB.*raise max_bytes") as error:
        read_steinmetz(path, 0, max_bytes=50_000_000)
    assert "https://osf.io/agvxh" in one_line(error)
    assert_holds(read_steinmetz(path, 0, max_bytes=100_000_000), entries[0])


def test_too_little_memory(part, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr("pupil_helpers.recordings.steinmetz.load_pickle", full)
    with pytest.raises(SessionError, match=r"not enough memory to read steinmetz_part0.npz"):
        read_steinmetz(part[0], 0)


class Bait:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("hide", ["entry", "field", "element", "another session"])
def test_a_malicious_file_is_refused_and_nothing_runs(tmp_path, hide):
    bait = tmp_path / "bait"
    entries = [session_fields(i) for i in range(13)]
    if hide == "entry":
        entries[0] = Bait(bait)
    elif hide == "field":
        entries[0]["wheel"] = Bait(bait)
    elif hide == "element":
        entries[0]["brain_area"] = object_array([Bait(bait)] * 5)
    else:
        entries[12]["unused"] = [{"deep": (Bait(bait),)}]
    write_part(tmp_path / "steinmetz_part0.npz", entries)
    with pytest.raises(SessionError, match=r"asks for (posix|os)\.system") as error:
        read_steinmetz(tmp_path, 0)
    assert "nothing was run; delete it and download it again" in one_line(error)
    assert not bait.exists()


def test_a_refusal_stays_on_one_line(tmp_path):
    write_pickle(tmp_path / "mine.npz", b"\x80\x04\x8c\x05a\nb\rc\x8c\x01d\x93.")
    with pytest.raises(SessionError, match=r"asks for a b c.d") as error:
        read_steinmetz(tmp_path / "mine.npz", 0)
    one_line(error)


# -- a real recording ---------------------------------------------------------------------------


def test_the_real_cori_session(tmp_path):
    with np.load(require_real_data()) as file:
        recorded = {name: file[name] for name in ("spks", "pupil_area_trials", "response_time")}
    path = cori_part_file(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # its outliers are real
        session = read_steinmetz(path, CORI_INDEX, start=CORI_START)
    assert session.name == "Cori 2016-12-17"
    assert session.spikes.shape == (251, 40, 1070)
    assert session.spikes.sum() == recorded["spks"].sum()
    table = session.region_table()["neurons"].to_dict()
    assert table == {"VISpm": 302, "VISl": 231, "POST": 191, "CA1": 190, "root": 156}
    assert session.missing[..., 1:].all()
    np.testing.assert_array_equal(session.pupil[..., 0], recorded["pupil_area_trials"][:, 50:90])
    np.testing.assert_array_equal(session.trials["response_time"], recorded["response_time"])
    assert session.time[[0, -1]] == pytest.approx([0.005, 0.395])
