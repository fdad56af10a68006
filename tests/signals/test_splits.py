import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.signals.splits import blocked_folds, inner_blocks, random_split


@given(n=st.integers(20, 400), folds=st.integers(2, 6), gap=st.integers(0, 3))
def test_blocks_are_contiguous_alike_in_size_and_cover_every_trial_once(n, folds, gap):
    tests = [split.test for split in blocked_folds(n, folds, gap)]
    assert np.array_equal(np.concatenate(tests), np.arange(n))
    assert np.ptp([len(test) for test in tests]) <= 1


@st.composite
def holed(draw):
    """Trials of a session with holes anywhere, at its edges too, and in any order."""
    present = draw(st.lists(st.booleans(), min_size=30, max_size=120).filter(lambda x: sum(x) > 20))
    return np.random.default_rng(0).permutation(np.flatnonzero(present))


@given(trials=holed(), blocks=st.integers(2, 5), gap=st.integers(0, 5))
def test_exactly_the_trials_within_the_gap_of_a_block_are_left_out(trials, blocks, gap):
    splits = inner_blocks(trials, blocks, gap)
    for split, test in zip(splits, np.array_split(np.sort(trials), blocks), strict=True):
        assert np.array_equal(split.test, test)
        far = [t for t in sorted(trials) if min(abs(t - other) for other in test) > gap]
        assert split.train.tolist() == far


@pytest.mark.parametrize("whole", [np.int8, np.uint8, np.int64])
def test_numpys_whole_numbers_are_whole_numbers(whole):
    found = blocked_folds(whole(60), whole(3), whole(2))
    for split, expected in zip(found, blocked_folds(60, 3, 2), strict=True):
        assert np.array_equal(split.train, expected.train)
    unsigned = inner_blocks(np.arange(60, dtype=np.uint8), 3, 2)
    assert np.array_equal(unsigned[0].train, found[0].train)


@pytest.mark.parametrize(("n", "share"), [(251, 0.2), (10, 0.25), (300, 0.5)])
def test_random_split_is_that_of_the_original(n, share):
    train, test = random_split(n, share)
    assert np.array_equal([*test, *train], np.random.RandomState(42).permutation(n))
    assert len(test) == math.ceil(share * n)


@pytest.mark.parametrize("wrong", [1.5, 2.0, "2", None, True, -1, 10**30, 10**9, np.nan])
def test_numbers_of_trials_and_blocks_must_be_whole_and_sensible(wrong):
    for name, call in {
        "n_trials": lambda: blocked_folds(wrong, 3, 1),
        "n_folds": lambda: blocked_folds(60, wrong, 1),
        "n_blocks": lambda: inner_blocks(range(60), wrong, 1),
        "gap": lambda: blocked_folds(60, 3, wrong),
    }.items():
        with pytest.raises(ValueError, match=rf"^{name} is .*; give a whole number .*\.$"):
            call()
    with pytest.raises(ValueError, match=r"^n_trials is"):
        random_split(wrong)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: blocked_folds(4, 5), "too few"),
        (lambda: blocked_folds(60, 1_000_000), "too few"),
        (lambda: blocked_folds(6, 2, gap=3), "smaller gap"),
        (lambda: blocked_folds(60, 3, gap=1_000_000), "smaller gap"),
        (lambda: blocked_folds(10, 1), "n_folds is 1"),
        (lambda: inner_blocks([1, 1, 2, 3, 4, 5]), "distinct"),
        (lambda: inner_blocks([0.5, 1.5]), "whole trial numbers"),
        (lambda: inner_blocks(7), "1-D"),
        (lambda: inner_blocks([-1, 0, 1, 2, 3, 4]), "from 0"),
        (lambda: inner_blocks([0, 1, 2, 2**62]), "from 0"),
        (lambda: random_split(1), "empty part"),
        (lambda: random_split(10, 0), "empty part"),
        (lambda: random_split(10, 1.0), "empty part"),
        (lambda: random_split(10, np.nan), "empty part"),
    ],
)
def test_impossible_splits_are_refused_in_one_line(call, what):
    with pytest.raises(ValueError, match=rf"^[^\n]*{what}[^\n]*\.$"):
        call()
