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
# # 3. The model
#
# *How can one sequence, the pupil, be turned into another, the firing of a brain region?*
#
# **Goals.** By the end you can
#
# - predict firing without a pupil at all, and say why that is the score to beat;
# - write a lagged ridge regression in four lines, and read its weights;
# - write a recurrent network in PyTorch, and say what shape every array has;
# - tell a causal model from a bidirectional one, and choose between them.
#
# **Time.** About 35 minutes, 25 more with the exercises. Runs in under a minute on a laptop.
#
# **What you need.** Chapters 1 and 2. Some linear algebra: what it means to multiply matrices. PyTorch
# is explained as it comes up.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. To use the real recording, change
# `load_session("simulated")` to `load_session("steinmetz", index=12)` in the second code cell;
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
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from pupil_helpers import PupilEncoder, blocked_folds, boxcar, check, evaluation_kernel
from pupil_helpers import firing_rates, load_session, psth_relative, r2
from pupil_helpers.models.network import EncoderNet, MemberRecurrence, PlainRNN
from pupil_helpers.plotting import model as figures, use_style
from pupil_helpers.signals.pupil import FEATURES, PupilFeatures
from pupil_helpers.signals.splits import inner_blocks

# %%
use_style()
torch.set_num_threads(1)  # networks this small gain nothing from more
session = load_session("simulated")
regions = [name for name in ["SCs", "SCm", "LGd"] if name in session.regions]
regions = regions or list(session.region_table().index[:3])  # a recording of other places
counts = session.region_counts(regions).astype(np.float32)  # (trials, bins, regions)
train, test = blocked_folds(session.n_trials)[2]
kernel = evaluation_kernel(session.bin_size)  # all scores smooth both sides over 100 ms
print(f"{session.name}: {len(train)} trials to learn from, {len(test)} to test on; {regions}")

# %% [markdown]
# ## A prediction without a pupil
#
# Every trial shows a stimulus at time 0, and regions answer it. So the average over the training
# trials, the PSTH of chapter 1, is a prediction already. It says the same for every trial.

# %%
psth = counts[train].mean(axis=0)  # (bins, regions)
constant = np.broadcast_to(psth.mean(axis=0), psth.shape)
table = pd.DataFrame(
    {"constant": r2(counts[test], constant, kernel), "PSTH": r2(counts[test], psth, kernel)},
    index=regions,
)
table.round(3)

# %% [markdown]
# These are shares of variance explained, $R^2$, on the test block. The constant comes out at zero or below,
# because the test block's own mean is not known in advance. The PSTH explains little,
# because most of what a region does differs from trial to trial. And it may even come out negative: when
# a region drifts, the average of *other* trials can be a poor guide to this block.
#
# From here on we score what a model adds to the PSTH: the share of the PSTH's squared error that it removes,
#
# $$\text{score} = 1 - \frac{\sum (y - \hat y)^2}{\sum (y - \text{PSTH})^2}.$$
#
# It is 0 for the PSTH itself, and only differences *between* trials can lift it.
#
# ## What a model may see: ten features
#
# The raw pupil is three channels. A model could work out everything else on its own, given enough data. We
# have a few hundred trials, so we help: velocities, separately for each direction, and the eye's speed, all
# standardised with numbers from the training trials only, and a mask for missing samples.

# %%
features = PupilFeatures(session.bin_size).fit(session.pupil[train]).transform(session.pupil)
print(features.shape)  # (trials, bins, features)

# %% mystnb={"image": {"alt": "Ten traces over one trial, one above the other. Area changes slowly, and its velocity is noisy; x and y move in small steps; the velocities of the eye, each in one direction, and its speed are nearly flat but for a sharp peak at every step in that direction; the last trace marks missing samples, of which this trial has none."}}
trial = test[int(np.ptp(features[test, :, 1], axis=1).argmax())]  # x varies most
figures.features(session.time, features[trial], FEATURES)
plt.show()

# %% [markdown]
# ## Lagged ridge regression
#
# The simplest model that uses the pupil is a weighted sum. But neurons need not respond at the very moment the eye
# moves: some fire later, some fire earlier. So the sum runs over features *and over lags*,
#
# $$\hat y_t = \text{PSTH}_t + \sum_{f}\sum_{\ell} w_{f\ell}\; x_f(t - \ell),$$
#
# with lags $\ell$ from half a second in the future of the pupil ($\ell < 0$) to half a second in its past
# ($\ell > 0$). To get all $x_f(t - \ell)$ as columns of one matrix, shift the features and put the copies side
# by side.

# %%
lags = np.arange(-50, 51, 5)  # bins; a positive lag reads the past of the pupil


def lagged(x):  # (trials, bins, features)
    padded = np.pad(x, ((0, 0), (50, 50), (0, 0)), mode="edge")
    copies = [padded[:, 50 - lag : 50 - lag + x.shape[1]] for lag in lags]
    return np.concatenate(copies, axis=-1)  # (trials, bins, lags * features)


X = lagged(features - features[train].mean(axis=0))
Y = counts - psth  # (trials, bins, regions)
print(X.shape)

# %% [markdown]
# (Taking off the mean over trials leaves the average response to the PSTH, where it belongs.) The weights that
# minimise the squared error plus a **penalty** times the squared weights have a closed form,
#
# $$W = (X^\top X + \lambda I)^{-1} X^\top Y.$$
#
# Without the penalty, a couple of hundred correlated columns would fit the noise of the training trials. This is
# ridge regression.


# %%
def moments(trials):
    x, y = X[trials].reshape(-1, X.shape[-1]), Y[trials].reshape(-1, len(regions))
    return x.T @ x, x.T @ y


def ridge(gram, cross, penalty):
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), cross)  # (columns, regions)


# %% [markdown]
# How large should $\lambda$ be? Not what fits the test block best: that block is for the final score, and is
# touched once. We hold out an **inner block** of the training trials instead, and try penalties on it.

# %%
inner, held = inner_blocks(train)[2]
inner_moments = moments(inner)
tried = np.geomspace(1, 1e8, 17)
weights = [ridge(*inner_moments, penalty) for penalty in tried]
scores = [psth_relative(counts[held], psth + X[held] @ w, psth, kernel) for w in weights]
scores = np.array(scores)  # (penalties, regions)
best = tried[scores.argmax(axis=0)]  # (regions,)

# %% mystnb={"image": {"alt": "Held-out score against the penalty on a logarithmic axis, one curve per region. Each curve is nearly flat for small penalties, has a broad top marked by a dot, and falls to zero for very large penalties."}}
figures.penalties(tried, scores, regions)
plt.show()

# %% [markdown]
# On the right the penalty is so large that all weights vanish, and the prediction is the PSTH: score 0. On the left
# the model is nearly free, and loses a little to noise. The top in between is broad, so the exact value hardly matters.
#
# ### Reading the weights
#
# A linear model has a great virtue: you can look at it. Each picture below shows all weights of one region,
# features down and lags across. Red: more spikes when this feature was high at this lag.

# %%
train_moments = moments(train)
W = [ridge(*train_moments, penalty)[:, r] for r, penalty in enumerate(best)]
W = np.stack(W, axis=-1)  # (lags * features, regions)
true_lags = None
if session.truth is not None:  # lag of the response to eye movements in x
    true_lags = dict(zip(session.truth.regions.tolist(), session.truth.peak_lag[:, 1], strict=True))

# %% mystnb={"image": {"alt": "Three pictures of weights, ten features down and lags from minus to plus half a second across. SCs is red at eye speed and at all four directions just right of lag zero, most at right and left; SCm is red at rightward movement just left of zero, and paler at up, down and eye speed; LGd is blue at right and left just right of zero and red along past area. Triangles above mark the true lags and agree."}}
seconds = lags * session.bin_size
figures.kernels(seconds, W.reshape(len(lags), len(FEATURES), -1), FEATURES, regions, true_lags)
plt.show()

# %% [markdown]
# In the simulated mouse a triangle marks where the truth lies. SCs follows the eye's speed; SCm fires *before* the eye goes to
# the right, so its weights sit at negative lags; LGd is held down for a moment by an eye movement to either side. One
# influence is spread over several rows: eye speed goes up whenever one of the directions does, so they share
# the weight among them. Neighbouring weights of opposite colours are another warning: correlated columns can trade weight
# with each other, and a single weight means little by itself. Chapter 7 comes back to this.
#
# How good is it?

# %%
ridge_prediction = np.maximum(psth + X[test] @ W, 0)
ridge_score = psth_relative(counts[test], ridge_prediction, psth, kernel)
board = pd.DataFrame({"ridge": ridge_score}, index=regions)
if session.truth is not None:
    true_rates = session.true_region_rates(regions)[test]
    board["true rates"] = psth_relative(counts[test], true_rates, psth, kernel)
    assert (board["ridge"] > 0.5 * board["true rates"]).all()
board.round(3)

# %% [markdown]
# "True rates" is what you would get if you knew each region's rate exactly. It is far below 1, since spikes
# are noisy and no model can predict noise. Measured against that, ridge is good. Keep it in mind when a network boasts.
#
# But who did the work? Take away the features that a linear sum cannot make by itself, the rectified velocities and
# the speed, and fit again.

# %%
levels = np.isin(np.arange(X.shape[-1]) % len(FEATURES), range(4))  # area, x, y, area velocity
keep = np.ix_(levels, levels)
plain = ridge(train_moments[0][keep], train_moments[1][levels], 1e3)
plain_prediction = psth + X[test][..., levels] @ plain
plain_score = psth_relative(counts[test], plain_prediction, psth, kernel)
board.insert(0, "ridge, levels only", plain_score)
if session.truth is not None:
    assert (board["ridge, levels only"] < board["ridge"]).all()
board.round(3)

# %% [markdown]
# Differences of positions at several lags are velocities, so no *linear* information was lost. What was lost is
# the bend: "the eye moved fast, whichever way", or "moved right, but left does not count". We knew that,
# and built it in by hand. A network can find such bends by itself, also those nobody thought of.
#
# ## A network that reads a sequence
#
# A **recurrent neural network** (RNN) reads the sequence one bin after the other and carries a short list of numbers along, its
# **hidden state** $h_t$. In every bin it mixes what it sees with what it remembers:
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b).$$
#
# The same three arrays $W$, $U$, $b$ are used in every bin. The $\tanh$ keeps each number between −1 and 1, and is the bend. PyTorch
# has this loop ready as `nn.RNN`. Let us not take its word for it.

# %%
torch.manual_seed(0)
rnn = nn.RNN(input_size=len(FEATURES), hidden_size=16, batch_first=True, bidirectional=True)
x = torch.from_numpy(features[test])  # (trials, bins, 10)
W_in, U, b = rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0 + rnn.bias_hh_l0
h = torch.zeros(16)
for t in range(session.n_bins):
    h = torch.tanh(W_in @ x[0, t] + U @ h + b)  # (16,)

hidden, _ = rnn(x)  # (trials, bins, 2 * 16): forward units, then backward units
torch.testing.assert_close(hidden[0, -1, :16], h)
print("our loop and nn.RNN agree")

# %% [markdown]
# `bidirectional=True` adds a second set of 16 units that reads the trial from its end to its
# beginning. To see what both do, give the network a single pulse in the middle of silence, and look at what changes
# in its hidden states.

# %%
pulse = torch.zeros(2, 31, len(FEATURES))
pulse[1, 15] = 3.0  # the first trial stays silent
with torch.no_grad():
    silent, pulsed = rnn(pulse)[0]  # each (bins, 32)

# %% mystnb={"image": {"alt": "Two pictures of hidden states over time around a pulse at zero. The forward units change only from the pulse on and fade within some hundredths of a second; the backward units change only before it, as a mirror image."}}
figures.states(np.arange(-15, 16) * session.bin_size, pulsed - silent, 16)
plt.show()

# %% [markdown]
# The forward units know the past of the pupil, the backward units its future. Read both, and a region that fires
# *before* the eye moves can be predicted from the movement that follows.
#
# ### The whole network
#
# Two parts: the recurrent layer, and a **readout** that turns 32 hidden numbers per bin into one rate per region. A rate
# cannot be negative, so the readout ends with the softplus function, $\log(1 + e^z)$: nearly 0 for very
# negative $z$, nearly $z$ for large $z$, smooth in between.


# %%
class SeqToSeq(nn.Module):
    def __init__(self, n_inputs, n_regions, hidden_size=32):
        super().__init__()
        self.rnn = nn.RNN(n_inputs, hidden_size, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(2 * hidden_size, n_regions)

    def forward(self, x):  # (trials, bins, inputs)
        hidden, _ = self.rnn(x)  # (trials, bins, 2 * hidden)
        z = self.readout(hidden)  # (trials, bins, regions)
        return F.softplus(z)  # expected counts, all above 0


net = SeqToSeq(len(FEATURES), len(regions))
print(net(x).shape)

# %% [markdown]
# A sequence in, a sequence of the same length out: "seq2seq". That is the whole PupilEncoder as it was first
# conceived. The package has the same network as `PlainRNN`, and the recurrent layer in a second form, `MemberRecurrence`, that
# steps both directions of several networks together. Here is one network in it, with the weights of ours.

# %%
same = PlainRNN(len(FEATURES), len(regions))
same.load_state_dict(net.state_dict())
torch.testing.assert_close(same(x), net(x))


def copy_weights(rnn, layer):
    both = dict(rnn.named_parameters())
    for d, suffix in enumerate(("l0", "l0_reverse")):  # forward, backward
        layer.weight_ih.data[0, d] = both[f"weight_ih_{suffix}"]
        layer.weight_hh.data[0, d] = both[f"weight_hh_{suffix}"]
        layer.bias.data[0, d] = both[f"bias_ih_{suffix}"] + both[f"bias_hh_{suffix}"]


layer = MemberRecurrence(len(FEATURES), 32, "bidirectional", seeds=[0])
copy_weights(net.rnn, layer)
steps_first = x.transpose(0, 1)[None]  # (networks, bins, trials, features)
forward, backward = layer(steps_first)  # each (networks, bins, trials, hidden)
states = torch.cat([forward, backward], dim=-1)[0].transpose(0, 1)
torch.testing.assert_close(states, net.rnn(x)[0])

# %% [markdown]
# ## Past, future, or both
#
# A network that reads in one direction only is **causal**: its output never depends on the future. We can check. The gradient of
# one output with respect to every input says which inputs that output can hear.

# %%
middle, heard = session.n_bins // 2, {}
for direction in ("bidirectional", "causal"):
    torch.manual_seed(0)
    net = PlainRNN(len(FEATURES), len(regions), direction=direction)
    x = torch.from_numpy(features[test]).requires_grad_()
    net(x)[:, middle].sum().backward()
    heard[direction] = x.grad.abs().mean(dim=(0, 2)).numpy()  # (bins,)
lag = (middle - np.arange(session.n_bins)) * session.bin_size
assert (heard["causal"][lag < 0] == 0).all()  # not a trace of the future

# %% mystnb={"image": {"alt": "Size of the gradient against lag, on a logarithmic axis, for an untrained network. Both curves fall off steeply, by a factor of a thousand within a tenth of a second from lag zero; the bidirectional one on both sides, the causal one on the side of the past only."}}
figures.reach(lag, heard)
plt.show()

# %% [markdown]
# The causal network is deaf to the future, as it should be. The figure shows something else, too: the untrained network hardly
# hears anything beyond a tenth of a second, in any direction. We will need that in a moment.
#
# Which one should we use? It depends on the question.
#
# - **Encoding**: how are pupil and firing related? Then the future is fair game. If a region drives the eye, its
#   firing *precedes* the movement, and only a model that sees what comes next can show it.
# - **Prediction in real time**: what will the region do now? Then the future does not exist yet, and a
#   bidirectional score is not available to you.
#
# **A common mistake** is to report a bidirectional score as if it were a forecast.
#
# `PupilEncoder` has a switch for this. (How it is trained is the subject of chapter 4.) The same model, three
# times: past only, future only, both.

# %%
models = {}
for direction in ("causal", "anticausal", "bidirectional"):
    model = PupilEncoder(direction=direction, bin_size=session.bin_size)
    models[direction] = model.fit(session.pupil[train], counts[train])
one_sided = pd.DataFrame(
    {
        name: model.score(session.pupil[test], counts[test], "psth_relative", per_region=True)
        for name, model in models.items()
    },
    index=regions,
)
one_sided.round(3)

# %% mystnb={"image": {"alt": "Three bars per region: causal, anticausal, bidirectional. In SCs the causal bar is higher than the anticausal one, in SCm it is the other way round. The bidirectional bar is about as high as the higher of the two in each region and comes near the dashed line of the true rates."}}
figures.directions(one_sided, true_lags, board.get("true rates"))
plt.show()

# %%
if session.truth is not None:
    assert one_sided.loc["SCs", "causal"] > one_sided.loc["SCs", "anticausal"]
    assert one_sided.loc["SCm", "anticausal"] > one_sided.loc["SCm", "causal"]
    better = one_sided[["causal", "anticausal"]].max(axis=1)
    assert (one_sided["bidirectional"] > 0.95 * better).all()

# %% [markdown]
# SCs, which follows the eye, is predicted better from the past. SCm, which leads it, is predicted
# better from the future. No lag was put in by hand; the models found the direction of time by themselves. LGd
# is held down just after an eye movement, so it needs the past, but it also follows the area, which changes so
# slowly that even the future alone tells a good part of the story. And the bidirectional model is about as good as
# the better of the two in every region, or a little better, without having to be told which. (It can gain a little, where both sides have
# something to say, and lose a little: half of what it hears may be of no use, and costs some noise.)
#
# ## What PupilEncoder adds
#
# The plain network has a weakness we just saw: it starts out forgetful, and short training does not fully cure
# it. `PupilEncoder` keeps the heart of it, a bidirectional tanh recurrence with a softplus readout, and changes four things in the network.
#
# 1. **A stem.** Before the recurrence, each feature passes through 13 smooth filters over lags. The 130 results overlap so
#    much that 48 principal components, found on the training trials, hold nearly all of them. A small layer of rectified
#    units mixes these. It all amounts to a convolution: good at "a saccade 70 ms ago".
# 2. **A skip.** The readout sees the stem directly, besides the recurrence.
# 3. **A gain on the PSTH.** The output is a *gain* on the PSTH, 1 before training, so the
#    network spends nothing on learning the PSTH.
# 4. **A start with memory.** See below.


# %%
class StemRNN(nn.Module):
    def __init__(self, n_inputs, n_regions, stem_size=16, hidden_size=16):
        super().__init__()
        self.stem = nn.Linear(n_inputs, stem_size)
        self.rnn = nn.RNN(stem_size, hidden_size, batch_first=True, bidirectional=True)
        self.readout = nn.Linear(stem_size + 2 * hidden_size, n_regions)

    def forward(self, x):  # (trials, steps, components)
        x = F.relu(self.stem(x))  # (trials, steps, stem)
        hidden, _ = self.rnn(x)  # (trials, steps, 2 * hidden)
        z = self.readout(torch.cat([x, hidden], dim=-1))  # (trials, steps, regions)
        return F.softplus(z - 1) / F.softplus(torch.tensor(-1.0))  # gain: 1 where z is 0


# %% [markdown]
# That is the whole network. `EncoderNet` holds several such networks side by side, to train them in one go.
# With the same weights it gives the same output:

# %%
torch.manual_seed(1)
readable = StemRNN(48, len(regions))
recurrence = partial(MemberRecurrence, hidden_size=16, direction="bidirectional")
packed = EncoderNet(48, len(regions), seeds=[0], stem_size=16, recurrence=recurrence)
with torch.no_grad():
    for ours, theirs in ((readable.stem, packed.stem), (readable.readout, packed.readout)):
        theirs.weight[0], theirs.bias[0, 0] = ours.weight.T, ours.bias
    copy_weights(readable.rnn, packed.recurrence)
    x = torch.randn(5, 63, 48)
    torch.testing.assert_close(packed(x[None])[0], readable(x), atol=1e-5, rtol=1e-5)
print("EncoderNet is StemRNN")

# %% [markdown]
# ### A start with memory
#
# With random $U$ a pulse is gone after a few steps, and what has been forgotten cannot be learnt from. So each unit starts as
# a **leaky integrator**: it keeps a fixed share $d$ of its state from step to step, $h_t \approx d\, h_{t-1} + \dots$, with $d$ from 0.6 to 0.98
# across units. Some forget at once, some remember for seconds.

# %%
responses = {}
for name, memory in {"random start": None, "leaky integrators": (0.6, 0.98)}.items():
    start = MemberRecurrence(1, 16, "causal", seeds=[0], memory=memory)
    nn.init.zeros_(start.bias)  # so that nothing but the pulse moves the units
    pulse = torch.zeros(1, 60, 2, 1)  # one network, 60 steps, two trials: silent and pulsed
    pulse[0, 5, 1] = 0.1
    with torch.no_grad():
        silent, pulsed = start(pulse)[0][0].unbind(1)  # each (steps, 16)
    change = (pulsed - silent).abs()
    responses[name] = (change / change.amax(dim=0)).numpy()

# %% mystnb={"image": {"alt": "Responses of sixteen hidden units to a pulse. With random weights all of them jump about and are nearly gone within half a second. As leaky integrators most of them decay smoothly, some at once, some over more than a second."}}
figures.memory((np.arange(60) - 5) * 4 * session.bin_size, responses)
plt.show()

# %% [markdown]
# (A step is four bins, 40 ms: the network runs on a coarser clock than the data, to be quicker.)
#
# Training may change every one of these weights. But it starts from a place where slow and fast signals both get through.
#
# ### Around the network
#
# One network is not yet the model. `PupilEncoder` trains five of them, each for a budget of 400 updates (steps of the optimiser: chapter 4), and
# each leaving out a different block of the training trials. The left-out blocks then settle two questions, region by region.
#
# - **How much of a simpler model to mix in.** The mean gain of the five is mixed with that of a *Poisson GLM*: a weighted sum of the same 48
#   inputs, much as in ridge, whose exponential is the gain. It has few weights to learn, and is hard to beat where influences
#   multiply.
# - **How far to follow the mixture.** Each region's prediction is drawn towards its PSTH, by as much as would have suited the
#   left-out blocks. All the way, unless they are clearly better predicted than by the PSTH, and that in two likelihoods: of the counts,
#   and of when the spikes came, given how many there were in the block.
#
# This is how much of the GLM it took for our three regions:

# %%
whole = models["bidirectional"]
assert (whole.n_members, whole.n_updates, whole.n_components) == (5, 400, 48)
share = np.array(whole.module_.net.share.tolist())
if session.truth is not None:
    assert ((share > 0) & (share < 1)).all()
pd.Series(share, regions, name="share of the GLM").map("{:.0%}".format)

# %% [markdown]
# Some of each in every region, then. A share says which mixture predicted the left-out blocks best, not that the other ones are
# much worse. Chapter 6 takes the additions away one by one and shows what each is worth.
#
# ## Side by side
#
# So, is it better than ridge?

# %%
board.insert(2, "PupilEncoder", one_sided["bidirectional"])
if session.truth is not None:
    assert (board["PupilEncoder"] > 0.8 * board["true rates"]).all()
    assert (board["PupilEncoder"] > board["ridge"]).all()
    assert (board["ridge"] > 0.9 * board["PupilEncoder"]).all()
board.round(3)

# %% [markdown]
# `PupilEncoder` is ahead in all three regions. Look closely before you cheer. Ridge, with the right features, is close behind, and
# on another test block or another mouse the order may change. What the larger model buys is modest here: it
# finds bends by itself, and influences that multiply instead of add. Whether the
# difference is more than luck takes all five blocks and confidence intervals, and that is chapter 6.
#
# To end with, look at single trials. No prediction below has seen them.

# %%
neurons = session.region_table().loc[regions, "neurons"].to_numpy()
smooth = boxcar(0.1, session.bin_size)
shown = test[np.argsort(np.ptp(features[test, :, 1], axis=1))[-3:]]  # x varies most


def rate(values):  # spikes/s per neuron
    return firing_rates(values, smooth, session.bin_size, neurons)


predictions = {
    "PSTH": rate(np.broadcast_to(psth, (3, *psth.shape))),
    "ridge": rate(np.maximum(psth + X[shown] @ W, 0)),
    "PupilEncoder": rate(models["bidirectional"].predict(session.pupil[shown])),
}
truth = None if session.truth is None else rate(session.true_region_rates(regions)[shown])

# %% mystnb={"image": {"alt": "Rates of three regions in three test trials. Grey areas show the recorded rate, noisy and different in every trial. The PSTH is the same in each. Ridge and PupilEncoder, close to each other, follow the dashed true rate through its rises and dips, and stay a little below its sharpest peaks; in the third trial, which begins with a saccade, ridge strays at the start."}}
figures.traces(session.time, rate(counts[shown]), predictions, regions, truth)
plt.show()

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the folded cell after it. It holds a
# solution, and it says what is wrong with yours.
#
# ### Exercise 3.1: the other direction
#
# We wrote the loop of the forward units. Write the one of the backward units: an array `my_backward` of shape (bins, 16)
# with their hidden states in the first test trial, in order of time. Their weights end in `_reverse`, for instance
# `rnn.weight_ih_l0_reverse`.
#
# <details>
# <summary>Hint 1</summary>
#
# They start from zeros at the *last* bin, and the state of bin $t$ depends on bin $t + 1$.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Loop with `for t in reversed(range(session.n_bins))`, and write each state into row `t`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# V, U = rnn.weight_ih_l0_reverse, rnn.weight_hh_l0_reverse
# b = rnn.bias_ih_l0_reverse + rnn.bias_hh_l0_reverse
# h, states = torch.zeros(16), torch.zeros(session.n_bins, 16)
# for t in reversed(range(session.n_bins)):
#     h = torch.tanh(V @ trial_x[t] + U @ h + b)
#     states[t] = h
# my_backward = states.detach()
# ```
#
# The same loop, run the other way. At the first bin the backward units have seen the whole trial.
#
# </details>

# %% tags=["exercise"]
trial_x = torch.from_numpy(features[test[0]])  # (bins, 10)
my_backward = ...  # (bins, 16)


# %% tags=["hide-cell", "solution"]
def loop(x, suffix, order):
    V, U = getattr(rnn, f"weight_ih_l0{suffix}"), getattr(rnn, f"weight_hh_l0{suffix}")
    b = getattr(rnn, f"bias_ih_l0{suffix}") + getattr(rnn, f"bias_hh_l0{suffix}")
    h, states = torch.zeros(16), torch.zeros(len(x), 16)
    for t in order:
        h = torch.tanh(V @ x[t] + U @ h + b)
        states[t] = h
    return states.detach().numpy()


bins = range(session.n_bins)
backward = loop(trial_x, "_reverse", bins[::-1])
mistakes = {
    "Those are in the order of computation: turn them round.": backward[::-1],
    "That loop runs forward in time: start at the last bin.": loop(trial_x, "_reverse", bins),
    "Take the weights that end in _reverse.": loop(trial_x, "", bins[::-1]),
}
check(my_backward, backward, mistakes, tolerance=1e-4)
with torch.no_grad():
    np.testing.assert_allclose(backward, rnn(trial_x[None])[0][0, :, 16:], atol=1e-5)

# %% [markdown]
# ### Exercise 3.2: how large is the network?
#
# How many numbers does training have to find in `SeqToSeq(10, 3, hidden_size=32)`? Work it out on paper
# from the equation and the shapes. (`nn.RNN` has *two* bias vectors per direction, one for the input and one
# for the recurrence. They do the work of one.)
#
# <details>
# <summary>Hint 1</summary>
#
# One direction: $W$ is 32 × 10, $U$ is 32 × 32, and there are two vectors of 32.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# There are two directions. The readout has 64 weights and a bias for each of the three regions.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# one_direction = 32 * 10 + 32 * 32 + 2 * 32
# readout = 64 * 3 + 3
# my_size = 2 * one_direction + readout
# ```
#
# About three thousand numbers, and most of them sit in the two recurrent matrices.
#
# </details>

# %% tags=["exercise"]
my_size = ...

# %% tags=["hide-cell", "solution"]
size = sum(p.numel() for p in SeqToSeq(10, 3, hidden_size=32).parameters())
mistakes = {
    "That is one direction only.": size - (32 * 10 + 32 * 32 + 2 * 32),
    "Nearly: there are two bias vectors per direction.": size - 2 * 32,
    "Nearly: the readout has a bias for each region.": size - 3,
    "The readout is missing.": size - (64 * 3 + 3),
}
check(my_size, size, mistakes)
assert size == 2 * (32 * 10 + 32 * 32 + 2 * 32) + 64 * 3 + 3

# %% [markdown]
# ### Exercise 3.3: ridge without the future
#
# Fit ridge again with lags of 0 and more only, with penalty 1000 for all regions, and score it on the test block: one PSTH-relative
# score per region. Which region suffers most?
#
# <details>
# <summary>Hint 1</summary>
#
# You do not need to build a new matrix: pick the columns of `X` whose lag is at least 0. There are ten columns per lag.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `past = np.repeat(lags >= 0, len(FEATURES))` is a mask over columns. `train_moments` holds the two arrays to cut:
# `gram[np.ix_(past, past)]` and `cross[past]`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# past = np.repeat(lags >= 0, len(FEATURES))
# gram, cross = train_moments
# w = ridge(gram[np.ix_(past, past)], cross[past], 1000)
# my_scores = psth_relative(counts[test], psth + X[test][..., past] @ w, psth, kernel)
# ```
#
# In the simulated mouse SCm loses most: it fires before the eye moves, and what it announces lies in the future.
#
# </details>

# %% tags=["exercise"]
my_scores = ...  # (regions,)


# %% tags=["hide-cell", "solution"]
def ridge_on(columns):
    gram, cross = train_moments
    w = ridge(gram[np.ix_(columns, columns)], cross[columns], 1000)
    return psth_relative(counts[test], psth + X[test][..., columns] @ w, psth, kernel)


past, future = (np.repeat(sign * lags >= 0, len(FEATURES)) for sign in (1, -1))
past_scores = ridge_on(past)
mistakes = {
    "Those are the lags of the future: positive lags read the past.": ridge_on(future),
    "That is ridge with all lags.": ridge_on(past | future),
    "Lag 0 belongs to the past too.": ridge_on(past & ~future),
    "Repeat the mask, do not tile it.": ridge_on(np.tile(lags >= 0, len(FEATURES))),
}
check(my_scores, past_scores, mistakes, tolerance=0.01)
lost = pd.Series(ridge_on(past | future) - past_scores, regions)
print("lost without the future:", lost.round(3).to_dict())
if session.truth is not None:
    assert lost.idxmax() == "SCm"

# %% [markdown]
# ## Recap
#
# - **The PSTH is the score to beat**: it takes no pupil at all, so a model counts only as far as it is above it.
# - **Lagged ridge** is a weighted sum over features and lags. It is quick, it can be read, and with good
#   features it is hard to beat.
# - **An RNN** mixes what it sees with what it remembers, bin by bin: (trials, bins, features) in, (trials, bins,
#   regions) out.
# - **Direction matters**: a causal model may be used in real time; a bidirectional one sees the future, and that is right for encoding
#   only.
# - **PupilEncoder** is that RNN plus a stem of filters, a skip, a gain on the PSTH, and a start
#   with memory: five times, with a Poisson GLM mixed in.
# - Next: chapter 4, how such a network is trained, and what goes wrong.
