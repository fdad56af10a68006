"""Figures of the page of evidence: right data, axes that say what they show."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import evidence_figures as figures

REGIONS, MODELS = ["VISp", "CA1", "root"], ["ridge", "PupilEncoder"]


@pytest.fixture
def found():
    rows = [(m, r, i + 0.1 * j) for j, m in enumerate(MODELS) for i, r in enumerate(REGIONS)]
    table = pd.DataFrame(rows, columns=["model", "region", "value"])
    return table.assign(low=table["value"] - 0.5, high=table["value"] + 1)


@pytest.fixture
def nulls(found):
    table = pd.concat([found.assign(what=name) for name in ("shift", "shuffle")])
    table = table.rename(columns={"value": "true pairing", "high": "null 95 %"})
    return table.assign(**{"null median": 0.0})


def test_every_score_has_its_interval_in_its_regions_row(found):
    ax = figures.scores(found, "R²").axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == REGIONS
    for model, bars in zip(MODELS, ax.containers, strict=True):
        mine = found[found["model"] == model]
        np.testing.assert_array_equal(bars.lines[0].get_xdata(), mine["value"])
        np.testing.assert_array_equal(np.round(bars.lines[0].get_ydata()), range(len(REGIONS)))
        segments = np.array(bars.lines[2][0].get_segments())[:, :, 0]
        np.testing.assert_allclose(segments, mine[["low", "high"]])


def test_ceilings_are_drawn_where_there_are_some(found):
    limits = pd.Series([0.9, 0.7, 0.8], index=REGIONS[::-1])  # in any order
    fig = figures.scores(found, "R²", limits)
    (line,) = [line for line in fig.axes[0].lines if line.get_label() == "ceiling"]
    np.testing.assert_array_equal(line.get_xdata(), [0.8, 0.7, 0.9])
    (legend,) = figures.scores(found, "bits per spike").legends
    assert [text.get_text() for text in legend.get_texts()] == MODELS


def test_a_control_shows_the_true_pairing_beside_the_null(nulls, labels):
    fig = figures.controls(nulls, "score")
    assert [ax.get_title() for ax in fig.axes] == ["shift", "shuffle"]
    for ax in fig.axes:
        dots = [line for line in ax.lines if line.get_label() in MODELS]
        for model, bar, dot in zip(MODELS, ax.collections, dots, strict=True):
            mine = nulls[(nulls["what"] == ax.get_title()) & (nulls["model"] == model)]
            np.testing.assert_array_equal(dot.get_xdata(), mine["true pairing"])
            reach = np.array(bar.get_segments())[:, :, 0]
            np.testing.assert_array_equal(reach, mine[["null median", "null 95 %"]])
    assert labels(fig).count("score") == 2


def test_a_model_may_lack_a_control(nulls):
    some = nulls[(nulls["what"] == "shuffle") | (nulls["model"] == "ridge")]
    fig = figures.controls(some, "score")
    lacking, whole = (ax.lines[-2].get_xdata() for ax in fig.axes)  # the line at 0 is the last
    assert np.isnan(lacking).all()
    assert np.isfinite(whole).all()
