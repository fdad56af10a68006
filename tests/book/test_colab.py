"""The contract with Colab: the set-up cell changes none of Colab's own packages, and afterwards
everything the chapters import is there in a version we accept.

Colab's versions are facts of a day, kept in ``colab_versions.txt``. Nothing is downloaded: what a
package requires is read from ``pyproject.toml`` and from the metadata of installed packages.
"""

import importlib.metadata
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from chapters import ROOT, notebook_path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from shared import CHAPTERS, PROJECT, imported, setup_cell

HERE = Path(__file__).parent
PROTECTED = {"numpy", "torch", "scipy", "pandas", "matplotlib"}
SHARED_LIST = ROOT.parent / "shared" / "colab" / "pip-freeze.gpu.txt"


def read_versions(text: str) -> dict[str, str]:
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.M)
    }


COLAB = read_versions((HERE / "colab_versions.txt").read_text("utf-8"))


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
    return stand_in


@pytest.fixture
def installed(cell, pip, monkeypatch) -> list[Requirement]:
    """What the set-up cell installs on Colab, in its one call of pip."""
    monkeypatch.setitem(sys.modules, "google.colab", object())
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


def test_chapters_import_only_what_is_there(notebook, installed):
    """Every import of a chapter is standard, on Colab, or installed by the set-up cell."""
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
