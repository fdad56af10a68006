"""Every figure of the training chapter names its axes, and shows all of what it is given."""

import numpy as np
import pytest

from pupil_helpers.plotting import training as figures

FALLING = -0.06 * (1 - np.exp(-np.arange(1, 21) / 4))


def at_rate(rate, curves):
    trial = np.arange(3), np.array([0, 2, 1])
    return figures.at_rate(curves, rate, *trial, {"PSTH": np.ones(3), "predicted": np.zeros(3)})


FIGURES = {
    "parts": lambda: figures.parts([FALLING, FALLING / 2], FALLING),
    "several_curves": lambda: figures.several_curves({"one": FALLING}, unit="update"),
    "at_rate": lambda: at_rate(0.01, {0.01: (FALLING, FALLING)}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_named(name, labels):
    assert labels(FIGURES[name]())


@pytest.mark.parametrize("worst", [0.01, 0.3, 2.0, 50.0])
def test_no_curve_lies_outside_the_axes_at_any_rate(worst):
    curves = {0.01: (FALLING, FALLING), 1: (FALLING, np.linspace(worst, worst / 3, 20))}
    ends = [at_rate(rate, curves).axes[0].get_ylim() for rate in curves]
    assert ends[0] == ends[1]  # moving the rate does not move the axis
    assert ends[0][0] < FALLING.min() < worst < ends[0][1]


def test_the_curves_of_the_rate_that_was_asked_for_are_in_colour():
    curves = {0.01: (FALLING, FALLING / 2), 1: (FALLING / 3, FALLING / 4)}
    named = {line.get_label(): line for line in at_rate(1, curves).axes[0].lines}
    np.testing.assert_allclose(named["trials it learns from"].get_ydata(), FALLING / 3)
    np.testing.assert_allclose(named["held-out block"].get_ydata(), FALLING / 4)


def test_curves_can_have_points_at_different_distances():
    fig = figures.several_curves({"one": FALLING, "other": FALLING}, [12, 4], "update")
    ends = [line.get_xdata()[-1] for line in fig.axes[0].get_lines()[:2]]
    assert ends == [240, 80]
    assert fig.axes[0].get_xlabel() == "update"


def test_the_point_that_is_kept_is_marked_on_the_last_curve():
    fig = figures.several_curves({"learnt": FALLING, "held": FALLING / 2}, 4, best=3)
    (dot,) = [line for line in fig.axes[0].lines if line.get_label() == "kept"]
    assert dot.get_xydata().tolist() == [[16, FALLING[3] / 2]]
