"""Write ``book/api.md``: one section for every module of the package, in the order data flows.

    python tools/api_page.py            (part of `make sync`)

The text of each section is made from the docstrings when the book is built.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = (
    "session", "recordings", "signals", "metrics", "models", "evaluation", "tuning",
    "attribution", "teaching", "plotting",
)  # fmt: skip

INTRODUCTION = """\
# The package, function by function

This page is made from the docstrings of `pupil_helpers`. Arrays are always ordered trials, bins,
features; times are in seconds; spike counts are per bin, summed over the neurons of a region.
"""

SECTION = """
## {name}

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
        if parts and not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    rank = {name: place for place, name in enumerate(ORDER)}
    return sorted(names, key=lambda name: (rank.get(name.split(".")[0], len(ORDER)), name))


def page(root: Path = ROOT) -> str:
    return INTRODUCTION + "".join(SECTION.format(name=name) for name in modules(root))


if __name__ == "__main__":
    (ROOT / "book" / "api.md").write_text(page(), "utf-8")
