"""Figures of chapter 6: the numbers given are the numbers drawn; axes say what they are."""

import numpy as np
import pandas as pd

from pupil_helpers.evaluation.nulls import ControlResult
from pupil_helpers.plotting import PALETTE
from pupil_helpers.plotting import testing as figures

RNG = np.random.default_rng(0)
REGIONS, MODELS = ["SCs", "LGd"], ["ridge", "mine", "PSTH"]
TIME = np.arange(50) * 0.01
SCORES = pd.DataFrame(
    {
        "model": np.repeat(MODELS, 2),
        "region": REGIONS * 3,
        "score": [0.3, 0.50, -0.20, 0.45, 0.01, 0.02],
        "low": [0.2, 0.45, -0.30, 0.40, 0.00, -0.01],
        "high": [0.4, 0.55, -0.10, 0.50, 0.02, 0.05],
    }
)
ACHIEVED = SCORES[SCORES["model"] == "ridge"].set_index("region")
LIMITS = pd.DataFrame(
    {"known": [0.35, 0.6], "split_half": [0.33, 0.61], "poisson": [0.5, 0.65]}, index=REGIONS
)
SHIFTS = ControlResult(np.array([0.3, 0.2]), RNG.normal(0, 0.01, (6, 2)), np.array([0.25, 0.5]))
ALARMS = pd.DataFrame({"CA1": [0.4, 0.0], "LGd": [1.0, 0.9]}, index=["shuffle", "permutation"])
TRACES = RNG.uniform(size=(4, 3, 50, 2))


def dots(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def test_every_figure_draws_and_names_its_axes(labels):
    curves = RNG.uniform(size=(50, 2))
    drawn = {
        figures.scores(SCORES): "PSTH-relative score",
        figures.differences(SCORES, "the best"): "R² minus that of the best",
        figures.flattening(TIME, curves, [2.0, 2.05], [0, -0.01], 0.7, REGIONS): "(s)",
        figures.ceilings(LIMITS, ACHIEVED): "R²",
        figures.widths([0.02, 0.1, 0.5], *RNG.uniform(size=(3, 3, 2)), REGIONS): "(s)",
        figures.nonsense(RNG.normal(size=40), RNG.normal(size=40), "CA1"): "trial",
        figures.alarms(ALARMS): "(%)",
        figures.shifts(SHIFTS, REGIONS): "(trials)",
        figures.traces(TIME, [3, 5, 8], *TRACES, REGIONS): "(s)",
    }
    for fig, says in drawn.items():
        assert any(says in text for text in labels(fig))


def test_scores_are_drawn_as_given_with_0_in_sight():
    fig = figures.scores(SCORES)
    for ax, region in zip(fig.axes, REGIONS, strict=True):
        assert region in (ax.get_title(), ax.get_title(loc="left"))  # the style says where
        drawn = [dot.get_xdata()[0] for dot in dots(ax)]
        assert drawn == SCORES.loc[SCORES["region"] == region, "score"].tolist()
        low, high = ax.get_xlim()
        assert low < 0 < high
    assert [text.get_text() for text in fig.axes[0].get_yticklabels()] == MODELS
    tiny = SCORES.assign(score=0.001, low=0.0, high=0.002)
    low, high = figures.scores(tiny).axes[0].get_xlim()
    assert high - low >= 0.2  # small differences look small


def test_differences_are_coloured_by_what_their_interval_excludes():
    ax = figures.differences(SCORES, "the best").axes[0]  # SCs: above 0, below 0, touching it
    colours = [dot.get_color() for dot in dots(ax)]
    assert colours == [PALETTE["green"], PALETTE["vermilion"], PALETTE["grey"]]


def test_region_names_do_not_cover_each_other():
    fig = figures.flattening(TIME, np.ones((50, 2)), [2.0, 2.001], [0, 0], 0.7, REGIONS)
    fig.canvas.draw()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_ceilings_leave_out_what_is_not_known():
    known = figures.ceilings(LIMITS, ACHIEVED).axes[0].get_legend_handles_labels()[1]
    unknown = figures.ceilings(LIMITS.assign(known=np.nan), ACHIEVED).axes[0]
    assert len(known) == 3
    assert "known ceiling" not in unknown.get_legend_handles_labels()[1]
    assert [bar.get_height() for bar in unknown.patches] == ACHIEVED["score"].tolist()


def test_the_true_pairing_stands_at_no_shift():
    ax = figures.shifts(SHIFTS, REGIONS).axes[0]
    nulls, true = (collection.get_segments() for collection in ax.collections)
    assert [segment[0, 0] for segment in nulls] == [-3, -2, -1, 1, 2, 3]
    np.testing.assert_allclose([segment[1, 1] for segment in nulls], SHIFTS.null[:, 0])
    assert [segment[1].tolist() for segment in true] == [[0, 0.3]]


def test_traces_draw_the_truth_only_if_it_is_known():
    with_truth = figures.traces(TIME, [3, 5, 8], *TRACES, REGIONS).axes[0]
    without = figures.traces(TIME, [3, 5, 8], *TRACES[:3], None, REGIONS).axes[0]
    assert len(with_truth.lines) == len(without.lines) + 1
    drawn = {line.get_label(): line.get_ydata() for line in without.lines}
    np.testing.assert_array_equal(drawn["predicted"], TRACES[1, 0, :, 0])
    np.testing.assert_array_equal(drawn["PSTH"], TRACES[2, 0, :, 0])


def test_alarms_are_per_cent():
    assert [bar.get_width() for bar in figures.alarms(ALARMS).axes[0].patches] == [40, 0]
