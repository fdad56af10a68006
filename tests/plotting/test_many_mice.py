"""Figures of the chapter on many mice: right data, axes that say what they show."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import many_mice

RNG = np.random.default_rng(0)
REGIONS = ["SCs", "LGd"]


@pytest.fixture
def scores():
    found = pd.DataFrame(RNG.normal(size=(4, 2)), index=list("abcd"), columns=REGIONS)
    found.loc["b", "LGd"] = np.nan
    return found


@pytest.fixture
def means(scores):
    mean = scores.mean()
    return pd.DataFrame({"mean": mean, "low": mean - 0.1, "high": mean + 0.2})


@pytest.fixture
def found():
    rows = [(m, n, n / 1000, 0, 1, 3) for m in ("ours", "theirs") for n in (20, 300)]
    return pd.DataFrame(rows, columns=["model", "trials", "mean", "low", "high", "mice"])


def test_every_axis_says_what_it_shows(scores, means, found, labels):
    for fig in (
        many_mice.by_region(scores, means),
        many_mice.learning_curve(found),
    ):
        assert len(labels(fig)) >= 2


def test_every_mouse_and_the_interval_of_the_mean_are_drawn(scores, means):
    ax = many_mice.by_region(scores, means).axes[0]
    for i, region in enumerate(REGIONS):
        mice, bar, middle = (line.get_ydata() for line in ax.lines[3 * i : 3 * i + 3])
        np.testing.assert_array_equal(mice, scores[region].dropna())
        np.testing.assert_allclose(bar, means.loc[region, ["low", "high"]])
        np.testing.assert_allclose(middle, means.loc[region, "mean"])


def test_a_learning_curve_has_one_line_a_model_and_keeps_its_limits(found):
    ax = many_mice.learning_curve(found, ylim=(0, 1)).axes[0]
    assert ax.get_ylim() == (0, 1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours", "theirs"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.02, 0.3])
