"""Where each page is run, edited and talked about: every launch address, in one place.

A Sphinx extension that takes the place of the theme's own launch and source buttons. The theme
makes addresses from the page's own file; here a page opens the student notebook first, and a
chapter is edited as a script. ``tests/book/test_buttons.py`` follows each address to its file.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import set_repository

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "main"  # as in _config.yml

SERVICES = {
    "Colab": "https://colab.research.google.com/github/{repository}/blob/{branch}/{path}",
    "Kaggle": "https://kaggle.com/kernels/welcome?src=https://github.com/{repository}/blob/{branch}/{path}",
    "Binder": "https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/{path}",
}
ICONS = {
    "Colab": "_static/images/logo_colab.png",
    "Kaggle": "fab fa-kaggle",
    "Binder": "_static/images/logo_binder.svg",
}
SOURCES = {  # pages that are made from other files than their own
    "book/api": None,  # from the docstrings of the whole package
    "book/bibliography": "book/references.bib",
}
ISSUE_FORM = "page.yml"


def repository(root: Path = ROOT) -> str:
    """``owner/name``, as in ``_config.yml``."""
    return set_repository.current(root).removeprefix("https://github.com/")


def notebooks(page: str, root: Path = ROOT) -> list[str]:
    """The notebooks that a page such as ``book/01_eda`` opens, the students' first, if any."""
    full = root / f"{page}.ipynb"
    student = full.parent / "student" / full.name
    return [path.relative_to(root).as_posix() for path in (student, full) if path.exists()]


def opened(root: Path = ROOT) -> list[str]:
    """Every notebook that some launch button opens, in order."""
    pages = sorted(path.with_suffix("") for path in (root / "book").glob("*.ipynb"))
    return [path for page in pages for path in notebooks(page.relative_to(root).as_posix(), root)]


def address(service: str, path: str, root: Path = ROOT) -> str:
    """Where a service opens a file of the repository."""
    return SERVICES[service].format(repository=repository(root), branch=BRANCH, path=path)


def launches(page: str, root: Path = ROOT) -> list[tuple[str, str, str]]:
    """Service, text and address of each launch button of a page; none where nothing runs."""
    paths = notebooks(page, root)
    found = [
        (service, service, address(service, path, root))
        for path in paths[:1]
        for service in SERVICES
    ]
    if len(paths) > 1:
        found.insert(1, ("Colab", "Colab, with the solutions", address("Colab", paths[1], root)))
    return found


def source(page: str, root: Path = ROOT) -> str | None:
    """The file to edit for a page: a chapter's script, not its notebook; None if there is none."""
    if page in SOURCES:
        return SOURCES[page]
    files = (f"{page}{ending}" for ending in (".py", ".md"))
    return next((file for file in files if (root / file).exists()), None)


def edit_address(file: str, root: Path = ROOT) -> str:
    return f"https://github.com/{repository(root)}/edit/{BRANCH}/{file}"


def issue_address(page: str, root: Path = ROOT) -> str:
    """A new issue that says which page it is about."""
    about = urlencode(
        {"template": ISSUE_FORM, "title": f"{page}: ", "page": source(page, root) or page}
    )
    return f"https://github.com/{repository(root)}/issues/new?{about}"


# -- the buttons --------------------------------------------------------------------------------


def button(text: str, url: str, icon: str, label: str) -> dict:
    """One button, as the theme's templates want it."""
    return {"type": "link", "text": text, "tooltip": text, "url": url, "icon": icon, "label": label}


def group(text: str, icon: str, label: str, buttons: list[dict]) -> dict:
    return {"type": "group", "tooltip": text, "icon": icon, "label": label, "buttons": buttons}


def button_groups(page: str, root: Path = ROOT) -> list[dict]:
    """The launch buttons, where a page has a notebook, and the source buttons."""
    launch = [
        button(text, url, ICONS[service], "launch-button")
        for service, text, url in launches(page, root)
    ]
    about = [
        button(
            "Repository", set_repository.current(root), "fab fa-github", "source-repository-button"
        )
    ]
    if file := source(page, root):
        about.append(
            button(
                "Edit this page",
                edit_address(file, root),
                "fas fa-pencil-alt",
                "source-edit-button",
            )
        )
    about.append(
        button(
            "Report a problem",
            issue_address(page, root),
            "fas fa-lightbulb",
            "source-issues-button",
        )
    )
    found = [group("Run this page", "fas fa-rocket", "launch-buttons", launch)] if launch else []
    return [*found, group("Source and feedback", "fab fa-github", "source-buttons", about)]


def add_buttons(app, page, template, context, doctree):
    """Put our buttons before the theme's (download, full screen, colours)."""
    if doctree is not None:  # not on the search page and the like
        context["header_buttons"][:0] = button_groups(page)


def setup(app):
    everything = str([button_groups(path.removesuffix(".ipynb")) for path in opened()])
    app.add_config_value("launch_addresses", everything, "html")  # a change rewrites the pages
    app.connect("html-page-context", add_buttons, priority=502)  # the theme's own are at 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}
