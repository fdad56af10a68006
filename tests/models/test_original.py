import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.original import OriginalEncoder, OriginalRNN

torch.set_num_threads(1)
N_TRIALS, N_BINS = 20, 25


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    pupil = rng.normal([60, 35, 25], [10, 6, 4], (N_TRIALS, N_BINS, 3)).astype(np.float32)
    return pupil, rng.poisson(1.2, (N_TRIALS, N_BINS, 2))


@pytest.fixture(scope="module")
def fitted(data):
    return PupilEncoder.original(max_iterations=8, n_neurons=[30, 40]).fit(*data)


def outputs_by_hand(net, trial):
    """The network's equations, one bin at a time, in plain NumPy."""
    w = {name: p.detach().numpy() for name, p in net.named_parameters()}
    n_bins, hidden = len(trial), w["rnn.weight_hh_l0"].shape[0]
    halves = []
    for suffix, order in (("", range(n_bins)), ("_reverse", reversed(range(n_bins)))):
        h, states = np.zeros(hidden), np.zeros((n_bins, hidden))
        for t in order:
            drive = w[f"rnn.weight_ih_l0{suffix}"] @ trial[t] + w[f"rnn.bias_ih_l0{suffix}"]
            h = np.tanh(drive + w[f"rnn.weight_hh_l0{suffix}"] @ h + w[f"rnn.bias_hh_l0{suffix}"])
            states[t] = h
        halves.append(states)
    z = (halves[0] + halves[1]) / 2 @ w["readout.weight"].T + w["readout.bias"]
    return np.log1p(np.exp(10 * z)) / 10  # softplus with beta 10


def test_prediction_is_the_recipes_network_in_units_of_counts(fitted, data):
    pupil, counts = data
    expected = outputs_by_hand(fitted.net_, pupil[3].astype(float)) * [30, 40]
    predicted = fitted.predict(pupil)
    assert predicted.shape == counts.shape
    np.testing.assert_allclose(predicted[3], expected, rtol=1e-5)


def test_the_network_has_the_recipes_size_and_precision(fitted):
    shapes = {name: tuple(p.shape) for name, p in fitted.net_.named_parameters()}
    assert shapes["rnn.weight_ih_l0"] == (27, 3)
    assert shapes["rnn.weight_hh_l0_reverse"] == (27, 27)
    assert shapes["readout.weight"] == (2, 27)
    assert {p.dtype for p in fitted.net_.parameters()} == {torch.float64}


def test_training_is_full_batch_adam_on_a_random_split(data):
    """The recipe written out again: targets by np.convolve, split by scikit-learn."""
    pupil, counts = data
    neurons = np.array([30, 40])
    mean_counts = counts / neurons
    target = np.array(
        [
            [np.convolve(mean_counts[i, :, r], np.ones(10) / 10, "full")[:N_BINS] for r in (0, 1)]
            for i in range(N_TRIALS)
        ]
    ).transpose(0, 2, 1)
    train, held = train_test_split(np.arange(N_TRIALS), test_size=0.2, random_state=42)
    x, y = torch.tensor(pupil, dtype=torch.float64), torch.tensor(target)

    full = PupilEncoder.original(max_iterations=5, n_neurons=neurons).fit(pupil, counts)
    torch.manual_seed(0)
    again = OriginalRNN(3, 2).double()
    optimiser = torch.optim.Adam(again.parameters(), lr=1e-3)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = ((again(x[train]) - y[train]) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append((loss.item(), ((again(x[held]) - y[held]) ** 2).mean().item()))
    np.testing.assert_allclose(full.history_[["train", "held_out"]], losses, rtol=1e-9)
    np.testing.assert_allclose(full.predict(pupil), again(x).detach().numpy() * neurons, rtol=1e-5)


def test_the_last_weights_stay_and_patience_ends_the_fit(data):
    """Where training makes the held-out fifth worse at every step."""
    pupil, counts = data
    held = train_test_split(np.arange(N_TRIALS), test_size=0.2, random_state=42)[1]
    counts = np.full_like(counts, 9)
    counts[held] = 0
    model = PupilEncoder.original(patience=4).fit(pupil, counts)
    losses = model.history_["held_out"]
    assert len(losses) == 5  # the first is the best; four more are waited for
    assert losses.iloc[-1] > losses.min()
    predicted = torch.tensor(model.predict(pupil[held]), dtype=torch.float64)
    assert (predicted**2).mean().item() == pytest.approx(losses.iloc[-1], rel=1e-4)


def test_more_neurons_mean_proportionally_more_counts(data):
    pupil, counts = data
    once = PupilEncoder.original(max_iterations=3).fit(pupil, counts).predict(pupil)
    scaled = PupilEncoder.original(max_iterations=3, n_neurons=7).fit(pupil, 7 * counts)
    np.testing.assert_allclose(scaled.predict(pupil), 7 * once, rtol=1e-5)


def test_it_is_an_encoder_of_its_own_that_can_be_seeded(data):
    model = PupilEncoder.original(max_iterations=1, seed=3)
    assert not isinstance(model, PupilEncoder)
    assert isinstance(model, OriginalEncoder)
    state = torch.get_rng_state()
    a = clone(model).fit(*data).predict(data[0])
    b = clone(model).fit(*data).predict(data[0])
    c = clone(model).set_params(seed=4).fit(*data).predict(data[0])
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_neurons": [1, 2, 3]}, "n_neurons"),
        ({"n_neurons": 0}, "n_neurons"),
        ({"max_iterations": 0}, "at least 1"),
        ({"patience": 0}, "at least 1"),
    ],
)
def test_bad_settings(data, settings, message):
    with pytest.raises(ValueError, match=message):
        PupilEncoder.original(**settings).fit(*data)


def test_a_single_trial_cannot_be_split(data):
    with pytest.raises(ValueError, match="use more trials"):
        PupilEncoder.original(max_iterations=1).fit(data[0][:1], data[1][:1])
