"""Mend what the theme and its companions get wrong in a page, and leave out what it does not use.

Each function takes a parsed page and changes it; what is wrong upstream is said where it is put
right. Checked against sphinx-book-theme 1.3, pydata-sphinx-theme 0.17, sphinx-thebe 0.3,
sphinx-togglebutton 0.4 and sphinxcontrib-bibtex 2.7.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pydata_sphinx_theme
from bs4 import BeautifulSoup, Tag

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
ICON = re.compile(r'"?([\w-]+)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+","([^"]+)"\]')
ICON_STYLES = {"fa-brands": "fab", "fa-regular": "far", "fa-solid": "fas"}

PARTS = {  # what to look for in scripts and styles, and the elements that need them
    r"thebe|kernelName": None,  # nothing is run inside the page
    r"togglebutton|toggle(Hint|Open)": ".toggle, .admonition.dropdown",
    r"sphinx-design|design-tabs": "[class*='sd-']",
    r"mathjax": ".math",
    r"clipboard|copybutton": "div.highlight",
    r"searchtools|language_data|searchindex": "#search-results",  # the search page's own
    r"fontawesome\.js": None,  # 1.5 MB for a dozen icons, which `draw_icons` puts in the page
}

THEME_MODE = """
(() => {
  const root = document.documentElement.dataset, kept = localStorage.getItem("mode");
  root.mode = ["light", "dark"].includes(kept) ? kept : "auto";
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.theme = root.mode === "auto" ? dark : root.mode;
})();
"""

LOG = re.compile(r"console\.log\((`[^`]*`|\"[^\"]*\")\)")


def mend(html: str) -> str:
    """A page as it is sent to the reader."""
    page = BeautifulSoup(html, "html.parser")
    for step in STEPS:
        step(page)
    return str(page)


def leave_out_unused(page: Tag) -> None:
    """Leave out scripts and styles that this page has no use for.

    sphinx-thebe and sphinx-togglebutton add theirs to every page, and twice: once for the
    registry and once for the builder, which has copied the registry already. The second `const`
    or `let` of the same name is an error in the console.
    """
    seen = set()
    for tag in page.find_all(["script", "link"]):
        text = f"{tag.get('src') or tag.get('href') or tag.string or ''} {tag.get('type', '')}"
        is_asset = tag.name == "script" or not {"stylesheet", "preload"}.isdisjoint(tag["rel"])
        if not is_asset or tag.get("type") == "application/json":
            continue
        unused = any(
            re.search(part, text, re.I) and not (needs and page.select_one(needs))
            for part, needs in PARTS.items()
        )
        if unused or (text, *tag.get("rel", ())) in seen:
            tag.decompose()
        else:
            seen.add((text, *tag.get("rel", ())))


def defer_scripts(page: Tag) -> None:
    """Let the page be painted before its scripts have come.

    Sphinx loads doctools and the like while the head is read. They all wait for the page anyway;
    only ``documentation_options.js`` is used by lines in the head itself.
    """
    for script in page.head.find_all("script", src=True):
        if "documentation_options" not in script["src"] and not script.get("async"):
            script["defer"] = None


def set_mode_early(page: Tag) -> None:
    """Know light from dark before the first paint, and never in a mode that does not exist.

    The theme starts with an empty mode, reports it as invalid and lets dark pages flash white.
    """
    for script in page.head.find_all("script", string=re.compile(r"dataset\.theme = localStorage")):
        script.string = THEME_MODE
        page.html["data-theme"] = "light"  # without script


def say_it_once(page: Tag) -> None:
    """One viewport instead of three; no messages to the console."""
    for again in page.find_all("meta", attrs={"name": "viewport"})[1:]:
        again.decompose()
    for script in page.find_all("script", string=LOG):
        script.string = without_logs(script.string)


def without_logs(script: str) -> str:
    """A script that keeps its progress to itself."""
    return LOG.sub("void 0", script)


def draw_icons(page: Tag) -> None:
    """Icons as drawings in the page, with the classes that the theme's script would give them.

    One icon left as a letter would fetch the font of all of them: 0.16 MB on every page.
    """
    for tag in page.find_all(["i", "span"]):
        classes = tag.get("class", [])
        styles = [ICON_STYLES.get(each, each) for each in classes]
        drawing = next(
            (icons()[style, each[3:]] for style in styles for each in classes
             if (style, each[3:]) in icons()),
            None,
        )  # fmt: skip
        if drawing is None:
            continue
        width, height, path = drawing
        tag.name = "svg"
        tag["class"] = ["svg-inline--fa", *classes]
        tag.attrs |= {"viewBox": f"0 0 {width} {height}", "aria-hidden": "true"}
        tag.clear()
        tag.append(BeautifulSoup(f'<path fill="currentColor" d="{path}"></path>', "html.parser"))


@cache
def icons() -> dict[tuple[str, str], tuple[str, str, str]]:
    """Width, height and path of every icon, by style and name, from the theme's own copy."""
    script = (THEME / "scripts" / "fontawesome.js").read_text("utf-8")
    found = {}
    blocks = re.split(r'd\("(fab|far|fas)",', script)  # each style is registered after its icons
    for block, style in zip(blocks[::2], blocks[1::2], strict=False):
        for name, width, height, aliases, path in ICON.findall(block):
            for each in (name, *re.findall(r'"([\w-]+)"', aliases)):
                found[style, each] = width, height, path
    return found


def name_landmarks(page: Tag) -> None:
    """The sidebar holds the logo and the search field outside any landmark."""
    if sidebar := page.find(id="pst-primary-sidebar"):
        sidebar["role"] = "navigation"
        sidebar["aria-label"] = "Book"


def mend_bibliography(page: Tag) -> None:
    """sphinxcontrib-bibtex gives its list items a role that is deprecated and no list item's."""
    for entry in page.select(".citation-list > .citation"):
        entry["role"] = "listitem"
    for stray in page.select(".citation-list > a"):
        stray.decompose()


def mend_tables(page: Tag) -> None:
    """An empty corner of a table heads nothing, but docutils and pandas write it as a header."""
    for header in page.find_all("th"):
        if not header.get_text(strip=True) and not header.find("img"):
            header.name = "td"


def let_formulas_scroll(page: Tag) -> None:
    """A formula wider than a phone scrolls in its frame, which the keyboard must reach.

    MathJax would see to it in its menu, which is not loaded.
    """
    for frame in page.select("div.math"):
        frame["tabindex"] = "0"


STEPS = (
    leave_out_unused,
    defer_scripts,
    set_mode_early,
    say_it_once,
    draw_icons,
    name_landmarks,
    mend_bibliography,
    mend_tables,
    let_formulas_scroll,
)
