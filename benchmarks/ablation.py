"""Which ingredient of PupilEncoder earns what? Leave out one at a time, on simulated mice.

Run ``python benchmarks/ablation.py``. Printed are the share of the known ceiling in the regions
that the pupil drives, what is lost without each ingredient, and the worst PSTH-relative score in a
region that the pupil does not drive (where holding back is what counts).
"""

import argparse

import pandas as pd
import torch
from _tables import over_mice, shares

from pupil_helpers import PupilEncoder, compare, simulate_session, summary
from pupil_helpers.signals.pupil import FEATURES, MOTIONS, PupilFeatures


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
    "without the leaky start": PupilEncoder(leaky=False),
    "without the ensemble": PupilEncoder(n_members=1),
    "without shrinking": PupilEncoder(shrink=False),
    "squared error, not Poisson": PupilEncoder(loss="mse"),
    "the past only": PupilEncoder(direction="causal"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=3)
    parser.add_argument("--first", type=int, default=300, help="seed of the first mouse")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", help="where to keep finished fits, to go on after a stop")
    options = parser.parse_args()
    share, worst = {}, {}
    for mouse in range(options.first, options.first + options.mice):
        session = simulate_session(mouse)
        table = compare(session, VARIANTS, seeds=range(options.seeds), folder=options.folder)
        undriven = session.truth.regions[~session.truth.driven]
        relative = summary(table[table["region"].isin(undriven)], n_boot=2)
        share[session.name] = shares(table, session)
        worst[session.name] = relative.groupby("model")["score"].min()
    share = pd.DataFrame(share)
    table = pd.concat(
        {
            "share of the known ceiling": over_mice(share),
            "lost": over_mice(share.loc["all of it"] - share),
        },
        axis=1,
    )
    table["worst undriven region", ""] = pd.DataFrame(worst).min(axis=1).round(3)
    print(f"{options.mice} mice, 5 folds, {options.seeds} seeds; intervals are over mice")
    print(table.to_string())


if __name__ == "__main__":
    main()
