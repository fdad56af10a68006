"""The contract with Colab: the set-up cell changes none of Colab's own packages, and afterwards
everything the chapters import is there in a version we accept.

Colab's versions are facts of a day, kept in ``colab_versions.txt``. Nothing is downloaded: what a
package requires is read from ``pyproject.toml`` and from the metadata of installed packages.
"""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from chapters import ROOT, notebook_path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from shared import CHAPTERS, setup_cell

HERE = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PROTECTED = {"numpy", "torch", "scipy", "pandas", "matplotlib"}
IMPORT_NAMES = {"sklearn": "scikit-learn", "IPython": "ipython"}
SHARED_LIST = ROOT.parent / "shared" / "colab" / "pip-freeze.gpu.txt"


def read_versions(text: str) -> dict[str, str]:
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, re.M)
    }


COLAB = read_versions((HERE / "colab_versions.txt").read_text("utf-8"))


def installs(source: str) -> tuple[list[Requirement], bool]:
    """What a set-up cell asks pip for, and whether it asks without dependencies."""
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    (packages,) = [
        [element.value for element in node.value.elts]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and node.targets[0].id == "packages"
    ]
    return [Requirement(package) for package in packages], "--no-deps" in strings


def requirements_of(name: str) -> list[Requirement]:
    """What a package needs on Colab's Python, without extras."""
    if name == PROJECT["name"]:
        listed = PROJECT["dependencies"]
    else:
        listed = importlib.metadata.requires(name) or []
    environment = {"python_version": COLAB["python"].rsplit(".", 1)[0], "extra": ""}
    found = [Requirement(line) for line in listed]
    return [need for need in found if need.marker is None or need.marker.evaluate(environment)]


def problems(wanted, no_deps, needs=requirements_of, colab=COLAB) -> list[str]:
    """Why the set-up cell would not do on Colab; empty if it would."""
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
            if other not in colab:
                found.append(f"{name} needs {need}, which Colab lacks")
            elif not need.specifier.contains(colab[other], prereleases=True):
                effect = "breaks with" if no_deps else "would change"
                found.append(f"{name} needs {need} and {effect} Colab's {other} {colab[other]}")
    return found


@pytest.fixture(scope="module")
def cell():
    return setup_cell(nbformat.read(notebook_path(CHAPTERS[0]), as_version=4))


def test_setup_cell_fits_colab(cell):
    wanted, no_deps = installs(cell)
    assert no_deps, "without --no-deps pip may replace Colab's packages"
    assert PROJECT["name"] in {package.name for package in wanted}
    assert problems(wanted, no_deps) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"captum": ["numpy<2"]}, "numpy 2.1.3"),  # as captum 0.8 did
        ({"captum": ["torch>=2.12"]}, "torch 2.11.0"),
        ({PROJECT["name"]: ["pandas>=3"]}, "pandas 2.2.3"),
        ({PROJECT["name"]: ["nemos>=0.2"]}, "which Colab lacks"),
    ],
)
@pytest.mark.parametrize("no_deps", [True, False])
def test_a_clash_is_noticed(cell, change, complaint, no_deps):
    wanted, _ = installs(cell)

    def needs(name):
        return [Requirement(line) for line in change.get(name, [])]

    (found,) = problems(wanted, no_deps, needs)
    assert complaint in found


def test_installing_a_protected_package_is_noticed():
    source = 'packages = ["numpy>=2.4", "captum>=0.9"]\ncommand = ["--no-deps", *packages]'
    wanted, no_deps = installs(source)
    assert no_deps
    assert any("may change Colab's numpy" in problem for problem in problems(wanted, no_deps))


def test_our_python_bound_admits_colab():
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(COLAB["python"])


def test_chapters_import_only_what_is_there(notebook, cell):
    """Every import of a chapter is standard, on Colab, or installed by the set-up cell."""
    there = set(COLAB) | {canonicalize_name(package.name) for package in installs(cell)[0]}
    for code in (cell for cell in notebook.cells if cell.cell_type == "code"):
        for node in ast.walk(ast.parse(re.sub(r"^\s*[%!].*", "pass", code.source, flags=re.M))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module]
            for module in modules:
                top = module.split(".")[0]
                known = top in sys.stdlib_module_names or top == "pupil_helpers"
                name = canonicalize_name(IMPORT_NAMES.get(top, top))
                assert known or name in there, f"{top} is not on Colab: add it to the set-up cell"


def test_setup_cell_leaves_other_machines_alone(cell, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the set-up cell ran a command outside Colab")

    monkeypatch.setattr("subprocess.run", refuse)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    exec(cell, {})


def test_setup_cell_on_colab(cell, monkeypatch):
    """On Colab it calls pip once, and a failure stops the run and shows what pip said."""
    calls = []

    class Done:
        returncode, stderr = 0, "no space left"

    def run(command, **kwargs):
        calls.append(command)
        return Done

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setitem(sys.modules, "google.colab", object())
    exec(cell, {})
    assert calls[0][1:4] == ["-m", "pip", "install"]
    assert {"captum>=0.9", "--no-deps"} < set(calls[0])
    Done.returncode = 1
    with pytest.raises(RuntimeError, match="no space left"):
        exec(cell, {})


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
