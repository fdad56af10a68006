"""What a simulated mouse is compared in with real ones, and the real ones' stored numbers.

``benchmarks/calibration.py`` (counts) and ``benchmarks/calibration_eye.py`` (gaze and pupil area)
work the real numbers out from recordings, and store them with ``--write``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .._files import read_table

STEP = 0.05  # s between samples of gaze and area; all eyes are brought to it
GAZE_LAGS = (0.5, 1, 2, 5, 10)  # s
AREA_LAGS = (0.1, 0.5, 1, 2, 5, 10, 30, 60)  # s

COUNTS = {
    "neurons": "number of neurons",
    "rate": "mean rate (Hz per neuron)",
    "fano": "Fano factor of a trial's count (median neuron)",
    "ceiling": "split-half ceiling",
    "psth": "R² of the session's own PSTH",
    "between": "share of variance between trials",
    "lag 1": "correlation of a trial's mean with the next one's",
}
GAZE = {
    "rate": "saccades per second",
    "large rate": "those above a quarter of the SD of gaze, per second",
    "small": "size of saccades / SD of gaze: 10 % quantile",
    "median": "size of saccades / SD of gaze: median",
    "large": "size of saccades / SD of gaze: 90 % quantile",
    "horizontal": "share of saccades nearer to horizontal than to vertical",
    "axial": "axial resultant length of their directions (1: all along one axis)",
    "short wait": "interval between saccades: 10 % quantile (s)",
    "wait": "interval between saccades: median (s)",
    "long wait": "interval between saccades: 90 % quantile (s)",
    "x-y": "correlation of x and y (absolute)",
    "jitter": "robust SD of sample-to-sample change / SD of gaze",
    **{f"gaze {lag} s": f"autocorrelation of gaze after {lag} s" for lag in GAZE_LAGS},
    "missing": "share of samples missing",
    "gaps": "gaps per second",
    "gap": "length of gaps: median (s)",
    "long gap": "length of gaps: 90 % quantile (s)",
}
AREA = {
    "variation": "coefficient of variation",
    "between": "share of variance between trials",
    "smooth between": "the same, smoothed over 200 ms",
    **{f"area {lag} s": f"autocorrelation after {lag} s" for lag in AREA_LAGS},
}
TITLES = {"counts": COUNTS, "gaze": GAZE, "area": AREA}
"""What is compared, and in which statistics.

:meta hide-value:
"""


def stored_calibration(what: str | None = None) -> pd.DataFrame:
    """The stored numbers of real animals.

    Parameters
    ----------
    what : {"counts", "gaze", "area"}, optional

    Returns
    -------
    pandas.DataFrame
        By default the whole table, one number per row: ``what``, ``whose``, ``statistic``,
        ``value`` and ``source``. With ``what``: animals (for counts: regions of one animal)
        × statistics, NaN where an animal cannot show one.

    Raises
    ------
    ValueError
        If nothing of that name is stored.
    """
    table = read_table("recordings/calibration.csv")
    if what is None:
        return table
    if what not in TITLES:
        raise ValueError(f"nothing is stored about {what!r}; choose from {', '.join(TITLES)}")
    mine = table[table["what"] == what]
    wide = mine.pivot(index="whose", columns="statistic", values="value")
    wide = wide.loc[mine["whose"].unique(), list(TITLES[what])]
    return wide.rename_axis(index=None, columns=None)


def windows(counts, width: int = 10) -> np.ndarray:
    """Sums over every ``width`` bins in a row, (trials, bins - width + 1, ...)."""
    summed = np.cumsum(counts, axis=1, dtype=float)
    summed = np.concatenate([np.zeros_like(summed[:, :1]), summed], axis=1)
    return summed[:, width:] - summed[:, :-width]


def count_statistics(spikes, bin_size: float = 0.01) -> dict:
    """The statistics ``COUNTS`` of one region's neurons, but for the ceiling.

    All but the first three are about the region's summed counts in windows of ten bins.

    Parameters
    ----------
    spikes : ndarray, (trials, bins, neurons)
    bin_size : float, default 0.01
        Seconds.
    """
    of_trial = spikes.sum(1, dtype=float)  # (trials, neurons)
    firing = of_trial[:, of_trial.any(0)]
    region = windows(spikes).sum(-1)  # (trials, windows)
    total = ((region - region.mean()) ** 2).sum()
    mean = region.mean(1)  # (trials,)
    return {
        "neurons": spikes.shape[-1],
        "rate": spikes.mean() / bin_size,
        "fano": np.median(firing.var(0, ddof=1) / firing.mean(0)),
        "psth": 1 - ((region - region.mean(0)) ** 2).sum() / total,
        "between": region.shape[1] * ((mean - mean.mean()) ** 2).sum() / total,
        "lag 1": np.corrcoef(mean[:-1], mean[1:])[0, 1],
    }


def gaze_statistics(xy) -> dict:
    """The statistics ``GAZE`` of x and y, (samples, 2), every 0.05 s, NaN in gaps.

    A saccade is where gaze changes from one sample to the next by more than 4 robust SDs of such
    changes; two are one if less than 0.15 s apart.
    """
    spread = np.nanstd(xy, axis=0)
    size = np.hypot(*spread)
    change = np.diff(xy, axis=0)
    middle = np.nanmedian(change, axis=0)
    jitter = np.nanmedian(np.abs(change - middle), axis=0) / 0.6745
    fast = np.flatnonzero(np.hypot(*(change / (4 * jitter)).T) > 1)  # False where NaN
    runs = np.split(fast, np.flatnonzero(np.diff(fast) > 2) + 1)
    begin, end = (np.array([run[i] for run in runs]) for i in (0, -1))
    move = xy[end + 1] - xy[begin]
    seen = np.isfinite(move).all(axis=1)
    move, begin = move[seen], begin[seen]
    small, median, large = np.quantile(np.hypot(*move.T) / size, [0.1, 0.5, 0.9])
    short, wait, long = np.quantile(np.diff(begin) * STEP, [0.1, 0.5, 0.9])
    duration = np.isfinite(xy[:, 0]).sum() * STEP
    missing = np.isnan(xy[:, 0])
    edges = np.flatnonzero(np.diff(missing.astype(int), prepend=0, append=0))
    gaps = (edges[1::2] - edges[::2]) * STEP
    gap, long_gap = np.quantile(gaps, [0.5, 0.9]) if len(gaps) else (0.0, 0.0)
    return {
        "rate": len(move) / duration,
        "large rate": (np.hypot(*move.T) > size / 4).sum() / duration,
        "small": small,
        "median": median,
        "large": large,
        "horizontal": (np.abs(move[:, 0]) > np.abs(move[:, 1])).mean(),
        "axial": np.abs(np.exp(2j * np.arctan2(move[:, 1], move[:, 0])).mean()),
        "short wait": short,
        "wait": wait,
        "long wait": long,
        "x-y": abs(pd.Series(xy[:, 0]).corr(pd.Series(xy[:, 1]))),
        "jitter": (jitter / spread).mean(),
        **{f"gaze {lag} s": np.mean([_persistence(a, lag) for a in xy.T]) for lag in GAZE_LAGS},
        "missing": missing.mean(),
        "gaps": len(gaps) / (len(xy) * STEP),
        "gap": gap,
        "long gap": long_gap,
    }


def area_statistics(trace, trials=None) -> dict:
    """The statistics ``AREA`` of the pupil's area, without its lowest and highest percent.

    (Trackers lose small pupils now and then.)

    Parameters
    ----------
    trace : ndarray, (samples,)
        Every 0.05 s, NaN in gaps.
    trials : ndarray, (trials, bins of 10 ms), optional
        The same cut into trials; without it the shares of variance are left out.
    """
    trace = np.clip(trace, *np.nanquantile(trace, [0.01, 0.99]))
    found = {"variation": np.nanstd(trace) / np.nanmean(trace)}
    if trials is not None:
        trials = np.clip(trials, *np.quantile(trials, [0.01, 0.99]))
        found["between"] = trials.mean(axis=1).var() / trials.var()
        smooth = np.lib.stride_tricks.sliding_window_view(trials, 20, axis=1).mean(axis=-1)
        found["smooth between"] = smooth.mean(axis=1).var() / smooth.var()
    return found | {f"area {lag} s": _persistence(trace, lag) for lag in AREA_LAGS}


def every_step(trace) -> np.ndarray:
    """From 100 Hz to 20 Hz: medians of five."""
    return np.median(trace[: len(trace) // 5 * 5].reshape(-1, 5), axis=1)


def _persistence(trace, lag) -> float:
    return pd.Series(trace).autocorr(round(lag / STEP))
