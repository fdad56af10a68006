"""What the other tools share: where the chapters are, and how their two forms relate.

A chapter is written as ``book/NN_name.py`` (py:percent, pleasant to read and to review) and
shipped as ``book/NN_name.ipynb`` (what Colab and the book open). Both hold the same cells, except
that those tagged ``teacher`` are in the script alone.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path

import jupytext
import nbformat
from jupytext.combine import map_outputs_to_inputs

ROOT = Path(__file__).resolve().parent.parent
KEPT_CELL_METADATA = ("tags", "mystnb")
FOLDED = {"hide-cell", "hide-input"}
FIRST_PAGE = 90
"""From this number on they are pages: no number in the title, no exercises, no recording."""

NOTEBOOK_METADATA = {
    "accelerator": "GPU",  # asks Colab for a GPU runtime
    "colab": {"gpuType": "T4", "provenance": []},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

HEADER = """\
# ---
# jupyter:
#   accelerator: GPU
#   colab:
#     gpuType: T4
#     provenance: []
#   jupytext:
#     cell_metadata_filter: tags,mystnb,-all
#     formats: ipynb,py:percent
#     notebook_metadata_filter: accelerator,colab,kernelspec,-all
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""


def chapter_names(root: Path = ROOT) -> list[str]:
    """Names such as ``01_eda`` of all chapters that exist in either form, in order."""
    return sorted({path.stem for path in (root / "book").glob("[0-9][0-9]_*.*")})


def lesson_names(root: Path = ROOT) -> list[str]:
    """The chapters that have exercises: all but the pages after them."""
    return [name for name in chapter_names(root) if int(name[:2]) < FIRST_PAGE]


def script_path(name: str, root: Path = ROOT) -> Path:
    return root / "book" / f"{name}.py"


def notebook_path(name: str, root: Path = ROOT) -> Path:
    return root / "book" / f"{name}.ipynb"


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def read_source(text: str) -> nbformat.NotebookNode:
    """The clean notebook that a py:percent script stands for, cells for the teacher included."""
    return clean(jupytext.reads(text, fmt="py:percent"))


def read_script(text: str) -> nbformat.NotebookNode:
    """What the book and its notebooks show of a script: all but the cells for the teacher."""
    notebook = read_source(text)
    notebook.cells = [cell for cell in notebook.cells if "teacher" not in tags(cell)]
    return notebook


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop outputs, counters and whatever editors leave behind; keep cells, tags and ids.

    Colab folds a cell only if it is a form: what the book hides becomes one.
    """
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in KEPT_CELL_METADATA}
        )
        if cell.cell_type == "code":
            if FOLDED & set(tags(cell)):
                cell.metadata["cellView"] = "form"
            cell.outputs, cell.execution_count = [], None
        cell.pop("attachments", None)
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5  # 4.5 is the first with cell ids
    return notebook


def keep_ids(new: nbformat.NotebookNode, old: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give unchanged cells of ``new`` the ids they have in ``old``, so that diffs stay small."""
    for cell, match in zip(new.cells, map_outputs_to_inputs(new.cells, old.cells), strict=True):
        if match is not None and "id" in old.cells[match]:
            cell.id = old.cells[match].id
    return new


def keep_teacher(new: nbformat.NotebookNode, script: str) -> nbformat.NotebookNode:
    """Put the teacher's cells of an older script back, each after the cell that it followed."""
    old, waiting = [], {}
    for cell in read_source(script).cells:
        if "teacher" in tags(cell):
            waiting.setdefault(len(old), []).append(cell)
        else:
            old.append(cell.source)
    match = SequenceMatcher(None, old, [cell.source for cell in new.cells], autojunk=False)
    place = {0: 0, len(old): len(new.cells)}
    for a, b, size in match.get_matching_blocks():
        place |= {a + k + 1: b + k + 1 for k in range(size)}
    for before in sorted(waiting, reverse=True):
        nearest = max(known for known in place if known <= before)
        new.cells[place[nearest] : place[nearest]] = waiting[before]
    return new


def write_notebook(notebook: nbformat.NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def write_script(notebook: nbformat.NotebookNode) -> str:
    """The py:percent text of a notebook, always under the same header."""
    notebook = clean(nbformat.from_dict(notebook))
    for cell in notebook.cells:
        cell.metadata.pop("cellView", None)  # follows from the tags
    notebook.metadata = nbformat.from_dict({"jupytext": {"notebook_metadata_filter": "-all"}})
    body = jupytext.writes(notebook, fmt="py:percent")
    return f"{HEADER}\n{body[body.index('# %%') :]}"


def content(notebook: nbformat.NotebookNode) -> list[tuple]:
    """What must agree between the two forms of a chapter: kind, text and metadata of each cell."""
    return [
        (cell.cell_type, cell.source.strip(), dict(cell.metadata))
        for cell in clean(nbformat.from_dict(notebook)).cells
    ]


def in_sync(name: str, root: Path = ROOT) -> bool:
    """Whether both forms exist and hold the same cells."""
    script, notebook = script_path(name, root), notebook_path(name, root)
    if not (script.exists() and notebook.exists()):
        return False
    return content(read_script(script.read_text("utf-8"))) == content(
        nbformat.read(notebook, as_version=4)
    )
