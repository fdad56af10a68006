"""Thousands of spoiled recordings for each reader: all are read, or refused in one line.

Run ``nice python benchmarks/fuzz_readers.py`` (ten minutes or so on one core). A mutant is read in
a forked process with a limit on its computing time, since the HDF5 library may crash or never
return on a damaged file; for ``read_nwb``, which reads in a process of its own for that reason,
such an end is a refusal ("ended") as well. Whatever else happens, 1.5 times the memory of the valid
file included, is printed with its seed and counts as a failure; ``--seed`` repeats one.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from mutants import FORMATS, fates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="mutants of each format")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--seed", type=int, help="this one only")
    options = parser.parse_args()
    seeds = range(options.count) if options.seed is None else [options.seed]
    failures = 0
    for name in options.formats:
        with tempfile.TemporaryDirectory() as folder:
            seen = Counter()
            for seed, fate in fates(name, Path(folder), seeds):
                seen[fate.split(":")[0]] += 1
                if fate.startswith("failed"):
                    print(f"{name}, seed {seed}: {fate}", flush=True)
        failures += seen["failed"]
        counts = ", ".join(f"{count} {fate}" for fate, count in sorted(seen.items()))
        print(f"{name}: {len(seeds)} mutants, {counts}", flush=True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
