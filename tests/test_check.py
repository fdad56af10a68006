"""The set-up check as it is called, in a process of its own: to import it would hide ``check``."""

import os
import subprocess
import sys


def run(*arguments, **environment):
    command = [sys.executable, "-m", "pupil_helpers.check", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, timeout=60
    )


def test_this_machine_is_ready(tmp_path):
    done = run(PUPIL_HELPERS_DATA=str(tmp_path / "data"))
    assert done.stderr == ""
    assert done.returncode == 0
    for subject in ("Python", "packages", "GPU", "memory", "disk", "data folder", "network"):
        assert f" {subject} " in done.stdout
    assert "Ready for the book." in done.stdout
    assert not list((tmp_path / "data").iterdir())  # nothing stays behind


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    done = run(PUPIL_HELPERS_DATA=str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert "choose another, by PUPIL_HELPERS_DATA" in done.stdout
    assert "To mend: data folder." in done.stdout


def test_a_missing_package_is_reported_and_not_raised(tmp_path):
    (tmp_path / "pooch.py").write_text("raise ModuleNotFoundError('no pooch')")
    done = run(PYTHONPATH=str(tmp_path))
    assert "Traceback" not in done.stderr
    assert "Python" in done.stdout


def test_wrong_use_is_told(tmp_path):
    done = run("--help")
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_the_function_of_that_name_stays_what_it_is():
    code = "import runpy, sys; sys.argv = ['check', '--help']\n"
    code += "try: runpy.run_module('pupil_helpers.check', run_name='__main__')\n"
    code += "except SystemExit: pass\nimport pupil_helpers; pupil_helpers.check(1, 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "Right.\n"


def test_a_recording_is_handed_to_the_recording_check(tmp_path):
    done = run(str(tmp_path / "nowhere.npz"))
    assert done.returncode == 1
    assert "there is no file" in done.stdout
