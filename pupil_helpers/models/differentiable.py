"""A fitted PupilEncoder as one torch module: pupil samples in, expected counts out.

:class:`~pupil_helpers.models.encoder.PupilEncoder` prepares its inputs with NumPy, where no gradient
can pass. :class:`DifferentiableEncoder` computes the same numbers with torch alone, so that
gradients, and everything built on them, reach the three pupil channels themselves. Features
made of several samples or channels, such as velocities and eye speed, then need no bookkeeping:
what they do is credited to the samples they were made of.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..signals.pupil import PupilFeatures, check_pupil
from .lags import interpolation


class DifferentiableFeatures(nn.Module):
    """:meth:`PupilFeatures.transform <pupil_helpers.signals.pupil.PupilFeatures.transform>` in torch.

    Parameters
    ----------
    features : PupilFeatures
        Fitted. Its scales are kept in double precision, as there.
    """

    def __init__(self, features: PupilFeatures):
        super().__init__()
        self.fitted = features
        for name in ("mean_", "sd_", "velocity_sd_", "motion_mean_", "motion_sd_"):
            self.register_buffer(name, torch.as_tensor(np.array(getattr(features, name))))

    def forward(self, filled: Tensor, missing: Tensor) -> Tensor:  # (T, B, 3), (T, B, 1)
        levels = (filled - self.mean_) / self.sd_
        padding = self.fitted.padding(levels.shape[1])
        padded = F.pad(levels.mT, padding, mode="replicate").mT
        velocity = padded[:, sum(padding) :] - padded[:, : -sum(padding)]  # (T, B, 3)
        area, x, y = (velocity / self.velocity_sd_).unbind(-1)
        # vector_norm, unlike hypot, has a gradient (0) where the eye does not move at all.
        speed = torch.linalg.vector_norm(velocity[..., 1:] * self.sd_[1:], dim=-1)
        speed = speed / torch.linalg.vector_norm((self.velocity_sd_ * self.sd_)[1:])
        compressed = torch.log1p(torch.stack([F.relu(v) for v in (x, -x, y, -y)] + [speed], -1))
        motion = torch.cat([(area.sign() * torch.log1p(area.abs()))[..., None], compressed], -1)
        motion = (motion - self.motion_mean_) / self.motion_sd_
        return torch.cat([levels, motion, missing], dim=-1)  # (T, B, 10)


class DifferentiableEncoder(nn.Module):
    """The whole of a fitted model, from pupil to expected counts, with gradients.

    Equal to ``model.predict``. It shares the weights of ``model.net_``: fit the model again and
    make a new one.

    Parameters
    ----------
    model : PupilEncoder
        Fitted.

    Raises
    ------
    ValueError
        If the model is not fitted, or prepares its inputs in another way.

    Examples
    --------
    >>> net = model.as_module()                    # doctest: +SKIP
    >>> filled, missing = net.prepare(pupil)       # doctest: +SKIP
    >>> counts = net(filled, missing)              # doctest: +SKIP
    """

    def __init__(self, model):
        super().__init__()
        if not hasattr(model, "features_") or not hasattr(model, "_filters"):
            raise ValueError(
                f"this {type(model).__name__} is not a fitted PupilEncoder; call fit first "
                "(of other networks, pass the nn.Module itself)"
            )
        self.model = model
        self.features = DifferentiableFeatures(model.features_)
        self.net = model.net_
        n_bins = len(model._baseline)
        to_bins = interpolation(n_bins, model.stride, model.direction)  # (bins, steps)
        for name, array in (
            ("to_bins", to_bins), ("baseline", model._baseline), ("trust", model.shrinkage_),
        ):  # fmt: skip
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32))
        self.to(next(model.net_.parameters()).device)

    def prepare(self, pupil) -> tuple[Tensor, Tensor]:
        """Split a recorded pupil into what an attribution may vary, and what it leaves alone.

        Parameters
        ----------
        pupil : array_like, (trials, bins, 3)
            Missing samples are NaN.

        Returns
        -------
        filled : Tensor of float64, (trials, bins, 3)
            Gaps filled as the model fills them.
        missing : Tensor of float64, (trials, bins, 1)
            Share of the channels that was missing in each bin.
        """
        pupil = check_pupil(pupil)
        if pupil.shape[1] != len(self.baseline):
            raise ValueError(
                f"pupil has {pupil.shape[1]} bins, but the model was fitted with "
                f"{len(self.baseline)}"
            )
        filled, missing = self.model.features_.fill(pupil), np.isnan(pupil).mean(-1, keepdims=True)
        like = self.features.mean_
        return torch.as_tensor(filled).to(like), torch.as_tensor(missing).to(like)

    def forward(self, filled: Tensor, missing: Tensor) -> Tensor:
        inputs = self.model.filter_features(self.features(filled, missing).float())
        gain = self.net(inputs.expand(self.model.n_members, -1, -1, -1)).mean(0)  # (T, steps, R)
        gain = self.to_bins @ gain  # (T, B, R)
        return self.baseline * (1 + self.trust * (gain - 1))
