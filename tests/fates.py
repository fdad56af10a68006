"""What becomes of spoiled recordings: read in a process of its own, or at once, and judged."""

import os
import re
import shutil
import signal
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mutants import FORMATS

from pupil_helpers.session import Session, SessionError

SECONDS = 20  # of computing, as read_nwb allows
MEMORY = 1.5  # times what the process takes that reads the valid file

WAY_OUT = re.compile(
    r"[;,] (if you trust it, )?(or )?(change|check|choose|close|convert|cut|delete|drop|fill|get|"
    r"give|lower|make|mend|name|put|raise|replace|save|set|sort|transpose|use)\b"
)


class Fate(NamedTuple):
    """One mutant: what was done to it, what became of it, and what that took."""

    seed: int
    spoilt: str
    outcome: str  # "read", "read: with other numbers", "refused: …", "ended: …" or "failed: …"
    kilobytes: int
    seconds: float


def outcome(read, path, valid: Session, must_match: bool = False) -> str:
    """What became of a mutant; an AssertionError if that must not be.

    ``must_match``: a file that is read all the same must hold what the valid one held.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            session = read(path)
    except (SessionError, FileNotFoundError) as error:
        message = str(error)
        assert "\n" not in message, message
        assert len(message) < 900, message
        assert path.name in message, f"names no file: {message}"
        assert WAY_OUT.search(message), f"names no way out: {message}"
        return f"refused: {message}"
    assert isinstance(session, Session)
    check_plausible(session, valid)
    if must_match:
        np.testing.assert_array_equal(session.spikes, valid.spikes)
        np.testing.assert_array_equal(session.pupil, valid.pupil)
        np.testing.assert_array_equal(session.regions, valid.regions)
    same = np.array_equal(session.spikes, valid.spikes) and np.array_equal(
        session.pupil, valid.pupil, equal_nan=True
    )
    return "read" if same else "read: with other numbers"


def check_plausible(session: Session, valid: Session) -> None:
    """What no reader may let pass, whatever the file said."""
    assert session.spikes.dtype.kind == "u"
    assert session.spikes.shape == (session.n_trials, session.n_bins, session.n_neurons)
    assert session.n_trials <= valid.n_trials + 9  # what a mutant adds
    assert session.n_neurons <= valid.n_neurons + 9
    assert len(session.trials) == session.n_trials
    assert not np.isinf(session.pupil).any()


def fates(name: str, folder: Path, seeds: Iterable[int], apart: bool = True) -> Iterator[Fate]:
    """Spoil a valid recording in as many ways as there are seeds, and read each.

    With ``apart``, in a forked process each, whose memory is measured. "ended" is the death of that
    process, which is an error of read_nwb and as such no failure; to the other formats, which are
    read in the caller's own process, it is one. So is much more memory than the valid file takes.
    """
    make, suffix = FORMATS[name]
    format = make(folder)
    valid = format.read(format.valid)  # nor must any fork import anything
    _, usual, _ = forked(lambda: outcome(format.read, format.valid, valid))
    for seed in seeds:
        path = folder / f"mutant{seed}{suffix}"
        spoilt = format.mutant(np.random.default_rng([seed]), path)

        def judged(path=path, same=format.whole and spoilt == "bytes"):
            return outcome(format.read, path, valid, same)

        fate, memory, seconds = forked(judged) if apart else (judged(), 0, 0.0)
        if memory > MEMORY * usual:
            fate = f"failed: took {memory / 1e3:.0f} MB, the valid file {usual / 1e3:.0f} MB"
        if fate.startswith("ended") and name != "nwb":
            fate = f"failed: {fate}"
        yield Fate(seed, spoilt, fate, memory, seconds)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def forked(work) -> tuple[str, int, float]:
    """What ``work()`` returns, or "failed: …" or "ended: …"; kB and seconds its process took."""
    import resource

    told, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            said = work()
        except BaseException as error:
            said = f"failed: {type(error).__name__}: {error}"
        os.write(tell, said.encode()[:4000])
        os._exit(0)
    os.close(tell)
    with open(told, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status, used = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        said = f"ended: {signal.Signals(os.WTERMSIG(status)).name}"
    said = said or f"ended: code {os.waitstatus_to_exitcode(status)}"
    return said, used.ru_maxrss, used.ru_utime + used.ru_stime
