"""The tools behind `make`: pairing, running and caching chapters, installing."""

import os
import shutil
import subprocess

import build_book
import nbformat
import pytest
from chapters import NOTEBOOK_METADATA, ROOT, in_sync, notebook_path, script_path, write_script
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sync_notebooks import is_clean, sync

NAME = "09_trial"
WIDGET = "application/vnd.jupyter.widget-view+json"
ALT = 'A "quoted" alt text – with a dash.'


def example():
    code = new_code_cell("x = 1\nx", metadata={"mystnb": {"image": {"alt": ALT}}})
    return new_notebook(cells=[new_markdown_cell("# Title\n\nText"), code, new_code_cell("y = 2")])


@pytest.fixture
def root(tmp_path):
    """A folder with one chapter, as script only."""
    (tmp_path / "book").mkdir()
    script_path(NAME, tmp_path).write_text(write_script(example()), "utf-8")
    return tmp_path


def read(root):
    return nbformat.read(notebook_path(NAME, root), as_version=4)


def test_script_and_notebook_hold_the_same(root):
    text = script_path(NAME, root).read_text("utf-8")
    assert not in_sync(NAME, root)
    assert sync(NAME, root=root) == "py"
    assert in_sync(NAME, root)
    assert is_clean(NAME, root)
    assert read(root).metadata == NOTEBOOK_METADATA
    assert read(root).cells[1].metadata == {"mystnb": {"image": {"alt": ALT}}}
    assert sync(NAME, "ipynb", root) == "ipynb"
    assert script_path(NAME, root).read_text("utf-8") == text


def test_unchanged_cells_keep_their_ids(root):
    sync(NAME, root=root)
    before = [cell.id for cell in read(root).cells]
    path = script_path(NAME, root)
    path.write_text(path.read_text("utf-8").replace("y = 2", "y = 3\n\n# %%\nz = 4"), "utf-8")
    sync(NAME, "py", root)
    after = [cell.id for cell in read(root).cells]
    assert after[:3] == before
    assert len(set(after)) == 4


def test_an_edited_notebook_comes_back_without_outputs(root):
    sync(NAME, root=root)
    notebook = read(root)
    notebook.cells[2].source = "y = 5"
    notebook.cells[2].outputs = [new_output("stream", text="hello")]
    notebook.cells[2].execution_count = 7
    notebook.cells[2].metadata["outputId"] = "left by an editor"
    notebook.metadata["widgets"] = {"state": {}}
    nbformat.write(notebook, notebook_path(NAME, root))
    later = script_path(NAME, root).stat().st_mtime + 10
    os.utime(notebook_path(NAME, root), (later, later))
    assert not is_clean(NAME, root)
    assert sync(NAME, root=root) == "ipynb"  # the newer form wins
    assert "y = 5" in script_path(NAME, root).read_text("utf-8")
    assert in_sync(NAME, root)
    assert is_clean(NAME, root)


def test_results_are_forgotten_when_the_package_changes(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n")
    result = tmp_path / "_build" / ".jupyter_cache" / "result"

    def forgotten():
        stale = build_book.forget_stale_results(tmp_path)
        assert result.exists() != stale
        result.parent.mkdir(parents=True, exist_ok=True)
        result.touch()
        return stale

    assert forgotten()
    assert not forgotten()
    monkeypatch.setattr(build_book, "package_hash", lambda: "of the package as it is now")
    assert forgotten()
    assert not forgotten()
    (tmp_path / "requirements.txt").write_text("numpy==2.4.7\n")
    assert forgotten()
    monkeypatch.setattr(build_book, "PACKAGE", tmp_path)
    assert forgotten()  # other stored tables
    assert not forgotten()
    (tmp_path / "table.csv").write_text("share\n0.9\n")
    assert forgotten()


def bar(text):
    return new_output("display_data", {WIDGET: {"model_id": "a"}, "text/plain": text})


def printed(name, text):
    return new_output("stream", name=name, text=text)


def test_progress_bars_are_dropped_and_nothing_else():
    keep = [
        printed("stderr", "UserWarning: look here\n"),
        printed("stdout", "100%|#####| done\n"),
        bar("IntSlider(value=3)"),
    ]
    drop = [
        printed("stderr", "\r  0%|     | 0/9\r100%|###| 9/9 [00:01<00:00]\n"),
        printed("stderr", "3it [00:00, 41.2it/s]\n"),
        bar("  0%|          | 0/40 [00:00<?, ?it/s]"),
    ]
    notebook = new_notebook(cells=[new_code_cell("fit()", outputs=[*keep, *drop])])
    build_book.drop_progress_bars(notebook)
    assert notebook.cells[0].outputs == keep


def test_a_failing_chapter_is_reported():
    name, result = build_book.execute("bad", new_notebook(cells=[new_code_cell("1 / 0")]))
    assert name == "bad"
    assert "ZeroDivisionError" in result.exc_string


def test_chapters_run_in_their_own_folder():
    cell = new_code_cell("import pathlib, pupil_helpers\nprint(pathlib.Path.cwd().name)")
    _, result = build_book.execute("good", new_notebook(cells=[cell]))
    assert result.exc_string is None
    assert result.nb.cells[0].outputs[0].text.strip() == "book"


def test_what_a_chapter_took_is_measured(monkeypatch):
    monkeypatch.setenv("PUPIL_HELPERS_DATA", "changed by the run")
    cells = (
        "import os, pathlib\nfolder = os.environ['PUPIL_HELPERS_DATA']",
        'full = b"x" * 300_000_000',
        "pathlib.Path(folder, 'part.npz').write_bytes(bytes(2_000_000))",
    )
    big = new_notebook(cells=[new_code_cell(lines) for lines in cells])
    _, result, card = build_book.execute_and_measure("big", big)
    assert result.exc_string is None
    assert card["memory_mb"] > 300
    assert card["download_mb"] == 2
    assert 0 < card["seconds"] < 300


def test_cards_are_kept_until_a_chapter_runs_again(tmp_path, monkeypatch):
    monkeypatch.setattr(build_book, "CARDS", tmp_path / "cards.json")
    assert build_book.read_cards() == {}
    build_book.write_card("01_a", {"seconds": 1})
    build_book.write_card("02_b", {"seconds": 2})
    build_book.write_card("01_a", {"seconds": 3})
    assert build_book.read_cards() == {"01_a": {"seconds": 3}, "02_b": {"seconds": 2}}


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder, *arguments):
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True)


@needs_make
def test_a_failed_installation_leaves_no_stamp(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "requirements.txt").write_text("numpy ===== not a requirement\n")
    stamp = tmp_path / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (1, 1))  # of an earlier, successful installation
    done = make(tmp_path, "setup")
    assert done.returncode != 0
    assert "Invalid requirement" in done.stderr
    assert not stamp.exists()


def setup_with(tmp_path, version):
    """`make setup` with a stand-in that claims to be this Python and makes no environment."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    python = tmp_path / "another-python"
    python.write_text(
        "#!/bin/sh\n"
        '[ "$1" = -c ] || { echo "went on: $*"; exit 1; }\n'
        f"exec python3 -c \"import sys; sys.version_info = {version}; exec('''$2''')\"\n"
    )
    python.chmod(0o755)
    return make(tmp_path, "setup", f"PYTHON={python}")


@needs_make
def test_a_python_that_is_too_old_is_refused(tmp_path):
    done = setup_with(tmp_path, (3, 9, 0))
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert "went on" not in done.stdout


@needs_make
@pytest.mark.parametrize(("minor", "noted"), [(11, False), (13, False), (14, True), (15, True)])
def test_a_newer_python_gets_a_note(minor, noted, tmp_path):
    done = setup_with(tmp_path, (3, minor, 0))
    assert "went on: -m venv .venv" in done.stdout
    assert ("note: this book is tested on Python 3.11 to 3.13" in done.stdout) == noted
    assert "needs Python" not in done.stderr


@needs_make
def test_help_lists_the_commands():
    text = make(ROOT, "help").stdout
    for command in ("book", "test", "lint", "sync", "bench", "colab", "clean"):
        assert f"make {command} " in text
