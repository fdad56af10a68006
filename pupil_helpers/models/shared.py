"""Many mice, one model: a core that all sessions share, and a readout for each.

The core is all of the default network before its last linear map: the components of the filtered
features, the stem and the recurrence. Trained on many sessions at once, it knows how regions may
listen to an eye, and a new session has only a readout left to teach it. So do the winners of
Sensorium 2023 (Turishcheva et al. 2024, doi:10.48550/arXiv.2407.09100) and POYO (Azabou et al.
2023, doi:10.48550/arXiv.2310.16046).

It helps a mouse with few trials if the core has met mice like it, and not otherwise
(``benchmarks/shared_core.py``).

Both trainings are the default's (:func:`~pupil_helpers.models.ensemble.train_members`): that of the
core with the trials of all sessions in one heap, that of a new session with its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..signals.pupil import FEATURES
from ..signals.splits import Split, inner_blocks
from .base import TINY, check_pair, one_thread
from .encoder import PupilEncoder
from .ensemble import train_members
from .lags import LagFilters, pool
from .network import EncoderNet

CORE = ("inputs.directions", "net.stem", "net.recurrence")
"""How the names of the core's parameters begin."""
SEEN = 600
"""Trials, of all sessions together, in which the components of the features are looked for."""


class JointNet(EncoderNet):
    """One core and a readout for each session: (M, T, S, inputs + 1) -> (M, T, S, R).

    The last input is the number of the trial's session. All sessions have R regions; ``settings``
    are those of :class:`~pupil_helpers.models.network.EncoderNet`.
    """

    def __init__(self, n_inputs, n_regions, n_sessions, *settings):
        super().__init__(n_inputs, n_sessions * n_regions, *settings)
        self.n_regions = n_regions

    def forward(self, x: Tensor) -> Tensor:
        first = x[..., :1, -1:].long() * self.n_regions  # (M, T, 1, 1)
        own = first + torch.arange(self.n_regions, device=x.device)  # (M, T, 1, R)
        return super().forward(x[..., :-1]).take_along_dim(own, dim=-1)


class KnownFilters(LagFilters):
    """Filters over lags whose components are known already."""

    def fit_transform(self, features: Tensor) -> Tensor:
        return self(features)


class Heap(NamedTuple):
    """The trials of one session, as the core's training takes them.

    ``features`` (T, B, F), ``counts`` and ``psth`` (T, S, R): silent regions are added until all
    sessions have the same number R.
    """

    features: Tensor
    counts: Tensor
    psth: Tensor


@dataclass(eq=False, repr=False)
class SharedEncoder(PupilEncoder):
    """A :class:`~pupil_helpers.models.encoder.PupilEncoder` with a core from other sessions.

    >>> shared = SharedEncoder().learn_core(recordings)    # doctest: +SKIP
    >>> shared.fit(pupil, counts)                          # doctest: +SKIP

    ``fit`` teaches a new session's readout, with the core frozen, and then goes on in smaller
    steps with the core free. The core in ``core`` stays as it is. Blocks, mixture with a GLM and
    shrinkage are the default's, and so are all parameters that are not named here.

    Parameters
    ----------
    hidden_size, stem_size : int, default 32 and 32
        Of the core, which has more to hold than one session's network.
    n_updates : int, default 200
        Steps of the optimiser with the core frozen, and as many with the core free.
    learning_rate, warm_up : float, default 0.01 and 0.3
    thaw : float, default 0.3
        Learning rate with the core free, as a share of ``learning_rate``. 0 keeps it frozen.
    core_updates, core_batch : int, default 1000 and 32
        Steps of the optimiser in :meth:`learn_core`, and trials in each.
    core_decay : float, default 0.05
        Weight decay in :meth:`learn_core`.
    core : dict of str to ndarray, optional
        Arrays by name, from :meth:`learn_core`. They are not saved apart from the fitted model.

    Attributes
    ----------
    core_history_ : pandas.DataFrame
        Of :meth:`learn_core`; as ``history_``.
    """

    hidden_size: int = 32
    stem_size: int = 32
    learning_rate: float = 0.01
    warm_up: float = 0.3
    thaw: float = 0.3
    core_updates: int = 1000
    core_batch: int = 32
    core_decay: float = 0.05
    core: dict | None = None

    # -- the core -----------------------------------------------------------------------------

    @one_thread()
    def learn_core(self, recordings: Iterable) -> SharedEncoder:
        """Train a core on many recordings together.

        Parameters
        ----------
        recordings : iterable of (pupil, counts)
            As in ``fit``, with one number of bins; regions may be other ones in each.

        Returns
        -------
        SharedEncoder
            With the settings of this one and the core in ``core``, ready to be fitted.

        Raises
        ------
        ValueError
            If there is no recording, they differ in their bins, or one cannot be used.
        """
        model = replace(self, core=None)
        super(SharedEncoder, model)._check_settings()
        model.bin_size_ = model._check_bin_size()
        recordings = checked(recordings)
        n_regions = max(counts.shape[2] for _, counts in recordings)
        heaps = [model._heap(pupil, counts, n_regions) for pupil, counts in recordings]
        filters, inputs = model._core_inputs([heap.features for heap in heaps])
        counts, psth = (torch.cat([heap[i] for heap in heaps]) for i in (1, 2))
        net = model._joint_network(filters.n_outputs, n_regions, len(heaps))
        blocks = joint_blocks([len(heap.counts) for heap in heaps], self.n_blocks, self.gap)
        blocks = [blocks[member % self.n_blocks] for member in range(self.n_members)]
        settings = replace(
            model, n_updates=self.core_updates, batch_size=self.core_batch,
            weight_decay=self.core_decay,
        )  # fmt: skip
        model.core_history_ = train_members(settings, net, inputs, counts, psth, blocks)
        state = {f"inputs.{name}": value for name, value in filters.state_dict().items()}
        state |= {f"net.{name}": value for name, value in net.state_dict().items()}
        model.core = {k: value.numpy() for k, value in state.items() if k.startswith(CORE)}
        return model

    def _heap(self, pupil, counts, n_regions) -> Heap:
        features = self.features(self.bin_size_, self.direction).fit(pupil).transform(pupil)
        self.psth_ = counts.mean(axis=0)
        series = pool(counts, self.stride), pool(self._start(counts)[None], self.stride)
        silent = (0, 0), (0, 0), (0, n_regions - counts.shape[2])
        counts, psth = (
            torch.as_tensor(np.pad(each, silent, constant_values=fill))
            for each, fill in zip(series, (0, TINY), strict=True)
        )
        return Heap(torch.as_tensor(features), counts, psth.expand_as(counts))

    def _core_inputs(self, features) -> tuple[LagFilters, Tensor]:
        """The filters, and what they give for all trials with the session's number behind it."""
        filters = super()._inputs(features[0].shape[1])
        every = -(-sum(map(len, features)) // SEEN)
        filters.fit_transform(torch.cat([own[::every] for own in features]))
        inputs = []
        for session, own in enumerate(map(filters, features)):
            number = own.new_full((*own.shape[:2], 1), session)
            inputs.append(torch.cat([own, number], dim=-1))
        return filters, torch.cat(inputs)

    def _joint_network(self, n_inputs, n_regions, n_sessions) -> JointNet:
        return JointNet(n_inputs, n_regions, n_sessions, *self._parts())

    # -- a new session ------------------------------------------------------------------------

    def _check_settings(self):
        super()._check_settings()
        if self.core is None:
            raise ValueError("there is no core yet; call learn_core first")
        if not (np.isfinite(self.thaw) and self.thaw >= 0):
            raise ValueError(f"thaw is {self.thaw}; give 0 or a positive number")

    def _inputs(self, n_bins):
        return KnownFilters(
            n_bins, len(FEATURES), self.bin_size_, self.stride, self.lag_reach, self.n_lags,
            self.direction, self.n_components, self.direct,
        )  # fmt: skip

    def _module(self, n_bins, n_regions):
        module = super()._module(n_bins, n_regions)
        if self.core is None:  # a saved model, whose weights come from its file
            return module
        own = {k: value for k, value in module.state_dict().items() if k.startswith(CORE)}
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in self.core.items()}:
            raise ValueError("the core was learnt with other settings; call learn_core again")
        module.load_state_dict(
            {k: torch.as_tensor(value) for k, value in self.core.items()}, strict=False
        )
        return module

    def _train(self, net, *data) -> pd.DataFrame:
        core = [p for name, p in net.named_parameters() if f"net.{name}".startswith(CORE)]
        for p in core:
            p.requires_grad_(False)
        history = train_members(self, net, *data)
        for p in core:
            p.requires_grad_(True)
        if not self.thaw:
            return history
        gently = replace(self, learning_rate=self.thaw * self.learning_rate)
        more = train_members(gently, net, *data)
        more["update"] += self.n_updates
        return pd.concat([history, more], ignore_index=True)


def checked(recordings: Iterable) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each recording's pupil and counts, or what is wrong with which of them."""
    found = []
    for number, (pupil, counts) in enumerate(recordings):
        try:
            found.append(check_pair(pupil, counts))
        except ValueError as error:
            raise ValueError(f"recording {number}: {error}") from error
        n_bins, first = found[-1][0].shape[1], found[0][0].shape[1]
        if n_bins != first:
            raise ValueError(
                f"recording {number} has {n_bins} bins, but recording 0 has {first}; "
                "cut all trials alike"
            )
    if not found:
        raise ValueError("there is no recording to learn a core from; give at least one")
    return found


def joint_blocks(n_trials, n_blocks: int, gap: int) -> list[Split]:
    """The same cut in every session, for the trials of all of them in one heap.

    Parameters
    ----------
    n_trials : sequence of int, (sessions,)
    n_blocks, gap : int
        As in :func:`~pupil_helpers.signals.splits.inner_blocks`.

    Returns
    -------
    list of Split, (blocks,)
    """
    starts = np.cumsum([0, *n_trials[:-1]])
    sessions = [
        inner_blocks(np.arange(start, start + n), n_blocks, gap)
        for start, n in zip(starts, n_trials, strict=True)
    ]
    return [
        Split(*map(np.concatenate, zip(*own, strict=True))) for own in zip(*sessions, strict=True)
    ]
