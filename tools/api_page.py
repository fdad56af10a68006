"""Write ``book/api.md``: a heading for every room of the package, a section for every module.

    python tools/api_page.py            (part of `make sync`)

The text of each section is made from the docstrings when the book is built.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pupil_helpers

ROOT = Path(__file__).resolve().parent.parent
ORDER = (
    "session", "checks", "recordings", "signals", "metrics", "models", "evaluation", "tuning",
    "attribution", "plotting", "teaching", "reports",
)  # fmt: skip

COMMAND = ("check",)  # to import it would hide the function of that name

INTRODUCTION = """\
# The package, function by function

The rooms of `pupil_helpers` are in the order in which data flow: an earlier one never imports a
later one. Arrays are always ordered trials, bins, features; times are in seconds; spike counts are
per bin, summed over the neurons of a region.

These names can be imported from `pupil_helpers` itself; all others come from the module under whose
heading they stand.

{names}
"""

SECTION = """
{heading}

```{{eval-rst}}
.. automodule:: pupil_helpers.{name}
   :members:
```
"""


def modules(root: Path = ROOT) -> list[str]:
    """Dotted names of the public modules; ones that ``ORDER`` does not name come last."""
    package = root / "pupil_helpers"
    names = []
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts and parts != COMMAND and not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    rank = {name: place for place, name in enumerate(ORDER)}
    return sorted(names, key=lambda name: (rank.get(name.split(".")[0], len(ORDER)), name))


def heading(name: str) -> str:
    """A room by its name, ``## Signals``; a module in it as it is imported."""
    return f"### `{name}`" if "." in name else f"## {name.capitalize()}"


def page(root: Path = ROOT) -> str:
    """The whole page, as text."""
    public = sorted(set(pupil_helpers.__all__) - set(ORDER), key=str.lower)
    names = textwrap.fill(", ".join(f"`{name}`" for name in public), 100)
    sections = [SECTION.format(heading=heading(name), name=name) for name in modules(root)]
    return INTRODUCTION.format(names=names) + "".join(sections)


if __name__ == "__main__":
    (ROOT / "book" / "api.md").write_text(page(), "utf-8")
