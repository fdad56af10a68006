"""One simulated mouse and one model of it for all tests of the room."""

import pytest

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.recordings.simulate import simulate_session

REGIONS = ["SCs", "SCm", "LGd", "CA1"]  # the pupil drives the first three


@pytest.fixture(scope="package")
def session():
    return simulate_session(seed=11)


@pytest.fixture(scope="package")
def counts(session):
    return session.region_counts(REGIONS)


@pytest.fixture(scope="package")
def model(session, counts):
    encoder = PupilEncoder(bin_size=session.bin_size)
    return encoder.fit(session.pupil, counts)
