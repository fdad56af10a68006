"""Which pupil samples made the model predict what it predicts? Answers from gradients.

Integrated Gradients (Sundararajan, Taly & Yan 2017, doi:10.48550/arXiv.1703.01365) walks from a
baseline pupil to the recorded one and adds up, along the way, how much each sample changes the
prediction. The credits of all samples sum to the change in the prediction (completeness).

The functions take a fitted :class:`~pupil_helpers.models.encoder.PupilEncoder`, or any ``nn.Module``
from filled pupil samples (trials, bins, 3) to expected counts (trials, bins, regions). They run
with cuDNN switched off, because cuDNN's recurrent layers refuse to compute gradients outside
training mode; call other libraries on such networks inside
``with torch.backends.cudnn.flags(enabled=False)`` too.

What a channel contributes can also be found without gradients: see
:mod:`pupil_helpers.attribution.channels`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import uniform_filter1d

from ..signals.pupil import check_pupil
from .path import Task, as_module, prepare

MOST_STEPS = 512
"""Integrated Gradients stops doubling its nodes here."""


@dataclass
class Attribution:
    """Credit given to every pupil sample for one output per trial and region.

    Attributes
    ----------
    values : ndarray, (trials, bins, regions, 3)
        Credit of each sample's level: how far the channel is from the baseline there.
    changes : ndarray, (trials, bins, regions, 3)
        The same credit, given to each sample's *change* since the bin before (the first
        sample's: its distance from the baseline). Levels and changes have the same sum over bins.
        Levels place credit in time as suits a slow channel, changes as suits one that jumps.
    difference : ndarray, (trials, regions)
        Output for the recorded pupil minus output for the baseline.
    distance : ndarray, (trials, bins, 3)
        Recorded pupil minus the baseline.
    n_steps : int
        Points on the way at which gradients were taken.
    """

    values: np.ndarray
    changes: np.ndarray
    difference: np.ndarray
    distance: np.ndarray
    n_steps: int

    @property
    def by_channel(self) -> np.ndarray:
        """Credit of each channel, summed over bins, (trials, regions, 3)."""
        return self.values.sum(axis=1)

    @property
    def completeness_error(self) -> np.ndarray:
        """How far credits are from summing to the difference, relative to it, (regions,).

        Both averaged over trials, as absolute values. 0 where the output does not depend on the
        pupil at all.
        """
        missed = np.abs(self.by_channel.sum(axis=-1) - self.difference).mean(axis=0)
        return missed / np.maximum(np.abs(self.difference).mean(axis=0), 1e-12)


def integrated_gradients(
    model,
    pupil,
    regions=None,
    bins=None,
    baseline=None,
    n_steps: int = 128,
    tolerance: float | None = 1e-3,
    log: bool = False,
) -> Attribution:
    """Integrated Gradients of the expected counts with respect to the pupil channels.

    Parameters
    ----------
    model : PupilEncoder or nn.Module
    pupil : array_like, (trials, bins, 3)
        Trials to explain. Gaps (NaN) are filled as the model does; *that* samples were missing
        is taken as given, for the baseline too.
    regions : int or sequence of int, optional
        Columns of the model's output; all by default.
    bins : int or array_like of int, (trials,), optional
        Explain the output in this bin, the same or another for each trial; by default the sum
        over bins.
    baseline : array_like, broadcastable to pupil, optional
        Pupil from which the path starts; by default each channel's mean over ``pupil``: an eye
        that is average and still.
    n_steps : int, default 128
        Gauss–Legendre nodes. Rectified units put kinks into the integrand, which take more
        nodes than a smooth network would.
    tolerance : float or None, default 1e-3
        Nodes are doubled, up to :data:`MOST_STEPS`, as long as a region's completeness error is
        larger. None: never.
    log : bool, default False
        Explain the logarithm of the expected counts, in which influences that multiply add up.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If an argument does not fit the model or the pupil.
    """
    _at_least_one("n_steps", n_steps)
    task = Task(model, pupil, regions, bins, log)
    start = task.baseline(baseline)
    while True:
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)  # on -1 to 1
        steps = list(zip((nodes + 1) / 2, weights / 2, strict=True))
        result = Attribution(*task.run(lambda t, s=steps: [(start[t], s)]), n_steps)
        exact = tolerance is None or (result.completeness_error <= tolerance).all()
        if exact or 2 * n_steps > MOST_STEPS:
            return result
        n_steps *= 2


def expected_gradients(
    model, pupil, references, regions=None, bins=None, n_samples=100, log=False, seed: int = 0
) -> Attribution:
    """Gradients averaged over paths from many reference trials, instead of one mean pupil.

    Each sample draws a reference and one point of the path from there (Erion et al. 2021,
    doi:10.1038/s42256-021-00343-w); a trial's points are spread evenly. Credits sum to the output
    minus the mean output for the references, up to the error of sampling.

    Parameters
    ----------
    model, pupil, regions, bins, log
        As in :func:`integrated_gradients`.
    references : array_like, (n, bins, 3)
        Pupils to compare with, usually training trials.
    n_samples : int, default 100
        References drawn for each trial.
    seed : int, default 0

    Returns
    -------
    Attribution
    """
    _at_least_one("n_samples", n_samples)
    task = Task(model, pupil, regions, bins, log)
    others = prepare(task.net, references)[0]
    n_trials = len(task.filled)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(others), size=(n_samples, n_trials))
    order = rng.permuted(np.tile(np.arange(n_samples), (n_trials, 1)), axis=1).T
    alphas = torch.as_tensor((order + rng.random(order.shape)) / n_samples).to(task.filled)

    def path(trials):
        for which, alpha in zip(drawn[:, trials], alphas[:, trials, None, None], strict=True):
            yield others[which], [(alpha, 1 / n_samples)]

    return Attribution(*task.run(path), n_samples)


@dataclass
class LagProfile:
    """Credit by lag between the pupil and the explained bin.

    Attributes
    ----------
    lags : ndarray, (lags,)
        Seconds; positive where the pupil's past is credited, so that neurons follow the pupil.
    values : ndarray, (lags, regions, 3)
        Credit of levels per unit of distance from the baseline: the weights, if the model were
        a weighted sum. Fitted to the explained bins by least squares.
    changes : ndarray, (lags, regions, 3)
        Credit of changes per unit of change in either direction: total credit over total change.
    by_channel : ndarray, (events, regions, 3)
        Credit of each channel for every explained bin, summed over all lags.
    completeness_error : ndarray, (regions,)
        As in :class:`Attribution`, averaged over draws.
    """

    lags: np.ndarray
    values: np.ndarray
    changes: np.ndarray
    by_channel: np.ndarray
    completeness_error: np.ndarray

    def peak_lag(self, width: int = 5) -> np.ndarray:
        """Lag in seconds at which changes get most credit, of either sign, (regions, 3).

        The profile is averaged over ``width`` bins first. For x and y, which jump: where within
        its slow waves the area's credit goes is up to the network, and
        :func:`pupil_helpers.attribution.channels.lag_correlation` finds its lag better. NaN without credit.
        """
        smooth = np.abs(uniform_filter1d(self.changes, width, axis=0))
        return np.where(smooth.any(axis=0), self.lags[smooth.argmax(axis=0)], np.nan)


def lag_profile(
    model,
    pupil,
    regions=None,
    reach=(-0.5, 0.8),
    n_draws: int = 2,
    baseline=None,
    n_steps: int = 32,
    log: bool = True,
    bin_size: float = 0.01,
    seed: int = 0,
) -> LagProfile:
    """How much the prediction owes to the pupil so many seconds before (or after).

    Explains one random bin of every trial, ``n_draws`` times. A bin's output depends on its own
    trial only, so that one backward pass serves all trials, each with a target of its own.

    Parameters
    ----------
    model, pupil, regions, baseline, log
        As in :func:`integrated_gradients`.
    reach : (float, float), default (-0.5, 0.8)
        Smallest and largest lag in seconds. Explained bins are far enough from the trial's ends
        for all lags to lie within it.
    n_draws : int, default 2
        Bins explained in each trial.
    n_steps : int, default 32
        Fewer than for a single trial, because errors average out over the explained bins.
    bin_size : float, default 0.01
        Seconds.
    seed : int, default 0

    Returns
    -------
    LagProfile

    Raises
    ------
    ValueError
        If the trials are too short for the lags.
    """
    _at_least_one("n_draws", n_draws)
    n_trials, n_bins = check_pupil(pupil).shape[:2]
    lags = np.arange(round(reach[0] / bin_size), round(reach[1] / bin_size) + 1)
    first, last = max(lags[-1:].max(initial=0), 0), n_bins - 1 + min(lags[:1].min(initial=0), 0)
    if not len(lags) or first > last:
        raise ValueError(
            f"reach is {reach} s, but trials last {n_bins * bin_size:g} s; give lags from low to "
            "high that fit into a trial together"
        )
    net, rng = as_module(model), np.random.default_rng(seed)
    draws, errors = [], []
    for _ in range(n_draws):
        bins = rng.integers(first, last + 1, n_trials)
        part = integrated_gradients(net, pupil, regions, bins, baseline, n_steps, None, log)
        moved = np.diff(part.distance, axis=1, prepend=0)
        at = (np.arange(n_trials)[:, None], bins[:, None] - lags)  # each (trials, lags)
        by_lag = part.values[at], part.changes[at], part.distance[at], moved[at]
        draws.append((*by_lag, part.by_channel))
        errors.append(part.completeness_error)
    values, changes, distance, moved, by_channel = map(np.concatenate, zip(*draws, strict=True))
    distance, moved = distance[:, :, None], np.abs(moved)[:, :, None]  # (events, lags, 1, 3)
    values = (values * distance).sum(axis=0) / np.maximum((distance**2).sum(axis=0), 1e-12)
    changes = changes.sum(axis=0) / np.maximum(moved.sum(axis=0), 1e-12)
    return LagProfile(lags * bin_size, values, changes, by_channel, np.mean(errors, axis=0))


def randomised(model, layers: Sequence[str] = ("readout", "rnn", "stem"), seed: int = 0):
    """A copy of a fitted model with the weights of some layers shuffled.

    The model-randomisation check of Adebayo et al. (2018, doi:10.48550/arXiv.1810.03292): an
    explanation that stays the same when the weights are scrambled does not explain the model.
    Shuffling within each weight array keeps the sizes of the weights. (A freshly drawn network
    would not do: the readout starts at 0, and its attributions with it.)

    Parameters
    ----------
    model : PupilEncoder
        Fitted; it is left as it is.
    layers : sequence of {"readout", "rnn", "stem"}
        Which to shuffle; all by default.
    seed : int, default 0

    Returns
    -------
    PupilEncoder

    Raises
    ------
    ValueError
        If the network has no such layer.
    """
    shuffled = copy.deepcopy(as_module(model).model)
    generator = torch.Generator().manual_seed(seed)
    parameters = dict(shuffled.net_.named_parameters())
    for layer in layers:
        chosen = [p for name, p in parameters.items() if name.split(".")[0] == layer]
        if not chosen:
            known = sorted({name.split(".")[0] for name in parameters})
            raise ValueError(f"no layer named {layer!r}; this network has {', '.join(known)}")
        for weights in chosen:
            for member in weights.data:  # a view
                order = torch.randperm(member.numel(), generator=generator)
                member.copy_(member.flatten()[order.to(member.device)].view_as(member))
    return shuffled


def _at_least_one(name, number):
    if number < 1:
        raise ValueError(f"{name} is {number}; give at least 1")
