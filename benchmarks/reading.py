"""Opening recordings: seconds and peak memory, the first time and from the cache.

Run ``python benchmarks/reading.py``. An NWB file (1,000 units × 300 trials) and a part file (13
sessions) are made up by the tests' writers; each opening runs in a process of its own. "wall (s)"
and "CPU (s)" are of the call alone, without the imports of this process but with those of the one
that reads an NWB file. "peak (MB)" is of the larger of the two, "before (MB)" what this one took
before the call.
"""

import argparse
import hashlib
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from continuous import raw_recording, write_nwb
from neuromatch import session_fields, write_part

from pupil_helpers import load_session
from pupil_helpers.recordings import dandi

NWB, PART = "made_up.nwb", "steinmetz_part0.npz"
OWN, CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN


def publish(folder: Path) -> None:
    """Let the NWB file pass for the asset of every session."""
    file = folder / NWB
    with open(file, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    asset = dandi.Asset(f"sub-made-up/{NWB}", file.stat().st_size, sha256, "none")
    dandi.asset_at = lambda index: asset


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (OWN, CHILDREN)))


def peak() -> float:
    """Most memory (MB) that this process, or one that it waited for, has held."""
    return max(resource.getrusage(who).ru_maxrss for who in (OWN, CHILDREN)) / 1e3


def measure(source: str, index: int, folder: Path) -> dict:
    """Open one session, in this process."""
    if source == "dandi":
        publish(folder)
    load_session("simulated", n_trials=2)  # what is imported once is not counted
    before, wall, cpu = peak(), time.perf_counter(), cpu_seconds()
    session = load_session(source, index=index, folder=folder)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return {
        "trials × bins × neurons": " × ".join(map(str, session.spikes.shape)),
        "counts (MB)": session.spikes.nbytes / 1e6,
        "wall (s)": wall,
        "CPU (s)": cpu,
        "before (MB)": before,
        "peak (MB)": peak(),
    }


def apart(function, *arguments):
    """Call it in a fresh process: what this one, or the one before, has taken does not count."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def make_nwb(path: Path, n_trials: int, n_units: int) -> None:
    raw = raw_recording(n_trials=n_trials, n_clusters=n_units, rate=5.0)
    raw.quality[:] = 2  # all of them are neurons
    write_nwb(path, raw, compress=True, cache_spec=True)


def make_part(path: Path, n_trials: int, n_neurons: int) -> None:
    fields = session_fields(trials=n_trials, bins=250, neurons=n_neurons)
    counts = np.random.default_rng(0).poisson(0.05, fields["spks"].shape).astype(np.int8)
    write_part(path, [fields | {"spks": counts.copy()} for _ in range(13)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=1000, help="of the NWB file")
    parser.add_argument("--neurons", type=int, default=600, help="of each session of the part file")
    parser.add_argument("--trials", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), {}
        apart(make_nwb, folder / NWB, options.trials, options.units)
        rows["NWB, first"] = apart(measure, "dandi", 12, folder)
        rows["NWB, cached"] = apart(measure, "dandi", 12, folder)
        apart(make_part, folder / PART, options.trials, options.neurons)
        rows["part file, first"] = apart(measure, "steinmetz", 0, folder)
        rows["part file, cached"] = apart(measure, "steinmetz", 0, folder)
        rows["its last session"] = apart(measure, "steinmetz", 12, folder)
        for row, file in (("NWB, first", NWB), ("part file, first", PART)):
            rows[row]["file (MB)"] = (folder / file).stat().st_size / 1e6
    print(pd.DataFrame(rows).T.infer_objects().round(2).T.to_string())


if __name__ == "__main__":
    main()
