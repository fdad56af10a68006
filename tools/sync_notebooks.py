"""Bring the two forms of every chapter (.py and .ipynb) into agreement.

    python tools/sync_notebooks.py                 newer form of each pair wins
    python tools/sync_notebooks.py --from py       the scripts win
    python tools/sync_notebooks.py --from ipynb    the notebooks win
    python tools/sync_notebooks.py --check         change nothing; exit 1 if a pair disagrees

Notebooks are written without outputs, and cells that did not change keep their ids.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from chapters import (
    ROOT,
    chapter_names,
    clean,
    in_sync,
    keep_ids,
    keep_teacher,
    notebook_path,
    read_script,
    script_path,
    write_notebook,
    write_script,
)


def newer_form(script: Path, notebook: Path) -> str:
    if not script.exists():
        return "ipynb"
    if not notebook.exists():
        return "py"
    return "ipynb" if notebook.stat().st_mtime > script.stat().st_mtime else "py"


def sync(name: str, source: str | None = None, root: Path = ROOT) -> str:
    """Rewrite one form from the other; returns which form was the source ("py" or "ipynb")."""
    script, notebook = script_path(name, root), notebook_path(name, root)
    source = source or newer_form(script, notebook)
    if source == "py":
        new = read_script(script.read_text("utf-8"))
        if notebook.exists():
            new = keep_ids(new, nbformat.read(notebook, as_version=4))
    else:
        new = clean(nbformat.read(notebook, as_version=4))
        text = script.read_text("utf-8") if script.exists() else ""
        script.write_text(write_script(keep_teacher(nbformat.from_dict(new), text)), "utf-8")
    notebook.write_text(write_notebook(new), "utf-8")
    return source


def is_clean(name: str, root: Path = ROOT) -> bool:
    """Whether the notebook file holds nothing but what :func:`sync` would write."""
    text = notebook_path(name, root).read_text("utf-8")
    return text == write_notebook(clean(nbformat.reads(text, as_version=4)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", choices=("py", "ipynb"), help="form that wins")
    parser.add_argument("--check", action="store_true", help="only say which pairs disagree")
    options = parser.parse_args()
    stale = [name for name in chapter_names() if not (in_sync(name) and is_clean(name))]
    for name in stale:
        if options.check:
            print(f"book/{name}.py and book/{name}.ipynb disagree or hold outputs: run `make sync`")
        else:
            print(f"book/{name}: written from .{sync(name, options.source)}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
