"""The figures of a study show every region, animal and session that they are given."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting.study_figures import region_map, region_scores


def test_the_map_writes_every_known_share_into_its_cell():
    shares = pd.DataFrame(
        [[0.5, np.nan, 1.2], [-0.1, 0.3, np.nan]], index=["LGd", "CA1"], columns=["a", "b", "c"]
    )
    ax = region_map(shares).axes[0]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    places = [(0.5, 0.5), (2.5, 0.5), (0.5, 1.5), (1.5, 1.5)]  # the middles of their cells
    assert written == dict(zip(places, ("0.50", "1.20", "-0.10", "0.30"), strict=True))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["LGd", "CA1"]
    assert ax.collections[0].get_clim() == (0, 1)


def test_the_numbers_of_the_map_can_be_read(contrast):
    ax = region_map(pd.DataFrame(np.linspace(-0.2, 1.2, 60).reshape(6, 10))).axes[0]
    (cells,) = ax.collections
    for text, colour in zip(ax.texts, cells.to_rgba(cells.get_array().ravel()), strict=True):
        assert contrast(text.get_color(), colour) > 4.5


def test_scores_stand_at_their_means_intervals_and_sessions():
    means = pd.DataFrame({
        "region": ["LGd", "CA1"], "share": [0.8, 0.1],
        "share_low": [0.7, np.nan], "share_high": [0.9, np.nan],
    })  # fmt: skip
    sessions = pd.DataFrame(
        {"region": ["LGd", "LGd", "CA1", "absent"], "share": [0.75, 0.85, 0.1, 9.0]}
    )
    ax = region_scores(means, sessions).axes[0]
    dots, *lines = [line.get_xydata() for line in ax.lines[:5]]
    assert dots[:, 0].tolist() == [0.75, 0.85, 0.1]
    assert dots[:, 1].round().tolist() == [0, 0, 1]
    assert len(set(dots[:, 1])) == 3  # side by side
    np.testing.assert_allclose(lines[0], [[0.7, 0], [0.9, 0]])
    np.testing.assert_allclose(lines[1], [[0.8, 0]])
    assert np.isnan(lines[2][:, 0]).all()
    assert lines[3].tolist() == [[0.1, 1]]


@pytest.mark.parametrize("n", [1, 60])
def test_both_have_room_for_one_region_and_for_many(n):
    names = [f"region {i}" for i in range(n)]
    shares = pd.DataFrame(np.full((n, 2), 0.5), index=names, columns=["a", "b"])
    for fig in (
        region_map(shares),
        region_scores(
            pd.DataFrame({"region": names, "share": 0.5, "share_low": 0.4, "share_high": 0.6}),
            pd.DataFrame({"region": names, "share": 0.5}),
        ),
    ):
        fig.canvas.draw()
        labels = [t.get_window_extent() for t in fig.axes[0].get_yticklabels()]
        tops = sorted((box.y0, box.y1) for box in labels)
        assert all(below[1] <= above[0] + 1 for below, above in pairwise(tops))
