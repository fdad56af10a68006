"""Figures of chapters 3 and 4: the numbers given are the numbers drawn; axes say what they are."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import model, training

matplotlib.use("agg")
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
    [(e, m, RNG.normal(), RNG.normal()) for m in range(4) for e in range(1, 6)],
    columns=["epoch", "member", "train", "held_out"],
)
STRIPS = {"LGd": (RATES[0, :, 0], RATES[0, :, 1], 4.0), "CA1": (RATES[1, :, 0],) * 2 + (5.0,)}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


EVERYTHING = {
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
    "mean_squared_errors": lambda: training.mean_squared_errors(
        {"a": MEMBERS[:5].abs(), "b": MEMBERS[:3].abs()}, {"constant": 0.1, "PSTH": 0.05}
    ),
    "drift": lambda: training.drift(np.arange(50), STRIPS, 30),
    "members": lambda: training.members(MEMBERS, 2),
    "scores": lambda: training.scores(BARS, [1, 0.5, 0], [0.4, 0.4, 0.5]),
}


def labels(fig):
    return [text for ax in fig.axes for text in (ax.get_xlabel(), ax.get_ylabel()) if text]


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_figure_draws_and_names_its_axes(name):
    fig = EVERYTHING[name]()
    fig.canvas.draw()
    assert labels(fig)


@pytest.mark.parametrize("name", ["features", "kernels", "states", "memory", "reach", "traces"])
def test_times_and_lags_are_in_seconds(name):
    assert any("(s)" in text for text in labels(EVERYTHING[name]()))


def test_the_best_penalty_is_marked():
    lines = EVERYTHING["penalties"]().axes[0].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), SCORES[:, 0])
    assert lines[1].get_xydata().tolist() == [[TRIED[SCORES[:, 0].argmax()], SCORES[:, 0].max()]]


def test_weights_are_drawn_with_lags_across_and_the_true_lag_above():
    ax = EVERYTHING["kernels"]().axes[1]
    picture = ax.images[0]
    np.testing.assert_array_equal(picture.get_array(), WEIGHTS[..., 1].T)
    assert picture.get_extent()[:2] == pytest.approx((-0.55, 0.55))
    assert picture.get_clim()[0] == -picture.get_clim()[1]  # white is zero
    assert ax.lines[-1].get_xdata() == [-0.1]
    assert len(EVERYTHING["kernels"]().axes[2].lines) == 1  # LGd has no lag to mark


def test_bars_of_a_region_stand_together():
    fig = EVERYTHING["directions"]()
    heights = [bar.get_height() for bar in fig.axes[0].patches]
    assert heights == [*BARS["causal"], *BARS["bidirectional"]]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in fig.axes[0].patches]
    assert np.round(centres).tolist() == [0, 1, 2, 0, 1, 2]
    names = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert "-100 ms" in names[1]
    assert names[2] == "LGd"


def test_what_a_causal_model_cannot_hear_is_not_drawn():
    heard = EVERYTHING["reach"]().axes[0].lines[0].get_ydata()
    np.testing.assert_array_equal(np.isnan(heard), TIME < 0)


def test_curves_are_relative_to_the_psth_and_the_kept_epoch_is_marked():
    train, held, dot = EVERYTHING["learning_curves"]().axes[0].lines
    np.testing.assert_allclose(train.get_ydata(), HISTORY[:, 0] - 1)
    np.testing.assert_allclose(held.get_ydata(), HISTORY[:, 1] - 2)
    assert dot.get_xydata()[0].tolist() == [4, HISTORY[3, 1] - 2]


def test_a_curve_that_explodes_does_not_hide_the_others():
    fig = training.several_curves({"good": -np.ones((5, 2)), "bad": np.full((5, 2), 1e6)}, 0.0)
    low, high = fig.axes[0].get_ylim()
    assert low < -1
    assert high <= 2


def test_members_that_left_out_the_same_block_share_a_colour():
    lines = EVERYTHING["members"]().axes[0].lines[:4]
    colours = [line.get_color() for line in lines]
    assert colours[0] == colours[2] != colours[1] == colours[3]


def test_levels_without_a_network_are_drawn():
    lines = {
        line.get_label(): line.get_ydata()[0]
        for line in EVERYTHING["mean_squared_errors"]().axes[0].lines
    }
    assert lines["constant"] == 0.1
    assert lines["PSTH"] == 0.05


def test_one_trial_and_one_region_are_enough():
    model.traces(TIME, RATES[:1, :, :1], {"ridge": RATES[:1, :, :1]}, ["VISp"]).canvas.draw()
    training.saturation({"raw": RATES / 9}).canvas.draw()
    training.drift(np.arange(50), {"VISp": STRIPS["LGd"]}, 30).canvas.draw()
