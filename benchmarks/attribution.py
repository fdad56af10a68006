"""Are the shares and lags that attribution finds the true ones? The default model on home mice.

Run ``python benchmarks/attribution.py`` (some minutes on two cores); ``--write`` stores the table
in ``pupil_helpers/attribution/on_mice.csv``, where a chapter reads it.
"""

import argparse
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import pupil_helpers.attribution.on_mice as on_mice
from pupil_helpers import PupilEncoder
from pupil_helpers.attribution.on_mice import EXPLAINED, explain_mouse

FILE = Path(on_mice.__file__).with_suffix(".csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=len(EXPLAINED))
    parser.add_argument("--write", action="store_true", help="store the table in the package")
    options = parser.parse_args()
    mice = range(EXPLAINED[0], EXPLAINED[0] + options.mice)
    tables = [explain_mouse(PupilEncoder(bin_size=0.01), mouse) for mouse in tqdm(mice, "mice")]
    table = pd.concat(tables, ignore_index=True)
    table["share error"] = table["share"] - table["true_share"]
    table["lag error"] = table["lag"] - table["true_lag"]
    errors = table.groupby(["region", "channel"], sort=False)[["share error", "lag error"]]
    print(errors.agg(["mean", "std", "min", "max"]).round(2).to_string())
    if options.write:
        table.drop(columns=["share error", "lag error"]).round(5).to_csv(FILE, index=False)


if __name__ == "__main__":
    main()
