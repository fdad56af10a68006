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
# # 5. Training
#
# *How does a network learn, when should it stop, and how far does a page of code get?*
#
# **Goals.** By the end you can
#
# - say what a Poisson loss asks of a prediction, and how it differs from squared error;
# - write a training loop, and read learning curves;
# - stop at the right time, and say how much of that is the luck of one block;
# - count a budget in updates, and say why;
# - recognise what goes wrong: raw inputs, a wrong learning rate, an error without its nulls.
#
# **Time.** About 45 minutes, 50 more with the quiz and the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapter 3: the features, and the score above the PSTH. Chapter 4: the recurrent
# network. What a derivative is.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. To use the real recording, change the line
# that starts with `session =` to `session = load_session("steinmetz", index=12)`. What compares with
# the truth is then left out. What the text says of figures and tables is said
# of the simulated mouse.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Students have heard of training before, mostly as a button. Let them read the
# > loop aloud, line by line, and say what would happen without that line.
# >
# > **On the board.** A valley with a ball in it: the loss against one weight. Draw three steps with a
# > small, a good and a far too large learning rate. Beside it two learning curves that part, and ask
# > where to stop.
# >
# > **If time is short**, leave out "One block's noise" and "Poisson or squared error?", but neither
# > the learning curves nor the original recipe.

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
import copy
import inspect
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from pupil_helpers import PupilEncoder, bits_per_spike, blocked_folds, check
from pupil_helpers import evaluation_kernel, explore, load_session
from pupil_helpers import psth_relative, r2

# %%
from pupil_helpers.models import base, encoder, ensemble, gain, glm, lags
from pupil_helpers.models import linear, network, shrinkage
from pupil_helpers.models.network import PlainRNN
from pupil_helpers.models.original import OriginalRNN
from pupil_helpers.plotting import training as figures, use_style
from pupil_helpers.signals.pupil import FEATURES, PupilFeatures
from pupil_helpers.signals.pupil import fill_missing
from pupil_helpers.signals.rates import original_rates
from pupil_helpers.signals.splits import inner_blocks, random_split

use_style()
torch.set_num_threads(1)  # networks this small gain nothing from more
session = load_session("simulated")
kernel = evaluation_kernel(session.bin_size)  # smooths over 100 ms
wanted = ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
regions = [name for name in wanted if name in session.regions]
if len(regions) < 3:  # other places: take the largest regions
    regions = list(session.region_table().index[:6])
print(session.name, regions)

# %% [markdown]
# ## Ready to learn
#
# There are now three kinds of trials. Most of the training trials are to *learn from*. One inner
# block of them is *held out*, to watch the learning. And the *test* block, here the last fifth of
# the session, must not decide anything. All blocks are contiguous, with gaps, for the reasons of
# chapter 1.

# %%
step = 5  # bins: the network takes steps of 50 ms, to be five times quicker
n_bins = session.n_bins // step * step
pupil = session.pupil[:, :n_bins]
counts = session.region_counts(regions)[:, :n_bins].astype(np.float32)
train, test = blocked_folds(session.n_trials)[-1]  # the last block
inner, held = inner_blocks(train)[2]
sizes = len(inner), len(held), len(test)
print("trials to learn from, held out, to test on:", *sizes)


def in_steps(values):  # to (trials, steps, bins per step, n)
    return torch.from_numpy(values).unflatten(1, (-1, step))


maker = PupilFeatures(session.bin_size).fit(pupil[train])
features = maker.transform(pupil)  # (trials, bins, 10)
x = in_steps(features).mean(dim=2)  # (trials, steps, 10)
y = in_steps(counts).sum(dim=2)  # (trials, steps, regions)
psth = counts[train].mean(axis=0)  # (bins, regions)
psth_steps = in_steps(psth[None]).sum(dim=2)[0].clamp_min(1e-4)  # never 0

# %% [markdown]
# The network is the plain RNN of chapter 4. We read its output as a **gain** on the PSTH: expected
# counts are `psth_steps * net(x)`. A gain of 1 in every bin is the PSTH itself, and that is where we
# start. Everything that the network learns is then about differences between trials.


# %%
def new_network(seed=0):
    torch.manual_seed(seed)
    net = PlainRNN(len(FEATURES), len(regions), hidden_size=32)
    nn.init.constant_(net.readout.bias, math.log(math.e - 1))  # gain 1
    with torch.no_grad():
        net.readout.weight.mul_(0.1)
    return net


net = new_network()
with torch.no_grad():
    gains = net(x)
print(f"gain before training: {gains.mean():.2f} ± {gains.std():.2f}")

# %% [markdown]
# ## A loss for counts
#
# Learning needs one number that says how wrong a prediction is, the **loss**. For spike counts
# there is a natural one. If the expected count is $\lambda$ and spikes come independently of each
# other, then $n$ spikes have the probability $\lambda^n e^{-\lambda} / n!$, a Poisson distribution.
# The prediction that makes the observed counts most probable is the one with the least
#
# $$-\log p(n \mid \lambda) = \lambda - n \log \lambda + \text{const}.$$


# %%
def poisson_loss(rate, n):
    return rate - n * torch.log(rate + 1e-8)  # log(0) is infinite


def squared_error(rate, n):
    return (rate - n) ** 2


guess = psth_steps.expand_as(y)
theirs = F.poisson_nll_loss(guess, y, log_input=False, reduction="none")
torch.testing.assert_close(poisson_loss(guess, y), theirs)

# %% [markdown]
# How does it differ from squared error? Look at both as functions of the prediction, for a few
# observed counts.
#
# **Predict first.** Six spikes are seen. Which prediction is punished more by the Poisson loss, two
# spikes or ten? And by squared error?

# %%
rates, seen = torch.linspace(0.05, 12, 300), (0, 2, 6)
both = []
for loss in (poisson_loss, squared_error):
    values = np.array([loss(rates, torch.tensor(n)).numpy() for n in seen])
    both.append(values - values.min(axis=1, keepdims=True))

# %% mystnb={"image": {"alt": "Two panels, loss against predicted spikes. Left, Poisson: for 0 spikes a straight line, for 2 and 6 spikes valleys that are steep on the left and shallow on the right, wider for 6. Right, squared error: the same parabola for each count, only shifted."}}
fig, axes = plt.subplots(1, 2, figsize=(8, 3))
names = [f"{count} spikes seen" for count in seen]
titles = "Poisson", "squared error"
for ax, name, values in zip(axes, titles, both, strict=True):
    curves = pd.DataFrame(values.T, rates.numpy(), names)
    legend = ax is axes[1]  # the left panel has no room for it
    sns.lineplot(curves, dashes=False, ax=ax, legend=legend)
    ax.set(title=name, xlabel="predicted spikes")
    ax.set(ylabel="above minimum", ylim=(0, np.quantile(values, 0.8)))
plt.show()

# %% [markdown]
# Both losses are least where the prediction equals the count. But squared error is the same
# parabola everywhere. The Poisson loss knows that counts around a high rate scatter more: its
# valley widens with the count. And it punishes too low a prediction more than too high a one. To
# predict nearly nothing and then see six spikes is a bad surprise.
#
# We will always look at a loss *less that of the PSTH*, trial by trial. Then below 0 is better than
# the PSTH, whatever the trial. (What is taken off does not depend on the weights, so nothing else
# changes.)


# %%
def excess(net, loss, trials):
    rate = psth_steps * net(x[trials])  # (trials, steps, regions)
    difference = loss(rate, y[trials]) - loss(guess[trials], y[trials])
    return difference.mean(dim=(1, 2))  # (trials,)


# %% [markdown]
# ## One step
#
# Training is one move, repeated. Predict, compare, ask how the loss would change with each weight
# (its **gradient**, which PyTorch works out by going backwards through the network), and nudge each
# weight downhill.

# %%
batch = inner[:16]
optimiser = torch.optim.Adam(net.parameters(), lr=0.005)
for _ in range(3):
    loss = excess(net, poisson_loss, batch).mean()  # predict, compare
    optimiser.zero_grad()
    loss.backward()  # gradients of the loss with respect to every weight
    optimiser.step()  # nudge the weights
    print(f"loss {loss.item():.4f}")

# %% [markdown]
# `Adam` decides how far to nudge
# ([Kingma and Ba, 2014](https://doi.org/10.48550/arXiv.1412.6980)). It divides each weight's gradient
# by the gradient's recent size, so that every weight moves by about the learning rate, whether its
# gradient is large or small.
#
# ## The loop
#
# Now the real thing. One **epoch** shows every trial once, in random order, in batches of 16, and
# each batch is one **update** of the weights. After each epoch we note the loss on the trials
# learnt from and on every held-out trial, and we keep a copy of the weights that were best *on the
# held-out block*. (`decay` and `cycle` are for later.)
#
# **Predict first.** The network will go through the same trials forty times. Draw both curves, the
# one of the trials learnt from and the one of the held-out block: where do they start, and how do
# they end?


# %%
def fit(net, loss, trials=inner, epochs=40, lr=5e-3, decay=0, cycle=False):
    optimiser = torch.optim.AdamW(net.parameters(), lr, weight_decay=decay)
    n_updates = epochs * -(-len(trials) // 16)
    schedule = OneCycleLR(optimiser, lr, n_updates) if cycle else None
    learnt, watched, best = [], [], np.inf
    for _ in tqdm(range(epochs), desc="epochs"):
        for chosen in torch.randperm(len(trials)).split(16):
            value = excess(net, loss, trials[chosen.numpy()]).mean()
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            if cycle:
                schedule.step()
        with torch.no_grad():
            learnt.append(excess(net, loss, trials).mean().item())
            watched.append(excess(net, loss, held).numpy())
        if watched[-1].mean() < best:
            best, kept = watched[-1].mean(), copy.deepcopy(net.state_dict())
    return np.array(learnt), np.array(watched), kept


# %%
net = new_network()
learnt, watched, kept = fit(net, poisson_loss)
held_curve = watched.mean(axis=1)  # (epochs, held-out trials) -> (epochs,)
best = int(held_curve.argmin())
print(f"best after epoch {best + 1} of {len(held_curve)}")

# %% mystnb={"image": {"alt": "Loss against epoch, relative to the PSTH. On the trials it learns from the loss falls all the way. On the held-out block it falls quickly at first, has its lowest point at a dot well before the end, and then creeps up."}}
seen_held = {"trials it learns from": learnt, "held-out block": held_curve}
figures.several_curves(seen_held, best=best)
plt.show()

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Most will draw two curves that fall together and level off. Somebody lets the
# > held-out curve rise far above its start: with fewer trials it goes further that way, as the table
# > under "Early stopping" shows. Ask what the network can still be learning when only one of the
# > curves falls.

# %%
if session.truth is not None:
    assert learnt[-1] < learnt[best] - 0.002  # still learning something …
    assert held_curve[-1] > held_curve[best] + 0.002  # … in vain

# %% [markdown]
# For some epochs both curves fall. Then they part. On the trials it learns from, the network keeps
# improving to the last. On trials it does not learn from, it does not improve any more and even
# gets a little worse: it has begun to learn the noise by heart. This is **overfitting**. (Compare
# the shapes of the curves, not their heights: some blocks are easier than others.)
#
# ## Early stopping
#
# The cure is cheap: keep the weights from the lowest point of the held-out curve. That is why the
# loop copies them. Note the difference between *stopping* and *keeping*. Whoever stops after, say,
# ten epochs without progress has by then trained ten epochs too long, and must go back to the best
# weights.
#
# How much does it matter? That depends on how many trials there are. Here is the same network,
# learning from a few of the trials only.


# %%
def predict(net, trials=test):
    with torch.no_grad():
        rate = (psth_steps * net(x[trials])).numpy()  # (trials, steps, n)
    return rate.repeat(step, axis=1) / step  # counts per bin


def score(net):
    return psth_relative(counts[test], predict(net), psth, kernel)


few = inner[: min(60, len(inner) // 2)]
small = new_network()
_, small_watched, small_kept = fit(small, poisson_loss, few, epochs=75)
board = pd.DataFrame(index=regions)
runs = (few, small, small_kept), (inner, net, kept)
for trials, model, weights in runs:
    board[f"{len(trials)} trials, last"] = score(model)
    model.load_state_dict(weights)
    board[f"{len(trials)} trials, best"] = score(model)
board.round(3)

# %%
if session.truth is not None:
    driven = np.isin(regions, session.truth.regions[session.truth.driven])
    few_last, few_best, all_last, all_best = board.to_numpy().T
    with_few, with_all = few_best - few_last, all_best - all_last
    assert with_few[~driven].mean() > 0.03
    assert with_few.mean() > with_all.mean() + 0.01

# %% [markdown]
# These are scores on the test block: the share of the PSTH's squared error that is removed. With
# few trials the last weights are much worse than the best ones, above all in the regions that the
# pupil does not drive (MRN, CA1, VISam): there is only noise to learn there, and long training
# learns it. With all trials there is less to choose between last and best, and in a single region
# the last weights may well come out ahead. There is one loss for all regions, and its lowest point
# is a compromise.
#
# **A common mistake**: choosing the epoch on the *test* block. The score then contains the luck of
# the choice.
#
# ### One block's noise
#
# The held-out block is a few dozen trials, and their spikes are noisy. Would other trials have chosen
# the same epoch? We noted every held-out trial's loss, so we can ask each quarter of the block by
# itself. The network and its training are the same; only the judges differ.

# %%
parts = np.array_split(np.arange(len(held)), 4)
curves = [watched[:, part].mean(axis=1) for part in parts]  # each (epochs,)
chosen = [int(curve.argmin()) for curve in curves]
print("lowest after epoch", [e + 1 for e in chosen], "and in all", best + 1)
for part, epoch in zip(parts, chosen, strict=True):
    others = np.delete(watched, part, axis=1).mean(axis=1)
    if others.min() < 0:  # better than the PSTH
        price = 1 - others[epoch] / others.min()
        print(
            f"epoch {epoch + 1} costs the others {price:.0%} of their gain"
        )

# %% mystnb={"image": {"alt": "Loss above its lowest against epoch, for four quarters of the held-out block and for the whole. The curves jump up and down together and by themselves, and the dots at their lowest points lie many epochs apart."}}
figures.parts(curves, held_curve)
plt.show()

# %%
if session.truth is not None:
    assert max(chosen) - min(chosen) >= 5  # they do not agree
    assert others.min() < 0

# %% [markdown]
# Quarters of one block do not agree on the epoch. So the epoch that we keep is no property of the
# network or of the mouse; to a good part it is the noise of one block. The printed prices say what
# that costs. The valley is flat around its lowest point, so a wrong epoch is often cheap, but not
# always. Two things follow. The loss at the lowest point is *chosen* to be low, so it flatters the
# network: a block that has stopped a training must not be used to score it. And one judge is few:
# `PupilEncoder` trains several networks, each stopped by another block, and takes their mean
# (chapter 6).
#
# ## How fast to learn
#
# The learning rate is the setting to try first. We train the same network at six rates, each for 15
# epochs, and take the *last* weights. One of the held-out trials is shown, the one in which the eye
# moves most.

# %%
rates_tried = [0.0001, 0.0003, 0.001, 0.005, 0.03, 0.2]
curves_at, gains_at = {}, {}
for lr in rates_tried:
    tried = new_network()
    own, seen_by, _ = fit(tried, poisson_loss, epochs=15, lr=lr)
    curves_at[lr] = own, seen_by.mean(axis=1)
    with torch.no_grad():
        gains_at[lr] = tried(x[held]).numpy()  # (trials, steps, regions)
moving = np.nan_to_num(np.ptp(pupil[held, :, 1], axis=1))
row = int(moving.argmax())
steps = np.arange(x.shape[1])
clock = session.start + (steps + 0.5) * step * session.bin_size

# %% [markdown]
# **Try it.** Answer first: what does the network predict when the rate is far too small, and what
# when it is far too large? Then move the rate from one end to the other, and look at the left panel
# and at the right one. At which rates does the held-out curve end lowest? (The grey curves are those
# of the other rates. Above the dotted line the axis is logarithmic: the largest rate is far off.)


# %%
def at_rate(rate, region):
    r = regions.index(region)
    average = psth_steps[:, r].numpy()
    lines = {
        "PSTH": average,
        "predicted": average * gains_at[rate][row, :, r],
    }
    return figures.at_rate(
        curves_at, rate, clock, y[held[row], :, r], lines
    )


def in_words(rate, region):
    r, loss = regions.index(region), curves_at[rate][1][-1]
    away = np.abs(gains_at[rate][..., r] - 1).mean()
    return (
        f"rate {rate:g}: held-out loss {loss:+.3f} at the end; in {region} "
        f"the prediction is {away:.0%} away from the PSTH on average"
    )


# %%
explore(
    at_rate,
    rate=rates_tried,
    region=regions[:3],
    start={"rate": 0.005},
    labels={"rate": "learning rate"},
    caption=in_words,
    alt=lambda **at: f"Learning curves and one trial, {in_words(**at)}.",
)

# %%
if session.truth is not None:
    ends = {lr: both[1][-1] for lr, both in curves_at.items()}
    away = {lr: np.abs(gain - 1).mean() for lr, gain in gains_at.items()}
    assert away[0.0001] < 0.7 * away[0.005] < 0.5 * away[0.2]
    assert ends[0.2] > 0 > ends[0.0001] > ends[0.001] + 0.02
    assert abs(ends[0.001] - ends[0.005]) < 0.01

# %% [markdown]
# In the simulated mouse, the network with the smallest rate has not got far from the PSTH where it
# began: its line has small bumps where large ones belong, and its curve is still falling at the last
# epoch. With the largest rate its line jumps about in the wrong places, and the loss stays above 0: worse
# than the PSTH. The best rates lie in between, where a factor of five hardly matters.
#
# Too small, and it would need many more epochs. Too large, and it jumps across the valley it is
# looking for. We can have the best of both: start gently, speed up, and end very slowly, so that it
# settles. That is the **one-cycle** schedule ([Smith and Topin,
# 2017](https://doi.org/10.48550/arXiv.1708.07120)). The second ingredient is **weight decay**:
# after each step every weight shrinks a little towards zero, unless the data keep pushing it. It
# plays the part that the penalty plays in ridge.

# %%
careful = new_network()
recipe = {"lr": 0.01, "decay": 1.0, "cycle": True}
_, careful_watched, kept = fit(careful, poisson_loss, epochs=30, **recipe)
careful.load_state_dict(kept)
careful_curve = careful_watched.mean(axis=1)

# %% mystnb={"image": {"alt": "Held-out loss against epoch. The steady rate falls fast, and then creeps up slowly with small bumps. One cycle with weight decay starts later, is bumpy in the middle and then settles at a lower value without turning up."}}
schedules = {
    "steady": held_curve[:30],
    "one cycle and decay": careful_curve,
}
figures.several_curves(schedules)
plt.show()

# %%
if session.truth is not None:
    assert careful_curve.min() < held_curve.min()  # a better loss …
    assert careful_curve[-1] < careful_curve.min() + 0.004  # … that stays

# %% [markdown]
# The overfitting is gone: the curve settles, and below the other one. The gain is small, and this
# is one block and one start, so it proves little. What can be seen is that the last weights are now
# about as good as the best ones. Less hangs on the noise of the block that stops the training.
#
# ## Count updates, not epochs
#
# How long should it train? "Five epochs" sounds like an answer. But an epoch of a short session has
# few batches, so the weights move only a few times, and the schedule has slowed down before they
# have got anywhere.

# %% [markdown]
# **Your turn (two minutes).** Our first fit went through the trials of `inner` 40 times, in batches of
# 16. How many updates of the weights was that?
#
# <details>
# <summary>Hint</summary>
#
# Each batch is one update. The last batch of an epoch may be smaller than 16, and is one all the
# same.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_updates = 40 * math.ceil(len(inner) / 16)
# ```
#
# A shorter session has fewer batches, and gets fewer updates from as many epochs.
#
# </details>

# %% tags=["exercise"]
my_updates = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 5.0
mistakes = {
    "Those are the epochs: each has many batches.": 40,
    "That is one epoch only.": math.ceil(len(inner) / 16),
    "Those are trials shown: sixteen of them make one update.": 40
    * len(inner),
    "Nearly: the last, smaller batch is an update, too.": 40
    * (len(inner) // 16),
    "Whole batches, please: round up within each epoch.": 40
    * len(inner)
    / 16,
}
check(my_updates, 40 * math.ceil(len(inner) / 16), mistakes, name="5.0")

# %% [markdown]
# Now watch three plans with the same recipe, each from three starts: all trials for five epochs, a
# few trials for five epochs, and the few trials for as many *updates* as the first plan had.

# %%
many, less = -(-len(inner) // 16), -(-len(few) // 16)  # updates an epoch
longer = round(5 * many / less)  # epochs
plans = [(inner, 5, many), (few, 5, less), (few, longer, less)]
budgets, every = {}, []
for trials, epochs, per_epoch in plans:
    starts = [new_network(seed) for seed in range(3)]
    runs = [fit(n, poisson_loss, trials, epochs, **recipe) for n in starts]
    name = f"{len(trials)} trials, {epochs * per_epoch} updates"
    held_losses = [run[1] for run in runs]  # each (epochs, held-out trials)
    budgets[name] = np.mean(held_losses, axis=(0, 2))
    every.append(per_epoch)

# %% mystnb={"image": {"alt": "Held-out loss against update for three plans. All trials and sixty updates fall furthest. Few trials and five epochs end after about twenty updates, not far down. The same few trials with sixty updates fall clearly lower, though not as low as all trials."}}
figures.several_curves(budgets, every, "update")
plt.show()

# %%
for name, curve in budgets.items():
    print(f"{name}: lowest {curve.min():.4f}")
if session.truth is not None:
    plenty, starved, fed = (curve.min() for curve in budgets.values())
    assert plenty < fed < starved - 0.003

# %% [markdown]
# The few trials were not used up after five epochs. They had merely been shown too few times. This is
# easy to miss, since nothing fails: the network just stays closer to the PSTH, and one concludes that
# there is too little data. An early version of `PupilEncoder` made this mistake: with 60 trials it
# took 15 updates in all. Today its budget is `n_updates`, the same for every session. (Too many is
# the smaller evil: then the best weights come before the end, and they are the ones that are kept.)
#
# ## Poisson or squared error?
#
# The same network and the same loop, with the other loss.

# %%
squared = new_network()
_, _, kept = fit(squared, squared_error, epochs=30, **recipe)
squared.load_state_dict(kept)
columns = {}
for name, model in {"Poisson": careful, "squared error": squared}.items():
    bits = bits_per_spike(counts[test], predict(model))
    columns["score above the PSTH", name] = score(model)
    columns["bits per spike", name] = bits
table = pd.DataFrame(columns, index=regions)
if session.truth is not None:
    apart = table["score above the PSTH"].diff(axis=1).abs()
    assert apart.max().max() < 0.06
table.sort_index(axis=1, ascending=False).round(3)

# %% [markdown]
# (Bits per spike measure the likelihood of the test counts, against a constant rate. More is
# better.) On this mouse the two losses end up near each other. A region here is the sum of dozens
# of neurons, so its counts are large enough for their scatter to be about the same everywhere, and
# then squared error is no bad likelihood. We keep the Poisson loss for another reason: it is in
# units that mean the same in every region, while squared error listens most to the region with the
# highest rate.
#
# ## What goes wrong: the original recipe
#
# The first PupilEncoder was a summer-school project, and had the right idea: read the pupil with a
# bidirectional RNN. Its recipe is kept in the package, step by step, as `PupilEncoder.original()`.
# We train it twice, since much depends on the random weights that it starts from, on the three
# regions it was made for and the last 100 training trials. (Each step takes all trials at once, so
# more trials make steps slower, but not more numerous.) The two seeds are no fair sample: they were
# picked to show one run that stops early and one that goes through all its steps.

# %%
first = regions[:3]
three, recent = counts[..., :3], train[-100:]
neurons = session.region_table().loc[first, "neurons"].to_numpy()
originals = {}
for seed in (1, 2):
    original = PupilEncoder.original(n_neurons=neurons, seed=seed)
    originals[f"start {seed}"] = original.fit(pupil[recent], three[recent])

learnt_from, watched_by = random_split(len(recent))
targets = original_rates(three[recent] / neurons)  # smoothed, per neuron
average = targets[learnt_from].mean(axis=0)  # (bins, regions)
nulls = {"one constant per region": average.mean(axis=0), "PSTH": average}
errors = {name: targets[watched_by] - null for name, null in nulls.items()}
levels = {name: (error**2).mean() for name, error in errors.items()}

# %% mystnb={"image": {"alt": "Mean squared error of held-out trials on a logarithmic axis against training step, for two starts. Both fall by a large factor; one curve ends early, high up, the other goes on for 200 steps and comes close to the lines of one constant per region and of the PSTH, but stays above that of the PSTH."}}
histories = {name: run.history_ for name, run in originals.items()}
steps = pd.concat(histories, names=["start"])
ax = sns.lineplot(steps, x="epoch", y="held_out", hue="start")
for (name, level), ls in zip(levels.items(), ("--", ":"), strict=True):
    ax.axhline(level, color="black", lw=1, ls=ls, label=name)
ax.set(yscale="log", xlabel="step")
ax.set_ylabel("mean squared error\nof held-out trials")
ax.legend()
plt.show()

# %% [markdown]
# The recipe minimises squared error, and watches a random fifth of its trials. A falling error
# looks like success. Only the lines, which need no network at all, show that it is not there yet.
# And the test block?

# %%
constant = np.broadcast_to(psth.mean(axis=0), psth.shape)  # (bins, regions)
predictions = {n: run.predict(pupil[test]) for n, run in originals.items()}
predictions |= {
    "constant": constant[..., :3],
    "PSTH": psth[..., :3],
    "our loop": predict(careful)[..., :3],
}
beside = {n: r2(three[test], p, kernel) for n, p in predictions.items()}
steps_made = {name: len(history) for name, history in histories.items()}
print("steps:", steps_made)
pd.DataFrame(beside, index=first).round(2)

# %%
if session.truth is not None:
    for history in histories.values():
        error = history["held_out"].to_numpy()
        assert error[0] > 20 * error[-1] > 20 * levels["PSTH"]
    mean = np.mean([beside[name] for name in originals], axis=0)
    assert (mean < beside["constant"]).all()
    assert beside["start 2"][2] > beside["constant"][2]  # in LGd
    assert (beside["our loop"] > beside["PSTH"]).all()

# %% [markdown]
# The mean $R^2$ of the two starts is below that of a constant in every region, although one of them
# has found something of the pupil in LGd, where there is most to find. The early notebooks of the
# original printed nothing but the error, so nobody could see it. (Chapter 9 asks what its headline
# number can mean.) It is an instructive recipe, because each step in it is something that everybody
# does at first. One of them is easy to overlook: **raw inputs**. The pupil's area, x and y are
# numbers of a few dozen, and a $\tanh$ fed with such numbers is stuck at −1 or 1, where it neither
# tells values apart nor passes gradients on. Here is the share of hidden states of its untrained
# network that are stuck:

# %%
torch.manual_seed(0)
untrained = OriginalRNN(n_inputs=3, n_regions=len(first)).double()
raw = torch.from_numpy(fill_missing(pupil[recent])).double()
standardised = (raw - raw.mean(dim=(0, 1))) / (raw.std(dim=(0, 1)) + 1e-9)
stuck = {}
for name, given in {"raw": raw, "standardised": standardised}.items():
    with torch.no_grad():
        states, _ = untrained.rnn(given)  # (trials, bins, units)
    stuck[name] = (states.abs() > 0.99).double().mean().item()
    print(f"{name} pupil: {stuck[name]:.0%} of states beyond ±0.99")
if session.truth is not None:
    assert stuck["raw"] > 0.7 > 0.1 > stuck["standardised"]

# %% [markdown]
# The others you have met above: few and small steps (at most 200, at a rate of 0.001, so that a
# weight moves by about 0.2 at most), the last weights instead of the best, a short patience on a bumpy
# loss, and neighbours of the watched trials among those it learns from. None of this is a flaw of
# RNNs. The same kind of network, in your loop, beats the PSTH in each of the three regions.
#
# ## Your own loop, beside the machinery
#
# You now have a model of your own: one network, a loss of one line, and a loop that fits on a page.
# How good is it? Beside it we put ridge, and the whole `PupilEncoder`: filters over lags, five
# gated networks, a GLM, and rules for when to follow them (chapter 6). All are tested on the block
# that has not decided anything.
#
# **Predict first.** How much of `PupilEncoder`'s score will your page of code reach: a tenth of it,
# half, nine tenths?

# %%
models = {"ridge": linear.Ridge(bin_size=session.bin_size)}
models["PupilEncoder"] = PupilEncoder(bin_size=session.bin_size)
final = {"PSTH": psth_relative(counts[test], psth, psth, kernel)}
for name, model in models.items():
    predicted = model.fit(pupil[train], counts[train]).predict(pupil[test])
    final[name] = psth_relative(counts[test], predicted, psth, kernel)
final["your loop"] = score(careful)
order = ["PSTH", "ridge", "your loop", "PupilEncoder"]
final = pd.DataFrame(final, index=regions)[order]
possible = None
if session.truth is not None:
    true_rates = session.true_region_rates(regions)[test, :n_bins]
    possible = psth_relative(counts[test], true_rates, psth, kernel)
final.round(3)

# %% mystnb={"image": {"alt": "Three bars per region: ridge, your loop and PupilEncoder; the PSTH is the line at zero. In SCs, SCm and LGd all are clearly above zero, and your loop comes close to PupilEncoder, closest in LGd, furthest from it in SCm. In MRN, CA1 and VISam all lie near zero, and your loop a little below it. Dashed lines show the true rates."}}
above = "score above the PSTH"
tall = final[order[1:]].rename_axis("region").reset_index()
tall = tall.melt("region", var_name="model", value_name=above)
ax = sns.barplot(tall, x="region", y=above, hue="model", saturation=1)
ax.axhline(0, color="#666666", lw=0.8)
if possible is not None:
    at = np.arange(len(regions))
    ax.hlines(
        possible, at - 0.4, at + 0.4, "#222222", "--", label="true rates"
    )
ax.legend()
plt.show()

# %%
followed = models["PupilEncoder"].shrinkage_ > 0  # regions it follows
sums = final[followed].sum()
if sums["PupilEncoder"] > 0:
    way = sums / sums["PupilEncoder"]
    print(f"of PupilEncoder's score, ridge reaches {way['ridge']:.0%}")
    print(f"and your own loop {way['your loop']:.0%}")
else:
    print("PupilEncoder follows no region here: there is no way to go")


def n_lines(*pieces):  # comments and all
    return sum(inspect.getsource(piece).count("\n") for piece in pieces)


mine = n_lines(poisson_loss, excess, new_network, fit, PlainRNN)
theirs = n_lines(base, encoder, ensemble, gain, glm, lags, linear, network)
theirs += n_lines(shrinkage)
print(f"your lines of code: {mine}; PupilEncoder's: {theirs}")

# %%
if session.truth is not None:
    assert 0.82 < way["your loop"] < way["ridge"]
    lead = final["PupilEncoder"] - final["your loop"]
    assert (lead[["SCs", "SCm"]] > 0.01).all()
    assert abs(lead["LGd"]) < 0.05 * final.loc["LGd", "PupilEncoder"]
    assert (final.loc[driven, "your loop"] > 0).all()
    assert (final.loc[~driven, "your loop"] < 0.005).all()
    assert not followed[~driven].any()
    assert theirs > 10 * mine

# %% [markdown]
# About nine tenths of the way, for a page of code that you have read line by line. You may be proud
# of it. And remember it when you meet an impressive model: most of the score is in the first page.
# (Where there is most to find, in LGd, nearly nothing is missing.)
#
# It is not the only short way. Ridge gets a little further still on this mouse. It is handed the
# lags, which your network has to find by itself, and learns from all training trials. Whether a
# network is worth its trouble depends on the mouse, and one block of one mouse cannot say; chapter
# 8 compares them on many.
#
# What does the rest of the machinery buy here? In SCs and SCm, where there is less to find than in
# LGd, it finds what your loop still misses. (It, too, learns from the block that your loop only watched.) And in
# MRN, CA1 and VISam, which do not depend on the pupil, your loop predicts something all the same,
# and is a little worse than the PSTH for it; `PupilEncoder` keeps quiet. (The dashed line in MRN
# says that its rate does change between trials, only nothing in the pupil tells how. And a bar may
# reach its dashed line, as in SCm: true rates are the best prediction on average, but on one block
# of noisy spikes another may do as well by luck.) What each
# piece of it is good for, on many mice, is chapter 6.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** A prediction was four spikes too low. When does the Poisson loss mind most?
#
# - **A.** Always the same: four spikes are four spikes.
# - **B.** When it had expected next to nothing.
# - **C.** When the rate is high, so that there is much to lose.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** That is squared error, the same parabola everywhere.
# - **B.** Right. Where few spikes are expected, little scatter is expected, too.
# - **C.** There four spikes more or less are the scatter of every count; the valley is wide.
#
# </details>
#
# **Question 2.** The loss on the trials learnt from falls to the end; that of the held-out block turned
# up in the middle. What now?
#
# - **A.** Train for longer: the second curve will follow the first.
# - **B.** Take the last weights, since their training loss is the least.
# - **C.** Take the weights of the turn, and score them on another block.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** What is learnt after the turn is the noise of these trials, and no other trial has it.
# - **B.** A low training loss is what overfitting looks like from inside.
# - **C.** Right. The held-out block has chosen, so it must not grade as well.
#
# </details>
#
# **Question 3.** Judged by another block, the same training would have stopped many epochs later. What
# does that tell you?
#
# - **A.** The epoch that is kept is partly the noise of the block.
# - **B.** The training has not converged, and needs more epochs.
# - **C.** One of the blocks is unusual, and should not be a judge.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** Right. The network and its training were the same; only the judges differed.
# - **B.** It was the same training, to its end. More of it does not make judges agree.
# - **C.** Quarters of one and the same block disagree as well: it is how few trials behave.
#
# </details>
#
# **Question 4.** Somebody trains on a short session for five epochs, and gets the PSTH back. What do you
# ask first?
#
# - **A.** "Is your learning rate too large?"
# - **B.** "How many updates were that?"
# - **C.** "Can you record more trials?"
# - **D.** "Is the pupil of any use in this mouse?"
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** Then the loss would jump about above that of the PSTH, not stay with it.
# - **B.** Right. Few trials make few batches, and the weights have hardly moved.
# - **C.** Perhaps later. First let the network see often enough what there is.
# - **D.** It may not be, but a network that has hardly been trained cannot say so.
#
# </details>
#
# **Question 5.** The held-out squared error has fallen to a small part of what it was at the start. What
# does that say of the model?
#
# - **A.** It has learnt how the pupil and the firing go together.
# - **B.** It has learnt something, but not yet all there is.
# - **C.** Not much, before the nulls stand beside it.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** The mean rate alone makes the error fall as much, and knows no pupil.
# - **B.** What it has learnt may be one constant per region.
# - **C.** Right. A constant and the PSTH need no network, and may have the lower error.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 5.1 ★: the slope of the Poisson loss
#
# In one bin the prediction is $\lambda = 2$ and the count is $n = 6$. How fast does the Poisson
# loss change with $\lambda$? Work out the derivative on paper, and give its value.
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
# The derivative of $\log \lambda$ is $1 / \lambda$. Bring both terms over one denominator, and you
# see the error divided by the rate.
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
# In general $1 - n / \lambda = (\lambda - n) / \lambda$: the error, divided by the variance that a
# Poisson count with this rate has. The slope is negative, so the loss falls when the prediction
# rises. For squared error it would be $2 (\lambda - n)$, whatever the rate.
#
# </details>

# %% tags=["exercise"]
my_slope = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 5.1
at = torch.tensor(2.0, requires_grad=True)
poisson_loss(at, torch.tensor(6.0)).backward()
mistakes = {
    "The sign is the wrong way round: more would be better here.": 2,
    "That is the slope of the squared error.": 2 * (2 - 6),
    "The first term is missing: the derivative of λ itself is 1.": -3,
    "Nearly: divide by the rate, not by the count.": (2 - 6) / 6,
}
check(my_slope, at.grad.item(), mistakes, name="5.1")
assert at.grad.item() == 1 - 6 / 2

# %% [markdown]
# ### Exercise 5.2 ★★: stop!
#
# Use `held_curve`, the held-out loss after each epoch of our first fit. With a **patience** of 5,
# training stops after the first epoch that is the fifth in a row without a new lowest loss. Give
# two numbers, counting epochs from 1: the epoch after which training stops, and the epoch whose
# weights are kept.
#
# <details>
# <summary>Hint 1</summary>
#
# Go through the curve with a loop, and remember the lowest loss so far, its epoch, and how many
# epochs have passed since.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `for epoch, value in enumerate(held_curve, start=1)`. If `value` is lower than the lowest so far,
# note it and the epoch. Otherwise, if `epoch - best_epoch` has reached 5, stop.
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
# Patience saves time, at a price: had the loss found a new low later on, we would never know. Our
# own loop always runs to the end, because with a one-cycle schedule the rate falls late, and the
# best weights tend to come then.
#
# </details>

# %% tags=["exercise"]
my_stop = ...  # [epoch after which it stops, epoch whose weights are kept]


# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 5.2
def stop(curve, patience=5):
    lowest, best_epoch = np.inf, 0
    for epoch, value in enumerate(curve, start=1):
        if value < lowest:
            lowest, best_epoch = value, epoch
        elif epoch - best_epoch == patience:
            break
    return np.array([epoch, best_epoch])


stopped, lowest = stop(held_curve), np.argmin(held_curve)
mistakes = {
    "Count epochs from 1.": stopped - 1,
    "First the epoch of the stop, then the one kept.": stopped[::-1],
    "One too early: wait for the fifth.": stop(held_curve, 4),
    "One too late: stop after the fifth.": stop(held_curve, 6),
    "Lowest of all? It stopped before.": np.add(lowest, [6, 1]),
}
check(my_stop, stopped, mistakes, name="5.2")
assert stopped[0] == stopped[1] + 5 or stopped[0] == len(held_curve)

# %% [markdown]
# ### Exercise 5.3 ★★: how sure is the epoch?
#
# Had other trials been held out, another epoch might have been kept. Imitate that with a
# **bootstrap**: each row of `draws` is a list of held-out trials, drawn with replacement.
# `watched`, of shape (epochs, held-out trials), has the losses of our first fit. For each row find
# the epoch with the lowest mean loss, counting from 1, and give the 10th and the 90th percentile of
# these epochs.
#
# <details>
# <summary>Hint 1</summary>
#
# `watched[:, draws]` has the shape (epochs, draws, trials). Which axis is averaged over, and along
# which one do you look for the lowest?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `.mean(axis=2).argmin(axis=0)` gives one epoch per draw, counted from 0. Then use `np.percentile`
# with `[10, 90]`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# epochs = watched[:, draws].mean(axis=2).argmin(axis=0) + 1
# my_range = np.percentile(epochs, [10, 90])
# ```
#
# The range is the noise of the trials of one block, and nothing else: the network, its start and
# the order of its batches were the same in every draw.
#
# </details>

# %% tags=["exercise"]
rng = np.random.default_rng(0)
draws = rng.integers(len(held), size=(500, len(held)))  # (draws, trials)
my_range = ...  # [10th percentile, 90th percentile] of the epoch kept

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 5.3
per_draw = watched[:, draws]  # (epochs, draws, trials)
means = per_draw.mean(axis=2)


def percentiles(epochs, low=10, high=90):
    return np.percentile(epochs + 1, [low, high])


solution = percentiles(means.argmin(axis=0))
mistakes = {
    "Count epochs from 1.": solution - 1,
    "Those are the worst epochs.": percentiles(means.argmax(axis=0)),
    "Average over trials first.": percentiles(per_draw.argmin(axis=0)),
    "That is half.": percentiles(means.argmin(axis=0), 25, 75),
}
check(my_range, solution, mistakes, name="5.3")
low, high = solution
print(f"kept: {best + 1}; four draws in five: {low:.0f} to {high:.0f}")

# %% [markdown]
# ### Exercise 5.4 ★★★: what does the original's recipe cost?
#
# Change your own loop, one thing at a time, towards the original recipe: raw pupil in place of
# features, squared error, a small rate with few updates, the last weights in place of the kept
# ones. Which change costs most? Then go the other way: begin with all of them, and mend one.
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A sentence, written beforehand, on what you expect to cost most, and why.
# - The same trials, updates and scores in all runs, and only one thing that differs. Choices are made
#   on the held-out block; the test block is looked at once, at the end.
# - Several starts of each, and their spread beside every difference: is it larger than luck?
# - A word on why breaking one thing and mending one thing can disagree: a fault that hardly counts by
#   itself may be what stops everything when another one is there.
# - What this mouse cannot tell: other mice, other regions, longer sessions.
#
# </details>

# %% tags=["exercise"]
my_costs = ...  # {what was changed: (starts, regions)}

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 5.1 is for paper. 5.2 can be read off the figure first, with the cell as the
# > judge. 5.4 makes a good project for a group: one change each, and one table for all.
# >
# > **Typical mistakes, and what to say.**
# > 5.0: the last batch of an epoch is forgotten, or epochs are taken for updates ("how often does
# > `optimiser.step()` run?").
# > 5.1: the sign ("would a higher prediction have been better?"), or the slope of squared error.
# > 5.2: epochs counted from 0; the patience counted from the wrong epoch ("what was the fifth?").
# > 5.3: the lowest epoch of every trial instead of every draw ("whose mean is it that chooses?").

# %% [markdown]
# ## Recap
#
# - **Poisson loss** is the likelihood of counts. It allows more scatter where the rate is higher.
# - **The loop**: predict, compare, go backwards, nudge. Note the loss on trials that are not learnt from.
# - **Keep the best weights**, chosen on a held-out block of the training trials, never on the test block.
#   The epoch is that block's choice, noise included.
# - **Standardise the inputs, choose the learning rate, end slowly, count updates.** And print the nulls
#   beside every error.
# - **One page of code** goes most of the way.
# - Next: chapter 6, what the rest of `PupilEncoder` is for, piece by piece.
