"""How every network is trained: several at once, each leaving out a block of the trials.

A network's own block decides when to stop it; all blocks together show, region by region, whether
the pupil helped on trials no network had seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from .base import TINY
from .devices import fastest_device
from .gain import CHUNK, GainEncoder

LOSSES = ("poisson", "mse")
N_CHECKS = 16
"""How often a network is tried on its own block; the best of these weights are kept."""


class StopFit(Exception):
    """Raise it from ``on_check`` to end a fit early."""


@dataclass(eq=False, repr=False)
class BlockEnsemble(GainEncoder):
    """An ensemble of networks of one kind. Subclasses set ``_network``, and perhaps ``_inputs``.

    Parameters
    ----------
    hidden_size : int, default 16
        Units of the hidden layer (per direction, if there are two).
    loss : {"poisson", "mse"}, default "poisson"
        Poisson negative log-likelihood of raw counts, or squared error in units of each
        region's count variance.
    psth : bool, default True
        Predict a gain on the training PSTH; if False, a gain on the mean rate.
    n_members : int, default 5
        Networks in the ensemble. Member ``i`` leaves out block ``i % n_blocks``.
    n_blocks : int, default 5
        Contiguous blocks the training trials are cut into, with ``gap`` trials between.
    gap : int, default 2
        Trials dropped on each side of a left-out block.
    shrink : bool, default True
        Shrink each region towards its PSTH by the skill seen on left-out blocks.
    n_updates, batch_size : int, default 200 and 16
        Steps of the optimiser, however many trials there are, and trials in each.
    learning_rate : float, default 0.02
        Peak of the one-cycle schedule.
    warm_up : float, default 0.5
        The share of the updates after which the peak is reached.
    weight_decay : float, default 0.3
        Decoupled weight decay (AdamW).
    stride : int, default 4
        Bins per step of the network; its gains are interpolated between steps.
    bin_size : float, optional
        Width of a bin in seconds; see :class:`~pupil_helpers.models.base.Encoder`.
    seed : int, default 0
    device : str, default "auto"
        "cpu", "cuda", or "auto": the one on which a few updates take less time, tried once for
        each size of network. The last digits of a fit depend on the device.
    progress : bool, default False
        Show a progress bar over updates, and the device.
    on_check : callable, optional
        Called as ``on_check(update, held_out_losses)`` with each row of ``history_``: one loss
        per member. Raising :class:`StopFit` in it ends the training there; the best weights so far
        are kept.

    Attributes
    ----------
    history_ : pandas.DataFrame
        One row per check and member: ``update``, ``member``, ``train`` and ``held_out`` loss
        relative to the PSTH's (below 0 is better than the PSTH). There are up to
        :data:`N_CHECKS` checks, evenly spaced.
    """

    hidden_size: int = 16
    loss: str = "poisson"
    psth: bool = True
    n_members: int = 5
    n_blocks: int = 5
    gap: int = 2
    shrink: bool = True
    n_updates: int = 200
    batch_size: int = 16
    learning_rate: float = 0.02
    warm_up: float = 0.5
    weight_decay: float = 0.3
    stride: int = 4
    seed: int = 0
    device: str = "auto"
    progress: bool = False
    on_check: Callable | None = None

    def _check_settings(self):
        super()._check_settings()
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}; use 'poisson' or 'mse'")
        if not 0 <= self.warm_up <= 1:
            raise ValueError(f"warm_up is {self.warm_up!r}; give a share of the updates, 0 to 1")

    def _seeds(self) -> list[int]:
        """One seed per member."""
        return [1000 * self.seed + member for member in range(self.n_members)]

    def _device(self, module, n_regions):
        if self.device != "auto":
            return super()._device(module, n_regions)
        n_inputs, n_steps = module.inputs.n_outputs, module.to_bins.shape[1]
        shape = self.n_members, self.batch_size, n_steps, n_inputs
        key = type(self), n_regions, self.hidden_size
        return fastest_device(lambda: self._network(n_inputs, n_regions), shape, key)

    def _learn(self, net, inputs, counts, psth):
        blocks = [self.blocks_[member % self.n_blocks] for member in range(self.n_members)]
        self.history_ = self._train(net, inputs, counts, psth, blocks)
        with torch.no_grad():
            chunks = [chunk.expand(self.n_members, -1, -1, -1) for chunk in inputs.split(CHUNK)]
            gains = torch.cat([net(chunk) for chunk in chunks], dim=1)  # (M, T, S, R)
        held_out = [
            (block.test, gains[place :: self.n_blocks, block.test].mean(0))
            for place, block in enumerate(self.blocks_[: self.n_members])
        ]
        return gains.mean(0), held_out

    def _train(self, net, inputs, counts, psth, blocks) -> pd.DataFrame:
        return train_members(self, net, inputs, counts, psth, blocks)


def train_members(settings, net, inputs, counts, psth, blocks) -> pd.DataFrame:
    """Train ``net`` in place, each member on the trials of its own block, best weights restored.

    Parameters
    ----------
    settings : BlockEnsemble
        Its settings are read, and nothing else.
    net : nn.Module
        (members, trials, steps, inputs) to gains; the first axis of every parameter is the member.
    inputs : Tensor, (trials, steps, inputs)
    counts : Tensor, (trials, steps, regions)
    psth : Tensor, (steps, regions)
        Or of each trial, (trials, steps, regions).
    blocks : sequence of Split, (members,)

    Returns
    -------
    pandas.DataFrame
        One row per check and member: ``update``, ``member``, ``train`` and ``held_out`` loss.
    """
    rng = np.random.default_rng(settings.seed)
    batches = shuffled(rng, [block.train for block in blocks], settings.batch_size)
    n_held = min(len(block.test) for block in blocks)
    held = torch.stack([torch.as_tensor(block.test[:n_held]) for block in blocks])  # (M, n)
    optimiser = torch.optim.AdamW(
        net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    n_updates, checks = settings.n_updates, check_points(settings.n_updates)
    steps = n_updates + (settings.warm_up * n_updates == 1)  # or OneCycleLR divides by 0
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, steps, pct_start=settings.warm_up
    )
    scale = counts.var(dim=(0, 1), correction=0).clamp_min(TINY)  # (R,)

    def losses(trials):  # (M, n) -> (M,)
        given = psth if psth.ndim == 2 else take(psth, trials)
        return relative_loss(
            settings.loss, net(take(inputs, trials)), take(counts, trials), given, scale
        )

    best = np.full(len(blocks), np.inf)
    kept = {name: p.detach().clone() for name, p in net.named_parameters()}
    history, train_losses = [], []
    title = f"fitting on {counts.device.type}"
    for update in tqdm(range(1, n_updates + 1), title, disable=not settings.progress):
        loss = losses(torch.as_tensor(next(batches)))
        optimiser.zero_grad()
        loss.sum().backward()
        clip_members(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        train_losses.append(loss.detach())
        if update not in checks:
            continue
        net.eval()
        with torch.no_grad():
            held_loss = losses(held).cpu().numpy()  # (M,)
        net.train()
        train_loss, train_losses = torch.stack(train_losses).mean(0).cpu().numpy(), []
        if not np.isfinite(train_loss).all():
            raise ValueError(
                f"the loss became NaN or infinite by update {update}; lower learning_rate "
                f"(it is {settings.learning_rate}) or look for outliers in pupil"
            )
        both = zip(train_loss, held_loss, strict=True)
        history += [(update, member, *losses) for member, losses in enumerate(both)]
        for member in np.flatnonzero(held_loss < best):
            best[member] = held_loss[member]
            for name, p in net.named_parameters():
                kept[name][member] = p.detach()[member]
        try:
            if settings.on_check is not None:
                settings.on_check(update, held_loss)
        except StopFit:
            break
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(kept[name])
    net.eval()
    return pd.DataFrame(history, columns=["update", "member", "train", "held_out"])


def check_points(n_updates: int) -> list[int]:
    """The updates after which networks are tried: up to :data:`N_CHECKS`, evenly spaced, and the
    last one among them."""
    n_checks = min(N_CHECKS, n_updates)
    return [check * n_updates // n_checks for check in range(1, n_checks + 1)]


def shuffled(rng, trials, size: int):
    """Endless batches of each member's trials, (members, size): shuffled, cut, shuffled anew."""
    n = min(map(len, trials))
    size = min(size, n)
    while True:
        order = np.stack([rng.permutation(own)[:n] for own in trials])
        for first in range(0, n - size + 1, size):
            yield order[:, first : first + size]


def relative_loss(kind: str, gain, counts, psth, scale):
    """Loss relative to the PSTH's: one number, or one per member if there are members."""
    rate = psth * gain  # (..., trials, steps, R)
    if kind == "mse":
        loss = ((rate - counts) ** 2 - (psth - counts) ** 2) / scale
    else:
        loss = rate - psth - counts * torch.log(gain.clamp_min(TINY))
    return loss.mean(dim=(-3, -2, -1))


def take(series, index):
    """``series[index]``, five times quicker for large trials."""
    return series.index_select(0, index.to(series.device).flatten()).unflatten(0, index.shape)


def clip_members(parameters, most: float) -> None:
    """Scale each member's gradient down to a norm of at most ``most``."""
    gradients = [p.grad for p in parameters if p.grad is not None]  # some may be frozen
    norm = sum(g.square().flatten(1).sum(dim=1) for g in gradients).sqrt()  # (M,)
    factor = (most / (norm + 1e-6)).clamp_max(1.0)
    for g in gradients:
        g.mul_(factor.reshape(-1, *[1] * (g.ndim - 1)))
