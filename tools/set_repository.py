"""Change the repository address everywhere it is written, for a fork or a new home.

    python tools/set_repository.py https://github.com/you/yourfork

Without an address, prints the present one. ``tests/book/test_repository.py`` checks that all
the files agree.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]*[A-Za-z0-9_-])")
PLACES = (
    "_config.yml", "README.md", "CITATION.cff", "pyproject.toml",
    "book/*.md", "book/*.py", "book/*.ipynb", "book/*/*.ipynb",
)  # fmt: skip


def files(root: Path = ROOT) -> list[Path]:
    return sorted(path for pattern in PLACES for path in root.glob(pattern))


def current(root: Path = ROOT) -> str:
    """The address in ``_config.yml``, from which the launch buttons are made."""
    return re.search(r"^  url: (\S+)", (root / "_config.yml").read_text("utf-8"), re.M)[1]


def change(new: str, root: Path = ROOT) -> list[str]:
    """Replace the present address by ``new``; returns the names of the files that changed.

    The address to clone from, with ``.git`` at its end, will do too.
    """
    match = ADDRESS.fullmatch(new.removesuffix("/").removesuffix(".git"))
    if match is None:
        raise SystemExit(f"{new!r} is not an address like https://github.com/you/yourfork")
    (owner, name), (old_owner, old_name) = match.groups(), ADDRESS.match(current(root)).groups()
    swaps = {
        f"{old_owner}/{old_name}": f"{owner}/{name}",  # the repository and Colab's links
        f"{old_owner}.github.io/{old_name}": f"{owner}.github.io/{name}",  # the published book
    }
    changed = []
    for path in files(root):
        text = before = path.read_text("utf-8")
        for old, replacement in swaps.items():
            text = re.sub(rf"{re.escape(old)}(?![\w-])", replacement, text)
        if text != before:
            path.write_text(text, "utf-8")
            changed.append(path.relative_to(root).as_posix())
    return changed


def main(arguments: list[str]) -> None:
    if not arguments:
        print(current())
        return
    print("\n".join(change(arguments[0])) or "nothing to change")


if __name__ == "__main__":
    main(sys.argv[1:])
