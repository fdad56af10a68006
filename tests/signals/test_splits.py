import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from pupil_helpers.signals.splits import blocked_folds, inner_blocks, random_split


@given(n=st.integers(20, 400), folds=st.integers(2, 6), gap=st.integers(0, 3))
def test_blocks_are_contiguous_cover_every_trial_once_and_keep_their_gap(n, folds, gap):
    splits = blocked_folds(n, folds, gap)
    assert np.array_equal(np.concatenate([s.test for s in splits]), np.arange(n))
    for train, test in splits:
        assert np.array_equal(test, np.arange(test[0], test[-1] + 1))
        distance = np.abs(train[:, None] - test).min(1)
        assert distance.min() == gap + 1
        # Nothing is dropped but the gap.
        dropped = min(gap, test[0]) + min(gap, n - 1 - test[-1])
        assert len(train) == n - len(test) - dropped


@given(outer=st.integers(0, 4), blocks=st.integers(2, 6), gap=st.integers(0, 3))
def test_inner_blocks_stay_in_the_training_part_and_count_gaps_in_trial_numbers(outer, blocks, gap):
    train = blocked_folds(120, 5, 2)[outer].train
    splits = inner_blocks(train, blocks, gap)
    assert np.array_equal(np.concatenate([s.test for s in splits]), train)
    for inner, test in splits:
        assert np.isin(inner, train).all()
        near = np.array([np.abs(trial - test).min() <= gap for trial in train])
        assert np.array_equal(inner, train[~near])


def test_the_hole_left_by_an_outer_block_already_is_a_gap():
    train = np.r_[0:10, 50:60]
    first, second = inner_blocks(train, n_blocks=2, gap=3)
    assert np.array_equal(first.train, np.arange(50, 60))  # 40 trials away: none dropped
    assert np.array_equal(second.train, np.arange(10))


def test_block_sizes_differ_by_at_most_one():
    sizes = [len(s.test) for s in blocked_folds(251, 5)]
    assert max(sizes) - min(sizes) == 1


@pytest.mark.parametrize(("n", "share"), [(251, 0.2), (10, 0.25), (300, 0.5)])
def test_random_split_is_scikit_learns(n, share):
    train, test = train_test_split(np.arange(n), test_size=share, random_state=42)
    split = random_split(n, share)
    assert np.array_equal(split.train, train)
    assert np.array_equal(split.test, test)


@pytest.mark.parametrize(
    "call",
    [
        lambda: blocked_folds(4, 5),
        lambda: blocked_folds(6, 2, gap=3),
        lambda: blocked_folds(10, 1),
        lambda: blocked_folds(10, 2, gap=-1),
        lambda: inner_blocks([1, 1, 2, 3, 4, 5]),
        lambda: inner_blocks([0.5, 1.5]),
        lambda: random_split(1),
        lambda: random_split(10, 0),
        lambda: random_split(10, 1.0),
    ],
)
def test_impossible_splits_are_refused_in_one_line(call):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        call()
