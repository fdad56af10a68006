"""One recording: what the pupil did, what the neurons did, and when.

Every other module starts from a :class:`Session`. It checks itself when it is made,
so that a wrong shape is reported here, by name, and not three chapters later.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pandas as pd

CHANNELS = ("area", "x", "y")
"""Names of the pupil channels, in the order of the last axis of ``Session.pupil``."""


class SessionError(ValueError):
    """A recording that cannot be used as it is; the message says what to change."""


@dataclass
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
        regions sum to 1, the others are 0.
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

    def __getitem__(self, name: str) -> np.ndarray:
        return getattr(self, name)


@dataclass
class Session:
    """One recording session, cut into trials and bins.

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

    Raises
    ------
    SessionError
        If a field has the wrong shape, type or values; the message names it.
    """

    pupil: np.ndarray
    spikes: np.ndarray
    regions: np.ndarray
    bin_size: float = 0.01
    trials: pd.DataFrame = None
    name: str = "unnamed session"
    start: float = -0.5
    truth: Truth | None = field(default=None, repr=False)

    def __post_init__(self):
        self.pupil = self._check_pupil(self.pupil)
        self.spikes = self._check_spikes(self.spikes)
        self.regions = np.asarray(self.regions, dtype=str)
        if self.pupil.shape[:2] != self.spikes.shape[:2]:
            self._fail(
                f"pupil has (trials, bins) = {self.pupil.shape[:2]} but spikes has "
                f"{self.spikes.shape[:2]}; cut both to the same trials and bins"
            )
        if self.regions.shape != (self.n_neurons,):
            self._fail(
                f"regions has shape {self.regions.shape}, expected ({self.n_neurons},): "
                "one name per neuron in spikes"
            )
        if not (_is_finite(self.bin_size) and self.bin_size > 0):
            self._fail(f"bin_size is {self.bin_size!r}; give the bin width in seconds, e.g. 0.01")
        if not _is_finite(self.start):
            self._fail(f"start is {self.start!r}; give the time of the first bin in seconds")
        if self.trials is None:
            self.trials = pd.DataFrame(index=pd.RangeIndex(self.n_trials))
        if not isinstance(self.trials, pd.DataFrame):
            self._fail("trials is not a pandas DataFrame; give one with a row per trial")
        if len(self.trials) != self.n_trials:
            self._fail(f"trials has {len(self.trials)} rows, expected {self.n_trials}")
        if self.truth is not None and np.shape(self.truth.rates) != self.spikes.shape:
            self._fail(
                f"truth.rates has shape {np.shape(self.truth.rates)}, expected "
                f"{self.spikes.shape} like spikes"
            )

    # -- checks ---------------------------------------------------------------------------

    def _fail(self, problem: str):
        raise SessionError(f"session {self.name!r}: {problem}.")

    def _check_pupil(self, pupil) -> np.ndarray:
        try:
            pupil = np.asarray(pupil, dtype=np.float32)
        except (TypeError, ValueError):
            self._fail("pupil is not an array of numbers; give floats, NaN where missing")
        if pupil.ndim != 3 or pupil.shape[2] != 3 or 0 in pupil.shape:
            self._fail(
                f"pupil has shape {pupil.shape}, expected (trials, bins, 3) with the channels "
                "area, x, y last (fill a channel you do not have with NaN)"
            )
        if np.isinf(pupil).any():
            self._fail("pupil has infinite values; replace missing samples by NaN")
        if np.isnan(pupil).all():
            self._fail("pupil is missing (NaN) in every sample; there is nothing to predict from")
        return pupil

    def _check_spikes(self, spikes) -> np.ndarray:
        spikes = np.asarray(spikes)
        if spikes.ndim != 3 or 0 in spikes.shape:
            self._fail(f"spikes has shape {spikes.shape}, expected (trials, bins, neurons)")
        if spikes.dtype.kind == "u":
            return spikes
        if spikes.dtype.kind not in "bif":
            self._fail(f"spikes has dtype {spikes.dtype}; give whole numbers of spikes per bin")
        if not np.isfinite(spikes).all():
            self._fail("spikes has missing or infinite values; drop those trials or neurons")
        if (spikes < 0).any() or (spikes != np.floor(spikes)).any():
            self._fail("spikes must be counts (0, 1, 2, …), not rates; give spikes per bin")
        return spikes.astype(np.uint8 if spikes.max() < 256 else np.uint32)

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

    def region_table(self) -> pd.DataFrame:
        """Neurons and mean firing rate (spikes/s per neuron) of each region, largest first."""
        rate = self.spikes.mean(axis=(0, 1)) / self.bin_size  # (neurons,)
        per_neuron = pd.DataFrame({"region": self.regions, "rate": rate})
        table = per_neuron.groupby("region")["rate"].agg(neurons="size", rate_hz="mean")
        return table.sort_values("neurons", ascending=False)

    def _check_regions(self, regions) -> list[str]:
        names = [regions] if isinstance(regions, str) else list(regions)
        absent = [name for name in names if name not in self.regions]
        if absent or not names:
            self._fail(
                f"no neurons in region(s) {', '.join(map(str, absent)) or '(none named)'}; "
                f"it has {', '.join(sorted(set(self.regions.tolist())))}"
            )
        return names

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
        names = self._check_regions(regions)
        return np.stack(
            [self.spikes[..., self.regions == name].sum(-1, dtype=np.int64) for name in names],
            axis=-1,
        )

    def true_region_rates(self, regions) -> np.ndarray:
        """True expected counts per bin of each region, (trials, bins, regions); simulated only."""
        if self.truth is None:
            self._fail("has no truth: only simulated sessions know their true rates")
        names = self._check_regions(regions)
        return np.stack(
            [self.truth.rates[..., self.regions == name].sum(-1) for name in names], axis=-1
        )

    # -- files ------------------------------------------------------------------------------

    def save(self, path) -> Path:
        """Write the session to one ``.npz`` file that holds plain arrays only (no pickle).

        The file appears under its name only when it is complete: a full disk or an
        interruption leaves whatever was there before.
        """
        path = Path(path)
        arrays = {
            "pupil": self.pupil,
            "spikes": self.spikes,
            "regions": self.regions,
            "bin_size": np.float64(self.bin_size),
            "start": np.float64(self.start),
            "name": np.str_(self.name),
        }
        for column in self.trials.columns:
            values = self.trials[column].to_numpy()
            if values.dtype.kind not in "buif":
                values = values.astype(str)
            arrays[f"trials.{column}"] = values
        if self.truth is not None:
            arrays |= {f"truth.{f.name}": getattr(self.truth, f.name) for f in fields(Truth)}
        write_npz(path, arrays)
        return path

    @classmethod
    def load(cls, path) -> Session:
        """Read a file written by :meth:`save`.

        Raises
        ------
        SessionError
            If the file is damaged, incomplete or not one of ours. Pickled objects are refused.
        """
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            columns, truth = _grouped(arrays, "trials."), _grouped(arrays, "truth.")
            return cls(
                pupil=arrays["pupil"],
                spikes=arrays["spikes"],
                regions=arrays["regions"],
                bin_size=float(arrays["bin_size"]),
                trials=pd.DataFrame(columns, index=pd.RangeIndex(len(arrays["spikes"]))),
                name=str(arrays["name"]),
                start=float(arrays["start"]),
                truth=Truth(**truth) if truth else None,
            )
        except FileNotFoundError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
            raise SessionError(
                f"{path.name} is not a readable session file ({reason}); delete it and make it "
                "again."
            ) from error


def _is_finite(number) -> bool:
    return isinstance(number, (int, float, np.number)) and bool(np.isfinite(number))


def _grouped(arrays: dict, prefix: str) -> dict:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def write_npz(path: Path, arrays: dict) -> None:
    """Write arrays to ``path`` in one step: a temporary file, then a rename."""
    # Not tempfile.mkstemp: its files are private, and a class may share one data folder.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"could not write {path.name} ({error.strerror}); free some space or choose another "
            f"folder than {path.parent}",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
