"""Figures of chapters 3 and 4: the numbers given are the numbers drawn; axes say what they are."""

from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import model, training, use_style

RNG = np.random.default_rng(0)
REGIONS = ["SCs", "SCm", "LGd"]
TIME = np.arange(-20, 30) * 0.01
LAGS = np.arange(-5, 6) * 0.1
WEIGHTS = RNG.normal(size=(11, 4, 3))
TRIED, SCORES = np.geomspace(1, 1e4, 5), RNG.uniform(0, 0.3, (5, 3))
TRUE_LAGS = {"SCs": 0.1, "SCm": -0.1, "LGd": np.nan}
BARS = pd.DataFrame(RNG.uniform(0, 0.3, (3, 2)), REGIONS, ["causal", "bidirectional"])
RATES = RNG.uniform(0, 9, (2, 50, 3))
HISTORY = RNG.normal(size=(12, 2))
MEMBERS = pd.DataFrame(
    [(25 * u, m, RNG.normal(), RNG.normal()) for m in range(4) for u in range(1, 6)],
    columns=["update", "member", "train", "held_out"],
)
STRIPS = {"LGd": (RATES[0, :, 0], RATES[0, :, 1], 4.0), "CA1": (RATES[1, :, 0],) * 2 + (5.0,)}
STEPS = MEMBERS.abs().rename(columns={"update": "epoch"})
ERRORS = {"a": STEPS[:5], "b": STEPS[:3]}

FIGURES = {
    "features": lambda: model.features(
        TIME, RNG.normal(size=(50, 4)), ["area", "x", "y", "missing"]
    ),
    "penalties": lambda: model.penalties(TRIED, SCORES, REGIONS),
    "kernels": lambda: model.kernels(LAGS, WEIGHTS, list("abcd"), REGIONS, TRUE_LAGS),
    "states": lambda: model.states(TIME, RNG.normal(size=(50, 8)), 4),
    "memory": lambda: model.memory(TIME, {"a": RNG.normal(size=(50, 3)), "b": np.ones((50, 3))}),
    "reach": lambda: model.reach(TIME, {"causal": np.where(TIME < 0, 0, np.exp(-TIME))}),
    "directions": lambda: model.directions(BARS, TRUE_LAGS, [0.4, 0.4, 0.5]),
    "traces": lambda: model.traces(TIME, RATES, {"PSTH": RATES, "ridge": RATES}, REGIONS, RATES),
    "losses": lambda: training.losses(TIME, RATES[0].T, RATES[1].T, (0, 1, 2)),
    "learning_curves": lambda: training.learning_curves(HISTORY, (1.0, 2.0), 3),
    "several_curves": lambda: training.several_curves({"a": HISTORY, "b": HISTORY + 1}, 0.5),
    "saturation": lambda: training.saturation({"raw": RATES / 9, "standardised": -RATES / 9}),
    "errors": lambda: training.mean_squared_errors(ERRORS, {"constant": 0.1, "PSTH": 0.05}),
    "drift": lambda: training.drift(np.arange(50), STRIPS, 30),
    "members": lambda: training.members(MEMBERS, 2),
    "scores": lambda: training.scores(BARS, [1, 0.5, 0], [0.4, 0.4, 0.5]),
}
IN_SECONDS = ("features", "kernels", "states", "memory", "reach", "traces")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_and_names_its_axes(name, labels):
    found = labels(FIGURES[name]())
    assert found
    assert name not in IN_SECONDS or any("(s)" in text for text in found)


def lines(name, axis=0):
    return FIGURES[name]().axes[axis].lines


def test_the_best_penalty_is_marked():
    curve, dot = lines("penalties")[:2]
    np.testing.assert_array_equal(curve.get_ydata(), SCORES[:, 0])
    assert dot.get_xydata().tolist() == [[TRIED[SCORES[:, 0].argmax()], SCORES[:, 0].max()]]


def test_weights_are_drawn_with_lags_across_and_the_true_lag_above():
    ax = FIGURES["kernels"]().axes[1]
    picture = ax.images[0]
    np.testing.assert_array_equal(picture.get_array(), WEIGHTS[..., 1].T)
    assert picture.get_extent()[:2] == pytest.approx((-0.55, 0.55))
    assert picture.get_clim()[0] == -picture.get_clim()[1]  # white is zero
    assert ax.lines[-1].get_xdata() == [-0.1]
    assert len(lines("kernels", 2)) == 1  # LGd has no lag to mark


def test_bars_of_a_region_stand_together():
    ax = FIGURES["directions"]().axes[0]
    assert [bar.get_height() for bar in ax.patches] == [*BARS["causal"], *BARS["bidirectional"]]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    assert np.round(centres).tolist() == [0, 1, 2, 0, 1, 2]
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert "-100 ms" in names[1]
    assert names[2] == "LGd"


def test_what_a_causal_model_cannot_hear_is_not_drawn():
    np.testing.assert_array_equal(np.isnan(lines("reach")[0].get_ydata()), TIME < 0)


def test_curves_are_relative_to_the_psth_and_the_kept_epoch_is_marked():
    train, held, dot = lines("learning_curves")
    np.testing.assert_allclose(train.get_ydata(), HISTORY[:, 0] - 1)
    np.testing.assert_allclose(held.get_ydata(), HISTORY[:, 1] - 2)
    assert dot.get_xydata()[0].tolist() == [4, HISTORY[3, 1] - 2]


def test_a_curve_that_explodes_does_not_hide_the_others():
    fig = training.several_curves({"good": -np.ones((5, 2)), "bad": np.full((5, 2), 1e6)}, 0.0)
    low, high = fig.axes[0].get_ylim()
    assert low < -1
    assert high <= 2


def test_members_that_left_out_the_same_block_share_a_colour():
    colours = [line.get_color() for line in lines("members")[:4]]
    assert colours[0] == colours[2] != colours[1] == colours[3]


def test_levels_without_a_network_are_drawn():
    drawn = {line.get_label(): line.get_ydata()[0] for line in lines("errors")}
    assert (drawn["constant"], drawn["PSTH"]) == (0.1, 0.05)


def test_shrinkage_is_written_under_its_region_and_six_regions_fit():
    regions = [*REGIONS, "MRN", "CA1", "VISam"]
    table = pd.DataFrame(np.ones((6, 2)), regions, ["a", "b"])
    with matplotlib.rc_context():
        use_style()
        fig = training.scores(table, np.linspace(0, 1, 6))
        fig.canvas.draw()
    names = fig.axes[0].get_xticklabels()
    assert names[1].get_text() == "SCm\nshrinkage 0.20"
    boxes = [name.get_window_extent() for name in names]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


def test_one_trial_and_one_region_are_enough(labels):
    one = {"ridge": RATES[:1, :, :1]}
    for fig in (
        model.traces(TIME, RATES[:1, :, :1], one, ["VISp"]),
        training.saturation({"raw": RATES / 9}),
        training.drift(np.arange(50), {"VISp": STRIPS["LGd"]}, 30),
    ):
        assert labels(fig)
