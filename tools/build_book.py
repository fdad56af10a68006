"""Execute the chapters that need it, two at a time, and build the HTML book.

    python tools/build_book.py [options of `jupyter-book build`]
    python tools/build_book.py --only 04_model     run that chapter's cells; build nothing

The book builder runs chapters one after the other and re-runs them only when their own cells
change. This script fills its cache beforehand, in parallel, and empties it when the package
or the pinned versions change, so that the book always shows what the present code does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from unittest.mock import patch

import nbformat
from chapters import ROOT, chapter_names, in_sync, notebook_path, read_script, script_path
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution

import pupil_helpers
from pupil_helpers._files import file_hash, package_hash
from pupil_helpers.recordings.download import FOLDER_VARIABLE

PACKAGE = Path(pupil_helpers.__file__).parent
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"
CARDS = BUILD / "chapter_cards.json"
TIMEOUT = 300  # seconds per cell; the same limit as in _config.yml
PROGRESS_BAR = re.compile(r"\d+%\||\d+it \[|it/s\]|s/it\]|trial/s|^\s*$")


def fingerprint(root: Path = ROOT) -> str:
    """Everything besides its own cells that a chapter's outputs depend on, files as hashes."""
    files = (root / "requirements.txt", *sorted(PACKAGE.rglob("*.csv")))  # stored measurements
    return "\n".join((sys.version, package_hash(), *map(file_hash, files)))


def forget_stale_results(root: Path = ROOT) -> bool:
    """Throw away cached outputs and parsed pages if the package changed since they were made."""
    build = root / "_build"
    mark, now = build / ".fingerprint", fingerprint(root)
    if mark.exists() and mark.read_text() == now:
        return False
    for folder in (".jupyter_cache", ".doctrees"):
        shutil.rmtree(build / folder, ignore_errors=True)
    build.mkdir(exist_ok=True)
    mark.write_text(now)
    return True


def execute(name: str, notebook: nbformat.NotebookNode):
    """Run one chapter in its own folder, as the book builder would."""
    with patch.dict(os.environ, PUPIL_HELPERS_BOOK="1"):  # figures in the form that pages need
        result = single_nb_execution(
            notebook,
            cwd=str(ROOT / "book"),
            timeout=TIMEOUT,
            allow_errors=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    drop_progress_bars(result.nb)
    return name, result


def execute_and_measure(name: str, notebook: nbformat.NotebookNode):
    """Run one chapter, in a process that runs nothing else; also what it took, for its card."""
    with tempfile.TemporaryDirectory() as downloads:  # empty, so that any download shows
        os.environ[FOLDER_VARIABLE] = downloads
        name, result = execute(name, notebook)
        size = sum(path.stat().st_size for path in Path(downloads).rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # the kernel's, the largest child
    unit = 1 if sys.platform == "darwin" else 1024
    card = {
        "seconds": round(result.time, 1),
        "memory_mb": round(peak * unit / 1e6),
        "download_mb": round(size / 1e6, 1),
    }
    return name, result, card


def drop_progress_bars(notebook: nbformat.NotebookNode) -> None:
    """Remove finished progress bars: they help while a cell runs, and say nothing in a book."""

    def is_bar(output) -> bool:
        if output.output_type == "stream" and output.name == "stderr":
            return all(PROGRESS_BAR.search(line) for line in re.split(r"[\r\n]", output.text))
        data = output.get("data", {})
        is_widget = "application/vnd.jupyter.widget-view+json" in data
        return is_widget and bool(PROGRESS_BAR.search(data.get("text/plain", "")))

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_bar(output)]
    if not any("widget-view+json" in str(cell.get("outputs")) for cell in notebook.cells):
        notebook.metadata.pop("widgets", None)


def is_cached(cache, notebook: nbformat.NotebookNode) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def execute_chapters(names: list[str]) -> bool:
    """Run the chapters that have no cached result; True if none of them failed."""
    cache = get_cache(str(CACHE))
    notebooks = {name: nbformat.read(notebook_path(name), as_version=4) for name in names}
    cards = read_cards()
    todo = {
        name: nb for name, nb in notebooks.items() if name not in cards or not is_cached(cache, nb)
    }
    failed = False
    with ProcessPoolExecutor(
        max_workers=max(1, min(2, os.cpu_count() or 1)),
        mp_context=multiprocessing.get_context("spawn"),
        max_tasks_per_child=1,  # or a chapter's peak of memory would be seen in the next one's
    ) as pool:
        jobs = [pool.submit(execute_and_measure, *chapter) for chapter in todo.items()]
        for job in as_completed(jobs):
            name, result, card = job.result()
            if result.err is not None:
                failed = True
                print(f"{name} FAILED\n{result.exc_string}", file=sys.stderr, flush=True)
                continue
            cache.cache_notebook_bundle(
                CacheBundleIn(
                    result.nb, str(notebook_path(name)), data={"execution_seconds": result.time}
                ),
                check_validity=False,
                overwrite=True,
            )
            print(f"{name} ran in {result.time:.0f} s", flush=True)
            write_card(name, card)
    return not failed


def read_cards() -> dict[str, dict]:
    """What the last run of each chapter took, as measured by the build."""
    return json.loads(CARDS.read_text()) if CARDS.exists() else {}


def write_card(name: str, card: dict) -> None:
    """Keep what a chapter took; one that is not run again keeps its numbers."""
    CARDS.write_text(json.dumps(read_cards() | {name: card}, indent=1, sort_keys=True))


def run_only(name: str) -> bool:
    """Run one chapter straight from its script, for whoever is writing it."""
    _, result = execute(name, read_script(script_path(name).read_text("utf-8")))
    print(result.exc_string or f"{name} ran in {result.time:.0f} s")
    return result.err is None


def main(arguments: list[str]) -> int:
    start = time.monotonic()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two chapters at a time, one thread each
    if arguments[:1] == ["--only"]:
        return 0 if all(run_only(name) for name in arguments[1:]) else 1
    for name in chapter_names():
        if not in_sync(name):
            print(f"note: book/{name}.py and .ipynb disagree; `make sync` mends it")
    if forget_stale_results():
        print("the package changed (or this is the first build): running every chapter")
    if not execute_chapters([name for name in chapter_names() if notebook_path(name).exists()]):
        return 1
    if "-W" in arguments:  # pages that did not change would keep their warnings to themselves
        shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
    builder = Path(sys.executable).with_name("jupyter-book")
    code = subprocess.call([str(builder), "build", str(ROOT), *arguments])
    print(f"{'built' if code == 0 else 'FAILED'} after {time.monotonic() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
