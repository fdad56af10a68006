"""Was anything lost when the package was rebuilt? The default model then and now.

Run ``python benchmarks/before_after.py``. ``before.json`` holds scores and seconds of the default
model with the code of commit e7722ab (34 modules side by side), on simulated mice 0 and 401-407 and
on the real session Cori, if it is on this machine (see ``tests/real_data.py``): five folds, five
seeds. They are printed beside those of the code at hand. The simulated mice have changed since:
their eyes were calibrated, so that a mouse's row compares two mice as much as two models. Cori is
the same. Seconds depend on the machine, and on whatever else it does: compare them as ratios, and
only if the machine is quiet.
"""

import json
import time
from pathlib import Path

import pandas as pd
import real_session
import torch
from _tables import shares

from pupil_helpers import PupilEncoder, compare, simulate_session, summary
from pupil_helpers.recordings.kinds import DRIVEN

BEFORE = Path(__file__).with_name("before.json")
WHOLE_FIT = "default fit, 300 trials x 250 bins x 3 regions, one thread"
MICE = (0, *range(401, 408))


def measure(session, regions=None) -> dict:
    """Scores with intervals, share of the ceiling and seconds of a fit."""
    table = compare(session, ["PupilEncoder"], regions, progress=False)
    found = {
        "psth_relative": {
            row.region: [row.score, row.low, row.high] for row in summary(table).itertuples()
        },
        "seconds_per_fit": float(table["seconds"].mean()),
    }
    if session.truth is not None:
        found["share"] = float(shares(table, session)["PupilEncoder"])
    return found


def whole_fit(n: int = 5) -> float:
    """Seconds of the quickest of ``n`` default fits in this process, on one thread."""
    torch.set_num_threads(1)
    session = simulate_session(0)
    counts, took = session.region_counts(DRIVEN), []
    for _ in range(n):
        start = time.perf_counter()
        PupilEncoder().fit(session.pupil, counts)
        took.append(time.perf_counter() - start)
    return min(took)


def main():
    before, rows, cori = json.loads(BEFORE.read_text()), [], []
    for mouse in MICE:
        name, session = f"mouse {mouse}", simulate_session(mouse)
        then, now = before[name], measure(session)
        undriven = [region for region in now["psth_relative"] if region not in DRIVEN]
        worst = [min(each["psth_relative"][r][0] for r in undriven) for each in (then, now)]
        seconds = [each["seconds_per_fit"] for each in (then, now)]
        rows.append([name, then["share"], now["share"], *worst, *seconds])
    columns = pd.MultiIndex.from_product(
        [("share of the ceiling", "worst undriven region", "s per fit"), ("then", "now")]
    )
    table = pd.DataFrame([row[1:] for row in rows], [row[0] for row in rows], columns)
    table.loc["mean"] = table.mean()
    print(table.round(4).to_string())
    if real_session.is_here():
        then, now = before["Cori"], measure(real_session.cori(), real_session.REGIONS)
        for region, values in now["psth_relative"].items():
            cori.append([region, *then["psth_relative"][region], *values])
        columns = pd.MultiIndex.from_product([("then", "now"), ("score", "low", "high")])
        table = pd.DataFrame([row[1:] for row in cori], [row[0] for row in cori], columns)
        print(f"\nCori, PSTH-relative, with intervals\n{table.round(3).to_string()}")
    print(f"\n{WHOLE_FIT}: {before[WHOLE_FIT]:.2f} s then, {whole_fit():.2f} s now")


if __name__ == "__main__":
    main()
