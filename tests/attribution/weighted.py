"""A network whose attributions are known in closed form."""

import numpy as np
import torch
from torch import nn

WEIGHTS = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 0.0]])  # (regions, channels)
DELAY = 5  # bins


class Weighted(nn.Module):
    """Expected counts that are a weighted sum of the channels 5 bins earlier, plus a constant."""

    def __init__(self, weights=WEIGHTS):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(weights, dtype=torch.float64))  # (R, 3)

    def forward(self, pupil):  # (T, B, 3)
        late = nn.functional.pad(pupil, (0, 0, DELAY, 0))[:, : pupil.shape[1]]
        return 7 + late @ self.weight.T


def some_pupil(trials=6, bins=40, seed=0, gaps=True):
    rng = np.random.default_rng(seed)
    pupil = rng.normal(size=(trials, bins, 3)).cumsum(axis=1) * [2, 1, 1] + [60, 30, 20]
    if gaps:
        pupil[rng.random((trials, bins)) < 0.1] = np.nan
    return pupil.astype(np.float32)
