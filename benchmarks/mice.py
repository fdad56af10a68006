"""Which model holds on which kind of mouse? Every model on every kind, with known truth.

Run ``python benchmarks/mice.py --seeds 2 --write`` for the whole table (three quarters of an hour
on two cores), which the chapters read from ``pupil_helpers/evaluation/mice.csv``; without
``--write`` it is only printed, and with ``--stored`` nothing is fitted. ``--entry module:Class``
scores a model of your own, made without arguments, beside the stored ones::

    python benchmarks/mice.py --entry my_model:MyModel

Boosted trees take part if lightgbm is installed, in regions that the pupil drives.
"""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

import pandas as pd
from _tables import with_intervals

import pupil_helpers.evaluation.mice as kinds_of_mice
from pupil_helpers.evaluation.entrants import MODELS
from pupil_helpers.evaluation.mice import (
    CHOSE,
    SCORED,
    by_kind,
    holding_back,
    leads,
    score_on_mice,
    shares,
    stored_scores,
)  # fmt: skip
from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.recordings.kinds import DRIVEN, KINDS

FILE = Path(kinds_of_mice.__file__).with_name("mice.csv")


def contestants() -> dict:
    """All models but the constant and the original, which is no contest; and two of ours."""
    names = [name for name in MODELS if name not in ("constant", "original")]
    models = {name: MODELS[name]() for name in names}
    models["PupilEncoder without recurrence"] = PupilEncoder(hidden_size=0)
    models["PupilEncoder without the GLM"] = PupilEncoder(glm=False)
    return models


def boosted_trees() -> dict:
    """The one model that is not in the package, if it can be fitted here."""
    if not importlib.util.find_spec("lightgbm"):
        return {}
    from _trees import Trees

    return {"boosted trees": Trees()}


def whole_table(options, mice) -> pd.DataFrame:
    """Every contestant on all mice, but trees in driven regions only."""
    everywhere, trees = contestants(), boosted_trees()
    names = options.models or [*everywhere, *trees]
    if unknown := [name for name in names if name not in everywhere | trees]:
        known = ", ".join([*everywhere, *trees])
        raise SystemExit(f"there is no model {unknown[0]!r}; choose from {known}")
    driven = [kind for kind in options.kinds if kind != "null"]
    groups = (everywhere, options.kinds, None), (trees, driven, DRIVEN)
    how = {"seeds": range(options.seeds), "folder": options.folder}
    parts = []
    for known, kinds, regions in groups:
        if models := {name: known[name] for name in names if name in known}:
            parts.append(score_on_mice(models, kinds, mice, regions=regions, **how))
    return pd.concat(parts, ignore_index=True)


def cells(found: pd.DataFrame) -> str:
    """Models × kinds, each cell a mean and its interval."""
    return with_intervals(found, "mean", "kind")


def report(rows: pd.DataFrame, of: str) -> None:
    """Print all that the table says, with the leads of one model."""
    print("\nshare of what could be predicted, mean of the driven regions, 95 % interval over mice")
    print(cells(by_kind(shares(rows))))
    print(f"\nlead of {of} over each, on the same mice, 95 % interval over mice and their fits")
    print(cells(leads(rows, of)))
    print("\nregions without the pupil: error relative to the PSTH's")
    print(holding_back(rows).round(3).to_string())
    few = rows[(rows["kind"] == "few trials") & ~rows["driven"]]
    if len(few):
        print("\nthe same, 60 trials only")
        print(holding_back(few).round(3).to_string())
    seconds = rows.groupby(["model", "kind"], sort=False)["seconds"].mean().unstack()
    print(f"\nseconds per fit, several at a time\n{seconds.round(2).to_string()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--mice", type=int, default=len(SCORED), help="of each kind")
    parser.add_argument("--first", type=int, default=SCORED[0], help="seed of the first")
    parser.add_argument("--seeds", type=int, default=1, help="fits of each network")
    parser.add_argument("--models", nargs="+", help="some of the models")
    parser.add_argument("--folder", help="where to keep finished fits, to go on after a stop")
    parser.add_argument("--entry", metavar="MODULE:CLASS", help="a model of your own")
    parser.add_argument("--write", action="store_true", help="store the table in the package")
    parser.add_argument("--stored", action="store_true", help="print the stored table")
    options = parser.parse_args()
    if options.stored:
        return report(stored_scores(), "PupilEncoder")
    mice = range(options.first, options.first + options.mice)
    if options.entry:
        module, _, name = options.entry.partition(":")
        sys.path.insert(0, ".")
        model = getattr(importlib.import_module(module), name)()
        seeds = range(options.seeds)
        rows = score_on_mice({name: model}, options.kinds, mice, seeds, folder=options.folder)
        stored = stored_scores()
        stored = stored[stored["kind"].isin(options.kinds) & stored["mouse"].isin(mice)]
        rows, of = pd.concat([rows, stored], ignore_index=True), name
    else:
        rows, of = whole_table(options, mice), "PupilEncoder"
    among = sorted(set(mice) & set(CHOSE))
    print(
        f"{', '.join(options.kinds)}; mice {mice[0]} to {mice[-1]} of each, five blocked folds "
        f"with a gap of 2 trials, {options.seeds} fit(s) of each network and fold. Mice "
        f"{CHOSE[0]} to {CHOSE[-1]} chose PupilEncoder's settings; "
        f"{f'{len(among)} of these are among them, which favours it' if among else 'none is here'}."
    )
    report(rows, of)
    if options.write:
        rows.round(5).to_csv(FILE, index=False)
        print(f"\nwritten to {FILE.name}")


if __name__ == "__main__":
    main()
