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
LEADS = pd.DataFrame(
    {
        "model": ["ridge", "GLM", "GRU"] * 2,
        "kind": ["home"] * 3 + ["memory"] * 3,
        "mean": [0.1, -0.1, 0.05, 0.2, 0.01, -0.3],
        "low": [0.05, -0.2, 0.01, 0.1, -0.1, -0.4],
        "high": [0.15, -0.05, 0.09, 0.3, 0.1, -0.2],
    }
)
RATES = dict(zip(["recorded", "PSTH", "true", "predicted"], RNG.uniform(size=(4, 50)), strict=True))
PUPIL = RNG.uniform(size=(50, 3))


def dots(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def test_every_figure_draws_and_names_its_axes(labels):
    curves = RNG.uniform(size=(50, 2))
    drawn = {
        figures.scores(SCORES): "PSTH-relative score",
        figures.flattening(TIME, curves, [2.0, 2.05], [0, -0.01], 0.7, REGIONS): "(s)",
        figures.ceilings(LIMITS, ACHIEVED): "R²",
        figures.widths([0.02, 0.1, 0.5], *RNG.uniform(size=(3, 3, 2)), REGIONS): "(s)",
        figures.kinds(LEADS, "lead"): "lead",
        figures.one_trial(TIME, RATES, PUPIL, "LGd", (1, 2)): "(s)",
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


def test_kinds_colour_what_is_sure():
    home, memory = figures.kinds(LEADS, "lead").axes[:2]
    assert [dot.get_xdata()[0] for dot in dots(home)] == [0.1, -0.1, 0.05]
    sure = [dot.get_color() for dot in dots(home)[:2]]
    assert sure == [PALETTE["blue"], PALETTE["vermilion"]]
    assert dots(memory)[1].get_color() == PALETTE["grey"]


def test_a_trial_shows_the_truth_only_if_it_is_known_and_the_channels_there_are():
    known, below = figures.one_trial(TIME, RATES, PUPIL, "LGd", (1, 2)).axes
    given = {name: rate for name, rate in RATES.items() if name != "true"}
    area = np.where([True, False, False], PUPIL, np.nan)
    unknown, only_area = figures.one_trial(TIME, given, area, "LGd", (1, 2)).axes
    for ax, rates in ((known, RATES), (unknown, given)):
        drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
        for name in set(rates) - {"recorded"}:
            np.testing.assert_array_equal(drawn[name], rates[name])
        assert ("true" in drawn) == ("true" in rates)
    for ax, channels in ((below, ["area", "x", "y"]), (only_area, ["area"])):
        assert ax.get_legend_handles_labels()[1] == channels
        assert all(np.abs(line.get_ydata()).max() <= ax.get_ylim()[1] for line in ax.lines)


def test_trials_of_a_region_are_drawn_to_one_scale():
    quiet = {name: 0.1 * rate for name, rate in RATES.items()}
    pictures = [figures.one_trial(TIME, rates, PUPIL, "LGd", (1, 2)) for rates in (RATES, quiet)]
    assert len({tuple(ax.get_ylim() for ax in fig.axes) for fig in pictures}) == 1
    silent = {name: 0 * rate for name, rate in RATES.items()}
    _, below = figures.one_trial(TIME, silent, np.full_like(PUPIL, np.nan), "x", (0, 2)).axes
    assert below.get_legend() is None
