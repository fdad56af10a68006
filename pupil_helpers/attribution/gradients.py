"""Which pupil samples made the model predict what it predicts? Answers from gradients.

Integrated Gradients (Sundararajan, Taly & Yan 2017, doi:10.48550/arXiv.1703.01365) walks from a
reference pupil to the recorded one and adds up, along the way, how much each sample changes the
prediction. The attributions of all samples sum to the change in the prediction (completeness).

The functions take a fitted model that is one torch module inside, such as
:class:`~pupil_helpers.models.encoder.PupilEncoder`, or any ``nn.Module`` from filled pupil samples
(trials, bins, 3) to expected counts (trials, bins, regions). They run with cuDNN switched off,
because cuDNN's recurrent layers refuse to compute gradients outside training mode; call other
libraries on such networks inside ``with torch.backends.cudnn.flags(enabled=False)`` too.

What a channel contributes can also be found without gradients: see
:mod:`pupil_helpers.attribution.channels`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_pupil
from ..models.base import TINY, one_thread
from ..signals.pupil import fill_missing
from .channels import at_least_one, spread_reference

MOST_STEPS = 512
"""Integrated Gradients stops doubling its nodes here."""

CHUNK = 64  # trials at a time: more need more memory and are no faster


@dataclass
class Attribution:
    """What every pupil sample did to one output per trial and region.

    Attributes
    ----------
    values : ndarray, (trials, bins, regions, 3)
        Attribution of each sample's level: how far the channel is from the reference there.
    changes : ndarray, (trials, bins, regions, 3)
        The same total, attributed to each sample's *change* since the bin before (the first
        sample's: its distance from the reference). Levels and changes have the same sum over
        bins. Levels place it in time as suits a slow channel, changes as suits one that jumps.
    difference : ndarray, (trials, regions)
        Output for the recorded pupil minus output for the reference.
    distance : ndarray, (trials, bins, 3)
        Recorded pupil minus the reference.
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
        """Attribution of each channel, summed over bins, (trials, regions, 3)."""
        return self.values.sum(axis=1)

    @property
    def completeness_error(self) -> np.ndarray:
        """How far attributions are from summing to the difference, relative to it, (regions,).

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
    reference=None,
    n_steps: int = 128,
    tolerance: float | None = 1e-3,
    log: bool = False,
) -> Attribution:
    """Integrated Gradients of the expected counts with respect to the pupil channels.

    Parameters
    ----------
    model : Encoder with ``as_module``, or nn.Module
    pupil : array_like, (trials, bins, 3)
        Trials to explain. Gaps (NaN) are filled as the model does; *that* samples were missing
        is taken as given, for the reference too. For an ``nn.Module`` without ``prepare``, gaps
        are filled by :func:`~pupil_helpers.signals.pupil.fill_missing`.
    regions : int or sequence of int, optional
        Columns of the model's output; all by default.
    bins : int or array_like of int, (trials,), optional
        Explain the output in this bin, the same or another for each trial; by default the sum
        over bins.
    reference : array_like, broadcastable to pupil, optional
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
    at_least_one("n_steps", n_steps)
    walk = _Walk(model, pupil, regions, bins, log)
    start = spread_reference(reference, walk.filled.cpu().numpy())
    start = torch.as_tensor(start.copy()).to(walk.filled)
    while True:
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)  # on -1 to 1
        steps = list(zip((nodes + 1) / 2, weights / 2, strict=True))
        result = Attribution(*walk.run(lambda trials, s=steps: [(start[trials], s)]), n_steps)
        exact = tolerance is None or (result.completeness_error <= tolerance).all()
        if exact or 2 * n_steps > MOST_STEPS:
            return result
        n_steps *= 2


def expected_gradients(
    model, pupil, references, regions=None, bins=None, n_samples=100, log=False, seed: int = 0
) -> Attribution:
    """Gradients averaged over paths from many reference trials, instead of one mean pupil.

    Each sample draws a reference and one point of the path from there (Erion et al. 2021,
    doi:10.1038/s42256-021-00343-w); a trial's points are spread evenly. Attributions sum to the
    output minus the mean output for the references, up to the error of sampling.

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
    at_least_one("n_samples", n_samples)
    walk = _Walk(model, pupil, regions, bins, log)
    starts = _prepare(walk.net, references)[0]
    n_trials = len(walk.filled)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(starts), size=(n_samples, n_trials))
    order = rng.permuted(np.tile(np.arange(n_samples), (n_trials, 1)), axis=1).T
    places = torch.as_tensor((order + rng.random(order.shape)) / n_samples).to(walk.filled)

    def paths(trials):
        for which, place in zip(drawn[:, trials], places[:, trials, None, None], strict=True):
            yield starts[which], [(place, 1 / n_samples)]

    return Attribution(*walk.run(paths), n_samples)


def as_module(model) -> nn.Module:
    """The torch module behind a model; a module is returned as it is."""
    if isinstance(model, nn.Module):
        return model
    if not hasattr(model, "as_module"):
        raise ValueError(
            f"{type(model).__name__} has no gradients; pass a PupilEncoder or an nn.Module, or "
            "use pupil_helpers.attribution.channels, which needs predictions only"
        )
    return model.as_module()


def _prepare(net: nn.Module, pupil) -> tuple[Tensor, ...]:
    """The module's inputs for a pupil, the samples to explain first."""
    if hasattr(net, "prepare"):
        return net.prepare(pupil)
    like = next(net.parameters(), torch.zeros(()))
    return (torch.as_tensor(fill_missing(check_pupil(pupil))).to(like),)


class _Walk:
    """The way to the recorded pupil, for some trials, regions and bins of one network."""

    def __init__(self, model, pupil, regions, bins, log):
        self.net, self.log = as_module(model), log
        self.filled, *self.given = _prepare(self.net, pupil)
        n_trials, n_bins = self.filled.shape[:2]
        with torch.no_grad():
            n_regions = self._counts(self.filled[:1], [g[:1] for g in self.given]).shape[-1]
        self.regions = np.arange(n_regions) if regions is None else np.atleast_1d(regions)
        if not set(self.regions.tolist()) <= set(range(n_regions)):
            raise ValueError(
                f"regions is {regions!r}, but the model predicts {n_regions} regions: give column "
                f"numbers from 0 to {n_regions - 1}"
            )
        self.bins = None if bins is None else _check_bins(np.asarray(bins), n_trials, n_bins)

    def _counts(self, filled, given) -> Tensor:
        with torch.backends.cudnn.flags(enabled=False):
            return self.net(filled, *given)

    def _output(self, filled, given, bins) -> Tensor:
        """The numbers to explain, (trials, regions)."""
        counts = self._counts(filled, given)[..., self.regions].double()  # for small differences
        if self.log:
            counts = counts.clamp_min(TINY).log()
        return counts.sum(1) if bins is None else counts[torch.arange(len(counts)), bins]

    def run(self, paths: Callable) -> list[np.ndarray]:
        """Values, changes, difference and distance, as in :class:`Attribution`.

        ``paths(trials)`` yields starts, each with steps: places on the way and their weights.
        """
        chunks = [slice(i, i + CHUNK) for i in range(0, len(self.filled), CHUNK)]
        with one_thread():
            parts = [self._run(trials, paths(trials)) for trials in chunks]
        return [torch.cat(part).double().cpu().numpy() for part in zip(*parts, strict=True)]

    def _run(self, trials, paths):
        filled, given = self.filled[trials], [g[trials] for g in self.given]
        bins = None if self.bins is None else self.bins[trials]
        values = filled.new_zeros(*filled.shape[:2], len(self.regions), 3)
        changes = torch.zeros_like(values)
        with torch.no_grad():
            end = self._output(filled, given, bins)
        difference, distance = torch.zeros_like(end), torch.zeros_like(filled)
        for start, steps in paths:
            away = (filled - start)[:, :, None]  # (T, B, 1, 3)
            moved = away.diff(dim=1, prepend=torch.zeros_like(away[:, :1]))
            slope = torch.zeros_like(values)
            for place, weight in steps:
                slope += weight * self._slope(start + place * (filled - start), given, bins)
            values += slope * away
            # A change at one bin moves all later samples along with it.
            changes += slope.flip(1).cumsum(1).flip(1) * moved
            with torch.no_grad():
                share = sum(weight for _, weight in steps)
                difference += share * (end - self._output(start, given, bins))
            distance += share * (filled - start)
        return values, changes, difference, distance

    def _slope(self, pupil, given, bins) -> Tensor:
        """Gradient of each region's output, (trials, bins, regions, 3)."""
        pupil = pupil.detach().requires_grad_(True)
        output = self._output(pupil, given, bins).sum(0)  # trials do not mix
        slopes = [torch.autograd.grad(region, pupil, retain_graph=True)[0] for region in output]
        return torch.stack(slopes, dim=2)


def _check_bins(bins, n_trials, n_bins) -> Tensor:
    """One bin per trial, (trials,)."""
    if bins.dtype.kind not in "iu" or bins.shape not in ((), (n_trials,)):
        raise ValueError(f"bins must be a whole number, or one for each of {n_trials} trials")
    if bins.min() < 0 or bins.max() >= n_bins:
        raise ValueError(
            f"bins must lie in 0 to {n_bins - 1}; they reach from {bins.min()} to {bins.max()}"
        )
    return torch.as_tensor(np.broadcast_to(bins, n_trials).copy())
