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
    rows = [
        (k, m, mouse, n, own * (mouse + n / 1000))
        for k, own in (("home", 1), ("memory", 2))
        for m in ("ours", "theirs")
        for mouse in (0, 1)
        for n in (300, 20)
    ]
    return pd.DataFrame(rows, columns=["kind", "model", "mouse", "trials", "share"])


def test_every_axis_says_what_it_shows(scores, means, found, labels):
    for fig in (
        many_mice.by_region(scores, means),
        many_mice.learning_curves(found),
    ):
        assert len(labels(fig)) >= 2


def test_every_mouse_and_the_interval_of_the_mean_are_drawn(scores, means):
    ax = many_mice.by_region(scores, means).axes[0]
    for i, region in enumerate(REGIONS):
        mice, bar, middle = (line.get_ydata() for line in ax.lines[3 * i : 3 * i + 3])
        np.testing.assert_array_equal(mice, scores[region].dropna())
        np.testing.assert_allclose(bar, means.loc[region, ["low", "high"]])
        np.testing.assert_allclose(middle, means.loc[region, "mean"])


def test_learning_curves_have_a_panel_a_kind_and_a_line_a_model(found):
    fig = many_mice.learning_curves(found)
    for ax, kind, own in zip(fig.axes, ("home", "memory"), (1, 2), strict=True):
        assert ax.get_title() == kind
        _, first, second, mean, *others = ax.lines
        assert len(others) == 3
        np.testing.assert_allclose(first.get_ydata(), [own * 0.02, own * 0.3])
        np.testing.assert_allclose(second.get_ydata(), [own * 1.02, own * 1.3])
        np.testing.assert_allclose(mean.get_ydata(), [own * 0.52, own * 0.8])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["ours", "theirs"]
