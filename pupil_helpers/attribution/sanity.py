"""Would the explanation look the same if the model had learned nothing?"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from .gradients import as_module


def randomised(model, layers: Sequence[str] | None = None, seed: int = 0):
    """A copy of a fitted model with the weights of some layers shuffled.

    The model-randomisation check of Adebayo et al. (2018, doi:10.48550/arXiv.1810.03292): an
    explanation that stays the same when the weights are scrambled does not explain the model.
    Shuffling within each weight array keeps the sizes of the weights. (A freshly drawn network
    would not do: the readout starts at 0, and its attributions with it.)

    Parameters
    ----------
    model : PupilEncoder, or another neural model of the package
        Fitted; it is left as it is.
    layers : sequence of {"stem", "recurrence", "readout", "linear"}, optional
        Which parts of the network to shuffle, each member's weights among themselves; all by
        default.
    seed : int, default 0

    Returns
    -------
    As ``model``.

    Raises
    ------
    ValueError
        If the model has no network, or the network no such layer.
    """
    shuffled = copy.deepcopy(model)
    net = getattr(as_module(shuffled), "net", nn.Module())
    parameters = dict(net.named_parameters())
    if parameters:  # what a network is mixed with has weights too, in a buffer
        parameters |= {name: b for name, b in net.named_buffers() if name == "linear.weight"}
    else:
        raise ValueError(f"{type(model).__name__} has no network whose weights could be shuffled")
    known = list(dict.fromkeys(name.split(".")[0] for name in parameters))
    generator = torch.Generator().manual_seed(seed)
    for layer in known if layers is None else layers:
        if layer not in known:
            raise ValueError(f"no layer named {layer!r}; this network has {', '.join(known)}")
        for weights in (p for name, p in parameters.items() if name.split(".")[0] == layer):
            for member in weights.data:  # a view
                order = torch.randperm(member.numel(), generator=generator)
                member.copy_(member.flatten()[order.to(member.device)].view_as(member))
    return shuffled
