"""Recordings that are not the home mouse, written as part files: what a chapter may meet.

Their neurons fire as the simulated mouse's, so that a chapter has something to show where it can;
nothing in the files tells the truth, as in any real recording.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from neuromatch import session_fields, write_part

from pupil_helpers import Session, simulate_session

SEED = 11


def home(n_trials=114, **changes) -> Session:
    return simulate_session(SEED, n_trials=n_trials, **changes)


def fields(session: Session, pupil=None, keep=None, regions=None, spikes=None) -> dict:
    """What a part file says of a session: with another pupil, fewer neurons, other regions."""
    keep = np.ones(len(session.regions), bool) if keep is None else keep
    regions = session.regions if regions is None else regions
    spikes = (session.spikes if spikes is None else spikes)[..., keep]
    trials = session.trials
    written = {name: trials[name].to_numpy() for name in ("contrast_left", "contrast_right")}
    for name in ("response", "response_time", "feedback_time", "feedback_type", "gocue"):
        if name in trials:
            written[name] = trials[name].to_numpy()
    return session_fields(
        trials=session.n_trials,
        spks=spikes.transpose(2, 0, 1).astype(np.int8),  # (neurons, trials, bins)
        pupil=(session.pupil if pupil is None else pupil).transpose(2, 0, 1).astype(float),
        brain_area=np.asarray(regions)[keep].astype(str),
        **written,
    )


def first(session, **numbers):
    """Which neurons are among the first so many of their region; others are left out."""
    keep = np.zeros(len(session.regions), bool)
    for name, number in numbers.items():
        keep[np.flatnonzero(session.regions == name)[:number]] = True
    return keep


def three_channels():
    return fields(home(250))


def area_only():
    session = home()
    return fields(session, pupil=session.pupil[..., :1])


def weak_regions():
    """Every region sums to fewer than 35 spikes/s: there are bins in which it was never active."""
    session = home()
    return fields(session, keep=first(session, SCs=4, SCm=4, LGd=5, MRN=2, CA1=8, VISam=8))


def one_neuron():
    """One region has a single neuron."""
    session = home()
    return fields(session, keep=first(session, SCs=1, SCm=45, LGd=60, MRN=20))


def one_region():
    session = home()
    return fields(session, keep=first(session, LGd=60))


def two_regions():
    session = home()
    return fields(session, keep=first(session, SCm=45, CA1=34))


def twelve_regions():
    session = home()
    halves = np.arange(len(session.regions)) % 2
    names = [f"{name}{'ab'[half]}" for name, half in zip(session.regions, halves, strict=True)]
    return fields(session, regions=names)


def sixty_trials():
    return fields(home(60))


def nothing_driven():
    """The pupil drives no region: among the best three of a model are some that it does not
    follow at all."""
    return fields(home(kind="null"))


def silent_region():
    session = home()
    spikes = session.spikes.copy()
    spikes[..., session.regions == "SCm"] = 0
    return fields(session, spikes=spikes)


def many_gaps():
    """No pupil in 30 % of the trials."""
    session = home()
    pupil = session.pupil.copy()
    pupil[np.random.default_rng(0).permutation(session.n_trials)[: session.n_trials * 3 // 10]] = (
        np.nan
    )
    return fields(session, pupil=pupil)


def awkward():
    """Much of it at once: 60 trials, the area only, five weak regions of which one is silent and
    one a single neuron, and no pupil in some trials."""
    session = home(60)
    pupil, spikes = session.pupil[..., :1].copy(), session.spikes.copy()
    pupil[::5] = np.nan
    spikes[..., session.regions == "VISam"] = 0
    keep = first(session, SCs=4, LGd=5, MRN=1, CA1=8, VISam=8)
    return fields(session, pupil=pupil, spikes=spikes, keep=keep)


RECORDINGS = {
    made.__name__: made
    for made in (
        awkward, three_channels, area_only, weak_regions, one_neuron, one_region, two_regions,
        twelve_regions, sixty_trials, nothing_driven, silent_region, many_gaps,
    )
}  # fmt: skip


def write_recording(name: str, folder: Path) -> Path:
    """Write a recording as a part file with one session, and return the path."""
    path = Path(folder) / f"{name}.npz"
    if not path.exists():
        write_part(path, [RECORDINGS[name]()])
    return path
