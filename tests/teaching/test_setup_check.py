"""What the set-up check finds, and what it says to do."""

import socket
import subprocess
from types import SimpleNamespace

import pytest

from pupil_helpers.teaching import setup_check
from pupil_helpers.teaching.setup_check import Finding, report


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 9), "missing"), ((3, 11, 0), "ok"), ((3, 13, 5), "ok"), ((3, 14, 0), "note")],
)
def test_python(version, state):
    assert setup_check.python(version).state == state


def test_packages_that_are_missing_or_old_are_named_with_what_to_do():
    needs = ["numpy>=99.1", "no-such-package>=2", "no-other", "pandas>=2.1"]
    *wrong, rest = setup_check.packages(needs)
    assert [(finding.subject, finding.state) for finding in wrong] == [
        ("numpy", "missing"),
        ("no-such-package", "missing"),
        ("no-other", "missing"),
    ]
    assert wrong[2].said == 'not installed: pip install "no-other"'
    assert 'pip install -U "numpy>=99.1"' in wrong[0].said
    assert "pandas " in rest.said


def test_versions_are_compared_as_numbers(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.10.0+cu126")
    assert [finding.state for finding in setup_check.packages(["torch>=2.9"])] == ["ok"]
    assert setup_check.packages(["torch>=2.11"])[0].state == "missing"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (SimpleNamespace(returncode=0, stdout="Tesla T4, 15360 MiB\n"), "ok"),
        (SimpleNamespace(returncode=9, stdout="no driver"), "note"),
        (FileNotFoundError(), "note"),
        (subprocess.TimeoutExpired("nvidia-smi", 1), "note"),
    ],
)
def test_gpu(answer, state, monkeypatch):
    def run(*_, **__):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("subprocess.run", run)
    assert setup_check.gpu().state == state


@pytest.mark.parametrize(("free", "state"), [(0.1, "missing"), (1, "note"), (50, "ok")])
def test_disk(free, state, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free * 1e9))
    assert setup_check.disk(tmp_path / "not" / "there").state == state


@pytest.mark.parametrize(("pages", "state"), [(500_000, "note"), (8_000_000, "ok")])
def test_memory(pages, state, monkeypatch):
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": pages}
    monkeypatch.setattr("os.sysconf", sizes.get, raising=False)
    assert setup_check.memory().state == state
    monkeypatch.delattr("os.sysconf")  # as on Windows
    assert setup_check.memory().state == "note"


def test_network_is_no_need(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror("no such host")

    monkeypatch.setattr("socket.create_connection", refuse)
    assert setup_check.network("example.org").state == "note"


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("note", 0), ("missing", 1)])
def test_exit_status(state, code, capsys):
    assert report([Finding("memory", state, "said")]) == code
    assert ("To mend: memory." in capsys.readouterr().out) == bool(code)
