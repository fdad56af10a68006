import pytest
import torch

from pupil_helpers.models import devices
from pupil_helpers.models.encoder import PupilEncoder

SHAPE = (2, 8, 10, 4)


def network():
    return torch.nn.Linear(4, 3)


@pytest.fixture
def two_devices(monkeypatch):
    """A GPU beside the processor, as far as anybody asks; ``seconds`` says how fast each is."""
    seconds, timed = {"cpu": 1.0, "cuda": 2.0}, []

    def fake(net, shape, device):
        timed.append(device)
        return seconds[device]

    monkeypatch.setattr(devices, "FASTEST", {})
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "cuda"])
    monkeypatch.setattr(devices, "seconds_per_update", fake)
    return seconds, timed


def test_the_faster_device_is_taken_and_each_size_timed_once(two_devices):
    seconds, timed = two_devices
    assert devices.fastest_device(network, SHAPE, "a").type == "cpu"
    seconds["cuda"] = 0.5
    assert devices.fastest_device(network, SHAPE, "a").type == "cpu"  # remembered
    assert timed == ["cpu", "cuda"]
    assert devices.fastest_device(network, (9, 8, 10, 4), "a").type == "cuda"
    assert devices.fastest_device(network, SHAPE, "b").type == "cuda"


def test_with_one_device_nothing_is_timed(two_devices, monkeypatch):
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu"])
    assert devices.fastest_device(network, SHAPE, "a").type == "cpu"
    assert two_devices[1] == []


def test_updates_are_timed_with_gradients():
    net = network()
    assert devices.seconds_per_update(net, SHAPE, "cpu") > 0
    assert net.weight.grad is not None


def test_a_fit_asks_for_the_device_and_says_which(two_devices, capsys):
    generator = torch.Generator().manual_seed(0)
    pupil = torch.randn(20, 30, 3, generator=generator).numpy()
    counts = torch.poisson(torch.ones(20, 30, 1), generator=generator).numpy()
    PupilEncoder(n_updates=2, progress=True).fit(pupil, counts)
    assert two_devices[1] == ["cpu", "cuda"]
    assert "fitting on cpu" in capsys.readouterr().err
    PupilEncoder(n_updates=2, device="cpu", hidden_size=3).fit(pupil, counts)
    assert len(two_devices[1]) == 2  # who names a device gets it, untimed
