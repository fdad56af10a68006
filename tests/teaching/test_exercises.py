"""The checker of the exercises: right answers pass, wrong ones are told what is wrong."""

import re

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from pupil_helpers.teaching.exercises import check

EXPECTED = np.array([[1.0, 2.0], [3.0, np.nan]])


@pytest.mark.parametrize("answer", [EXPECTED, EXPECTED.tolist(), EXPECTED + 1e-9])
def test_right_answer(answer, capsys):
    assert check(answer, EXPECTED)
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (..., "Not answered yet"),
        (None, "Not answered yet"),
        ("three", "is a str"),
        (
            np.where(EXPECTED == 2, 3, EXPECTED),
            r"1 of 4 values is .*index \(0, 1\), which is too large",
        ),
        (EXPECTED.T, "Rows and columns"),
        (EXPECTED[0], r"shape \(2,\).*should have shape \(2, 2\)"),
        (np.where(EXPECTED == 2, np.nan, EXPECTED), r"index \(0, 1\), which is too small"),
        (-EXPECTED, "the sign is the wrong way round"),
    ],
)
def test_wrong_answer_is_told_why(answer, said, capsys):
    assert not check(answer, EXPECTED, {"the sign is the wrong way round": -EXPECTED})
    assert re.search(said, capsys.readouterr().out)


def test_tolerance_is_relative_to_the_largest_value():
    assert check(1010.0, 1000.0, tolerance=0.02)
    assert not check(1030.0, 1000.0, tolerance=0.02)
    assert not check(2e-3, 1e-3)  # small is not the same as 0
    assert not check([5.0, np.inf], [3.0, np.inf])


@pytest.mark.parametrize("zero", [0.0, [0.0, 0.0], 1e-17])
def test_tolerance_is_absolute_where_zero_is_expected(zero):
    assert check(np.add(zero, 1e-12), zero)
    assert not check(np.add(zero, 1e-3), zero)


def test_a_known_mistake_may_have_another_shape(capsys):
    assert not check(2.0, [1.0, 3.0], {"average over trials only": 2.0})
    assert capsys.readouterr().out == "average over trials only\n"


@pytest.mark.parametrize("answer", [0.05, 0.055, [0.055]])
def test_a_rounded_answer_is_told_so(answer, capsys):
    assert not check(answer, np.reshape(0.05486, np.shape(answer)))
    assert "not rounded" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [5.0, 3.0])
def test_the_answer_is_not_given_away(answer, capsys):
    assert not check(answer, 4.25)
    said = capsys.readouterr().out
    assert f"too {'large' if answer > 4.25 else 'small'}" in said
    assert not re.search(r"\d", said)


@pytest.mark.parametrize("answer", [1, 2])
def test_a_notebook_shows_the_sentence_alone(answer):
    assert DisplayFormatter().format(check(answer, 1)) == ({}, {})
