"""A Sphinx extension: the pictures of a chapter become files, fetched when they are shown.

In the build, figures leave the notebook as HTML with the pictures inside
(``pupil_helpers.plotting.pictures``). Here each becomes a file in ``_images``, and gets the
alternative text of its cell: ``mystnb={"image": {"alt": "…"}}``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

from docutils import nodes

INSIDE = re.compile(r"data:image/(svg\+xml|webp);base64,([A-Za-z0-9+/=]+)")
WITHOUT_ALT = re.compile(r'<img class="only-(light|dark) figure" (?!alt=)')


def move_out(text: str, folder: Path, address: str) -> str:
    """Write the pictures inside an HTML text into a folder; the text with their addresses."""

    def move(found: re.Match) -> str:
        content = base64.b64decode(found[2])
        kind = found[1].split("+")[0]
        path = folder / f"figure-{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return f"{address}/{path.name}"

    return INSIDE.sub(move, text)


def with_alt(text: str, alt: str) -> str:
    """Give the pictures that have no alternative text this one."""
    return WITHOUT_ALT.sub(lambda found: f'{found[0]}alt="{html.escape(alt)}" ', text)


def alt_of(node: nodes.Node) -> str:
    """The alternative text in the metadata of the cell that a node stands in; "" if none."""
    while node is not None:
        if getattr(node, "attributes", {}).get("nb_element") == "cell_code":
            image = (node["cell_metadata"].get("mystnb") or {}).get("image") or {}
            return image.get("alt", "")
        node = node.parent
    return ""


def publish(app, doctree: nodes.document, page: str) -> None:
    """Move the pictures of a page into files."""
    folder = Path(app.outdir) / app.builder.imagedir
    address = "../" * page.count("/") + app.builder.imagedir
    for node in list(doctree.findall(nodes.raw)):
        if node.get("format") == "html" and INSIDE.search(node.astext()):
            text = move_out(with_alt(node.astext(), alt_of(node)), folder, address)
            node.parent.replace(node, nodes.raw("", text, format="html"))  # no card around it


def setup(app) -> dict:
    app.connect("doctree-resolved", publish)
    app.add_css_file("explore.css")
    app.add_js_file("explore.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
