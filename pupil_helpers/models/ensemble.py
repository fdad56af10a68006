"""The training loop of the default model: all networks of an ensemble at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from .lags import TINY

LOSSES = ("poisson", "mse")


class StopFit(Exception):
    """Raise it from ``on_epoch`` to end a fit early."""


def train_members(model, inputs, counts, baseline) -> pd.DataFrame:
    """Train ``model.net_``, each member on the trials of its own block, best weights restored.

    Parameters
    ----------
    model : PupilEncoder
        Its settings are read, and its blocks; its network is trained in place.
    inputs : Tensor, (trials, steps, inputs)
    counts : Tensor, (trials, steps, regions)
    baseline : Tensor, (steps, regions)

    Returns
    -------
    pandas.DataFrame
        One row per epoch and member: ``epoch``, ``member``, ``train`` and ``held_out`` loss.
    """
    rng = np.random.default_rng(model.seed)
    n_train = min(len(block.train) for block in model.blocks_)
    batch = min(model.batch_size, n_train)
    per_epoch = n_train // batch
    n_held = min(len(block.test) for block in model.blocks_)
    held = torch.stack([torch.as_tensor(block.test[:n_held]) for block in model.blocks_])
    optimiser = torch.optim.AdamW(
        model.net_.parameters(), lr=model.learning_rate, weight_decay=model.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, model.learning_rate, total_steps=model.epochs * per_epoch
    )
    scale = counts.var(dim=(0, 1)).clamp_min(TINY)  # (R,)

    def losses(trials):  # (M, n) -> (M,)
        gain = model.net_(take(inputs, trials))
        return relative_loss(model.loss, gain, take(counts, trials), baseline, scale)

    best = [np.inf] * model.n_members
    kept = {name: p.detach().clone() for name, p in model.net_.named_parameters()}
    history = []
    for epoch in tqdm(range(model.epochs), desc="fitting", disable=not model.progress):
        model.net_.train()
        order = np.stack([rng.permutation(block.train)[:n_train] for block in model.blocks_])
        train_loss = 0.0
        for step in range(per_epoch):
            loss = losses(torch.as_tensor(order[:, step * batch : (step + 1) * batch]))
            optimiser.zero_grad()
            loss.sum().backward()
            clip_members(model.net_.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            train_loss += loss.detach().cpu().numpy() / per_epoch
        model.net_.eval()
        with torch.no_grad():
            held_loss = losses(held).cpu().numpy()
        if not np.isfinite(train_loss).all():
            raise ValueError(
                f"the loss became NaN or infinite in epoch {epoch + 1}; lower learning_rate "
                f"(it is {model.learning_rate}) or look for outliers in pupil"
            )
        for member in range(model.n_members):
            history.append((epoch + 1, member, train_loss[member], held_loss[member]))
            if held_loss[member] < best[member]:
                best[member] = held_loss[member]
                for name, p in model.net_.named_parameters():
                    kept[name][member] = p.detach()[member]
        try:
            if model.on_epoch is not None:
                model.on_epoch(epoch + 1, held_loss)
        except StopFit:
            break
    model.net_.load_state_dict(kept)
    model.net_.eval()
    return pd.DataFrame(history, columns=["epoch", "member", "train", "held_out"])


def relative_loss(kind: str, gain, counts, baseline, scale):
    """Loss relative to the baseline's: one number, or one per member if there are members."""
    rate = baseline * gain  # (..., batch, steps, R)
    if kind == "mse":
        loss = ((rate - counts) ** 2 - (baseline - counts) ** 2) / scale
    else:
        loss = rate - baseline - counts * torch.log(gain.clamp_min(TINY))
    return loss.mean(dim=(-3, -2, -1))


def take(series, index):
    """``series[index]``, five times quicker for large trials."""
    return series.index_select(0, index.to(series.device).flatten()).unflatten(0, index.shape)


def clip_members(parameters, most: float) -> None:
    """Scale each member's gradient down to a norm of at most ``most``."""
    gradients = [p.grad for p in parameters]
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)  # (M,)
    factor = (most / (norms + 1e-6)).clamp_max(1.0)
    for g in gradients:
        g.mul_(factor.reshape(-1, *[1] * (g.ndim - 1)))
