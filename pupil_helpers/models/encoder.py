"""The default model: ``PupilEncoder().fit(pupil, counts)``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..signals.pupil import FEATURES
from .ensemble import BlockEnsemble
from .glm import PoissonGLM
from .linear import LinearGain
from .network import EncoderNet, GatedRecurrence, MemberRecurrence
from .shrinkage import find_mixture


class Mixture(EncoderNet):
    """The networks' gain mixed with a linear model's, in another proportion in each region.

    ``share`` (R,) is the linear model's: 0 until both are fitted.
    """

    def __init__(self, *args, linear: LinearGain, **kwargs):
        super().__init__(*args, **kwargs)
        self.linear = linear
        self.register_buffer("share", torch.zeros_like(linear.bias))

    def forward(self, x: Tensor) -> Tensor:  # (M, T, S, inputs)
        gain = super().forward(x)
        return torch.lerp(gain, self.linear(x), self.share) if self.share.any() else gain


@dataclass(eq=False, repr=False)
class PupilEncoder(BlockEnsemble):
    """Predict spike counts of brain regions from the pupil, whole trials at a time.

    Five small networks (:class:`~pupil_helpers.models.network.EncoderNet`), each leaving out
    another contiguous block of the training trials
    (:class:`~pupil_helpers.models.ensemble.BlockEnsemble`). Their mean is mixed with a Poisson GLM
    on the same inputs, whose few weights are learned from few trials, as left-out blocks advise.
    Each region is shrunk towards its PSTH, so that a region the pupil says nothing about falls
    back to the PSTH.

    Parameters
    ----------
    hidden_size : int, default 16
        Recurrent tanh units per direction; 0 leaves the recurrence out.
    direction : {"bidirectional", "causal", "anticausal"}, default "bidirectional"
        Which side of the present the model sees: both, the past only, the future only.
    loss : {"poisson", "mse"}, default "poisson"
    psth : bool, default True
    stem_size : int, default 16
        Rectified units that read the pupil through smooth filters over lags; 0 for none.
    skip : bool, default True
        Let the readout see the stem as well as the recurrence.
    direct : bool, default True
        Let the recurrence see the features of the moment as well as the stem.
    gated : bool, default True
        Let the recurrent units decide how much of their state to renew
        (:class:`~pupil_helpers.models.network.GatedRecurrence`); if False, they are those of
        ``nn.RNN``.
    lag_reach : float, default 0.6
        The filters of the stem reach this many seconds to either side.
    n_lags : int, default 13
        Number of filters over lags.
    n_components : int or None, default 48
        Principal components of the filtered features that the network gets; None for the
        features themselves.
    glm : bool, default True
        Mix in a :class:`~pupil_helpers.models.glm.PoissonGLM`.
    n_members, n_blocks, gap, shrink, n_updates, batch_size, learning_rate, warm_up, weight_decay, \
stride, bin_size, seed, device, progress, on_check
        As in :class:`~pupil_helpers.models.ensemble.BlockEnsemble`, and so are the attributes.
    """

    direction: str = "bidirectional"
    stem_size: int = 16
    skip: bool = True
    direct: bool = True
    gated: bool = True
    lag_reach: float = 0.6
    n_lags: int = 13
    n_components: int | None = 48
    glm: bool = True

    @classmethod
    def original(cls, **settings):
        """The original PupilEncoder's recipe; see :mod:`pupil_helpers.models.original`."""
        from .original import OriginalEncoder

        return OriginalEncoder(**settings)

    def _check_settings(self):
        super()._check_settings()
        if not self.hidden_size and not self.stem_size:
            raise ValueError("hidden_size and stem_size are both 0; give the network some units")

    def _recurrence(self):
        """What makes the recurrent layer, or None."""
        if not self.hidden_size:
            return None
        layer = GatedRecurrence if self.gated else MemberRecurrence
        return partial(layer, hidden_size=self.hidden_size, direction=self.direction)

    def _parts(self) -> tuple:
        """What makes the networks, apart from the numbers of inputs and outputs."""
        n_direct = self.direct * len(FEATURES)
        return self._seeds(), self.stem_size, self._recurrence(), self.skip, n_direct

    def _network(self, n_inputs, n_regions):
        settings = n_inputs, n_regions, *self._parts()
        if not self.glm:
            return EncoderNet(*settings)
        n_steps = -(-len(self.psth_) // self.stride)
        return Mixture(*settings, linear=LinearGain(n_inputs, n_regions, n_steps, "log"))

    def _learn(self, net, inputs, counts, psth):
        gain, held_out = super()._learn(net, inputs, counts, psth)
        if not self.glm:
            return gain, held_out
        glm = PoissonGLM()
        glm.blocks_ = self.blocks_
        linear_gain, linear_held_out = glm._learn(net.linear, inputs, counts, psth)
        pairs = [  # there may be fewer members than blocks
            (trials, own, linear)
            for (trials, own), (_, linear) in zip(held_out, linear_held_out, strict=False)
        ]
        net.share.copy_(find_mixture(pairs, counts, psth))
        mixed = [(trials, torch.lerp(own, linear, net.share)) for trials, own, linear in pairs]
        return torch.lerp(gain, linear_gain, net.share), mixed
