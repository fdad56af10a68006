"""The default model: how it is prepared, trained, held back and put together.

``PupilEncoder().fit(pupil, counts)`` trains ten small networks at once, each leaving out
another contiguous block of the training trials. A network's own block decides when to stop it;
all blocks together show, region by region, whether the pupil helped on trials no network had
seen. Each region is shrunk towards its PSTH accordingly, so that a region the pupil says
nothing about falls back to the PSTH.
"""

from __future__ import annotations

import numpy as np
import torch

from ..session import CHANNELS
from ..signals.pupil import PupilFeatures
from ..signals.rates import gaussian, smooth
from ..signals.splits import inner_blocks
from .base import Encoder, one_thread
from .ensemble import LOSSES, StopFit, train_members
from .lags import (
    FLOOR,
    TINY,
    filter_bank,
    interpolation,
    pool,
    pool_centres,
    principal_directions,
)
from .network import DIRECTIONS, EncoderNet
from .shrinkage import trust

__all__ = ["LOSSES", "PupilEncoder", "StopFit"]


class PupilEncoder(Encoder):
    """Predict spike counts of brain regions from the pupil, whole trials at a time.

    Parameters
    ----------
    hidden_size : int, default 16
        Recurrent tanh units per direction; 0 leaves the recurrence out.
    direction : {"bidirectional", "causal", "anticausal"}, default "bidirectional"
        Which side of the present the model sees: both, the past only, the future only.
    loss : {"poisson", "mse"}, default "poisson"
        Poisson negative log-likelihood of raw counts, or squared error in units of each
        region's count variance.
    psth : bool, default True
        Predict a gain on the training PSTH; if False, a gain on the mean rate.
    stem_size : int, default 16
        Rectified units that read the pupil through smooth filters over lags; 0 for none.
    skip : bool, default True
        Let the readout see the stem as well as the recurrence.
    leaky : bool, default True
        Start the recurrent units as leaky integrators with a spread of memories.
    lag_reach : float, default 0.6
        The filters of the stem reach this many seconds to either side.
    n_lags : int, default 13
        Number of filters over lags.
    n_components : int or None, default 48
        Principal components of the filtered features that the network gets; None for the
        features themselves.
    n_members : int, default 10
        Networks in the ensemble. Member ``i`` leaves out block ``i % n_blocks``.
    n_blocks : int, default 5
        Contiguous blocks the training trials are cut into, with ``gap`` trials between.
    gap : int, default 2
        Trials dropped on each side of a left-out block.
    shrink : bool, default True
        Shrink each region towards its baseline by the skill seen on left-out blocks.
    epochs, batch_size : int, default 15 and 32
    learning_rate : float, default 0.01
        Peak of the one-cycle schedule.
    weight_decay : float, default 0.01
        Decoupled weight decay (AdamW).
    stride : int, default 4
        Bins per step of the network; its gains are interpolated between steps.
    bin_size : float, default 0.01
        Width of a bin in seconds.
    seed : int, default 0
    device : str, default "auto"
        "cpu", "cuda", or "auto": a GPU if there is one.
    progress : bool, default False
        Show a progress bar over epochs.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, held_out_losses)`` after every epoch, counted from 1, with
        one loss per member as in ``history_``. Raising :class:`StopFit` in it ends the training
        there; the best weights so far are kept.

    Attributes
    ----------
    history_ : pandas.DataFrame
        One row per epoch and member: training and held-out loss relative to the baseline
        (below 0 is better than the baseline).
    shrinkage_ : ndarray, (regions,)
        0: the prediction is the PSTH; 1: the network is trusted fully.
    net_ : EncoderNet
        The trained networks, best weights restored.
    """

    def __init__(
        self,
        hidden_size=16,
        direction="bidirectional",
        loss="poisson",
        psth=True,
        stem_size=16,
        skip=True,
        leaky=True,
        lag_reach=0.6,
        n_lags=13,
        n_components=48,
        n_members=10,
        n_blocks=5,
        gap=2,
        shrink=True,
        epochs=15,
        batch_size=32,
        learning_rate=0.01,
        weight_decay=0.01,
        stride=4,
        bin_size=0.01,
        seed=0,
        device="auto",
        progress=False,
        on_epoch=None,
    ):
        self.hidden_size = hidden_size
        self.direction = direction
        self.loss = loss
        self.psth = psth
        self.stem_size = stem_size
        self.skip = skip
        self.leaky = leaky
        self.lag_reach = lag_reach
        self.n_lags = n_lags
        self.n_components = n_components
        self.n_members = n_members
        self.n_blocks = n_blocks
        self.gap = gap
        self.shrink = shrink
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.stride = stride
        self.bin_size = bin_size
        self.seed = seed
        self.device = device
        self.progress = progress
        self.on_epoch = on_epoch

    @classmethod
    def original(cls, **settings):
        """The original PupilEncoder's recipe; see :mod:`pupil_helpers.models.original`."""
        from .original import OriginalEncoder

        return OriginalEncoder(**settings)

    def as_module(self):
        """The fitted model as one torch module with gradients from counts back to the pupil.

        Returns
        -------
        DifferentiableEncoder
            See :class:`pupil_helpers.models.differentiable.DifferentiableEncoder`.
        """
        from .differentiable import DifferentiableEncoder

        return DifferentiableEncoder(self)

    # -- fitting ----------------------------------------------------------------------------

    @one_thread()
    def _fit(self, pupil, counts):
        self._check_settings()
        n_trials, n_bins, n_regions = counts.shape
        blocks = inner_blocks(np.arange(n_trials), self.n_blocks, self.gap)
        self.blocks_ = [blocks[i % self.n_blocks] for i in range(self.n_members)]
        self.features_ = PupilFeatures(self.bin_size, self.direction).fit(pupil)
        self._filters = filter_bank(
            n_bins, self.stride, self.bin_size, self.lag_reach, self.n_lags, self.direction
        )
        self._baseline = self._make_baseline(counts)

        device = self._device()
        self._directions = None
        inputs = self._inputs(pupil)  # (T, steps, features * filters)
        if self.n_components:
            directions = principal_directions(inputs.cpu(), self.n_components)
            self._directions = torch.from_numpy(directions)
            inputs = inputs @ self._directions.to(inputs)  # (T, steps, components)
        pooled = torch.tensor(pool(counts, self.stride), device=device)  # (T, steps, R)
        base = torch.tensor(pool(self._baseline[None], self.stride)[0], device=device)
        self.net_ = EncoderNet(
            inputs.shape[-1],
            n_regions,
            self.hidden_size,
            self.stem_size,
            self.direction,
            self.skip,
            seeds=[1000 * self.seed + member for member in range(self.n_members)],
            leaky=(0.6, 0.98) if self.leaky else None,
        ).to(device)
        self.history_ = train_members(self, inputs, pooled, base.clamp_min(TINY))
        gains = self._gains(inputs)
        self.shrinkage_ = np.ones(n_regions)
        if self.shrink:
            self.shrinkage_ = trust(gains, counts, self._baseline, self.blocks_)
        self._recentre(gains.mean(axis=0))
        self._fall_back()

    def _check_settings(self):
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction is {self.direction!r}; use one of {', '.join(DIRECTIONS)}")
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}; use 'poisson' or 'mse'")
        if not self.hidden_size and not self.stem_size:
            raise ValueError("hidden_size and stem_size are both 0; give the network some units")
        for name in ("n_members", "n_lags", "epochs", "batch_size", "stride", "n_components"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1")

    def _device(self) -> torch.device:
        gpu = torch.cuda.is_available()
        return torch.device(("cuda" if gpu else "cpu") if self.device == "auto" else self.device)

    def _make_baseline(self, counts) -> np.ndarray:
        """PSTH smoothed with a 15 ms Gaussian, or the mean, (bins, regions)."""
        if not self.psth:
            return np.broadcast_to(counts.mean(axis=(0, 1)), counts.shape[1:]).copy()
        return smooth(self.psth_[None], gaussian(0.015, self.bin_size))[0].astype(np.float32)

    def _inputs(self, pupil) -> torch.Tensor:
        """What the network gets, (trials, steps, components)."""
        features = torch.from_numpy(self.features_.transform(pupil))  # (T, B, F)
        return self.filter_features(features.to(self._device()))

    def filter_features(self, features: torch.Tensor) -> torch.Tensor:
        """Components of the filtered features: (T, bins, F) -> (T, steps, components)."""
        bank = torch.from_numpy(self._filters).to(features)
        n_steps = len(pool_centres(features.shape[1], self.stride))
        levels, motion = features[..., : len(CHANNELS)], features[..., len(CHANNELS) :]
        filtered = torch.cat([levels.mT @ bank[0], motion.mT @ bank[1]], dim=1)
        filtered = filtered.unflatten(-1, (-1, n_steps))  # (T, F, filters, steps)
        filtered = filtered.flatten(1, 2).mT.contiguous()  # (T, steps, F * filters)
        return filtered if self._directions is None else filtered @ self._directions.to(filtered)

    # -- predicting -------------------------------------------------------------------------

    @torch.no_grad()
    def _gains(self, inputs) -> np.ndarray:
        """Gain of every member, (members, trials, bins, regions)."""
        gains = []
        for chunk in inputs.split(64):
            gains.append(self.net_(chunk.expand(self.n_members, -1, -1, -1)))
        return self._to_bins(torch.cat(gains, dim=1).cpu().numpy())

    def _to_bins(self, gains) -> np.ndarray:
        """Interpolate from steps to bins along the second last axis."""
        return interpolation(len(self._baseline), self.stride, self.direction) @ gains

    def _recentre(self, gain):
        """Divide the mean gain at each bin out of the baseline.

        The PSTH holds the pupil's average course already; without this the networks would
        count it twice.
        """
        mean = (1 + self.shrinkage_ * (gain - 1)).mean(axis=0, keepdims=True)  # (1, bins, R)
        self._baseline = self._baseline / smooth(mean, gaussian(0.03, self.bin_size))[0]

    def _fall_back(self):
        """Give regions without trust their PSTH as it is.

        A smoothed PSTH is a little better: it would score above 0 where the pupil did nothing.
        Bins in which no spike was seen keep a small rate.
        """
        if self.psth:
            own = np.maximum(self.psth_, FLOOR * self._baseline)
            self._baseline = np.where(self.shrinkage_ == 0, own, self._baseline)

    @one_thread()
    def _predict(self, pupil):
        gain = self._gains(self._inputs(pupil)).mean(axis=0)  # (T, B, R)
        return self._baseline * (1 + self.shrinkage_ * (gain - 1))
