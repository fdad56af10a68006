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
# # 2. From spikes to firing rates
#
# *What rate lies behind these spikes, and how much of it do we make ourselves?*
#
# **Goals.** By the end you can
#
# - smooth spike counts by convolution, and say what the kernel does;
# - choose between a boxcar, a Gaussian and a causal kernel, and treat the edges of a trial;
# - choose the width of a kernel by held-out likelihood, without looking at any model;
# - say what smoothing does to R² all by itself.
#
# **Time.** About 40 minutes, 50 more with the quiz and the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapter 1, for what a session, a trial and a PSTH are. A sum over bins is all
# the mathematics.
#
# **The data.** This page uses the *simulated* mouse, whose true firing rates are known, so we can
# see which estimate comes closest. To use the real recording, change the line that starts with
# `session =` to `session = load_session("steinmetz", index=12)`. What compares with the truth is
# then left out.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** What has to stay is the last third: the same predictions, and another R². The
# > rest of the book scores at one width because of it.
# >
# > **On the board.** Draw five spikes as ticks, and let somebody draw the box that each of them leaves;
# > add up the heights together. Then draw one bin, and an arrow to it from each of its neighbours: the
# > same sum, read the other way. Keep both until the causal kernels come, and ask which arrows go.
# >
# > **If time is short**, leave out the six mice under "How wide?": show their figure and go on.

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
from scipy.special import xlogy

from pupil_helpers import blocked_folds, boxcar, check, explore
from pupil_helpers import gaussian, load_session, simulate_session, smooth
from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.plotting import smoothing as figures, use_style
from pupil_helpers.signals.bandwidth import choose_bandwidth
from pupil_helpers.signals.rates import exponential

use_style()

# %%
session = load_session("simulated")
print(session.name, session.spikes.shape)

# %% [markdown]
# As in chapter 1 we add up the neurons of a region. If there is a truth, we keep the true expected
# counts beside them.

# %%
table = session.region_table()
names = ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
fires = table.index[table["rate_hz"] > 0]
regions = [name for name in names if name in fires]
if len(regions) < 3:  # a recording of other places: its largest regions
    regions = list(fires[:6])
counts = session.region_counts(regions)  # (trials, bins, regions)
dt = session.bin_size  # s
neurons = table.loc[regions, "neurons"].to_numpy()
hertz = neurons * dt  # counts / hertz: spikes/s per neuron
truth = session.truth and session.true_region_rates(regions)

# %% [markdown]
# ## A rate cannot be seen
#
# Spikes can be counted. The **firing rate** is the number of spikes to *expect*, and nobody has
# ever seen one: a neuron gives a single sequence of spikes, and the rate behind it has to be
# guessed. The guess is always the same in spirit: spikes nearby in time tell about the rate now.
# How near is nearby? That is the question of this chapter.
#
# ## Convolution, by hand
#
# A toy trial with five spikes, and a **kernel** of five equal weights that add up to 1. Convolution
# replaces every spike by a copy of the kernel and adds up the copies:
#
# $$\text{smoothed}[t] = \sum_k \text{kernel}[k]\;\text{spikes}[t - k].$$

# %%
spikes = np.zeros(30, dtype=int)
spikes[[4, 11, 13, 14, 23]] = 1
kernel = np.ones(5) / 5

by_hand = np.zeros(30 + 4)
for t in np.flatnonzero(spikes):
    by_hand[t : t + 5] += spikes[t] * kernel  # one copy per spike
smoothed = np.convolve(spikes, kernel)[:30]
np.testing.assert_allclose(by_hand[:30], smoothed)

# %% mystnb={"image": {"alt": "Top: five spikes in thirty bins. Middle: each spike has become a box five bins long that starts at the spike; where spikes are close the boxes are stacked. Bottom: the sum of the boxes, a staircase that is highest where three spikes are close together."}}
figures.copies(spikes, kernel, smoothed)
plt.show()

# %% [markdown]
# Read the formula the other way round, and it is a **moving average**: each bin becomes a weighted
# mean of its neighbours. Both readings are useful. The first says what happens to a spike, the
# second what a rate at one moment is made of.
#
# Since the weights add up to 1, a spike stays one spike, only spread out: five spikes before, five
# spikes after.

# %%
print(spikes.sum(), "spikes before,", smoothed.sum().round(6), "after")

# %% [markdown]
# ## The shape of the kernel
#
# Four kernels, from the helper package. A kernel is a list of weights and their lags in bins; a
# positive lag looks into the past.

# %%
kernels = {
    "boxcar 100 ms": boxcar(0.1, dt),
    "causal boxcar 100 ms": boxcar(0.1, dt, causal=True),
    "Gaussian, SD 30 ms": gaussian(0.03, dt),
    "exponential 50 ms": exponential(0.05, dt),
}
rates = {name: smooth(counts, kernels[name]) / hertz for name in kernels}

# %% [markdown]
# Look at one region in one trial, the trial in which its rate changes most. The dashed line is the
# truth, where there is one.
#
# **Predict first.** Two of the kernels are causal: they look into the past only. Where will their
# peaks be: earlier than those of the true rate, later, or at the same places?

# %% mystnb={"image": {"alt": "Four rows, one per kernel. Left, the weights: a box around zero, a box to the right of zero, a bell around zero, and a decay to the right of zero. Right, the smoothed rate of one trial; the box is jagged, the bell is smooth, and the two causal kernels reach each peak of the dashed true rate too late."}}
trial = int(rates["boxcar 100 ms"][..., 0].std(axis=1).argmax())
shown = {name: rate[trial, :, 0] for name, rate in rates.items()}
true_rate = None if truth is None else truth[trial, :, 0] / hertz[0]
figures.kernels(kernels, session.time, shown, true_rate)
plt.show()

# %% [markdown]
# - The **boxcar** is the plain moving average. A spike counts fully or not at all, so the rate
#   jumps when a spike enters or leaves the window.
# - The **Gaussian** lets spikes fade in and out. (A boxcar of 100 ms has a standard deviation of 29
#   ms, so the two average over about as much.)
# - A **causal** kernel looks only at the past. A device that acts in real time has no choice. The
#   original PupilEncoder used the causal boxcar.
#
# What does causality cost? A causal kernel tells about the past, so its rate comes *late*. By how
# much can be read off the kernel: it is its mean lag.

# %%
for name, kernel in kernels.items():
    late = 1000 * dt * (kernel.weights * kernel.lags).sum()
    print(f"{name:21} {late:2.0f} ms late")

# %% [markdown]
# In chapter 1, the SCm of the simulated mouse fired shortly *before* saccades. The causal boxcar
# takes that many milliseconds of the lead away: the kernel has moved the spikes, and a model would
# now look for the pupil's influence at the wrong lag. To *describe* a recording, use a kernel that is
# symmetric around zero.

# %% [markdown]
# **Your turn (two minutes).** How late would a causal boxcar of 200 ms be, in milliseconds?
#
# <details>
# <summary>Hint</summary>
#
# `boxcar(0.2, dt, causal=True)` makes the kernel. Its mean lag is in bins, and a bin lasts `dt`
# seconds.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# longer = boxcar(0.2, dt, causal=True)
# my_delay = 1000 * dt * (longer.weights * longer.lags).sum()
# ```
#
# Not quite half its width: the spike's own bin has the lag 0.
#
# </details>

# %% tags=["exercise"]
my_delay = ...  # ms

# %% tags=["hide-cell", "solution"]
# @title Solution 2.0
longer = boxcar(0.2, dt, causal=True)
delay = 1000 * dt * (longer.weights * longer.lags).sum()
mistakes = {
    "That is in seconds: give milliseconds.": delay / 1000,
    "That is in bins: a bin lasts dt seconds.": delay / 1000 / dt,
    "That is the whole width: take the mean of its lags.": 200,
    "Nearly half its width: the first lag is 0.": 100,
}
check(my_delay, delay, mistakes, name="2.0")

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Nearly everybody says 100 ms. Write the ten lags of the shorter kernel in a
# > row, 0 to 9, and let them find the middle: it is not 5.

# %% [markdown]
# ## The edges of a trial
#
# At the start of a trial the kernel reaches to where there are no data. The original recipe is one
# line, `np.convolve(counts, np.ones(10) / 10, "full")[:n_bins]`, and it takes the time before the
# trial for silent. The alternative is to divide by the weight of those bins that exist, so that a
# constant stays constant. Compare their averages over all trials:

# %%
ten = np.ones(10) / 10
n = session.n_bins
inside = np.convolve(np.ones(n), ten)[:n]  # weight within the trial
ramping = np.apply_along_axis(np.convolve, 1, counts, ten)[:, :n]
level = ramping / inside[:, None]
at_edge = {"silent outside": ramping, "divided by the weight inside": level}
if truth is not None:
    at_edge["true rate"] = truth

# %% mystnb={"image": {"alt": "Mean rate over the first 0.4 seconds of the trial. Treating the outside as silent, it climbs in a straight line from nearly zero over the first ten bins. Divided by the weight inside, it is level from the start, close to the dashed true rate."}}
shown = {k: r.mean(axis=0)[:, 0] / hertz[0] for k, r in at_edge.items()}
first = pd.DataFrame(shown, session.time)[: session.start + 0.4]
dashes = ["", "", (3, 1)]  # the truth
ax = sns.lineplot(first, dashes=dashes, marker=".", markeredgewidth=0)
rate = "rate (spikes/s\nper neuron)"
ax.set(xlabel="time from stimulus (s)", ylabel=rate, ylim=(0, None))
plt.show()

# %% [markdown]
# The ramp has nothing to do with the mouse. It is also *the same in every trial*, and that makes it
# worse than a blemish: anything that knows the time in the trial can predict it. How high a score
# does that earn? Take the PSTH of the training trials as the prediction, and score it on test
# trials by
#
# $$R^2 = 1 - \frac{\sum (\text{rate} - \text{prediction})^2}{\sum (\text{rate} - \text{mean rate})^2}.$$
#
# **Predict first.** Only nine of two hundred and fifty bins differ. Will R² be higher with the ramp,
# and by how much: a thousandth, a hundredth, or more?


# %%
def psth_r2(rate):
    """R² of the average of training trials in test trials; (regions,)."""
    scores = []
    for train, test in blocked_folds(len(rate)):
        error = rate[test] - rate[train].mean(axis=0)
        spread = rate[test] - rate[test].mean(axis=(0, 1))
        ratio = (error**2).sum(axis=(0, 1)) / (spread**2).sum(axis=(0, 1))
        scores.append(1 - ratio)
    return np.mean(scores, axis=0)  # mean over blocks


ramp_table = pd.DataFrame(index=regions)
ramp_table["with ramp"] = psth_r2(ramping)
ramp_table["level"] = psth_r2(level)
ramp_table.round(3)

# %%
if truth is not None:
    assert (ramp_table["with ramp"] - ramp_table["level"] > 0.05).all()

# %% [markdown]
# Only the first nine bins of a trial differ, and yet the two columns are far apart: the "explained
# variance" of a prediction that has never seen the pupil goes up in every region of the simulated
# mouse. Any model trained on such rates will learn the ramp first, because nothing else is so
# regular. From here on, the edges are always renormalised.
#
# ## How wide?
#
# Here are many trials of one region, smoothed with wider and wider Gaussians. Where there is a
# truth it is on the right.

# %% mystnb={"image": {"alt": "Pictures of eighty trials by time, one per width. At 10 ms nearly all is speckle. At 50 ms bright and dark stretches show through the grain. At 120 ms they are clear. At 500 ms only slow changes are left and short events are wiped out. The true rate, on the right, looks most like 120 ms, with sharp short events besides."}}
one = regions.index("LGd") if "LGd" in regions else 0
steps = {}
for sd in (0.01, 0.05, 0.12, 0.5):
    steps[f"{1000 * sd:g} ms"] = smooth(counts[:80], gaussian(sd, dt))
if truth is not None:
    steps["truth"] = truth[:80]
shown = {name: step[..., one] / hertz[one] for name, step in steps.items()}
figures.pictures(session.time, shown)
plt.show()

# %% [markdown]
# Too narrow, and the rate follows every single spike: noise. Too wide, and it misses what changes
# quickly. (In the true LGd of the simulated mouse, each dark speck is a saccade.) There is a best
# width in between, and it is not a matter of taste.
#
# ### Let spikes judge
#
# The trick is to predict something that the estimate has not seen. Take the rate at each bin from
# its *neighbours only*, with the bin itself left out, and ask how likely the left-out count is. A
# kernel that follows noise predicts its neighbours' noise, and loses. One that is too wide misses
# the changes, and loses too.
#
# Counts are judged by the Poisson likelihood, $\log p(n) = n \log \lambda - \lambda - \log n!$, for
# a count $n$ where $\lambda$ were expected. We say how much better than the mean rate this is, in
# bits per spike. Everything uses training trials only.
#
# One thing needs care. Where all neighbours are silent their average is 0, and a spike there would
# be *impossible*: a single one, and the likelihood of the whole region is minus infinity. In
# regions that fire little this does happen. So the average gets a pinch of the mean rate, as if a
# tenth of a bin more had been seen.

# %%
train = blocked_folds(session.n_trials)[0].train
weights = gaussian(0.05, dt).matrix(session.n_bins)  # (bins, bins)
np.fill_diagonal(weights, 0)  # leave the bin itself out
weights /= weights.sum(axis=1, keepdims=True)
seen = 1 / (weights**2).sum(axis=1, keepdims=True)  # bins, in effect
mean = counts[train].mean(axis=(0, 1))  # (regions,)
expected = (seen * (weights @ counts[train]) + 0.1 * mean) / (seen + 0.1)
gain = xlogy(counts[train], expected / mean) - (expected - mean)
bits = gain.sum(axis=(0, 1)) / np.log(2) / counts[train].sum(axis=(0, 1))
print(pd.Series(bits, regions).round(4).to_string())

# %% [markdown]
# A spike count in 10 ms is nearly all chance, so these are small numbers. Below zero, 50 ms does
# worse than the mean rate: that is overfitting. Now the same for many widths. The helper
# `choose_bandwidth` repeats the cell above.

# %%
widths = np.round(np.geomspace(0.01, 1, 21), 3)  # seconds
chosen = choose_bandwidth(counts[train], dt, widths, gaussian)
again = choose_bandwidth(counts[train], dt, [0.05], gaussian)
np.testing.assert_allclose(again.bits_per_spike[0], bits)  # the one by hand
error = None
if truth is not None:
    misses = (smooth(counts, gaussian(sd, dt)) - truth for sd in widths)
    error = np.array([(miss**2).mean(axis=(0, 1)) for miss in misses])

# %% mystnb={"image": {"alt": "Left: held-out likelihood against the width of the Gaussian, one curve per region, each with a dot at its top. It rises steeply, is flat around its top, and falls slowly. Right: squared error to the true rate, each curve with a dot at its bottom. The dots for SCs and SCm are further right on the left panel than on the right one. CA1 and VISam are best at much wider kernels than the others in both."}}
figures.bandwidth(widths, chosen.bits_per_spike, regions, error)
plt.show()

# %% [markdown]
# On the left is what anybody can compute from spikes. The right panel is there only for a simulated
# mouse: it shows the distance to the true rate. How far are the two from each other?

# %%
found = pd.DataFrame(index=regions)
found["chosen (ms)"] = 1000 * chosen.best_per_region
found["at the edge"] = np.isin(chosen.best_per_region, widths[[0, -1]])
if error is not None:
    found["closest (ms)"] = 1000 * widths[error.argmin(axis=0)]
    found["chosen / closest"] = found["chosen (ms)"] / found["closest (ms)"]
    assert (chosen.best_per_region > 0.03).all()  # SD of our boxcar: 29 ms
    assert (found["chosen / closest"] >= 1).all()
found.round(2)

# %% [markdown]
# "At the edge" means that the best of our widths is the narrowest or the widest. Then all we have
# learned is that the best width lies there *or beyond*: such a region changes slowly, if at all.
#
# In the simulated mouse they agree on the order of magnitude, and where they differ the chosen width
# is the wider one. Is that luck? Look at six other mice, and at the four regions whose best width is
# well inside our range.


# %%
four = ["SCs", "SCm", "LGd", "MRN"]
sds = np.geomspace(0.05, 0.5, 17)  # seconds


def from_truth(mouse):
    """Distance to the true rate in two ways, each (widths, regions)."""
    counts, truth = mouse.region_counts(four), mouse.true_region_rates(four)
    squared, unlikely = [], []
    for sd in sds:
        rate = smooth(counts, gaussian(sd, mouse.bin_size))
        squared.append(((rate - truth) ** 2).mean(axis=(0, 1)))
        loss = rate - xlogy(truth, rate + 1e-9)  # minus the likelihood
        unlikely.append(loss.mean(axis=(0, 1)))
    return np.array(squared), np.array(unlikely)


# %%
def widths_of(mouse):
    """The chosen width beside the best ones, and what the choice costs."""
    squared, unlikely = from_truth(mouse)
    counts = mouse.region_counts(four)
    bits = choose_bandwidth(counts, mouse.bin_size, sds, gaussian)
    place = bits.bits_per_spike.argmax(axis=0)
    best = squared.argmin(axis=0)
    table = pd.DataFrame(index=pd.Index(four, name="region"))
    table["chosen"] = sds[place] / sds[best]
    table["best by likelihood"] = sds[unlikely.argmin(axis=0)] / sds[best]
    error = squared[place, range(len(four))]
    table["cost of the choice"] = error / squared.min(axis=0) - 1
    return table


# %%
mice = [simulate_session(seed, n_trials=200) for seed in range(1, 7)]
ratios = pd.concat([widths_of(mouse) for mouse in mice])

# %% mystnb={"image": {"alt": "Two groups of dots per region, a dot per mouse, at the width as a multiple of the one with the least squared error. In SCs and SCm both the chosen widths and those best by the true likelihood lie above one, up to one and a half. In LGd and MRN those best by the likelihood lie at one and the chosen ones around it."}}
times = "multiple of the width with\nthe least squared error"
dots = ratios[["chosen", "best by likelihood"]].reset_index()
dots = dots.melt("region", var_name="width", value_name=times)
ax = sns.swarmplot(dots, x="region", y=times, hue="width", dodge=True)
ax.axhline(1, color="grey", lw=0.8)
plt.show()

# %%
average = ratios.groupby(level=0, sort=False).mean()
print(average.round(2))
wider = (ratios["chosen"] > 1).sum()
narrower = (ratios["chosen"] < 1).sum()
print(f"too wide {wider} times, too narrow {narrower}, of {len(ratios)}")
cost = ratios["cost of the choice"].max()
print(f"at worst it costs {cost:.1%} more squared error")
assert (average.loc[["SCs", "SCm"], "chosen"] > 1.1).all()
assert (average.loc[["SCs", "SCm"], "best by likelihood"] > 1.1).all()
assert (average.loc[["LGd", "MRN"], "chosen"] < 1.2).all()
assert wider > 2 * narrower
assert (ratios.loc[["SCs", "SCm"], "chosen"] > 1).all()
assert cost < 0.1

# %% [markdown]
# It was not luck. In SCs and SCm the chosen width is too wide in every mouse; in LGd and MRN it errs
# now to one side, now to the other. The second group of dots says why. These are the widths that are truly best *by the
# likelihood*, found with the true rate in hand, and in SCs and SCm they are too wide in the same way. So the
# choice hits what it aims at, but it aims at something else. A squared error counts the same
# wherever it happens. The likelihood counts an error relative to the rate, so it looks hardest
# where the rate is low. SCs and SCm fire in short bursts around saccades and are quieter in
# between, for long. In the quiet a wide kernel is right, and the bursts have to pay for it. In LGd
# it is at saccades that the rate is low, and the two aims agree. (Leaving the bin out may
# add a little to that, because the heaviest weight is gone.)
#
# The last column is the comfort: around their bottoms the curves are so flat that the wrong width
# hardly costs anything.

# %% [markdown]
# Regions differ. Where the rate changes quickly and spikes are many, a narrow kernel wins. Where
# spikes are few, or fast changes are small or rare, it pays to average for longer. (Whoever cares
# for squared error can cross-validate that in place of the likelihood: [Shimazaki and Shinomoto,
# 2010](https://doi.org/10.1007/s10827-009-0180-4).) It is the order of magnitude that has to be
# right.
#
# **A common mistake** is to choose the width at which the *model* scores best. The next section
# shows where that leads.
#
# ## What smoothing does to R² all by itself
#
# First, a mouse that we make for this purpose. It has nothing but a PSTH: no pupil, no drift, the
# same true rate in every trial. The prediction is the training trials' PSTH, and it stays the same
# throughout. We only change the width of the kernel that smooths both the prediction and the counts
# it is compared with.
#
# **Predict first.** Nothing is learned anew. Will R² go up with the width, go down, or stay?

# %%
boxes = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]  # seconds
plain = simulate_session(seed=1, drive_scale=0, noise_scale=0)
plain_counts = plain.region_counts(names)
plain_kernels = [boxcar(width, plain.bin_size) for width in boxes]
plain_r2 = [psth_r2(smooth(plain_counts, each)) for each in plain_kernels]

# %% [markdown]
# Then our own recording. There we score the PSTH, and a *perfect* prediction: the true rate of every
# single trial. No model can do better, so its R² is called the **ceiling**. For a real recording,
# the ceiling is estimated by how well two halves of a region's neurons agree (chapter 8 says how).


# %%
def ceiling(kernel, r):
    """R² of a perfect prediction of region number r."""
    if truth is not None:
        return known_ceiling(counts[..., [r]], truth[..., [r]], kernel)[0]
    spikes = session.spikes[..., session.regions == regions[r]]
    if spikes.shape[-1] < 2:  # one neuron has no halves, and no ceiling
        return np.nan
    return split_half_ceiling(spikes, kernel)


each = range(len(regions))
box_kernels = [boxcar(width, dt) for width in boxes]
own_r2 = [psth_r2(smooth(counts, kernel)) for kernel in box_kernels]
best_r2 = [[ceiling(kernel, r) for r in each] for kernel in box_kernels]

# %% mystnb={"image": {"alt": "R² against the width of the boxcar, three panels, one curve per region. Left, the PSTH in a mouse that has nothing but a PSTH: it rises with width in every region that responds, most in LGd. Middle, the PSTH in this mouse: it stays around zero, and for wide kernels it falls below it in some regions, far below in CA1. Right, a perfect prediction: it rises steeply with width, several times over; only in SCs it turns down a little at the widest."}}
panels = {
    "PSTH, PSTH-only mouse": pd.DataFrame(plain_r2, boxes, names),
    "PSTH, this recording": pd.DataFrame(own_r2, boxes, regions),
    "perfect, this recording": pd.DataFrame(best_r2, boxes, regions),
}
figures.r2_against_width(panels)
plt.show()

# %% [markdown]
# The predictions never changed. Only the way of looking did. In the simulated mouse, R² of the
# perfect prediction went up several times over:

# %%
perfect = panels["perfect, this recording"]
if truth is not None:
    assert (perfect.loc[0.1] > 3 * perfect.loc[0.01]).all()
    assert perfect.loc[0.5, "SCs"] < perfect.loc[0.2, "SCs"]
    assert perfect.loc[0.01].max() < 0.46 < 0.6 * perfect.loc[0.5, "LGd"]
perfect.rename(index="{:g} s".format).round(2)

# %% [markdown]
# (In its SCs it turns down at half a second. So wide a kernel averages the saccades away, and what is
# left is more of the slow gains that neurons have of their own. They are no part of a region's true
# rate, and count as noise.)
#
# **Try it.** Here is one trial of one region, with the width and the shape of the kernel in your
# hand. Answer first, then move: at which width does the line come closest to the dashed truth? Is
# that the width at which R² of a perfect prediction is highest? And which of the three shapes never
# gets close to the truth, however wide you make it? (The grey curves are the other two shapes. A
# Gaussian is as wide as the boxcar that has the same standard deviation.)

# %%
shapes = {
    "boxcar": lambda ms: boxcar(ms / 1000, dt),
    "causal boxcar": lambda ms: boxcar(ms / 1000, dt, causal=True),
    "Gaussian": lambda ms: gaussian(ms / 1000 / 12**0.5, dt),  # same SD
}
tried = [20, 50, 100, 200, 400, 1000]  # ms
highest = pd.DataFrame(index=tried, columns=shapes, dtype=float)
distance = highest.copy()
for shape, make in shapes.items():
    for ms in tried:
        highest.loc[ms, shape] = ceiling(make(ms), one)
        if truth is not None:
            miss = smooth(counts, make(ms))[..., one] - truth[..., one]
            distance.loc[ms, shape] = np.mean((miss / hertz[one]) ** 2)

# %%
judged = {"R² of a perfect prediction": highest}
if truth is not None:
    judged["squared error to the truth"] = distance
lively = int(rates["boxcar 100 ms"][..., one].std(axis=1).argmax())
true_rate = None if truth is None else truth[lively, :, one] / hertz[one]
highest_rate = rates["boxcar 100 ms"][lively, :, one].max()


# %%
def smoothed_by(width, shape):
    rate = smooth(counts[[lively]], shapes[shape](width)) / hertz
    at = {"shape": shape, "width": width, "top": 2.2 * highest_rate}
    shown = session.time, rate[0, :, one], true_rate
    return figures.one_kernel(*shown, judged, **at)


def in_words(width, shape):
    text = f"{shape}, {width} ms: R² {highest.loc[width, shape]:.2f}"
    if truth is not None:
        times = distance.loc[width, shape] / distance.min(axis=None)
        text += f", squared error {times:.1f} times the least of all"
    return text


# %%
explore(
    smoothed_by,
    width=tried,
    shape=list(shapes),
    start={"width": 100},
    units={"width": "ms"},
    caption=in_words,
    alt=lambda **at: f"One trial, smoothed, and scores: {in_words(**at)}.",
)

# %% [markdown]
# In the simulated mouse R² of a perfect prediction goes on rising to the widest kernel. The line comes
# closest to the truth before that: at the widest it follows slow changes only, and the dips at
# saccades are gone. The causal boxcar comes too late at any width that is wide enough to calm the
# noise.

# %%
if truth is not None:
    assert (highest.iloc[-1] == highest.max()).all()
    assert (distance.idxmin() < tried[-1]).all()
    smallest = distance.min()
    assert smallest["causal boxcar"] > 1.5 * smallest["Gaussian"]

# %% [markdown]
# Three things follow.
#
# - **An R² without its kernel means nothing.** "The model explains 46 % of the variance" would be
#   more than even a *perfect* prediction reaches in any region of the simulated mouse at 10 ms, and
#   poor for its LGd at 500 ms. And a perfect prediction stays below 1, because the counts are noisy.
# - **Never choose the width by the model's R².** It favours wide kernels for reasons that have
#   nothing to do with the model.
# - **Compare with the ceiling at the same width.** R² divided by the ceiling is the share of what
#   there is to explain, and it depends on the width much less. Take the LGd of the PSTH-only mouse:

# %%
plain_truth = plain.true_region_rates(names)
share = pd.DataFrame({"R²": panels["PSTH, PSTH-only mouse"]["LGd"]})
lgd = names.index("LGd")
share["ceiling"] = [
    known_ceiling(plain_counts, plain_truth, each)[lgd]
    for each in plain_kernels
]
share["R² / ceiling"] = share["R²"] / share["ceiling"]
assert share["R²"].max() > 5 * share["R²"].min()
assert share["R² / ceiling"].max() < 1.5 * share["R² / ceiling"].min()
share.rename(index="{:g} s".format).round(2)

# %% [markdown]
# In the simulated mouse's middle panel the PSTH even falls below zero, furthest in CA1, which drifts
# slowly on its own. Wide kernels leave only slow changes, and a test block lies on a higher or lower level than
# the training trials' average. A constant that is off is worse than the test block's own mean,
# which R² silently takes for known.
#
# ## What this book does
#
# - Models learn from **raw counts**, with a Poisson loss. Nothing is smoothed before training, so
#   no kernel can move a lag or add a ramp.
# - Scores that need smoothing use **one kernel for everything**: a centred boxcar of 100 ms with
#   renormalised edges. It is narrower than what the likelihood picks for any region of the
#   simulated mouse; it keeps the saccades visible, and it is as wide as the original's, so that
#   numbers can be compared.
# - Every R² stands beside its ceiling, at that same width.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** A region fires shortly before saccades. What does a causal boxcar make of it?
#
# - **A.** The same lead, only smoother.
# - **B.** A shorter lead, or even a delay.
# - **C.** A longer lead, since the kernel looks into the past.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** That holds for a kernel that is symmetric around zero. This one moves spikes, too.
# - **B.** Right. A rate made of the past comes late, by the mean lag of the kernel.
# - **C.** It is the estimate that looks back: what it shows now has happened already.
#
# </details>
#
# **Question 2.** Why is the ramp at the start of a trial worse than noise of the same size?
#
# - **A.** It is the same in every trial, so that whatever knows the time can predict it.
# - **B.** It makes the first bins useless, whatever is done about them.
# - **C.** It grows with the width of the kernel.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Right. R² then praises a prediction for knowing about our convolution.
# - **B.** Dividing by the weight inside the trial mends them.
# - **C.** It does get longer, but a long ramp that nobody can predict would do no such harm.
#
# </details>
#
# **Question 3.** To choose a width, each bin is left out of its own estimate. What for?
#
# - **A.** So that the test trials stay unseen.
# - **B.** So that a region with few spikes does not get an impossible one.
# - **C.** Otherwise the narrowest kernel would win: each bin predicts itself best.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** They are never used here. What is left out is a bin of a training trial.
# - **B.** Leaving it out makes that more likely; the pinch of the mean rate is there against it.
# - **C.** Right. A choice is made on data that took no part in the estimate.
#
# </details>
#
# **Question 4.** In SCs, the width with the best likelihood is wider than the one with the least
# squared error. Why?
#
# - **A.** There are too few trials to find the right one.
# - **B.** The likelihood counts errors relative to the rate, so the long quiet stretches decide.
# - **C.** The Gaussian has the wrong shape for bursts.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** With the true rate in hand there is nothing to find, and it is too wide all the same.
# - **B.** Right. In the quiet a wide kernel is good, and the bursts pay for it.
# - **C.** Both criteria judge the same Gaussians, so the shape cannot set them apart.
#
# </details>
#
# **Question 5.** Somebody widens the kernel of the score, and R² of a finished model doubles. What has
# happened?
#
# - **A.** The model has become better.
# - **B.** The model overfits the smoothed counts.
# - **C.** The counts that it is compared with have lost noise, and the ceiling has gone up, too.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** It is finished: it predicts what it did before. Only the ruler has changed.
# - **B.** It was never fitted to them. A score is no training.
# - **C.** Right. Compare R² with the ceiling at the same width.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 2.1 ★★: a Gaussian of your own
#
# Smooth the first trial of the first region, `counts[0, :, 0]`, with a Gaussian whose SD is 4 bins,
# cut off at 16 bins on either side. Use `np.convolve`, and let a constant stay constant at the
# edges.
#
# <details>
# <summary>Hint 1</summary>
#
# The weights are `np.exp(-0.5 * (lags / 4) ** 2)` for the lags from −16 to 16, divided by their
# sum. `np.convolve(…, mode="same")` keeps the result centred and as long as the trial.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Convolve a trial of ones, too. Where it comes out below 1, weight has been lost over the edge.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# lags = np.arange(-16, 17)
# weights = np.exp(-0.5 * (lags / 4) ** 2)
# weights /= weights.sum()
# inside = np.convolve(np.ones(session.n_bins), weights, mode="same")
# my_rate = np.convolve(counts[0, :, 0], weights, mode="same") / inside
# ```
#
# It equals `smooth(counts, gaussian(4 * dt, dt))[0, :, 0]`.
#
# </details>

# %% tags=["exercise"]
my_rate = ...  # (bins,)

# %% tags=["hide-cell", "solution"]
# @title Solution 2.1
lags = np.arange(-16, 17)
bell = np.exp(-0.5 * (lags / 4) ** 2)
total, bell = bell.sum(), bell / bell.sum()
lost = np.convolve(counts[0, :, 0], bell, mode="same")
inside = np.convolve(np.ones(session.n_bins), bell, mode="same")
mistakes = {
    "The edges sag: divide by the weight inside the trial.": lost,
    "Divide the weights by their sum.": lost * total,
    "Divide the weights by their sum, in both.": lost / inside * total,
}
check(my_rate, lost / inside, mistakes, tolerance=1e-3, name="2.1")
own = gaussian(4 * dt, dt)
np.testing.assert_allclose(lost / inside, smooth(counts[:1], own)[0, :, 0])

# %% [markdown]
# ### Exercise 2.2 ★★: what if the bin is not left out?
#
# Leaving the bin out is the heart of the method. Skip it: compute the likelihood in bits per spike
# for every SD in `widths`, from the matrix *with* its diagonal. For region number 0, which SD (in
# seconds) wins?
#
# <details>
# <summary>Hint 1</summary>
#
# The cell under "Let spikes judge", without the lines that change `weights`: `expected` is just
# `smooth(counts[train], gaussian(sd, dt))`. Put it in a loop over `widths`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `expected` can be 0 only where the count is 0 as well, and `xlogy` knows that 0 · log 0 is 0. So
# the sum is fine for every width.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# scores = []
# for sd in widths:
#     expected = smooth(counts[train], gaussian(sd, dt))
#     gain = xlogy(counts[train], expected / mean) - (expected - mean)
#     scores.append(gain.sum(axis=(0, 1))[0])
# my_width = widths[np.argmax(scores)]
# ```
#
# The narrowest wins: a bin is its own best predictor.
# That is overfitting in its purest form, and the reason why every choice in this book is made on
# data that were left out.
#
# </details>

# %% tags=["exercise"]
my_width = ...  # seconds

# %% tags=["hide-cell", "solution"]
# @title Solution 2.2
scores = []
for sd in widths:
    expected = smooth(counts[train], gaussian(sd, dt))
    gain = xlogy(counts[train], expected / mean) - (expected - mean)
    scores.append(gain.sum(axis=(0, 1))[0])
narrowest, left_out = widths[np.argmax(scores)], chosen.best_per_region[0]
mistakes = {
    "There the bin is left out: keep the diagonal.": left_out,
    "That is in milliseconds: give seconds.": 1000 * narrowest,
    "That is the place in the list: give widths[…].": np.argmax(scores),
}
check(my_width, narrowest, mistakes, name="2.2")
assert narrowest == widths.min()

# %% [markdown]
# ### Exercise 2.3 ★: fewer neurons
#
# Take only every fourth neuron of the region `regions[one]`. Before you compute anything: will the
# best width be narrower or wider? Then let `choose_bandwidth` say, on the trials `train` and with
# the same `widths`.
#
# <details>
# <summary>Hint 1</summary>
#
# `session.spikes[train][..., session.regions == regions[one]]` has the spikes of the region's
# neurons, (trials, bins, neurons).
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Take `[..., ::4]` of that and sum over neurons. `keepdims=True` gives the shape (trials, bins, 1)
# that `choose_bandwidth` wants.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# own = session.spikes[train][..., session.regions == regions[one]]
# few = own[..., ::4].sum(axis=-1, keepdims=True)
# my_best = choose_bandwidth(few, dt, widths, gaussian).best
# ```
#
# Wider, as a rule. With a quarter of the spikes there is the same signal and more
# noise, so it takes a longer average to tell them apart. (If the widest of the list wins, all we know is
# that the best lies there or beyond.) The best width belongs to the *recording*, not to the brain.
#
# </details>

# %% tags=["exercise"]
my_best = ...  # seconds

# %% tags=["hide-cell", "solution"]
# @title Solution 2.3
own = session.spikes[train][..., session.regions == regions[one]]
few = own[..., ::4].sum(axis=-1, keepdims=True)
best_of_few = choose_bandwidth(few, dt, widths, gaussian).best
best_of_all = chosen.best_per_region[one]
mistakes = {
    "That is the width for all neurons.": best_of_all,
    "That is in milliseconds: give seconds.": 1000 * best_of_few,
}
check(my_best, best_of_few, mistakes, name="2.3")
print(f"all neurons {best_of_all:g} s, every fourth {best_of_few:g} s")
if truth is not None:
    assert best_of_few > best_of_all

# %% [markdown]
# ### Exercise 2.4 ★★★: a width that changes
#
# Around a saccade a rate changes quickly, and between saccades slowly, so no single width suits both.
# Build an estimate for one region whose width depends on the moment, for instance two smoothed rates
# and a weight between them, made from the speed of the eye or from the spikes themselves. Does it
# come closer to the true rate than the best single Gaussian? How would you judge it without a truth?
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A rule with as few numbers as possible, chosen on the training trials and not by the truth.
# - The squared error to the true rate beside that of the best single width, for several mice, as
#   paired differences.
# - A judgement by held-out spikes: each bin left out of its own estimate, in the weight, too.
# - A word on the danger: a rate whose smoothing was steered by the *eye* must not be used to test
#   whether the region follows the eye.
#
# </details>

# %% tags=["exercise"]
my_adaptive = ...  # (trials, bins)

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 2.2 is the one to do in class: few lines, and a result that startles. 2.3 is
# > quick if somebody helps with the indexing.
# >
# > **Typical mistakes, and what to say.**
# > 2.0: half of the width ("what is the lag of a spike in its own bin?").
# > 2.1: the weights are cut off and not divided by their sum; or the edges sag ("smooth a trial of
# > ones and look").
# > 2.2: the diagonal is still set to zero, because `weights` is taken from above.
# > 2.3: neurons of all regions are thinned out, or the sum over neurons is left out.
# > 2.4: the width is tuned to the truth ("could you have done that with a real mouse?").

# %% [markdown]
# ## Recap
#
# - Convolution replaces every spike by a copy of the kernel; seen from a bin, it is a weighted mean
#   of neighbours.
# - Causal kernels make rates late. Silent edges make a ramp that any clock can predict.
# - The width can be chosen by held-out likelihood, from the spikes alone. It comes out somewhat
#   wide where spikes come in bursts, at little cost.
# - R² grows with the width while predictions stay the same. Declare the kernel, and compare with
#   the ceiling.
# - Next: chapter 3, linear models.
