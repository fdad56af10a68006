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
# # 8. Testing
#
# *How good is the model, how good could it be, and is it better than the others?*
#
# **Goals.** By the end you can
#
# - score a model per region beside baseline models, and say what each score asks;
# - put an interval to a score, and say which kinds of luck it holds and which it does not;
# - estimate how much of a region's activity any model could predict;
# - read a contest of models on many kinds of mice, one-mouse results included.
#
# **Time.** About 45 minutes, 50 more with the quiz and the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapters 1 to 4: blocked folds, smoothing, and the models that are compared
# here. Chapters 5 to 7 help, but are not needed.
#
# **The data.** Scores of fits on this page are those of the *simulated* mouse, whose true firing
# rates are known, so we can test the tests. The last section reads a stored table of many simulated
# mice. To use the real recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`. What compares with the truth is then left out.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Every part of this chapter answers the same objection: "compared with what?"
# > Let students raise it at every number, until they do so by themselves.
# >
# > **On the board.** A ruler for one region, from 0 to 1. Mark the constant and the PSTH, then the
# > ceiling; only then the model's score, with its interval. At the end of the lesson, add below: "of
# > this mouse, this session, these fits".
# >
# > **If time is short**, leave out "Three scores, three questions" and the widths of the kernel.

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
from scipy.stats import t as student_t

from pupil_helpers import PupilEncoder, bits_per_spike, boxcar, ceilings
from pupil_helpers import check, compare, differences, evaluation_kernel
from pupil_helpers import explore, load_session, out_of_fold
from pupil_helpers import psth_relative, r2, smooth, summary

# %%
from pupil_helpers.evaluation.mice import by_kind, leads, shares
from pupil_helpers.evaluation.mice import stored_scores
from pupil_helpers.metrics.ceilings import known_ceiling, split_half_ceiling
from pupil_helpers.metrics.scores import flattened_r2
from pupil_helpers.models.linear import PSTH, Constant, Ridge
from pupil_helpers.plotting import testing as figures, use_style
from pupil_helpers.recordings.kinds import DRIVEN

use_style()

# %%
session = load_session("simulated")
kernel = evaluation_kernel(session.bin_size)  # a boxcar of 100 ms
wanted = ["SCs", "SCm", "LGd", "CA1", "VISam"]
firing = session.region_table().query("rate_hz > 0").index
regions = [name for name in wanted if name in firing]
if len(regions) < 3:  # a recording of other places: its largest regions
    regions = list(firing[:5])
counts = session.region_counts(regions)  # (trials, bins, regions)
truth = None
if session.truth is not None:
    truth = session.true_region_rates(regions)
    driven = session.truth.regions[session.truth.driven]
print(session.name, counts.shape, regions)

# %% [markdown]
# In the simulated mouse that makes five regions. The pupil drives the first three (SCs, SCm, LGd).
# It has nothing to do with **CA1**, which drifts over the session on its own, nor with **VISam**,
# which answers the stimulus. A good model has to do well in the first three. In the other two it
# has to know when to be quiet.
#
# ## Beside three baseline models
#
# A score on its own means little. We put three **baseline models** beside it that anybody can
# understand:
#
# - **constant**: the mean count of each region, in every bin of every trial;
# - **PSTH**: the average response to the stimulus, the same in every trial. No pupil needed;
# - **ridge**: linear regression on the lagged pupil features of chapter 3.
#
# `compare` fits each of them on the training trials of blocked folds and scores it on the test
# block, several folds at a time. With a `folder` it also keeps what is finished, so that a long
# comparison goes on where it stopped. To be done in a minute, this page makes do with two folds
# instead of five (learn from one half of the session, predict the other), and with a `PupilEncoder`
# of three networks and a quarter of the training. Its networks start at random, so it is fitted
# with five **seeds**.

# %%
fast = {"n_members": 3, "n_updates": 100}  # the default: 5 and 200
models = {"constant": Constant(), "PSTH": PSTH(), "ridge": Ridge()}
models["PupilEncoder"] = PupilEncoder(**fast)
table = compare(session, models, regions, n_folds=2, seeds=range(5))
table.drop(columns="file").tail(3).round(3)

# %% [markdown]
# One row per model, region, fold and seed. The headline score of this book is the **PSTH-relative
# score**, the share of the PSTH's squared error that the model takes away:
#
# $$1 - \frac{\sum (y - \hat y)^2}{\sum (y - \bar y_{\mathrm{PSTH}})^2}$$
#
# with counts $y$ and prediction $\hat y$ smoothed alike, by a boxcar of 100 ms. 1 is perfect, 0 is
# no better than knowing the average trial. `out_of_fold` joins the test blocks of one seed, so that
# every trial is predicted once, by the model that had not seen it.

# %%
held = out_of_fold(table, "PupilEncoder", seed=0)
arrays = held.counts, held.predicted, held.psth
y, p, b = (smooth(array, kernel) for array in arrays)
error = ((y - p) ** 2).sum(axis=1)  # (trials, regions)
null = ((y - b) ** 2).sum(axis=1)
by_hand = 1 - error.sum(axis=0) / null.sum(axis=0)
np.testing.assert_allclose(by_hand, held.score("psth_relative"), atol=1e-5)
pd.Series(by_hand, regions).round(3)

# %% [markdown]
# ## How sure are we?
#
# Other trials would give another number. How different could it be? The **bootstrap** draws the
# test trials again, with replacement, and looks at how much the score changes. Trials next to each
# other are alike, so we draw whole blocks of 15 of them; single trials would pretend that we had
# more independent evidence than we have.

# %%
rng, n = np.random.default_rng(0), len(held.trials)
block = min(15, n // 5)
starts = rng.integers(n, size=(1000, n // block))
drawn = (starts[..., None] + np.arange(block)) % n
drawn = drawn.reshape(1000, -1)  # (draws, trials)
again = 1 - error[drawn].sum(axis=1) / null[drawn].sum(axis=1)
pd.Series(again.std(axis=0), regions, name="bootstrap SD").round(3)

# %% [markdown]
# Be clear about what was drawn anew: the *test* trials, and nothing else. The fits stayed as they
# were. The bootstrap does not know that the same networks with another seed would have predicted
# something else, nor that another session would have taught them something else. For the first we
# have five seeds, on the same trials. For the second the book has a stored table of other home mice
# (of which more below; they had all of the training).
#
# **Predict first.** What will move the score most: other test trials, other seeds, or another mouse of
# the same kind?

# %%
fits = [out_of_fold(table, "PupilEncoder", seed) for seed in range(5)]
seeds = [fit.score("psth_relative") for fit in fits]
rows = stored_scores()
home = rows[(rows["kind"] == "home") & (rows["model"] == "PupilEncoder")]
home = home.assign(score=1 - home["error"])
mice = home.pivot_table(index="mouse", columns="region", values="score")
luck = {"other test trials": again, "other seeds": seeds}
luck["other home mice"] = mice.reindex(columns=regions)  # NaN: not there
for name, values in luck.items():
    luck[name] = pd.DataFrame(np.array(values), columns=regions)
spread = pd.DataFrame({name: values.std() for name, values in luck.items()})
spread.round(4)

# %% mystnb={"image": {"alt": "Dots for the score of each region, in three rows: a hundred draws of other test trials are a wide cloud; five seeds nearly coincide; four other home mice spread more widely than the cloud in SCs, and less widely in LGd. In CA1 and VISam everything lies at zero."}}
luck["other test trials"] = luck["other test trials"][:100]  # enough dots
dots = pd.concat(luck, names=["drawn anew"]).reset_index(level=0)
dots = dots.melt("drawn anew", var_name="region", value_name="score")
plt.subplots(figsize=(8, 4))
rows_of = {"y": "region", "hue": "drawn anew", "dodge": True}
sns.stripplot(dots, x="score", **rows_of, size=4, alpha=0.6)
plt.xlabel("PSTH-relative score")
plt.show()

# %%
if session.truth is not None:
    sd = spread.loc[driven]
    assert (sd["other seeds"] < sd["other test trials"]).all()
    assert (sd["other home mice"] > 2 * sd["other seeds"]).all()
    sd = sd.mean()
    assert sd["other home mice"] > 0.7 * sd["other test trials"]

# %% [markdown]
# On the simulated mouse the seeds matter least: an ensemble has averaged most of their luck away. The
# choice of test trials matters far more. So does the choice of the mouse, in one region more than
# the trials and in another less (compare the columns; its SDs are rough, from a few mice, and hold
# the luck of their trials too). Yet all these mice were made by one recipe. Real animals were not.
# So an interval over trials answers "how well do these fits predict this mouse?". It does not answer
# "how good is this kind of model?". For that one needs several mice, of several kinds, each with fits
# of its own, and the last section has them.
#
# `summary` does the bootstrap for every model, averages the seeds, and gives their spread beside
# the interval (`seed_sd`). It also widens the interval a little, because there are not many blocks.

# %%
scores = summary(table)
ours = scores[scores["model"] == "PupilEncoder"].set_index("region")
np.testing.assert_allclose(ours["score"], np.mean(seeds, axis=0), atol=1e-5)
ours[["score", "low", "high", "seed_sd"]].round(3)

# %% mystnb={"image": {"alt": "Five panels, one per region, with the PSTH-relative score of constant, PSTH, ridge and PupilEncoder and its interval. In SCs, SCm and LGd ridge and PupilEncoder lie far above zero and close together. In CA1 and VISam all of them lie at zero or below."}}
figures.scores(scores)
plt.show()

# %%
if session.truth is not None:
    assert (ours.loc[driven, "low"] > 0).all()  # the interval excludes 0
    assert (ours.drop(driven)["score"] > -0.02).all()

# %% [markdown]
# In the three regions that the simulated pupil drives, the interval is far from 0. In CA1 and VISam
# the model is about as good as the PSTH, and no better, because it is shrunk towards the PSTH where
# the pupil did not help on blocks left out of training (chapter 6).
#
# And ridge? Its interval overlaps with that of `PupilEncoder`. That does *not* say that the two are
# equal: both were tested on the same trials, and hard trials are hard for both. So look at the
# *difference*, trial by trial. Its interval is the one to read.

# %%
pair = table[table["model"].isin(["ridge", "PupilEncoder"])]
ahead = differences(pair, "ridge").set_index("region")
ahead = ahead[["score", "low", "high"]]  # R² of PupilEncoder minus ridge
ahead["width"] = ahead["high"] - ahead["low"]
alone = summary(pair, "r2").query("model == 'PupilEncoder'")
alone = alone.set_index("region")  # in R², too
ahead["width of one R²"] = alone["high"] - alone["low"]
ahead = ahead.rename(columns={"score": "lead in R²"})
if session.truth is not None:
    narrow = ahead["width"] < 0.5 * ahead["width of one R²"]
    assert narrow[driven].all()
ahead.round(3)

# %% [markdown]
# In the simulated mouse the interval of the difference is far narrower than that of one score, and
# can tell models apart where the scores alone cannot.

# %% [markdown]
# ## Three scores, three questions

# %%
two = table[table["model"].isin(["PSTH", "PupilEncoder"])]
scores_r2, bits = summary(two, "r2"), summary(two, "bits_per_spike")
asked = {"PSTH-relative": scores, "R²": scores_r2, "bits per spike": bits}
for name, found in asked.items():
    asked[name] = found.set_index(["model", "region"])["score"]
asked = pd.DataFrame(asked).loc[["PSTH", "PupilEncoder"]]
asked.unstack("model").loc[regions].round(3) + 0  # + 0: no "-0.0"

# %% [markdown]
# - **R²** asks: how much better than a flat line? The PSTH scores with every bump that the
#   stimulus causes, and so does every model that contains it.
# - **PSTH-relative** asks: how much better than the average trial? Only what differs *between*
#   trials counts, which is what the pupil can add. That is why it is the headline.
# - **Bits per spike** asks: how much better can we guess single spikes, counted in raw bins of 10
#   ms? It needs no kernel. The values are small because most of the uncertainty about a spike in 10
#   ms is noise that nobody can remove ([Pei and colleagues,
#   2021](https://doi.org/10.48550/arXiv.2109.04463)).
#
# They need not agree. A model can follow the slow rise and fall of a region and win in R², and
# still lose in bits because it is too sure of itself in silent bins.
#
# ## A trap: throwing the regions together
#
# With several regions it is tempting to flatten all counts into one long list and compute a single
# R². Here is what that does to the *constant*, which knows nothing about any trial.
#
# **Predict first.** One by one, its R² is about 0. What will it be for all regions flattened: below 0, 0,
# or above?

# %%
constant = out_of_fold(table, "constant")
per_region = r2(constant.counts, constant.predicted, kernel)
flattened = flattened_r2(constant.counts, constant.predicted, kernel)
print("one by one ", per_region.round(3), *regions)
print("flattened  ", round(flattened, 3))
if len(regions) == 1:
    print("(With one region there is nothing to throw together.)")
if session.truth is not None:
    assert (per_region < 0.01).all()
    assert flattened > 0.4

# %% mystnb={"image": {"alt": "Left, smoothed counts of five regions in one trial, each wiggling around its own dashed constant, with a line for the mean of all regions between them. Right, R² of the constants: at or below zero for every region, but high for all regions flattened."}}
level = constant.predicted.mean(axis=(0, 1))
scored = per_region, flattened, regions
figures.flattening(session.time, y[0], level, *scored)
plt.show()

# %% [markdown]
# Regions differ in how much they fire: some have more neurons, some have busier ones. Flattened,
# that difference counts as "variance", and a model that knows only which region is which explains
# it. In the simulated mouse that is most of all there is. So in this book a score always belongs
# to one region.
#
# ## How good could it be?
#
# R² is far from 1. Is the model poor, or is there nothing more to get? Spikes are noisy: even if we
# knew the true rate of every trial, we could not say exactly when a spike falls. The R² of the
# *true rate* is the **ceiling**.
#
# For a recording nobody knows the true rate. But a region has many neurons. Split them at random
# into two halves: whatever the halves have in common is signal, and what they do not share is
# noise. If the halves correlate with $r$, then all neurons together, which are twice as many, have
# the ceiling $2r / (1 + r)$ (the Spearman–Brown formula).


# %%
def one_split(spikes, rng):
    """Ceiling from one random split; spikes (trials, bins, neurons)."""
    order = rng.permutation(spikes.shape[2])
    parts = np.array_split(order, 2)
    sums = [spikes[..., part].sum(axis=2, keepdims=True) for part in parts]
    first, second = (smooth(half, kernel).ravel() for half in sums)
    r = np.corrcoef(first, second)[0, 1]
    return 2 * r / (1 + r)


largest = max(regions, key=lambda name: (session.regions == name).sum())
spikes = session.spikes[..., session.regions == largest]
print(largest, [round(float(one_split(spikes, rng)), 3) for _ in range(5)])

# %% [markdown]
# **Your turn (two minutes).** In some region the two halves correlate with $r = 0.3$. What R² could a
# model of all its neurons reach at best?
#
# <details>
# <summary>Hint</summary>
#
# The formula stands just above the cell with `one_split`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_ceiling = 2 * 0.3 / (1 + 0.3)
# ```
#
# More than one half has in common with the other, as twice as many neurons average more of their
# noise away; and less than twice as much.
#
# </details>

# %% tags=["exercise"]
my_ceiling = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 8.0
agree = 0.3
mistakes = {
    "That is half of the neurons: there are twice as many.": agree,
    "Twice as many, but not twice the share: divide by 1 + r.": 2 * agree,
    "r is a share of variance already: it is not squared.": agree**2,
}
best_possible = 2 * agree / (1 + agree)
check(my_ceiling, best_possible, mistakes, tolerance=1e-3, name="8.0")
print(f"{best_possible:.2f}")

# %% [markdown]
# Each split gives a slightly different answer, so we average over 50 of them. `ceilings` does this
# for every region, and adds a cross-check: the ceiling if the counts were exactly Poisson. Counts
# that are noisier than that make it too high. For the simulated mouse it also gives the ceiling
# itself. (A region of a single neuron has no halves, and a ceiling that is estimated at 0 divides
# nothing: such a region has no share.)

# %%
limits = ceilings(session, regions)
achieved = scores_r2[scores_r2["model"] == "PupilEncoder"]
achieved = achieved.set_index("region")
limit = limits["split_half"] if truth is None else limits["known"]
limits["R²"] = achieved["score"]
limits["share"] = limits["R²"] / limit.where(limit > 0.01)
n = limits["neurons"]
limits["one neuron"] = limit / (n - (n - 1) * limit)  # the formula reversed
if truth is not None:
    assert (abs(limits["split_half"] - limits["known"]) < 0.1).all()
    assert limits.loc[driven, "share"].mean() > 0.8
    assert np.ptp(limits.loc[["SCs", "LGd"], "share"]) < 0.15
    assert limits.loc["LGd", "R²"] > 1.4 * limits.loc["SCs", "R²"]
    assert limits["one neuron"].idxmax() == "LGd"
limits.round(3)

# %% mystnb={"image": {"alt": "R² of PupilEncoder as bars for five regions, with error bars. In SCs, SCm and LGd the bars end a little below the mark of the known ceiling; the split-half estimate lies near it and the Poisson estimate above, far above in all regions but LGd. In CA1 and VISam the bars are near zero, below low ceilings."}}
figures.ceilings(limits, achieved)
plt.show()

# %% [markdown]
# In the simulated mouse the bar of LGd is far higher than that of SCs, and yet the model does
# about equally well in both: each comes close to its own ceiling. LGd has more neurons, and they
# have more in common: a single one of them would have the highest ceiling, too (last column).
# **Compare a score with its ceiling before comparing it with another score.**
#
# A region that the pupil does not drive has a ceiling too, because its neurons do share something.
# It is just not something that the pupil knows. A ceiling says what a model of *everything* could
# reach.
#
# **A common mistake** is to divide by a ceiling that was computed with another kernel, or on other
# trials. It is a property of the data *and* of the way they are looked at:

# %%
tried = [0.02, 0.05, 0.1, 0.2, 0.5]  # widths of the boxcar in seconds
kernels = [boxcar(width, session.bin_size) for width in tried]


def halves(name, k):
    own = session.spikes[..., session.regions == name]
    return split_half_ceiling(own, k, 10) if own.shape[2] > 1 else np.nan


if truth is not None:
    limit = [known_ceiling(counts, truth, k) for k in kernels]
else:
    limit = [[halves(name, k) for name in regions] for k in kernels]
reached = np.array([r2(held.counts, held.predicted, k) for k in kernels])
of_psth = np.array([r2(held.counts, held.psth, k) for k in kernels])
if truth is not None:
    of_driven = np.isin(regions, driven)
    part = (reached / np.array(limit))[:, of_driven]  # of the ceiling
    assert (reached[3] > 2 * reached[0])[of_driven].all()
    assert (part[3] < 1.25 * part[0]).all()

# %% mystnb={"image": {"alt": "R² against the width of the boxcar on a logarithmic axis, five panels. The dashed ceiling rises steeply with width; in SCs it turns down after 0.2 seconds. In SCs, SCm and LGd the R² of PupilEncoder follows it, a little lower. The R² of the PSTH stays low."}}
figures.widths(tried, reached, np.array(limit), of_psth, regions)
plt.show()

# %% [markdown]
# The predictions are the same everywhere in this figure. Only the kernel of the *evaluation*
# changes, and with it R²: in the regions that the simulated pupil drives, it more than doubles from
# the narrowest kernel to 0.2 s. The share of the ceiling that is reached changes far less there.
# Chapter 2 has the same lesson about the PSTH.
#
# ## What the traces look like
#
# Numbers need a picture next to them. These are five trials; in one of them the pupil moved no more
# than usual, in another more than in any other. Each is predicted by a model that has not seen it.
#
# **Try it.** Answer first, then move: which will the prediction come closer to, the rate that was recorded
# or the true one? And in which regions will it lie on the PSTH, whatever the pupil does?

# %%
moved = np.ptp(session.pupil, axis=1)  # (trials, channels), NaN with a gap
scale = pd.DataFrame(moved).mean().to_numpy()  # NaN: not recorded
size = np.nan_to_num(moved / scale).max(axis=1)
place = np.array([0.5, 0.8, 0.93, 0.98, 1]) * (len(size) - 1)
shown = np.sort(np.argsort(size)[np.unique(place.astype(int))])
neurons = limits["neurons"].to_numpy()
smoothed = {"recorded": y, "PSTH": b}
if truth is not None:
    smoothed["true"] = smooth(truth, kernel)
smoothed["predicted"] = p
rates = {  # spikes per second and neuron, (trials, bins, regions)
    name: counted / neurons / session.bin_size
    for name, counted in smoothed.items()
}


# %%
def one_trial(trial, region):
    which = regions.index(region)
    lines = {name: rate[trial, ::2, which] for name, rate in rates.items()}
    tops = rates["recorded"][shown, :, which].max(), size.max()
    pupil = session.pupil[trial, ::2] / scale
    return figures.one_trial(session.time[::2], lines, pupil, region, tops)


def distance(name, trial, region):  # spikes/s, root mean square
    off = rates["predicted"][trial] - rates[name][trial]
    return np.sqrt((off[:, regions.index(region)] ** 2).mean())


def in_words(trial, region):
    names = ["recorded", *(["true"] if "true" in rates else []), "PSTH"]
    off = {name: distance(name, trial, region) for name in names}
    off = ", ".join(f"{name} {value:.2g}" for name, value in off.items())
    return f"{region}, trial {trial}: distance in spikes/s to {off}"


# %%
explore(
    one_trial,
    region=regions,
    trial=shown.tolist(),
    start={"trial": int(size.argmax())},
    caption=in_words,
    alt=lambda **at: (
        "The rate of a trial, predicted beside recorded, and below it the "
        f"pupil. {in_words(**at)}."
    ),
)

# %%
off = {}
for name in list(rates)[:-1]:  # all but the prediction itself
    each = [
        [distance(name, k, region) for region in regions] for k in shown
    ]
    off[f"to {name}"] = np.mean(each, axis=0)
mean_off = pd.DataFrame(off, regions)
if truth is not None:
    assert (mean_off["to true"] < mean_off["to recorded"]).all()
    assert (mean_off["to PSTH"] > mean_off["to true"])[driven].all()
    assert (mean_off["to PSTH"] < 0.1).drop(driven).all()
mean_off.round(3)

# %% [markdown]
# The prediction does not follow every jag of the recording, and it should not: those are noise. Where
# the truth is known and the pupil drives the region, it follows the truth (the dashed line) far more
# closely, and moves away from the PSTH when the eye moves. In the simulated CA1 and VISam it stays on
# the PSTH or near it: the truth wanders there, but the pupil does not say where to. On a real
# recording there is no dashed line, and one has only the grey area to look at. That is why a good R²
# can look disappointing.
#
# ## Did the RNN outperform all other methods?
#
# That is how the original PupilEncoder summed up its result. It is a good question, and one mouse
# cannot answer it. So the package comes with a table: every model of the book, with the same
# features, folds and scores, on several **kinds** of simulated mice:
#
# - **home**: firing follows filtered speeds and areas of the eye. A mouse that every model likes;
# - **memory**: regions integrate the area over seconds, or know how long ago the last saccade was;
# - **unforeseen**: the features that models are given do not fit: saccades tire the response, count
#   above a size only, or matter by where gaze rests;
# - **private gains**: as at home, but neurons of a region share gains that the pupil knows nothing
#   about; **few trials** and **few neurons**: as at home, with little to learn from.
#
# (Boosted trees are the one model from outside the book.) None of these mice took part in choosing
# the model's settings. The score is the **share**: the R² of a prediction with the *true* rate,
# mean of the driven regions. It says how much of what could be predicted was.
# `python benchmarks/mice.py` makes the table anew.

# %%
found = by_kind(shares(rows))
n_mice = int(found["mice"].max())
assert (found["mice"] == n_mice).all()  # every model met every mouse
print(f"{n_mice} mice of each kind")
kinds, contestants = found["kind"].unique(), found["model"].unique()
average = found.pivot(index="model", columns="kind", values="mean")
average.loc[contestants, kinds].round(2)

# %% [markdown]
# Which differences are more than luck? Kinds of mice differ, and so do mice of one kind. `leads`
# subtracts on the *same* mice, and its interval is over mice. Since every mouse has fits of its own,
# the interval holds the luck of the trials, of the training and of the seeds as well: everything
# that the bootstrap left out.
#
# **Predict first.** On which kinds will the linear models keep up with `PupilEncoder`, and on which will
# they fall behind?

# %%
lead = leads(rows, "PupilEncoder")
lead = lead[lead["model"] != "PSTH"]
lead[lead["kind"] == "memory"].set_index("model").round(3)

# %% mystnb={"image": {"alt": "Six panels, one per kind of mouse, with the lead of PupilEncoder over each other model. On memory and unforeseen mice the linear models are far behind. At home the leads are small, the largest over the plain RNN and the trees. With private gains, few trials or few neurons the intervals of the linear models reach to zero or across it, and the plain RNN and the trees are behind. On unforeseen mice the trees, the convolution and the LSTM lie left of the line, their intervals across it."}}
figures.kinds(lead, "lead of PupilEncoder in share, 95 % interval")
plt.show()

# %% [markdown]
# Right of the line `PupilEncoder` is ahead (blue where the interval excludes 0), left of it behind
# (orange). In words:


# %%
def verdict(row):
    """What the interval over mice says."""
    if row["low"] > 0:
        return "ahead"
    return "behind" if row["high"] < 0 else "open"


words = lead.assign(word=lead.apply(verdict, axis=1))
words = words.pivot(index="model", columns="kind", values="word")
words = words.loc[lead["model"].unique(), kinds]
many = len(lead)
print(many, "intervals of 95 %: about", round(0.05 * many), "may be wrong")
words

# %% [markdown]
# "Open" does not mean "equal". It means that so few mice cannot tell, or that there is nothing to
# tell: the width of the interval in the figure says which.
#
# **Where does the recurrence earn its place?** The row "PupilEncoder without recurrence" is the
# whole model but for that, on the same mice:

# %%
by_name = lead.set_index(["model", "kind"])[["mean", "low", "high"]]
without = by_name.loc["PupilEncoder without recurrence"]
assert without.loc[["memory", "unforeseen"], "low"].min() > 0
assert without.loc["memory", "mean"] > 0.015
assert without.loc["unforeseen", "mean"] > 0.02
assert abs(without.loc["home", "mean"]) < 0.02
without.loc[kinds].round(3)

# %% [markdown]
# It earns its place where there is something to remember (memory) and where the given features do
# not fit (unforeseen). At home it makes next to no difference, and where the mean is below 0 it has
# cost something. But mind what the row compares: a
# recurrence is also a second *layer*. The lagged MLP has two layers and no recurrence:

# %%
mlp = by_name.loc["lagged MLP"]
assert abs(mlp.loc["unforeseen", "mean"]) < 0.04
assert mlp.loc["memory", "mean"] > 0.01
assert mlp.loc["memory", "low"] > 0
mlp.loc[kinds].round(3)

# %% [markdown]
# On unforeseen mice it is about as good as `PupilEncoder`, so what pays there may well be depth. On
# memory mice it is behind. (The two differ in more than the recurrence; `python
# benchmarks/recurrence.py` changes one thing at a time.)
#
# **And the GLM alone?** It is one half of `PupilEncoder`'s mixture. At home, region by region:

# %%
rows_at_home = rows[rows["kind"] == "home"]
at_home = {}
for name in DRIVEN:
    in_region = rows_at_home[rows_at_home["region"] == name]
    found = leads(in_region, "PupilEncoder").set_index("model")
    at_home[name] = found.loc["Poisson GLM", ["mean", "low", "high"]]
at_home = pd.DataFrame(at_home).T.astype(float)
assert (at_home["mean"].abs() < 0.025).all()
glm = lead[lead["model"] == "Poisson GLM"].set_index("kind")["mean"]
assert (glm[["memory", "unforeseen"]] > 0.04).all()
at_home.round(3)

# %% [markdown]
# The lead is a hundredth or two of the share at most, in SCs and SCm as in LGd: for most purposes
# the GLM alone is as good at home, for a home mouse adds influences up on the logarithm of the
# rate, as a GLM would have it. Who has such a mouse needs no network. On memory and unforeseen mice
# the GLM falls far behind (see the figure).
#
# **Which models are better?** All whose mean is higher by more than half a hundredth:

# %%
for kind in kinds:
    here = lead[lead["kind"] == kind].sort_values("mean")
    better = here[here["mean"] < -0.005]
    print(f"{kind}:", "none" if better.empty else "")
    for row in better.itertuples():
        print(f"    {row.model} by {-row.mean:.3f}")

# %%
mean = lead.pivot(index="model", columns="kind", values="mean")
alone = mean.loc["PupilEncoder without the GLM"]
own = [name for name in words.index if "PupilEncoder" in name]
others = words.drop(index=own)
assert not (others == "behind").any(axis=None)
better = ["boosted trees", "temporal convolution", "LSTM"]
assert mean.loc[better, "unforeseen"].between(-0.04, -0.005).all()
assert (mean.loc["plain RNN"] > 0.015).all()
assert (mean.loc["Poisson GLM"] > -0.02).all()
little = ["private gains", "few trials", "few neurons"]
linear = words.loc[["ridge", "Poisson GLM", "reduced rank"]]
assert (linear[["memory", "unforeseen"]] == "ahead").all(axis=None)
assert (linear[little] == "open").to_numpy().sum() >= 5
assert alone["few trials"] > 0.05
assert -0.01 < alone["memory"] < 0

# %% [markdown]
# So the honest answer to the question is **not all others, and not everywhere**. None of the other
# models was clearly better than `PupilEncoder` on any kind. (It may be itself without one of its
# parts, where the figure has an orange dot, by a hundredth or so.) But on unforeseen mice boosted
# trees did better on average, and so did a temporal convolution and, by less, an LSTM: a field of
# gaze, in which a neuron fires while the eye rests in one place, is quickly cut out by a tree. More
# mice may make this clear. A plain RNN, the nearest of these to the original, was behind on every
# kind, and the linear models were where there is something to remember or where the features do not
# fit. At home they come close, since so much of what there is to know lies in the *features* and in
# the care taken with the target. And where there is little to learn from (few trials, few neurons,
# much private noise), most differences from linear models are open: take the simple one until more
# mice speak against it.
#
# These are simulated mice. Which kind a real one is, nobody knows beforehand. That is the case for a
# mixture: on no kind did the GLM alone do clearly better, and on some it did far worse; and without
# the GLM the networks fell well behind where trials were few.
#
# Is *your* model better? Any object with `fit(pupil, counts)` and `predict(pupil)` can be scored on
# the same mice: `score_on_mice({"mine": MyModel()})` gives it its rows. The page [Enter your
# model](https://willwyang.github.io/pupilencoder/book/own_model.html) shows how, step by step.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** A model scores 0 in CA1, relative to the PSTH. What does that say?
#
# - **A.** Its predictions are all 0 there.
# - **B.** It knows as much as the average trial, and no more.
# - **C.** CA1 fires at random, and nothing could be predicted.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** A score compares errors. Predicting silence would score far below 0.
# - **B.** Right. The PSTH is the zero of this score, and not a bad model.
# - **C.** The pupil does not know CA1's drift. Something else might; its ceiling is not 0.
#
# </details>
#
# **Question 2.** The bootstrap draws test trials anew. What is missing from its interval?
#
# - **A.** That another session would have taught the model something else.
# - **B.** That the score would differ had other trials been tested.
# - **C.** That trials next to each other are alike.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Right. The fits stay what they are, in all of the draws.
# - **B.** This is just what it has: the test trials are what was drawn.
# - **C.** This is why blocks of trials are drawn, and not single ones.
#
# </details>
#
# **Question 3.** Two models were tested on the same trials, and their intervals overlap. What follows?
#
# - **A.** They are equally good.
# - **B.** The one with the higher score is better.
# - **C.** Nothing yet: the interval of their difference decides.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** Both intervals hold the luck of the same trials. In the difference most of it is gone.
# - **B.** It may be, but a lead without an interval may be luck.
# - **C.** Right. Hard trials are hard for both, so the difference is known much better.
#
# </details>
#
# **Question 4.** A paper reports one R² for all regions flattened, and it is high. What may the model
# know?
#
# - **A.** Perhaps only which region fires more than which.
# - **B.** When each region fires in a trial, at least on average.
# - **C.** How the trials of each region differ from each other.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** Right. A constant for each region got a high one in this chapter.
# - **B.** The constant knew nothing of time, and still did well.
# - **C.** That is the least of it: the levels of the regions make most of the flattened variance.
#
# </details>
#
# **Question 5.** LGd has a higher R² than SCs, and a higher ceiling. Where does the model leave more of
# what could be known unsaid?
#
# - **A.** In SCs: its R² is lower.
# - **B.** That cannot be said without knowing the true rates.
# - **C.** In LGd: a higher ceiling leaves more room.
# - **D.** Where R² is the smaller share of the ceiling.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** A lower R² may be due to noise alone, which nobody could predict.
# - **B.** The halves of a region's neurons give an estimate of the ceiling without them.
# - **C.** Room matters only beside what is filled of it.
# - **D.** Right. Compare a score with its ceiling before comparing it with another score.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 8.1 ★★: bits per spike, by hand
#
# Compute the bits per spike of `PupilEncoder` in the largest region, without the help of the
# package. The Poisson log-likelihood of counts $y$ under expected counts $\lambda$ is
# $\sum (y \ln \lambda - \lambda)$, up to a constant. The null model is the mean of the counts
# themselves. The score is the gain in log-likelihood over the null, divided by the number of spikes
# and by $\ln 2$.
#
# <details>
# <summary>Hint 1</summary>
#
# The null is one number: `y1.mean()`. Its log-likelihood is a sum over all bins, too.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Write a function `log_likelihood(rate)` that returns `(y1 * np.log(rate) - rate).sum()`. Beware:
# for the null, `rate` is one number, but it has to be subtracted in *every* bin.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# def log_likelihood(rate):
#     return (y1 * np.log(rate) - rate).sum()
#
#
# gained = log_likelihood(p1) - log_likelihood(y1.mean())
# my_bits = gained / (y1.sum() * np.log(2))
# ```
#
# `y1 * np.log(rate) - rate` has the shape of `y1`, so a single number is subtracted in every bin,
# as it should be.
#
# </details>

# %% tags=["exercise"]
which = regions.index(largest)
y1 = held.counts[..., which].astype(float)  # (trials, bins)
p1 = held.predicted[..., which].astype(float) + 1e-9  # no rate of exactly 0
my_bits = ...  # one number

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 8.1
gained = (y1 * np.log(p1 / y1.mean()) - p1 + y1.mean()).sum()
bits = gained / (y1.sum() * np.log(2))
per_bin = gained / (y1.size * np.log(2))
mistakes = {
    "Those are nats: divide by ln 2 as well.": bits * np.log(2),
    "Divide by the number of spikes, not by that of bins.": per_bin,
    "The sign is turned round: model minus null.": -bits,
    "That is the sum: divide by the number of spikes and by ln 2.": gained,
}
check(my_bits, bits, mistakes, name="8.1")
theirs = bits_per_spike(held.counts, np.maximum(held.predicted, 0))[which]
np.testing.assert_allclose(bits, theirs, rtol=1e-4, atol=1e-6)

# %% [markdown]
# ### Exercise 8.2 ★: the first 0.4 seconds
#
# Some published recordings hold the spikes of 0 to 0.4 s after the stimulus only. Does the window
# matter? Compute the PSTH-relative score of `PupilEncoder` in that window only, for every region, from
# `held.counts`, `held.predicted` and `held.psth`. Cut first, and let `psth_relative` smooth
# what is left.
#
# <details>
# <summary>Hint 1</summary>
#
# `session.time` holds the time of each bin. `(session.time > 0) & (session.time < 0.4)` is True
# inside the window.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The bins are the second axis of all three arrays: `held.counts[:, window]`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# window = (session.time > 0) & (session.time < 0.4)
# cut = [a[:, window] for a in (held.counts, held.predicted, held.psth)]
# my_scores = psth_relative(*cut, kernel)
# ```
#
# The score of the window differs from that of the whole trial, and its ceiling would, too. Both
# have to be about the same bins before they may be divided.
#
# </details>

# %% tags=["exercise"]
my_scores = ...  # (regions,)

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 8.2
window = (session.time > 0) & (session.time < 0.4)
cut = [a[:, window] for a in (held.counts, held.predicted, held.psth)]
in_window = psth_relative(*cut, kernel)
swapped = psth_relative(*cut[::2], cut[1], kernel)
leaked = psth_relative(*(a[:, window] for a in (y, p, b)), None)
mistakes = {
    "That is the score of the whole trial.": by_hand,
    "That is R²: compare with the PSTH, held.psth.": r2(*cut[:2], kernel),
    "The PSTH is the third argument, the prediction the second.": swapped,
    "Cut first, then smooth: bins from outside have leaked in.": leaked,
}
check(my_scores, in_window, mistakes, name="8.2")
both = {"0-0.4 s": in_window, "whole trial": by_hand}
pd.DataFrame(both, regions).round(3)


# %% [markdown]
# ### Exercise 8.3 ★★: a lead over mice, by hand
#
# How far is `PupilEncoder` ahead of ridge on memory mice? `ours` and `theirs` hold the share of
# each mouse. Compute the mean lead and the two ends of its 95 % interval over mice: mean ± t × SD /
# √n, with the SD of the *differences* (`ddof=1`) and `student_t.ppf(0.975, n - 1)` for t.
#
# <details>
# <summary>Hint 1</summary>
#
# The mice are the same for both models, so subtract first, mouse by mouse, and go on with the
# differences.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# How far does the interval reach to each side? Take the t, times the SD of the differences, over
# the root of the number of mice.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# d = ours - theirs
# n = len(d)
# reach = student_t.ppf(0.975, n - 1) * d.std(ddof=1) / np.sqrt(n)
# my_lead = d.mean(), d.mean() - reach, d.mean() + reach
# ```
#
# With so few mice t is far larger than the 1.96 of many: the SD itself is known badly.
#
# </details>

# %% tags=["exercise"]
of_mice = shares(rows)["memory"]
ours = of_mice.loc["PupilEncoder"].to_numpy()  # one per mouse
theirs = of_mice.loc["ridge"].to_numpy()
my_lead = ...  # mean, low, high

# %% tags=["hide-cell", "solution"]
# @title Solution 8.3
gap, n_mice = ours - theirs, len(ours)
t975 = student_t.ppf(0.975, n_mice - 1)
side, sd = np.array([0, -1, 1]), gap.std(ddof=1)
apart = np.hypot(ours.std(ddof=1), theirs.std(ddof=1))
reach = side * t975 / np.sqrt(n_mice)
right = gap.mean() + reach * sd
mistakes = {
    "Divide the SD by the root of n.": gap.mean() + side * t975 * sd,
    "1.96 is for many mice.": gap.mean() + reach * sd * 1.96 / t975,
    "SD with ddof=1, please.": gap.mean() + reach * gap.std(),
    "Subtract mouse by mouse first.": gap.mean() + reach * apart,
    "Turned round: ours minus theirs.": -right[[0, 2, 1]],
}
check(my_lead, right, mistakes, name="8.3")
stored = lead.set_index(["model", "kind"]).loc[("ridge", "memory")]
stored = stored[["mean", "low", "high"]].astype(float)
np.testing.assert_allclose(right, stored, rtol=1e-6)

# %% [markdown]
# ### Exercise 8.4 ★★★: how many mice would it take?
#
# Choose a pair of models and a kind of mouse for which the table of words says "open". How large a lead would matter to you? Write it down first. Then find out with how many
# mice an interval would tell such a lead from 0. `shares(rows)[kind].loc[model]` has the share of
# every mouse.
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A lead that matters, with a reason, chosen before the numbers were seen.
# - The SD over mice of the *differences*, and how an interval of 95 % narrows with the number of mice
#   (t as well as the root of n).
# - A simulation: of a thousand studies with that many mice and that lead, how many have an interval
#   above 0? Half of them are not enough.
# - A warning: an SD from four mice is itself known badly. What if it were half as large, or twice?
#
# </details>

# %% tags=["exercise"]
my_lead_that_matters = ...  # in share
my_n_mice = ...

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 8.3 and 8.4 belong together, and are what students will need for their own
# > results. 8.2 is a good check that they read shapes.
# >
# > **Typical mistakes, and what to say.**
# > 8.0: twice 0.3, because there are twice as many neurons ("and with r = 0.6?").
# > 8.1: the null is subtracted once instead of in every bin; the score is then far too large. Ask for the
# > shape of what is summed.
# > 8.2: smoothing before cutting. It is close, and the check says so: bins from outside the window have
# > leaked in.
# > 8.3: two SDs, one of each model, are put together, as if there were no pairs ("who was on both lists?").
# > Predictions: many say that seeds matter most, since networks are known to be moody. An ensemble is not.

# %% [markdown]
# ## Recap
#
# - A score means something beside **baseline models** (constant, PSTH, ridge), its **ceiling** and
#   its **interval**, and for one region at a time.
# - The **PSTH-relative score** counts only what differs between trials: what the pupil can add.
# - The **bootstrap** over trials keeps the fits as they are. Seeds and, above all, other mice show
#   what it leaves out.
# - The ceiling follows from how much the neurons of a region have in common. It depends on the
#   kernel and on the bins that are looked at.
# - Compare models on the same trials and the same mice, look at **differences**, and say how many
#   mice there were.
# - The recurrence pays where there is something to remember or the features do not fit; at home
#   a GLM does as well for most purposes.
# - Next: chapter 9 asks whether it is the pupil at all.
