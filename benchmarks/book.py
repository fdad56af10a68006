"""Seconds and peak memory of each chapter, measured by the last `make book` that ran it."""

from __future__ import annotations

import json
from pathlib import Path

CARDS = Path(__file__).parents[1] / "_build" / "chapter_cards.json"
LIMIT = 90  # seconds a chapter may take on two cores


def main():
    if not CARDS.exists():
        print("no chapter has been run yet: `make book` first")
        return
    cards = json.loads(CARDS.read_text())
    seconds = {chapter: card["seconds"] for chapter, card in cards.items()}
    for chapter, took in sorted(seconds.items()):
        note = "  over the limit" if took > LIMIT else ""
        print(f"{chapter:16} {took:6.1f} s {cards[chapter]['memory_mb']:6d} MB{note}")
    print(f"{'all':16} {sum(seconds.values()):6.1f} s")


if __name__ == "__main__":
    main()
