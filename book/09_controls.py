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
# # 9. Controls
#
# *Is it the pupil at all, or are we fooling ourselves?*
#
# **Goals.** By the end you can
#
# - tell a real link from a nonsense correlation between two signals that drift;
# - choose a control, name what it assumes, and say how small a p-value it can give;
# - check that a whole method, fitting included, keeps its promise about false alarms;
# - say whether a region follows the eye or leads it, with an interval;
# - read a claim such as "46 % of the variance" with care.
#
# **Time.** About 35 minutes, 45 more with the quiz and the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapters 3, 4 and 8: ridge, the network and its two directions, the
# PSTH-relative score and its interval.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, and many others like
# it, of which we know what the pupil drives. So the controls themselves can be tested. To use the
# real recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`. What compares with the truth is then left out.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** The chapter has one thought: a control is a claim about how the data came to
# > be, and nothing in its output says whether the claim holds.
# >
# > **On the board.** Draw two slow waves, one above the other, and ask: "How many independent
# > measurements are these: as many as there are trials?" Then write the four controls in a column, and
# > behind each what it keeps of the pupil and what it destroys (order within the trial, order of the
# > trials, drift, mouse). The class fills in the column; it is the answer to the first prediction.
# >
# > **If time is short**, leave out "Does it know when to be quiet?" and the linear shift at the end.

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
from scipy.stats import binom, binomtest

from pupil_helpers import PupilEncoder, boxcar, check, compare, differences
from pupil_helpers import evaluation_kernel, explore, load_session
from pupil_helpers import out_of_fold, r2, session_permutation, summary

# %%
from pupil_helpers.evaluation.mice import holding_back, stored_scores
from pupil_helpers.evaluation.nulls import circular_shift, linear_shift
from pupil_helpers.evaluation.nulls import refit_score, stored_nulls
from pupil_helpers.evaluation.nulls import time_shuffle, trial_shuffle
from pupil_helpers.metrics.scores import flattened_r2
from pupil_helpers.models.linear import Constant, Ridge
from pupil_helpers.plotting import controls as figures, testing, use_style
from pupil_helpers.recordings.calibration import stored_calibration

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
if session.truth is not None:
    driven = session.truth.regions[session.truth.driven]
print(session.name, counts.shape, regions)

# %% [markdown]
# ## Is it the pupil at all?
#
# Arousal drifts, electrodes drift, and the mouse gets tired. Any two signals that drift will agree
# or disagree for long stretches, by accident. Chapter 1 met these *nonsense correlations* ([Yule,
# 1926](https://doi.org/10.2307/2341482)) with the textbook test. Here is the worst case out of
# thirty simulated mice. In all of them the pupil drives **LGd**, and has nothing to do with
# **CA1**, which drifts on its own.
#
# We need a score that is cheap to compute many times: the squared correlation of pupil area with
# the counts, over all trials and bins.


# %%
def link(pupil, counts):
    """Squared correlation of pupil area with each region, (regions,)."""
    x = pupil[..., 0] - pupil[..., 0].mean()
    y = counts - counts.mean(axis=(0, 1))
    product = (x[..., None] * y).sum(axis=(0, 1))
    return product**2 / ((x**2).sum() * (y**2).sum(axis=(0, 1)))


pair = ["CA1", "LGd"]  # not driven by the pupil, and driven by it
short = {"n_bins": 10, "bin_size": 0.25, "blink_rate": 0}  # saves time
mice = [load_session("simulated", seed=s, **short) for s in range(100, 130)]
data = [(mouse.pupil, mouse.region_counts(pair)) for mouse in mice]

# %% mystnb={"image": {"alt": "Pupil area and the firing of CA1 in one simulated mouse, mean of each trial and running mean over the session. Both wander slowly, and for most of the session one is high while the other is low."}}
worst = int(np.argmax([link(pupil, fired)[0] for pupil, fired in data]))
pupil, fired = data[worst]
area, ca1 = pupil[..., 0].mean(axis=1), fired[..., 0].mean(axis=1)
figures.nonsense(area, ca1, "CA1")
plt.show()

# %% [markdown]
# Had we recorded this mouse, we might have written a paper about it. What would have saved us is a
# **control**: compute the same score for a pupil that *cannot* be related to these neurons, many
# times, and see whether the real one stands out. The question is where to get such a pupil. Four
# ideas:
#
# - **time shuffle**: the same pupil with the bins of every trial in random order;
# - **trial shuffle**: the same pupil with the trials in random order;
# - **linear shift**: the same pupil, moved by a few whole trials against the neurons ([Harris,
#   2020](https://doi.org/10.1101/2020.11.29.402719) discusses this and the next);
# - **session permutation**: the pupils of *other* sessions.
#
# With $k$ of $n$ null scores at least as high as the real one, the p-value is $(1 + k) / (1 + n)$
# ([Phipson and Smyth, 2010](https://doi.org/10.2202/1544-6115.1585)). It cannot be smaller than
# $1 / (1 + n)$, however strong the link. Before a test is run, look at how small a p it can give:

# %%
n_null = {"time shuffle": 39, "trial shuffle": 39, "linear shift": 40}
n_null["session permutation"] = len(mice) - 1
smallest = 1 / (1 + pd.Series(n_null))
pd.DataFrame({"nulls": n_null, "smallest p": smallest.round(3)})

# %% [markdown]
# (`linear_shift` is more cautious still: it returns $(1 + k)$ divided by about half as many, which
# stays valid when the pupil remembers for longer than a trial.)
#
# Thirty mice, of which we know the truth: we can test the controls themselves. How often does each
# of them raise a false alarm about CA1, and how often does it find LGd?
#
# **Predict first.** In how many of the thirty mice will each of the four controls call CA1
# significant, at p ≤ 0.05: in one or two, as promised, or in more? Write down four numbers.


# %%
def controls(i):
    """p-values of mouse i by control, each (regions,)."""
    others = [other for k, (other, _) in enumerate(data) if k != i]
    found = {
        "time shuffle": time_shuffle(link, *data[i], n=39),
        "trial shuffle": trial_shuffle(link, *data[i], n=39),
        "linear shift": linear_shift(link, *data[i], max_shift=20),
        "session permutation": session_permutation(link, *data[i], others),
    }
    return {control: result.p for control, result in found.items()}


p_values = pd.DataFrame([controls(i) for i in range(len(mice))])


# %% [markdown] tags=["teacher"]
# > **For the teacher.** Collect the four numbers before the figure is drawn. Most classes distrust the
# > time shuffle and trust the trial shuffle, "because it keeps every trial whole". Ask what else than
# > the trials it keeps: nothing that is slower than one.


# %%
def share_of(p):
    """Share of tests with p ≤ 0.05, and its 95 % interval (binomial)."""
    hits, n = int((np.asarray(p) <= 0.05).sum()), len(p)
    low, high = binomtest(hits, n).proportion_ci()
    return {"share": hits / n, "low": low, "high": high}


alarms = pd.DataFrame(
    {"control": control, "region": name, **share_of(np.stack(p)[:, r])}
    for control, p in p_values.items()
    for r, name in enumerate(pair)
)
false, found = (alarms[alarms["region"] == name] for name in pair)
false = false.set_index("control")
assert false.loc["trial shuffle", "low"] > 0.05  # more than promised
assert false.loc["session permutation", "low"] <= 0.05  # as promised
assert (found["share"] > 0.95).all()

# %% mystnb={"image": {"alt": "Bars with intervals: share of thirty simulated mice with p at most 0.05, by control. For CA1, which the pupil does not drive, both shuffles raise false alarms several times as often as the promised 5 percent, with intervals that exclude it; the session permutation about as often as promised, and the linear shift never. For LGd, which it drives, all controls find the link in nearly every mouse."}}
figures.alarms(alarms)
plt.show()

# %% [markdown]
# Both shuffles fail, and they fail for the same reason: they destroy what is slow in the pupil, all
# of it or a part. The trial shuffle leaves a pupil that wanders no more: it correlates with nothing,
# and anything that wanders looks special beside it. The time shuffle leaves every trial its level,
# and breaks the slow course within the trial only. Where that course happens to add to the score,
# the real one stands above all that lack it. The control has to be *as slow as the real thing*.

# %% [markdown]
# **Your turn (two minutes).** In how many of the thirty mice do the trial shuffle and the session
# permutation disagree about CA1: one says p ≤ 0.05, and the other does not? A column of `p_values`
# holds an array for each mouse: first the p-value of CA1, then that of LGd.
#
# <details>
# <summary>Hint</summary>
#
# `np.stack(p_values["trial shuffle"])[:, 0] <= 0.05` is True where the trial shuffle raises an alarm.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# trial = np.stack(p_values["trial shuffle"])[:, 0] <= 0.05
# other = np.stack(p_values["session permutation"])[:, 0] <= 0.05
# my_disagreements = (trial != other).sum()
# ```
#
# In these mice the sentence in the paper depends on nothing but the choice of the control.
#
# </details>

# %% tags=["exercise"]
my_disagreements = ...  # mice

# %% tags=["hide-cell", "solution"]
# @title Solution 9.0
alarm = {name: np.stack(p) <= 0.05 for name, p in p_values.items()}
trial, other = alarm["trial shuffle"], alarm["session permutation"]
mistakes = {
    "Those are all alarms of the trial shuffle.": trial[:, 0].sum(),
    "That is LGd: take the first column.": (trial != other)[:, 1].sum(),
    "That is where the two agree.": (trial == other)[:, 0].sum(),
}
apart = (trial != other)[:, 0].sum()
check(my_disagreements, apart, mistakes, name="9.0")
print(f"{apart} of {len(trial)} mice")

# %% [markdown]
# **Try it.** Here is the first of these mice, with its real score and all its null scores, and with
# `circular_shift` besides: like the linear shift, but trials that fall off one end of the session
# return at the other. The pupil drives LGd, SCs and SCm, and neither CA1 nor MRN; MRN hardly drifts.
# Answer first, then move: in which of the five regions does the choice of the control change the
# verdict? And in which control do the null scores of CA1 lie closest to zero?

# %%
places = ["CA1", "MRN", "LGd", "SCs", "SCm"]
pupil, fired = mice[0].pupil, mice[0].region_counts(places)
others = [other for other, _ in data[1:]]
nulls = {
    "trial shuffle": trial_shuffle(link, pupil, fired, n=39),
    "time shuffle": time_shuffle(link, pupil, fired, n=39),
    "circular shift": circular_shift(link, pupil, fired, n=39),
    "linear shift": linear_shift(link, pupil, fired, max_shift=20),
    "session permutation": session_permutation(link, pupil, fired, others),
}


def against_null(region, control):
    r = places.index(region)
    return figures.null_scores(nulls, control, region, r)


# %%
def in_words(region, control):
    r, result = places.index(region), nulls[control]
    real, most = result.observed[r], result.null[:, r].max()
    return (
        f"{region}, {control}: real score {real:.4f}, highest null score"
        f" {most:.4f}, p = {result.p[r]:.3f}"
    )


explore(
    against_null,
    region=places,
    control=list(nulls),
    caption=in_words,
    alt=lambda **at: f"Histogram of null scores. {in_words(**at)}.",
)

# %% [markdown]
# Only in CA1. Under the trial shuffle all of its null scores stay below the real one, and we would
# have believed in a link. The other sessions' pupils reach much further, and so do the shifts: for
# two signals that drift, the real score is nothing special. MRN does not drift, and there every
# control says no. Where the pupil does drive a region all of them say yes, even the time shuffle,
# whose null scores lie far from zero: in the shuffled trials the slow part of the link survives.
# (The linear shift scores only the trials in the middle, so its real score differs a little.)

# %%
p_of = pd.DataFrame({name: n.p for name, n in nulls.items()}, places)
verdicts = p_of <= 0.05
reach = pd.Series({k: n.null[:, 0].max() for k, n in nulls.items()})
assert verdicts.loc[["LGd", "SCs", "SCm"]].all(axis=None)
assert not verdicts.loc["MRN"].any()
assert verdicts.loc["CA1", "trial shuffle"]
assert not verdicts.loc["CA1"].drop("trial shuffle").any()
assert (reach.drop("trial shuffle") > 2 * reach["trial shuffle"]).all()

# %% [markdown]
# The pupils of other sessions drift just as much, and they cannot know about these neurons. The
# session permutation is compatible with its promise of at most 5 % false alarms. Thirty mice say no
# more than that: look at how long its interval is. Nor does it lose any power here. Its price is
# data: to reach p = 0.05 it needs at least 19 other sessions. With real recordings, that is
# `load_session("steinmetz", index=...)` for the other 38. If you have only one session, use the
# linear shift, and say that it assumes a pupil that does not drift for longer than the shifts reach.
#
# ## What a control assumes
#
# Why may the session permutation keep its promise? If these neurons do not depend on this pupil,
# then the pupil is just one more draw from the same urn as the others, and its rank among them is
# as good as random. The assumption has a name: **exchangeability**. Other animals, doing the same
# task, with pupils that vary alike. The simulated mice fulfil it by construction. Real sessions do
# so only about: check that the others are of the same task, of like length, and that their pupils
# wander as much.
#
# What if they do not? Suppose that all the other mice were calmer, and the area of their pupils
# hardly changed from trial to trial.
#
# **Predict first.** Will the session permutation then raise fewer false alarms about CA1, as many, or
# more? And will anything in its output tell?

# %%
calm = []
for pupil, _ in data:
    level = pupil.mean(axis=1, keepdims=True)  # of each trial
    calm.append(pupil - 0.9 * (level - pupil.mean(axis=(0, 1))))

p_calm = []
for i, (pupil, fired) in enumerate(data):
    others = [other for k, other in enumerate(calm) if k != i]
    p_calm.append(session_permutation(link, pupil, fired, others).p)

fooled = share_of(np.array(p_calm)[:, 0])
print("false alarms about CA1: {share:.0%}".format(**fooled))
print("95 % interval {low:.0%} to {high:.0%}".format(**fooled))
assert fooled["low"] > 0.05

# %% [markdown]
# The promise is broken, and badly. A null that is calmer than the real thing is as misleading as a
# shuffle. No number in the output warns of it: exchangeability is an argument about how the data
# came to be, and has to be made in words.
#
# ## The whole method under the null
#
# A squared correlation is not what this book reports. Does `PupilEncoder` pass the same test, with
# its networks, its GLM and its shrinkage?
#
# **A common mistake** is to fit the model once, and then test *that* model on other pupils. It has
# met its own pupil, which gives the real pairing an unfair head start. Everything has to be done
# again for every null: fitting, shrinking, choosing the penalty, all of it. `refit_score` makes
# such a score out of any model. For `PupilEncoder`, many mice and many pairings that takes a while,
# so `python benchmarks/null.py` has done it, on coarse bins, and stored the p-values of two pools:
# *home* mice, in which the pupil drives half of the regions (*linked*), and *null* mice, in which it
# drives none and everything drifts. Each mouse is tested against the pupils of all others of its pool.

# %%
tests = stored_nulls()
groups = {}
for (kind, linked), group in tests.groupby(["kind", "linked"]):
    groups[f"{kind} mice: {'linked' if linked else 'unlinked'}"] = group
n_others = int(tests["others"].min())
print(tests["mouse"].nunique(), "mice a pool, smallest p", end=" ")
print(f"1 / {1 + n_others} = {1 / (1 + n_others):.3f}")

# %%
p_of = {name: group["p"] for name, group in groups.items()}
rates = pd.DataFrame({name: share_of(p) for name, p in p_of.items()}).T
rates["tests"] = [len(p) for p in p_of.values()]
rates["p ≤ 0.05"] = [(p <= 0.05).sum() for p in p_of.values()]
chance = binom.ppf(0.95, rates["tests"], 0.05)
rates["no surprise up to"] = chance.astype(int)
rates["p = 1"] = [(p == 1).mean() for p in p_of.values()]
unlinked = rates[["unlinked" in name for name in rates.index]]
assert (unlinked["p ≤ 0.05"] <= unlinked["no surprise up to"]).all()
rates.round(3)

# %% mystnb={"image": {"alt": "Three histograms of p-values beside a dashed line at 5 percent. In linked regions of home mice nearly all are at the smallest value that is possible. In unlinked regions of home mice about half are 1, and the others just below it; in null mice most are 1, most others just below, and a single one is at the smallest value."}}
bins = {"binwidth": 1 / (1 + n_others), "binrange": (0.025, 1.025)}
fig, axes = plt.subplots(1, len(p_of), figsize=(9, 2.9), sharey=True)
for ax, (title, p) in zip(axes, p_of.items(), strict=True):
    sns.histplot(p, stat="percent", **bins, ax=ax)
    ax.axhline(5, color="grey", ls="--")  # if all were equally frequent
    ax.set(title=title, ylabel="share of tests (%)")
plt.show()

# %%
assert unlinked["p = 1"].min() > 0.3  # many ties
linked = rates.loc["home mice: linked"]
assert linked["p ≤ 0.05"] == linked["tests"] - 1  # all there are but one
lowest = tests[~tests["linked"]].groupby(["kind", "mouse"])["p"].min()
alarmed = f"{(lowest <= 0.05).sum()} of {len(lowest)} mice"
print(alarmed, "raised an alarm in an unlinked region")

# %% [markdown]
# In unlinked regions there are no more false alarms than the promised 5 % would explain. And the
# method has *power*: every linked region is found but one.
#
# Why are so many p-values 1? Where the pupil did not help on blocks left out of training, the model
# is shrunk to the PSTH and scores 0, with its own pupil and with nearly every other one. These are
# ties, and ties count against the link. So this test is more cautious than it need be. Mind, too,
# that the regions of one mouse share a pupil: the tests are not quite independent, and the binomial
# interval is a little too short. That is why the last line counts mice.
#
# ## Does it know when to be quiet?
#
# The same question without p-values: in regions that the pupil does not drive, how often was a fit
# followed at all (its prediction was more than the PSTH), and what harm did it do? The stored table
# of chapter 8 has every model on many kinds of mice:

# %%
quiet = holding_back(stored_scores())
shown = ["ridge", "Poisson GLM", "plain RNN", "PupilEncoder"]
assert 0 < quiet.loc["PupilEncoder", "followed"] < 0.15
assert quiet.loc["PupilEncoder", "at most 1.02"] > 0.9
assert quiet.loc["PupilEncoder", "worst"] > 1
quiet.loc[shown].round(3)

# %% [markdown]
# `followed` is the share of the folds in which the model spoke where it should have been silent. It
# is small, but it is not 0: shrinkage is a good habit and no guarantee. `error` is relative to the
# PSTH's, and 1 is no harm: in nearly all regions it stays within 2 % of that, and the column
# `worst` has the largest exception. A single region with a score a little above 0 is no proof of a
# link. That is what the controls are for.
#
# ## If there is only one session
#
# Then the linear shift is what is left. Here it is for your `session`, with ridge, refitted for
# every shift (in bins of 50 ms, to save time, and with `shrink=False`: a model that holds itself
# back would score 0 at nearly all shifts, which is right, but leaves little to look at):

# %%
coarse = counts.reshape(len(counts), -1, 5, len(regions)).sum(axis=2)
plain = {"n_lags": 7, "stride": 1, "shrink": False}
plain["bin_size"] = 5 * session.bin_size
score = refit_score(lambda: Ridge(**plain), n_folds=2)
most = min(20, len(counts) // 6)  # trials to either side
pupil = session.pupil[:, 2::5]  # the middle of every five bins
shifted = linear_shift(score, pupil, coarse, max_shift=most)
print(f"{2 * most} shifts: this cautious p cannot be below 1 / {most + 1}")

# %%
if session.truth is not None:
    assert ((shifted.p <= 0.05) == np.isin(regions, driven)).all()
    beside = shifted.null[most - 1 : most + 1, regions.index("LGd")]
    assert (beside > 0.03).all()  # moved by -1 and by 1

# %% mystnb={"image": {"alt": "PSTH-relative score of ridge against the number of trials by which the pupil was moved, five panels. SCs, SCm and LGd show one tall peak at zero and little elsewhere; around the peak of LGd the score dies away over a few trials. CA1 and VISam show no peak."}}
figures.shifts(shifted, regions)
plt.show()

# %% [markdown]
# In the simulated mouse the three regions that the pupil drives have a peak at zero, where pupil
# and neurons belong together, and nothing like it elsewhere. LGd shows the drift itself: pupil area
# changes so slowly that even the area of a neighbouring trial helps a little.
#
# ## Past, future, or both: now with intervals
#
# `PupilEncoder` can be told which side of the present to look at (chapter 4). The **causal** model
# sees the pupil's past only, the **anticausal** one its future only, the **bidirectional** one
# both. From here on we cut the session into two halves, learn from one and predict the other, with
# smaller ensembles and a quarter of the training. That costs some accuracy and saves time. All
# three pay the same.

# %%
directions = ("causal", "anticausal", "bidirectional")
fast = {"n_members": 3, "n_updates": 100}  # the default: 5 and 200
sides = {name: PupilEncoder(direction=name, **fast) for name in directions}
both = sides | {"constant": Constant()}  # the constant is for later
table = compare(session, both, regions[:3], n_folds=2, seeds=(0,))
by_side = table[table["model"] != "constant"]
sided = summary(by_side)

# %% mystnb={"image": {"alt": "PSTH-relative score and interval of the causal, anticausal and bidirectional model in three regions. In SCs the causal model is far better than the anticausal one; in SCm it is the other way round, with intervals that do not overlap. The bidirectional model is about as good as the better of the two in each region."}}
testing.scores(sided)
plt.show()

# %% [markdown]
# All three were tested on the same trials, so the *difference* has the narrower interval (chapter
# 8). Causal minus anticausal: positive where a region follows the eye, negative where it leads.

# %%
two = by_side[by_side["model"] != "bidirectional"]
lead = differences(two, "anticausal").set_index("region")
lead = lead[["score", "low", "high"]]  # R², causal minus anticausal
lead = lead.rename(columns={"score": "lead in R²"})
if session.truth is not None:
    assert (lead.loc[["SCs", "LGd"], "low"] > 0).all()
    assert lead.loc["SCm", "high"] < 0
    score_of = sided.pivot(index="region", columns="model", values="score")
    better = score_of[["causal", "anticausal"]].max(axis=1)
    assert (score_of["bidirectional"] > better - 0.02).all()
lead.round(3)

# %% [markdown]
# In the simulated mouse the intervals settle it: SCs and LGd follow the eye, and SCm fires *before*
# the saccade, so that it is predicted from the eye's future. (They are intervals over test trials, for
# one fit each. The differences are many times as large as what another seed did in chapter 8.) For a question
# about encoding, use the bidirectional score. For a prediction in real time only the causal one
# counts, and in such a region that one is low. Always say which of the two you report.
#
# ## Reading "46 % of the variance"
#
# The original PupilEncoder reported that it explained "over 46 %" of the variance in SCs, SCm and
# LGd of one real recording. How good is that? One would have to know *which* variance. Here are
# several numbers that could all be called "variance explained", for the very same predictions of
# the session on this page.
#
# **Predict first.** By what factor will the largest of these numbers exceed the smallest: hardly at
# all, by a half, or several times?

# %%
held = out_of_fold(table, "bidirectional")
y, p = held.counts, held.predicted
wide = boxcar(0.5, session.bin_size)
guess = out_of_fold(table, "constant").predicted
meanings = pd.Series({
    "R² of raw bins, mean of the regions": r2(y, p, kernel=None).mean(),
    "R² at 100 ms, mean of the regions": r2(y, p, kernel).mean(),
    "R² at 100 ms, best region": r2(y, p, kernel).max(),
    "R² at 500 ms, mean of the regions": r2(y, p, wide).mean(),
    "R² at 100 ms, regions flattened": flattened_r2(y, p, kernel),
    "the same of constants, no pupil": flattened_r2(y, guess, kernel),
})  # fmt: skip
if session.truth is not None:
    assert meanings.max() > 3 * meanings.iloc[0]
print(meanings.round(2).to_string())

# %% [markdown]
# In the simulated mouse they differ by a factor of more than three, without a single prediction
# changed. The original program smoothed over 100 ms, but which of these it reported, and on which
# trials, can no longer be found out. One thing can be said about the *real* recording. Its spikes in
# the first 0.4 s after the stimulus give split-half ceilings (chapter 8). They are stored with the
# package, and `python benchmarks/calibration.py` works them out:

# %%
ceiling = stored_calibration("counts").loc[["SCs", "SCm", "LGd"], "ceiling"]
assert ceiling.mean() < 0.46
print("real recording, 0 to 0.4 s:", ceiling.round(2).to_dict())
print(f"mean {ceiling.mean():.2f}")

# %% [markdown]
# The mean is *below* 46 %. If the 46 % was the mean R² of the three regions for single held-out
# trials at 100 ms in that window, it was higher than the noise allows. But the rest of the trial,
# with its movements and rewards, may have a higher ceiling, the estimate has an error of its own,
# and under another definition (flattened regions, training trials, one best region) 46 %
# may well be exactly right.
#
# None of this is meant unkindly. The project asked a good question and shared its code, and a score
# without its definition is found in many published papers. The lesson is for all of us. **Say which
# trials, which kernel, which regions, compared with what.** Then a number can be checked.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** Why does the trial shuffle raise false alarms about CA1?
#
# - **A.** Its null scores are too few to know p well.
# - **B.** In some of the mice CA1 does follow the pupil, a little.
# - **C.** It breaks up the drift, so that anything that drifts looks special beside it.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** More shuffles would only make the wrong answer more certain: they all lack the drift.
# - **B.** That takes a low p for a fact about the mouse. These mice were made without such a link.
# - **C.** Right. A control has to be as slow as the real thing.
#
# </details>
#
# **Question 2.** You have the pupils of twelve other sessions. What can a session permutation say of
# one region?
#
# - **A.** p ≤ 0.05, if the link is strong enough.
# - **B.** Nothing at p ≤ 0.05, however strong the link is.
# - **C.** p ≤ 0.05, if the twelve are drawn again and again.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** That takes p for the size of a link. Here its floor is set by the number of pairings.
# - **B.** Right. The smallest value is one in thirteen.
# - **C.** Drawing the same pupils again adds no pairing that is new.
#
# </details>
#
# **Question 3.** How do you find out whether the other sessions are exchangeable with yours?
#
# - **A.** By arguing how all the sessions came to be, and comparing how much their pupils wander.
# - **B.** From the p-value: if they were not, it would come out near 1.
# - **C.** By running the trial shuffle too, and seeing whether the two agree.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** Right. It is a statement about where the data come from, and no output contains it.
# - **B.** Calm mice made it come out near 0, and nothing in the output warned of that.
# - **C.** The trial shuffle is wrong in its own way, so agreement with it would be no comfort.
#
# </details>
#
# **Question 4.** A model is fitted to the real pairing, and then tested with the pupils of other
# sessions. What is wrong?
#
# - **A.** Nothing, as long as it is tested on trials that it has not seen.
# - **B.** It is too strict: the nulls have more data to choose from.
# - **C.** It has met its own pupil before, so the real pairing has a head start.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** Left-out trials prevent one unfairness and not this one: its own pupil is what it is used to.
# - **B.** Nothing is fitted to the nulls at all, and that is just what is unfair to *them*.
# - **C.** Right. Everything has to be fitted anew for every pairing.
#
# </details>
#
# **Question 5.** In a region, causal minus anticausal is negative, with an interval that excludes 0.
# What may you write?
#
# - **A.** The region makes the eye move.
# - **B.** The eye's future says more about the region's firing than its past does.
# - **C.** The causal model is not good enough for this region.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** That takes coming first for causing. Both may follow a third thing, such as a decision.
# - **B.** Right. It leads the eye; why it does is for an experiment to tell.
# - **C.** The same model does well where a region follows: it is the past that knows less here.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 9.1 ★: a p-value, by hand
#
# `shifted.null` holds the scores of all shifted pairings, (shifts, regions), and `shifted.observed`
# those of the real one. Compute the usual p-value of each region, $(1 + k) / (1 + n)$, and after
# them the smallest p that so many shifts allow. (`linear_shift` itself returned the more cautious
# one.)
#
# <details>
# <summary>Hint 1</summary>
#
# Compare arrays: `shifted.null >= shifted.observed` has the shape (shifts, regions). Sum over the
# shifts, which is axis 0, to get $k$ for each region; $n$ is the number of shifts.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The smallest p is that of $k = 0$. `np.append(p, smallest)` puts a number at the end of an array.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# k = (shifted.null >= shifted.observed).sum(axis=0)
# n = len(shifted.null)
# my_p = np.append((1 + k) / (1 + n), 1 / (1 + n))
# ```
#
# The real pairing counts as one of the pairings, above and below the line. Without that, p could be
# 0, as though so few shifts could rule out everything. With 40 shifts the smallest p is 1 in 41:
# a p of a thousandth needs 999 null scores.
#
# </details>

# %% tags=["exercise"]
my_p = ...  # one per region, and then the smallest possible

# %% tags=["hide-cell", "solution"]
# @title Solution 9.1
k = (~(shifted.null < shifted.observed)).sum(axis=0)  # NaN counts against
n = len(shifted.null)
usual = np.append((1 + k) / (1 + n), 1 / (1 + n))
turned = (1 + n - k) / (1 + n)
mistakes = {
    "Add 1 above and below, for the real pairing.": np.append(k / n, 1 / n),
    "Add 1 below the line, too.": np.append((1 + k) / n, 1 / n),
    "Smallest: k is 0, and the 1 above stays.": np.append(usual[:-1], 0),
    "The smallest p is missing at the end.": usual[:-1],
    "Count nulls that are as HIGH.": np.append(turned, 1 / (1 + n)),
}
check(my_p, usual, mistakes, name="9.1")
cautious = np.minimum(1, usual[:-1] * (n + 1) / (n / 2 + 1))
np.testing.assert_allclose(shifted.p, cautious)

# %% [markdown]
# ### Exercise 9.2 ★: how many other sessions?
#
# You test 6 regions by session permutation, and divide 0.05 by their number, since each of them is
# a chance of a false alarm (Bonferroni). How many *other* sessions do you need at least, so that a
# region can become significant at all?
#
# <details>
# <summary>Hint 1</summary>
#
# The smallest p of $n$ other sessions is $1 / (1 + n)$. It has to be at most 0.05 / 6.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# So $1 + n \ge 6 / 0.05$.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_n = round(6 / 0.05) - 1
# ```
#
# More than there are in the whole Steinmetz data set. Fewer regions, chosen before looking, need
# fewer sessions; and a test of all regions together (such as their mean score) needs 19.
#
# </details>

# %% tags=["exercise"]
my_n = ...  # other sessions

# %% tags=["hide-cell", "solution"]
# @title Solution 9.2
needed = round(6 / 0.05) - 1
mistakes = {
    "The real session counts as one of the 1 + n.": needed + 1,
    "That is without dividing by the number of regions.": 19,
    "Divide 0.05 by 6, do not multiply.": 3,
}
check(my_n, needed, mistakes, name="9.2")
assert 1 / (1 + needed) <= 0.05 / 6 + 1e-12 < 1 / needed

# %% [markdown]
# ### Exercise 9.3 ★★: how many false alarms are no surprise?
#
# The table of the whole method has a column "no surprise up to". Compute it for unlinked
# regions without `binom.ppf`: the smallest number $h$ for which a test that keeps its promise of 5 % raises
# $h$ false alarms or fewer in at least 95 % of all such studies. `binom.cdf(h, tests, 0.05)` is the
# probability of $h$ or fewer.
#
# <details>
# <summary>Hint 1</summary>
#
# Compute the probability for all numbers at once: `np.arange` makes those from 0 to `n_tests`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `np.argmax` of an array of True and False is the place of the first True.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# h = np.arange(n_tests + 1)
# my_h = np.argmax(binom.cdf(h, n_tests, 0.05) >= 0.95)
# ```
#
# It is more than 5 % of the tests: even a perfect test is unlucky now and then. Two or three alarms
# more than expected do not convict a method, and a handful of tests cannot acquit one.
#
# </details>

# %% tags=["exercise"]
n_tests = (~tests["linked"] & (tests["kind"] == "home")).sum()
my_h = ...  # false alarms

# %% tags=["hide-cell", "solution"]
# @title Solution 9.3
h = np.arange(n_tests + 1)
allowed = np.argmax(binom.cdf(h, n_tests, 0.05) >= 0.95)
mistakes = {
    "That is what to expect on average.": round(0.05 * n_tests),
    "One less: h itself is still no surprise.": allowed + 1,
    "One more: with yours it is less than 95 %.": allowed - 1,
    "5 % raise an alarm, not 95 %.": binom.ppf(0.95, n_tests, 0.95),
}
check(my_h, allowed, mistakes, name="9.3")
assert allowed == rates.loc["home mice: unlinked", "no surprise up to"]

# %% [markdown]
# ### Exercise 9.4 ★★★: fool the linear shift
#
# In these mice the linear shift never raised a false alarm about CA1. It assumes a pupil that is the
# same kind of thing all through the session. Break that: change the pupils and the counts of `data`
# so that the two still have nothing to do with each other and the linear shift is fooled, for instance
# because the mouse tires and both fall from the first trial to the last. How often is each control
# fooled? If you had only this one session, what would you do, and what would it cost?
#
# <details>
# <summary>What a good answer contains</summary>
#
# - How pupil and counts were changed, in a sentence, and why they are still unrelated.
# - The share of false alarms of all four controls over the thirty mice, with intervals (`share_of`),
#   beside those of before.
# - The other sessions changed in the same way for the session permutation, or a word on why not.
# - A remedy, such as taking a straight line off both before the test, tried on the same mice; and its
#   price, as the share of mice in which LGd is still found.
#
# </details>

# %% tags=["exercise"]
my_shares = ...  # {control: share of false alarms about CA1}

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 9.1 and 9.2 belong together and fit into ten minutes of a class. 9.4 makes a good
# > discussion even if nobody writes a line: let each group invent one way to fool a control.
# >
# > **Typical mistakes, and what to say.**
# > 9.0: the alarms of one control are taken off those of the other ("could each be alarmed where the
# > other is not?"). Here it happens to give the right number only if one set contains the other.
# > 9.1: the 1 is forgotten, or added above only ("could p be 0 after forty shifts?").
# > 9.2: the real session is counted as one of the others.
# > 9.3: 5 % of the tests is taken for the limit ("how often would a perfect test exceed its average?").
# > 9.4: the two get a *common* disturbance, and then they are not unrelated any more. Ask what is
# > cause of what.

# %% [markdown]
# ## Recap
#
# - Two signals that drift agree by accident. Shuffles destroy the drift, and are fooled by it.
# - The **session permutation** is not fooled, provided that sessions are **exchangeable** and that
#   *everything* is refitted for every pairing.
# - With $n$ null scores p cannot be below $1 / (1 + n)$.
# - The whole method, networks and shrinkage included, raised no more false alarms than promised, on
#   home mice and on null mice, and it found nearly all that was there. It is quiet in nearly all fits
#   where it should be, not in all.
# - A region that is predicted better from the eye's future than from its past **leads** the eye:
#   look at the difference and its interval.
# - "x % of the variance" needs a definition: trials, kernel, regions, reference.
# - Next: chapter 10 asks the model *what* it has learned: which channel, at which lag, in which
#   region.
