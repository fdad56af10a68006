"""Figures of the page on how the mice were made: right data, axes with units, bad input named."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from pupil_helpers.plotting import region_colour, simulator

RNG = np.random.default_rng(0)
TIME = np.arange(50) / 100
REGIONS = ["SCs", "LGd"]
TRACES = {name: RNG.normal(size=50) for name in REGIONS}
PARTS = pd.DataFrame(RNG.normal(size=(50, 2)), columns=["area: level", "x: speed"])
UNITS = ("(s)", "a.u.", "pixels", "log rate", "spikes/s", "neuron", "(factor)", "trial", "SD",
         "autocorrelation")  # fmt: skip


def animals():
    real = pd.DataFrame(RNG.random((2, 3)), index=["Cori", "head-fixed"])
    return {"area": ([0.1, 1, 10], real, RNG.random((4, 3)))}


def figures():
    clean = RNG.normal(size=(50, 3))
    filmed = clean + 0.1
    filmed[10:13] = np.nan
    counts = RNG.poisson(1.0, (50, 4))
    few = {"home": TRACES["SCs"], "few neurons": TRACES["LGd"]}
    return {
        "eye": simulator.eye(TIME, clean, filmed),
        "chain": simulator.chain(TIME, {"speed (a.u.)": TRACES["SCs"], "spikes\n(neuron)": counts}),
        "drives": simulator.drives(TIME, TRACES, [0.1, 0.2]),
        "little": simulator.little({"home": RNG.normal(size=(9, 2))}, TIME, few, few),
        "parts": simulator.parts(TIME, PARTS, [0.1, 0.2]),
        "persistence": simulator.persistence(animals()),
    }


def test_every_axis_says_what_it_shows_and_in_which_unit(labels):
    for name, fig in figures().items():
        found = labels(fig)
        assert found, name
        for label in found:
            assert any(unit in label for unit in UNITS), f"{name}: {label!r} has no unit"


def test_missing_samples_are_shaded_on_both_panels():
    clean = RNG.normal(size=(50, 3))
    filmed = clean.copy()
    filmed[10:13, 1] = np.nan
    assert [len(ax.patches) for ax in simulator.eye(TIME, clean, filmed).axes] == [3, 3]


def test_counts_are_drawn_as_one_tick_per_active_bin():
    counts = RNG.poisson(0.5, (50, 4))
    ax = simulator.chain(TIME, {"spikes (neuron)": counts}).axes[0]
    assert len(ax.lines[0].get_xdata()) == np.count_nonzero(counts)


def test_drives_have_the_colours_of_their_regions_and_marks_at_saccades():
    axes = simulator.drives(TIME, TRACES, [0.1, 0.2]).axes
    for ax, name in zip(axes, REGIONS, strict=True):
        marks, (_, trace) = ax.collections[0].get_segments(), ax.lines
        assert [mark[0, 0] for mark in marks] == [0.1, 0.2]
        np.testing.assert_array_equal(trace.get_ydata(), TRACES[name])
        assert to_rgba(trace.get_color()) == to_rgba(region_colour(name))


def test_parts_stand_above_their_sum():
    above, below = simulator.parts(TIME, PARTS, [0.1, 0.2], top=4).axes
    np.testing.assert_array_equal([line.get_ydata() for line in above.lines[:2]], PARTS.T)
    np.testing.assert_allclose(below.lines[0].get_ydata(), PARTS.sum(axis=1))
    assert [mark[0, 0] for mark in below.collections[0].get_segments()] == [0.1, 0.2]
    assert above.get_ylim() == below.get_ylim() == pytest.approx((-4.2, 4.2))
    assert [text.get_text() for text in above.get_legend().get_texts()] == list(PARTS)


def test_autocorrelations_are_drawn_for_mice_and_animals_alike():
    panels = animals()
    lines = simulator.persistence(panels).axes[0].lines
    lags, real, made = panels["area"]
    np.testing.assert_array_equal([line.get_ydata() for line in lines], [*made, *real.to_numpy()])
    np.testing.assert_array_equal(lines[0].get_xdata(), lags)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: simulator.eye(TIME, np.zeros((3, 3)), np.zeros((50, 3))), "'clean' has 3 values"),
        (
            lambda: simulator.drives(TIME, {"SCs": [1, 2]}),
            "'SCs' has 2 values, but there are 50 of 'times'",
        ),
        (lambda: simulator.chain(TIME, {"speed": [1]}), "'speed' has 1 values"),
        (
            lambda: simulator.persistence({"gaze": ([1, 2, 3], pd.DataFrame([[1.0]]), [[1.0]])}),
            "'gaze' needs one autocorrelation per lag, 3",
        ),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
