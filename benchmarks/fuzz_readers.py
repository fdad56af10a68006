"""Thousands of spoiled recordings for each reader: all are read, or refused in one line.

Run ``nice python benchmarks/fuzz_readers.py`` (a quarter of an hour on one core). A mutant is read
in a forked process with a limit on its computing time, since the HDF5 library may crash or never
return on a damaged file (an attribute of text is enough); for ``read_nwb``, which reads in a
process of its own for that reason, such an end is a refusal ("ended") as well. Whatever else
happens is printed with its seed and counts as a failure; so is 1.5 times the memory of the valid
file. ``--seed`` repeats one, ``--all`` prints what became of every one.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fates import Fate, fates
from mutants import FORMATS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="mutants of each format")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--all", action="store_true", help="print all, not only failures")
    options = parser.parse_args()
    seeds = range(options.count) if options.seed is None else [options.seed]
    rows = {}
    for name in options.formats:
        with tempfile.TemporaryDirectory() as folder:
            seen = []
            for fate in fates(name, Path(folder), seeds):
                seen.append(fate)
                if options.all or fate.outcome.startswith("failed"):
                    print(f"{name}, seed {fate.seed}, {fate.spoilt}: {fate.outcome}", flush=True)
        rows[name] = summary(seen)
    table = pd.DataFrame(rows).T
    print(table.round(2).to_string(), flush=True)
    sys.exit(table["failed"].sum() > 0)


def summary(seen: list[Fate]) -> dict:
    table = pd.DataFrame(seen)
    kinds = table["outcome"].str.split(":").str[0]
    slowest = table.loc[table["seconds"].idxmax()]
    return {
        "mutants": len(table),
        **{kind: (kinds == kind).sum() for kind in ("read", "refused", "ended", "failed")},
        "read, same numbers": (table["outcome"] == "read").sum(),
        "slowest (CPU s)": slowest["seconds"],
        "its seed": slowest["seed"],
        "peak (MB)": table["kilobytes"].max() / 1e3,
    }


if __name__ == "__main__":
    main()
