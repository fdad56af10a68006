"""Figures of chapter 9: the numbers given are the numbers drawn; axes say what they are."""

import numpy as np
import pandas as pd

from pupil_helpers.evaluation.nulls import ControlResult
from pupil_helpers.plotting import controls as figures

RNG = np.random.default_rng(0)
REGIONS = ["SCs", "LGd"]
SHIFTS = ControlResult(np.array([0.3, 0.2]), RNG.normal(0, 0.01, (6, 2)), np.array([0.25, 0.5]))
ALARMS = pd.DataFrame(
    {
        "control": ["shuffle", "permutation"] * 2,
        "region": ["CA1"] * 2 + ["LGd"] * 2,
        "share": [0.4, 0.0, 1.0, 0.9],
        "low": [0.3, 0.0, 0.9, 0.8],
        "high": [0.5, 0.1, 1.0, 1.0],
    }
)


def test_every_figure_draws_and_names_its_axes(labels):
    drawn = {
        figures.nonsense(RNG.normal(size=40), RNG.normal(size=40), "CA1"): "trial",
        figures.alarms(ALARMS): "(%)",
        figures.shifts(SHIFTS, REGIONS): "(trials)",
    }
    for fig, says in drawn.items():
        assert any(says in text for text in labels(fig))


def test_the_true_pairing_stands_at_no_shift():
    ax = figures.shifts(SHIFTS, REGIONS).axes[0]
    nulls, true = (collection.get_segments() for collection in ax.collections)
    assert [segment[0, 0] for segment in nulls] == [-3, -2, -1, 1, 2, 3]
    np.testing.assert_allclose([segment[1, 1] for segment in nulls], SHIFTS.null[:, 0])
    assert [segment[1].tolist() for segment in true] == [[0, 0.3]]


def test_a_region_that_could_not_be_scored_leaves_its_panel_empty():
    nothing = SHIFTS._replace(observed=np.full(2, np.nan), null=np.full((6, 2), np.nan))
    assert figures.shifts(nothing, REGIONS).axes[0].get_ylim() == (-0.02, 0.05)


def test_alarms_are_per_cent_and_have_intervals():
    ax = figures.alarms(ALARMS).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [40, 0]
    (whiskers,) = ax.collections[0].get_segments()[:1]
    np.testing.assert_allclose(whiskers[:, 0], [30, 50])


def test_null_scores_are_all_there_on_axes_that_every_control_shares():
    wide = SHIFTS._replace(null=np.linspace(0, 0.9, 12).reshape(6, 2))
    results = {"narrow": SHIFTS._replace(null=abs(SHIFTS.null)), "wide": wide}
    axes = {name: figures.null_scores(results, name, "LGd", 1).axes[0] for name in results}
    assert len({(*ax.get_xlim(), *ax.get_ylim()) for ax in axes.values()}) == 1
    for ax in axes.values():
        assert sum(bar.get_height() for bar in ax.patches) == 6
        assert set(ax.lines[0].get_xdata()) == {0.2}
        assert max(ax.get_xlim()) > 0.9
