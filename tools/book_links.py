"""A Sphinx extension: try the links that lead outside, once a week (`make links`).

Links inside the book are followed by the tests of every build.
"""

from __future__ import annotations

DOI = "https://doi.org/"
HANDLES = "https://doi.org/api/handles/"


def where_to_ask(app, address: str) -> str | None:
    """Ask the register whether a DOI exists: many publishers turn away whatever is no browser."""
    if address.startswith(DOI) and not address.startswith(HANDLES):
        return HANDLES + address.removeprefix(DOI)
    return None


def run_nothing(app) -> None:
    """The links are in the text; no chapter needs to run for them."""
    if app.builder.name == "linkcheck":
        app.config.nb_execution_mode = "off"


def setup(app) -> dict:
    app.connect("builder-inited", run_nothing, priority=1)  # before the notebooks' reader
    app.connect("linkcheck-process-uri", where_to_ask)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
