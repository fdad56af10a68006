"""Which ingredient of PupilEncoder earns what? Leave out one at a time, on many kinds of mice.

Run ``python benchmarks/ablation.py --write`` (two hours on two cores: 16 variants, 7 kinds, 4 mice
of each) for the table that chapter 6 reads from ``pupil_helpers/evaluation/ablation.csv``; without
``--write`` it is only printed, and with ``--kinds`` and ``--variants`` a part of it. These mice
(500 and up) chose the settings. The stored table was measured when networks were checked 32 times
and the GLM had nine penalties; its last variant, "checked less often", is the default since, with
16 and seven. Measured anew, the table has no such row, and chapter 6 must do without it.

Printed are the share of what could be predicted in the regions that the pupil drives, what is lost
without each ingredient, and the errors in regions that the pupil does not drive (where holding
back is what counts).
"""

import argparse
from pathlib import Path

import torch
from mice import cells

import pupil_helpers.evaluation.mice as kinds_of_mice
from pupil_helpers import PupilEncoder
from pupil_helpers.evaluation.mice import (
    CHOSE,
    by_kind,
    holding_back,
    leads,
    score_on_mice,
    shares,
)
from pupil_helpers.recordings.kinds import KINDS
from pupil_helpers.signals.pupil import FEATURES, MOTIONS, PupilFeatures

FILE = Path(kinds_of_mice.__file__).with_name("ablation.csv")


class Masked(PupilFeatures):
    """Some of the features are always 0."""

    hidden = ()

    def forward(self, filled, missing):
        features = super().forward(filled, missing)  # (trials, bins, features)
        shown = [name not in self.hidden for name in FEATURES]
        return features * torch.tensor(shown, device=features.device)


def without(*names) -> PupilEncoder:
    """The default model without some features."""
    masked = type("Masked", (Masked,), {"hidden": names})
    return type("Without", (PupilEncoder,), {"features": masked})()


VARIANTS = {
    "all of it": PupilEncoder(),
    "without velocities and speed": without(*MOTIONS),
    "without eye speed alone": without("eye speed"),
    "without the missing mask": without("missing"),
    "without the PSTH": PupilEncoder(psth=False),
    "without the stem": PupilEncoder(stem_size=0),
    "without the principal components": PupilEncoder(n_components=None),
    "without the recurrence": PupilEncoder(hidden_size=0),
    "without the skip": PupilEncoder(skip=False),
    "without the features of the moment": PupilEncoder(direct=False),
    "without the gate": PupilEncoder(gated=False),
    "without the GLM": PupilEncoder(glm=False),
    "without the ensemble": PupilEncoder(n_members=1),
    "without shrinking": PupilEncoder(shrink=False),
    "squared error, not Poisson": PupilEncoder(loss="mse"),
    "the past only": PupilEncoder(direction="causal"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    parser.add_argument("--mice", type=int, default=4)
    parser.add_argument("--first", type=int, default=CHOSE[0], help="seed of the first mouse")
    parser.add_argument("--folder", help="where to keep finished fits, to go on after a stop")
    parser.add_argument("--write", action="store_true", help="store the table in the package")
    options = parser.parse_args()
    variants = {name: VARIANTS[name] for name in dict.fromkeys(["all of it", *options.variants])}
    mice = range(options.first, options.first + options.mice)
    rows = score_on_mice(variants, options.kinds, mice, folder=options.folder)
    print("\nshare of what could be predicted, mean of the driven regions, 95 % interval over mice")
    print(cells(by_kind(shares(rows))))
    if len(variants) > 1:
        print("\nlost without it, on the same mice, 95 % interval")
        print(cells(leads(rows, "all of it")))
    print("\nregions without the pupil: error relative to the PSTH's")
    print(holding_back(rows).round(3).to_string())
    if options.write:
        rows.round(5).to_csv(FILE, index=False)
        print(f"\nwritten to {FILE.name}")


if __name__ == "__main__":
    main()
