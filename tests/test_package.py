"""The package as a whole: its public names, its rooms, and what it needs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from chapters import ROOT
from shared import PROJECT, imported

import pupil_helpers

PACKAGE = ROOT / "pupil_helpers"
PUBLIC = [
    "Session", "SessionError", "load_session", "read_steinmetz", "read_nwb", "read_alf",
    "simulate_session",
    "boxcar", "gaussian", "smooth", "firing_rates", "evaluation_kernel", "blocked_folds",
    "r2", "psth_relative", "bits_per_spike", "bootstrap_ci", "PupilEncoder",
    "compare", "out_of_fold", "summary", "differences", "ceilings", "session_permutation", "study",
    "study_report",
    "tune", "Search", "integrated_gradients", "lag_profile", "check", "explore",
]  # fmt: skip
HEAVY = "torch", "pandas", "scipy", "sklearn", "matplotlib", "hyperopt"
NOT_IMPORTED = {
    "captum": "chapter 7 compares our Integrated Gradients with it",
}


# -- public names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_what_its_module_defines(name):
    found = getattr(pupil_helpers, name)
    assert found.__name__ == name
    assert found.__module__.startswith("pupil_helpers.")


def test_public_names_and_rooms_are_listed():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert set(dir(pupil_helpers)) == {*PUBLIC, *rooms, "session"}
    assert set(pupil_helpers.__all__) == set(dir(pupil_helpers))


def test_importing_the_package_loads_nothing_heavy():
    code = f"import pupil_helpers, sys; print(*sys.modules.keys() & {set(HEAVY)})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# -- rooms -----------------------------------------------------------------------------------------


def modules() -> list[Path]:
    return [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]


def test_only_the_file_helpers_have_a_private_name():
    private = [path for path in modules() if re.search(r"(^|/)_(?!_init__)", path.as_posix())]
    assert private == [Path("_files.py")]


def test_a_module_can_be_read_in_one_sitting():
    lines = {str(path): (PACKAGE / path).read_text("utf-8").count("\n") for path in modules()}
    assert {path: n for path, n in lines.items() if n > 340} == {}


def test_tests_mirror_the_rooms():
    of_the_whole = {"test_package.py", "test_real_data.py", "recordings/test_mutants.py"}
    expected = {path.with_name(f"test_{path.name.lstrip('_')}") for path in modules()}
    for path in (ROOT / "tests").rglob("test_*.py"):
        relative = path.relative_to(ROOT / "tests")
        if relative.parts[0] != "book" and str(relative) not in of_the_whole:
            assert relative in expected, f"tests/{relative} tests no module of that name"


def test_the_version_is_written_the_same_twice():
    assert pupil_helpers.__version__ == PROJECT["version"]


# -- requirements ----------------------------------------------------------------------------------


def test_what_is_imported_is_declared_and_the_reverse():
    found = set().union(*(imported((PACKAGE / path).read_text("utf-8")) for path in modules()))
    declared = {re.match(r"[\w.-]+", line)[0] for line in PROJECT["dependencies"]}
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    optional = {re.match(r"[\w.-]+", line)[0] for line in extras}
    assert found - optional == declared - set(NOT_IMPORTED)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import os, numpy as np", {"numpy"}),
        ("def f():\n    from sklearn.base import clone", {"scikit-learn"}),
        ("from .rates import smooth\nfrom pupil_helpers import r2", set()),
    ],
)
def test_imports_are_found_wherever_they_stand(text, names):
    assert imported(text) == names
