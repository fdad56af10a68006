"""How near the fast recurrences must be to torch's own."""

import torch

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def close(ours, theirs):
    """Largest difference, relative to the largest value where that exceeds one."""
    scale = max(1.0, theirs.abs().max().item())
    return (ours - theirs).abs().max().item() / scale < TOLERANCE[theirs.dtype]
