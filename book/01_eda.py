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
# # 1. Exploring the data
#
# *What is in a recording session, and what could the pupil tell us about the neurons?*
#
# **Goals.** By the end you can
#
# - describe a session by its trials, bins, neurons and regions;
# - find saccades and blinks in a pupil trace;
# - turn spikes into a PSTH and a saccade-triggered average;
# - say which regions and sessions are worth modelling;
# - split trials so that a test score means something.
#
# **Time.** About 45 minutes, 50 more with the quiz and the exercises. Runs in about a minute on a
# laptop.
#
# **What you need.** Python with NumPy and Matplotlib. No neuroscience beyond "neurons fire spikes".
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you see
# can be checked against the truth. It is shaped like a real recording of [Steinmetz and colleagues,
# 2019](https://doi.org/10.1038/s41586-019-1787-x). To explore that one instead, change the line
# that starts with `session =` to `session = load_session("steinmetz", index=12)` (a large download,
# once).

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Let everybody run the set-up cell before you say a word: it takes a minute on
# > Colab, and whoever has no runtime finds out now.
# >
# > **On the board.** Draw one trial as a strip of bins, with the pupil above and ticks below, and keep
# > it there all day. Write the three axes next to it: trials, bins, and channels or neurons. Most
# > errors of shape later on are cured by pointing at it.
# >
# > **If time is short**, leave out "Why twenty neurons?" and give the rule; do not leave out the last
# > section: chapters 8 and 9 stand on it.

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
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy.signal import find_peaks
from scipy.stats import pearsonr

from pupil_helpers import blocked_folds, boxcar, check, evaluation_kernel
from pupil_helpers import explore, load_session, psth_relative, smooth
from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.metrics.scores import psth
from pupil_helpers.plotting import eda, folds, region_palette, use_style
from pupil_helpers.session import CHANNELS
from pupil_helpers.signals.splits import random_split

use_style()

# %%
session = load_session("simulated")
print(session.name)
print("pupil ", session.pupil.shape, session.pupil.dtype)
print("spikes", session.spikes.shape, session.spikes.dtype)

# %% [markdown]
# ## What a session is
#
# A mouse sits in front of a screen with its head held still. Now and then a pattern appears on the
# left, on the right or on both sides, and the mouse turns a wheel to say which one was stronger.
# Meanwhile a camera films one eye, and thin probes record the spikes of hundreds of neurons. One
# such sitting is a **session**.
#
# The session has been cut into **trials**, each from half a second before the stimulus to two
# seconds after it, and each trial into **bins** of 10 ms. So there are two arrays:
#
# - `pupil`, (trials, bins, 3): the pupil's area, and its position x and y;
# - `spikes`, (trials, bins, neurons): how many spikes each neuron fired in each bin.
#
# The order trials, bins, features never changes in this book. What happened in each trial is in a
# table with one row per trial. Times are in seconds from stimulus onset.

# %%
session.trials.head().round(2)

# %% [markdown]
# Every neuron belongs to a brain **region**. How many neurons are there in each, and how often do
# they fire?

# %%
table = session.region_table()
table.round(1)

# %% [markdown]
# Six regions come back all through this book. Three of them have to do with vision and with eye
# movements: **SCs** and **SCm**, the sensory and the motor layers of the superior colliculus, and
# **LGd**, the visual part of the thalamus. The original PupilEncoder modelled these three. **MRN**
# (midbrain reticular nucleus), **CA1** (hippocampus) and **VISam** (a visual area of the cortex)
# are here for comparison. A recording of other places is followed in its largest regions, and a
# region that never fires is left out.

# %%
wanted = ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
fires = table.index[table["rate_hz"] > 0]
regions = [name for name in wanted if name in fires]
if len(regions) < 3:  # a recording of other places: its largest regions
    regions = list(fires[:6])
counts = session.region_counts(regions)  # (trials, bins, regions)
neurons = table.loc[regions, "neurons"].to_numpy()  # (regions,)
print(regions, counts.shape)

# %% [markdown]
# Before any statistics, look at the raw data. This is one whole trial: the pupil above, every spike
# of every neuron below. Each small tick is a spike, each row a neuron. Of the trials in which a few
# pupil samples are missing, we take the one in which the eye moves most.

# %%
gaps = session.missing[..., 0].mean(axis=1)  # (trials,)
path = np.abs(np.diff(session.pupil[..., 1:], axis=1))
path = np.nan_to_num(path).sum(axis=(1, 2))  # (trials,), pixels
trial = int(np.where((gaps > 0) & (gaps < 0.2), path, -1).argmax())

# %% mystnb={"image": {"alt": "One trial. Pupil area goes up and down slowly; x and y rest and then jump together, four times. A grey band marks a blink without samples. Below, spikes of six regions as ticks, in bands of one colour per region: some neurons fire all the time, most fire rarely."}}
eda.trial_view(session, trial, regions)
plt.show()

# %% [markdown]
# Three things to see. The **area** changes slowly. The **position** hardly moves and then, all at
# once, jumps: such a jump is a saccade. And the spikes are *sparse*: a neuron that fires five times
# per second has nothing to say in most bins of 10 ms.

# %%
empty = (session.spikes == 0).mean()
print(f"{empty:.0%} of all bins of single neurons hold no spike")

# %% [markdown]
# ## The pupil
#
# ### Area: slow
#
# Now all trials at once. Every row of the picture is a trial, and its colour is the pupil's area.
# Short blank strokes are blinks.

# %% mystnb={"image": {"alt": "Left: a picture with one row per trial and one column per bin, coloured by pupil area; whole groups of neighbouring rows are brighter or darker, and short blank strokes are blinks. Right: the mean area of each trial wanders up and down over the session."}}
eda.whole_session(session)
plt.show()

# %% [markdown]
# Look along the rows first: towards the end of a trial, after the response and its reward, the
# pupil often grows. Then look down the columns: neighbouring rows resemble each other, because the
# mouse is now more and now less aroused, for minutes at a time. In light that does not change,
# pupil size is one of the best outward signs of that inner state ([Reimer and colleagues,
# 2014](https://doi.org/10.1016/j.neuron.2014.09.033); [McGinley and colleagues,
# 2015](https://doi.org/10.1016/j.neuron.2015.05.038)). It also means that trials are *not
# independent of each other*. Keep this in mind; it comes back at the end of the chapter with teeth.
#
# ### Position: fast
#
# A saccade takes some 50 ms, and between saccades the eye rests, or nearly: gaze wanders a little.
# To find saccades, take the speed of the eye and look for peaks above a threshold, at least ten
# bins apart. The threshold is a multiple of the *median* speed, which measures this slow wandering
# and the camera's noise: the eye is between saccades most of the time, and a median does not care
# about a few fast moments. (The smallest saccades do not reach the threshold. A lower one would find
# some of them, and more and more noise.)

# %%
dt = session.bin_size  # s
velocity = np.gradient(session.pupil[..., 1:], dt, axis=1)
vx, vy = velocity[..., 0], velocity[..., 1]  # (trials, bins), pixels/s
speed = np.hypot(vx, vy)
measured = speed[np.isfinite(speed)]
threshold = 6 * np.median(measured) if measured.size else np.inf

found = []  # trial and bin of every saccade
for k, trace in enumerate(np.nan_to_num(speed)):
    bins, _ = find_peaks(trace, height=threshold, distance=10)
    found += [(k, peak) for peak in bins]
saccades = np.array(found, dtype=int).reshape(-1, 2)  # (saccades, 2)
per_second = len(saccades) / (speed.size * dt)
print(f"{len(saccades)} saccades, {per_second:.2f} per second")

# %% mystnb={"image": {"alt": "Above, eye position x and y over one trial, nearly constant but for sudden jumps. Below, the speed of the eye: a low noisy floor with tall narrow peaks far above the dashed threshold and one that barely reaches it; each is marked by a green band that also covers the jump above."}}
if measured.size:
    eda.saccades(session, trial, speed, threshold, saccades)
    plt.show()
else:
    print("This recording holds no eye position: no saccades to find.")

# %% [markdown]
# **Try it.** The factor 6 was a choice. Answer first, then move it: with a third of it, will there
# be a few more saccades, or several times as many? And with twice the factor?

# %%
factors = [2, 3, 4, 6, 9, 12]
slow = np.median(measured) if measured.size else np.nan
peaks = {}  # per second, in the whole session
for factor in factors:
    n = 0
    for trace in np.nan_to_num(speed):
        n += len(find_peaks(trace, height=factor * slow, distance=10)[0])
    peaks[factor] = n / (speed.size * dt)


def with_factor(factor):
    trace = np.nan_to_num(speed[trial])
    above = find_peaks(trace, height=factor * slow, distance=10)[0]
    return eda.threshold(session.time, trace, factor * slow, above)


def in_words(factor):
    return f"{factor} times the median: {peaks[factor]:.2f} per second"


# %%
if measured.size:
    explore(
        with_factor,
        factor=factors,
        start={"factor": 6},
        caption=in_words,
        alt=lambda factor: (
            f"Speed of the eye in a trial, {in_words(factor)}."
        ),
    )

# %% [markdown]
# In the simulated mouse the lowest factor finds several times as many, and the new ones look like any
# other wiggle of the floor: most are noise. Twice the factor loses only a few, the smallest. From a
# factor of 3 on the number changes little, because most saccades stand far above the floor. So the
# choice matters little in a wide range, and that is the best that can be said of a threshold. Choose
# it before you look at the neurons.

# %%
if session.truth is not None:
    assert peaks[2] > 2.5 * peaks[6]
    assert peaks[3] < 1.5 * peaks[12]
    assert peaks[12] > 0.75 * peaks[6]

# %% [markdown]
# **Your turn (two minutes).** In how many trials did we find no saccade at all? `saccades` has a row
# for each saccade: its trial and its bin.
#
# <details>
# <summary>Hint</summary>
#
# `np.unique(saccades[:, 0])` has every trial with a saccade once.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_quiet = session.n_trials - len(np.unique(saccades[:, 0]))
# ```
#
# Those trials are quiet by our threshold: small saccades went by unseen.
#
# </details>

# %% tags=["exercise"]
my_quiet = ...  # trials

# %% tags=["hide-cell", "solution"]
# @title Solution 1.0
moving = len(np.unique(saccades[:, 0]))
mistakes = {
    "Those are the trials with a saccade: we want the others.": moving,
    "Count trials, not saccades: one trial can hold several.": abs(
        session.n_trials - len(saccades)
    ),
}
check(my_quiet, session.n_trials - moving, mistakes, name="1.0")

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Two minutes by the clock, then ask somebody for the number and somebody else
# > how they got it. Usual slip: the saccades are subtracted from the trials. Say: "can one trial hold
# > two?" It is the same slip that exercise 1.1 punishes for blinks.

# %% [markdown]
# ### Blinks: missing
#
# When the eye closes there is no pupil to measure. Those samples are stored as `NaN`, "not a
# number", so that nobody mistakes them for measurements. How much is missing?

# %%
missing = session.missing
print(f"{missing.mean():.1%} of the samples are missing")
print(f"{missing.any(axis=(1, 2)).mean():.0%} of the trials miss some")

# %% [markdown]
# In the simulated mouse these are few samples, but many trials: throwing away every trial with a
# blink would be a waste. Later the model gets the gaps filled with a neutral value *and* a mask
# that says "this was missing", so that it can learn what a blink means.
#
# **A common mistake** is to draw a straight line across the gap and forget about it. A closing lid
# shrinks the visible pupil just before the gap and just after it, so such a line starts and ends at
# wrong values, and the model is never told.
#
# ## Spikes
#
# ### Counts vary more than chance
#
# If a neuron fired at a fixed rate, with each spike independent of the others, the number of spikes
# per trial would follow a Poisson distribution, whose variance equals its mean. The ratio of the
# two is the **Fano factor**.

# %%
ours = np.isin(session.regions, regions)
totals = session.spikes.sum(axis=1)[:, ours]  # (trials, neurons)
mean, variance = totals.mean(axis=0), totals.var(axis=0)  # (neurons,)
fano = variance[mean > 0] / mean[mean > 0]
print(f"median Fano factor {np.median(fano):.1f}")

# %% mystnb={"image": {"alt": "Variance of the spike count against its mean, one dot per neuron on logarithmic axes, coloured by region. Nearly all dots lie above the diagonal line that marks a Poisson process, the more so the higher the mean."}}
region = session.regions[ours]
look = {"palette": region_palette(regions), "hue_order": regions}
look |= {"s": 20, "alpha": 0.7, "lw": 0}
plt.figure(figsize=(5.5, 4))
ax = sns.scatterplot(x=mean, y=variance, hue=region, **look)
ax.axline((1, 1), (2, 2), color="black", lw=1, label="Poisson")
ax.set(xscale="log", xlabel="mean count (spikes per trial)")
ax.set(yscale="log", ylabel="variance (spikes² per trial)")
ax.legend(ncols=2, fontsize=8)
plt.show()

# %% [markdown]
# Above the line, something changes the rate from trial to trial, and that is good news: if nothing
# did, there would be nothing for the pupil to explain. The question of this book is how much of the
# surplus follows the pupil. (The counts are over whole trials. In a shorter window the same
# fluctuations add less, and the Fano factor is closer to 1.)
#
# ### The average response
#
# The oldest summary of a neuron's response is the **PSTH**, the peri-stimulus time histogram:
# average over trials, and keep time. Spikes are few, so we also average over 100 ms of neighbouring
# bins; chapter 2 looks at what that does.

# %%
per_neuron = counts / neurons / dt  # spikes/s
rate = smooth(per_neuron, boxcar(0.1, dt))
average = rate.mean(axis=0)  # (bins, regions)
error = rate.std(axis=0) / np.sqrt(session.n_trials)

# %% mystnb={"image": {"alt": "Six small panels with the mean rate of a region over the trial. Most regions fire more just after the stimulus, LGd most clearly, and then return to about where they were; MRN stays flat. Narrow bands show the standard error."}}
eda.rates_over_time(session.time, average, error, regions)
plt.show()

# %% [markdown]
# Most regions of the simulated mouse answer the stimulus. (Each panel has a scale of its own: the
# wiggles of MRN are small, and as wide as its standard error.) But how much of what a region does in
# a *single* trial is its average? Take the variance of the average and divide it by the variance of all single trials.

# %%
share = average.var(axis=0) / rate.var(axis=(0, 1))
for name, part in zip(regions, share, strict=True):
    print(f"{name:6} {part:.1%} of the variance")
if session.truth is not None:
    assert share.max() < 0.15

# %% [markdown]
# The rest is different in every trial. Much of it is noise that nobody can predict, and some of it,
# we hope, goes with the eye. So the PSTH is the first thing that a model of this book has to beat:
# predicting it takes no pupil at all.
#
# ## Do the spikes follow the eye?
#
# **Predict first.** SCs receives what the eye sees, and SCm sends commands to the eye's muscles. Where
# will each of them fire most: before the eye moves, while it moves, or after it? Write it down.
#
# There is a first answer without any model. Cut out the rate around each saccade, and average.
# Before that, take away the PSTH, or else saccades that tend to come after the stimulus would
# borrow its response.

# %%
before, after = 40, 50  # bins
room = session.n_bins - after
whole = (saccades[:, 1] >= before) & (saccades[:, 1] < room)
raw = per_neuron - per_neuron.mean(axis=0)  # PSTH removed; spikes/s
raw = smooth(raw, boxcar(0.03, dt))
t, b = saccades[whole].T
offsets = np.arange(-before, after)  # bins
cuts = raw[t[:, None], b[:, None] + offsets]  # (saccades, lags, regions)
lags = offsets * dt  # seconds

# %% [markdown]
# In the simulated mouse we know the answer: `session.truth` says at which lag each region responds
# to eye movements in x. A triangle marks it where there is one. (With a real recording there is no
# truth, and no triangle.)

# %% mystnb={"image": {"alt": "Six panels with the rate around saccades. SCs rises sharply just after the saccade, SCm rises just before it, and LGd dips just after it; each peak is near the triangle that marks the true lag. MRN, CA1 and VISam stay near zero."}}
true_lags = None
if session.truth is not None:
    rows = list(session.truth.regions)
    true_lags = [
        session.truth.peak_lag[rows.index(name), 1] for name in regions
    ]
if len(cuts):
    around = cuts.mean(axis=0)  # (lags, regions)
    around_error = cuts.std(axis=0) / np.sqrt(len(cuts))
    eda.around_saccades(lags, around, around_error, regions, true_lags)
    plt.show()
else:
    print("No saccades were found: nothing to average around them.")

# %% [markdown]
# This one picture holds much of what follows. In the simulated mouse, SCs fires *after* the eye has
# moved. SCm fires *before* it, as neurons that command saccades do: in monkeys, those of the deep
# colliculus burst just before the eye moves ([Sparks,
# 1986](https://doi.org/10.1152/physrev.1986.66.1.118)). To predict SCm from the pupil, a model has
# to look into the *future* of the pupil. LGd goes quiet for a moment. The other three do not care.
#
# (The colliculus has to do with the *size* of the pupil, too. The pupil widens when something
# catches the attention, and the deep layers take part in that: [Wang and Munoz,
# 2015](https://doi.org/10.1016/j.conb.2015.03.018).)
#
# How well do the peaks agree with the truth?

# %%
if session.truth is not None:
    peak = lags[np.abs(around).argmax(axis=0)]
    for name, found, true in zip(regions, peak, true_lags, strict=True):
        if np.isfinite(true):
            off = f"truth {1000 * true:+.0f} ms"
            print(f"{name}: {1000 * found:+.0f} ms, {off}")
            assert abs(found - true) <= 0.03

# %% [markdown]
# ## Which regions, which sessions?
#
# Not every recording can answer the question. What we ask of one, before we look at any score:
#
# - **The pupil was measured**: area, x and y, with few gaps. Some published copies hold area only.
# - **Trials**: a hundred at the very least and better a few hundred, or else five test blocks are
#   too short to mean anything.
# - **Neurons**: twenty in a region. A region's summed activity gets cleaner with every neuron.
# - **A reason**: a path from the eye, or to it. Colliculus and thalamus have one. It is wise to
#   keep regions *without* a reason too, as a check on yourself.
#
# ### Why twenty neurons?
#
# The share of a region's variance that its true rate explains is its **ceiling**: what a perfect
# model would score. It grows with the number of neurons, because their noise averages out. With a
# real recording nobody knows the true rate. The ceiling is then *estimated*, from how well two
# halves of the neurons agree (chapter 8 says how). How good is that estimate? Take six other
# simulated mice, where both numbers can be had, and some of the neurons of each region.

# %%
kernel = evaluation_kernel(dt)  # 100 ms
mice = [
    load_session("simulated", seed=k, n_trials=200) for k in range(1, 7)
]
rows = []
for mouse, name, n in product(mice, wanted, [5, 10, 20, 30]):
    own = np.flatnonzero(mouse.regions == name)[:n]
    spikes, rates = mouse.spikes[..., own], mouse.truth.rates[..., own]
    summed = spikes.sum(axis=-1, keepdims=True)
    expected = rates.sum(axis=-1, keepdims=True)
    true = known_ceiling(summed, expected, kernel)[0]
    rows.append([name, n, true, split_half_ceiling(spikes, kernel)])
ceilings = pd.DataFrame(
    rows, columns=["region", "neurons", "true", "estimated"]
)

# %% mystnb={"image": {"alt": "Left: the true ceiling against the number of neurons, one line per region; all rise, LGd highest and CA1 and VISam lowest. Right: the estimated ceiling as a multiple of the true one, a dot per mouse and region. With five and ten neurons dots scatter from below zero to three; with twenty and thirty most lie in the grey band within a quarter of one."}}
eda.ceilings(ceilings)
plt.show()

# %%
off = (ceilings["estimated"] / ceilings["true"] - 1).abs()
close = (off < 0.25).groupby(ceilings["neurons"]).mean()
for n, part in close.items():
    print(f"{n} neurons: {part:.0%} of the estimates within a quarter")
assert close[20] > 0.6
assert close[10] < 0.5

# %% [markdown]
# On the left, the ceiling rises with every neuron. On the right, few neurons leave it badly known:
# one cannot tell a region in which there is little to predict from one in which there is none.
# Twenty is the smallest of these sizes at which most estimates are within a quarter of the truth,
# so this book draws the line there. Nothing jumps at twenty. A region in
# which there is as much to predict as in LGd can do with ten, and one like CA1 needs more.

# %%
print(f"trials {session.n_trials}")
for channel, gaps in zip(CHANNELS, missing.mean(axis=(0, 1)), strict=True):
    print(f"{channel}: {gaps:.1%} missing")
candidates = table[(table["neurons"] >= 20) & (table["rate_hz"] >= 1)]
print("enough neurons and spikes:", ", ".join(candidates.index) or "none")

# %% [markdown]
# Rules like these must not depend on the result. Choosing the session or the region in which the
# model happens to score best, and then reporting that score, is a way of fooling oneself that no
# statistics later on can undo. The original PupilEncoder used recording number 12 of 39, which has
# SCs, SCm and LGd all at once. Few of the others do, and the simulated mouse is shaped like it.
#
# ## Which trials to test on
#
# A model is tested on trials that it has not seen. The usual way is to pick a fifth of the trials
# at random. Here is why that goes wrong. Take the mean of every trial, and follow it through the
# session.

# %% mystnb={"image": {"alt": "One value per trial and its running mean, for pupil area and six regions, one strip each. Pupil area and LGd wander together over tens of trials; CA1 and others wander slowly too, each in its own way; MRN stays closer to a flat line."}}
means = pd.DataFrame(
    counts.mean(axis=1), columns=regions
)  # a row per trial
means.insert(
    0, "pupil area", pd.DataFrame(session.pupil[..., 0]).mean(axis=1)
)
folds.drift(dict((means - means.mean()) / means.std()))
plt.show()

# %% [markdown]
# In the simulated mouse nearly everything drifts. Some regions drift with the pupil because they depend on it. Others
# drift on their own. Can a textbook test, which takes the trials for independent, tell the two
# apart?

# %%
truth, seen = (
    session.truth,
    means.dropna(),
)  # trials in which the pupil was seen
driven = [] if truth is None else list(truth.regions[truth.driven])
for name in regions:
    r, p = pearsonr(seen["pupil area"], seen[name])
    assert truth is None or (p < 0.05) == (name in driven)
    note = "truly driven by the pupil" if name in driven else ""
    print(f"{name:6} r = {r:+.2f}   textbook p = {p:.2g}   {note}")

# %% [markdown]
# In the simulated mouse it is right about all six. Was that skill or luck? Any two slow signals agree or
# disagree for long stretches by accident. The textbook promises a false alarm in 5 % of cases where
# there is nothing to find. Does it keep the promise? Take forty other simulated mice, with short
# trials to save time. In none of them does CA1 have anything to do with the pupil. It only drifts.
#
# **Predict first.** Two alarms in forty mice were promised. How many will there be: two, about five,
# or more than ten?

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Take a show of hands for two, five, and more than ten, and write the counts on
# > the board before anybody runs the cell. Few expect what comes, and they will remember it.
# >
# > **What students say.** "The test is broken." It is not: it was told that trials are independent.
# > Ask how many *independent* trials there are if the mouse changes its mind every fifty.

# %%
alarms = 0
for seed in range(100, 140):
    other = load_session("simulated", seed=seed, n_bins=20, blink_rate=0)
    area = other.pupil[..., 0].mean(axis=1)
    unrelated = other.region_counts("CA1").mean(axis=(1, 2))
    alarms += pearsonr(area, unrelated).pvalue < 0.05
print(f"{alarms} false alarms in 40 mice, {0.05 * 40:.0f} were promised")
assert alarms > 4

# %% [markdown]
# [Yule, 1926](https://doi.org/10.2307/2341482) called these *nonsense correlations*. Chapter 9
# builds a test that is not fooled ([Harris, 2020](https://doi.org/10.1101/2020.11.29.402719)).
#
# ### A predictor that knows nothing
#
# Drift also leaks from training trials to test trials. To see it, predict each test trial from the
# four *training* trials nearest to it in time: the PSTH, scaled to their activity. No pupil is
# involved, so an honest test should give this predictor nothing.
#
# The score is the one of this whole book: how much of the PSTH's squared error is removed. 1 is
# perfect, 0 is no better than the PSTH, and below 0 is worse.


# %%
def score_nearest(split, n_near=4):
    """Predict test trials from those nearest in time. No pupil."""
    away = np.abs(split.test[:, None] - split.train)  # (test, train)
    near = split.train[away.argsort(axis=1)[:, :n_near]]  # (test, n_near)
    mean = psth(counts[split.train])  # (bins, regions)
    level = counts[near].mean(axis=(1, 2))  # (test, regions)
    predicted = (level / mean.mean(axis=0))[:, None] * mean
    return psth_relative(counts[split.test], predicted, mean, kernel)


n = session.n_trials
kinds = {
    "random split": [random_split(n, seed=seed) for seed in range(42, 47)],
    "blocked split": blocked_folds(n, n_folds=5, gap=2),
}
scores = pd.DataFrame(index=regions)
for kind, splits in kinds.items():
    found = [score_nearest(split) for split in splits]
    scores[kind] = np.mean(found, axis=0)

# %% mystnb={"image": {"alt": "Bars per region for a predictor without any pupil. With the random split it scores above zero in every region, most in LGd and hardly in MRN. With the blocked split it scores clearly below zero in five regions, and zero in LGd."}}
tall = scores.melt(ignore_index=False, var_name="split").reset_index()
ax = sns.barplot(tall, x="index", y="value", hue="split", saturation=1)
score = "PSTH-relative score\n(share of squared error removed)"
ax.set(xlabel="region", ylabel=score)
plt.show()

# %% [markdown]
# In the simulated mouse, with the random split, a predictor that has never seen the pupil scores
# well, because every test trial has near-copies right next to it in the training set. A flexible
# model with a slow input can do the same without anybody noticing: the pupil's area tells it *when*
# in the session it is. With **contiguous blocks** the advantage is gone: nowhere is anything left
# above zero, and everywhere but in LGd the nearest trials are clearly worse than the plain average.

# %%
print(scores.round(3))
if session.truth is not None:
    leaky = scores.loc[["SCs", "SCm", "LGd", "CA1"]]
    assert (leaky["random split"] > 0.02).all()
    assert scores.loc["LGd", "blocked split"] < 0.01
    assert (scores["blocked split"].drop("LGd") < -0.03).all()

# %% [markdown]
# This is how blocked folds look beside the original's random split. Every trial is tested exactly
# once. A gap of two trials on both sides of a test block is left out, so that neighbours across the
# border do not count.

# %% mystnb={"image": {"alt": "Six rows of trials. In the first, the random split, test trials are scattered as thin lines among training trials. In the five blocked folds below, the test trials are one solid block each, moving from the start of the session to its end."}}
named = {"random": random_split(session.n_trials)}
for k, split in enumerate(kinds["blocked split"]):
    named[f"fold {k}"] = split
folds.splits(named, session.n_trials)
plt.show()

# %% [markdown]
# **A common mistake** is to think that a blocked split is only "stricter". It answers another
# question. A random split asks how well the model fills gaps between trials it knows. A blocked
# split asks how well it does in a stretch of time that it has not been in, and that is what we mean
# when we say that the pupil predicts the neurons.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** The threshold for saccades is a multiple of the *median* speed, not of its mean.
# Why?
#
# - **A.** The median is quicker to compute.
# - **B.** The saccades themselves pull the mean up, and the more of them there are, the fewer would
#   be found.
# - **C.** The median is always larger, so that noise stays below the threshold.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** Speed of computing is no reason here: a median needs sorting, and takes longer.
# - **B.** Right. A yardstick for noise must not be made of what we measure with it.
# - **C.** Here it is the smaller of the two. A few large values move the mean, and not the median.
#
# </details>
#
# **Question 2.** A pupil trace has a gap because the mouse blinked. What does the model get?
#
# - **A.** A straight line across the gap.
# - **B.** Nothing: trials with a gap are left out.
# - **C.** A neutral value, and a mask that says that it is none.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Filling in looks harmless, but the closing lid falsifies both ends of the line, and nobody
#   tells the model that it is made up.
# - **B.** That seems clean, but many trials would go for few samples, and blinks come when
#   something happens: what is left is no fair sample.
# - **C.** Right. Then the model can learn what a blink means, rather than take it for a small pupil.
#
# </details>
#
# **Question 3.** A neuron has a Fano factor of 3 over whole trials. What follows?
#
# - **A.** Something changes its rate from trial to trial.
# - **B.** The pupil changes its rate from trial to trial.
# - **C.** The recording is noisy, and the neuron should be left out.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** Right. More variance than a fixed rate can make, and no word about where it comes from.
# - **B.** That takes surplus variance for evidence of one cause. Attention, thirst or a drifting
#   electrode would do as well.
# - **C.** That takes all variance for noise. Variance above Poisson is what a model can hope for.
#
# </details>
#
# **Question 4.** SCm fires before a saccade. Which model can predict it from the pupil?
#
# - **A.** Any that sees the pupil up to now.
# - **B.** Only one that sees the pupil after now as well.
# - **C.** None: a cause cannot be predicted from its effect.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** Up to now the eye has not moved yet: what SCm announces is not in the trace.
# - **B.** Right. It looks into the future of the pupil, which is fine for encoding, and cheating for
#   forecasting.
# - **C.** That takes prediction for causation. An effect tells a lot about its cause, as smoke does
#   about fire.
#
# </details>
#
# **Question 5.** A model without the pupil scores well on a random split and not on blocks. What has
# it learnt?
#
# - **A.** Nothing: blocks are too hard for any model.
# - **B.** At which time of the session a test trial lies, from its neighbours.
# - **C.** The average response to the stimulus.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** That takes a fair test for a strict one. Later chapters score well on blocks.
# - **B.** Right. Drift makes neighbours alike, and a random split leaves neighbours in training.
# - **C.** The score is measured against the PSTH: whoever knows only the average gets nothing.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 1.1 ★: how many blinks?
#
# We counted missing samples. How many *blinks* are there, that is, runs of missing area samples
# within a trial? A blink that goes on for twenty bins is one blink.
#
# <details>
# <summary>Hint 1</summary>
#
# A run of missing samples has one first sample: one that is missing while the sample before it is
# not.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# With `gone = session.missing[..., 0]`, compare `gone[:, 1:]` with `gone[:, :-1]`. What about a
# blink that is already going on in the first bin of a trial?
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# gone = session.missing[..., 0]  # (trials, bins)
# my_blinks = (gone[:, 1:] & ~gone[:, :-1]).sum() + gone[:, 0].sum()
# ```
#
# Each run is counted at its first sample. The second term counts the runs that the start of the
# trial cuts.
#
# </details>

# %% tags=["exercise"]
my_blinks = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 1.1
gone = session.missing[..., 0]  # (trials, bins)
inside = (gone[:, 1:] & ~gone[:, :-1]).sum()
blinks = inside + gone[:, 0].sum()
mistakes = {
    "That counts missing samples: count each run of them once.": gone.sum(),
    "Nearly: a trial can hold two blinks, or begin in one.": gone.any(
        axis=1
    ).sum(),
    "Nearly: blinks that a trial begins with are left out.": inside,
}
check(my_blinks, blinks, mistakes, name="1.1")

# %% [markdown]
# ### Exercise 1.2 ★★: does it matter which way the eye goes?
#
# The deep colliculus on one side of the brain sends the eye to the *other* side. Sort the saccades
# by direction, the sign of `vx` at their bin. For the region `SCm`, give two numbers: the mean of
# `cuts` over the 100 ms before the saccade, for saccades to the right (`vx > 0`) and to the left.
#
# <details>
# <summary>Hint 1</summary>
#
# `cuts` has shape (saccades, lags, regions), and its rows belong to `saccades[whole]`. So the
# direction is `vx[t, b]` for each row `t, b` of that.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The 100 ms before the saccade are the lags `before - 10` to `before` (not included), and the
# region is `regions.index("SCm")`. A boolean array picks the saccades.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# t, b = saccades[whole].T
# rightward = vx[t, b] > 0
# just_before = cuts[:, before - 10 : before, regions.index("SCm")].mean(axis=1)
# my_responses = [just_before[rightward].mean(), just_before[~rightward].mean()]
# ```
#
# SCm of the simulated mouse fires before saccades to the right, and hardly before those to the
# left. A linear function of velocity cannot do that: this is a nonlinearity, and a reason for a
# network.
#
# </details>

# %% tags=["exercise"]
my_responses = ...  # [to the right, to the left]

# %% tags=["hide-cell", "solution"]
# @title Solution 1.2
target = regions.index("SCm") if "SCm" in regions else 0
rightward = vx[tuple(saccades[whole].T)] > 0  # (saccades,)


def by_direction(first, last):
    cut = cuts[:, first:last, target].mean(axis=1)
    return np.array([cut[rightward].mean(), cut[~rightward].mean()])


if rightward.any() and not rightward.all():
    responses = by_direction(before - 10, before)
    later = by_direction(before, before + 10)
    mistakes = {
        "The two are swapped: to the right comes first.": responses[::-1],
        "Those are the 100 ms after the saccade.": later,
    }
    check(my_responses, responses, mistakes, tolerance=0.01, name="1.2")
    print(f"{responses.round(2)} spikes/s per neuron above the PSTH")
assert session.truth is None or responses[0] > 2 * abs(responses[1])

# %% [markdown]
# ### Exercise 1.3 ★★: cut the blocks yourself
#
# Write `my_fold(n_trials, k)` for block number `k` of five, and for any number of trials that divides
# by five. It gives back an array with a number for every trial: 2 if the trial is in the test block,
# 0 if it is one of the two trials on each side of the block, which are in neither part, and 1 if it
# trains.
#
# <details>
# <summary>Hint 1</summary>
#
# Begin with `np.ones(n_trials)`, and write the zeros before you write the twos. The test trials are
# `first` to `last` (not included), with `first = k * n_trials // 5`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# For block 0, `first - 2` is negative, and Python counts negative places from the end.
# `max(first - 2, 0)` is safe.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def my_fold(n_trials, k):
#     first, last = k * n_trials // 5, (k + 1) * n_trials // 5
#     role = np.ones(n_trials)
#     role[max(first - 2, 0) : last + 2] = 0
#     role[first:last] = 2
#     return role
# ```
#
# The first and the last block have a gap on one side only, because the session ends there.
#
# </details>


# %% tags=["exercise"]
def my_fold(n_trials, k): ...


# %% tags=["hide-cell", "solution"]
# @title Solution 1.3
def fold(k, gap=2):
    first, last = 20 * k, 20 * (k + 1)
    role = np.ones(100)
    role[max(first - gap, 0) : last + gap] = 0
    role[first:last] = 2
    return role


right = [fold(0), fold(1)]
mistakes = {
    "Trials beside the block still train.": [fold(0, 0), fold(1, 0)],
    "Training and test are swapped.": [(3 - role) % 3 for role in right],
    "One trial on each side is too few.": [fold(0, 1), fold(1, 1)],
    "Block 0: its first - 2 is negative.": [fold(0, 0), fold(1)],
}
check(
    lambda: [my_fold(100, 0), my_fold(100, 1)], right, mistakes, name="1.3"
)
assert (right[1][blocked_folds(100)[1].train] == 1).all()

# %% [markdown]
# ### Exercise 1.4 ★★★: rules before results
#
# You are given a recording that nobody has looked at, and may model three of its regions. Write down
# your rules for choosing them, with numbers, before you look at anything but how many neurons and
# trials there are. Then try them on other mice, `load_session("simulated", seed=k)` for a few `k`:
# which regions do they choose, and how often do they choose one that is not driven by the pupil
# (`session.truth.driven`)? Would you change a rule now, and may you?
#
# <details>
# <summary>What a good answer contains</summary>
#
# - Rules that a stranger could apply: a number of neurons, a rate, a number of trials, and what is
#   done about gaps. Each comes with a reason that does not mention a score.
# - A count over several mice, not one example, with what was expected beforehand.
# - At least one region kept as a control, *because* it should not follow the pupil.
# - The last question, answered: rules may change on mice that are then left out of the result, and
#   never on those that are reported.
#
# </details>

# %% tags=["exercise"]
my_rules = ...

# %% [markdown] tags=["teacher"]
# > **For the teacher.** In a class, give 1.1 to all, and let them choose between 1.2 and 1.3. Keep 1.4
# > for homework or for the last ten minutes as a discussion.
# >
# > **Typical mistakes, and what to say.**
# > 1.1: missing samples are counted, not runs ("how many times did it close?").
# > 1.2: `cuts` is indexed with a mask as long as `saccades`, not `saccades[whole]` ("which saccades had
# > room for a window?").
# > 1.3: block 0 gets no gap, because a negative index counts from the end. Let them print
# > `np.arange(10)[-2:3]`.
# > 1.4: rules that mention R². Ask whether they would have written that rule before they saw it.

# %% [markdown]
# ## Recap
#
# - A session is trials × bins × channels of pupil, and trials × bins × neurons of spikes.
# - Area is slow, position jumps, blinks are missing samples: three different kinds of information.
# - A PSTH explains little of a single trial, and needs no pupil. It is the score to beat.
# - In the simulated mouse SCs follows saccades and SCm leads them. So a model has to see the past
#   *and* the future of the pupil.
# - A region needs about twenty neurons, or it is not known how much there is to predict.
# - Everything drifts. Test on contiguous blocks with a gap, or drift will be taken for skill.
# - Next: chapter 2, from spikes to firing rates.
