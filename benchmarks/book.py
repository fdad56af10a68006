"""Seconds per chapter, as measured by the last `make book` or `make test` that ran them."""

from __future__ import annotations

import json
from pathlib import Path

SECONDS = Path(__file__).parents[1] / "_build" / "chapter_seconds.json"
LIMIT = 90  # seconds a chapter may take on two cores


def main():
    if not SECONDS.exists():
        print("no chapter has been run yet: `make book` first")
        return
    seconds = json.loads(SECONDS.read_text())
    for chapter, took in sorted(seconds.items()):
        print(f"{chapter:16} {took:6.1f} s{'  over the limit' if took > LIMIT else ''}")
    print(f"{'all':16} {sum(seconds.values()):6.1f} s")


if __name__ == "__main__":
    main()
