"""Figures of chapter 10: the numbers given are the numbers drawn; axes say what they are."""

import matplotlib
import numpy as np
import pytest

from pupil_helpers.attribution.lag_profiles import LagCorrelation, LagProfile
from pupil_helpers.plotting import CHANNEL_COLOURS
from pupil_helpers.plotting import attribution as figures
from pupil_helpers.recordings.simulate import simulate_session

RNG = np.random.default_rng(0)
REGIONS = ["SCs", "LGd"]
TIME = np.arange(50) * 0.01
LAGS = np.arange(-20, 31) * 0.01
PUPIL, PARTS = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2, 3))
PROFILE = LagProfile(LAGS, *RNG.normal(size=(2, 51, 2, 3)), None, None)
CORRELATION = LagCorrelation(LAGS, RNG.uniform(-1, 1, (51, 2, 3)))
SHARES = {"truth": np.full((2, 3), 1 / 3), "mine": np.array([[0.5, 0.3, 0.2], [1, 0, 0]])}
SCORES = {"good": [0.5, 0.1], "bad": [-0.3, 0.2]}
SIZES = {"good": np.full((2, 3), 0.1), "bad": np.full((2, 3), 0.2)}


@pytest.fixture(scope="module")
def truth():
    return simulate_session(n_trials=4).truth


def test_every_figure_draws_and_names_its_axes(truth, labels):
    drawn = {
        figures.attribution_in_trial(TIME, PUPIL, PARTS[:, 0], 7): "(s)",
        figures.lag_profiles(PROFILE, REGIONS, "x", truth): "(s)",
        figures.contributions_in_trial(TIME, PUPIL, PARTS, REGIONS): "(s)",
        figures.lag_correlations(CORRELATION, REGIONS, truth): "(s)",
        figures.one_bin(TIME, PARTS[:, 0], 7, (1.0, 0.9)): "expected count",
        figures.shares(SHARES, REGIONS): "share",
        figures.score_and_attribution(REGIONS, SCORES, SIZES): "log rate",
    }
    for fig, says in drawn.items():
        assert any(says in text for text in labels(fig))


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
    with_x, with_y = (figures.lag_profiles(PROFILE, REGIONS, c, truth).axes[3] for c in "xy")
    assert len(with_x.lines) == len(with_y.lines) + 1  # LGd ignores y: no kernel to draw


def test_shares_fill_their_bars():
    channels = figures.shares(SHARES, REGIONS).axes[0].containers
    mine = [bars[1] for bars in channels]
    assert [b.get_width() for b in mine] == pytest.approx([0.5, 0.3, 0.2])
    assert [b.get_x() for b in mine] == pytest.approx([0, 0.5, 0.8])
    colours = [matplotlib.colors.to_hex(b.get_facecolor()).upper() for b in mine]
    assert colours == list(CHANNEL_COLOURS.values())


def test_one_region_that_nothing_moves_can_be_drawn(truth):
    """As in a recording of a single place, with x and y not recorded."""
    one, nothing = REGIONS[:1], np.zeros((51, 1, 3))
    figures.lag_profiles(LagProfile(LAGS, nothing, nothing, None, None), one, "x", truth)
    figures.lag_correlations(LagCorrelation(LAGS, nothing), one, truth)
    figures.shares({"found": np.zeros((1, 3))}, one)
    figures.one_bin(TIME, 0 * PARTS[:, 0], 7, (0, 0), (0, 0))
    figures.contributions_in_trial(TIME, 0 * PUPIL, 0 * PARTS[:, :1], one)
    figures.attribution_in_trial(TIME, 0 * PUPIL, 0 * PARTS[:, 0], 7)
    figures.score_and_attribution(one, {"silent": [np.nan], "bad": [-1.0]}, {
        "silent": np.zeros((1, 3)), "bad": np.zeros((1, 3)),
    })  # fmt: skip


def test_one_bin_keeps_its_axes_and_shows_both_sums():
    shown = [figures.one_bin(TIME, k * PARTS[:, 0], 7, (k, 0.9), (5, 2)) for k in (1, -1)]
    for k, (left, right) in zip((1, -1), (fig.axes for fig in shown), strict=True):
        lines = [line.get_ydata() for line in left.lines[:3]]
        np.testing.assert_array_equal(lines, k * PARTS[:, 0].T)
        assert left.lines[3].get_xdata()[0] == TIME[7]
        assert [bar.get_width() for bar in right.patches] == [k, 0.9]
        assert left.get_ylim() == pytest.approx((-5.25, 5.25))
        assert right.get_xlim() == pytest.approx((-2.1, 2.1))


def test_negative_scores_are_in_sight():
    axes = figures.score_and_attribution(REGIONS, SCORES, SIZES).axes
    assert axes[2].get_xlim() == axes[0].get_xlim()
    assert axes[2].get_xlim()[0] < -0.3
    assert [t.get_text() for t in axes[0].get_yticklabels()] == REGIONS


def test_contributions_add_up_to_the_line():
    fig = figures.contributions_in_trial(TIME, PUPIL, PARTS, REGIONS)
    np.testing.assert_allclose(fig.axes[2].lines[0].get_ydata(), PARTS[:, 1].sum(axis=-1))


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"must be \(bins, 3\)"):
        figures.attribution_in_trial(TIME, PUPIL[:, :2], PARTS[:, 0], 7)
    with pytest.raises(ValueError, match=r"\(bins, regions, 3\)"):
        figures.contributions_in_trial(TIME, PUPIL, PARTS, ["SCs"])
