from logging.handlers import BufferingHandler

import pytest
from contestants import LOG, small_session


@pytest.fixture(scope="session")
def session():
    return small_session()


@pytest.fixture
def fits():
    """What the models have said while they were fitted in this process."""
    handler = BufferingHandler(capacity=10_000)
    LOG.setLevel("INFO")
    LOG.addHandler(handler)
    yield handler.buffer
    LOG.removeHandler(handler)
