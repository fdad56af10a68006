import logging

import pytest
from contestants import LOG, small_session


@pytest.fixture(scope="session")
def session():
    return small_session()


@pytest.fixture
def fits():
    """What the models have said while they were fitted in this process."""

    class Handler(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())

    told, handler = [], Handler()
    LOG.setLevel(logging.INFO)
    LOG.addHandler(handler)
    yield told
    LOG.removeHandler(handler)
