"""Files appear whole or not at all, locks end with their process, and hashes see every change."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from pupil_helpers import _files
from pupil_helpers._files import (
    TooLarge,
    check_archive,
    file_hash,
    locked,
    package_hash,
    read_npz,
    write_npz,
    write_text,
)

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("part", "name", "failure"),
    [
        (_files.npy, "write_array", FULL),
        (_files.npy, "write_array", KeyboardInterrupt()),
        (_files.os, "replace", FULL),
    ],
    ids=["full", "interrupted", "cannot rename"],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, part, name, failure
):
    path = tmp_path / "a.npz"
    write_npz(path, {"a": 1})
    monkeypatch.setattr(part, name, Mock(side_effect=failure))
    with pytest.raises(type(failure)) as error:
        write_npz(path, {"a": 2})
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
    assert read_npz(path, 1000)["a"] == 1
    if failure is FULL:
        message = str(error.value)
        assert error.value.errno == errno.ENOSPC
        assert "could not write a.npz (No space left on device); free some space" in message
        assert "\n" not in message


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"could not write s\.txt .* choose another folder"):
        write_text(tmp_path / "file" / "s.txt", "")


def test_new_folders_are_made_and_others_may_read_the_file(tmp_path):
    path = tmp_path / "new" / "folder" / "s.txt"
    write_text(path, "é")
    (tmp_path / "plain").touch()
    assert path.read_bytes() == "é".encode()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_arrays_come_back_and_objects_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    write_npz(path, {"file": np.arange(3), "b": np.array("text")})
    arrays = read_npz(path, 10_000)
    assert arrays["file"].tolist() == [0, 1, 2]
    assert arrays["b"] == "text"
    with pytest.raises(ValueError, match="allow_pickle"):
        write_npz(path, {"a": np.array([{}])})
    assert list(read_npz(path, 10_000)) == ["file", "b"]


@pytest.mark.parametrize("liar", ["archive", "header"])
def test_a_size_is_what_the_archive_or_the_header_says_whichever_is_more(tmp_path, liar):
    path, shape = tmp_path / "a.npz", (3 * 2**30,) if liar == "header" else (1,)
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
    if liar == "archive":  # the size in the directory at its end
        content = bytearray(path.read_bytes())
        place = content.rindex(b"PK\x01\x02") + 24
        content[place : place + 4] = (3 * 2**30).to_bytes(4, "little")
        path.write_bytes(content)
    with pytest.raises(TooLarge, match=r"a.npz would unpack to 3.22 GB, more than the 2.15 GB"):
        check_archive(path, 2 * 2**30)
    check_archive(path, 4 * 2**30)


@pytest.mark.parametrize("name", ["/tmp/a", "../a", "a/../../b", "C:\\a", "..\\a", "a\\..\\b"])
def test_an_archive_with_a_path_out_of_it_is_refused(tmp_path, name):
    path = tmp_path / "in" / "a.npz"
    write_npz(path, {"a": 1})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", archive.read("a.npy"))
    with pytest.raises(ValueError, match=r"a member is called '.*a path out of it"):
        read_npz(path, 10_000)
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["trials.a/b", "trials.a..b", "é", "..."])
def test_odd_names_that_stay_within_are_no_reason_to_refuse(tmp_path, name):
    write_npz(tmp_path / "a.npz", {name: 1})
    assert list(read_npz(tmp_path / "a.npz", 10_000)) == [name]


def peak_memory(work) -> int:
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path):
    path, length = tmp_path / "a.npz", 2**25
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        header = b"\x93NUMPY\x02\0" + length.to_bytes(4, "little") + b" " * length
        archive.writestr("a.npy", header)

    def read():
        with pytest.raises(ValueError, match=f"an npy header of {length} bytes"):
            read_npz(path, 2**30)

    assert peak_memory(read) < 2**22


def test_arrays_that_nobody_wants_are_not_unpacked(tmp_path):
    write_npz(tmp_path / "a.npz", {"a": 1, "more": np.zeros(2**24, np.int8)})
    read = lambda: read_npz(tmp_path / "a.npz", 2**30, {"a"}.__contains__)  # noqa: E731
    assert list(read()) == ["a"]
    assert peak_memory(read) < 2**22


def test_one_process_at_a_time_holds_a_lock(tmp_path):
    path = tmp_path / "new" / "lock"
    ask = (
        "import sys, time; from pupil_helpers._files import locked\n"
        "with locked(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", ask, path], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(BlockingIOError, match="another process holds"), locked(path, wait=False):
        pass
    other.kill()
    other.communicate()
    with locked(path):  # at once: the system lets go of it
        pass


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_a_change_in_any_file_of_the_package_changes_its_hash(tmp_path, monkeypatch):
    package = tmp_path / "pupil_helpers"
    shutil.copytree(Path(_files.__file__).parent, package)
    monkeypatch.setattr(_files, "__file__", str(package / "_files.py"))

    def now() -> str:
        package_hash.cache_clear()
        return package_hash()

    seen = [now()]
    for path in [package / "session.py", *package.glob("*/__init__.py")]:
        path.write_text(path.read_text() + "\n")
        seen.append(now())
    (package / "signals" / "__init__.py").rename(package / "signals" / "other.py")
    seen.append(now())
    assert len(set(seen)) == len(seen) > 5
    package_hash.cache_clear()
