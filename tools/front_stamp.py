"""Which code the front page's figure was made by: :func:`stamp` stands at the end of its file."""

from __future__ import annotations

import hashlib

from chapters import ROOT

SOURCES = {
    "tools": ("make_front", "make_cover"),
    "pupil_helpers/plotting": ("style", "dark", "pictures"),
    "pupil_helpers/teaching": ("explore",),
    "pupil_helpers/models": (
        "encoder", "ensemble", "gain", "glm", "lags", "network", "neural", "shrinkage",
    ),
    "pupil_helpers/recordings": ("simulate", "drives", "eye", "kinds"),
}  # fmt: skip
"""What decides how the figure looks and what it shows."""


def stamp() -> str:
    """A comment for the page, made from the text of the sources as they are now."""
    digest = hashlib.sha256()
    for folder, names in SOURCES.items():
        for name in names:
            digest.update((ROOT / folder / f"{name}.py").read_bytes())
    return f"<!-- made by {digest.hexdigest()[:16]} -->"
