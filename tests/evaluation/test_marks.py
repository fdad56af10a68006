"""What differs has different marks, what is equal has equal ones, in every process."""

import copy
import functools
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from contestants import Noisy
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.evaluation.marks import mark
from pupil_helpers.models.linear import PSTH, Ridge

FACTOR = 2
KINDS = ("property", "classmethod", "staticmethod", "functools.cached_property")


def times(factor):
    return lambda counts: factor * counts


def by_factor(counts):
    return FACTOR * counts


@functools.lru_cache
def cached(counts):
    return by_factor(counts)


def network(seed):
    torch.manual_seed(seed)
    return torch.nn.LSTM(3, 2)


def typed(body):
    """An object of a class from a notebook cell."""
    names = {"Noisy": Noisy, "functools": functools, "__name__": "__main__"}
    exec(f"class Model(Noisy):\n    {body}", names)
    return names["Model"]()


def itself():
    items = [1]
    items.append(items)
    return items


def things():
    """Made afresh by every call, all of them different."""
    return [
        *(times(1), times(2), lambda counts: counts + 1, lambda counts: counts + 2),
        *(lambda counts, more=1: counts, lambda counts, more=2: counts, by_factor, cached),
        *(functools.partial(times, 1), functools.partial(times, 2)),
        *(Noisy(1).fit, Noisy(2).fit, Noisy(1).predict),
        *(np.exp, np.log, torch.exp, abs, str.upper),
        *(torch.zeros(3), torch.tensor([0.0, 0, 1]), torch.zeros(3, dtype=torch.bfloat16)),
        *(np.zeros(3), np.zeros(3, dtype=int), np.zeros((3, 1)), np.float32(0)),
        *(np.random.default_rng(1), np.random.default_rng(2), network(1), network(2)),
        *(Ridge(), Ridge(n_lags=3), PSTH(), PSTH, {"area", "x", "y"}, itself()),
        *(typed("def _fit(self, *_): self.x = 1"), typed("def _fit(self, *_): self.x = 2")),
        *(typed("setting = [1, 2]"), typed("setting = [1, 3]")),
        *(typed(f"level = {kind}(lambda *_: {level})") for kind in KINDS for level in (1, 2)),
    ]


def marks():
    return [mark(thing) for thing in things()]


def test_different_things_have_different_marks_and_equal_things_equal_ones():
    found = marks()
    assert len(set(found)) == len(found)
    assert found == marks()


def test_marks_are_the_same_in_another_process(monkeypatch):
    copy.deepcopy(things())  # Python notes in a class what it has found out about it
    monkeypatch.setenv("PYTHONHASHSEED", "7")  # sets come in another order
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    code += "from test_marks import marks; print(marks())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert there.stdout.strip() == str(marks())


@pytest.mark.parametrize("function", [by_factor, cached])
def test_the_value_of_a_global_name_counts(monkeypatch, function):
    before = mark(function)
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3)
    assert mark(function) != before


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
nested = st.recursive(
    plain, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(plain, inner)
)


@given(nested, nested)
def test_plain_values_are_marked_by_what_they_are(one, other):
    assert mark(one) == mark(copy.deepcopy(one))
    assert (mark(one) == mark(other)) == (repr(one) == repr(other))


@pytest.mark.parametrize(
    "thing", [threading.Lock(), (i for i in range(3)), np.frompyfunc(lambda x: x, 1, 1)]
)
def test_what_cannot_be_told_apart_is_refused(thing):
    with pytest.raises(ValueError, match="that cannot be told from another one"):
        mark([thing])
