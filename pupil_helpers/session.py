"""One recording: what the pupil did, what the neurons did, and when.

Every other module starts from a :class:`Session`. It checks itself when it is made,
so that a wrong shape is reported here, by name, and not three chapters later.
"""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ._files import TooLarge, array_to_column, column_to_array, one_line, read_npz, write_npz
from .checks import check_fields, wild_samples

CHANNELS = ("area", "x", "y")
"""Names of the pupil channels, in the order of the last axis of ``Session.pupil``."""

BIN_SIZE = 0.01
"""Width in seconds of the bins of the published recordings, assumed where nobody says."""

MAX_BYTES = 2 * 2**30
"""Memory that a session file may ask for, unless the caller allows more."""


_FIELDS = "pupil", "spikes", "regions", "bin_size", "start", "name", "provenance"


class SessionError(ValueError):
    """A recording that cannot be used as it is; the message says what to change."""


@dataclass(eq=False)
class Truth:
    """What generated a simulated session (see :mod:`pupil_helpers.recordings.simulate`).

    Attributes
    ----------
    rates : ndarray of float32, (trials, bins, neurons)
        Expected spikes per bin of every neuron.
    pupil : ndarray of float32, (trials, bins, 3)
        The pupil without blinks and without measurement noise.
    regions : ndarray of str, (regions,)
        Names of the rows of the fields below.
    driven : ndarray of bool, (regions,)
        Whether the pupil drives the region at all.
    channel_share : ndarray of float64, (regions, 3)
        Share of the pupil-driven variance of log rate due to each channel; rows of driven
        regions sum to 1, the others are 0. NaN, as in the next fields, where the pupil drives the
        region through what several channels say together.
    peak_lag : ndarray of float64, (regions, 3)
        Lag in seconds at which the channel acts most strongly; positive means that the
        neurons follow the pupil, negative that they lead it. NaN where it has no effect.
    lags : ndarray of float64, (lags,)
        Lags in seconds of the last axis of ``kernels``.
    kernels : ndarray of float64, (regions, 3, lags)
        Weight of the channel's feature at each lag.
    """

    rates: np.ndarray
    pupil: np.ndarray
    regions: np.ndarray
    driven: np.ndarray
    channel_share: np.ndarray
    peak_lag: np.ndarray
    lags: np.ndarray
    kernels: np.ndarray


@dataclass(eq=False)  # a session equals itself only: whether arrays are equal has no one answer
class Session:
    """One recording session, cut into trials and bins.

    ``session[trials]`` is the session with some of its trials only: a slice, a number, whole
    numbers or a boolean mask.

    Parameters
    ----------
    pupil : array_like, (trials, bins, 3)
        Pupil area, x and y (float32). Missing samples, such as blinks or a channel that was
        not recorded, are NaN; infinite values are refused.
    spikes : array_like of non-negative whole numbers, (trials, bins, neurons)
        Spike counts, stored as unsigned integers.
    regions : array_like of str, (neurons,)
        Brain region of each neuron.
    bin_size : float, default 0.01
        Width of a bin in seconds.
    trials : pandas.DataFrame, optional
        One row per trial (contrasts, response, times where known).
    name : str
        What to call the session in figures and messages.
    start : float, default -0.5
        Time of the left edge of the first bin, in seconds from stimulus onset.
    truth : Truth, optional
        What generated the session; simulated sessions only.
    provenance : dict, optional
        Where the session came from: source, file hash, reader, settings and version, as plain
        text, numbers, lists and dicts (see :mod:`pupil_helpers.recordings.provenance`).

    Raises
    ------
    SessionError
        If a field has the wrong shape, type or values; the message names it.

    Warns
    -----
    UserWarning
        If pupil samples lie absurdly far from the others (see :data:`pupil_helpers.checks.WILD`).
    """

    pupil: np.ndarray
    spikes: np.ndarray
    regions: np.ndarray
    bin_size: float = BIN_SIZE
    trials: pd.DataFrame = None
    name: str = "unnamed session"
    start: float = -0.5
    truth: Truth | None = field(default=None, repr=False)
    provenance: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        try:
            check_fields(self)
        except ValueError as error:
            self._fail(error)
        for problem in wild_samples(self.pupil, CHANNELS):
            warnings.warn(f"session {self.name!r}: {problem}", stacklevel=3)

    def _fail(self, problem):
        raise SessionError(f"session {self.name!r}: {problem}.") from None

    # -- what people ask of it --------------------------------------------------------------

    @property
    def n_trials(self) -> int:
        return self.spikes.shape[0]

    @property
    def n_bins(self) -> int:
        return self.spikes.shape[1]

    @property
    def n_neurons(self) -> int:
        return self.spikes.shape[2]

    @property
    def time(self) -> np.ndarray:
        """Centre of each bin in seconds from stimulus onset, shape (bins,)."""
        return self.start + (np.arange(self.n_bins) + 0.5) * self.bin_size

    @property
    def missing(self) -> np.ndarray:
        """Whether each pupil sample is missing, bool (trials, bins, 3)."""
        return np.isnan(self.pupil)

    def __getitem__(self, trials) -> Session:
        chosen = self._chosen(trials)  # (trials,)
        part = copy.copy(self)
        part.pupil, part.spikes = self.pupil[chosen], self.spikes[chosen]
        part.trials = self.trials.iloc[chosen].reset_index(drop=True)
        if (truth := self.truth) is not None:
            part.truth = replace(truth, rates=truth.rates[chosen], pupil=truth.pupil[chosen])
        return part

    __iter__ = None  # or Python would ask for session[0], session[1], … until an error

    def _chosen(self, trials) -> np.ndarray:
        asked = "choose trials by a slice, whole numbers or a mask, one value per trial"
        try:
            chosen = np.atleast_1d(np.arange(self.n_trials)[trials])
        except (IndexError, TypeError, ValueError) as error:
            self._fail(f"has {self.n_trials} trials, which cannot be chosen so ({error}); {asked}")
        if chosen.ndim > 1:
            self._fail(asked)
        if not chosen.size:
            self._fail(f"has {self.n_trials} trials, of which none is chosen")
        return chosen

    def region_table(self) -> pd.DataFrame:
        """Neurons and mean firing rate (spikes/s per neuron) of each region, largest first."""
        rate = self.spikes.mean(axis=(0, 1)) / self.bin_size  # (neurons,)
        per_neuron = pd.DataFrame({"region": self.regions, "rate": rate})
        table = per_neuron.groupby("region")["rate"].agg(neurons="size", rate_hz="mean")
        return table.sort_values("neurons", ascending=False)

    def region_counts(self, regions) -> np.ndarray:
        """Spike counts summed over the neurons of each region.

        Parameters
        ----------
        regions : str or sequence of str
            Region names, in the order wanted.

        Returns
        -------
        ndarray of int64, (trials, bins, regions)

        Raises
        ------
        SessionError
            If the session has no neurons in one of the regions.
        """
        return self._region_sums(self.spikes, regions, np.int64)

    def true_region_rates(self, regions) -> np.ndarray:
        """True expected counts per bin of each region, (trials, bins, regions); simulated only."""
        if self.truth is None:
            self._fail("has no truth: only simulated sessions know their true rates")
        return self._region_sums(self.truth.rates, regions)

    def _region_sums(self, values, regions, dtype=None) -> np.ndarray:
        names = [regions] if isinstance(regions, str) else list(regions)
        absent = [name for name in names if name not in self.regions]
        if absent or not names:
            self._fail(
                f"no neurons in region(s) {', '.join(map(str, absent)) or '(none named)'}; "
                f"it has {', '.join(sorted(set(self.regions.tolist())))}"
            )
        sums = [values[..., self.regions == name].sum(-1, dtype=dtype) for name in names]
        return np.stack(sums, axis=-1)

    # -- files ------------------------------------------------------------------------------

    def save(self, path, **extra) -> Path:
        """Write the session to one ``.npz`` file that holds plain arrays only (no pickle).

        The file appears under its name, as it is given, only when it is complete: a full disk or
        an interruption leaves whatever was there before. Columns of ``trials`` keep dtype and
        missing values; what is neither number, text nor date is kept as its text. ``extra`` are
        further arrays for the file, which :meth:`load` passes over.
        """
        path = Path(path).expanduser()
        arrays = {
            "pupil": self.pupil,
            "spikes": self.spikes,
            "regions": self.regions,
            "bin_size": np.float64(self.bin_size),
            "start": np.float64(self.start),
            "name": np.str_(self.name),
            "provenance": np.str_(json.dumps(self.provenance)),
        }
        arrays |= {
            f"trials.{name}": column_to_array(values) for name, values in self.trials.items()
        }
        if self.truth is not None:
            arrays |= {f"truth.{f.name}": getattr(self.truth, f.name) for f in fields(Truth)}
        write_npz(path, arrays | extra)
        return path

    @classmethod
    def load(cls, path, *, max_bytes: int = MAX_BYTES) -> Session:
        """Read a file written by :meth:`save`.

        Parameters
        ----------
        path : str or Path
        max_bytes : int, default 2 * 2**30
            Refuse a file that would unpack to more than this: a small one can fill the memory.

        Raises
        ------
        SessionError
            If the file is damaged, incomplete, too large or not one of ours. Pickled objects are
            refused.
        FileNotFoundError
            If there is no such file.
        """
        path = Path(path).expanduser()
        try:
            arrays = read_npz(path, max_bytes, _is_of_a_session)
            columns, truth = _grouped(arrays, "trials."), _grouped(arrays, "truth.")
            columns = {name: array_to_column(array) for name, array in columns.items()}
            return cls(
                pupil=arrays["pupil"],
                spikes=arrays["spikes"],
                regions=arrays["regions"],
                bin_size=float(arrays["bin_size"]),
                trials=pd.DataFrame(columns, index=pd.RangeIndex(len(arrays["spikes"]))),
                name=str(arrays["name"]),
                start=float(arrays["start"]),
                truth=Truth(**truth) if truth else None,
                provenance=json.loads(str(arrays.get("provenance", "{}"))),
            )
        except FileNotFoundError:
            raise
        except TooLarge as error:
            raise SessionError(f"{error}.") from None
        except Exception as error:  # a damaged file can fail in any way
            reason = f"no {error}" if isinstance(error, KeyError) else one_line(error)
            raise SessionError(
                f"{path.name} is not a readable session file ({reason}); delete it and make it "
                "again."
            ) from error


def _is_of_a_session(name: str) -> bool:
    """Whether an array of a file is one that :meth:`Session.load` needs."""
    return name in _FIELDS or name.startswith(("trials.", "truth."))


def _grouped(arrays: dict, prefix: str) -> dict:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
