"""Execute the chapters that need it, two at a time, and build the HTML book.

    python tools/build_book.py [options of `jupyter-book build`]
    python tools/build_book.py --only 04_model     run that chapter's cells; build nothing

The book builder runs chapters one after the other and re-runs them only when their own cells
change. This script fills its cache beforehand, in parallel, and empties it when the package
or the pinned versions change, so that the book always shows what the present code does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from chapters import ROOT, chapter_names, in_sync, notebook_path, read_script, script_path
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution

import pupil_helpers
from pupil_helpers._files import file_hash, package_hash

PACKAGE = Path(pupil_helpers.__file__).parent
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"
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
    result = single_nb_execution(
        notebook,
        cwd=str(ROOT / "book"),
        timeout=TIMEOUT,
        allow_errors=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    drop_progress_bars(result.nb)
    return name, result


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
    todo = {name: nb for name, nb in notebooks.items() if not is_cached(cache, nb)}
    failed = False
    with ProcessPoolExecutor(max_workers=max(1, min(2, os.cpu_count() or 1))) as pool:
        jobs = [pool.submit(execute, name, notebook) for name, notebook in todo.items()]
        for job in as_completed(jobs):
            name, result = job.result()
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
            note_seconds(name, result.time)
    return not failed


def note_seconds(name: str, seconds: float) -> None:
    """Keep the measured run time of each chapter where benchmarks can read it."""
    path = BUILD / "chapter_seconds.json"
    times = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(times | {name: round(seconds, 1)}, indent=1, sort_keys=True))


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
