"""The figures of a search must cope with evaluations that failed or were stopped."""

import numpy as np
import pytest

from pupil_helpers.plotting import tuning as figures
from pupil_helpers.tuning.search import Search


@pytest.mark.parametrize("others", [["ok"], ["fail", "pruned"]])
def test_figures_cope_with_failed_and_stopped_evaluations(others, labels):
    rng = np.random.default_rng(0)
    status = ["ok", "ok", *others] * 4
    records = [
        {
            "evaluation": number, "status": kind, "loss": None if kind == "fail" else rng.normal(),
            "params": {"x": rng.normal(), "pause": 10.0 ** rng.uniform(-8, -5)},
            "seconds": 1.0, "curve": [0.1], "n_steps": 1, "error": None,
        }
        for number, kind in enumerate(status)
    ]  # fmt: skip
    found = Search(records, None)
    assert "evaluation" in labels(figures.history({"one": found, "other": found}, noise=0.1))
    assert labels(figures.slices(found.table, ["x", "pause"]))
    parallel = figures.parallel(found.table, ["x", "pause"])
    assert len(parallel.axes[0].collections[0].get_segments()) == status.count("ok")
    parallel.canvas.draw()
