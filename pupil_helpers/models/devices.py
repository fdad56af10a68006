"""Where to train: networks this small are often quicker on a processor than on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

N_TIMED = 5
FASTEST: dict = {}
"""The device found the faster, by what was timed: each size of network is tried once."""


def available_devices() -> list[str]:
    """Names of the devices there are, the processor first."""
    return ["cpu"] + ["cuda"] * torch.cuda.is_available()


def torch_device(name: str) -> torch.device:
    """The device of that name; "auto": a GPU if there is one."""
    return torch.device(available_devices()[-1] if name == "auto" else name)


def fastest_device(make: Callable[[], nn.Module], shape: tuple, key) -> torch.device:
    """The device on which a few updates of ``make()`` take the least time.

    Parameters
    ----------
    make : callable
        Returns the network.
    shape : tuple of int
        Of the input of one update, (members, trials, steps, inputs).
    key : hashable
        What else the time depends on; with the same key and shape nothing is timed again.
    """
    devices = available_devices()
    if len(devices) > 1 and (key, shape) not in FASTEST:
        seconds = {name: seconds_per_update(make(), shape, name) for name in devices}
        FASTEST[key, shape] = min(seconds, key=seconds.get)
    return torch.device(FASTEST.get((key, shape), devices[0]))


def seconds_per_update(net: nn.Module, shape: tuple, device: str) -> float:
    """Seconds that one pass forwards and backwards takes, after two that are not counted."""
    net, inputs = net.to(device), torch.zeros(shape, device=device)
    for update in range(2 + N_TIMED):
        if update == 2:
            start = _now(device)
        net(inputs).mean().backward()
    return (_now(device) - start) / N_TIMED


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()  # what was asked for so far is done
    return time.perf_counter()
