"""Figures of chapter 8: the numbers given are the numbers drawn; axes say what they are."""

import numpy as np
import pandas as pd

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
LUCK = {
    "trials": RNG.normal(0.5, 0.02, (400, 2)),
    "seeds": [[0.5, 0.1], [0.51, 0.12]],
    "mice": [[0.4, np.nan]] * 3,
}
LEADS = pd.DataFrame(
    {
        "model": ["ridge", "GLM", "GRU"] * 2,
        "kind": ["home"] * 3 + ["memory"] * 3,
        "mean": [0.1, -0.1, 0.05, 0.2, 0.01, -0.3],
        "low": [0.05, -0.2, np.nan, 0.1, -0.1, np.nan],
        "high": [0.15, -0.05, np.nan, 0.3, 0.1, np.nan],
        "mice": [4, 4, 1, 4, 4, 1],
    }
)
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
        figures.spread(LUCK, REGIONS): "score",
        figures.kinds(LEADS, "lead"): "lead",
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


def test_many_draws_are_a_range_and_few_are_dots():
    ax, other = figures.spread(LUCK, REGIONS).axes
    band = next(line for line in ax.lines if line.get_linewidth() == 5)
    np.testing.assert_allclose(band.get_xdata(), np.quantile(LUCK["trials"][:, 0], [0.025, 0.975]))
    assert [dot.get_xdata().tolist() for dot in dots(ax)] == [[0.5, 0.51], [0.4] * 3]
    assert np.isnan(dots(other)[1].get_xdata()).all()
    assert [text.get_text() for text in ax.get_yticklabels()] == list(LUCK)


def test_kinds_ring_what_one_mouse_says_and_colour_what_is_sure():
    home, memory = figures.kinds(LEADS, "lead").axes[:2]
    assert [dot.get_xdata()[0] for dot in dots(home)] == [0.1, -0.1, 0.05]
    sure = [dot.get_color() for dot in dots(home)[:2]]
    assert sure == [PALETTE["blue"], PALETTE["vermilion"]]
    assert dots(memory)[1].get_color() == PALETTE["grey"]
    assert all(dots(ax)[2].get_markerfacecolor() == "none" for ax in (home, memory))


def test_traces_draw_the_truth_only_if_it_is_known():
    with_truth = figures.traces(TIME, [3, 5, 8], *TRACES, REGIONS).axes[0]
    without = figures.traces(TIME, [3, 5, 8], *TRACES[:3], None, REGIONS).axes[0]
    assert len(with_truth.lines) == len(without.lines) + 1
    drawn = {line.get_label(): line.get_ydata() for line in without.lines}
    np.testing.assert_array_equal(drawn["predicted"], TRACES[1, 0, :, 0])
    np.testing.assert_array_equal(drawn["PSTH"], TRACES[2, 0, :, 0])
