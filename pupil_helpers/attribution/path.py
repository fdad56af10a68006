"""The walk behind Integrated and Expected Gradients: from a baseline to the recorded pupil."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ..models.base import one_thread
from ..models.lags import TINY
from ..signals.pupil import check_pupil, fill_missing

CHUNK = 64  # trials at a time: more need more memory and are no faster


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


def prepare(net: nn.Module, pupil) -> tuple[Tensor, ...]:
    """The module's inputs for a pupil, the samples to explain first."""
    if hasattr(net, "prepare"):
        return net.prepare(pupil)
    like = next(net.parameters(), torch.zeros(()))
    return (torch.as_tensor(fill_missing(check_pupil(pupil))).to(like),)


class Task:
    """What is to be explained: which trials, regions and bins of which network."""

    def __init__(self, model, pupil, regions, bins, log):
        self.net, self.log = as_module(model), log
        self.filled, *self.given = prepare(self.net, pupil)
        with torch.no_grad():
            n_regions = self._counts(self.filled[:1], [g[:1] for g in self.given]).shape[-1]
        self.regions = np.arange(n_regions) if regions is None else np.atleast_1d(regions)
        if not set(self.regions.tolist()) <= set(range(n_regions)):
            raise ValueError(
                f"regions is {regions!r}, but the model predicts {n_regions} regions: give column "
                f"numbers from 0 to {n_regions - 1}"
            )
        self.bins = None if bins is None else self._check_bins(np.asarray(bins))

    def _check_bins(self, bins):
        n_trials, n_bins = self.filled.shape[:2]
        if bins.dtype.kind not in "iu" or bins.shape not in ((), (n_trials,)):
            raise ValueError(f"bins must be a whole number, or one for each of {n_trials} trials")
        if bins.min() < 0 or bins.max() >= n_bins:
            raise ValueError(f"bins must lie in 0 to {n_bins - 1}; they reach {bins.max()}")
        return torch.as_tensor(np.broadcast_to(bins, n_trials).copy())

    def baseline(self, baseline) -> Tensor:
        if baseline is None:
            return self.filled.mean(dim=(0, 1)).expand_as(self.filled)
        baseline = torch.as_tensor(np.asarray(baseline)).to(self.filled)
        try:
            baseline = baseline.expand_as(self.filled)
        except RuntimeError:
            raise ValueError(
                f"baseline has shape {tuple(baseline.shape)}, which cannot be spread over pupil's "
                f"{tuple(self.filled.shape)}; give one value per channel, or a whole pupil"
            ) from None
        if not torch.isfinite(baseline).all():
            raise ValueError("baseline has missing or infinite values; fill them first")
        return baseline

    def _counts(self, filled, given) -> Tensor:
        with torch.backends.cudnn.flags(enabled=False):
            return self.net(filled, *given)

    def _output(self, filled, given, bins) -> Tensor:
        """The numbers to explain, (trials, regions)."""
        counts = self._counts(filled, given)[..., self.regions]
        if self.log:
            counts = counts.clamp_min(TINY).log()
        return counts.sum(1) if bins is None else counts[torch.arange(len(counts)), bins]

    def run(self, path: Callable) -> list[np.ndarray]:
        """Values, changes, difference and distance, as in :class:`.attribution.Attribution`.

        ``path(trials)`` yields starts, each with steps: places on the way and their weights.
        """
        chunks = [slice(i, i + CHUNK) for i in range(0, len(self.filled), CHUNK)]
        with one_thread():
            parts = [self._run(trials, path(trials)) for trials in chunks]
        return [torch.cat(part).double().cpu().numpy() for part in zip(*parts, strict=True)]

    def _run(self, trials, path):
        filled, given = self.filled[trials], [g[trials] for g in self.given]
        bins = None if self.bins is None else self.bins[trials]
        values = filled.new_zeros(*filled.shape[:2], len(self.regions), 3)
        changes = torch.zeros_like(values)
        with torch.no_grad():
            end = self._output(filled, given, bins)
        difference, distance = torch.zeros_like(end), torch.zeros_like(filled)
        for start, steps in path:
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
        last = len(output) - 1
        slopes = [
            torch.autograd.grad(region, pupil, retain_graph=i < last)[0]
            for i, region in enumerate(output)
        ]
        return torch.stack(slopes, dim=2)
