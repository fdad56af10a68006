"""Downloads from a server of our own that serves, stalls, breaks off and fails like a real one."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import numpy as np
import pooch
import pytest
from file_server import Handler, serving
from neuromatch import object_array, session_fields, write_part

from pupil_helpers.recordings import download as sources
from pupil_helpers.recordings import load_session, steinmetz, transfer
from pupil_helpers.recordings.download import CHECKSUMS, LOCK, fetch_part
from pupil_helpers.session import Session, SessionError

PART = "steinmetz_part0.npz"


@pytest.fixture
def server(monkeypatch):
    """The server, in place of OSF; nothing else can be reached."""
    with serving(monkeypatch) as server:
        monkeypatch.setattr(steinmetz, "OSF", server.url)
        yield server


@pytest.fixture
def entries(server, tmp_path_factory):
    """The sessions in the file that the server has."""
    path = tmp_path_factory.mktemp("published") / PART
    entries = write_part(path)
    server.content = path.read_bytes()
    return entries


class Bait:
    """Pickles as the call of a function."""

    def __reduce__(self):
        return os.getcwd, ()


FULL = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
FORBIDDEN = Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != LOCK)


def assert_is(session, entry):
    np.testing.assert_array_equal(session.spikes, np.moveaxis(entry["spks"], 0, -1))


def load(folder, index=0) -> Session:
    return load_session("steinmetz", index=index, folder=folder)


# -- a good day ---------------------------------------------------------------------------------


def test_one_download_and_one_reading_of_a_part_serve_all_its_sessions(server, entries, tmp_path):
    first = load(tmp_path, 28)
    copies = [f"steinmetz_{index}.npz" for index in range(26, 39)]
    assert names(tmp_path) == [CHECKSUMS, *copies, "steinmetz_part2.npz"]
    (tmp_path / "steinmetz_part2.npz").unlink()
    for index in range(26, 39):
        assert_is(load(tmp_path, index), entries[index - 26])
    again = load(tmp_path, 28)
    for name in ("spikes", "pupil", "regions"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    assert again.trials.equals(first.trials)
    assert (again.name, again.start, again.bin_size) == ("Cori 2016-12-16", -0.5, 0.01)
    assert server.asked == [None]


def test_a_session_with_a_flaw_does_not_keep_others_from_being_read(server, tmp_path):
    flaw = {0: {"spks": None}, 4: {"spks": None}}
    flawed = [session_fields(i, **flaw.get(i, {})) for i in range(13)]
    write_part(tmp_path / "good.npz", flawed)
    server.content = (tmp_path / "good.npz").read_bytes()
    with pytest.raises(SessionError, match=r"index 4, field 'spks': is missing"):
        load(tmp_path, 4)
    assert len(list(tmp_path.glob("steinmetz_??.npz"))) == 11
    assert_is(load(tmp_path, 12), flawed[12])
    assert server.asked == [None]


def test_only_the_session_that_was_asked_for_warns_of_wild_samples(server, tmp_path):
    entries = [session_fields(i) for i in range(13)]
    for index in (2, 5):
        entries[index]["pupil"][0, 3, 7] = 1e9
    write_part(tmp_path / PART, entries)
    for _ in range(2):  # from the part file, from the copy
        with pytest.warns(UserWarning, match="wild") as caught:
            load(tmp_path, 5)
        assert len(caught) == 1


def test_each_part_has_its_own_address_and_its_line_in_the_record(
    server, entries, tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "part_url", lambda part: f"{server.url}/{part}")
    for part in (2, 0, 1):
        assert fetch_part(part, tmp_path).read_bytes() == server.content
    assert server.paths == ["/2", "/0", "/1"]
    digest = hashlib.sha256(server.content).hexdigest()
    lines = [f"{digest}  steinmetz_part{part}.npz\n" for part in range(3)]  # as sha256sum has them
    assert (tmp_path / CHECKSUMS).read_text() == "".join(lines)


@pytest.mark.parametrize("way", ["argument", "variable", "default"])
def test_where_the_files_go(server, entries, tmp_path, monkeypatch, way):
    monkeypatch.delenv(sources.FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "default" / name)
    expected = tmp_path / "default" / "pupil_helpers"
    folder = None
    if way != "default":
        expected = tmp_path / "variable"
        monkeypatch.setenv(sources.FOLDER_VARIABLE, str(expected))
    if way == "argument":
        expected = folder = tmp_path / "argument" / "deep"
    load(folder)
    assert PART in names(expected)


def test_a_file_put_there_by_hand_is_used(server, entries, tmp_path):
    for mine in (entries[::-1], [*entries[5:], *entries[:5]]):  # and it may be replaced by another
        write_part(tmp_path / PART, mine)
        for index in (0, 7):
            assert_is(load(tmp_path, index), mine[index])
    assert server.asked == []


def test_a_folder_that_may_only_be_read(server, entries, tmp_path, monkeypatch):
    write_part(tmp_path / PART, entries)
    monkeypatch.setattr(transfer, "locked", FORBIDDEN)
    monkeypatch.setattr(Session, "save", FORBIDDEN)
    with pytest.warns(UserWarning, match=r"not cached: Permission denied") as caught:
        assert_is(load(tmp_path, 3), entries[3])
    assert len(caught) == 1


# -- downloads that break off -------------------------------------------------------------------


def break_off(server, folder, after):
    server.break_after = after
    with pytest.raises(ConnectionError, match=r"did not complete") as error:
        load(folder)
    server.break_after = None
    return one_line(error)


def test_a_broken_download_is_never_read_and_goes_on_where_it_stopped(server, entries, tmp_path):
    half, sizes = tmp_path / f"{PART}.part", [0]
    for _ in range(3):
        message = break_off(server, tmp_path, after=20_000)
        assert "run this again to go on" in message
        assert server.url in message
        assert names(tmp_path) == [half.name]
        sizes.append(half.stat().st_size)
        assert sizes[-2] < sizes[-1] <= sizes[-2] + 20_000

    assert_is(load(tmp_path), entries[0])
    assert server.asked == [None, *(f"bytes={size}-" for size in sizes[1:])]
    assert half.name not in names(tmp_path)


def test_a_server_that_does_not_say_how_long_the_file_is(server, entries, tmp_path):
    server.announce = False  # so that the end of the connection looks like the end of the file
    message = break_off(server, tmp_path, after=50_000)
    assert "not the published file" in message
    assert names(tmp_path) == []
    assert_is(load(tmp_path), entries[0])


def test_a_server_that_cannot_continue_starts_over(server, entries, tmp_path):
    break_off(server, tmp_path, after=50_000)
    server.ranges = False
    assert fetch_part(0, tmp_path).read_bytes() == server.content


def test_a_download_that_was_complete_but_not_yet_moved(server, entries, tmp_path):
    (tmp_path / f"{PART}.part").write_bytes(server.content)
    assert fetch_part(0, tmp_path).read_bytes() == server.content
    assert server.asked == [f"bytes={len(server.content)}-"]


@pytest.mark.parametrize("size", [10_000, 10**7])
def test_a_piece_of_another_file_is_thrown_away(server, entries, tmp_path, size):
    (tmp_path / f"{PART}.part").write_bytes(b"x" * size)
    with pytest.raises(ConnectionError, match=r"deleted") as error:
        fetch_part(0, tmp_path)
    one_line(error)
    assert names(tmp_path) == []
    assert fetch_part(0, tmp_path).read_bytes() == server.content


@pytest.mark.parametrize("before", ["nothing", "a damaged file"])
def test_many_at_once_download_once(server, entries, tmp_path, before):
    if before == "a damaged file":
        damaged = bytearray(server.content)
        damaged[len(damaged) // 2] ^= 1
        fetch_part(0, tmp_path).write_bytes(damaged)
        server.asked.clear()
    server.pause = 0.05
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: load(tmp_path, i), range(4)))
    for session, entry in zip(got, entries, strict=False):
        assert_is(session, entry)
    assert server.asked == [None]
    assert len((tmp_path / CHECKSUMS).read_text().splitlines()) == 1


# -- files that change or are damaged -----------------------------------------------------------


@pytest.mark.parametrize(
    "arrays",
    [
        None,
        {"other": np.zeros(3)},
        {"dat": object_array([session_fields()] * 5)},
        {"dat": object_array([session_fields(spks=None)] * 13)},
        {"dat": object_array([Bait()] * 13)},
    ],
    ids=["a page", "another archive", "too few", "no session", "bait"],
)
def test_something_else_instead_of_the_file_is_not_kept(server, entries, tmp_path, arrays):
    right = server.content
    server.content = b"<html>Please log in to the wireless network</html>" * 100
    if arrays:
        np.savez(tmp_path / "a.npz", **arrays)
        server.content = (tmp_path / "a.npz").read_bytes()
        (tmp_path / "a.npz").unlink()
    with pytest.raises(ConnectionError, match=r"not the published file, and was deleted") as error:
        load(tmp_path)
    one_line(error)
    assert names(tmp_path) == []
    server.content = right
    assert_is(load(tmp_path), entries[0])


def test_too_little_memory_is_no_reason_to_delete(server, entries, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(steinmetz, "load_pickle", Mock(side_effect=MemoryError))
        with pytest.raises(SessionError, match=f"not enough memory to read {PART}.part"):
            fetch_part(0, tmp_path)
    assert fetch_part(0, tmp_path).read_bytes() == server.content
    assert server.asked == [None, f"bytes={len(server.content)}-"]


def test_a_published_file_that_differs_from_the_record(server, entries, tmp_path):
    path = fetch_part(0, tmp_path)
    path.unlink()
    write_part(path, entries[::-1])
    server.content = path.read_bytes()
    path.unlink()
    with pytest.raises(ConnectionError, match=r"differs from the file recorded") as error:
        fetch_part(0, tmp_path)
    assert CHECKSUMS in one_line(error)
    assert names(tmp_path) == [CHECKSUMS]
    (tmp_path / CHECKSUMS).write_text("")  # the way out that the message names
    assert fetch_part(0, tmp_path).read_bytes() == server.content


def test_a_record_that_is_nonsense_is_no_record(server, entries, tmp_path):
    (tmp_path / CHECKSUMS).write_bytes(b"\xff\x00 what?\nabc  steinmetz_part0.npz\n")
    assert fetch_part(0, tmp_path).read_bytes() == server.content
    assert len((tmp_path / CHECKSUMS).read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "harm",
    [
        lambda copy: copy.write_bytes(copy.read_bytes()[:1000]),
        lambda copy: copy.write_bytes(b"\x80\x04N."),
        lambda copy: Session.load(copy).save(copy),
    ],
    ids=["truncated", "another file", "says not of what"],
)
def test_a_copy_of_a_session_that_will_not_do_is_made_again(server, entries, tmp_path, harm):
    load(tmp_path)
    copy = tmp_path / "steinmetz_00.npz"
    harm(copy)
    assert_is(load(tmp_path), entries[0])
    with np.load(copy) as file:
        assert "part_file" in file
    assert server.asked == [None]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (None, "delete it and download it again"),
        (session_fields(unused=Bait()), r"asks for (posix|os)\.getcwd.*nothing was run"),
    ],
    ids=["too few", "bait"],
)
def test_a_bad_file_put_there_by_hand_is_kept_and_not_cached(tmp_path, last, message):
    write_part(tmp_path / PART, [session_fields()] * 12 + ([last] if last else []))
    with pytest.raises(SessionError, match=message):
        load(tmp_path)
    assert names(tmp_path) == [PART]


# -- no network, no space, no such thing --------------------------------------------------------


@pytest.mark.parametrize("status", [404, 503])
def test_a_server_error_does_not_harm_a_half_download(server, entries, tmp_path, status):
    break_off(server, tmp_path, after=50_000)
    half = (tmp_path / f"{PART}.part").read_bytes()
    server.status = status
    with pytest.raises(ConnectionError, match=f"{PART}: the server answered {status}") as error:
        load(tmp_path)
    assert f"download {server.url}/agvxh/download in a browser" in one_line(error)
    assert (tmp_path / f"{PART}.part").read_bytes() == half


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(steinmetz, "OSF", "http://127.0.0.1:1")
    with pytest.raises(ConnectionError, match=r"connection failed.*check the network") as error:
        load(tmp_path)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__  # a reader should see one error, not five
    assert "browser" in one_line(error)
    assert names(tmp_path) == []


def test_a_server_that_says_nothing(server, entries, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", (1, 0.2))
    silence = threading.Event()
    monkeypatch.setattr(Handler, "do_GET", lambda self: silence.wait(5))
    with pytest.raises(ConnectionError, match=r"too long to answer"):
        fetch_part(0, tmp_path)
    silence.set()


def test_a_full_disk(server, entries, tmp_path, monkeypatch):
    break_off(server, tmp_path, after=50_000)
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "open", FULL, raising=False)
        with pytest.raises(OSError, match=f"{PART}: the disk is full") as error:
            load(tmp_path)
    assert error.value.errno == errno.ENOSPC
    assert "free some space, or set PUPIL_HELPERS_DATA" in one_line(error)
    assert names(tmp_path) == [f"{PART}.part"]
    assert_is(load(tmp_path), entries[0])


def test_a_folder_that_cannot_be_written(server, entries, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match=r"could not be stored in") as error:
        load(tmp_path / "file" / "below")
    assert "PUPIL_HELPERS_DATA" in one_line(error)


@pytest.mark.parametrize("index", [39, "12"])
def test_an_index_out_of_range_asks_no_server(server, tmp_path, index):
    with pytest.raises(SessionError, match=r"has 39 sessions, 0 to 38"):
        load(tmp_path, index)
    assert server.asked == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Steinmetz", {}, r"choose one of 'simulated', 'steinmetz', 'dandi', or .*load"),
        (None, {}, r"choose one of 'simulated', 'steinmetz', 'dandi', or .*load"),
        ("steinmetz", {"seed": 1, "n_trials": 2}, r"not seed, n_trials"),
    ],
)
def test_unknown_sources_and_options(tmp_path, name, options, message):
    with pytest.raises(SessionError, match=message):
        load_session(name, folder=tmp_path, **options)


# -- the simulator ------------------------------------------------------------------------------


def test_the_simulated_session_is_the_default(monkeypatch):
    assert load_session(n_trials=10, seed=3).truth is not None
    assert load_session("simulated", index=7, n_trials=12).n_trials == 12
    monkeypatch.setattr(
        "pupil_helpers.recordings.simulate.simulate_session", lambda **options: options
    )
    assert load_session("simulated", seed=4, n_bins=80) == {"seed": 4, "n_bins": 80}


def test_the_simulator_does_not_wait_for_what_only_a_download_needs():
    code = (
        "import sys, pupil_helpers.recordings.simulate\n"
        "assert not {'requests', 'pooch', 'tqdm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
