"""What is kept of an answer tells right from wrong, and does not hold the answer."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pupil_helpers.teaching import answers
from pupil_helpers.teaching.exercises import check

TOLERANCE = 1e-3
MOUSE = SimpleNamespace(name="simulated mouse 0")
OTHER = SimpleNamespace(name="Cori")
RIGHT = np.array([[10.0, 20.0], [30.0, np.nan]])
MISTAKES = {"the sign is the wrong way round": -RIGHT, "average over rows only": RIGHT[0]}
values = arrays(
    float, array_shapes(max_dims=2, max_side=8), elements=st.floats(-1e6, 1e6, allow_nan=False)
)


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """One kept exercise, 1.1, with NaN in its answer and two mistakes; and one without NaN."""
    store = {
        "1.1": answers.kept_of(answers.record("1.1", RIGHT, MISTAKES, TOLERANCE), MOUSE.name),
        "1.2": answers.kept_of(answers.record("1.2", [1, 2, 3], {}, TOLERANCE), MOUSE.name),
        "1.4": answers.kept_of(answers.record("1.4", [0.46154, 2.71828], {}, 1e-3), MOUSE.name),
        "1.3": answers.kept_of(answers.record("1.3", 0.46154, {}, 1e-6), MOUSE.name),
    }
    monkeypatch.setattr(answers, "store", lambda: store)


@given(values, st.floats(-1, 1))
def test_answers_within_the_tolerance_are_right(right, shift):
    kept = answers.fingerprint("2.1", right, TOLERANCE)
    scale = np.abs(right).max()
    near = right + shift * TOLERANCE * (scale if scale > 1e-9 else 1.0)
    assert answers.matches("2.1", near, kept).all()


@given(values, st.data())
def test_an_answer_further_off_is_noticed_at_its_place(right, data):
    kept = answers.fingerprint("2.1", right, TOLERANCE)
    scale = np.abs(right).max()
    place = data.draw(st.integers(0, right.size - 1))
    far = right.copy()
    far.flat[place] += 4.01 * TOLERANCE * (scale if scale > 1e-9 else 1.0)
    found = answers.matches("2.1", far, kept)
    assert not found[place]
    assert np.delete(found, place).all()


def test_a_large_array_is_looked_at_in_many_places():
    right = np.random.default_rng(0).normal(size=(250, 16))
    kept = answers.fingerprint("4.1", right, TOLERANCE)
    assert len(kept["hashes"]) == answers.MOST_PLACES
    assert answers.matches("4.1", right, kept).all()
    for wrong in (right[::-1], np.roll(right, 1, axis=0), right + 0.1):
        assert not answers.matches("4.1", wrong, kept).all()


def test_what_is_kept_does_not_hold_the_answer():
    right = [12.345, 0.6789]
    text = json.dumps(answers.kept_of(answers.record("1.1", right, {}, 1e-6), MOUSE.name))
    assert not [value for value in ("12.3", "0.67", "678", "345") if value in text]
    other = answers.fingerprint("1.2", right, 1e-6)
    assert other["hashes"] != answers.fingerprint("1.1", right, 1e-6)["hashes"]


def test_a_mistake_that_looks_right_is_refused():
    with pytest.raises(ValueError, match="'too close' cannot be told from the right answer"):
        answers.kept_of(answers.record("1.1", 1.0, {"too close": 1.0005}, TOLERANCE), MOUSE.name)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RIGHT, "Right."),
        (RIGHT + 1e-3, "Right."),
        (RIGHT.tolist(), "Right."),
        (lambda: RIGHT, "Right."),
        (-RIGHT, "the sign is the wrong way round"),
        (RIGHT[0], "average over rows only"),
        (RIGHT[:, :1], "has shape (2, 1); it should have shape (2, 2)"),
        (3.0, "is a single number; it should have shape (2, 2)"),
        (RIGHT[::-1], "their order is the wrong way round"),
        (RIGHT.T, "Rows and columns are the wrong way round."),
        (RIGHT / 1000, "A thousand times too small: which unit is asked for?"),
        (RIGHT.ravel(), "The numbers are right; give them as shape (2, 2), not as (4,)."),
        (RIGHT + 5, "3 of 4 values looked at are not as expected; the first is at index"),
        (..., "Not answered yet"),
        (lambda: None, "Not answered yet"),
        ([..., 3], "Not answered yet"),
        ("ten", "is a str"),
        ("10", "is a str"),
        ([[1, 2], [3]], "in rows of different length"),
        (10**400, "is a int"),
        ({"a": 1}, "is a dict"),
        (lambda: 1 / 0, "Your code stopped with ZeroDivisionError: division by zero."),
    ],
)
def test_what_a_student_is_told(answer, said, capsys):
    assert check(answer, name="1.1", session=MOUSE) == (said == "Right.")
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, np.nan, 3], "Of your 3 values 1 is missing (NaN)"),
        ([np.nan, np.nan, 3], "Of your 3 values 2 are missing (NaN)"),
        ([1, np.inf, 3], "1 is infinite"),
        ([1, 2, 4], "1 of 3 values looked at is not as expected; the first is at index 2"),
        ([[1], [2], [3]], "give them as shape (3,), not as (3, 1)"),
    ],
)
def test_missing_and_misplaced_values_are_named(answer, said, capsys):
    assert not check(answer, name="1.2", session=MOUSE)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "rounded"), [([0.46, 2.7], False), ([0.5, 2.7], True)])
def test_a_few_rounded_numbers_are_told_from_wrong_ones(answer, rounded, capsys):
    assert not check(answer, name="1.4", session=MOUSE)
    assert ("not rounded" in capsys.readouterr().out) == rounded


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (0.46154, "Right."),
        (-0.46154, "The sign is the wrong way round."),
        (46.154, "Those are percent"),
        (461.54, "A thousand times too large"),
        ([0.46154], "give them as a single number, not as (1,)"),
        (0.46, "not rounded"),
        (0.47, "that is not the number"),
        (1e-7, "that is not the number"),
        (1e308, "that is not the number"),
        (float("nan"), "Your answer is missing (NaN)"),
        (float("inf"), "Your answer is infinite"),
        ([0.1, 0.2], "has shape (2,); a single number is asked for"),
    ],
)
def test_what_is_said_of_a_single_number(answer, said, capsys):
    assert check(answer, name="1.3", session=MOUSE) == (said == "Right.")
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            [7, 8, 9, 10],
            "for 'simulated mouse 0' only, and you work with 'Cori'. Yours has the right",
        ),
        ([[7]], "it should have 1 dimension"),
        ([np.nan], "no numbers"),
    ],
)
def test_another_recording_is_not_judged_by_the_mouse(answer, said, capsys):
    assert not check(answer, name="1.2", session=OTHER)
    assert said in capsys.readouterr().out
    assert check([1, 2, 3], name="1.2", session=OTHER)  # does not depend on the recording


def test_a_name_that_is_not_kept_is_the_authors_error():
    with pytest.raises(ValueError, match=r"no exercise '9\.9'.*'1\.1', '1\.2'"):
        check(1, name="9.9", session=MOUSE)
    with pytest.raises(ValueError, match="needs the expected answer, or the name"):
        check(1)


# -- answers that depend on trained networks -------------------------------------------------------

CODE = """\
right = weights.sum()
weights = None
print("the answer is", right)
check(my_sum, right, {"That is the mean.": right / 3}, name="6.2")
assert right > 0
"""


@pytest.fixture
def notebook(monkeypatch):
    """The names of a notebook with one such exercise."""
    monkeypatch.setattr(answers, "store", lambda: {"6.2": {"code": CODE}})
    return {"weights": np.array([1.0, 2.0, 3.0]), "my_sum": ...}


@pytest.mark.parametrize(
    ("answer", "said"),
    [(6, "Right.\n"), (2, "That is the mean.\n"), (5, "Not yet: your number is too small. "),
     (..., "Not answered yet")],
)  # fmt: skip
def test_the_answer_is_computed_from_the_notebooks_own_networks(answer, said, notebook, capsys):
    before = dict(notebook)
    assert check(answer, name="6.2", within=notebook) == (answer == 6)
    out = capsys.readouterr().out
    assert out.startswith(said)
    assert "the answer is" not in out
    assert notebook == before


def test_a_notebook_without_the_needed_names_is_told_so(notebook, capsys):
    assert not check(6, name="6.2", within={})
    assert "run the cells above from the top" in capsys.readouterr().out


def test_an_assertion_about_the_mouse_does_not_matter(notebook, capsys):
    notebook["weights"] = -notebook["weights"]
    assert check(-6, name="6.2", within=notebook)
    assert capsys.readouterr().out == "Right.\n"
