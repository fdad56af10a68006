"""What several tests of the book and the package need."""

import ast
import subprocess
import sys
import tomllib
from functools import cache

import pytest
from chapters import FIRST_PAGE, ROOT, chapter_names

HTML = ROOT / "_build" / "html"
BUILT = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts and path != HTML / "index.html"  # it only leads on
) or ["book/index.html"]
"""The pages of the book as it is built now; without one, the page that a test will miss."""
CHAPTERS = chapter_names()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DISTRIBUTIONS = {"sklearn": "scikit-learn", "IPython": "ipython"}  # where the two names differ


@cache
def listed_files() -> frozenset[str]:
    """The files that are in git, or would be after `git add .`, as paths from the top."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    if not listed:
        pytest.skip("not a git checkout")
    return frozenset(listed)


def is_page(name: str) -> bool:
    return int(name[:2]) >= FIRST_PAGE


def setup_cell(notebook) -> str:
    """The source of the one cell that installs what Colab lacks."""
    (cell,) = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    return cell.source


def imported(text: str) -> set[str]:
    """Distributions imported anywhere in a text; the standard library and ours left out."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    names -= {*sys.stdlib_module_names, "pupil_helpers"}
    return {DISTRIBUTIONS.get(name, name) for name in names}
