"""Run every notebook that a launch button opens as Colab would run it: ``make colab``.

    python tools/run_in_colab.py               all of them, in a new Python with Colab's versions
    python tools/run_in_colab.py 02_ 03_       those with one of these words in their path
    python tools/run_in_colab.py --here        on this very Python: for Colab's published image

What runs is the last commit. Each notebook gets a runtime of its own, as in Colab: a bare layer
over Colab's packages, into which the notebook's set-up cell, untouched, installs what it says.
It finds ``google.colab`` loaded, and git takes it to a clone of this checkout instead of GitHub.

``PYTHON313`` names the Python to use if ``python3.13`` is not on the path. ``TORCH_INDEX`` names a
package index to take torch from: the usual one has the build for graphics cards, several GB.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from queue import Empty

import book_buttons
import nbformat
import set_repository
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "_build" / "colab"
VERSIONS = ROOT / "tests" / "book" / "colab_versions.txt"
NOT_INSTALLED = {"python", "pyspark", "py4j"}  # Spark: no chapter imports it, and it needs Java
TIMEOUT = 900  # seconds per cell
COLOUR = re.compile(r"\x1b\[[\d;]*m")  # of tracebacks

STARTUP = """\
import sys, types
try:
    import google.colab
except ImportError:  # not in Colab's own image: all that the set-up cell asks is the name
    sys.modules["google.colab"] = types.ModuleType("google.colab")
"""
LAST_CELL = """\
import sys, captum, matplotlib, numpy, pandas, pupil_helpers, scipy, torch
assert pupil_helpers.__file__.startswith(sys.prefix), pupil_helpers.__file__
print(sys.version.split()[0], *(
    f"{part.__name__} {part.__version__}"
    for part in (numpy, scipy, pandas, torch, matplotlib, captum)), sep=", ")
"""


def pins(text: str) -> list[str]:
    """The requirements in the list of Colab's versions, torch's among them."""
    lines = re.findall(r"^[\w.-]+==\S+$", text, re.M)
    return [line for line in lines if line.split("==")[0] not in NOT_INSTALLED]


def find_python(version: str) -> str:
    """The Python to make the environment with: of the same minor version as Colab's."""
    minor = version.rsplit(".", 1)[0]
    python = os.environ.get("PYTHON313") or shutil.which(f"python{minor}")
    if not python:
        raise SystemExit(f"Colab runs Python {minor}: install it, or PYTHON313=/path/to/python")
    try:
        found = output(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    except (OSError, subprocess.CalledProcessError) as error:  # pyenv's stand-in, for instance
        reason = f"{python} does not run: PYTHON313=/path/to/another"
        raise SystemExit(f"Colab runs Python {minor}, and {reason}") from error
    if found != minor:
        raise SystemExit(f"Colab runs Python {minor}, and {python} is {found}")
    return python


def output(*command) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_base(work: Path = WORK) -> Path:
    """A new environment with Colab's versions; returns its Python."""
    text = VERSIONS.read_text("utf-8")
    python = find_python(re.search(r"^python==(\S+)", text, re.M)[1])
    subprocess.run([python, "-m", "venv", work / "base"], check=True)
    base = work / "base" / "bin" / "python"
    index = os.environ.get("TORCH_INDEX")
    command = [base, "-m", "pip", "install", "--quiet", *pins(text)]
    done = subprocess.run([*command, *(["--extra-index-url", index] if index else [])])
    if done.returncode:
        raise SystemExit("Colab's versions cannot be installed here: pip said why")
    return base


def clone(work: Path = WORK, root: Path = ROOT) -> Path:
    """What GitHub would have after a push of the last commit to main: a bare clone."""
    target = work / "repository.git"
    output("git", "clone", "--quiet", "--bare", root, target)
    head = output("git", "-C", root, "rev-parse", "HEAD")
    output("git", "-C", target, "update-ref", f"refs/heads/{book_buttons.BRANCH}", head)
    return target


def make_runtime(name: str, python: Path, repository: Path, work: Path = WORK) -> str:
    """An empty layer over the packages of a Python, and its kernel; returns the kernel's name."""
    runtime = work / "runtimes" / name
    packages = output(python, "-c", "import sys; print(*sys.path[1:], sep='\\n')")
    output(python, "-m", "venv", "--without-pip", runtime)
    own = output(
        runtime / "bin" / "python", "-c", "import sysconfig as s; print(s.get_path('purelib'))"
    )
    layers = [path for path in packages.splitlines() if path.endswith("-packages")]
    Path(own, "colab.pth").write_text("\n".join(layers))
    startup = runtime / "ipython" / "profile_default" / "startup" / "colab.py"
    startup.parent.mkdir(parents=True)
    startup.write_text(STARTUP)
    spec = {
        "display_name": name,
        "argv": [
            str(runtime / "bin" / "python"),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "env": {
            "IPYTHONDIR": str(runtime / "ipython"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or each kernel prints a warning
            "OMP_NUM_THREADS": "1",  # two notebooks at a time, one thread each
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": set_repository.current(),
        },
    }
    folder = work / "jupyter" / "kernels" / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    return name


class PatientClient(NotebookClient):
    """Looks for the reply to a cell once a second.

    A figure with controls makes the client send messages while it waits, and a reply that comes
    at that very moment wakes nobody: the notebook would hang until its time is up.
    """

    async def async_start_new_kernel_client(self):
        client = await super().async_start_new_kernel_client()
        wait = client.shell_channel.get_msg

        async def get_msg(timeout=None):
            last = time.monotonic() + (float("inf") if timeout is None else timeout)
            while True:
                try:
                    return await wait(timeout=1)
                except Empty:
                    if time.monotonic() > last:
                        raise

        client.shell_channel.get_msg = get_msg
        return client


def run(path: Path, kernel: str, work: Path = WORK, last_cell: str = LAST_CELL) -> tuple:
    """Run one notebook in its runtime; what a last cell printed, the error if any, seconds."""
    os.environ["JUPYTER_PATH"] = str(work / "jupyter")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(last_cell))
    content = work / "runtimes" / kernel / "content"
    content.mkdir()
    client = PatientClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name=kernel,
        resources={"metadata": {"path": str(content)}},
    )
    start = time.monotonic()
    try:
        # What worker processes say beside the notebook would bury the results.
        client.execute(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (CellExecutionError, CellTimeoutError) as error:
        return "", COLOUR.sub("", str(error)), time.monotonic() - start
    outputs = notebook.cells[-1].outputs  # one or several pieces, and perhaps a warning
    printed = "".join(each.text for each in outputs if each.get("name") == "stdout")
    return printed.strip(), None, time.monotonic() - start


def main(arguments: list[str]) -> int:
    words = [word for word in arguments if word != "--here"]
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    if output("git", "-C", ROOT, "status", "--porcelain"):
        print("note: what is not committed is not tried")
    repository = clone()
    output("git", "clone", "--quiet", repository, WORK / "checkout", "-b", book_buttons.BRANCH)
    python = Path(sys.executable) if "--here" in arguments else make_base()
    paths = [
        path for path in book_buttons.opened(WORK / "checkout")
        if not words or any(word in path for word in words)
    ]  # fmt: skip
    kernels = [make_runtime(path.replace("/", "-"), python, repository) for path in paths]
    failed = 0
    with ProcessPoolExecutor(max_workers=2) as pool:
        results = pool.map(run, [WORK / "checkout" / path for path in paths], kernels)
        for path, (printed, error, seconds) in zip(paths, results, strict=True):
            failed += error is not None
            print(
                f"{path} {'FAILED' if error else 'ran'} after {seconds:.0f} s: {error or printed}",
                flush=True,
            )
    print(f"{len(paths) - failed} notebooks passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
