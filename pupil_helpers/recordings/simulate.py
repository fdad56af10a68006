"""A simulated mouse whose every dependence on the pupil is known.

The simulation runs in continuous time (one sample per bin) and is then cut into trials, so
that slow signals run on between trials as they do in a real recording:

1. trials: contrasts, go cue, response and feedback times;
2. the eye: fixations and saccades in x and y, an area with 1/f arousal and phasic dilations
   (:mod:`pupil_helpers.recordings.eye`);
3. one drive per region: kernels over lags applied to pupil features, or signals that have
   nothing to do with the pupil (:mod:`pupil_helpers.recordings.drives`); which, the kind of mouse
   says (:mod:`pupil_helpers.recordings.kinds`);
4. neurons: base rate x exp(loading x drive), times a private gain that wanders from trial to
   trial (this makes counts over-dispersed but is not shared), then Poisson spikes.

The statistics of the counts are set to those of a real session (Steinmetz et al. 2019,
Lederberg 2017-12-06, Neuromatch index 12); ``benchmarks/calibration.py`` prints both.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from ..session import BIN_SIZE, Session, Truth
from .drives import Eye, hidden_drive, kernel_lags, pupil_drive, shared_gain
from .eye import film_eye, move_eye
from .kinds import kind_of_mouse
from .provenance import provenance


def simulate_session(
    seed: int = 0,
    n_trials: int | None = None,
    n_bins: int = 250,
    bin_size: float = BIN_SIZE,
    start: float = -0.5,
    drive_scale: float = 1.0,
    noise_scale: float = 1.0,
    blink_rate: float = 0.05,
    kind: str = "home",
) -> Session:
    """Simulate one recording session with known truth.

    Parameters
    ----------
    seed : int, default 0
        The same seed gives the same session; another seed gives another mouse (other tuning
        directions, other neurons) with the same kinds of regions.
    n_trials : int, optional
        By default the kind's: 300, or 60 for "few trials".
    n_bins : int, default 250
        Bins in each trial.
    bin_size : float, default 0.01
        Width of a bin in seconds.
    start : float, default -0.5
        Time of the first bin in seconds from stimulus onset.
    drive_scale : float, default 1.0
        Multiplies the shared fluctuations of every region (0: none, only PSTHs are left).
    noise_scale : float, default 1.0
        Multiplies each neuron's private gain fluctuations.
    blink_rate : float, default 0.05
        Blinks per second. During a blink all three channels are missing (NaN).
    kind : str, default "home"
        A name in :data:`pupil_helpers.recordings.kinds.KINDS`, or several joined by " + ":
        home, memory, unforeseen, private gains, few trials, few neurons, null.

    Returns
    -------
    Session
        With ``truth`` set. Pupil area is in arbitrary units, x and y in camera pixels. True rates
        are what the pupil, the stimulus and hidden signals make of each neuron's rate, without
        the gains that neurons have of their own or ("private gains") in common.

    Raises
    ------
    ValueError
        If a size, rate or scale is not positive (scales and blink rate may be 0), or the kind is
        unknown or contradicts itself.
    """
    settings = locals().copy()
    mouse = kind_of_mouse(kind)
    regions = mouse.regions()
    n_trials = (mouse.n_trials or 300) if n_trials is None else n_trials
    scales = {"drive_scale": drive_scale, "noise_scale": noise_scale, "blink_rate": blink_rate}
    _check({"n_trials": n_trials, "n_bins": n_bins}, bin_size, start, scales)
    rng = np.random.default_rng(seed)
    trials, windows, n_samples = _trials(rng, n_trials, n_bins, bin_size, start)
    clean = move_eye(rng, n_samples, bin_size, trials)  # (samples, 3)
    eye = Eye(clean, bin_size)
    time = start + np.arange(n_bins) * bin_size  # s from stimulus onset
    early, late = _bump(time, rise=0.08), _bump(time, rise=0.4)  # (bins,)
    contrast = trials[["contrast_left", "contrast_right"]].max(axis=1).to_numpy()[:, None]
    lags = kernel_lags(bin_size)

    parts = []  # of each region
    for region in regions.values():
        if region.kernels:
            drive, share, peak, kernel = pupil_drive(rng, region, eye, windows)
        else:
            drive = hidden_drive(rng, region, windows, n_samples, bin_size, late * contrast)
            share, peak, kernel = np.zeros(3), np.full(3, np.nan), np.zeros((3, len(lags)))
        drive = drive_scale * drive + region.psth * early
        gain = shared_gain(rng, mouse.gains or (), windows, n_samples, bin_size)
        rate, counts = _neurons(rng, region, drive, gain, noise_scale, bin_size)
        parts.append((rate, counts, share, peak, kernel))
    rates, spikes, shares, peaks, kernels = zip(*parts, strict=True)

    driven = np.array([drive_scale > 0 and not region.hidden for region in regions.values()])
    truth = Truth(
        rates=np.concatenate(rates, axis=-1),
        pupil=clean[windows].astype(np.float32),
        regions=np.array(list(regions)),
        driven=driven,
        channel_share=np.where(driven[:, None], shares, 0.0),
        peak_lag=np.where(driven[:, None], peaks, np.nan),
        lags=lags,
        kernels=np.where(driven[:, None, None], drive_scale * np.array(kernels), 0.0),
    )
    return Session(
        pupil=film_eye(rng, clean, bin_size, blink_rate)[windows],
        spikes=np.concatenate(spikes, axis=-1),
        regions=np.repeat(truth.regions, [region.neurons for region in regions.values()]),
        bin_size=bin_size,
        trials=trials,
        name=f"simulated mouse {seed}" + (f" ({kind})" if kind != "home" else ""),
        start=start,
        truth=truth,
        provenance=provenance("simulated", "", "simulate_session", _plain(settings)),
    )


def _plain(settings: dict) -> dict:
    """Settings as plain numbers and text, which a file can keep."""
    plain = {
        name: getattr(value, "item", lambda value=value: value)()
        for name, value in settings.items()
    }
    return {
        name: value if value is None or isinstance(value, int | float | str) else repr(value)
        for name, value in plain.items()
    }


def _check(sizes: dict, bin_size: float, start: float, scales: dict) -> None:
    for name, value in sizes.items():
        if not isinstance(value, (int, np.integer)) or value < 2:
            raise ValueError(f"{name} is {value!r}; give a whole number of at least 2")
    if not (np.isfinite(bin_size) and bin_size > 0):
        raise ValueError(f"bin_size is {bin_size}; give a positive width in seconds")
    if not np.isfinite(start):
        raise ValueError(f"start is {start}; give the time of the first bin in seconds")
    for name, value in scales.items():
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; give 0 or a positive number")


def _trials(rng, n_trials, n_bins, bin_size, start):
    """Trial table, the samples of each trial's bins (trials, bins), and the session's length."""
    length = n_bins * bin_size
    gaps = rng.uniform(1.0, 3.5, n_trials)  # s between one trial's window and the next
    onset = np.cumsum(length + gaps) - length - start  # s from session start to stimulus
    contrasts = np.array([0.0, 0.25, 0.5, 1.0])
    left, right = rng.choice(contrasts, n_trials), rng.choice(contrasts, n_trials)
    go_cue = rng.uniform(0.5, 0.9, n_trials)
    evidence = 4 * (left - right) + rng.logistic(size=n_trials)
    response = np.where(rng.random(n_trials) < 0.12, 0, np.sign(evidence)).astype(int)
    response_time = go_cue + rng.gamma(3.0, 0.1, n_trials)
    side = np.sign(left - right)
    correct = (response == side) | ((side == 0) & (rng.random(n_trials) < 0.5))
    trials = pd.DataFrame(
        {
            "stimulus_time": onset,
            "contrast_left": left,
            "contrast_right": right,
            "gocue": go_cue,
            "response": response,
            "response_time": response_time,
            "feedback_time": response_time + 0.03,
            "feedback_type": np.where(correct, 1, -1),
        }
    )
    first = np.round((onset + start) / bin_size).astype(int)
    windows = first[:, None] + np.arange(n_bins)
    return trials, windows, windows.max() + max(round(5 / bin_size), 1)


def _bump(time, rise):
    """Response to a stimulus at time 0: silent for 50 ms, then up to 1 within ``rise`` s."""
    t = np.maximum(time - 0.05, 0) / rise
    return t * np.exp(1 - t)


def _neurons(rng, region, drive, shared, noise_scale, bin_size):
    """True rates (expected spikes per bin) and counts of a region, (trials, bins, neurons)."""
    n_trials = len(drive)
    base = rng.gamma(2.0, 0.5, region.neurons) + 0.05
    base *= region.rate * bin_size / base.mean()
    loading = rng.uniform(0.5, 1.5, region.neurons)
    rates = np.exp(drive[..., None].astype(np.float32) * loading.astype(np.float32))
    rates *= (base / rates.mean(axis=(0, 1), dtype=np.float64)).astype(np.float32)

    memory = region.gain_memory
    noise = rng.normal(size=(n_trials, region.neurons)) * np.sqrt(1 - memory**2)
    noise[0] = rng.normal(size=region.neurons)
    log_gain = noise_scale * region.gain * lfilter([1.0], [1.0, -memory], noise, axis=0)
    gain = np.exp(log_gain - (noise_scale * region.gain) ** 2 / 2).astype(np.float32)
    gain = gain[:, None] * shared[..., None].astype(np.float32)  # (trials, bins, neurons)
    return rates, _poisson(rng, rates * gain)


def _poisson(rng, expected):
    """Poisson counts: scatter a Poisson number of spikes in proportion to ``expected``.

    Exactly equivalent to drawing every bin on its own, and several times faster when most
    bins are empty.
    """
    cumulative = np.cumsum(expected.ravel(), dtype=np.float64)
    n_spikes = rng.poisson(cumulative[-1])
    where = np.searchsorted(cumulative, np.sort(rng.random(n_spikes)) * cumulative[-1])
    counts = np.bincount(np.minimum(where, expected.size - 1), minlength=expected.size)
    return counts.astype(np.min_scalar_type(counts.max())).reshape(expected.shape)
