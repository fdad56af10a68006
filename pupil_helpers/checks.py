"""What a :class:`~pupil_helpers.session.Session` refuses, and what it warns of.

Each check raises a ``ValueError`` that names the field, what is wrong and what to do; the session
puts its own name before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

WILD = 1000
"""A pupil sample is reported when it is this many times as far from its channel's median as usual.

Real recordings have outliers: the area of mouse Cori (Steinmetz et al. 2019) strays 500 times."""


def check_fields(session) -> None:
    """Give the fields of a session their types; raise a ``ValueError`` about the first bad one."""
    pupil = session.pupil = check_pupil(session.pupil)
    spikes = session.spikes = check_spikes(session.spikes)
    regions = session.regions = as_array("regions", session.regions, "names, one per neuron", str)
    n_trials, _, n_neurons = spikes.shape
    if np.isnan(pupil).all():
        raise ValueError("pupil is missing (NaN) in every sample; there is nothing to predict from")
    if pupil.shape[:2] != spikes.shape[:2]:
        raise ValueError(
            f"pupil has (trials, bins) = {pupil.shape[:2]} but spikes has {spikes.shape[:2]}; cut "
            "both to the same trials and bins"
        )
    if regions.shape != (n_neurons,):
        raise ValueError(
            f"regions has shape {regions.shape}, expected ({n_neurons},): one name per neuron in "
            "spikes"
        )
    if not (_is_finite(session.bin_size) and session.bin_size > 0):
        raise ValueError(
            f"bin_size is {session.bin_size!r}; give the bin width in seconds, e.g. 0.01"
        )
    if not _is_finite(session.start):
        raise ValueError(f"start is {session.start!r}; give the time of the first bin in seconds")
    if session.trials is None:
        session.trials = pd.DataFrame(index=pd.RangeIndex(n_trials))
    if not isinstance(session.trials, pd.DataFrame):
        raise ValueError("trials is not a pandas DataFrame; give one with a row per trial")
    if len(session.trials) != n_trials:
        raise ValueError(f"trials has {len(session.trials)} rows, expected {n_trials}")
    if session.truth is not None and np.shape(session.truth.rates) != spikes.shape:
        raise ValueError(
            f"truth.rates has shape {np.shape(session.truth.rates)}, expected {spikes.shape} like "
            "spikes"
        )


def as_array(name: str, values, expected: str, dtype=None) -> np.ndarray:
    """``values`` as an array; a ``ValueError`` if they are ragged, text or too large."""
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused so
            return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is not an array of {expected}") from None


def check_pupil(pupil) -> np.ndarray:
    """The pupil as float32, (trials, bins, 3)."""
    pupil = as_array("pupil", pupil, "numbers; give floats, NaN where missing", np.float32)
    if pupil.ndim != 3 or pupil.shape[2] != 3 or 0 in pupil.shape:
        raise ValueError(
            f"pupil has shape {pupil.shape}, expected (trials, bins, 3) with the channels "
            "area, x, y last (fill a channel you do not have with NaN)"
        )
    if np.isinf(pupil).any():
        raise ValueError("pupil has infinite values; replace missing samples by NaN")
    return pupil


def check_spikes(spikes) -> np.ndarray:
    """The counts as unsigned integers, (trials, bins, neurons)."""
    spikes = as_array("spikes", spikes, "counts; give whole numbers of spikes per bin")
    kind = spikes.dtype.kind
    if spikes.ndim != 3 or 0 in spikes.shape:
        raise ValueError(f"spikes has shape {spikes.shape}, expected (trials, bins, neurons)")
    if kind not in "buif":
        raise ValueError(f"spikes has dtype {spikes.dtype}; give whole numbers of spikes per bin")
    if kind == "f" and not np.isfinite(spikes).all():
        raise ValueError("spikes has missing or infinite values; drop those trials or neurons")
    if (kind in "if" and (spikes < 0).any()) or (kind == "f" and (spikes % 1).any()):
        raise ValueError("spikes must be counts (0, 1, 2, …), not rates; give spikes per bin")
    most = int(spikes.max())
    if most >= 2**32:
        raise ValueError(f"spikes has a count of {most} in one bin; give spikes per bin")
    return spikes if kind == "u" else spikes.astype(np.uint8 if most < 256 else np.uint32)


def wild_samples(pupil: np.ndarray, channels: tuple[str, ...]) -> Iterator[str]:
    """A sentence on each channel that has samples absurdly far from the others (see ``WILD``).

    The distance that is usual is the robust SD (1.4826 times the median absolute deviation) or,
    where that is more, a tenth of the median: in a short recording the eye may rest.
    """
    for name, channel in zip(channels, np.moveaxis(pupil, 2, 0), strict=True):
        there = channel[~np.isnan(channel)].astype(float)  # (samples,)
        if not there.size:
            continue
        median = np.median(there)
        usual = max(1.4826 * np.median(np.abs(there - median)), 0.1 * abs(median))
        wild = np.abs(channel - median) > WILD * usual  # (trials, bins)
        if usual > 0 and wild.any():
            trials = np.flatnonzero(wild.any(axis=1))
            yield (
                f"channel {name} of pupil has {wild.sum()} wild sample(s) in {len(trials)} "
                f"trial(s), first in trial {trials[0]}, such as {channel[wild][0]:.3g} where the "
                f"median is {median:.3g}; set them to NaN (missing), or drop those trials"
            )


def _is_finite(number) -> bool:
    try:
        return isinstance(number, int | float | np.number) and bool(np.isfinite(float(number)))
    except (OverflowError, TypeError):  # more than a float can hold; a complex number
        return False
