"""Figures of chapters 3 and 4: the numbers given are the numbers drawn; axes say what they are."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import model
from pupil_helpers.plotting.dark import dark

RNG = np.random.default_rng(0)
REGIONS = ["SCs", "SCm", "LGd"]
TIME = np.arange(-20, 30) * 0.01
LAGS = np.arange(-5, 6) * 0.1
WEIGHTS = RNG.normal(size=(11, 4, 3))
TRUE_LAGS = {"SCs": 0.1, "SCm": -0.1, "LGd": np.nan}
BARS = pd.DataFrame(RNG.uniform(0, 0.3, (3, 2)), REGIONS, ["causal", "bidirectional"])
RATES = RNG.uniform(0, 9, (2, 50, 3))
FAN = RNG.uniform(0, 9, (4, 2, 3))
HISTORY = RNG.normal(size=(12, 2))

FIGURES = {
    "features": lambda: model.features(
        TIME, RNG.normal(size=(50, 4)), ["area", "x", "y", "missing"]
    ),
    "kernels": lambda: model.kernels(LAGS, WEIGHTS, list("abcd"), REGIONS, TRUE_LAGS),
    "states": lambda: model.states(TIME, RNG.normal(size=(50, 8)), 4),
    "fan": lambda: model.fan(RATES[0, :4], RATES[:, :4].swapaxes(0, 1), FAN, REGIONS),
    "memory": lambda: model.memory(
        TIME, HISTORY[0, 0] * (TIME == 0), {"plain": TIME, "gated": -TIME}
    ),
    "directions": lambda: model.directions(BARS, TRUE_LAGS, [0.4, 0.4, 0.5]),
    "traces": lambda: model.traces(TIME, RATES, {"PSTH": RATES, "ridge": RATES}, REGIONS, RATES),
}
IN_SECONDS = ("features", "kernels", "states", "memory", "traces")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_and_names_its_axes(name, labels):
    found = labels(FIGURES[name]())
    assert found
    assert name not in IN_SECONDS or any("(s)" in text for text in found)


def lines(name, axis=0):
    return FIGURES[name]().axes[axis].lines


def test_weights_are_drawn_with_lags_across_and_the_true_lag_above():
    ax = FIGURES["kernels"]().axes[1]
    picture = ax.images[0]
    np.testing.assert_array_equal(picture.get_array(), WEIGHTS[..., 1].T)
    assert picture.get_extent()[:2] == pytest.approx((-0.55, 0.55))
    assert picture.get_clim()[0] == -picture.get_clim()[1]  # white is zero
    assert ax.lines[-1].get_xdata() == [-0.1]
    assert len(lines("kernels", 2)) == 1  # LGd has no lag to mark


def test_the_bar_says_less_and_more_in_the_dark_too():
    fig = FIGURES["kernels"]()
    fig.canvas.draw()
    with dark(fig):
        fig.canvas.draw()
        said = [text.get_text() for text in fig.axes[-1].get_yticklabels()]
    assert said == ["less", "0", "more"]


def test_the_fan_has_dots_for_what_was_recorded_and_lines_for_what_was_predicted():
    high_line, high_dots, low_line, low_dots = lines("fan", 2)[:4]
    np.testing.assert_array_equal(high_line.get_ydata(), FAN[:, 1, 2])
    np.testing.assert_array_equal(low_line.get_ydata(), FAN[:, 0, 2])
    np.testing.assert_array_equal(high_dots.get_ydata(), RATES[1, :4, 2])
    np.testing.assert_array_equal(low_dots.get_ydata(), RATES[0, :4, 2])
    assert {line.get_marker() for line in (high_dots, low_dots)} == {"o"}


def test_units_are_drawn_below_the_movements_they_read():
    top, below = FIGURES["memory"]().axes
    drawn = {line.get_label(): line.get_ydata() for line in below.lines[:2]}
    np.testing.assert_array_equal(drawn["plain"], TIME)
    np.testing.assert_array_equal(drawn["gated"], -TIME)
    ends = [segment[1, 1] for segment in top.collections[0].get_segments()]
    assert max(ends, key=abs) == pytest.approx(HISTORY[0, 0])


def test_bars_of_a_region_stand_together():
    ax = FIGURES["directions"]().axes[0]
    bars = [bar for group in ax.containers for bar in group]
    assert [bar.get_height() for bar in bars] == [*BARS["causal"], *BARS["bidirectional"]]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    assert np.round(centres).tolist() == [0, 1, 2, 0, 1, 2]
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert "-100 ms" in names[1]
    assert names[2] == "LGd"


def test_one_trial_and_one_region_are_enough(labels):
    one = {"ridge": RATES[:1, :, :1]}
    for fig in (
        model.traces(TIME, RATES[:1, :, :1], one, ["VISp"]),
        model.fan(RATES[0, :4, :1], FAN[..., :1], FAN[..., :1], ["VISp"]),
    ):
        assert labels(fig)


def test_the_weights_of_a_penalty_stand_beside_its_score(labels):
    tried, scores = np.array([1.0, 10.0, 100.0]), np.array([0.1, 0.3, 0.2])
    weights = np.random.default_rng(0).normal(size=(5, 3))
    names = ("area", "x", "eye speed")
    fig = model.weights_at(np.linspace(-1, 1, 5), weights, names, (tried, scores, 10.0), 2.0)
    left, right = fig.axes
    (dot,) = [line for line in left.lines if line.get_marker() == "o"]
    assert (dot.get_xdata().item(), dot.get_ydata().item()) == (10.0, 0.3)
    shown = {line.get_label(): line.get_ydata() for line in right.lines}
    np.testing.assert_array_equal(shown["area"], weights[:, 0])
    np.testing.assert_array_equal(shown["eye speed"], weights[:, 2])
    assert "x" not in shown  # a level that the others would hide
    assert right.get_ylim() == (-2.2, 2.2)  # the same for every penalty
    assert any("spikes" in label for label in labels(fig))


def test_a_trial_is_drawn_with_its_prediction_and_its_truth():
    rng, time = np.random.default_rng(1), np.arange(4) / 10
    recorded, predicted, truth = rng.random((3, 4, 2))
    fig = model.network_at(time, recorded, predicted, [0.1, 0.25], ["SCs", "LGd"], 0.1, truth)
    assert [ax.get_title() for ax in fig.axes] == ["SCs: score 0.10", "LGd: score 0.25"]
    true, line = fig.axes[1].lines
    np.testing.assert_array_equal(line.get_ydata(), predicted[:, 1])
    np.testing.assert_array_equal(true.get_ydata(), truth[:, 1])
    assert [bar.get_height() for bar in fig.axes[1].patches] == recorded[:, 1].tolist()
