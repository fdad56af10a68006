"""Figures of the cleaning: right data on axes that say what they are; bad input is named."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import preprocessing

TIME = np.arange(200) / 100
TRACE = np.random.default_rng(0).normal(size=200)
WRONG = np.arange(200) == 50
FOUND = pd.DataFrame(
    {
        "trial": 0, "onset": [0.2, 0.9, 7.0], "duration": 0.05, "dx": [3.0, -2.0, 1.0],
        "dy": [4.0, 0.0, 1.0], "amplitude": [5.0, 2.0, 0.0], "direction": [0.9, np.pi, 0.8],
        "peak_speed": [100.0, 40.0, 30.0],
    }
)  # fmt: skip
UNITS = ("(s)", "(per s)", "(a.u.)", "(per", "pixels", "(x, y)", "(degrees)", "saccades")


def figures():
    clean = np.where(WRONG, np.nan, TRACE)
    return {
        "outliers": preprocessing.outliers(TIME, TRACE, WRONG, 300.0),
        "no limit": preprocessing.outliers(TIME, TRACE, WRONG, np.inf),
        "gaps": preprocessing.gaps(TIME, TRACE, clean, WRONG),
        "low pass": preprocessing.gaps(TIME, TRACE, TRACE / 2),
        "saccades": preprocessing.saccades(TIME, np.stack([TRACE, TRACE], 1), FOUND),
        "none": preprocessing.saccades(TIME, np.stack([TRACE, TRACE], 1), FOUND[:0]),
        "summary": preprocessing.saccade_summary(FOUND),
    }


def test_every_axis_says_what_it_shows_and_in_which_unit(labels):
    for name, fig in figures().items():
        found = labels(fig)
        assert len(found) >= 2, name
        for label in found:
            assert any(unit in label for unit in UNITS), f"{name}: {label!r} has no unit"


def test_outliers_are_marked_where_they_were_found():
    top, bottom = preprocessing.outliers(TIME, TRACE, WRONG, 300.0).axes
    np.testing.assert_allclose(top.lines[1].get_xdata(), [0.5])
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), np.abs(np.diff(TRACE)) * 100)
    np.testing.assert_allclose(bottom.lines[1].get_ydata(), 300)


def test_filled_samples_are_dots_on_the_clean_line():
    line = preprocessing.gaps(TIME, TRACE, TRACE / 2, WRONG).axes[0].lines[2].get_ydata()
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(line)), [50])
    assert line[50] == TRACE[50] / 2


def test_only_saccades_of_the_stretch_get_a_band_and_an_arrow():
    top, bottom = preprocessing.saccades(TIME, np.stack([TRACE, TRACE], 1), FOUND).axes
    assert [band.get_x() for band in top.patches] == pytest.approx([0.2, 0.9])
    np.testing.assert_allclose(bottom.collections[-1].U, [3, -2])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: preprocessing.outliers(TIME, TRACE[:5], WRONG, 1.0), "'trace' has 5 values"),
        (lambda: preprocessing.gaps(TIME, TRACE, TRACE, WRONG[:2]), "'filled' has 2 values"),
        (lambda: preprocessing.saccade_summary(FOUND[:0]), "no saccade was found"),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
