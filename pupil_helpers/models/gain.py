"""What all models of a gain on the PSTH share, linear or neural, from features to files.

Each predicts ``PSTH * (1 + shrinkage * (gain - 1))``. They get the same features of the pupil,
start from the same PSTH, leave out the same blocks of training trials and are held back by the
same rule, so that a difference in score is a difference between what is in between.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from .._files import read_npz, write_npz
from ..signals.pupil import DIRECTIONS, FEATURES, PupilFeatures
from ..signals.rates import gaussian, smooth
from ..signals.splits import inner_blocks
from .base import TINY, Encoder, one_thread
from .devices import torch_device
from .lags import LagFilters, interpolation, pool
from .network import PupilToCounts
from .shrinkage import find_shrinkage

FLOOR = 0.05
"""Linear models, and all models in regions shrunk to 0, predict at least this share of the PSTH: a
count can never be negative, and one spike where none was thought possible would decide the whole
likelihood."""

COUNTED = (
    "n_members", "n_lags", "n_updates", "batch_size", "stride", "n_components", "core_updates",
    "core_batch",
)  # fmt: skip
CHUNK = 64  # trials at a time: more need more memory and are no faster
UNSAVED = ("device", "progress", "on_check", "core")
"""Settings that are not saved: about this computer, or in the weights anyway."""


def smooth_psth(psth, bin_size: float) -> np.ndarray:
    """The PSTH that models start from, and losses of a search: smoothed with 15 ms, (bins, R)."""
    return smooth(psth[None], gaussian(0.015, bin_size))[0]


class GainEncoder(Encoder):
    """A model whose output is a gain on the training PSTH, in steps of ``stride`` bins.

    Subclasses have the settings ``psth``, ``n_blocks``, ``gap``, ``shrink`` and ``stride`` and
    set ``_network(n_inputs, n_regions)``, a module from inputs to gains, and ``_learn(net, inputs,
    counts, psth)``. They may set ``_inputs(n_bins)``, a module from features to what the model
    gets: by default components of the features through filters over lags.

    Attributes
    ----------
    module_ : PupilToCounts
        The fitted model as one torch module.
    blocks_ : list of Split
        Left-out blocks of the training trials.
    shrinkage_ : ndarray, (regions,)
        0: the prediction is the PSTH; 1: the model is followed fully.
    """

    direction = "bidirectional"
    n_members = 1
    device = "cpu"
    lag_reach, n_lags, n_components, direct = 0.6, 13, 48, False
    features = PupilFeatures
    """What makes features of the pupil; a subclass may try others."""

    def _inputs(self, n_bins: int) -> nn.Module:
        return LagFilters(
            n_bins, len(FEATURES), self.bin_size_, self.stride, self.lag_reach, self.n_lags,
            self.direction, self.n_components, self.direct,
        )  # fmt: skip

    def _network(self, n_inputs: int, n_regions: int) -> nn.Module:
        raise NotImplementedError

    def _learn(self, net, inputs, counts, psth) -> tuple[Tensor, list]:
        """Fit ``net`` to inputs (T, S, inputs), counts (T, S, R) and the PSTH (S, R), tensors.

        Returns the gain of all trials, (T, S, R), and trials and gain, (trials, S, R), of every
        block that was left out, predicted without it.
        """
        raise NotImplementedError

    def _check_settings(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction is {self.direction!r}; use one of {', '.join(DIRECTIONS)}")
        for name in COUNTED:
            value = getattr(self, name, None)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; give at least 1")
        if not (np.isfinite(self.lag_reach) and self.lag_reach >= 0):
            raise ValueError(f"lag_reach is {self.lag_reach}; give 0 or more seconds")

    # -- fitting ----------------------------------------------------------------------------

    @one_thread()
    def _fit(self, pupil, counts):
        self._check_settings()
        self.blocks_ = inner_blocks(np.arange(len(counts)), self.n_blocks, self.gap)
        module = self._module(*counts.shape[1:])
        module.to(self._device(module, counts.shape[2]))
        module.features.fit(pupil)
        with torch.no_grad():
            features = module.features(*module.prepare(pupil)).float()  # (T, B, F)
            inputs = module.inputs.fit_transform(features)  # (T, S, inputs)
        psth = self._start(counts)  # (B, R)
        pooled = [torch.as_tensor(pool(c, self.stride)).to(inputs) for c in (counts, psth[None])]
        gain, held_out = self._learn(module.net, inputs, pooled[0], pooled[1][0])
        gain = (module.to_bins @ gain).cpu().numpy()  # (T, B, R)
        held_out = [(trials, (module.to_bins @ g).cpu().numpy()) for trials, g in held_out]
        self.shrinkage_ = np.ones(counts.shape[-1])
        if self.shrink:
            self.shrinkage_ = find_shrinkage(held_out, counts, psth)
        psth = self._fall_back(self._recentre(psth, gain))
        module.psth.copy_(torch.as_tensor(psth))
        module.shrinkage.copy_(torch.as_tensor(self.shrinkage_))
        self.module_ = module

    def _module(self, n_bins: int, n_regions: int) -> PupilToCounts:
        features = self.features(self.bin_size_, self.direction)
        inputs = self._inputs(n_bins)
        net = self._network(inputs.n_outputs, n_regions)
        to_bins = interpolation(n_bins, self.stride, self.direction)
        return PupilToCounts(features, inputs, net, self.n_members, n_regions, to_bins)

    def _device(self, module: PupilToCounts, n_regions: int) -> torch.device:
        return torch_device(self.device)

    def _start(self, counts) -> np.ndarray:
        """PSTH smoothed with a 15 ms Gaussian, or the mean, (bins, regions)."""
        if not self.psth:
            psth = np.broadcast_to(counts.mean(axis=(0, 1)), counts.shape[1:])
        else:
            psth = smooth_psth(self.psth_, self.bin_size_)
        return np.maximum(psth, TINY).astype(np.float32)

    def _recentre(self, psth, gain) -> np.ndarray:
        """Divide the mean gain at each bin out of the PSTH.

        The PSTH holds the pupil's average course already; without this the model would
        count it twice.
        """
        mean = (1 + self.shrinkage_ * (gain - 1)).mean(axis=0, keepdims=True)  # (1, bins, R)
        return psth / smooth(mean, gaussian(0.03, self.bin_size_))[0]

    def _fall_back(self, psth) -> np.ndarray:
        """Give regions that are shrunk to 0 their PSTH as it is.

        A smoothed PSTH is a little better: it would score above 0 where the pupil did nothing.
        Bins in which no spike was seen keep a small rate.
        """
        if not self.psth:
            return psth
        return np.where(self.shrinkage_ == 0, np.maximum(self.psth_, FLOOR * psth), psth)

    # -- predicting -------------------------------------------------------------------------

    @one_thread()
    @torch.no_grad()
    def _predict(self, pupil):
        prepared = self.module_.prepare(pupil)
        chunks = zip(*(tensor.split(CHUNK) for tensor in prepared), strict=True)
        return np.concatenate([self.module_(*chunk).cpu().numpy() for chunk in chunks])

    def as_module(self) -> PupilToCounts:
        """The fitted model as one torch module, with gradients from counts back to the pupil.

        >>> net = model.as_module()                    # doctest: +SKIP
        >>> filled, missing = net.prepare(pupil)       # doctest: +SKIP
        >>> counts = net(filled, missing)              # doctest: +SKIP
        """
        check_is_fitted(self, "module_", msg="this %(name)s is not fitted yet; call fit first")
        return self.module_

    # -- files ------------------------------------------------------------------------------

    def save(self, path) -> Path:
        """Write the fitted model to one ``.npz`` of plain arrays and JSON (no pickle).

        How it was trained (``history_``, ``blocks_``) is not kept.
        """
        state = self.as_module().state_dict()
        params = {k: v for k, v in self.get_params(deep=False).items() if k not in UNSAVED}
        about = {"class": type(self).__name__, "bin_size": self.bin_size_, "params": params}
        arrays = {f"module.{name}": value.cpu().numpy() for name, value in state.items()}
        arrays["about"] = np.str_(json.dumps(about, default=lambda value: value.tolist()))
        write_npz(path, arrays | {"psth": self.psth_})
        return Path(path).expanduser()

    @classmethod
    def load(cls, path, *, max_bytes: int = 2**28):
        """Read a model written by :meth:`save`.

        Parameters
        ----------
        path : path
        max_bytes : int, default 2**28
            Larger files are refused: a few networks take a hundredth of it.

        Raises
        ------
        ValueError
            If the file is damaged or too large, or holds a model of another class.
        """
        path = Path(path).expanduser()
        try:
            arrays = read_npz(path, max_bytes)
            about = json.loads(str(arrays["about"]))
            if about["class"] != cls.__name__:
                raise ValueError(f"it holds a {about['class']}; use {about['class']}.load")
            model = cls(**about["params"])
            model.bin_size_, model.psth_ = about["bin_size"], arrays["psth"]
            module = model._module(*model.psth_.shape)
            state = {
                name.removeprefix("module."): torch.as_tensor(array)
                for name, array in arrays.items()
                if name.startswith("module.")
            }
            module.load_state_dict(state)
        except FileNotFoundError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{path.name} is not a readable {cls.__name__} ({reason}); save the model again"
            ) from error
        model.module_ = module.to(torch_device(model.device)).eval()
        model.shrinkage_ = module.shrinkage.cpu().numpy()
        return model
