"""One session of a Neuromatch part file: from a table of fields to a :class:`Session`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .._files import one_line
from ..session import Session, SessionError
from .unpickle import PickledArray

TRIAL_FIELDS = (
    "contrast_left",
    "contrast_right",
    "response",
    "gocue",
    "response_time",
    "feedback_time",
    "feedback_type",
)
"""Fields with one value per trial; they become the columns of ``Session.trials``."""


def built(value):
    """An array of a part file as numpy's; anything else as it is."""
    return value.build() if isinstance(value, PickledArray) else value


def table_to_session(
    table, where: str, again: str, start: float = -0.5, origin: dict | None = None
) -> Session:
    """Make a :class:`Session` of one table of a part file.

    Parameters
    ----------
    table : dict
        See :func:`pupil_helpers.recordings.steinmetz.read_tables`.
    where, again : str
        How errors begin, and how they end.
    start : float, default -0.5
        Seconds.
    origin : dict, optional
        The session's provenance.

    Raises
    ------
    SessionError
        If a field is missing or wrong; the message begins with ``where``.
    """

    def fail(name, problem):
        raise SessionError(f"{where}, field {name!r}: {problem}; {again}")

    def field(name, kinds="fiub", what="numbers") -> np.ndarray:
        if name not in table:
            fail(name, "is missing")
        try:
            array = np.asarray(built(table[name]))
            if array.dtype.kind in "OS":
                array = array.astype(str if kinds == "U" else np.float64)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            fail(name, f"does not hold {what} ({one_line(error)})")
        if array.dtype.kind not in kinds:
            fail(name, f"has dtype {array.dtype}, expected {what}")
        return array

    def one(array, name):
        if array.size != 1:
            fail(name, f"has shape {array.shape}, expected one value")
        return array.item()

    if not isinstance(table, dict):
        raise SessionError(f"{where}: is not a table of fields; {again}")

    spks = field("spks")
    if spks.ndim != 3:
        fail("spks", f"has shape {spks.shape}, expected (neurons, trials, bins)")
    n_neurons, n_trials, n_bins = spks.shape

    recorded = field("pupil")
    if recorded.shape not in {(3, n_trials, n_bins), (1, n_trials, n_bins)}:
        fail(
            "pupil",
            f"has shape {recorded.shape}, expected (3, {n_trials}, {n_bins}) for area, x, y "
            f"or (1, {n_trials}, {n_bins}) for area only, like spks {spks.shape}",
        )
    pupil = np.full((n_trials, n_bins, 3), np.nan, dtype=np.float32)
    pupil[..., : len(recorded)] = recorded.transpose(1, 2, 0)  # (T, B, 1 or 3)

    regions = field("brain_area", "U", "names")
    if regions.shape != (n_neurons,):
        fail("brain_area", f"has shape {regions.shape}, expected ({n_neurons},): one per neuron")

    if (nameless := np.char.strip(regions) == "").any():
        fail("brain_area", f"names no region for {nameless.sum()} of {n_neurons} neurons")

    trials = {}
    for name in TRIAL_FIELDS:
        values = field(name)
        if values.shape not in {(n_trials,), (n_trials, 1), (1, n_trials)}:
            fail(name, f"has shape {values.shape}, expected ({n_trials},): one value per trial")
        trials[name] = values.ravel()  # (T,)

    mouse, date = (one(field(name, "U", "text"), name) for name in ("mouse_name", "date_exp"))
    bin_size = float(one(field("bin_size"), "bin_size"))
    try:
        return Session(
            pupil=pupil,
            spikes=np.ascontiguousarray(spks.transpose(1, 2, 0)),  # (T, B, N)
            regions=regions,
            bin_size=bin_size,
            trials=pd.DataFrame(trials),
            name=f"{mouse} {date}",
            start=float(start),
            provenance=origin or {},
        )
    except SessionError as error:
        raise SessionError(f"{where}: {error}") from None
