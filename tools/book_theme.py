"""A Sphinx extension: the book's own look, what each page tells others, and a page for lost ways.

The theme's faults are put right in ``mend_page.py``. Colours are in ``pupilencoder.css``, and the
mark is drawn by ``make_logo.py``.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from make_logo import card, mark, style
from mend_page import mend, without_logs
from sphinx.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "book" / "_templates"
CARDS = "cards"
LONGEST = 200  # characters of a description
MATHJAX = "mathjax/startup.js"
MATHJAX_PARTS = ["input/tex", "output/chtml", "a11y/assistive-mml"]
THEME_SCRIPTS = "_static/scripts/pydata-sphinx-theme.js"

FRONT_DOOR = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body><p><a href="{page}">{title}</a></p></body>
</html>
"""


def description(doctree: nodes.document) -> str:
    """The first paragraph of a page in one line, cut at the end of a word if it is long."""
    for paragraph in doctree.findall(nodes.paragraph):
        if "chapter-card" in paragraph["classes"]:
            continue
        text = " ".join(paragraph.astext().split())
        if len(text) >= 40:
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
    return ""


def meta_tags(title: str, about: str, address: str, image: str) -> str:
    """What a search engine or a message that links to the page shows of it."""
    named = {"description": about, "twitter:card": "summary_large_image"}
    properties = {
        "og:type": "article",
        "og:site_name": "PupilEncoder",
        "og:title": title,
        "og:description": about,
        "og:url": address,
        "og:image": image,
        "og:image:alt": f"A pupil with an iris of spikes, and the title: {title}",
        "og:image:width": "1200",
        "og:image:height": "630",
    }
    tags = [f'<meta name="{key}" content="{escape(text)}" />' for key, text in named.items()]
    tags += [
        f'<meta property="{key}" content="{escape(text)}" />' for key, text in properties.items()
    ]
    return "\n".join(tags)


def describe_page(app, page, template, context, doctree) -> None:
    """Give a page of ours its description and its card."""
    if doctree is None:
        return
    title = app.env.titles[page].astext()
    image = f"{CARDS}/{page.replace('/', '-')}.png"
    card(title, Path(app.outdir) / image)
    base = app.config.html_baseurl
    context["metatags"] += meta_tags(
        title, description(doctree), urljoin(base, f"{page}.html"), urljoin(base, image)
    )


def lost_page(app):
    """404.html, shown at any depth: it holds all it needs, and its links are full addresses."""
    base = app.config.html_baseurl
    chapters = [
        (title.astext(), urljoin(base, f"{page}.html"))
        for page, title in app.env.titles.items()
        if re.match(r"book/\d\d_", page) and page != app.config.root_doc
    ]
    context = {
        "chapters": sorted(chapters, key=lambda each: each[1]),
        "home": urljoin(base, f"{app.config.root_doc}.html"),
        "mark": mark(30, 2.4),
        "mark_light": style("light"),
        "mark_dark": style("dark"),
    }
    return [("404", context, "404.html")]


def check_address(app, config) -> None:
    if not re.fullmatch(r"https://\S+/", config.html_baseurl):
        raise ConfigError("_config.yml: html.baseurl must be a full address that ends with /")
    config.templates_path.append(str(TEMPLATES))


def load_formulas_in_parts(app, config) -> None:
    """Fetch the parts of MathJax that typeset and read out formulas: 0.8 MB, not 1.2.

    The rest of the bundle is a menu. sphinx-mathjax-offline sets its path over `_config.yml`.
    """
    config.mathjax_path = MATHJAX
    config.mathjax3_config = {"loader": {"load": MATHJAX_PARTS}}


def mend_pages(app) -> None:
    """Mend every page that is written from a template."""
    if app.builder.format != "html":
        return
    templates = app.builder.templates
    render = templates.render

    def render_and_mend(template, context):
        text = render(template, context)
        return mend(text) if "</html>" in text else text  # the theme renders parts, too

    templates.render = render_and_mend


def quieten_theme(app, error) -> None:
    """The theme's script tells the console of every step; ours is left for what goes wrong."""
    script = Path(app.outdir) / THEME_SCRIPTS
    if error is None and script.exists():
        script.write_text(without_logs(script.read_text("utf-8")), "utf-8")


def open_front_door(app, error) -> None:
    """The address of the whole site leads to the front page.

    The redirect that the table of contents would write asks for an icon that is not there.
    """
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "index.html").write_text(
            FRONT_DOOR.format(title=app.config.html_title, page=f"{app.config.root_doc}.html"),
            "utf-8",
        )


def setup(app) -> dict:
    app.connect("config-inited", check_address)
    app.connect("config-inited", load_formulas_in_parts)
    app.connect("builder-inited", mend_pages)
    app.connect("html-page-context", describe_page)
    app.connect("html-collect-pages", lost_page)
    app.connect("build-finished", quieten_theme)
    app.connect("build-finished", open_front_door, priority=400)  # before the table of contents
    return {"parallel_read_safe": True, "parallel_write_safe": True}
