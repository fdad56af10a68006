"""What several tests of the book and the package need."""

import ast
import sys
import tomllib

from chapters import ROOT, chapter_names

HTML = ROOT / "_build" / "html"
CHAPTERS = chapter_names()
FIRST_PAGE = 90
"""From this number on they are pages: no number in the title, no exercises, no recording."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DISTRIBUTIONS = {"sklearn": "scikit-learn", "IPython": "ipython"}  # where the two names differ


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
