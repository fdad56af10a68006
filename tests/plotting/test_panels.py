"""Pieces that figures share: right data, right colours, and faults are named."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import panels, region_colour, region_lines

REGIONS = ["SCs", "LGd"]


@pytest.fixture
def ax():
    return plt.subplots()[1]


@pytest.mark.parametrize("make", [np.asarray, lambda values: pd.DataFrame(values, columns=REGIONS)])
def test_every_region_has_its_line_and_its_dot(make):
    values = np.array([[0.0, 4.0], [2.0, 0.0]])
    ax = region_lines([1, 3], make(values), REGIONS, marked=[1, 2])
    curve, dot, _, between = ax.lines
    np.testing.assert_array_equal(curve.get_ydata(), values[:, 0])
    assert dot.get_xydata().tolist() == [[1, 0]]
    assert between.get_xydata().tolist() == [[2, 2]]  # on the line, between two points
    assert [line.get_color() for line in ax.lines[::2]] == [region_colour(r) for r in REGIONS]


@pytest.mark.parametrize("vertical", [False, True])
def test_an_interval_lies_along_the_scores(ax, vertical):
    panels.interval(ax, 3, 0.2, 0.1, 0.5, "#0072B2", vertical=vertical)
    bar, dot = (line.get_xydata()[:, :: -1 if vertical else 1].tolist() for line in ax.lines)
    assert bar == [[0.1, 3], [0.5, 3]]
    assert dot == [[0.2, 3]]


def test_what_does_not_move_is_0_in_units_of_its_spread():
    np.testing.assert_array_equal(panels.standard([3, 3]), 0)
    np.testing.assert_allclose(panels.standard([1, np.nan, 3]), [-1, np.nan, 1])


def test_a_series_of_another_length_is_named():
    with pytest.raises(ValueError, match="'speed' has 2 values, but there are 3 of 'time'"):
        panels.same_length(time=[0, 1, 2], speed=[0, 1])


def test_ticks_of_a_logarithmic_axis_are_plain_numbers(ax):
    panels.log_ticks(ax, [0.02, 10])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.02", "10"]
    assert len(ax.get_xticks(minor=True)) == 0
