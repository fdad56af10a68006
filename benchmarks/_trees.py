"""Gradient-boosted trees on lagged features: a model of the benchmarks only.

They need ``pip install lightgbm`` (Ke et al. 2017, "LightGBM: a highly efficient gradient boosting
decision tree").
"""

import numpy as np
import torch
from torch import nn

from pupil_helpers.models.gain import GainEncoder
from pupil_helpers.models.linear import flat

SETTINGS = {
    "objective": "poisson", "learning_rate": 0.15, "num_leaves": 12, "min_data_in_leaf": 100,
    "feature_fraction": 0.5, "max_bin": 63, "num_threads": 1, "verbosity": -1, "seed": 0,
}  # fmt: skip


class TreesNet(nn.Module):
    """Gains of all regions from fitted trees, (1, trials, steps, inputs) -> (1, ..., regions)."""

    trees = ()

    def forward(self, x):
        rows = x.flatten(0, -2).cpu().numpy()
        gains = np.stack([trees.predict(rows) for trees in self.trees], axis=-1)
        return torch.as_tensor(gains).to(x).unflatten(0, x.shape[:-1])


class Trees(GainEncoder):
    """Boosted trees with a Poisson loss and the log PSTH as offset.

    Features, lags, blocks and shrinkage are those of the other models; how many trees, the
    left-out blocks decide.
    """

    n_components = None  # trees cut single features, not mixtures of them

    def __init__(
        self, most_trees=80, psth=True, n_blocks=5, gap=2, shrink=True, stride=4, bin_size=None
    ):
        self.most_trees, self.psth, self.n_blocks, self.gap = most_trees, psth, n_blocks, gap
        self.shrink, self.stride, self.bin_size = shrink, stride, bin_size

    def _network(self, n_inputs, n_regions):
        return TreesNet()

    def _learn(self, net, inputs, counts, psth):
        x, y = inputs.numpy(), counts.numpy()  # (T, S, inputs), (T, S, R)
        base = np.broadcast_to(psth.numpy(), y.shape)
        net.trees, held_out = [], [[] for _ in self.blocks_]
        for region in range(y.shape[-1]):
            y_r, base_r = y[..., region], base[..., region]
            fits = [grow(x[b.train], y_r[b.train], base_r[b.train], self.most_trees)
                    for b in self.blocks_]  # fmt: skip
            tried = range(5, self.most_trees + 1, 5)
            gains = [
                [fit.predict(flat(x[b.test]), num_iteration=n).reshape(len(b.test), -1)
                 for n in tried]
                for fit, b in zip(fits, self.blocks_, strict=True)
            ]  # fmt: skip
            losses = [
                [(base_r[b.test] * gain - y_r[b.test] * np.log(gain)).sum() for gain in of_block]
                for of_block, b in zip(gains, self.blocks_, strict=True)
            ]
            best = int(np.sum(losses, axis=0).argmin())
            for mine, of_block in zip(held_out, gains, strict=True):
                mine.append(of_block[best])
            net.trees.append(grow(x, y_r, base_r, tried[best]))
        held_out = [
            (b.test, torch.as_tensor(np.stack(mine, axis=-1)).float())
            for b, mine in zip(self.blocks_, held_out, strict=True)
        ]
        return net(inputs[None])[0], held_out


def grow(x, y, base, n_trees):
    """Trees whose prediction, without the offset, is the gain on ``base``."""
    import lightgbm

    offset = np.log(np.maximum(base, 1e-9)).ravel()
    data = lightgbm.Dataset(flat(x), y.ravel(), init_score=offset)
    return lightgbm.train(SETTINGS, data, n_trees)
