"""What must hold for every file of the book and of the tools."""

import re
from pathlib import Path

import api_page
from chapters import ROOT
from shared import listed_files


def product_files() -> list[Path]:
    texts = {".py", ".md", ".ipynb", ".yml", ".toml", ".cff", ".bib", ".css", ".js", ".txt", ""}
    files = [ROOT / name for name in sorted(listed_files()) if not name.startswith("tests/")]
    return [path for path in files if path.is_file() and path.suffix in texts]


def test_nothing_reaches_outside_the_repository():
    """No path of one machine, and nothing beside the checkout, in what people get."""
    outside = re.compile(r"\.\./shared|(?<![\w.])/(?:home|Users|root|tmp|work)/\w")
    for path in product_files():
        found = outside.search(path.read_text("utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"


def test_api_page_has_every_module():
    assert (ROOT / "book" / "api.md").read_text("utf-8") == api_page.page(), "run `make sync`"


def test_a_new_module_gets_a_section(tmp_path):
    for name in ("session", "zebra", "_private", "plotting/__init__", "plotting/style"):
        path = tmp_path / "pupil_helpers" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert api_page.modules(tmp_path) == ["session", "plotting", "plotting.style", "zebra"]
    headings = re.findall("^##.*", api_page.page(tmp_path), re.M)
    assert headings == ["## Session", "## Plotting", "### `plotting.style`", "## Zebra"]


def test_bibliography_entries_can_be_followed():
    entries = re.split(r"^@", (ROOT / "book" / "references.bib").read_text("utf-8"), flags=re.M)
    for entry in entries[1:]:
        key = entry.split("{")[1].split(",")[0]
        assert re.search(r"doi\s+= \{10\.\d{4,}/\S+\}|url\s+= \{https://\S+\}", entry), key
