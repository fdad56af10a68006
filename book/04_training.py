# ---
# jupyter:
#   accelerator: GPU
#   colab:
#     gpuType: T4
#     provenance: []
#   jupytext:
#     cell_metadata_filter: tags,mystnb,-all
#     formats: ipynb,py:percent
#     notebook_metadata_filter: accelerator,colab,kernelspec,-all
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4. Training
#
# *How does a network learn, when should it stop, and when should it keep quiet?*
#
# **Goals.** By the end you can
#
# - say what a Poisson loss asks of a prediction, and how it differs from squared error;
# - write a training loop, and read learning curves;
# - stop training at the right time, and keep the right weights;
# - recognise what goes wrong: raw inputs, a wrong learning rate, a score without its nulls;
# - let a model fall back to the PSTH in a region that the pupil says nothing about.
#
# **Time.** About 35 minutes, 25 more with the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapter 3: the features, the recurrent network, and the score above the PSTH.
# What a derivative is.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. To use the real recording, change
# `load_session("simulated")` to `load_session("steinmetz", index=12)` in the third code cell;
# what compares with the truth is then left out.

# %% tags=["setup", "hide-cell"]
import subprocess
import sys

if "google.colab" in sys.modules:  # does nothing anywhere else
    packages = [
        "pupil-helpers @ git+https://github.com/willwyang/pupilencoder@main",
        "captum>=0.9",
        "hyperopt>=0.3",
    ]
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", *packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("the installation failed; run this cell again:\n" + done.stderr)

# %%
import copy
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from pupil_helpers import PupilEncoder, bits_per_spike, blocked_folds, check
from pupil_helpers import evaluation_kernel, load_session, psth_relative, r2

# %%
from pupil_helpers.models.network import PlainRNN
from pupil_helpers.models.original import OriginalRNN
from pupil_helpers.models.shrinkage import shrunk_losses
from pupil_helpers.plotting import training as figures, use_style
from pupil_helpers.signals.pupil import FEATURES, PupilFeatures, fill_missing
from pupil_helpers.signals.rates import original_rates
from pupil_helpers.signals.splits import inner_blocks, random_split

use_style()
torch.set_num_threads(1)  # networks this small gain nothing from more
session = load_session("simulated")
kernel = evaluation_kernel(session.bin_size)  # all scores smooth both sides over 100 ms
wanted = ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
regions = [name for name in wanted if name in session.regions]
if len(regions) < 3:  # a recording of other places: take its largest regions
    regions = list(session.region_table().index[:6])
print(session.name, regions)

# %% [markdown]
# ## Ready to learn
#
# There are now three kinds of trials. Most of the training trials are to *learn from*. One inner block of them is *held
# out*, to watch the learning. And the *test* block, here the last fifth of the session, must not decide anything. All blocks are
# contiguous, with gaps, for the reasons of chapter 1.

# %%
step = 5  # bins: the network takes steps of 50 ms, to be five times quicker
n_bins = session.n_bins // step * step
pupil = session.pupil[:, :n_bins]
counts = session.region_counts(regions)[:, :n_bins].astype(np.float32)  # (trials, bins, regions)
train, test = blocked_folds(session.n_trials)[-1]  # the last block
inner, held = inner_blocks(train)[2]
print(f"{len(inner)} trials to learn from, {len(held)} held out, {len(test)} to test on")


def in_steps(values):  # (trials, bins, n) -> (trials, steps, bins per step, n)
    return torch.from_numpy(values).unflatten(1, (-1, step))


features = PupilFeatures(session.bin_size).fit(pupil[train]).transform(pupil)
x = in_steps(features).mean(dim=2)  # (trials, steps, 10)
y = in_steps(counts).sum(dim=2)  # (trials, steps, regions)
psth = counts[train].mean(axis=0)  # (bins, regions)
psth_steps = in_steps(psth[None]).sum(dim=2)[0].clamp_min(1e-4)  # (steps, regions), never 0

# %% [markdown]
# The network is the plain RNN of chapter 3. We read its output as a **gain** on the PSTH: expected counts are
# `psth_steps * net(x)`. A gain of 1 in every bin is the PSTH itself, and that is where we start. Everything that
# the network learns is then about differences between trials.


# %%
def new_network(seed=0):
    torch.manual_seed(seed)
    net = PlainRNN(len(FEATURES), len(regions), hidden_size=32)
    nn.init.constant_(net.readout.bias, math.log(math.e - 1))  # softplus of this is 1
    with torch.no_grad():
        net.readout.weight.mul_(0.1)
    return net


net = new_network()
with torch.no_grad():
    print(f"gain before training: {net(x).mean():.2f} ± {net(x).std():.2f}")

# %% [markdown]
# ## A loss for counts
#
# Learning needs one number that says how wrong a prediction is, the **loss**. For spike counts there is a natural one. If the
# expected count is $\lambda$ and spikes come independently of each other, then $n$ spikes have the probability
# $\lambda^n e^{-\lambda} / n!$, a Poisson distribution. The prediction that makes the observed counts most
# probable is the one with the least
#
# $$-\log p(n \mid \lambda) = \lambda - n \log \lambda + \text{const}.$$


# %%
def poisson_loss(rate, n):
    return (rate - n * torch.log(rate)).mean()


def squared_error(rate, n):
    return ((rate - n) ** 2).mean()


guess = psth_steps.expand_as(y)
torch.testing.assert_close(poisson_loss(guess, y), F.poisson_nll_loss(guess, y, log_input=False))

# %% [markdown]
# How does it differ from squared error? Look at both as functions of the prediction, for a few observed counts.

# %%
rates, seen = torch.linspace(0.05, 12, 300), (0, 2, 6)
both = []
for loss in (poisson_loss, squared_error):
    values = np.array([[loss(rate, torch.tensor(float(n))) for rate in rates] for n in seen])
    both.append(values - values.min(axis=1, keepdims=True))

# %% mystnb={"image": {"alt": "Two panels, loss against predicted spikes. Left, Poisson: for 0 spikes a straight line, for 2 and 6 spikes valleys that are steep on the left and shallow on the right, wider for 6. Right, squared error: the same parabola for each count, only shifted."}}
figures.losses(rates, *both, seen)
plt.show()

# %% [markdown]
# Both losses are least where the prediction equals the count. But squared error is the same parabola everywhere. The
# Poisson loss knows that counts around a high rate scatter more: its valley widens with the count. And it punishes too low a prediction more than too
# high a one. To predict nearly nothing and then see six spikes is a bad surprise.
#
# ## One step
#
# Training is one move, repeated. Predict, compare, ask how the loss would change with each weight (its
# **gradient**, which PyTorch works out by going backwards through the network), and nudge each weight downhill.

# %%
batch = inner[:16]
optimiser = torch.optim.Adam(net.parameters(), lr=0.005)
for _ in range(3):
    loss = poisson_loss(psth_steps * net(x[batch]), y[batch])  # predict, compare
    optimiser.zero_grad()
    loss.backward()  # gradients of the loss with respect to every weight
    optimiser.step()  # nudge the weights
    print(f"loss {loss.item():.4f}")

# %% [markdown]
# `Adam` decides how far to nudge ([Kingma and Ba, 2014](https://doi.org/10.48550/arXiv.1412.6980)). It divides each weight's gradient by
# the gradient's recent size, so that every weight moves by about the learning rate, whether its gradient is large or small.
#
# ## The loop
#
# Now the real thing. One **epoch** shows every trial once, in random order, in batches of 16. After each epoch we note
# the loss on the trials learnt from and on the held-out block, and we keep a copy of the weights that were best *on the held-out
# block*. (`decay` and `cycle` are for later.)


# %%
def fit(net, loss, trials=inner, epochs=40, rate=5e-3, decay=0, cycle=False):
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    steps = epochs * -(-len(trials) // 16)  # batches in all
    schedule = OneCycleLR(optimiser, rate, steps) if cycle else None
    history, best, both = [], np.inf, (trials, held)
    for _ in tqdm(range(epochs), desc="epochs"):
        for chosen in torch.randperm(len(trials)).split(16):
            batch = trials[chosen]
            value = loss(psth_steps * net(x[batch]), y[batch])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            if cycle:
                schedule.step()
        with torch.no_grad():
            now = [loss(psth_steps * net(x[t]), y[t]).item() for t in both]
        history.append(now)
        if now[1] < best:
            best, kept = now[1], copy.deepcopy(net.state_dict())
    return np.array(history), kept


# %%
net = new_network()
history, kept = fit(net, poisson_loss)
zero = [poisson_loss(guess[t], y[t]).item() for t in (inner, held)]  # of the PSTH
best = int(history[:, 1].argmin())
print(f"best after epoch {best + 1} of {len(history)}")

# %% mystnb={"image": {"alt": "Loss against epoch, relative to the PSTH. On the trials it learns from the loss falls all the way. On the held-out block it falls quickly at first, has its lowest point at a dot well before the end, and then creeps up."}}
figures.learning_curves(history, zero, best)
plt.show()

# %%
if session.truth is not None:
    assert history[-1, 0] < history[best, 0] - 0.002  # still learning something …
    assert history[-1, 1] > history[best, 1] + 0.002  # … that does not hold elsewhere

# %% [markdown]
# Both curves are relative to the PSTH: below 0 is better than it. For some epochs both fall. Then they part. On the trials it learns from,
# the network keeps improving to the last. On trials it does not learn from, it does not improve any more and even gets a little worse: it has
# begun to learn the noise by heart. This is **overfitting**. (Compare the shapes of the curves, not their heights: some blocks are easier than others.)
#
# ### Early stopping
#
# The cure is cheap: keep the weights from the lowest point of the held-out curve. That is why the loop copies them. Note the difference
# between *stopping* and *keeping*. Whoever stops after, say, ten epochs without progress has by then
# trained ten epochs too long, and must go back to the best weights.
#
# How much does it matter? That depends on how many trials there are. Here is the same network, learning from the first 40 trials only.
# So few trials leave much to luck. We train it from five starts, and average.


# %%
def score(net, weights=None, metric=psth_relative):
    if weights is not None:
        net.load_state_dict(weights)
    with torch.no_grad():
        rate = (psth_steps * net(x[test])).numpy() / step  # counts per bin
    more = {psth_relative: [psth, kernel], r2: [kernel]}.get(metric, [])
    return metric(counts[test], rate.repeat(step, axis=1), *more)


runs = []
for seed in range(5):
    few = new_network(seed)
    runs.append((few, *fit(few, poisson_loss, epochs=60, trials=inner[:40])))
few_history = np.mean([curves for _, curves, _ in runs], axis=0)
last = np.array([score(few) for few, _, _ in runs])  # (starts, regions)
best_ones = np.array([score(few, weights) for few, _, weights in runs])
board = {"40 trials, last": last.mean(0), "40 trials, best": best_ones.mean(0)}
board |= {"all trials, last": score(net), "all trials, best": score(net, kept)}

# %% mystnb={"image": {"alt": "Held-out loss against epoch, relative to the PSTH. With all trials the curve falls fast and then stays low, rising only a little. With 40 trials, averaged over five starts, it falls to a higher minimum early on and then climbs, back to the PSTH's zero line."}}
figures.several_curves({"all trials": history, "40 trials": few_history}, zero[1])
plt.show()

# %%
pd.DataFrame(board, index=regions).round(3)

# %%
if session.truth is not None:
    driven = np.isin(regions, session.truth.regions[session.truth.driven])
    gained = best_ones - last  # (starts, regions)
    assert few_history[-1, 1] > few_history[:, 1].min() + 0.02
    assert gained.mean() > 0.015
    assert gained[:, driven].mean() < gained[:, ~driven].mean()
    lost, n = (gained[:, driven] < 0).sum(), gained[:, driven].size
    print(f"driven regions: {lost} of {n} scores are better with the last weights")
    assert 0.2 < lost / n < 0.8  # nearly a draw

# %% [markdown]
# These are scores on the test block: the share of the PSTH's squared error that is removed. With 40 trials the last weights are
# worse than the best ones, above all in the regions that the pupil does not drive: there is only noise to learn there, and long
# training learns it. In the regions that it does drive, it is nearly a draw: start by start, about as many scores (the line printed last) are better with the last weights as with the best. The reason is that there is one loss
# for all regions. Its lowest point is a compromise: by then the network has begun to learn noise in one region,
# and is still learning something true in another. With all trials there is less to
# choose between last and best, and in a single region the last weights may well come out ahead. Early stopping is an insurance: it
# costs next to nothing, and sometimes it saves you.
#
# **A common mistake**: choosing the epoch on the *test* block. The score then contains the luck of the choice.
#
# ## How fast to learn
#
# The learning rate is the one setting that always matters. Let us try a much smaller one and a much larger one.

# %%
slow, _ = fit(new_network(), poisson_loss, epochs=20, rate=0.0003)
fast, _ = fit(new_network(), poisson_loss, epochs=20, rate=0.2)
speeds = {"rate 0.0003": slow, "rate 0.005, as before": history[:20], "rate 0.2": fast}

# %% mystnb={"image": {"alt": "Held-out loss against epoch for three learning rates. The small one falls slowly and is still falling at the end. The middle one falls within a few epochs and stays low. The large one is far worse than the PSTH: nearly all of its curve lies above the upper edge of the panel."}}
figures.several_curves(speeds, zero[1])
plt.show()

# %% [markdown]
# Too small, and it would need many more epochs. Too large, and it jumps across the valley it is looking for. We can have the best of both:
# start gently, speed up, and end very slowly, so that it settles. That is the **one-cycle**
# schedule ([Smith and Topin, 2017](https://doi.org/10.48550/arXiv.1708.07120)). The second ingredient is **weight decay**: after each step every weight shrinks a
# little towards zero, unless the data keep pushing it. It plays the part that the penalty plays in ridge.

# %%
careful = new_network()
curve, kept = fit(careful, poisson_loss, epochs=30, rate=0.01, decay=1.0, cycle=True)
board["one cycle and decay"] = score(careful, kept)
schedules = {"steady": history[:30], "one cycle and decay": curve}

# %% mystnb={"image": {"alt": "Held-out loss against epoch. The steady rate falls fast, and then creeps up slowly with small bumps. One cycle with weight decay starts later, is bumpy in the middle and then settles at a lower value without turning up."}}
figures.several_curves(schedules, zero[1])
plt.show()

# %% [markdown]
# The overfitting is gone: the curve settles, and below the other one. The gain is small, and a single block can hide it, but we have seen it in nearly every block and with nearly every seed
# that we tried. `PupilEncoder` and the other networks of the package are trained with one cycle and decay, too.

# %%
if session.truth is not None:
    assert curve[:, 1].min() < history[:, 1].min()  # a better held-out loss …
    assert curve[-1, 1] < curve[:, 1].min() + 0.004  # … that does not turn up again
    assert curve[:, 1].argmin() >= len(curve) // 2  # the best weights come late
    assert fast[:, 1].min() > zero[1] > slow[-1, 1] > history[:20, 1].min()

# %% [markdown]
# ## Poisson or squared error?
#
# The same network and the same loop, with the other loss.

# %%
squared = new_network()
_, kept = fit(squared, squared_error, epochs=30, rate=0.01, decay=1.0, cycle=True)
columns = {
    ("score above the PSTH", "Poisson"): score(careful),
    ("score above the PSTH", "squared error"): score(squared, kept),
    ("bits per spike", "Poisson"): score(careful, metric=bits_per_spike),
    ("bits per spike", "squared error"): score(squared, metric=bits_per_spike),
}
pd.DataFrame(columns, index=regions).round(3)

# %% [markdown]
# (Bits per spike measure the likelihood of the test counts, against a constant rate. More is better.) On this mouse the two losses end
# up nearly together. A region here is the sum of dozens of neurons, so its counts are large enough for their scatter to be about the
# same everywhere, and then squared error is no bad likelihood. With fewer neurons, or rates that change tenfold, the Poisson loss
# is the safer choice. It is our default for another reason as well: it is in units that mean the same in every region, while
# squared error listens most to the region with the highest rate.
#
# ## What goes wrong: the original recipe
#
# The first PupilEncoder was a summer-school project, and had the right idea: read the pupil with a bidirectional
# RNN. Its recipe is kept in the package, step by step, as `PupilEncoder.original()`. Let us train it on the same trials and
# the same three regions that it was made for, twice, since much depends on the random weights that it starts from.

# %%
first = regions[:3]
neurons = session.region_table().loc[first, "neurons"].to_numpy()
originals = {}
for seed in range(2):
    start, original = time.perf_counter(), PupilEncoder.original(n_neurons=neurons, seed=seed)
    originals[f"start {seed}"] = original.fit(pupil[train], counts[train][..., :3])
    print(f"{len(original.history_)} steps in {time.perf_counter() - start:.0f} s")

# %% [markdown]
# It minimises squared error on all training trials at once, and watches a *random* fifth of them. Does it learn? The error on that fifth
# falls about a hundredfold, or more. For comparison, here is the error of two predictions that need no network at all, on the same trials.

# %%
learnt, watched = random_split(len(train))
targets = original_rates(counts[train][..., :3] / neurons)  # smoothed spikes per bin and neuron
average = targets[learnt].mean(axis=0)  # (bins, regions)
levels = {
    "one constant per region": ((targets[watched] - average.mean(axis=0)) ** 2).mean(),
    "PSTH": ((targets[watched] - average) ** 2).mean(),
}

# %% mystnb={"image": {"alt": "Mean squared error of held-out trials on a logarithmic axis against training step, for two starts. Both fall by a factor of about a hundred or more; one curve ends early, high up, the other goes on for 200 steps and comes close to the lines of one constant per region and of the PSTH, but stays above that of the PSTH."}}
figures.mean_squared_errors({name: run.history_ for name, run in originals.items()}, levels)
plt.show()

# %%
beside = {
    name: r2(counts[test][..., :3], run.predict(pupil[test]), kernel)
    for name, run in originals.items()
}
beside["mean of starts"] = np.mean(list(beside.values()), axis=0)
flat = np.broadcast_to(psth.mean(axis=0), psth.shape)  # (bins, regions)
beside |= {
    "constant": r2(counts[test][..., :3], flat[..., :3], kernel),
    "PSTH": r2(counts[test][..., :3], psth[..., :3], kernel),
    "our loop": score(careful, metric=r2)[:3],
}
pd.DataFrame(beside, index=first).round(2)

# %%
if session.truth is not None:
    assert (beside["mean of starts"] < beside["constant"]).all()
    lengths = [len(run.history_) for run in originals.values()]
    assert min(lengths) < max(lengths) == 200  # one of them was stopped early
    assert all(run.history_["held_out"].iloc[-1] > levels["PSTH"] for run in originals.values())
    assert (beside["our loop"] > beside["PSTH"]).all()
    worse = beside["start 1"] < beside["constant"]
    assert worse.tolist() == [True, True, False]  # it found something in LGd
    falls = [run.history_["held_out"] for run in originals.values()]
    assert all(fall.iloc[0] > 70 * fall.iloc[-1] for fall in falls)

# %% [markdown]
# A falling error looks like success. Only the lines show that neither has reached what the PSTH gives, and one of them is far from it. On the
# test block their mean $R^2$ is below that of a constant in every region. (Look at each start by itself, too: the second one has
# found something of the pupil in LGd, the region where there is most to find, and nothing in the others.) The early notebooks of the original
# printed nothing but this error, so nobody could see it. Its headline, "over 46 %" of the variance, comes without a definition that
# could be recovered. (Chapter 6 asks what such a number can mean.) It is an instructive recipe, because each step in it is something that everybody does at first.
#
# **Raw inputs.** The pupil's area is a number around 70, x and y around 30. A $\tanh$ fed with such numbers is stuck at −1 or 1, where it
# neither tells values apart nor passes gradients on. Look at the hidden states of its network before training.

# %%
torch.manual_seed(0)
untrained = OriginalRNN(n_inputs=3, n_regions=3).double()
raw = torch.from_numpy(fill_missing(pupil[train])).double()
standardised = (raw - raw.mean(dim=(0, 1))) / (raw.std(dim=(0, 1)) + 1e-9)
with torch.no_grad():
    states = {
        "raw pupil": untrained.rnn(raw)[0].numpy(),
        "standardised pupil": untrained.rnn(standardised)[0].numpy(),
    }
stuck = {name: (np.abs(values) > 0.99).mean() for name, values in states.items()}
print({name: f"{share:.0%} of states beyond ±0.99" for name, share in stuck.items()})
if session.truth is not None:
    assert stuck["raw pupil"] > 0.7 > 0.1 > stuck["standardised pupil"]

# %% mystnb={"image": {"alt": "Two histograms of hidden states. With the raw pupil nearly all states sit at minus one or plus one. With the standardised pupil they spread over the whole range in a hump around zero."}}
figures.saturation(states)
plt.show()

# %% [markdown]
# **Few, small steps.** One step per pass over all trials, at a rate of 0.001: even 200 steps move a weight by about 0.2 at most. Our loop makes
# about ten steps in each pass.
#
# **The last weights, not the best.** It stops after 25 steps without progress, and keeps the weights of step 25.
#
# **A random fifth to watch.** Neighbours of the watched trials are among those it learns from, so drift leaks (chapter 1), and the same trials later served for tuning and for
# the report.
#
# **An unlucky pause.** Squared error pooled over regions has plateaus on the way down. With a short patience, training can end on one of them, as
# it did from one of our two starts. One run of such a program says little: report several seeds.
#
# None of this is a flaw of RNNs. The same kind of network, in our loop, beats the PSTH in each of the three regions.
#
# ## Know when not to predict
#
# There is one more thing that our own loop gets wrong. MRN, CA1 and VISam do not depend on the pupil in the
# simulated mouse, and the network predicts something for them all the same. Below is the mean rate of every trial, in a region
# that follows the pupil, and in CA1, which drifts on its own.

# %%
pair = ["LGd", "CA1"] if {"LGd", "CA1"} <= set(regions) else regions[:2]
shown = np.arange(
    test[0] - 40, session.n_trials
)  # some trials before the test block, and the block
with torch.no_grad():
    by_network = (psth_steps * careful(x[shown])).mean(dim=1).numpy() / step  # (trials, regions)
strips = {}
for name in pair:
    r = regions.index(name)
    unit = (
        session.regions == name
    ).sum() * session.bin_size  # counts per bin -> spikes/s per neuron
    values = counts[shown, :, r].mean(axis=1), by_network[:, r], psth[:, r].mean()
    strips[name] = [value / unit for value in values]

# %% mystnb={"image": {"alt": "Mean rate of each trial towards the end of the session. In LGd the network's line follows the recorded rates up and down. In CA1 the recorded rate wanders slowly around the flat line of the PSTH, and the network's line does something else."}}
figures.drift(shown, strips, test[0])
plt.show()

# %% [markdown]
# In LGd the prediction goes where the rate goes. In CA1 it moves a little, for no good reason. CA1 drifts over the session, and so does the
# pupil's area; in the trials learnt from the two happened to go together, or against each other, for long stretches. What the network took from that
# has no value in another stretch of the session: it can hurt, and it can also help by accident. This is the nonsense correlation of chapter 1.
#
# `PupilEncoder` takes a precaution. It trains several small networks, each with a different fifth of the training trials left
# out, one contiguous block each. A network's own left-out block decides which of its weights are kept. The mean gain of the networks is then mixed with that of a **Poisson
# GLM** on the same inputs, a linear model whose few weights can be learnt from few trials. The left-out blocks say
# in which proportion, region by region. (`glm=False` leaves it out.) And all five blocks together answer:
# on trials that the models had not seen, did the mixture beat the PSTH, reliably?
#
# The networks' training is counted in **updates**, one for every batch, and not in epochs, so that a short session gets as many of them as a long one. Every
# so many updates each network is tried on its own left-out block.

# %%
shy = PupilEncoder(bin_size=session.bin_size).fit(pupil[train], counts[train])
print(f"{shy.history_['member'].nunique()} networks, {shy.n_blocks} left-out blocks")
lowest = shy.history_.groupby("member")["held_out"].idxmin()
kept_after = shy.history_["update"][lowest].tolist()
print(f"weights kept after update {kept_after} of {shy.n_updates}")
shares = shy.module_.net.share.tolist()  # of the GLM in the mixture
print({name: round(a, 1) for name, a in zip(regions, shares, strict=True)})

# %% mystnb={"image": {"alt": "Learning curves of several networks against update, one colour per left-out block. Left, on the trials they learn from, all fall together. Right, on each network's own left-out block, they fall to different depths, below zero, and then turn up a little and level off; a dot marks the lowest point of each."}}
figures.members(shy.history_, shy.n_blocks)
plt.show()

# %% [markdown]
# The five blocks are not equally easy, so the curves end at different depths. What counts is that they are below 0, and that they agree. Here the lowest points
# come before the half of the training, and the weights from there are kept: early stopping at work. The last line printed is the share of the GLM in each region. (Where the mixture will not be followed at all, its share means nothing.)
#
# From the left-out blocks
# comes one more number per region, the **shrinkage** $a$ between 0 and 1: the weight that would have predicted the left-out counts best,
#
# $$\text{prediction} = \text{PSTH} \times \bigl(1 + a\,(\text{gain} - 1)\bigr),$$
#
# and 0 unless that weight is better than the PSTH by more than its uncertainty, one standard error over blocks. It must be so in two ways: in the likelihood of the counts,
# and in their likelihood *given each block's total*, which asks only when the spikes came. A model that has merely learnt how one slow drift goes
# along with another can be lucky with the level of a block; it is seldom lucky in both. At $a = 1$ the mixture is followed fully.

# %%
bold = PupilEncoder(shrink=False, bin_size=session.bin_size).fit(pupil[train], counts[train])
final = pd.DataFrame({"plain RNN": score(careful)}, index=regions)
for name, model in (("PupilEncoder without shrinkage", bold), ("PupilEncoder", shy)):
    final[name] = model.score(pupil[test], counts[test], "psth_relative", per_region=True)
possible = None
if session.truth is not None:
    true_rates = session.true_region_rates(regions)[test, :n_bins]
    possible = psth_relative(counts[test], true_rates, psth, kernel)
final.assign(shrinkage=shy.shrinkage_).round(3)

# %% mystnb={"image": {"alt": "Three dots per region: plain RNN, PupilEncoder without and with shrinkage. In SCs, SCm and LGd all lie high, near the dashed line of the true rates, PupilEncoder nearest, and shrinkage is close to 1. In MRN, CA1 and VISam all lie at zero or a little below it, and shrinkage is 0; the dashed line is far above them in MRN, clearly above in VISam and barely in CA1."}}
figures.scores(final, shy.shrinkage_, possible)
plt.show()

# %%
if session.truth is not None:
    assert (shy.shrinkage_[driven] > 0.8).all()
    assert (shy.shrinkage_[~driven] == 0).all()
    assert (final["PupilEncoder"][~driven] > -0.005).all()
    assert (final["PupilEncoder"][driven] > 0.8 * possible[driven]).all()
    assert (final["PupilEncoder"] > final["plain RNN"]).all()
    assert (final["PupilEncoder without shrinkage"][~driven] > -0.03).all()
    assert max(kept_after) < shy.n_updates / 2

# %% [markdown]
# In the regions that follow the pupil, the shrinkage is close to 1 and next to nothing is lost. In the others it is 0, and what is left is the PSTH. On this block that
# saves little, because the mixture claims little there of its own accord; on another block, or another mouse, it can save a lot. A
# model that says "I do not know" where it does not know is worth more than one that is a little better on average.
#
# Look at the dashed lines, too. In MRN there would be a lot to explain: its rate *does* change between trials, but nothing in the pupil
# tells how. A low score says that *these inputs* are no help, and not that a region is noise. (Nor is the line a ceiling to the last digit. In sixty trials
# the true rates have good or bad luck like any other prediction, and a model's dot can come out a hair above them.)

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the folded cell after it. It holds a
# solution, and it says what is wrong with yours.
#
# ### Exercise 4.1: the slope of the Poisson loss
#
# In one bin the prediction is $\lambda = 2$ and the count is $n = 6$. How fast does the Poisson loss change with $\lambda$? Work out the derivative
# on paper, and give its value.
#
# <details>
# <summary>Hint 1</summary>
#
# The loss is $\lambda - n \log \lambda$. Take each term's derivative with respect to $\lambda$.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The derivative of $\log \lambda$ is $1 / \lambda$. Bring both terms over one denominator, and you see the error divided by the rate.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_slope = 1 - 6 / 2
# ```
#
# In general $1 - n / \lambda = (\lambda - n) / \lambda$: the error, divided by the variance that a Poisson count with this rate has. The slope is negative, so the loss falls
# when the prediction rises. For squared error it would be $2 (\lambda - n)$, whatever the rate.
#
# </details>

# %% tags=["exercise"]
my_slope = ...

# %% tags=["hide-cell", "solution"]
at = torch.tensor(2.0, requires_grad=True)
poisson_loss(at, torch.tensor(6.0)).backward()
mistakes = {
    "The sign is the wrong way round: a higher prediction would be better here.": 2,
    "That is the slope of the squared error.": 2 * (2 - 6),
    "The first term is missing: the derivative of λ itself is 1.": -3,
    "Nearly: divide the error by the rate, not by the count.": (2 - 6) / 6,
}
check(my_slope, at.grad.item(), mistakes)
assert at.grad.item() == 1 - 6 / 2

# %% [markdown]
# ### Exercise 4.2: stop!
#
# Use `held_curve`, the held-out loss after each epoch of our first fit. With a **patience** of 5, training stops after the first epoch that is the fifth in a row without a new lowest loss. Give two
# numbers, counting epochs from 1: the epoch after which training stops, and the epoch whose weights are kept.
#
# <details>
# <summary>Hint 1</summary>
#
# Go through the curve with a loop, and remember the lowest loss so far, its epoch, and how many epochs have passed since.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `for epoch, value in enumerate(held_curve, start=1)`. If `value` is lower than the lowest so far, note it and the epoch. Otherwise, if `epoch - best_epoch` has reached 5, stop.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# lowest, best_epoch = np.inf, 0
# for epoch, value in enumerate(held_curve, start=1):
#     if value < lowest:
#         lowest, best_epoch = value, epoch
#     elif epoch - best_epoch == 5:
#         break
# my_stop = [epoch, best_epoch]
# ```
#
# Patience saves time, at a price: had the loss found a new low later on, we would never know. Our own loop always runs to the end, because with a
# one-cycle schedule the rate falls late, and the best weights tend to come then.
#
# </details>

# %% tags=["exercise"]
held_curve = history[:, 1]
my_stop = ...  # [epoch after which it stops, epoch whose weights are kept]


# %% tags=["hide-cell", "solution"]
def stop(curve, patience=5):
    lowest, best_epoch = np.inf, 0
    for epoch, value in enumerate(curve, start=1):
        if value < lowest:
            lowest, best_epoch = value, epoch
        elif epoch - best_epoch == patience:
            break
    return np.array([epoch, best_epoch])


stopped = stop(held_curve)
mistakes = {
    "Count epochs from 1.": stopped - 1,
    "First the epoch of the stop, then the epoch kept.": stopped[::-1],
    "One too early: five epochs must pass without a new low.": stop(held_curve, 4),
    "One too late: stop after the fifth epoch without a new low.": stop(held_curve, 6),
}
check(my_stop, stopped, mistakes)
assert stopped[0] == stopped[1] + 5 or stopped[0] == len(held_curve)

# %% [markdown]
# ### Exercise 4.3: how far to follow
#
# Our own network `careful` predicts a gain on the PSTH for the held-out block, `gain`, of shape (trials, bins, regions). Find the shrinkage of each
# region: the weight among `np.linspace(0, 1, 21)` with the least Poisson loss of `psth * (1 + a * (gain - 1))` against `held_counts`.
#
# <details>
# <summary>Hint 1</summary>
#
# For one weight `a`, the expected counts are `rate = psth * (1 + a * (gain - 1))`, and the loss of each region is the sum of `rate - held_counts * np.log(rate)`
# over trials and bins. (A bin of the PSTH may be 0; add a tiny number inside the logarithm.)
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Collect the losses of all 21 weights in an array of shape (21, regions), and use `argmin(axis=0)` to look up the weights.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# weights = np.linspace(0, 1, 21)
# losses = []
# for a in weights:
#     rate = psth * (1 + a * (gain - 1))
#     losses.append((rate - held_counts * np.log(rate + 1e-12)).sum(axis=(0, 1)))
# my_shrinkage = weights[np.argmin(losses, axis=0)]
# ```
#
# In the regions that follow the pupil the weight is high. In the others it depends on the luck of *one* block: it may be 0, and on another block well above it. This is why `PupilEncoder` asks five blocks, and follows only what is
# better by more than its uncertainty.
#
# </details>

# %% tags=["exercise"]
with torch.no_grad():
    gain = careful(x[held]).numpy().repeat(step, axis=1)  # (trials, bins, regions)
held_counts = counts[held]
my_shrinkage = ...  # (regions,)

# %% tags=["hide-cell", "solution"]
weights = np.linspace(0, 1, 21)
losses = np.array([shrunk_losses(gain, held_counts, psth, a)[0] for a in weights])  # (21, regions)
best_weight = weights[losses.argmin(axis=0)]
errors = [((psth * (1 + a * (gain - 1)) - held_counts) ** 2).sum(axis=(0, 1)) for a in weights]
mistakes = {
    "That is the number of the weight in the list: look up the weight.": losses.argmin(axis=0),
    "That is the worst weight: look for the least loss.": weights[losses.argmax(axis=0)],
    "One weight for all regions: sum over trials and bins only.": weights[losses.sum(1).argmin()],
    "That is the least squared error: use the Poisson loss.": weights[np.argmin(errors, axis=0)],
}
check(
    my_shrinkage, best_weight, mistakes, tolerance=0.06
)  # neighbouring weights can be equally good
print(dict(zip(regions, best_weight.round(2).tolist(), strict=True)))

# %% [markdown]
# ## Recap
#
# - **Poisson loss** is the likelihood of counts. It allows more scatter where the rate is higher.
# - **The loop**: predict, compare, go backwards, nudge. Note the loss on trials that are not learnt from after every epoch.
# - **Keep the best weights**, chosen on a held-out block of the training trials, never on the test block.
# - **Standardise the inputs, choose the learning rate, end slowly.** And print the nulls beside every error.
# - **Know when not to predict**: left-out blocks tell, region by region, how far to follow a model.
# - Next: chapter 5, which of all these settings are worth a search.
