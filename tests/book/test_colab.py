"""The contract with Colab: the set-up cell changes none of Colab's own packages, and afterwards
everything the notebooks import is there in a version we accept. `make colab` tries it in earnest.

Colab's versions are facts of a day, kept in ``colab_versions.txt``. Nothing is downloaded: what a
package requires is read from ``pyproject.toml`` and from the metadata of installed packages.
"""

import asyncio
import importlib.metadata
import re
import sys
from pathlib import Path
from queue import Empty
from types import SimpleNamespace

import book_buttons
import nbformat
import pytest
import run_in_colab
import set_repository
from chapters import ROOT, notebook_path
from jupyter_client.channels import AsyncZMQSocketChannel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from shared import CHAPTERS, PROJECT, imported, setup_cell

PROTECTED = {"numpy", "torch", "scipy", "pandas", "matplotlib"}
SHARED_LIST = ROOT.parent / "shared" / "colab" / "pip-freeze.gpu.txt"


def read_versions(text: str) -> dict[str, str]:
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.M)
    }


VERSIONS = run_in_colab.VERSIONS.read_text("utf-8")
COLAB = read_versions(VERSIONS)


def requirements_of(name: str) -> list[Requirement]:
    """What a package needs on Colab's Python, without extras."""
    if name == PROJECT["name"]:
        listed = PROJECT["dependencies"]
    else:
        listed = importlib.metadata.requires(name) or []
    environment = {"python_version": COLAB["python"].rsplit(".", 1)[0], "extra": ""}
    found = [Requirement(line) for line in listed]
    return [need for need in found if need.marker is None or need.marker.evaluate(environment)]


def problems(wanted, needs=requirements_of) -> list[str]:
    """Why installing these packages alone would not do on Colab; empty if it would."""
    found = []
    names = {canonicalize_name(package.name) for package in wanted}
    for package in wanted:
        name = canonicalize_name(package.name)
        if name in PROTECTED:
            found.append(f"the set-up cell installs {package}, which may change Colab's {name}")
        for need in needs(name):
            other = canonicalize_name(need.name)
            if other in names:
                continue  # installed by the same command
            if other not in COLAB:
                found.append(f"{name} needs {need}, which Colab lacks")
            elif not need.specifier.contains(COLAB[other], prereleases=True):
                found.append(f"{name} needs {need} and breaks with Colab's {other} {COLAB[other]}")
    return found


@pytest.fixture(scope="module")
def cell():
    return setup_cell(nbformat.read(notebook_path(CHAPTERS[0]), as_version=4))


@pytest.fixture
def pip(monkeypatch):
    """Stands in for the pip that the set-up cell calls, and keeps the commands."""
    stand_in = SimpleNamespace(commands=[], returncode=0, stderr="no space left")

    def run(command, **_):
        stand_in.commands.append(command)
        return stand_in

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    return stand_in


@pytest.fixture
def on_colab(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", object())


@pytest.fixture
def installed(cell, pip, on_colab) -> list[Requirement]:
    """What the set-up cell installs on Colab, in its one call of pip."""
    exec(cell, {})
    ((_, *command),) = pip.commands
    assert command[:3] == ["-m", "pip", "install"]
    assert "--no-deps" in command, "without --no-deps pip may replace Colab's packages"
    return [Requirement(word) for word in command[3:] if not word.startswith("-")]


def test_setup_cell_fits_colab(installed):
    assert {PROJECT["name"], "captum"} <= {package.name for package in installed}
    assert problems(installed) == []


def test_a_failed_installation_stops_the_run_and_shows_what_pip_said(cell, installed, pip):
    pip.returncode = 1
    with pytest.raises(RuntimeError, match="no space left"):
        exec(cell, {})


def test_kaggle_gets_the_same_packages(cell, pip, on_colab, monkeypatch):
    exec(cell, {})
    monkeypatch.delitem(sys.modules, "google.colab")
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    exec(cell, {})
    on_colab, on_kaggle = pip.commands
    assert on_kaggle == on_colab


def test_setup_cell_leaves_other_machines_alone(cell, pip):
    exec(cell, {})
    assert pip.commands == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"captum": ["numpy<2"]}, "numpy 2.1.3"),  # as captum 0.8 did
        ({"captum": ["torch>=2.12"]}, "torch 2.11.0"),
        ({PROJECT["name"]: ["pandas>=3"]}, "pandas 2.2.3"),
        ({PROJECT["name"]: ["nemos>=0.2"]}, "which Colab lacks"),
    ],
)
def test_a_clash_is_noticed(installed, change, complaint):
    (found,) = problems(installed, lambda name: map(Requirement, change.get(name, [])))
    assert complaint in found


def test_installing_a_protected_package_is_noticed():
    (found,) = problems([Requirement("numpy>=2.4")], needs=lambda name: [])
    assert "may change Colab's numpy" in found


def test_our_python_bound_admits_colab():
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(COLAB["python"])


@pytest.mark.parametrize("path", book_buttons.opened())
def test_notebooks_import_only_what_is_there(path, cell, installed):
    """Every import of a notebook is standard, on Colab, or installed by its set-up cell."""
    notebook = nbformat.read(ROOT / path, as_version=4)
    assert setup_cell(notebook) == cell
    there = set(COLAB) | {canonicalize_name(package.name) for package in installed}
    for code in (cell for cell in notebook.cells if cell.cell_type == "code"):
        names = imported(re.sub(r"^\s*[%!].*", "pass", code.source, flags=re.M))
        missing = {canonicalize_name(name) for name in names} - there
        assert not missing, f"not on Colab: add {missing} to the set-up cell"


@pytest.mark.skipif(not SHARED_LIST.exists(), reason="Colab's full package list is not here")
def test_our_copy_agrees_with_the_published_list():
    published = read_versions(SHARED_LIST.read_text("utf-8"))
    for name in set(COLAB) - {"python"}:
        assert Version(published[name]).base_version == Version(COLAB[name]).base_version, name


def test_pinned_versions_satisfy_our_own_bounds():
    pins = read_versions((ROOT / "requirements.txt").read_text("utf-8"))
    for line in PROJECT["dependencies"]:
        need = Requirement(line)
        assert need.specifier.contains(pins[canonicalize_name(need.name)]), line


# -- the tool that runs the notebooks with Colab's versions -----------------------------------


def test_the_environment_has_every_version_of_the_list():
    pins = dict(line.split("==") for line in run_in_colab.pins(VERSIONS))
    assert pins["torch"] == COLAB["torch"]
    assert set(COLAB) - set(map(canonicalize_name, pins)) == run_in_colab.NOT_INSTALLED


def test_a_missing_or_another_python_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("PYTHON313", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="PYTHON313=/path/to/python"):
        run_in_colab.find_python("3.13.15")
    monkeypatch.setenv("PYTHON313", sys.executable)
    with pytest.raises(SystemExit, match=r"Colab runs Python 3\.99, and .* is 3\.1\d"):
        run_in_colab.find_python("3.99.1")
    broken = tmp_path / "python3.13"  # such as pyenv puts on the path for a Python it does not use
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PYTHON313", str(broken))
    with pytest.raises(SystemExit, match=r"python3\.13 does not run: PYTHON313="):
        run_in_colab.find_python("3.13.15")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A clone as the tool makes it, of a repository whose only branch has another name."""
    root, work = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("work")
    git = ("git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@example.org")
    run_in_colab.output(*git, "init", "--quiet", "--initial-branch", "draft")
    run_in_colab.output(*git, "commit", "--quiet", "--allow-empty", "--message", "first")
    return run_in_colab.clone(work, root)


@pytest.fixture
def runtime(repository, tmp_path):
    """Runs cells in a runtime over the packages of this Python."""

    def runs(*sources):
        kernel = run_in_colab.make_runtime("trial", Path(sys.executable), repository, tmp_path)
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        path = tmp_path / "trial.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return run_in_colab.run(path, kernel, tmp_path, last_cell="print(seen)")

    return runs


def test_a_runtime_looks_like_colab_and_finds_the_last_commit(runtime, repository):
    """git is asked for the address in the set-up cell, and answers from the clone."""
    printed, error, _ = runtime(
        "import sys, subprocess, numpy\nassert 'google.colab' in sys.modules",
        f"ask = ['git', 'ls-remote', {set_repository.current()!r}, 'refs/heads/main']\n"
        "seen = subprocess.run(ask, capture_output=True, text=True, check=True).stdout",
    )
    assert error is None
    assert printed.split()[0] == run_in_colab.output("git", "-C", repository, "rev-parse", "main")


def test_what_the_set_up_cell_installs_stays_in_its_runtime(runtime, tmp_path):
    printed, error, _ = runtime("import sysconfig\nseen = sysconfig.get_path('purelib')")
    assert error is None
    assert printed.startswith(str(tmp_path))


def test_an_error_in_a_notebook_is_reported(runtime):
    printed, error, _ = runtime("seen = 1 / 0")
    assert not printed
    assert "ZeroDivisionError" in error


def test_what_the_last_cell_says_may_come_in_pieces(runtime):
    printed, error, _ = runtime(
        "import sys\n"
        "class Aloud:\n"
        "    def __str__(self):\n"
        "        print('one', flush=True)\n"
        "        print('a warning', file=sys.stderr, flush=True)\n"
        "        return 'two'\n"
        "seen = Aloud()"
    )
    assert error is None
    assert printed.split() == ["one", "two"]


def test_a_cell_out_of_time_is_reported(runtime, monkeypatch):
    monkeypatch.setattr(run_in_colab, "TIMEOUT", 1)
    printed, error, seconds = runtime("import time; time.sleep(30)", "seen = 1")
    assert not printed
    assert "A cell timed out" in error
    assert seconds < 20


def test_a_reply_that_wakes_nobody_is_found(runtime, monkeypatch):
    """As if the first wait for a reply had missed its arrival."""
    waits, get_msg = [], AsyncZMQSocketChannel.get_msg

    async def missed_once(channel, timeout=None):
        waits.append(timeout)
        if timeout == 1 and waits.count(1) == 1:
            await asyncio.sleep(1)
            raise Empty
        return await get_msg(channel, timeout)

    monkeypatch.setattr(AsyncZMQSocketChannel, "get_msg", missed_once)
    printed, error, seconds = runtime("seen = 1")
    assert (printed, error) == ("1", None)
    assert waits.count(1) > 1
    assert seconds < 20
