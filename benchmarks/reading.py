"""Opening recordings: seconds and peak memory, the first time and from the cache.

Run ``python benchmarks/reading.py``. An NWB file (1,000 units × 300 trials) and a part file (13
sessions) are made up by the tests' writers; each opening runs in a process of its own. "wall (s)"
and "CPU (s)" are of the call alone, without the imports of this process but with those of the one
that reads an NWB file. "peak (MB)" is of the larger of the two, "before (MB)" what this one took
before the call.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
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


def measured_apart(*arguments) -> dict:
    command = [sys.executable, __file__, "--one", *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=1000, help="of the NWB file")
    parser.add_argument("--neurons", type=int, default=600, help="of each session of the part file")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--one", nargs=3, help="source, index, folder: measure here; print JSON")
    options = parser.parse_args()
    if options.one:
        source, index, folder = options.one
        print(json.dumps(measure(source, int(index), Path(folder))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), {}
        raw = raw_recording(n_trials=options.trials, n_clusters=options.units, rate=5.0)
        raw.quality[:] = 2  # all of them are neurons
        write_nwb(folder / NWB, raw, compress=True, cache_spec=True)
        size = (folder / NWB).stat().st_size / 1e6
        rows["NWB, first"] = measured_apart("dandi", 12, folder) | {"file (MB)": size}
        rows["NWB, cached"] = measured_apart("dandi", 12, folder)
        shape = {"trials": options.trials, "bins": 250, "neurons": options.neurons}
        counts = np.random.default_rng(0).poisson(0.05, (shape["neurons"], shape["trials"], 250))
        fields = session_fields(**shape, spks=counts.astype(np.int8))
        sessions = [fields | {"spks": fields["spks"].copy()} for _ in range(13)]
        write_part(folder / PART, sessions)
        size = (folder / PART).stat().st_size / 1e6
        rows["part file, first"] = measured_apart("steinmetz", 0, folder) | {"file (MB)": size}
        rows["part file, cached"] = measured_apart("steinmetz", 0, folder)
        rows["its last session"] = measured_apart("steinmetz", 12, folder)
    with pd.option_context("display.width", 200):
        print(pd.DataFrame(rows).T.infer_objects().round(2).T.to_string())


if __name__ == "__main__":
    main()
