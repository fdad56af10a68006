"""The figures of a search must cope with evaluations that failed or were stopped."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pupil_helpers.plotting import tuning as figures
from pupil_helpers.plotting import use_style
from pupil_helpers.signals.splits import inner_blocks
from pupil_helpers.tuning.search import Search


@pytest.mark.parametrize("others", [["ok"], ["fail", "pruned"]])
def test_figures_cope_with_failed_and_stopped_evaluations(others, labels):
    rng = np.random.default_rng(0)
    status = ["ok", "ok", *others] * 4
    records = [
        {
            "evaluation": number, "status": kind, "loss": None if kind == "fail" else rng.normal(),
            "params": {"x": rng.normal(), "pause": 10.0 ** rng.uniform(-8, -5)}, "blocks": None,
            "seconds": 1.0, "curve": [0.1], "n_steps": 1, "error": None,
        }
        for number, kind in enumerate(status)
    ]  # fmt: skip
    found = Search(records, None)
    assert "evaluation" in labels(figures.history({"one": found, "other": found}, 2, 0.1))
    assert labels(figures.slices(found.table, ["x", "pause"]))


def test_the_legend_of_the_effects_hides_no_bar():
    """Whichever parameter has the longest bar."""
    use_style()
    for order in (1, -1):
        effects = np.linspace(0.0, 1.0, 6)[::order]
        table = pd.DataFrame({"forgetful": effects, "complete": effects}, index=list("abcdef"))
        table.iloc[:3, 0] = np.nan
        fig = figures.effects(table)
        fig.canvas.draw()
        (ax,) = fig.axes
        legend = ax.get_legend().get_window_extent()
        bars = [bar.get_window_extent() for bar in ax.patches if bar.get_width() > 0]
        words = [text.get_window_extent() for text in ax.texts]
        assert bars
        assert not any(legend.overlaps(box) for box in bars + words)
        assert not legend.overlaps(ax.title.get_window_extent())


def test_intervals_of_leads_are_those_of_student(labels):
    draws = np.random.default_rng(0).normal(1.0, 2.0, (2, 5))
    fig = figures.leads({"seed 1": draws[0], "hidden_size 32": draws[1]}, "Leads")
    assert labels(fig) == ["lead (bits/spike)"]
    dots = [
        line for line in fig.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata())
    ]
    bars = [line.get_xdata() for line in fig.axes[0].lines]
    bars = [bar for bar in bars if np.isfinite(bar).sum() > 2]  # others are dots, or nothing
    for bar, lead in zip(bars, draws, strict=True):
        ends = stats.t.interval(0.95, 4, lead.mean(), stats.sem(lead))
        assert (np.nanmin(bar), np.nanmax(bar)) == pytest.approx(ends)
    found = [np.nanmean(line.get_xdata()) for line in dots]
    assert found[:2] == pytest.approx([draws[0].mean(), draws[1].mean()])
    assert [text.get_text() for text in fig.axes[0].get_yticklabels()] == [
        "seed 1", "hidden_size 32",
    ]  # fmt: skip


def test_the_largest_ratio_is_starred():
    grid = np.geomspace(1e-3, 3e-2, 50)
    peak = np.exp(-(np.log(grid / grid[30]) ** 2))
    values, losses, good = grid[::10], np.arange(5.0), np.arange(5) < 2
    fig = figures.parzen(values, losses, good, grid, (peak, np.ones(50)), grid[28:32])
    star = fig.axes[2].lines[1]
    assert star.get_marker() == "*"
    assert star.get_xdata() == pytest.approx(grid[30])


def test_steps_of_a_search_are_drawn_to_one_scale():
    """What the slider moves is the search, not the axes."""
    grid, values = np.geomspace(1e-3, 3e-2, 50), np.array([2e-3, 1e-2])
    limits = []
    for size in (1.0, 2.0):
        peak = size * np.exp(-(np.log(grid / grid[30]) ** 2))
        fig = figures.parzen(
            values, [0.0, size], [True, False], grid, (peak, np.ones(50)), [grid[9]],
            ("weight decay", "went there"), ((0.0, 2.0), 2.0, 2.0),
        )  # fmt: skip
        assert fig.axes[2].get_xlabel() == "weight decay"
        assert fig.axes[2].collections[0].get_offsets()[0, 0] == pytest.approx(grid[9])
        limits.append([ax.get_ylim() for ax in fig.axes])
    assert limits[0] == limits[1]


def test_other_figures_are_labelled(labels):
    blocks = inner_blocks(np.arange(30), 5)
    fig = figures.objective(blocks, [31, 32], {"default": [0.0, -1.0], "slow": [0.0, -0.5]})
    assert labels(fig) == ["trial of the session", "network", "check", figures.BITS]
    lead = np.array([[0.1, np.nan], [0.2, np.nan]])  # a region that is silent
    fig = figures.outer_leads(["SCs", "all"], lead, lead - 0.1, lead + 0.1)
    assert labels(fig) == ["tuned minus default\n(bits/spike)"]
