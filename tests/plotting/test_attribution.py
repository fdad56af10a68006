"""Figures of chapter 7: the numbers given are the numbers drawn; axes say what they are."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from pupil_helpers.attribution.channels import LagCorrelation
from pupil_helpers.attribution.gradients import LagProfile
from pupil_helpers.plotting import CHANNEL_COLOURS
from pupil_helpers.plotting import attribution as figures
from pupil_helpers.recordings.simulate import simulate_session

matplotlib.use("agg")
RNG = np.random.default_rng(0)
REGIONS = ["SCs", "LGd"]
TIME = np.arange(50) * 0.01
LAGS = np.arange(-20, 31) * 0.01
PUPIL, CREDIT = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2, 3))
PROFILE = LagProfile(LAGS, *RNG.normal(size=(2, 51, 2, 3)), None, None)
CORRELATION = LagCorrelation(LAGS, RNG.uniform(-1, 1, (51, 2, 3)), None)
SHARES = {"truth": np.full((2, 3), 1 / 3), "mine": np.array([[0.5, 0.3, 0.2], [1, 0, 0]])}
SCORES = {"good": [0.5, 0.1], "bad": [-0.3, 0.2]}
CREDITS = {"good": np.full((2, 3), 0.1), "bad": np.full((2, 3), 0.2)}


@pytest.fixture(scope="module")
def truth():
    return simulate_session(n_trials=4).truth


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def everything(truth):
    return [
        figures.credit_in_trial(TIME, PUPIL, CREDIT[:, 0], 7),
        figures.completeness([2, 4], [[0.1, 0.2], [1e-3, 4e-4]], REGIONS),
        figures.lag_profiles(PROFILE, REGIONS, "x", truth),
        figures.contributions_in_trial(TIME, PUPIL, CREDIT, REGIONS),
        figures.lag_correlations(CORRELATION, REGIONS, truth),
        figures.shares(SHARES, REGIONS),
        figures.similarities({"all": {"one": [0.9], "many": RNG.uniform(-1, 1, 9)}}),
        figures.score_and_credit(REGIONS, SCORES, CREDITS),
    ]


def labels(fig):
    texts = [axis.get_label_text() for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)]
    return [text for text in [*texts, fig.get_supxlabel()] if text]


def test_every_figure_draws_and_names_its_axes(truth):
    for fig in everything(truth):
        fig.canvas.draw()
        assert labels(fig)


def test_times_and_lags_have_units(truth):
    for fig in [*everything(truth)[:1], *everything(truth)[2:5]]:
        assert any("(s)" in text for text in labels(fig))


def test_profiles_are_drawn_as_given_with_the_true_kernel_beside(truth):
    fig = figures.lag_profiles(PROFILE, REGIONS, "area", truth)
    levels, changes = fig.axes[0], fig.axes[2]
    np.testing.assert_array_equal(levels.lines[0].get_ydata(), PROFILE.values[:, 0, 0])
    np.testing.assert_array_equal(changes.lines[0].get_ydata(), PROFILE.changes[:, 0, 0])
    kernel = changes.lines[1].get_ydata()  # scaled to the curve's height
    assert np.corrcoef(kernel, truth.kernels[0, 0])[0, 1] == pytest.approx(1)
    assert np.abs(kernel).max() == pytest.approx(np.abs(PROFILE.changes[:, 0, 0]).max())
    plain = figures.lag_profiles(PROFILE, REGIONS, "area")
    assert len(plain.axes[2].lines) == len(changes.lines) - 1


def test_no_kernel_is_drawn_where_the_channel_has_none(truth):
    with_x, with_y = (figures.lag_profiles(PROFILE, REGIONS, c, truth).axes[3] for c in "xy")
    assert len(with_x.lines) == len(with_y.lines) + 1  # LGd ignores y


def test_shares_fill_their_bars():
    fig = figures.shares(SHARES, REGIONS)
    bars = fig.axes[0].patches
    assert [b.get_width() for b in bars[3:]] == pytest.approx([0.5, 0.3, 0.2])
    assert [b.get_x() for b in bars[3:]] == pytest.approx([0, 0.5, 0.8])
    colours = [matplotlib.colors.to_hex(b.get_facecolor()).upper() for b in bars[:3]]
    assert colours == list(CHANNEL_COLOURS.values())


def test_negative_scores_are_in_sight():
    fig = figures.score_and_credit(REGIONS, SCORES, CREDITS)
    assert fig.axes[2].get_xlim()[0] < -0.3
    assert fig.axes[2].get_xlim() == fig.axes[0].get_xlim()
    assert [t.get_text() for t in fig.axes[0].get_yticklabels()] == REGIONS


def test_contributions_add_up_to_the_line():
    fig = figures.contributions_in_trial(TIME, PUPIL, CREDIT, REGIONS)
    np.testing.assert_allclose(fig.axes[2].lines[0].get_ydata(), CREDIT[:, 1].sum(axis=-1))


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"must be \(bins, 3\)"):
        figures.credit_in_trial(TIME, PUPIL[:, :2], CREDIT[:, 0], 7)
    with pytest.raises(ValueError, match=r"\(bins, regions, 3\)"):
        figures.contributions_in_trial(TIME, PUPIL, CREDIT, ["SCs"])
