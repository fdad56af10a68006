"""Files written exactly as Neuromatch publishes them, and files with something wrong in them."""

import io
import pickle
import re
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neuromatch import Python2Pickler, object_array, session_fields, write_part, write_pickle
from real_data import CORI_INDEX, CORI_START, cori_part_file, require_real_data

from pupil_helpers.recordings.part_table import TRIAL_FIELDS
from pupil_helpers.recordings.steinmetz import read_steinmetz
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


@pytest.mark.parametrize("index", [0, 12])
def test_reads_each_session_of_a_part(part, index):
    path, entries = part
    session = read_steinmetz(path, index)
    assert_holds(session, entries[index])
    assert session.start == -0.5
    assert session.time[0] == pytest.approx(-0.495)


def test_the_folder_of_the_parts_will_do(tmp_path):
    entries = write_part(tmp_path / "steinmetz_part2.npz")
    assert_holds(read_steinmetz(str(tmp_path), np.int64(38)), entries[12])


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


def test_a_pickle_of_python_2(tmp_path):
    entries = [session_fields(seed) for seed in range(13)]
    write_pickle(tmp_path / "steinmetz_part0.npz", Python2Pickler.dumps(object_array(entries)))
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


@pytest.mark.parametrize(
    ("name", "index", "message"),
    [
        *(
            ("steinmetz_part0.npz", index, "is out of range: .* has 39 sessions, 0 to 38")
            for index in (-1, 39, 10**30, 1.5, "3", None, True)
        ),
        ("", 39, "is out of range: .* has 39 sessions, 0 to 38"),  # the folder
        ("steinmetz_part0.npz", 20, "in steinmetz_part1.npz, which holds 13 to 25.*osf.io/uv3mw"),
        ("mine.npz", 13, "is out of range: mine.npz has 13 sessions, 0 to 12"),
    ],
)
def test_a_wrong_index(tmp_path, part, name, index, message):
    write_part(tmp_path / "mine.npz")
    with pytest.raises(SessionError, match=f"^session index {index!r} .*{message}") as error:
        read_steinmetz(tmp_path / name, index)
    one_line(error)


# -- fields that are missing or wrong -----------------------------------------------------------


REQUIRED = ["spks", "pupil", "brain_area", "bin_size", "mouse_name", "date_exp", *TRIAL_FIELDS]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *((name, None, f"field '{name}': is missing; delete it") for name in REQUIRED),
        ("spks", np.zeros((5, 6)), r"shape \(5, 6\), expected \(neurons, trials, bins\)"),
        ("spks", np.array("abc"), "expected numbers"),
        ("spks", object_array(["a", "b"]), "does not hold numbers"),
        (
            "pupil",
            np.zeros((2, 6, 20)),
            r"shape \(2, 6, 20\), expected \(3, 6, 20\) .*\(1, 6, 20\)",
        ),
        ("pupil", np.zeros((3, 20, 6)), "expected"),
        ("pupil", [[1], [1, 2]], "does not hold numbers"),
        ("brain_area", np.array(["CA1"] * 4), r"shape \(4,\), expected \(5,\)"),
        ("brain_area", np.arange(5), "expected names; delete it and download it again"),
        (
            "brain_area",
            np.array(["CA1", "", " ", "CA1", "V"]),
            "names no region for 2 of 5 neurons",
        ),
        ("response", np.zeros(7), r"shape \(7,\), expected \(6,\)"),
        ("gocue", np.zeros((6, 2)), r"shape \(6, 2\)"),
        ("bin_size", np.zeros(2), "expected one value"),
        ("mouse_name", 7, "expected text"),
        ("date_exp", ["a", "b"], "expected one value"),
        ("spks", np.full((5, 6, 20), 0.5), "session 'Cori 2016-12-15': spikes must be counts"),
        ("pupil", np.full((3, 6, 20), np.nan), r"pupil is missing \(NaN\) in every sample"),
        ("bin_size", -0.01, r"bin_size is -0\.01"),
    ],
)
def test_a_missing_or_wrong_field_is_named(tmp_path, name, value, message):
    write_part(tmp_path / "part.npz", [session_fields(), session_fields(1, **{name: value})])
    with pytest.raises(SessionError, match=message) as error:
        read_steinmetz(tmp_path / "part.npz", 1)
    where = rf"part.npz, session index 1(, field {name!r}|: session 'Cori 2016-12-15'): "
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


def bytes_of_npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bytes_around(pickled: bytes) -> bytes:
    file = io.BytesIO()
    write_pickle(file, pickled)
    return file.getvalue()


SESSIONS = object_array([session_fields(i) for i in range(13)])
WHOLE, PICKLED = bytes_of_npz(dat=SESSIONS), pickle.dumps(SESSIONS, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((WHOLE[: int(share * len(WHOLE))], "") for share in (0, 0.001, 0.3, 0.9, 0.999)),
        (b"<!doctype html>\n<p>Sign in\n", ""),
        (b"PK\x03\x04" + b"\0" * 100, ""),
        (b"\x93NUMPY\x01\0v\0{", ""),
        (bytes_around(b""), ""),
        (bytes_around(PICKLED[: len(PICKLED) // 2]), ""),
        (bytes_around(PICKLED + b"more"), "something after the last session"),
        (bytes_of_npz(other=np.zeros(3)), "no array 'dat'"),
        (bytes_of_npz(dat=np.zeros(3)), "dtype float64"),
        (bytes_of_npz(dat=SESSIONS[:4].reshape(2, 2)), "not a list of sessions"),
        (bytes_of_npz(dat=SESSIONS[:5]), "holds 5 sessions, not 13"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_what_is_no_part_file_is_to_be_downloaded_again(tmp_path, content, message):
    path = tmp_path / "steinmetz_part1.npz"
    path.write_bytes(content)
    what = message if "holds" in message else rf"is damaged or incomplete \(.*{message}.*\)"
    with pytest.raises(SessionError, match=f"^{path.name} {what}; delete it") as error:
        read_steinmetz(tmp_path, 14)
    assert one_line(error).endswith("download it again from https://osf.io/uv3mw/download")


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


@pytest.mark.parametrize("name", ["/tmp/{}", "../{}"])
def test_an_archive_with_a_path_out_of_it_is_refused(tmp_path, name):
    path = tmp_path / "mine.npz"
    write_part(path, [session_fields()])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name.format("more.npy"), archive.read("dat.npy"))
    with pytest.raises(SessionError, match=r"'\S+more.npy': a path out of it\); delete it"):
        read_steinmetz(path, 0)


def test_a_refusal_stays_on_one_line(tmp_path):
    write_pickle(tmp_path / "mine.npz", b"\x80\x04\x8c\x05a\nb\rc\x8c\x01d\x93.")
    with pytest.raises(SessionError, match=r"asks for a b c.d.*nothing was run") as error:
        read_steinmetz(tmp_path / "mine.npz", 0)
    assert "delete it and download it again from where it came from" in one_line(error)


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
