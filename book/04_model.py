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
# # 4. The model
#
# *How can a network read one sequence, the pupil, and write another, the firing of a brain region?*
#
# **Goals.** By the end you can
#
# - write a recurrent network by hand, in a loop, and say what shape every array has;
# - build the whole network as a PyTorch module, from the pupil to a gain on the PSTH;
# - tell a causal model from a bidirectional one, prove it with gradients, and choose between them;
# - say why a plain recurrent network forgets, and what a gate does about it.
#
# **Time.** About 30 minutes, 50 more with the quiz and the exercises. Runs in under a minute on a laptop.
#
# **What you need.** Chapter 3: the ten features, the gain on the PSTH, and the score above the
# PSTH. PyTorch is explained as it comes up.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. To use the real recording, change the line
# that starts with `session =` to `session = load_session("steinmetz", index=12)`. What compares with
# the truth is then left out.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Let students say the shape of every array before the cell that prints it.
# >
# > **On the board.** Unroll the network: a row of boxes, one per step, with an arrow from each to the
# > next, the pupil coming in below and a gain going out above. Add the second row of boxes, with
# > arrows the other way, only when "Past, future, or both" begins.
# >
# > **If time is short**, leave out the proof by gradients, but not the bars of the three directions.

# %% tags=["setup", "hide-cell"]
# @title Set-up
import os
import subprocess
import sys

# Colab and Kaggle lack some packages; anywhere else this does nothing.
if "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
    source = "git+https://github.com/willwyang/pupilencoder@main"
    packages = [f"pupil-helpers @ {source}", "captum>=0.9", "hyperopt>=0.3"]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    done = subprocess.run([*pip, *packages], capture_output=True, text=True)
    if done.returncode:
        message = "the installation failed; run this cell again:\n"
        raise RuntimeError(message + done.stderr)

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from torch import nn
from torch.nn import functional as F

from pupil_helpers import blocked_folds, check, evaluation_kernel, explore
from pupil_helpers import load_session, psth_relative
from pupil_helpers.models.network import GatedRecurrence
from pupil_helpers.plotting import model as figures, use_style
from pupil_helpers.signals.pupil import FEATURES, PupilFeatures

# %%
use_style()
torch.set_num_threads(1)  # networks this small gain nothing from more
session = load_session("simulated")
regions = [r for r in ["SCs", "SCm", "LGd"] if r in session.regions]
regions = regions or list(session.region_table().index[:3])  # elsewhere
train, test = blocked_folds(session.n_trials)[2]
print(f"{session.name}: {regions}")
print(len(train), "trials to learn from,", len(test), "to test on")

# %% [markdown]
# A network reads a trial step by step, so its time grows with the number of steps. To be quick,
# this chapter runs on a coarser clock than the data: steps of 50 ms, with the mean of each feature
# and the number of spikes in each.

# %%
width = max(1, round(0.05 / session.bin_size))  # bins in a step
n_steps = session.n_bins // width


def in_steps(values):  # (trials, bins, …) -> (trials, steps, width, …)
    values = values[:, : n_steps * width]
    return values.reshape(len(values), n_steps, width, -1)


def inputs(direction="bidirectional"):
    make = PupilFeatures(session.bin_size, direction)
    features = make.fit(session.pupil[train]).transform(session.pupil)
    return torch.from_numpy(in_steps(features).mean(axis=2))


counts = session.region_counts(regions).astype(np.float32)
y = torch.from_numpy(in_steps(counts).sum(axis=2))
psth = y[train].mean(dim=0)  # (steps, regions)
x = inputs()
print("x", tuple(x.shape), " y", tuple(y.shape), " psth", tuple(psth.shape))

# %% [markdown]
# ## A network that reads a sequence
#
# In chapter 3 every prediction was a weighted sum over half a second on either side, all at once. A
# **recurrent neural network** (RNN) reads the sequence one step after the other and carries a short
# list of numbers along, its **hidden state** $h_t$. In every step it mixes what it sees with what
# it remembers:
#
# $$h_t = \tanh(W x_t + U h_{t-1} + b).$$
#
# The same three arrays $W$, $U$, $b$ are used in every step. The $\tanh$ keeps each number between
# −1 and 1, and is the bend that a weighted sum lacks. As a loop:

# %%
torch.manual_seed(0)
n_hidden = 16
W = torch.randn(n_hidden, len(FEATURES)) / 4  # from features to units
U = torch.randn(n_hidden, n_hidden) / 8  # from units to units
b = torch.zeros(n_hidden)

trial_x = x[test[0]]  # (steps, features)
h, states = torch.zeros(n_hidden), []
for t in range(n_steps):
    h = torch.tanh(W @ trial_x[t] + U @ h + b)  # (16,)
    states.append(h)
states = torch.stack(states)  # (steps, 16)
print(tuple(trial_x.shape), "->", tuple(states.shape))

# %% [markdown]
# Nothing is trained yet: the weights are random, and so is what each of the 16 units responds to.
# PyTorch has this loop ready as `nn.RNN`, for many trials at once. Let us not take its word for it,
# and give it our weights.

# %%
rnn = nn.RNN(len(FEATURES), n_hidden, batch_first=True, bidirectional=True)
with torch.no_grad():
    rnn.weight_ih_l0.copy_(W)
    rnn.weight_hh_l0.copy_(U)
    rnn.bias_ih_l0.copy_(b)
    rnn.bias_hh_l0.zero_()  # it has two bias vectors; one does the work
    hidden, _ = rnn(x[test])  # (trials, steps, 2 * 16)
torch.testing.assert_close(hidden[0, :, :n_hidden], states)
print("our loop and nn.RNN agree")

# %% [markdown]
# `bidirectional=True` adds a second set of 16 units, with weights of its own, that reads the trial
# from its end to its beginning. To see what both do, give the network a single pulse in the middle
# of silence, and look at what changes in its hidden states.
#
# **Predict first.** Which of the 32 units will change *before* the pulse, and which after it?

# %%
pulse = torch.zeros(2, 31, len(FEATURES))
pulse[1, 15] = 3.0  # the first trial stays silent
with torch.no_grad():
    silent, pulsed = rnn(pulse)[0]  # each (steps, 32)
change = pulsed - silent
assert (change[:15, :n_hidden] == 0).all()  # forward: nothing before it
assert (change[16:, n_hidden:] == 0).all()  # backward: nothing after it

# %% mystnb={"image": {"alt": "Two pictures of hidden states over time around a pulse at zero. The forward units change only from the pulse on and fade within a few tenths of a second; the backward units change only up to it, as in a mirror."}}
step = width * session.bin_size  # s
figures.states(np.arange(-15, 16) * step, change, n_hidden)
plt.show()

# %% [markdown]
# The forward units know the past of the pupil, the backward units its future. Read both, and a
# region that fires *before* the eye moves can be predicted from the movement that follows.
#
# ## The whole network
#
# Two parts: the recurrent layer, and a **readout** that turns 32 hidden numbers per step into one
# gain per region. As in chapter 3, the gain multiplies the PSTH, so the network need not learn what
# the average trial knows. A gain cannot be negative. The readout ends not with an exponential but
# with the **softplus** function, $\log(1 + e^z)$: like $e^z$ for very negative $z$, but nearly $z$
# for large $z$, so that a rare strange input cannot make the prediction explode.


# %%
class SeqToSeq(nn.Module):
    def __init__(self, n_inputs, n_regions, hidden_size=16, both=True):
        super().__init__()
        settings = {"batch_first": True, "bidirectional": both}
        self.rnn = nn.RNN(n_inputs, hidden_size, **settings)
        self.readout = nn.Linear(hidden_size * (1 + both), n_regions)

    def forward(self, x):  # (trials, steps, inputs)
        hidden, _ = self.rnn(x)  # (trials, steps, directions * hidden)
        z = self.readout(hidden)  # (trials, steps, regions)
        return F.softplus(z)  # gains, all above 0


# %%
net = SeqToSeq(len(FEATURES), len(regions))
gain = net(x[test])
predicted = psth * gain  # expected counts
print("x", tuple(x[test].shape), " gain", tuple(gain.shape))
print("expected counts", tuple(predicted.shape))

# %% [markdown]
# **Your turn (two minutes).** In one step of one trial, how many numbers travel from the recurrent
# layer to the readout of `SeqToSeq(10, 3, hidden_size=24)`, which reads in both directions?
#
# <details>
# <summary>Hint</summary>
#
# Look at what `nn.Linear` gets in `__init__`. Each direction has units of its own.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_width = 24 * 2
# ```
#
# The readout sees the units of both directions, side by side.
#
# </details>

# %% tags=["exercise"]
my_width = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 4.0
mistakes = {
    "That is one direction only.": 24,
    "Those are the inputs of the network.": 10,
    "Those are what comes out of the readout.": 3,
    "Those are all weights of the readout: count what it reads.": 48 * 3,
}
wide = SeqToSeq(10, 3, hidden_size=24)
check(my_width, wide.readout.in_features, mistakes, name="4.0")

# %% [markdown]
# A `Module` has its layers in `__init__`, and in `forward` what happens to an input. PyTorch finds
# all weights in it, and can give the gradient of anything that comes out with respect to anything
# that went in. A sequence in, a sequence of the same length out: "seq2seq". That is the
# PupilEncoder as it was first conceived.
#
# ## Past, future, or both
#
# A network that reads in one direction only is **causal**: its output never depends on the future.
# We can prove it. The gradient of one output with respect to every input says which inputs that
# output can hear.

# %%
middle, heard = n_steps // 2, {}
for direction in ("bidirectional", "causal"):
    torch.manual_seed(0)
    both = direction == "bidirectional"
    net = SeqToSeq(len(FEATURES), len(regions), both=both)
    listened = x[test].clone().requires_grad_()
    net(listened)[:, middle].sum().backward()
    heard[direction] = listened.grad.abs().mean(dim=(0, 2)).numpy()
lag = (middle - np.arange(n_steps)) * step  # s
assert (heard["causal"][lag < 0] == 0).all()  # not a trace of the future

# %% mystnb={"image": {"alt": "Size of the gradient against lag, on a logarithmic axis, for an untrained network. Both curves fall off steeply and almost straight, by a factor of some hundred within half a second of lag zero; the bidirectional one on both sides, the causal one on the side of the past only."}}
loud = pd.DataFrame(heard, lag)
ax = sns.lineplot(loud.where(loud > 1e-6 * loud.max().max()), dashes=False)
ax.set(yscale="log", ylabel="gradient size")
ax.set(xlabel="lag (s): future of the pupil < 0 < past")
ax.axvline(0, color="grey", lw=0.8, ls=":")
plt.show()

# %% [markdown]
# The causal network is deaf to the future, as it should be. The figure shows something else, too:
# the influence of an input falls off steeply with its lag, on a logarithmic axis nearly along a
# straight line. We come back to that below.
#
# Which one should we use? It depends on the question.
#
# - **Encoding**: how are pupil and firing related? Then the future is fair game. If a region drives the
#   eye, its firing *precedes* the movement, and only a model that sees what comes next can show it.
# - **Prediction in real time**: what will the region do now? Then the future does not exist yet, and a
#   bidirectional score is not available to you.
#
# **A common mistake** is to report a bidirectional score as if it were a forecast. Another is to
# forget the features: a velocity that is measured from the bins on both sides knows the future,
# whatever the network does. That is why `inputs` above takes a direction.
#
# Let us train three networks briefly. How training works is the subject of chapter 5; for now, it
# changes the weights a few hundred times, each time so that 16 training trials are predicted a
# little better.
#
# **Predict first.** SCs follows the eye and SCm leads it. In which region will a network that
# reads only the *future* of the pupil beat one that reads only its past?


# %%
def train_briefly(net, x, y, base, updates=300):
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    draw = np.random.default_rng(0)
    for _ in range(updates):
        batch = draw.choice(train, 16)
        rate = base * net(x[batch])
        loss = F.poisson_nll_loss(rate, y[batch], log_input=False)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


# %% [markdown]
# A network that reads the future only is a causal network in a world that runs backwards: flip
# everything in time.


# %%
def predict_with(direction, hidden_size=16):
    backwards = [1] if direction == "anticausal" else []
    seen, target = inputs(direction).flip(backwards), y.flip(backwards)
    base = target[train].mean(dim=0)
    torch.manual_seed(0)
    both = direction == "bidirectional"
    net = SeqToSeq(len(FEATURES), len(regions), hidden_size, both)
    train_briefly(net, seen, target, base)
    with torch.no_grad():
        return (base * net(seen[test])).flip(backwards)


def score_of(predicted):
    return psth_relative(y[test], predicted, psth, kernel)


# %%
kernel = evaluation_kernel(step)
directions = ["causal", "anticausal", "bidirectional"]
found = {(16, d): predict_with(d) for d in directions}
scored = {d: score_of(found[16, d]) for d in directions}
one_sided = pd.DataFrame(scored, regions)
one_sided.round(3)

# %%
true_lags = possible = None
if session.truth is not None:
    peaks = session.truth.peak_lag[:, 1].tolist()  # of eye movements in x
    true_lags = dict(zip(session.truth.regions, peaks, strict=True))
    true_rates = in_steps(session.true_region_rates(regions)).sum(axis=2)
    possible = psth_relative(y[test], true_rates[test], psth, kernel)

# %% mystnb={"image": {"alt": "Three bars per region: causal, anticausal, bidirectional. In SCs the causal bar is by far higher than the anticausal one, in SCm it is the other way round, and in LGd the causal one is somewhat higher. The bidirectional bar is about as high as the higher of the two in each region, and stays below the dashed line of the true rates."}}
figures.directions(one_sided, true_lags, possible)
plt.show()

# %%
if session.truth is not None:
    past_leads = one_sided["causal"] - one_sided["anticausal"]
    assert past_leads["SCs"] > 0.05
    assert past_leads["SCm"] < -0.05
    better = one_sided[["causal", "anticausal"]].max(axis=1)
    assert (one_sided["bidirectional"] > 0.85 * better).all()

# %% [markdown]
# In the simulated mouse, SCs, which follows the eye, is predicted better from the past. SCm, which
# leads it, is predicted better from the future. No lag was put in by hand; the networks found the
# direction of time by themselves. LGd is held down just after an eye movement, so it needs the
# past, but it also follows the area, which changes so slowly that even the future alone tells a
# good part of the story. The bidirectional network comes near the better of the two in every
# region, or a little above it, without having to be told which. (It can gain where both sides have
# something to say, and lose a little: half of what it hears may be of no use, and costs some
# noise.)
#
# **Try it.** Can a larger network make up for what it is not shown? Answer first: give the causal
# network more units, and see whether it ever catches up in SCm with an anticausal one of 16.

# %%
sizes = [2, 8, 16, 48]
for n in sizes:
    for d in directions:
        if (n, d) not in found:
            found[n, d] = predict_with(d, n)
score_at = {key: score_of(p) for key, p in found.items()}
moving = np.ptp(session.pupil[test, :, 1], axis=1)
row = int(np.nan_to_num(moving).argmax())  # the trial in which x moves most
true_row = None if session.truth is None else true_rates[test[row]]


# %%
def network_at(hidden, reads):
    shown = found[hidden, reads][row], score_at[hidden, reads]
    clock = session.start + (np.arange(n_steps) + 0.5) * step
    return figures.network_at(
        clock, y[test[row]], *shown, regions, step, true_row
    )


def in_words(hidden, reads):
    pairs = zip(regions, score_at[hidden, reads], strict=True)
    scores = ", ".join(f"{region} {score:.2f}" for region, score in pairs)
    return f"{reads}, {hidden} units: score above the PSTH {scores}"


# %%
explore(
    network_at,
    hidden=sizes,
    reads=directions,
    start={"hidden": 16, "reads": "causal"},
    labels={"hidden": "hidden units"},
    caption=in_words,
    alt=lambda **at: (
        f"Counts of one trial and predictions. {in_words(**at)}."
    ),
)

# %% [markdown]
# In the simulated mouse it never does. What SCm announces is not in the past of the pupil, and no
# number of units can find it there. Eight units find it, if they are shown the right side.

# %%
if session.truth is not None:
    scm = regions.index("SCm")
    blind = [score_at[n, "causal"][scm] for n in sizes]
    assert max(blind) < score_at[16, "anticausal"][scm] - 0.03
    for shown in ("anticausal", "bidirectional"):
        assert max(blind) < score_at[8, shown][scm] - 0.05

# %% [markdown]
# A single network, trained for a moment, on one block: that is enough to see the direction of time,
# and not enough to say what a network is worth. Chapters 5 to 7 train it well; chapter 8 compares
# it with ridge and the GLM on many mice.
#
# ## Why it forgets, and what a gate does
#
# Back to the steep fall of the gradient. What an input did to the state at one step reaches the
# next step through $U$, and through the slope of the tanh, which is at most 1. After ten steps it
# has gone through $U$ ten times. So what counts is by how much $U$ stretches or shrinks: the size
# of its eigenvalues.

# %%
torch.manual_seed(0)
fresh_U = SeqToSeq(len(FEATURES), 3).rnn.weight_hh_l0.detach()
largest = np.abs(np.linalg.eigvals(fresh_U.numpy())).max()
print(f"largest eigenvalue of a random U: {largest:.2f}")
print(f"10 steps leave about {largest**10:.4f} of its slowest part")
assert largest < 1

# %% [markdown]
# (In the figure an input fades faster still. The largest eigenvalue belongs to the part of the state
# that fades most slowly, and the slope of the tanh comes on top.)
#
# Below 1, and the past fades away exponentially; far above 1, and the states run into the ends of
# the tanh. Training can change $U$, but it learns from gradients, and they have faded by the same
# factor: what has been forgotten is hard to learn from ([Hochreiter and Schmidhuber,
# 1997](https://doi.org/10.1162/neco.1997.9.8.1735)).
#
# A way out is a unit that decides *how much of its state to renew*. It proposes a new value, as
# before, and a **gate** between 0 and 1 says how far to go there:
#
# $$h_t = h_{t-1} + g_t\,\bigl(\tanh(W x_t + U h_{t-1} + b) - h_{t-1}\bigr), \qquad
# g_t = \sigma(W' x_t + U' h_{t-1} + b').$$
#
# Here $\sigma$ is the logistic function, $1 / (1 + e^{-z})$. A plain unit is one whose gate is always 1. Here are a few
# single units with weights set by hand. They read the velocity of an eye that moves three times, and the
# gate listens to its speed.

# %%
velocity = np.zeros(80)  # one number per step
velocity[[10, 35, 55]] = 1.0, -0.5, 0.2


def unit(u, gated=False):
    h, states = 0.0, []
    for v in velocity:
        gate = 1 / (1 + np.exp(8 - 80 * abs(v))) if gated else 1.0
        h = h + gate * (np.tanh(2 * v + u * h) - h)
        states.append(h)
    return np.array(states)


units = {f"plain, u = {u}": unit(u) for u in (0.5, 0.9)}
units["gated"] = unit(0.0, gated=True)

# %% mystnb={"image": {"alt": "Above, three pulses of eye velocity: a large one, a middle one downwards, a small one. Below, what three units keep of them. The plain units jump at each pulse and decay to zero, one at once, the other over about a second. The gated unit jumps to a new level at each pulse and stays there until the next."}}
figures.memory(np.arange(80) * 0.05, velocity, units)
plt.show()

# %% [markdown]
# The plain units fade, one almost at once, the other over a second or so. The gated unit holds the
# direction and size of the last movement until the next one comes, because its gate is shut
# whenever the eye rests. And where the gate is half open, a unit takes a running average.
#
# A layer of such units is a GRU without its reset gate ([Ravanelli and colleagues,
# 2018](https://doi.org/10.1109/TETCI.2017.2762739)); in the package it is called `GatedRecurrence`,
# and it is what `PupilEncoder` uses. Whether a region needs that much memory is a question for
# data, not for drawings: chapter 6 takes `PupilEncoder` apart, gate and all, and chapter 8 asks
# which models do better on which kinds of mice.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** What does an RNN have at step 100 that it did not have at step 1?
#
# - **A.** Other weights: each step has its own.
# - **B.** A hidden state that depends on what came before.
# - **C.** A larger hidden state: it grows by what it has read.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** The same three arrays serve in every step; that is what makes it recurrent.
# - **B.** Right. The state is all that the past can tell the present.
# - **C.** It has the same number of units in every step, and must forget in order to learn anew.
#
# </details>
#
# **Question 2.** A bidirectional network predicts SCm better than a causal one. What may you say?
#
# - **A.** SCm can be forecast from the pupil.
# - **B.** The bidirectional network has more units, and therefore wins.
# - **C.** The pupil's future goes along with SCm's firing now.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** That takes encoding for forecasting: in real time the future is not there to be read.
# - **B.** The figure that you can move says otherwise: more units do not help the causal one.
# - **C.** Right. Perhaps because SCm drives the eye, but that is for experiments to tell.
#
# </details>
#
# **Question 3.** A network is causal, and its features hold a velocity measured from the bins on both
# sides. What follows?
#
# - **A.** Its output depends on the future, by one bin.
# - **B.** Nothing: the network reads in one direction only.
# - **C.** The velocity becomes useless.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** Right. A leak of one bin is enough to see a saccade that is only just starting.
# - **B.** That looks at the network and forgets what it is fed.
# - **C.** It stays as useful as ever; too useful, if somebody wants a forecast.
#
# </details>
#
# **Question 4.** The largest eigenvalue of $U$ is 0.6. What does a plain unit know of an input twenty
# steps ago?
#
# - **A.** As much as of the last one: the state carries everything along.
# - **B.** Hardly anything.
# - **C.** It depends on how long the trial is.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** The state is overwritten a bit in every step; what is carried along shrinks by $U$.
# - **B.** Right. $0.6^{20}$ is less than a ten-thousandth.
# - **C.** Only the number of steps in between counts, not how many are still to come.
#
# </details>
#
# **Question 5.** What is the gate of a gated unit for?
#
# - **A.** It keeps outputs between 0 and 1.
# - **B.** It chooses which units the readout may see.
# - **C.** It says how much of the state is renewed in this step.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** The gate itself lies between 0 and 1; the state may lie anywhere between −1 and 1.
# - **B.** The readout sees all units at all times.
# - **C.** Right. Shut, it holds what it has; open, it is a plain unit.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 4.1 ★★: the other direction
#
# We wrote the loop of the forward units. Write the one of the backward units: an array
# `my_backward` of shape (steps, 16) with their hidden states in the first test trial, `trial_x`, in
# order of time. Their weights end in `_reverse`, for instance `rnn.weight_ih_l0_reverse`, and so do
# the two bias vectors.
#
# <details>
# <summary>Hint 1</summary>
#
# They start from zeros at the *last* step, and the state of step $t$ depends on step $t + 1$.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Loop with `for t in reversed(range(n_steps))`, and write each state into row `t`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# W, U = rnn.weight_ih_l0_reverse, rnn.weight_hh_l0_reverse
# b = rnn.bias_ih_l0_reverse + rnn.bias_hh_l0_reverse
# h, states = torch.zeros(16), torch.zeros(n_steps, 16)
# for t in reversed(range(n_steps)):
#     h = torch.tanh(W @ trial_x[t] + U @ h + b)
#     states[t] = h
# my_backward = states.detach()
# ```
#
# The same loop, run the other way. At the first step the backward units have seen the whole trial.
#
# </details>

# %% tags=["exercise"]
my_backward = ...  # (steps, 16)


# %% tags=["hide-cell", "solution"]
# @title Solution 4.1
def loop(x, end, order):
    W, U, b, more = (getattr(rnn, f"{name}_l0{end}") for name in LAYER)
    h, rows = torch.zeros(16), torch.zeros(len(x), 16)
    for t in order:
        h = torch.tanh(W @ x[t] + U @ h + b + more)
        rows[t] = h
    return rows.detach().numpy()


LAYER = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
later = range(n_steps)
own = loop(trial_x, "_reverse", later[::-1])
onward = loop(trial_x, "_reverse", later)
mistakes = {
    "Those are in the order of computation: turn them round.": own[::-1],
    "That loop runs forward in time: start at the last step.": onward,
    "Take the weights ending in _reverse.": loop(trial_x, "", later[::-1]),
    "Those are the forward units.": loop(trial_x, "", later),
}
check(my_backward, own, mistakes, tolerance=1e-4, name="4.1")

# %% [markdown]
# ### Exercise 4.2 ★: how large is the network?
#
# How many numbers does training have to find in `SeqToSeq(10, 3, hidden_size=32)`? Work it out on
# paper from the equation and the shapes. (`nn.RNN` has *two* bias vectors per direction, one for
# the input and one for the recurrence. They do the work of one.)
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
# About three thousand numbers, and most of them sit in the two recurrent matrices. (The network of
# this chapter, with 16 hidden units, has less than a third of them.)
#
# </details>

# %% tags=["exercise"]
my_size = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 4.2
size = sum(p.numel() for p in SeqToSeq(10, 3, hidden_size=32).parameters())
mistakes = {
    "That is one direction only.": size - (32 * 10 + 32 * 32 + 2 * 32),
    "Nearly: there are two bias vectors per direction.": size - 2 * 32,
    "Nearly: the readout has a bias for each region.": size - 3,
    "The readout is missing.": size - (64 * 3 + 3),
}
check(my_size, size, mistakes, name="4.2")
assert sum(p.numel() for p in SeqToSeq(10, 3).parameters()) < size / 3
assert size == 2 * (32 * 10 + 32 * 32 + 2 * 32) + 64 * 3 + 3

# %% [markdown]
# ### Exercise 4.3 ★★: open the gate
#
# Write the gated loop: the states of 16 gated units in the trial `trial_x`, of shape (steps, 16),
# from zeros. The cell below gives you the two sets of weights of a `GatedRecurrence`.
#
# <details>
# <summary>Hint 1</summary>
#
# Take the loop of the chapter, and compute two things in each step: `proposed`, as before, and
# `gate`, with its own weights and `torch.sigmoid` in place of `torch.tanh`. Both read the *old*
# state.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The new state is the old one plus a part of the way to the proposed one, and the gate is that
# part. With the gate at 1 it is the plain loop; with the gate at 0 nothing changes.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# h, states = torch.zeros(16), []
# for t in range(n_steps):
#     proposed = torch.tanh(W @ trial_x[t] + U @ h + b)
#     gate = torch.sigmoid(W_gate @ trial_x[t] + U_gate @ h + b_gate)
#     h = h + gate * (proposed - h)
#     states.append(h)
# my_gated = torch.stack(states)
# ```
#
# Three more arrays, one more line. The gate has as many weights as the rest of the layer.
#
# </details>

# %% tags=["exercise"]
layer = GatedRecurrence(len(FEATURES), 16, "causal", seeds=[0])
W, W_gate = layer.weight_ih.detach()[0, 0].chunk(2)  # each (16, 10)
U, U_gate = layer.weight_hh.detach()[0, 0].chunk(2)  # each (16, 16)
b, b_gate = layer.bias.detach()[0, 0].chunk(2)  # each (16,)
my_gated = ...  # (steps, 16)


# %% tags=["hide-cell", "solution"]
# @title Solution 4.3
def gated_loop(renew):
    h, states = torch.zeros(16), []
    for now in trial_x:
        proposed = torch.tanh(W @ now + U @ h + b)
        h = renew(h, proposed, W_gate @ now + U_gate @ h + b_gate)
        states.append(h)
    return torch.stack(states)


gated = gated_loop(lambda h, new, z: h + torch.sigmoid(z) * (new - h))
closed = gated_loop(lambda h, new, z: new + torch.sigmoid(z) * (h - new))
with_tanh = gated_loop(lambda h, new, z: h + torch.tanh(z) * (new - h))
mistakes = {
    "That is the plain loop.": gated_loop(lambda h, new, z: new),
    "The gate is the wrong way round: at 1 it renews.": closed,
    "A gate lies between 0 and 1: not tanh.": with_tanh,
}
check(my_gated, gated, mistakes, tolerance=1e-4, name="4.3")

# %% [markdown]
# ### Exercise 4.4 ★★★: how far back?
#
# Take a trained causal network, and hide from it whatever is older than `k` steps: run it anew for
# each step, on the last `k` steps only. How does the score above the PSTH depend on `k`, region by
# region? Do the same with a network whose layer is a `GatedRecurrence`, on a home mouse and on a
# mouse of the kind "memory" (`load_session("simulated", kind="memory")`).
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A curve over `k` for each region, in seconds, from the same trained network: only what it is
#   shown changes.
# - A check that with the whole past it gives the score of before.
# - A sentence on each region: which lag of `session.truth.peak_lag` the curve should know about, and
#   whether it does.
# - Several seeds, since a single network differs from the next; and a word on what the curve cannot
#   say about the brain: the *network* needs that much past, the region may need less.
#
# </details>

# %% tags=["exercise"]
my_scores_by_past = ...  # {k: (regions,)}

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 4.2 is for paper, and a good warm-up after a break. 4.1 and 4.3 are the same
# > skill; give one of them in class and one for home.
# >
# > **Typical mistakes, and what to say.**
# > 4.0: 24, because both directions are thought to share their units ("who knows the future, then?").
# > 4.1: the states come out in the order of computing; let them look at row 0 and ask what it has seen.
# > 4.2: one bias is left out. It is PyTorch's habit, and nobody could guess it: say so.
# > 4.3: the gate reads the *new* state ("write the equation next to the line").

# %% [markdown]
# ## Recap
#
# - **An RNN** mixes what it sees with what it remembers, step by step: (trials, steps, features) in,
#   (trials, steps, regions) out.
# - **The readout** turns hidden states into a gain on the PSTH, with a softplus, so that it is never
#   negative.
# - **Direction matters**: a causal model may be used in real time; a bidirectional one sees the future,
#   and that is right for encoding only. Gradients prove who hears what.
# - **A plain unit forgets**, exponentially. A gate lets a unit hold what it has seen until something new
#   comes.
# - Next: chapter 5, how such a network is trained, and what goes wrong. Chapter 6 takes
#   `PupilEncoder` apart.
