"""Every figure of the training chapter names its axes, and shows all of what it is given."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import training as figures

FALLING = -0.06 * (1 - np.exp(-np.arange(1, 21) / 4))
HISTORY = pd.DataFrame({"epoch": np.arange(1, 21), "held_out": np.geomspace(1, 1e-3, 20)})
SCORES = pd.DataFrame({"ridge": [0.2, np.nan], "loop": [0.1, np.nan]}, index=["SCs", "silent"])
FIGURES = {
    "losses": lambda: figures.losses(np.arange(1, 4), np.ones((2, 3)), np.ones((2, 3)), (0, 2)),
    "learning_curves": lambda: figures.learning_curves(FALLING, FALLING / 2, best=3),
    "parts": lambda: figures.parts([FALLING, FALLING / 2], FALLING),
    "several_curves": lambda: figures.several_curves({"one": FALLING}, unit="update"),
    "mean_squared_errors": lambda: figures.mean_squared_errors({"one": HISTORY}, {"PSTH": 0.1}),
    "scores": lambda: figures.scores(SCORES, [0.3, np.nan]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_axes_are_named(name, labels):
    assert labels(FIGURES[name]())


@pytest.mark.parametrize("worst", [0.01, 0.3, 2.0, 50.0])
def test_no_curve_lies_outside_the_axes(worst):
    curves = {"usual": FALLING, "far too fast": np.linspace(worst, worst / 3, 20)}
    low, high = figures.several_curves(curves).axes[0].get_ylim()
    assert low < FALLING.min()
    assert high > worst


def test_the_axis_is_logarithmic_only_where_a_curve_is_far_off():
    def scale(worst):
        curves = {"usual": FALLING, "other": FALLING + worst}
        return figures.several_curves(curves).axes[0].get_yscale()

    assert [scale(worst) for worst in (0.0, 0.1, 1.0)] == ["linear", "linear", "symlog"]


def test_curves_can_have_points_at_different_distances():
    fig = figures.several_curves({"one": FALLING, "other": FALLING}, [12, 4], "update")
    ends = [line.get_xdata()[-1] for line in fig.axes[0].get_lines()[:2]]
    assert ends == [240, 80]
    assert fig.axes[0].get_xlabel() == "update"
