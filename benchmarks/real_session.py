"""Every model on a real recording: scores with intervals, ceilings and controls.

Run ``python benchmarks/real_session.py``. The recording is mouse Cori, 2016-12-17 (Steinmetz et
al. 2019, Neuromatch index 1), if it is on this machine (see ``tests/real_data.py``). It has pupil
area, noisy, but no x and y; spikes of 0-0.4 s from stimulus onset only; and no region of the
superior colliculus. Scores are small and are printed whatever they are. With ``--write`` they are
stored in ``pupil_helpers/evaluation/evidence.csv``, which a page of the book shows. What is stored
was made by ``--max-shift 40 --models PSTH ridge "Poisson GLM" PupilEncoder --write`` (some
minutes of one core).
"""

import argparse
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from _tables import with_intervals
from contest import contest

import pupil_helpers.evaluation.evidence as evidence_module
from pupil_helpers import (
    PupilEncoder,
    Session,
    __version__,
    ceilings,
    differences,
    read_steinmetz,
    summary,
)
from pupil_helpers._files import file_hash, package_hash
from pupil_helpers.evaluation.entrants import MODELS
from pupil_helpers.evaluation.nulls import linear_shift, refit_score, trial_shuffle
from pupil_helpers.models.linear import Ridge

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import real_data

REGIONS = ["VISpm", "VISl", "POST", "CA1"]
ALL = [*REGIONS, "root"]  # the atlas's name for neurons that are in no named region
METRICS = ("psth_relative", "r2", "bits_per_spike")
RESULTS = Path(evidence_module.__file__).with_name("evidence.csv")
FILE = "steinmetz2019_cori_2016-12-17/cori_20161217_pupil_spikes.npz"


def is_here() -> bool:
    """Whether the recording is on this machine."""
    return (real_data.data_folder() / FILE).is_file()


def cori() -> Session:
    """From the published form of the file to a session."""
    with tempfile.TemporaryDirectory() as folder:
        path = real_data.cori_part_file(folder)
        return read_steinmetz(path, real_data.CORI_INDEX, start=real_data.CORI_START)


def controls(session: Session, make_model, max_shift: int, n_shuffles: int) -> pd.DataFrame:
    """PSTH-relative score of the true pairing beside the null pairings."""
    score, counts = refit_score(make_model, n_folds=3), session.region_counts(ALL)
    results = {
        "linear shift": linear_shift(score, session.pupil, counts, max_shift),
        "trial shuffle": trial_shuffle(score, session.pupil, counts, n_shuffles),
    }
    least = {"linear shift": 1 / (max_shift + 1), "trial shuffle": 1 / (n_shuffles + 1)}
    return pd.concat(
        {
            name: pd.DataFrame(
                {
                    "true pairing": result.observed,
                    "null median": np.median(result.null, 0),
                    "null 95 %": np.quantile(result.null, 0.95, axis=0),
                    "p": result.p,
                    "least p": least[name],
                },
                index=ALL,
            )
            for name, result in results.items()
        }
    )


def evidence(session: Session, table: pd.DataFrame, nulls: dict) -> pd.DataFrame:
    """What is stored: see :func:`pupil_helpers.evaluation.evidence.stored_evidence`."""
    facts = session.region_table()[["neurons", "rate_hz"]].loc[ALL]
    limits = ceilings(session, ALL)[["split_half", "poisson"]]
    whole = {"trials": session.n_trials, "bins": session.n_bins, "bin_s": session.bin_size}
    whole = pd.DataFrame({"what": "recording", "measure": list(whole), "value": whole.values()})
    parts = [whole, _long("recording", facts), _long("ceiling", limits)]
    for metric in METRICS:
        found = summary(table, metric).drop(columns="seconds").rename(columns={"score": "value"})
        parts.append(found.assign(what="score", measure=metric))
    for model, controlled in nulls.items():
        for control, found in controlled.groupby(level=0, sort=False):
            parts.append(_long(control, found.droplevel(0)).assign(model=model))
    columns = ["what", "measure", "model", "region", "value", "low", "high", "seed_sd", "seeds"]
    return pd.concat(parts, ignore_index=True)[columns].assign(
        data_sha256=file_hash(real_data.data_folder() / FILE),
        code=f"{__version__} {package_hash()[:12]}",
        date=date.today().isoformat(),
    )


def _long(what: str, wide: pd.DataFrame) -> pd.DataFrame:
    """From regions × measures to one number per row."""
    rows = wide.rename_axis("region").reset_index()
    return rows.melt("region", var_name="measure").assign(what=what)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", help="where to keep finished fits, to go on after a stop")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="some of the models")
    parser.add_argument("--max-shift", type=int, default=20, help="of the linear shift, in trials")
    parser.add_argument("--write", action="store_true", help="store the numbers in the package")
    options = parser.parse_args()
    if not is_here():
        print(f"The recording is not on this machine: there is no {FILE}.")
        return
    session, start = cori(), time.perf_counter()
    table = contest(session, options.models, options.seeds, 1, options.folder, ALL)
    print(
        f"{session.name}: {session.n_trials} trials × {session.n_bins} bins, area only; 5 folds, "
        f"up to {options.seeds} seeds; compared in {time.perf_counter() - start:.0f} s"
    )
    print(f"\nceilings of R²\n{ceilings(session, ALL).drop(columns='known').round(2)}")
    for metric in METRICS:
        print(f"\n{metric}, 95 % interval\n{with_intervals(summary(table, metric))}")
    if "PupilEncoder" in options.models:
        found = with_intervals(differences(table, "PupilEncoder"))
        print(f"\nR² above PupilEncoder's, on the same trials, 95 % interval\n{found}")
    per_fit = table.groupby("model", sort=False)["seconds"].mean()
    print(
        f"\nseconds per fit, with as many fits at a time as cores\n{per_fit.round(2).to_string()}"
    )
    nulls = {}
    if options.max_shift:
        for name, model in {"ridge": Ridge, "PupilEncoder": PupilEncoder}.items():
            nulls[name] = controls(session, model, options.max_shift, n_shuffles=39)
            print(f"\ncontrols with {name}, 3 folds, refitted each time\n{nulls[name].round(3)}")
        print(
            "\nThe session permutation is not run: it needs pupils of other real sessions, and "
            "only this one is here. Simulated pupils are no substitute: the control holds only "
            "for pupils that could have been recorded with these neurons."
        )
    if options.write:
        evidence(session, table, nulls).round(5).to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
