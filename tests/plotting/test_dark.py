"""The dark colours: greys change places, hues stay, and the figure comes back as it was."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import seaborn as sns
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import rgb_to_hsv, to_hex, to_rgb

from pupil_helpers.plotting.dark import INK, PAPER, dark, on_dark
from pupil_helpers.plotting.style import PALETTE

HUES = [name for name in PALETTE if name not in ("black", "grey")]
levels = st.floats(0, 1)


@given(levels, levels, levels)
def test_greys_change_places_and_keep_their_opacity(one, other, opacity):
    (first, *_, kept), (second, *_) = on_dark((one,) * 3 + (opacity,)), on_dark((other,) * 3)
    assert kept == opacity
    assert PAPER - 1e-9 <= first <= INK + 1e-9
    if abs(one - other) > 1e-3 and not {to_hex((one,) * 3), to_hex((other,) * 3)} & {"#666666"}:
        assert (first < second) == (one > other)


@pytest.mark.parametrize("name", HUES)
def test_a_hue_keeps_its_name(name):
    before, after = rgb_to_hsv(to_rgb(PALETTE[name])), rgb_to_hsv(on_dark(PALETTE[name])[:3])
    assert abs(after[0] - before[0]) < 0.05  # of the circle of hues
    assert after[1] > 0.3  # and does not fade


def colours(fig):
    """What the reader sees of a figure: its pixels."""
    fig.canvas.draw()
    return np.asarray(fig.canvas.buffer_rgba()).copy()


def draw():
    fig, (left, right) = plt.subplots(1, 2, figsize=(3, 2))
    left.plot([0, 1], "o-", color=PALETTE["blue"], mec="white")
    left.fill_between([0, 1], [0, 1], color="#DDDDD8")
    left.annotate("here", (0, 0), (0.5, 0.5), arrowprops={"arrowstyle": "->"}, bbox={"fc": "white"})
    fig.colorbar(right.imshow(np.eye(3) - 0.5, cmap="RdBu_r", vmin=-2, vmax=2))
    return fig


def test_the_figure_is_dark_inside_and_as_before_outside():
    fig = draw()
    before = colours(fig)
    with dark(fig):
        inside = colours(fig)
    assert inside[..., :3].mean() < 80 < 200 < before[..., :3].mean()
    np.testing.assert_array_equal(colours(fig), before)


def test_the_figure_comes_back_after_an_error():
    fig = draw()
    before = colours(fig)
    with pytest.raises(RuntimeError, match="stop"), dark(fig):
        raise RuntimeError("stop")
    np.testing.assert_array_equal(colours(fig), before)


def test_texts_and_arrows_turn_light():
    fig = draw()
    fig.canvas.draw()
    text = next(text for text in fig.axes[0].texts if text.get_text() == "here")
    with dark(fig):
        shown = text.get_color(), text.arrow_patch.get_edgecolor()
        box = text.get_bbox_patch().get_facecolor()
    assert min(*shown[0][:3], *shown[1][:3]) > 0.85
    assert max(box[:3]) < 0.15


def test_colours_that_are_values_keep_their_map():
    fig, ax = plt.subplots()
    points = ax.scatter([0, 1], [0, 1], c=[0, 1], cmap="viridis")
    fig.canvas.draw()
    before = points.get_facecolor()
    with dark(fig):
        fig.canvas.draw()
        np.testing.assert_array_equal(points.get_facecolor(), before)


@pytest.mark.parametrize("cmap", ["RdBu_r", "cividis"])
def test_numbers_in_cells_can_be_read(cmap, contrast):
    values = np.linspace(-1, 1, 42).reshape(6, 7)
    values[2, 3] = np.nan  # an empty cell has no number, and moves no other
    ax = sns.heatmap(values, cmap=cmap, annot=True, cbar=False)
    before = [text.get_color() for text in ax.texts]
    ax.figure.canvas.draw()
    with dark(ax.figure):
        (cells,) = ax.collections
        for text in ax.texts:
            cell = cells.to_rgba(float(text.get_text()))
            assert contrast(text.get_color(), cell) > 4.5
    assert [text.get_color() for text in ax.texts] == before
