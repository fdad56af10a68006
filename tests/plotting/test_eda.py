"""Figures of chapters 1 and 2: right data on axes that say what they are; bad input is named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from pupil_helpers.plotting import eda, folds, region_colour, smoothing
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.signals.rates import boxcar, gaussian
from pupil_helpers.signals.splits import blocked_folds, random_split

REGIONS = ["SCs", "LGd"]
UNITS = (
    *("(s)", "(ms)", "spikes", "bits/spike", "pixels", "a.u.", "score", "R²", "trial"),
    *("neuron", "bin", "weight", "multiple", "share"),
)


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=2, n_trials=20, n_bins=120, blink_rate=0.5)


def bands(n):
    rng = np.random.default_rng(0)
    return np.arange(n) / 100, rng.random((n, 2)), rng.random((n, 2)) / 10, REGIONS


def ceilings():
    """One region's estimate is right, the other's is ten times too high."""
    table = pd.DataFrame({"region": np.repeat(REGIONS, 2), "neurons": [5, 20, 5, 20]})
    return table.assign(true=[0.1, 0.2, 0.3, 0.4], estimated=[0.1, 0.2, 3.0, 4.0])


def every_figure(session):
    speed = np.abs(np.gradient(np.nan_to_num(session.pupil[..., 1]), 0.01, axis=1))
    trace = np.random.default_rng(1).random(120)
    named = {"box": boxcar(0.05, 0.01), "bell": gaussian(0.02, 0.01)}
    widths = np.array([0.01, 0.1])
    return {
        "trial": eda.trial_view(session, 3, REGIONS),
        "session": eda.whole_session(session),
        "saccades": eda.saccades(session, 3, speed, 50.0, [[3, 40], [4, 2]]),
        "rates": eda.rates_over_time(*bands(120)),
        "around": eda.around_saccades(*bands(50), true_lags=[0.07, np.nan]),
        "ceilings": eda.ceilings(ceilings()),
        "drift": folds.drift({"pupil area": trace, "SCs": trace}),
        "splits": folds.splits({"random": random_split(20)}, 20),
        "copies": smoothing.copies([0, 1, 0, 2], [0.5, 0.5], [0, 0.5, 0.5, 1]),
        "kernels": smoothing.kernels(named, session.time, dict.fromkeys(named, trace), trace),
        "pictures": smoothing.pictures(session.time, {"raw": speed, "smooth": speed}),
        "bandwidth": smoothing.bandwidth(widths, np.eye(2), REGIONS, np.eye(2) + 1),
        "r2": smoothing.r2_against_width({"PSTH": pd.DataFrame(np.eye(2), widths, REGIONS)}),
    }


def test_every_axis_says_what_it_shows_and_in_which_unit(session, labels):
    for name, fig in every_figure(session).items():
        found = labels(fig)
        # The rows of splits bear names instead of a second label.
        assert len(found) >= (1 if name == "splits" else 2), name
        for label in found:
            assert any(unit in label for unit in UNITS), f"{name}: {label!r} has no unit"


# -- what is shown is what was given -----------------------------------------------------------


def test_raster_has_one_tick_per_spike_in_the_colour_of_its_region(session):
    raster = eda.trial_view(session, 3, REGIONS).axes[2]
    for line, region in zip(raster.lines[: len(REGIONS)], REGIONS, strict=True):
        own = session.regions == region
        assert len(line.get_xdata()) == np.count_nonzero(session.spikes[3][:, own])
        assert to_rgba(line.get_color()) == to_rgba(region_colour(region))
    bottom, top = raster.get_ylim()
    assert bottom - top == 1 + np.isin(session.regions, REGIONS).sum()


def test_blinks_are_shaded_where_samples_are_missing(session):
    trial = int(session.missing.any((1, 2)).argmax())
    area = eda.trial_view(session, trial).axes[0]
    assert len(area.patches) == session.missing[trial, :, 0].sum() > 0


def test_a_channel_that_was_not_recorded_does_not_shade_the_others(session):
    area, position = eda.trial_view(eyeless(session), 3).axes[:2]
    assert len(area.patches) == session.missing[3, :, 0].sum()
    assert len(position.patches) == session.n_bins


def test_ceilings_far_from_the_truth_are_drawn_at_the_edge():
    true, ratio = eda.ceilings(ceilings()).axes
    np.testing.assert_allclose(true.lines[1].get_ydata(), [0.3, 0.4])
    drawn = np.concatenate([dots.get_offsets()[:, 1] for dots in ratio.collections])
    np.testing.assert_allclose(sorted(drawn), [1, 1, 3, 3])


def test_only_saccades_of_the_trial_are_marked(session):
    speed = np.zeros(session.pupil.shape[:2])
    top = eda.saccades(session, 3, speed, 50.0, [[3, 40], [3, 60], [4, 2]]).axes[0]
    marks = [line.get_xdata()[0] for line in top.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(marks, session.time[[40, 60]])


def test_picture_of_the_session_has_a_row_per_trial_and_its_mean_beside(session):
    picture, mean = eda.whole_session(session).axes[:2]
    assert picture.images[0].get_array().shape == session.pupil.shape[:2]
    expected = np.nanmean(session.pupil[..., 0], axis=1)
    np.testing.assert_allclose(mean.lines[0].get_xdata(), expected)


def test_running_mean_does_not_sag_at_the_ends():
    running = folds.drift({"SCs": np.full(40, 3.0)}).axes[0].lines[1].get_ydata()
    np.testing.assert_allclose(running, 3)


def test_trials_without_a_value_leave_no_hole_in_the_running_mean():
    series = np.full(40, 2.0)
    series[10:14] = np.nan
    np.testing.assert_allclose(folds.drift({"SCs": series}).axes[0].lines[1].get_ydata(), 2)


def test_splits_show_every_training_and_test_trial_and_leave_gaps_blank():
    fold = blocked_folds(50, gap=2)[1]
    bars = folds.splits({"fold": fold}, 50).axes[0].containers
    for container, trials in zip(bars, fold, strict=True):
        np.testing.assert_allclose([b.get_x() + 0.5 for b in container], trials)


def test_true_lags_are_marked_where_known():
    axes = eda.around_saccades(*bands(50), true_lags=[0.07, np.nan]).axes
    marked = [line.get_xdata()[0] for ax in axes for line in ax.lines if line.get_marker() == "^"]
    np.testing.assert_array_equal(marked, [0.07, np.nan])


def test_copies_of_the_kernel_add_up_to_the_convolution():
    spikes, kernel = np.array([0, 1, 0, 2, 0, 0]), np.array([0.75, 0.25])
    ax = smoothing.copies(spikes, kernel, np.convolve(spikes, kernel)[:6]).axes[1]
    tops = np.sum([[bar.get_height() for bar in copy] for copy in ax.containers], axis=0)
    assert len(ax.containers) == 3  # one per spike
    np.testing.assert_allclose(tops, np.convolve(spikes, kernel)[:6])


def test_kernels_are_as_wide_as_the_bins_say():
    time = np.arange(5) * 0.02
    fig = smoothing.kernels({"box": boxcar(0.06, 0.02)}, time, {"box": np.ones(5)})
    np.testing.assert_allclose(fig.axes[0].lines[0].get_xdata(), [-20, 0, 20])  # ms


def test_best_widths_are_marked():
    bits = np.array([[0.1, 0.4], [0.3, 0.2], [0.2, 0.1]])
    left, right = smoothing.bandwidth([0.01, 0.1, 1.0], bits, REGIONS, error=1 + bits).axes
    dots = [[d.get_xdata()[0] for d in ax.lines if d.get_marker() == "o"] for ax in (left, right)]
    np.testing.assert_allclose(dots, [[100, 10], [10, 1000]])


# -- bad input ---------------------------------------------------------------------------------


def blind(session):
    return replace(session, pupil=session.pupil * np.float32([np.nan, 1, 1]))


def eyeless(session):
    return replace(session, pupil=session.pupil * np.float32([1, np.nan, np.nan]))


def no_speed(session):
    return np.zeros(session.pupil.shape[:2])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda s: eda.trial_view(s, -1), "no trial -1; give one from 0 to 19"),
        (lambda s: eda.trial_view(s, 20), "no trial 20; give one from 0 to 19"),
        (lambda s: eda.trial_view(s, 0, ["V1"]), r"no neurons in region.*V1"),
        (lambda s: eda.whole_session(blind(s)), "area is missing in every trial"),
        (lambda s: eda.saccades(s, 0, np.zeros(3), 1.0, [[0, 0]]), r"speed has shape \(3,\)"),
        (lambda s: eda.saccades(s, 0, no_speed(s), 1.0, [1, 2]), r"events has shape \(2,\)"),
        (lambda s: eda.rates_over_time([0, 1], [[1], [1]], [[1], [1]], "ab"), r"\(2, 2\)"),
        (lambda s: folds.drift({}), "at least one series"),
        (lambda s: folds.drift({"a": [1, 2], "b": [1]}), "one value per trial"),
        (lambda s: folds.splits({"r": random_split(30)}, 20), "outside 0 to 19"),
        (lambda s: smoothing.copies([0, 1], [1.0], [0.0]), "must be one trial"),
        (lambda s: smoothing.kernels({"a": boxcar(0.1, 0.01)}, s.time, {}), "the same names"),
        (lambda s: smoothing.pictures(s.time, {}), "at least one rate"),
        (lambda s: smoothing.bandwidth([0.1], np.eye(2), REGIONS), r"shape \(1, 2\)"),
        (lambda s: smoothing.r2_against_width({}), "at least one table"),
    ],
)
def test_bad_input_is_named(session, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(session)


def test_peaks_above_the_threshold_are_marked(labels):
    time, speed = np.linspace(0, 1, 50), np.ones(50)
    speed[[10, 30]] = 5.0, 3.0
    fig = eda.threshold(time, speed, 2.0, np.array([10, 30]))
    _, line, marks = fig.axes[0].lines
    assert set(line.get_ydata()) == {2.0}
    np.testing.assert_array_equal(marks.get_ydata(), [5.0, 3.0])
    assert fig.axes[0].get_ylim() == (0, 5.75)  # the same for every threshold
    assert labels(fig) == ["time from stimulus (s)", "speed (pixels/s)"]
