"""Figures of chapter 6: the numbers given are the numbers drawn; axes say what they are."""

import numpy as np
import pandas as pd
import pytest

from pupil_helpers.plotting import pupilencoder as figures

RNG = np.random.default_rng(0)
LAGS = np.linspace(-0.6, 0.6, 13)
HISTORY = pd.DataFrame(
    [(25 * u, m, RNG.normal()) for m in range(3) for u in range(1, 6)],
    columns=["update", "member", "held_out"],
)
OURS = [(25, 0.1), (50, -0.1)]
WEIGHTS, LOSSES = np.linspace(0, 1, 5), RNG.normal(size=(4, 5, 2))
SHARES = np.linspace(0, 1, 3)
OVER = pd.DataFrame(
    [(m, k, 0.1, 0.1 - x, 0.1 + x) for m in "ab" for k, x in (("home", 0.05), ("memory", 0.2))],
    columns=["model", "kind", "mean", "low", "high"],
).set_index("kind")
EARNED = pd.DataFrame({"home": [0.1, 0.0, -0.1], "memory": [0.2, 0.1, 0.0]}, index=list("abc"))

FIGURES = {
    "filters": lambda: figures.filters(LAGS, np.eye(13)[:3], [5.0, 3.0, 2.0], 2),
    "learning": lambda: figures.learning(HISTORY, OURS, 3),
    "mixing": lambda: figures.mixing(SHARES, [[3.0, 1], [2, 5], [4, 6]], ["LGd", "CA1"], [0.5, 0]),
    "following": lambda: figures.following(WEIGHTS, LOSSES, 1.0, "LGd"),
    "earned": lambda: figures.earned(EARNED, {"home": 0.1, "memory": 0.2}, dict.fromkeys(EARNED)),
    "leads": lambda: figures.leads(OVER),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_and_names_its_axes(name, labels):
    assert labels(FIGURES[name]())


def test_the_variance_that_the_kept_components_hold_is_marked():
    dot = FIGURES["filters"]().axes[1].lines[1]
    assert dot.get_xydata().tolist() == [[2, pytest.approx(80)]]


def test_the_lowest_held_out_loss_of_each_member_is_marked():
    dots = [line for line in FIGURES["learning"]().axes[0].lines if line.get_marker() == "o"]
    lowest = HISTORY.groupby("member")["held_out"].min()
    np.testing.assert_allclose([dot.get_ydata()[0] for dot in dots], lowest)


def test_both_losses_are_summed_over_blocks_and_the_weight_is_marked():
    counts, given, marked, _ = FIGURES["following"]().axes[0].lines
    np.testing.assert_allclose(counts.get_ydata(), LOSSES.sum(axis=0)[:, 0])
    np.testing.assert_allclose(given.get_ydata(), LOSSES.sum(axis=0)[:, 1])
    assert list(marked.get_xdata()) == [1, 1]


def test_each_block_has_a_dot_at_the_weight_and_the_axis_does_not_move():
    ends = set()
    for place, weight in enumerate(WEIGHTS):
        right = figures.following(WEIGHTS, LOSSES, weight, "LGd").axes[1]
        ends.add(right.get_ylim())
        for kind in (0, 1):
            np.testing.assert_allclose(right.lines[kind].get_ydata(), LOSSES[:, place, kind])
    assert len(ends) == 1


def test_pieces_stand_beside_their_names_from_top_to_bottom():
    for ax, (_, added) in zip(FIGURES["earned"]().axes, EARNED.items(), strict=True):
        dots = ax.lines[-1]
        assert dots.get_xdata().tolist() == added.tolist()
        assert dots.get_ydata().tolist() == [2, 1, 0]
    names = [label.get_text() for label in FIGURES["earned"]().axes[0].get_yticklabels()]
    assert names == list("abc")


def test_losses_of_mixtures_are_drawn_above_the_best_of_each_region_with_a_dot_there():
    line, dot, *_ = FIGURES["mixing"]().axes[0].lines
    assert line.get_ydata().tolist() == [1, 0, 2]
    assert dot.get_xydata().tolist() == [[0.5, 0]]


def test_the_blocks_in_which_the_model_wins_are_counted_in_words():
    losses = np.ones((4, 5, 2))
    losses[:3, 2, 0] = losses[0, 2, 1] = -1
    said = figures.blocks_won(WEIGHTS, losses, 0.5, "LGd")
    assert "LGd, weight 0.5" in said
    assert "3 of 4 blocks by their counts, in 1 of 4 given the totals" in said
    assert "0 of 4 blocks by" in figures.blocks_won(WEIGHTS, losses, 1.0, "LGd")


def test_every_kind_has_its_interval_in_the_panel_of_each_model():
    for ax in FIGURES["leads"]().axes:
        _, home, dot, memory, _ = ax.lines
        np.testing.assert_allclose(home.get_xydata(), [[0.05, 0], [0.15, 0]])
        np.testing.assert_allclose(dot.get_xydata(), [[0.1, 0]])
        np.testing.assert_allclose(memory.get_xydata(), [[-0.1, 1], [0.3, 1]])
