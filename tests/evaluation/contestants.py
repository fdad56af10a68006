"""Small models and a small session for the tests of comparisons."""

import logging
import os
import signal
import time

import numpy as np

from pupil_helpers.models.base import Encoder
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.session import Session

REGIONS = ["SCs", "CA1"]
QUIET = {"n_jobs": 1, "progress": False}
LOG = logging.getLogger("fits")  # every fit of the models below says so here


def small_session():
    return simulate_session(seed=3, n_trials=30, n_bins=40, blink_rate=0)


def changed(session, **changes):
    names = ("pupil", "spikes", "regions", "bin_size")
    return Session(**{name: getattr(session, name) for name in names} | changes)


def coarse(session):
    """The same session in bins of 20 ms."""
    spikes = session.spikes[:, ::2] + session.spikes[:, 1::2]
    return changed(session, pupil=session.pupil[:, ::2], spikes=spikes, bin_size=0.02)


class Noisy(Encoder):
    """The PSTH, times a number that depends on the seed."""

    def __init__(self, spread=0.1, seed=0):
        super().__init__()
        self.spread = spread
        self.seed = seed

    def _fit(self, pupil, counts):
        LOG.info("seed %s", self.seed)
        self.factor_ = 1 + self.spread * np.random.default_rng(self.seed).random()

    def _predict(self, pupil):
        return np.broadcast_to(self.psth_ * self.factor_, (len(pupil), *self.psth_.shape))


class Slow(Noisy):
    def _fit(self, pupil, counts):
        time.sleep(0.1)
        super()._fit(pupil, counts)


class Dying(Noisy):
    def _fit(self, pupil, counts):
        os.kill(os.getpid(), signal.SIGKILL)


class Fragile(Noisy):
    """Fails on training trials that begin with ``first``, as long as there is a file ``path``."""

    def __init__(self, first, path):
        super().__init__()
        self.first = first
        self.path = path

    def _fit(self, pupil, counts):
        if np.array_equal(pupil[0], self.first) and self.path.exists():
            raise RuntimeError("the first block\nis missing")
        super()._fit(pupil, counts)
