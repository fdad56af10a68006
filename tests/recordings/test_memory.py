"""A block that may take little memory, and leaves no trace."""

import sys

import numpy as np
import pytest

from pupil_helpers.recordings.memory import little_memory

resource = pytest.importorskip("resource")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much a process has taken")
def test_what_takes_more_than_was_said_fails_before_it_is_there():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with little_memory(2**26):
        assert np.ones(2**26, dtype=np.uint8).all()
        with pytest.raises(MemoryError):
            np.ones(2**28, dtype=np.uint8)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert np.ones(2**28, dtype=np.uint8).all()


def test_the_limit_is_lifted_after_an_error_too():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(ZeroDivisionError), little_memory(0):
        raise ZeroDivisionError
    assert resource.getrlimit(resource.RLIMIT_AS) == before
