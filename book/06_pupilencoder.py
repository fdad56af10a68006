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
# # 6. PupilEncoder, piece by piece
#
# *What is inside the default model, and what does each piece earn?*
#
# **Goals.** By the end you can
#
# - name the pieces of `PupilEncoder`, and write each of them in a few lines;
# - train one of its networks with a budget of updates, and let a left-out block pick its weights;
# - mix two models, region by region, in the proportion that left-out blocks choose;
# - say when a model should not predict at all, and how often a careful rule is fooled;
# - tell a piece that earns something from a piece that is only there.
#
# **Time.** About 50 minutes, 50 more with the quiz and the exercises. Runs in one to two minutes on a
# laptop.
#
# **What you need.** Chapters 3 to 5: linear models over lags, the recurrent network, and how it
# is trained.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. At the end a second simulated mouse joins it, whose
# neurons remember. To use the real recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`. What compares with the truth is then left out, and
# the last section stays with the two simulated mice.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** The chapter is long because it hides nothing. It can be taught as seven short
# > stations, one per piece, with a group at each, and a plenum for "What each piece earns".
# >
# > **On the board.** The pipeline from left to right: pupil, ten features, 130 filtered, 48 components,
# > network, gain, times PSTH. Under it a row of five blocks, one shaded in each of five lines: who
# > learns from what, and who judges whom. Leave it there for the whole lesson.
# >
# > **If time is short**, do piece 3, piece 5 and piece 7, and go to "What each piece earns". The check
# > that our network is the package's, and the GLM's code, can be read at home.

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
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from joblib import Parallel, delayed
from numpy.lib.stride_tricks import sliding_window_view
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR

from pupil_helpers import PupilEncoder, blocked_folds, check, explore
from pupil_helpers import evaluation_kernel, gaussian, load_session
from pupil_helpers import psth_relative, simulate_session, smooth
from pupil_helpers.signals.pupil import PupilFeatures

# %%
from pupil_helpers.evaluation import mice
from pupil_helpers.models.ensemble import check_points, shuffled
from pupil_helpers.models.glm import PoissonGLM, glm_loss, glm_path
from pupil_helpers.models.lags import lag_basis
from pupil_helpers.models.network import EncoderNet, GatedRecurrence
from pupil_helpers.plotting import pupilencoder as figures, use_style
from pupil_helpers.plotting.dark import readable_numbers

use_style()
torch.set_num_threads(1)  # networks this small gain nothing from more
session = load_session("simulated")
wanted = ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
regions = [name for name in wanted if name in session.regions]
if len(regions) < 3:  # other places: take the largest regions
    regions = list(session.region_table().index[:6])
counts = session.region_counts(regions).astype(np.float32)
train, test = blocked_folds(session.n_trials)[-1]  # test: the last block
kernel = evaluation_kernel(session.bin_size)  # smooths over 100 ms
print(session.name, regions)
print(len(train), "trials to learn from,", len(test), "to test on")

# %% [markdown]
# ## The whole, before its pieces
#
# Two lines fit the default model, and a third predicts trials that it has not seen.

# %%
model = PupilEncoder(bin_size=session.bin_size, device="cpu")
model.fit(session.pupil[train], counts[train])
predicted = model.predict(session.pupil[test])  # expected counts
print(predicted.shape)

# %% [markdown]
# What happened in between? In this order:
#
# 1. The pupil becomes ten **features**, these pass through **filters over lags**, and what comes
#    out is reduced to 48 **principal components**. The features of the moment stand beside them.
# 2. A small **network** reads both: a stem, a gated recurrence in both directions, a readout.
# 3. Its output is a **gain** on the PSTH, and
# 4. it is trained for a fixed number of **updates**.
# 5. There are **five** such networks. Each leaves out one block of the training trials, and they
#    are averaged.
# 6. The average is **mixed** with a Poisson GLM.
# 7. The mixture is **shrunk** towards the PSTH, in some regions all the way.
#
# We now build all of this a second time, in the open. The test of whether we understood it is
# strict: at the end our prediction must equal `predicted`.
#
# ## Piece 1: filters and components
#
# Neurons answer the pupil with a delay, or run ahead of it, by times that we do not know. Chapter
# 3 gave its models copies of the features at many lags. Neighbouring lags say nearly the same,
# and far from 0 nobody needs to know them to the bin. So we take 13 smooth bumps that tile the
# lags from −0.6 to 0.6 s, narrow near 0 and wide far away.

# %%
features = PupilFeatures(session.bin_size).fit(session.pupil[train])
levels_and_motion = features.transform(session.pupil)  # (trials, bins, 10)
basis, lags = lag_basis(session.n_bins, session.bin_size)  # (13, lags)
n_bins, reach = session.n_bins, len(lags) // 2
first = np.arange(0, n_bins, 4)  # a step of the model is four bins
last = np.minimum(first + 3, n_bins - 1)
print(len(basis), "filters;", n_bins, "bins make", len(first), "steps")


# %%
def filtered(x):  # (trials, bins, n) -> (trials, steps, n * filters)
    sides = ((0, 0), (reach, reach), (0, 0))
    levels = np.pad(x[..., :3], sides, mode="edge")  # stay as they were
    motion = np.pad(x[..., 3:], sides)  # is over beyond the trial
    padded = np.concatenate([levels, motion], axis=-1)
    windows = sliding_window_view(padded, len(lags), axis=1)
    middle = (first + last) // 2  # the bin that a step counts its lags from
    through = windows[:, middle] @ basis[:, ::-1].T.astype(np.float32)
    return through.reshape(len(x), len(first), -1)


columns = filtered(levels_and_motion)
print(columns.shape)  # (trials, steps, 130)

# %% [markdown]
# Ten features through 13 filters are 130 numbers a step, and they overlap a great deal.
# **Principal components** (from *PCA*) are the directions in which they vary most, found on the
# training trials ([Hotelling, 1933](https://doi.org/10.1037/h0071325)). We keep 48 of 130. All
# are divided by one and the same number, so that they are of the order of 1 on average and keep
# their relative sizes: what varies little stays quiet.

# %%
flat = columns[train].reshape(-1, columns.shape[-1]).astype(float)
flat -= flat.mean(axis=0)
variances, directions = np.linalg.eigh(flat.T @ flat / len(flat))
variances, directions = variances[::-1], directions[:, ::-1]  # falling
scale = np.sqrt(variances[:48].mean())
kept_share = variances[:48].sum() / variances.sum()
assert kept_share > 0.95
print(f"48 of {len(variances)} hold {kept_share:.1%} of the variance")

# %% mystnb={"image": {"alt": "Left, thirteen bumps over lags from minus 0.6 to 0.6 seconds: narrow and close together near lag zero, wide far from it. Right, the share of the variance that the first components hold: it rises steeply, and a dot at 48 components lies close to 100 percent."}}
figures.filters(lags * session.bin_size, basis, variances.clip(0), kept=48)
plt.show()

# %% [markdown]
# The dot is close to 100 %: 48 components keep nearly everything, and a network with 48 inputs is
# quicker to train than one with 130. Do we have the same components as the package? The sign of a
# component is arbitrary, so we compare what each one holds, and then go on with the package's,
# since its networks were trained with those.

# %%
components = columns @ model.module_.inputs.directions.numpy()
ours = columns[train] @ (directions[:, :48] / scale)
held = [part.var(axis=(0, 1)) for part in (ours, components[train])]
np.testing.assert_allclose(*held, atol=1e-4 * held[0][0])

# %% [markdown]
# The components have blurred one thing: what happens *now*. A short movement varies little, so it
# is quiet in them. So we put the ten features themselves behind the components, through the bump
# at lag 0 alone. That makes 58 inputs.

# %%
now = columns[..., len(basis) // 2 :: len(basis)]  # lag 0 of each feature
inputs = np.concatenate([components, now], axis=-1)
x = torch.from_numpy(inputs[train])  # (trials, steps, 58)
x_test = torch.from_numpy(inputs[test])
print(*x.shape)

# %% [markdown]
# ## Piece 2: the network
#
# ### A gate
#
# A plain unit computes its state anew in every step. To remember something for a second it would have
# to copy it through 25 steps without wear, and a tanh wears everything down. So each unit has the
# **gate** of chapter 4, a number between 0 and 1 that says how much of the state to renew:
#
# $$h_s = h_{s-1} + g_s\,(\tanh(W x_s + U h_{s-1} + b) - h_{s-1}),$$
#
# $$g_s = \sigma(W' x_s + U' h_{s-1} + b').$$
#
# How long does a gate remember? Take one unit, give it a pulse with the gate wide open ($g = 1$), and
# then hold the gate still. Without input it forgets the share $g$ of its state in every step.
#
# **Predict first.** A step is 40 ms. With a gate of 0.02, when will half of the pulse be forgotten:
# after a tenth of a second, a second or two, or half a minute?

# %%
step, after = 4 * session.bin_size, np.arange(76)
states = {f"gate {g}": (1 - g) ** after for g in (0.6, 0.15, 0.02)}
half = step * np.log(0.5) / np.log(1 - 0.02)
print(f"with a gate of 0.02 half is left after {half:.1f} s")

# %% mystnb={"image": {"alt": "State of a unit after a pulse, for three gates. With gate 0.6 it is gone within a few tenths of a second, with 0.15 within a second, and with 0.02 a good part of it is left after three seconds."}}
axes = {"xlabel": "time after a pulse (s)", "ylabel": "state, highest at 1"}
pd.DataFrame(states, step * after).plot(**axes)
plt.show()

# %% [markdown]
# A nearly shut gate remembers for seconds. And it is not a fixed leak: the gate of a unit depends
# on the input, so one saccade can open it, write something down, and shut it again. In code, for
# one direction:


# %%
def recurrent(x, into, along, bias):  # (trials, steps, n): from x to states
    h, states = x.new_zeros(len(x), along.shape[1]), []
    for given in (x @ into.T + bias).unbind(1):  # one step after the other
        new, gate = (given + h @ along.T).chunk(2, dim=-1)
        h = h + torch.sigmoid(gate) * (torch.tanh(new) - h)
        states.append(h)
    return torch.stack(states, dim=1)


# %% [markdown]
# `into` holds $W$ and $W'$, `along` $U$ and $U'$, and `bias` both $b$.
#
# ### Around the recurrence
#
# A **stem** of 16 rectified units mixes the inputs first: together with the filters it can say "a
# saccade to the right, 70 ms ago". The **recurrence** hears the stem, and the ten features of the
# moment as they are: whoever counts the time since a saccade wants to hear of every saccade. The
# **readout** sees the states of both directions, and by a **skip** it sees the stem itself, so that
# what needs no memory need not pass through it.
# Softplus keeps the output positive. Dividing it by its value at the start makes it a gain that
# begins at 1. All weights `w` of a network stand in one dictionary.


# %%
def network(x, w):  # (trials, steps, inputs) -> (trials, steps, regions)
    stem = F.relu(x @ w["stem.weight"] + w["stem.bias"])
    heard = torch.cat([stem, x[..., 48:]], dim=-1)  # and what is now
    kinds = "weight_ih", "weight_hh", "bias"  # into, along, bias
    forth, back = zip(*(w[f"recurrence.{k}"] for k in kinds), strict=True)
    forth = recurrent(heard, *forth)
    back = recurrent(heard.flip(1), *back).flip(1)  # reads from the end
    seen = torch.cat([stem, forth, back], dim=-1)  # stem: the skip
    z = seen @ w["readout.weight"] + w["readout.bias"]
    return F.softplus(z - 1) / F.softplus(torch.tensor(-1.0))  # gain


# %% [markdown]
# That is the whole network. The package's `EncoderNet` holds five of them side by side, to train
# them in one go. Do they compute the same as ours, with the same weights?


# %%
def weights_of(net, member):  # of one of the networks that it holds
    named = net.named_parameters()
    return {name: w[member].detach().clone() for name, w in named}


@torch.no_grad()
def gains(x, nets):  # (networks, trials, steps, regions)
    return torch.stack([network(x, w) for w in nets])


nets = [weights_of(model.module_.net, member) for member in range(5)]
each, each_new = gains(x, nets), gains(x_test, nets)
with torch.no_grad():
    theirs = EncoderNet.forward(model.module_.net, x.expand(5, *x.shape))
torch.testing.assert_close(each, theirs, atol=1e-4, rtol=1e-3)
print("our network and the package's agree:", *each.shape)

# %% [markdown]
# ## Piece 3: a gain on the PSTH
#
# The network does not predict counts. It predicts by how much to multiply what the stimulus does
# anyway, the PSTH of the training trials. The PSTH is smoothed a little, since an average of a
# few hundred trials is noisy from bin to bin, and then summed over the four bins of each step,
# like the counts.


# %%
def smoothed(psth, bin_size):  # what the gain multiplies, never 0
    wide = smooth(psth[None], gaussian(0.015, bin_size))[0]
    return np.maximum(wide, 1e-6).astype(np.float32)


def in_steps(values, axis):  # sums of the bins of each step
    return torch.from_numpy(np.add.reduceat(values, first, axis=axis))


psth = counts[train].mean(axis=0)  # (bins, regions)
base = smoothed(psth, session.bin_size)
base_steps = in_steps(base, 0)  # (steps, regions)
y = in_steps(counts[train], 1)  # (trials, steps, regions)

# %% [markdown]
# What does a network predict before it has learned anything?

# %%
both = partial(GatedRecurrence, hidden_size=16, direction="bidirectional")
sizes = {"n_inputs": x.shape[-1], "n_regions": len(regions)}
untrained = EncoderNet(**sizes, seeds=[0], recurrence=both, n_direct=10)
beginning = weights_of(untrained, 0)
gain = gains(x, [beginning])
print(f"gain before training: {gain.mean():.3f} ± {gain.std():.3f}")
assert (gain - 1).abs().max() < 1e-5

# %% [markdown]
# It is 1 in every step: all weights of the readout start at 0. (Those of the stem and of the
# recurrence start at random.) The untrained model *is* the PSTH, and whatever it learns is about
# differences between trials.
#
# ## Piece 4: a budget of updates
#
# The loop is that of chapter 5: AdamW, a one-cycle learning rate (here it rises for half of the
# updates, and falls for the other half), and the Poisson loss, minus that of the PSTH, so that 0
# means "no better than the PSTH". Gradients longer than 1 are cut to length 1: a single odd batch
# must not throw the network off. What is fixed is the number of updates, and not the number of
# epochs: a short session gets as many of them as a long one.


# %%
def loss(w, trials):  # relative to the PSTH's
    gain = network(x[trials], w)
    return (base_steps * (gain - 1) - y[trials] * torch.log(gain)).mean()


# %%
def train_one(w, batches, held, n_updates, rate, warm_up, decay):
    w = {
        name: values.clone().requires_grad_() for name, values in w.items()
    }
    optimiser = torch.optim.AdamW(w.values(), rate, weight_decay=decay)
    schedule = OneCycleLR(optimiser, rate, n_updates, pct_start=warm_up)
    for update in range(1, n_updates + 1):
        optimiser.zero_grad()
        loss(w, next(batches)[0]).backward()
        clip_grad_norm_(w.values(), 1.0)
        optimiser.step()
        schedule.step()
        if update in check_points(n_updates):  # now and then: how good
            now = {
                name: values.detach().clone() for name, values in w.items()
            }
            yield update, loss(now, held).item(), now  # is it on the block?


# %% [markdown]
# ## Piece 5: five networks, five left-out blocks
#
# Who says when to stop? The training trials are cut into five contiguous blocks, with two trials
# between. A network learns from four of them, is tried on the fifth, and keeps the weights that
# were best there. We train the first one ourselves, from the same start and with the same batches
# as the package's first.

# %%
blocks = model.blocks_
held = blocks[0].test[: min(len(block.test) for block in blocks)]
learnt = [block.train for block in blocks]
batches = shuffled(np.random.default_rng(0), learnt, model.batch_size)
settings = model.n_updates, model.learning_rate
settings += model.warm_up, model.weight_decay
checks = list(train_one(beginning, batches, held, *settings))
curve = np.array([(update, held_loss) for update, held_loss, _ in checks])
best = curve[:, 1].argmin()
kept, at_end = checks[best][2], checks[-1][2]
theirs = model.history_.query("member == 0")["held_out"]
apart = np.abs(curve[:, 1] - theirs).max()
print(f"kept after update {curve[best, 0]:.0f} of {model.n_updates}")
print(f"our loss differs from the package's by at most {apart:.0e}")
assert session.truth is None or apart < 0.01

# %% mystnb={"image": {"alt": "Loss of the left-out block against update, five curves, one per network, and a dashed one of our own that covers the first. All fall below zero soon, to different depths, and then level off or creep up; a dot marks the lowest point of each."}}
figures.learning(model.history_, curve, len(blocks))
plt.show()

# %% [markdown]
# Our own curve lies on that of the package's first network. (Where the two differ at all, it is by
# rounding, which grows from update to update.) The five blocks are not equally easy, so the curves end at
# different heights.
#
# What do the weights of the lowest point earn over those of the last update? On the test block,
# with nothing but this one network:

# %%
middles, bins = (first + last) / 2, np.arange(n_bins)
units = [np.interp(bins, middles, unit) for unit in np.eye(len(first))]
to_bins = np.array(units, np.float32).T  # (bins, steps): straight lines
by_one = base * (to_bins @ gains(x_test, [at_end, kept]).numpy())
rows = [psth_relative(counts[test], p, psth, kernel) for p in by_one]
if session.truth is not None:
    driven = np.isin(regions, session.truth.regions[session.truth.driven])
    (ends, keeps), others = np.array(rows), ~driven
    assert np.abs((keeps - ends)[driven].mean()) < 0.04
    assert keeps[others].min() > max(ends[others].min() + 0.03, -0.07)
pd.DataFrame(rows, ["last", "kept"], regions).round(3)

# %% [markdown]
# In the simulated mouse it is nearly a draw in the regions that the pupil drives. In the others there
# was only noise to learn, and the last weights have learned it: in one of them they are clearly worse
# than the PSTH. The left-out block stopped that in time.
#
# Five networks make an **ensemble**: their gains are averaged. Each has started from other random
# weights and has seen other trials, so each makes some errors of its own, and these partly
# cancel. And every training trial is left out by one of the five. We will use that twice:
# predictions of *left-out* blocks are the most honest ones that we have without touching the test
# block. (They flatter a little: each block has picked the weights of its network.)

# %%
network_gain, network_test = each.mean(0).numpy(), each_new.mean(0).numpy()
pairs = zip(each.numpy(), blocks, strict=True)
without = [own[block.test] for own, block in pairs]  # each left out

# %% [markdown]
# **Your turn (two minutes).** How many of the five networks have learned from the training trial
# `blocks[1].test[0]`, the first of the second block? (It is a place in `train`, and each block has
# its own list, `train`, of such places.)
#
# <details>
# <summary>Hint</summary>
#
# Count over `blocks`: in how many of them is it among `block.train`? Remember the gaps of two trials.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_learners = sum(blocks[1].test[0] in block.train for block in blocks)
# ```
#
# The second network leaves it out as a judge, and the first one leaves it out as a trial of the gap
# after *its* block.
#
# </details>

# %% tags=["exercise"]
my_learners = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 6.0
learners = sum(blocks[1].test[0] in block.train for block in blocks)
mistakes = {
    "One of them leaves it out, to be judged by it.": 5,
    "That is how many are judged by it.": 1,
    "Nearly: it also lies in the gap beside another block.": 4,
    "Those leave it out, as a judge or in a gap.": 5 - learners,
}
check(my_learners, learners, mistakes, name="6.0")

# %% [markdown]
# ## Piece 6: a GLM beside them
#
# Beside the networks stands a model with far fewer weights: a **Poisson GLM** on the same 58
# inputs. Its gain is $e^{w \cdot x + b}$, its weights are penalised, and the penalty is the
# one with the least loss on the left-out blocks. We need its predictions of left-out blocks as
# well, so it is fitted six times: without each block, and on all trials.

# %%
x_array, y_array, psth_steps = x.numpy(), y.numpy(), base_steps.numpy()
penalties = PoissonGLM.DEFAULT_PENALTIES[::-1]  # from strong to weak
exposure = np.broadcast_to(psth_steps, y.shape)


def fit_glm(r):  # of one region: six pairs of weights and bias
    data = x_array, y_array[..., r], exposure[..., r]
    paths, losses = [], 0
    for learnt, left_out in blocks:
        path = glm_path(*(values[learnt] for values in data), penalties)
        paths.append(list(path))
        here = [values[left_out] for values in data]
        losses += np.array([glm_loss(*one, *here) for one in paths[-1]])
    best = int(np.argmin(losses))
    whole = glm_path(*data, penalties[best : best + 1])
    return [*whole, *(path[best] for path in paths)]


# %%
one_by_one = (delayed(fit_glm)(r) for r in range(len(regions)))
fits = Parallel(n_jobs=-1)(one_by_one)  # on all cores


def glm_gain(x, fit):  # fit 0 saw all trials, 1 to 5 lack a block
    weights, bias = zip(*(of[fit] for of in fits), strict=True)
    z = x @ np.transpose(weights) + np.array(bias)
    return np.exp(z.clip(np.log(0.05), np.log(100))).astype(np.float32)


linear_gain, linear_test = glm_gain(x_array, 0), glm_gain(x_test.numpy(), 0)
numbered = enumerate(blocks, start=1)
linear_without = [glm_gain(x_array[b.test], m) for m, b in numbered]

# %% [markdown]
# How much of each? We try shares of the GLM from 0 to 1, and ask which mixture predicts the
# left-out blocks best, region by region. (This is **stacking**: [Wolpert,
# 1992](https://doi.org/10.1016/S0893-6080(05)80023-1).) A mixture may be best when it is not
# followed fully, so each share is judged at its own best weight against the PSTH.


# %%
def mix(own, linear, share):
    return own + share * (linear - own)


def held_loss(share, weight):  # of all left-out blocks, (regions,)
    total = 0
    for *pair, block in zip(without, linear_without, blocks, strict=True):
        gain = 1 + weight * (mix(*pair, share).astype(float) - 1)
        gain = np.maximum(gain, 1e-6)
        seen = y_array[block.test] * np.log(gain)
        total += (psth_steps * gain - seen).sum(axis=(0, 1))
    return total


shares, tried = np.linspace(0, 1, 11), np.linspace(0.2, 1, 5)
share_losses = [np.min([held_loss(s, w) for w in tried], 0) for s in shares]
glm_share = shares[np.argmin(share_losses, axis=0)]  # (regions,)
both = {"ours": glm_share, "package": model.module_.net.share}
pd.DataFrame(both, regions).T.round(1)

# %% mystnb={"image": {"alt": "Loss of the left-out blocks above the best, against the share of the GLM, one curve per region. The curves of SCs, SCm and LGd are valleys with a dot at the bottom somewhere between the ends; those of MRN, CA1 and VISam rise or fall from one end to the other, with the dot at an end."}}
figures.mixing(shares, share_losses, regions, glm_share)
plt.show()

# %% [markdown]
# A valley with its bottom between the ends asks for some of each. A bottom at one end says which of
# the two does less harm, and in a region that does not follow the pupil it will mean nothing, once
# the region is not followed at all. And the bottoms are broad: a share did best on the left-out
# blocks, but its neighbours are hardly worse.
#
# ## Piece 7: know when not to predict
#
# So far the model always has an opinion, also about regions like CA1, which drifts over the session
# on its own. The pupil's area drifts too. In the trials learned from, two drifts may go together
# for long stretches, or against each other, and what is learned from that is worth nothing in
# another stretch. This is the nonsense correlation of chapter 1.
#
# Left-out blocks can tell the two apart. Let $a$ be the weight of the model against the PSTH,
#
# $$\text{prediction} = \text{PSTH} \times \bigl(1 + a\,(\text{gain} - 1)\bigr),$$
#
# and look for the $a$ that would have predicted the left-out blocks best. Then ask whether it
# beats the PSTH by more than its uncertainty, one standard error over blocks. It must do so in
# *two* likelihoods: of the counts, and of the counts *given each block's total*. The second asks
# only when the spikes came. A model that has merely learnt how one slow drift goes along with
# another may be lucky with the level of a block; it is less often lucky in both. If it fails, $a$
# is 0.


# %%
def two_losses(gain, n, weight):  # relative to the PSTH's, (2, regions)
    gain = np.maximum(1 + weight * (gain - 1), 1e-6)
    expected = (base * gain).sum(axis=(0, 1), dtype=float)
    of_psth = len(n) * base.sum(axis=0, dtype=float)
    seen = (n * np.log(gain)).sum(axis=(0, 1), dtype=float)
    total = n.sum(axis=(0, 1), dtype=float)
    of_totals = total * np.log(expected / of_psth) - seen
    return expected - of_psth - seen, of_totals


pairs = zip(without, linear_without, strict=True)
left_out = [to_bins @ mix(*pair, glm_share) for pair in pairs]
seen = [counts[train][block.test] for block in blocks]
pairs = list(zip(left_out, seen, strict=True))
weights = np.linspace(0, 1, 21)
losses = [[two_losses(*pair, w) for w in weights] for pair in pairs]
losses = np.array(losses)  # (blocks, weights, 2, regions)

# %% [markdown]
# **Try it.** Answer first: is there a weight at which the model beats the PSTH in *all five* blocks,
# and in both likelihoods? Look for one in LGd, and then in CA1 and in MRN. In the left panel are
# the losses summed over blocks, with bands of one standard error; in the right one each block has
# a dot, at the weight that you choose. (Losses are in *nats*, units of the natural logarithm of a
# likelihood.)


# %%
def at(show, weight, region):
    own = losses[..., regions.index(region)]  # (blocks, weights, 2)
    return show(weights, own, weight, region)


explore(
    partial(at, figures.following),
    weight=[0.1, 0.3, 1.0],
    region=regions,
    start={"weight": 1.0},
    caption=partial(at, figures.blocks_won),
    alt=partial(at, figures.blocks_won),
)

# %%
best = losses[:, :, 0].sum(axis=0).argmin(axis=0)  # (regions,)
at_best = losses[:, best, :, np.arange(len(regions))]  # (n, blocks, 2)
lead = 0 - at_best.sum(axis=1)  # over the PSTH, (regions, 2)
error = at_best.std(axis=1, ddof=1) * np.sqrt(len(blocks))
passed = lead > error
a = np.where(passed.all(axis=1), weights[best], 0)
names = [f"{w}, {k}" for k in figures.LIKELIHOODS for w in ("lead", "SE")]
both = np.stack([lead, error], axis=-1).reshape(len(regions), 4)
if session.truth is not None:
    assert a[driven].min() > 0.7
    assert a[~driven].max() == 0
pd.DataFrame(both, regions, names).assign(best=weights[best], a=a).round(2)

# %% [markdown]
# In the simulated mouse the regions that the pupil drives are followed, nearly or fully, and the others
# are not: there the best weight is 0, or small, or it passes one of the two tests by luck and fails
# the other. (Is there a region whose lead in the counts exceeds its standard error, SE, and that is
# not followed? The second likelihood has stopped it.)
#
# Does the rule always see through luck? No. The package holds a table of models on many simulated
# mice, all scored on trials that no model had seen (chapter 8). These are its regions *without*
# the pupil. How often was the model followed all the same?

# %%
stored = mice.stored_scores()
of_ours = stored[stored["model"] == "PupilEncoder"]
undriven = of_ours[~of_ours["driven"]]
n_fits = 5 * len(undriven)  # five folds, and two fits of each
k = round(5 * undriven["followed"].sum())
regions_of = undriven.groupby(["kind", "mouse", "region"])["followed"]
once = f"in {(regions_of.max() > 0).sum()} of {len(regions_of)} regions"
print(f"followed in {k} of {n_fits} fits, {once} at least once")
assert 0 < k / n_fits < 0.15
assert mice.holding_back(of_ours)["worst"].item() < 1.15
by_kind = of_ours.groupby("kind", sort=False)
by_kind = {kind: mice.holding_back(rows) for kind, rows in by_kind}
pd.concat(by_kind).droplevel(1)[["followed", "worst"]].round(3)

# %% [markdown]
# Five blocks are few, and one standard error is no strict test: a rule like this is fooled now
# and then. (`followed` is a share of fits.) What it does reach is that a mistake costs little.
# `worst` is the largest squared error of any such region, relative to the PSTH's. So a shrinkage
# above 0 is a hint that the pupil says something about a region, and no proof. For a claim, use
# the controls of chapter 9.
#
# ## All together
#
# One step is left. The PSTH already holds the pupil's *average* course through a trial. A gain
# whose mean in some bin is not 1 would count that twice. So the mean gain of the training trials,
# smoothed, is divided out of the PSTH: the model is **recentred**. And a region that is shrunk to
# 0 gets its PSTH as it is, so that it scores neither more nor less than the PSTH.


# %%
def finish(gain, new_gain, a, psth, bin_size):  # counts of new trials
    mean = (1 + a * (gain - 1)).mean(axis=0, keepdims=True)
    mean = smooth(mean, gaussian(0.03, bin_size))[0]  # (bins, regions)
    level = smoothed(psth, bin_size) / mean
    level = np.where(a == 0, np.maximum(psth, 0.05 * level), level)
    return level * (1 + a * (new_gain - 1))


gain = to_bins @ mix(network_gain, linear_gain, glm_share)
gain_test = to_bins @ mix(network_test, linear_test, glm_share)
ours = finish(gain, gain_test, a, psth, session.bin_size)
np.testing.assert_allclose(ours, predicted, rtol=1e-3, atol=1e-6)
apart = np.abs(ours / predicted - 1).max()
print(f"the pieces are the package, but for {apart:.0e} of it")

# %% [markdown]
# There it is. Ten features, 13 bumps, an eigendecomposition, a network of some twenty lines five
# times over, a GLM, and two choices that left-out blocks make: nothing else is inside
# `PupilEncoder`. Let us also see what the last choice did on the test block.

# %%
full = finish(gain, gain_test, 1, psth, session.bin_size)
rows = [psth_relative(counts[test], p, psth, kernel) for p in (full, ours)]
if session.truth is not None:
    assert np.abs(rows[1] - rows[0])[driven].max() < 0.04
    assert np.abs(rows[1][~driven]).max() < 1e-4
pd.DataFrame(rows, ["followed fully", "shrunk"], regions).round(3)

# %% [markdown]
# Scores above the PSTH. Where the pupil says something, nothing or next to nothing is lost by
# shrinking. Where $a$ is 0, the score is 0, that of the PSTH. What harm looks like we have seen at
# piece 5, in the row of the last weights.
#
# ## What each piece earns
#
# We have the pieces; now we take them away, one at a time. Two simulated mice are asked: a **home**
# mouse, and one of the kind **memory**, whose regions integrate the pupil's area over seconds and
# know how long ago the last saccade was. The score is the **share of what could be predicted**:
# the $R^2$ of the prediction with the *true* rate, mean of the regions that the pupil drives. 1 is
# perfect.
#
# **Predict first.** Order these four by what you think they earn, for each of the two mice: the gain
# on the PSTH, the recurrence, five networks instead of one, the GLM. How large must a difference be
# before you believe it?
#
# For the parts of a network, five networks are trained anew without that part, and without GLM and
# shrinkage, so that nothing else can take over its work.

# %%
begun, held = blocked_folds(300)[-1]  # to learn from, and to test on
bare = {"glm": False, "shrink": False}
changes = {
    "the whole": {},
    "(other starts)": bare | {"seed": 1},
    "the gain on the PSTH": bare | {"psth": False},
    "the filters over lags": bare | {"lag_reach": 0, "n_lags": 1},
    "the stem": bare | {"stem_size": 0},
    "features of the moment": bare | {"direct": False},
    "the recurrence": bare | {"hidden_size": 0},
    "its gate": bare | {"gated": False},
}


# %%
def fitted(pupil, seen, settings):
    return PupilEncoder(device="cpu", **settings).fit(pupil, seen)


def score(mouse, predicted):  # share of what could be predicted
    true = mouse.true_region_rates(mouse.truth.regions)[held]
    both = [smooth(rates, kernel) for rates in (predicted, true)]
    places = np.flatnonzero(mouse.truth.driven)
    return np.mean([mice.share(*(x[..., r] for x in both)) for r in places])


# %% [markdown]
# From the fit of the whole we get the single networks, their mean, and the mixture, by leaving
# out the last steps.


# %%
@torch.no_grad()
def opened(mouse, whole):  # scores: five networks, their mean, the mixture
    module, net = whole.module_, whole.module_.net
    x = module.inputs(module.features(*module.prepare(mouse.pupil)).float())
    own = gains(x, [weights_of(net, member) for member in range(5)])
    mixed = mix(own.mean(0), net.linear(x), net.share)
    each = module.to_bins @ torch.stack([*own, own.mean(0), mixed])
    about = 1, whole.psth_, mouse.bin_size  # 1: followed fully
    done = (finish(g[begun], g[held], *about) for g in each.numpy())
    return [score(mouse, predicted) for predicted in done]


# %%
def earned(mouse, models):  # what each piece adds
    predicted = [model.predict(mouse.pupil[held]) for model in models]
    own = np.array([score(mouse, p) for p in predicted])
    *single, five, mixed = opened(mouse, models[0])
    added = dict(zip(changes, five - own, strict=True))
    added["five, not one"] = five - np.mean(single)
    return added | {"the GLM": mixed - five, "shrinkage": own[0] - mixed}


# %%
table = {}
for kind in ("home", "memory"):
    mouse = simulate_session(0, kind=kind)
    seen = mouse.region_counts(mouse.truth.regions)[begun]
    data = mouse.pupil[begun], seen
    jobs = [delayed(fitted)(*data, s) for s in changes.values()]
    table[kind] = earned(mouse, Parallel(n_jobs=-1)(jobs))
table = pd.DataFrame(table).drop("the whole")
table.round(3)

# %% mystnb={"image": {"alt": "What each piece adds to the share, two panels. In both, the gain on the PSTH adds the most or nearly, and five networks instead of one clearly more than nothing. In the home mouse most other dots lie near zero. In the mouse with memory the stem and the recurrence lie to the right of the grey band around zero."}}
ruler = table.loc["(other starts)"].abs()
figures.earned(table, ruler, dict.fromkeys(table, "share"))
plt.show()
for kind, added in table.items():
    beyond = added.index[added.abs() > ruler[kind]].tolist()
    print(f"{kind}: outside the band: {'; '.join(beyond) or 'nothing'}")
large = table.loc[["the gain on the PSTH", "five, not one"]]
small = table["home"].drop([*large.index, "(other starts)"])
assert large.min(axis=None) > max(0.01, small.abs().max())
assert table.loc[["the stem", "the recurrence"], "memory"].min() > 0.01

# %% [markdown]
# The first row is the ruler: the same five networks from other random starts. Nothing was taken
# away, and the score moved all the same. The grey band has that width. It is one draw of luck, so
# take it as a rough ruler; and luck with *trials* comes on top. What lies outside the band is
# printed under the figure.
#
# On both mice **the gain on the PSTH** earns much, and it is no network at all. **Five networks
# instead of one** earn clearly something: a single network depends on its start and on its left-out
# block. On the home mouse nothing else earns as much: there filters and recurrence can do each
# other's work. On the mouse with memory **the stem** and **the recurrence** earn something too: there
# is something to remember, for longer than the filters reach. The **features of the moment** do little
# on this block; on other mice with memory they did more, and that is why they are there. (A piece
# to the left of the band has cost something: without it the others did its work, and better.)
# **Shrinkage** is not there for these regions: what it is for was seen at piece 7.
#
# All this is one block of one mouse of each kind, and *one block of one mouse is noise*: the next
# block could turn the small dots round. Which pieces are worth having is decided on many mice. Of
# the recurrence, and of the networks as a whole beside the GLM alone, the stored table can tell:
# five blocks on each of several mice of every kind.

# %% mystnb={"image": {"alt": "What the recurrence adds to the share of what could be predicted, and what the networks add to the GLM, with intervals over mice, on six kinds of mice. Both add something on the kinds memory and unforeseen, clear of zero. On the home kind both are close to zero, and on the others most intervals are near zero or reach across it."}}
titles = {
    "PupilEncoder without recurrence": "the recurrence adds",
    "Poisson GLM": "the networks add to the GLM",
}
over = mice.leads(stored, "PupilEncoder").set_index("kind")
over = over[over["model"].isin(titles)].replace({"model": titles})
assert (over.loc[["memory", "unforeseen"], "low"] > 0.01).all()
assert (over.loc["home", "mean"].abs() < 0.02).all()
recurrence = over[over["model"] == "the recurrence adds"]
little = recurrence.loc[["few trials", "few neurons"]]
assert (little["high"] < 0).all()
assert (little["mean"] > -0.02).all()
print(f"{over['mice'].min()} mice of each kind")
figures.leads(over)
plt.show()

# %% [markdown]
# The recurrence pays on mice that remember, and on mice that respond to what no feature foresees.
# On mice like the home mouse it could be left out, and there the GLM alone does nearly as well as
# the whole. With few trials or few neurons it even costs a little. The lines are 95 % intervals
# over mice; where one reaches across 0, the mice in the table cannot decide. Nobody knows
# beforehand which kind a real mouse is, and that is the case for a mixture. How it fares beside
# other models is shown in chapter 8.
#
# ### All pieces, on all kinds
#
# `benchmarks/ablation.py` took away every piece in the same way, one at a time, on four mice of each
# kind. These mice chose the settings, so the table flatters what was chosen. Its last row takes away
# nothing but time: the networks are tried on their left-out blocks half as often, and the GLM has
# fewer penalties to choose from. As no loss was sure, it is how the default is trained since; the
# other rows are from the time before.
#
# **Predict first.** Which piece is worth the most where trials are few? Is there one that earns nothing
# on any kind?

# %%
ablation = mice.stored_ablation()
lost = mice.leads(ablation, "all of it")
sure = (lost["low"] > 0) | (lost["high"] < 0)
pairs = zip(lost["mean"], sure, strict=True)
rounded = ((round(mean, 2) + 0, star) for mean, star in pairs)  # no "-0.00"
lost["cell"] = [f"{mean:.2f}" + " *" * star for mean, star in rounded]
order = lost["model"].unique(), lost["kind"].unique()
lost = lost.pivot(index="model", columns="kind")
means, cells = (lost[what].loc[order] for what in ("mean", "cell"))

# %% mystnb={"image": {"alt": "A map of what is lost without each of fifteen pieces, on six kinds of mice. The rows of the PSTH and of the past only are strongly coloured throughout; velocities and speed most where trials are few; stem, recurrence and gate on the kind memory. The rows of the missing mask, the principal components, the squared error and the rarer checks are pale everywhere, and that of shrinking has the opposite colour."}}
look = {"cmap": "RdBu_r", "vmin": -0.2, "vmax": 0.2, "fmt": ""}
bar = {"label": "share that is lost", "shrink": 0.6}
fig, ax = plt.subplots(figsize=(8, 5.6))
sns.heatmap(means, annot=cells, **look, cbar_kws=bar, ax=ax)
readable_numbers(ax)
ax.set(xlabel="kind of mouse", ylabel="")
ax.tick_params(axis="x", rotation=30)
plt.show()

# %% [markdown]
# Each number is what is lost without the piece, and a star marks an interval over the four mice that
# lies on one side of 0. Read it by columns: what earns something depends on the kind.
#
# - **On every kind**: the PSTH, and the samples after the present. Velocities and speed do most where
#   trials are few.
# - **Where there is something to remember**: stem, recurrence and gate, and the features of the moment.
# - **Where trials are few**: the GLM. Its interval is wide there; on home mice it is small and sure.
# - **On no kind**: the principal components and the missing mask. The components are there for speed:
#   without them a fit takes longer (printed below). And these mice cannot say what the mask is worth,
#   since their blinks have nothing to do with their neurons. In real mice they may.
# - Squared error would do as well as the Poisson loss, and rarer checks as well as frequent ones. And
#   **without shrinkage** the share is even a little higher. What shrinkage is for are the regions
#   *without* the pupil:

# %%
useless = ["without the principal components", "without the missing mask"]
seconds = ablation.groupby(["model", "kind", "mouse"])["seconds"].first()
seconds = seconds.unstack("model")
longer = (seconds[useless[0]] / seconds["all of it"]).median()
print(f"without the components a fit takes {longer:.1f} times as long")
assert longer > 1.2
held_back = mice.holding_back(ablation)
shown = ["all of it", "checked less often", "without shrinking"]
held_back.loc[shown].round(3)

# %%
low = lost["low"]  # what the text says, checked
assert low.loc[["without the PSTH", "the past only"]].min(axis=None) > 0
parts = ["stem", "recurrence", "gate", "features of the moment"]
remember = low.loc[[f"without the {part}" for part in parts], "memory"]
assert remember.min() > 0
glm = lost.loc["without the GLM"]
assert glm["low"]["home"] > 0 > glm["low"]["few trials"]
moving = means.loc["without velocities and speed"]
assert moving.idxmax() == glm["mean"].idxmax() == "few trials"
alike = [*useless, "squared error, not Poisson", "checked less often"]
assert low.loc[alike].max(axis=None) < 0
assert means.loc["without shrinking"].max() < 0
within = held_back["at most 1.02"]
assert within["all of it"] == within["checked less often"] == 1
assert within["without shrinking"] < 0.9

# %% [markdown]
# There `error` is the squared error relative to the PSTH's. The column `at most 1.02` says in what
# share of these regions it stayed that close to it: in all of them with shrinkage, and in clearly fewer
# without.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** The readout's weights start at zero. What does the untrained model predict?
#
# - **A.** Nothing: zero spikes everywhere.
# - **B.** The PSTH, in every trial.
# - **C.** Noise, since the other weights are random.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** Zero is what the readout gives; the gain made of it is 1.
# - **B.** Right. Whatever is learnt is about differences from the average trial.
# - **C.** The random states of stem and recurrence are multiplied by weights of zero.
#
# </details>
#
# **Question 2.** Why does each of the five networks leave out a *different* block?
#
# - **A.** So that every training trial is predicted once by a network that has not learned from it.
# - **B.** So that every network sees fewer trials, and the training is quicker.
# - **C.** So that the test block is never needed at all.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Right. These predictions choose the mixture and decide what is followed.
# - **B.** It would be as quick if all left out the same block.
# - **C.** Left-out blocks have chosen weights and shares, so they flatter. The test block judges.
#
# </details>
#
# **Question 3.** In a region the mixture beats the PSTH in total, by less than one standard error over
# the blocks. What does `PupilEncoder` predict there?
#
# - **A.** The mixture: better is better.
# - **B.** The mean of the mixture and the PSTH.
# - **C.** The GLM alone: it has fewer weights.
# - **D.** The PSTH.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** A small lead over five blocks may be luck with one of them.
# - **B.** The weight may lie between 0 and 1, but only in a region that has passed the tests.
# - **C.** The share of the GLM is another choice, and says nothing about trust.
# - **D.** Right. Without a clear lead it keeps quiet, and loses little by it.
#
# </details>
#
# **Question 4.** A region has a shrinkage well above 0. What may you say?
#
# - **A.** The region depends on the pupil.
# - **B.** The model expects to beat the PSTH there, and may be wrong.
# - **C.** The region's neurons drive the eye.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** Too strong: the rule is fooled in some of the regions that do not depend on it.
# - **B.** Right. It is a hint from five blocks; for a claim use the controls of chapter 9.
# - **C.** Nothing here tells who drives whom.
#
# </details>
#
# **Question 5.** Taken out, a piece costs 0.01 on one block of one mouse. Other random starts move the
# score by as much. What do you conclude?
#
# - **A.** The piece is worth 0.01.
# - **B.** The piece is worth nothing, and can go.
# - **C.** Nothing yet: ask more mice.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** The next start, or the next block, might turn its sign.
# - **B.** That it cannot be seen here does not mean that it is not there, on other mice above all.
# - **C.** Right. A difference as large as luck decides nothing, in either direction.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 6.1 ★: twice the PSTH
#
# The readout gives a number $z$, and the gain is $\mathrm{softplus}(z - 1) /
# \mathrm{softplus}(-1)$ with $\mathrm{softplus}(u) = \log(1 + e^u)$. At $z = 0$ it is 1, before
# training as after it. Which $z$ makes the gain 2, so that the region fires twice as much as its
# PSTH says?
#
# <details>
# <summary>Hint 1</summary>
#
# You want $\mathrm{softplus}(z - 1) = 2\,\mathrm{softplus}(-1)$. The right side is a number: call
# it $s$.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Solve $\log(1 + e^{z - 1}) = s$ for $z$: first the exponential of both sides, then the
# logarithm.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# s = 2 * np.log(1 + np.exp(-1))
# my_z = 1 + np.log(np.exp(s) - 1)
# ```
#
# With an exponential link, as in the GLM, it would be $\log 2 \approx 0.69$. Here it takes more,
# and to double the gain once more takes more still: the softplus bends like an exponential at
# first, where influences multiply, and straightens later, where they add.
#
# </details>

# %% tags=["exercise"]
my_z = ...  # one number

# %% tags=["hide-cell", "solution"]
# @title Solution 6.1
s = 2 * np.log1p(np.exp(-1))
z = 1 + np.log(np.expm1(s))
one = 1 + np.log(np.expm1(2))
mistakes = {
    "That is for an exponential link: here it is a softplus.": np.log(2),
    "Nearly: you solved for z - 1. Add the 1.": z - 1,
    "The softplus alone is no gain: divide by softplus(-1).": one,
    "That is twice the softplus, the numerator: solve for z.": s,
}
check(my_z, z, mistakes, name="6.1")
gain_there = np.log1p(np.exp(z - 1)) / np.log1p(np.exp(-1))
np.testing.assert_allclose(gain_there, 2)

# %% [markdown]
# ### Exercise 6.2 ★★: one network or five
#
# `each_train` and `each_test` hold the gains of the five networks, (5, trials, bins, regions).
# Average the gains of the first network alone, of the first two, and so on up to five, `finish`
# each mean with `a = 1`, and give its score above the PSTH on the test block, mean over regions:
# five numbers. `grade(predicted)` gives the score of a prediction.
#
# <details>
# <summary>Hint 1</summary>
#
# The mean of the first `k` is `each_train[:k].mean(axis=0)`. `finish` wants it for the training
# trials and for the test trials.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `finish(train_gain, test_gain, 1, psth, session.bin_size)` is the prediction. Loop over `k` in
# `range(1, 6)`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_curve = []
# for k in range(1, 6):
#     gains = each_train[:k].mean(axis=0), each_test[:k].mean(axis=0)
#     my_curve.append(grade(finish(*gains, 1, psth, session.bin_size)))
# ```
#
# Most of what there is to gain comes with the second and the third network, as with every
# average. The networks share their data, and what is wrong with those no average mends.
#
# </details>

# %% tags=["exercise"]
each_train, each_test = (to_bins @ g.numpy() for g in (each, each_new))
my_curve = ...  # five numbers


def grade(predicted):
    return np.nanmean(psth_relative(counts[test], predicted, psth, kernel))


# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 6.2
def of_mean(members):
    gains = [g[members].mean(axis=0) for g in (each_train, each_test)]
    return grade(finish(*gains, 1, psth, session.bin_size))


by_number = [of_mean(slice(k)) for k in range(1, 6)]
singles = [of_mean([k]) for k in range(5)]
averaged = np.cumsum(singles) / np.arange(1, 6)
mistakes = {
    "Those are single networks: average the first k gains.": singles,
    "Average the gains, and then score: not the scores.": averaged,
    "Start with one network and end with five.": by_number[::-1],
}
check(my_curve, by_number, mistakes, name="6.2")
print("first 1 to 5 networks:", np.round(by_number, 3))
print("mean of single ones:", np.mean(singles).round(3))
if session.truth is not None:
    assert by_number[-1] > np.mean(singles) + 0.005

# %% [markdown]
# ### Exercise 6.3 ★★: how far to follow
#
# Choose the weights from *one* left-out block only. `block_gain` is the gain of the mixture on
# the first block, (trials, bins, regions), and `block_counts` are its counts. Find for each
# region the weight among `np.linspace(0, 1, 21)` with the least Poisson loss of `base * (1 + a *
# (block_gain - 1))` against `block_counts`.
#
# <details>
# <summary>Hint 1</summary>
#
# For one weight `a`, the expected counts are `rate = base * (1 + a * (block_gain - 1))`, and the
# loss of each region is the sum of `rate - block_counts * np.log(rate)` over trials and bins.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Collect the losses of all 21 weights in an array of shape (21, regions), and use
# `argmin(axis=0)` to look up the weights.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# tried = np.linspace(0, 1, 21)
# loss_of = []
# for weight in tried:
#     rate = base * (1 + weight * (block_gain - 1))
#     loss_of.append((rate - block_counts * np.log(rate)).sum(axis=(0, 1)))
# my_weights = tried[np.argmin(loss_of, axis=0)]
# ```
#
# In a region that does not follow the pupil the weight hangs on the luck of one block: it may be
# 0, and on another block well above it. This is why `PupilEncoder` asks five blocks, and follows
# only what is better than the PSTH by more than its uncertainty.
#
# </details>

# %% tags=["exercise"]
block_gain, block_counts = left_out[0], counts[train][blocks[0].test]
my_weights = ...  # (regions,)

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 6.3
rows = [two_losses(block_gain, block_counts, w)[0] for w in weights]
of_block = np.array(rows)  # (weights, regions)
place = of_block.argmin(axis=0)
one_block, at_worst = weights[place], weights[of_block.argmax(axis=0)]
same = weights[of_block.sum(axis=1).argmin()]
mistakes = {
    "That is its number in the list: look up the weight.": place,
    "That is the worst weight: look for the least loss.": at_worst,
    "One weight for all: sum over trials and bins only.": same,
    "Those are of all blocks: take the first only.": weights[best],
}
check(my_weights, one_block, mistakes, tolerance=0.06, name="6.3")
by_block = weights[losses[:, :, 0].argmin(axis=1)]  # (blocks, regions)
names_of = [f"block {m + 1}" for m in range(len(blocks))]
pd.DataFrame(by_block, names_of, regions)

# %% [markdown]
# ### Exercise 6.4 ★★★: is it worth its place?
#
# Choose one piece, or one of your own instead: other lags, a third direction, a ridge in place of the
# GLM, ten networks. Is it worth having? Decide beforehand how you will know, and ask more than one
# mouse: `simulate_session(seed, kind="memory")` makes as many as you like.
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A rule that was written down before the first run: which score, which difference, how many mice.
# - Pairs: with and without the piece on the *same* mouse, the same blocks, the same starts.
# - A ruler: how far the score moves when only the starts change.
# - Two kinds of mice at least, with an interval over mice for each. "It cannot be decided" is a fine
#   result.
# - What the piece costs in seconds, and in lines that somebody must understand.
# - If a setting was chosen on these mice, the final number comes from others.
#
# </details>

# %% tags=["exercise"]
my_differences = ...  # {kind: (mice,)}, with minus without

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 6.1 is for paper, and shows why the gain is no exponential. 6.4 is a project
# > for a day; let the groups read each other's rules before anything is run.
# >
# > **Typical mistakes, and what to say.**
# > 6.0: four, since the gap is forgotten ("draw the first block, and two trials beside it").
# > 6.1: $\log 2$, as for the GLM ("which function makes the gain here?").
# > 6.2: scores are averaged in place of gains ("what does the ensemble predict?").
# > 6.3: the number of the weight instead of the weight; and surprise that blocks disagree, which is
# > the point of the exercise.

# %% [markdown]
# ## Recap
#
# - **PupilEncoder is small**: filters over lags, their components, a network with a gated
#   recurrence, a gain on the PSTH. We built it, and got the same prediction.
# - **Left-out blocks** of the training trials do three jobs: they pick each network's weights,
#   the share of the GLM, and how far a region is followed at all.
# - **Know when not to predict**: two likelihoods, one standard error. It makes mistakes rare and
#   cheap, not impossible.
# - **What earns most** is the PSTH to start from, and the average of five networks. What the
#   recurrence, the gate and the GLM earn depends on the mouse.
# - **A ruler first**: refit from other starts, and see how far a score moves when nothing was
#   changed. And one block of one mouse proves nothing.
# - Next: chapter 7, which of all these settings are worth a search.
