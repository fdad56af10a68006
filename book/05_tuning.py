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
# # 5. Tuning
#
# *Which settings are best, and how would we know?*
#
# **Goals.** By the end you can
#
# - prove that a parameter you search has any effect at all;
# - write a search space, and search it with TPE or at random;
# - lose nothing when the computer stops in the middle;
# - read the plots of a search, and tell a finding from noise;
# - say why the best loss of a search is too good to report.
#
# **Time.** About 35 minutes, 25 more with the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapter 4: learning rate, weight decay, held-out loss, updates.
#
# **The data.** This page uses the *simulated* mouse that comes with the book. To tune on the real
# recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`.

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
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from hyperopt import hp
from sklearn.base import clone

from pupil_helpers import PupilEncoder, bits_per_spike, blocked_folds, bootstrap_ci, check
from pupil_helpers import evaluation_kernel, load_session, psth_relative, tune
from pupil_helpers.plotting import tuning as figures, use_style
from pupil_helpers.signals.splits import inner_blocks

# %% [markdown]
# ## Put the test block away first
#
# A search tries many settings and keeps the one that looked best. Whatever data it looks at, it
# fits itself to. So before anything else, one block of trials is set aside. Nothing on this page
# touches it before the last section, and there it is used once.
#
# To be quick enough for a class, `base` makes fewer updates than usual and takes coarser steps in
# time.

# %%
use_style()
session = load_session("simulated")
regions = [r for r in ("SCs", "SCm", "LGd") if r in session.regions]
regions = regions or list(session.region_table().index[:3])
pupil, counts = session.pupil, session.region_counts(regions)
train, test = blocked_folds(len(counts), n_folds=5)[2]
base = PupilEncoder(n_updates=100, stride=8, bin_size=session.bin_size)
print(len(train), "trials to tune on,", len(test), "put away; regions", *regions)

# %% [markdown]
# ## Is the knob connected?
#
# The first PupilEncoder searched three parameters: the hidden size, the learning rate and the
# weight decay. Every evaluation drew all three, but the last two never reached the optimiser, which used
# the same values each time. Nothing fails when that happens. Plots of the search look as such plots
# do, and a best learning rate can be read off a scatter of noise. It is a slip that anyone can make,
# in a place where few people look.
#
# Here is the slip in two lines, beside a function that passes everything on.


# %%
def forgetful(hidden_size=16, learning_rate=0.005, weight_decay=0.01):
    return clone(base).set_params(hidden_size=hidden_size)  # and the other two?


def complete(**params):
    return clone(base).set_params(**params)


# %% [markdown]
# There is a test that takes a minute to write: change one parameter, keep everything else, the seed
# included, and ask whether the predictions change. Sixty trials are enough for that.


# %%
def predictions(make, **params):
    few = train[:60]
    return make(**params).fit(pupil[few], counts[few]).predict(pupil[few])


other = {
    "learning_rate": 0.02, "weight_decay": 3.0, "hidden_size": 8,
    "stem_size": 8, "n_lags": 7, "lag_reach": 0.3,
}  # fmt: skip
rows = {}
for name, value in other.items():
    rows[name] = {}
    for make in (forgetful, complete):
        if make is complete or name in ("learning_rate", "weight_decay", "hidden_size"):
            ratio = predictions(make, **{name: value}) / predictions(make)
            rows[name][make.__name__] = np.abs(ratio - 1).max()
connected = pd.DataFrame(rows).T

# %% mystnb={"image": {"alt": "Horizontal bars, two per parameter. The forgetful function changes its predictions with the hidden size only; learning rate and weight decay stand at zero. The complete function changes them with each of six parameters."}}
assert (connected["complete"] > 0.005).all()
assert (connected["forgetful"][["learning_rate", "weight_decay"]] == 0).all()
figures.effects(connected)
plt.show()

# %% [markdown]
# The two zeros are exact, not small: the same numbers came out to the last digit. The package's
# tests repeat this for every parameter that `tune` searches by default, and check that the loss of
# the search changes as well.
#
# **A common mistake** is to trust the sign that *something* varied. Networks vary with their seed.
# Only with the seed held fixed does an unconnected knob show itself.

# %% [markdown]
# ## A space to search
#
# A space says for every parameter where its values are drawn from. Edit this cell as you like.

# %%
space = {
    "learning_rate": hp.loguniform("learning_rate", np.log(1e-3), np.log(3e-2)),
    "weight_decay": hp.loguniform("weight_decay", np.log(1e-3), np.log(10)),
    "hidden_size": hp.qloguniform("hidden_size", np.log(4), np.log(32), 1),
    "stem_size": hp.qloguniform("stem_size", np.log(4), np.log(32), 1),
    "lag_reach": hp.uniform("lag_reach", 0.2, 1.0),
    "n_lags": hp.quniform("n_lags", 5, 21, 1),
}

# %% [markdown]
# The key is a parameter of `PupilEncoder`, and the label within the expression names the draw.
#
# | expression | draws | use it for |
# |---|---|---|
# | `hp.uniform(label, low, high)` | any value alike | times, shares |
# | `hp.loguniform(label, log(low), log(high))` | any *factor* alike | rates, penalties |
# | `hp.quniform(label, low, high, 1)` | whole steps | counts |
# | `hp.qloguniform(label, log(low), log(high), 1)` | whole steps, any factor alike | sizes |
# | `hp.choice(label, [a, b, c])` | one of a list | alternatives |
#
# To search the batch size too, add the line `"batch_size": hp.choice("batch_size", [4, 8, 16, 32])`.
# A misspelt name is refused at once. Three draws:

# %%
from hyperopt.pyll.stochastic import sample

draws = [sample(space, np.random.default_rng(seed)) for seed in range(3)]
pd.DataFrame(draws).astype(float).round(4)

# %% [markdown]
# ## What is minimised
#
# Each candidate has to be judged on trials it was not fitted to, and not on the test block either.
# So the *training* trials are cut once more, into five inner blocks, contiguous and with a gap like
# the outer ones. `PupilEncoder` is an ensemble that does this by itself: each of its networks leaves
# out one block. One fit thus gives the loss on all five, at **checks** spread evenly over the
# training; the lowest counts. Its unit is bits per spike relative to the PSTH: 0 is as good as the
# PSTH, and lower is better. It is the loss of the networks alone: the GLM that `PupilEncoder` mixes
# in takes no part in a search.
#
# How exact is this loss? Fit the *same* settings with five different seeds.

# %%
blocks = inner_blocks(train, 5)
data = pupil[train], counts[train]
one = {"max_evals": 1, "model": base, "progress": False}
repeats = [tune(*data, {"seed": seed}, **one) for seed in range(5)]
noise = np.std([repeat.best_loss for repeat in repeats], ddof=1)
print([round(repeat.best_loss, 4) for repeat in repeats])
print(f"SD {noise:.5f} bits/spike")

# %% mystnb={"image": {"alt": "Above, five rows of trials: each network is fitted to most training trials and measured on another contiguous block of them, while the test block stays untouched in all rows. Below, five held-out loss curves over checks that fall together from zero and end close to one another."}}
curves = [repeat.records[0]["curve"] for repeat in repeats]
figures.objective(blocks, test, curves)
plt.show()

# %% [markdown]
# Keep that standard deviation in mind. It is the ruler for everything below: two settings whose
# losses differ by less than about two of it cannot be told apart by one fit each.

# %% [markdown]
# ## Searching with TPE
#
# Where to look next? *Random search* never minds what it has seen. The **tree-structured Parzen
# estimator** (TPE; Bergstra and colleagues, 2011) does: it splits the evaluations so far into a good few
# and the rest, estimates for each parameter where the good ones lie and where the others, and draws
# a value that is likely among the good and unlikely among the rest. To have something to learn
# from, it starts with some random ones. The library `hyperopt` does this (and calls an evaluation a trial,
# which we keep for the trials of the mouse); its own default is 20 random ones, so a TPE search of 20
# evaluations would be a random search under another name. Here it is 8.
#
# We search into a folder. In Colab, take one on your Drive, for runtimes do disconnect.

# %%
folder = Path(tempfile.mkdtemp())
settings = {"model": base, "n_startup": 8, "seed": 0}
search = tune(*data, space, max_evals=8, folder=folder, **settings)
search

# %% [markdown]
# ## When the computer stops
#
# Suppose it did, right here. Every finished evaluation is one line of text in the folder, forced to
# the disk before the next one is asked for. To be nasty, we cut the last line in the middle, as a
# power failure might.

# %%
path = folder / "evaluations.jsonl"
first, *lines = path.read_text().splitlines()
print(f"{len(lines)} evaluations; the last one begins\n{lines[-1][:95]} …")
path.write_text(path.read_text()[:-60])

search = tune(*data, space, max_evals=20, folder=folder, **settings)
resumed = path.read_text().splitlines()[1:]
assert resumed[:7] == lines[:7]
assert [json.loads(line)["evaluation"] for line in resumed] == list(range(20))
search

# %% [markdown]
# The seven whole lines were kept as they were, the torn one was done again, and the search went on
# from there. A suggestion depends only on the seed, the number of the evaluation and the earlier results:
# the interrupted search takes the same way as one that was left alone. Nothing in the file is
# pickled, so you can read it, mail it, and open it without running anyone's code.
#
# Some evaluations were stopped early. After a quarter of its checks one ends if it is in the worst
# fifth of those before it, after half in the worst third, after three quarters in the worse half. The
# rule is gentle at first for a reason: a small learning rate begins slowly and may end well.

# %%
table = search.table
print(f"{table['steps'].sum()} checks instead of {20 * len(curves[0])}")
table.sort_values("loss").drop(columns=["seconds", "error"]).head(5).round(4)

# %% [markdown]
# ## Was it better than drawing at random?
#
# The honest opponent has the same budget. And as random draws can be lucky, we also ask what other
# 20 random draws would have given, by drawing again from those we have.

# %%
settings |= {"algo": "random", "prune": False, "seed": 1}
random = tune(*data, space, max_evals=20, **settings)
losses = random.table["loss"].dropna()
again = np.random.default_rng(0).choice(losses, (2000, 20))
band = np.quantile(np.minimum.accumulate(again, axis=1), [0.1, 0.9], axis=0)
ahead = random.best_loss - search.best_loss
print(f"best of TPE {search.best_loss:.4f}, of random {random.best_loss:.4f} bits/spike")
print(f"TPE is ahead by {ahead:+.4f}, that is {ahead / noise:+.1f} SDs of a seed")
for name, found in {"TPE": search, "random": random}.items():
    print(
        f"{name}: median loss after the first 8 evaluations {found.table['loss'][8:].median():.4f}"
    )

# %% mystnb={"image": {"alt": "Loss against the number of the evaluation for TPE and random search. Both best-so-far lines drop within the first few evaluations and then creep. A shaded band shows how far random search varies by luck, and a small bar the noise of a seed."}}
figures.history({"TPE": search, "random": random}, band, noise)
plt.show()

# %% [markdown]
# Read the printed lines before you believe the picture. Within two SDs of a seed it is a tie, and
# beyond that there is still the luck of the draws, which the band shows. With a few dozen evaluations on
# this problem, expect a tie: many settings are about equally good, and random search finds one of
# them soon. If TPE has learned something, it shows in the typical evaluation rather than in the best,
# because it spends fewer of them in hopeless places: compare the medians. It earns its keep where
# evaluations are expensive, parameters many and good regions small.
#
# Repeat a comparison before you conclude anything: `benchmarks/tuning.py` does so, on several mice.

# %% [markdown]
# ## What mattered?
#
# Both searches together make a small data set: settings in, loss out. A random forest can learn it,
# and *permutation importance* asks how much worse the forest gets when one column is shuffled. We
# give it the ranks of the losses, so that a few disasters do not drown the rest.

# %%
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

both = pd.concat([search.table, random.table], ignore_index=True)
done = both[both["status"] == "ok"]
names = list(space)
inputs, ranks = done[names], done["loss"].rank()
forest = RandomForestRegressor(300, oob_score=True, random_state=0)
forest.fit(inputs, ranks)
shuffled = permutation_importance(forest, inputs, ranks, random_state=0)
importance = dict(zip(names, shuffled.importances_mean, strict=True))
print(f"R² of the forest on evaluations it was not fitted to: {forest.oob_score_:.2f}")

# %% mystnb={"image": {"alt": "Six small scatter plots of the loss against one parameter each, the best evaluation starred. In the panels of the two most important parameters, the learning rate and the stem size, the worst losses stand on the left, at low values; in most others the points form a flat cloud."}}
figures.slices(both, names, importance)
plt.show()

# %% [markdown]
# Three warnings. The R² printed above says how far to trust the importances: if it is small, not at
# all. TPE's evaluations crowd where it liked to look, so the edges of its favourite parameters are
# thinly covered. And a slice hides what acts together: a learning rate may be too high only for a
# large network.
#
# Parallel coordinates show the evaluations whole. Each line is one of them; it crosses each axis at its
# value, and ends at its rank. Follow the dark, thick lines of the good ones: where they
# spread over a whole axis, that parameter hardly matters.

# %% mystnb={"image": {"alt": "Parallel coordinates: smooth lines run through one vertical axis per parameter to the rank of the loss. Dark, thick lines, the good evaluations, stay off the lower end of the axis of the learning rate and spread widely over others; pale lines end at the top among the bad ranks."}}
figures.parallel(both, names)
plt.show()

# %% [markdown]
# ## The test block, once
#
# Now the winner meets the default. Both are fitted to all training trials, and then, for the first
# and only time, predict the block that was put away. The question is not whether one dot is higher
# but whether the *difference* is more than chance: `r2_difference` takes the two predictions trial by
# trial, so what both get wrong cancels.

# %%
kernel = evaluation_kernel(session.bin_size)  # both sides are smoothed over 100 ms
models = {"default": clone(base), "tuned": search.best_model()}
truth, psth, predicted, scores = counts[test], counts[train].mean(axis=0), {}, {}
for name, model in models.items():
    predicted[name] = model.fit(*data).predict(pupil[test])
    score = psth_relative(truth, predicted[name], psth, kernel)
    scores[name] = score, *bootstrap_ci(truth, predicted[name], psth, kernel=kernel)

pair = predicted["tuned"], predicted["default"]
difference = bootstrap_ci(truth, *pair, metric="r2_difference", kernel=kernel)
print("tuned minus default in R², 95 % CI: the tuned model is …")
for region, low, high in zip(regions, *difference, strict=True):
    verdict = "better" if low > 0 else "worse" if high < 0 else "a tie"
    print(f"{region} [{low:+.3f}, {high:+.3f}]: {verdict}")

# %% mystnb={"image": {"alt": "PSTH-relative score of the test block for the default and the tuned settings, region by region, with confidence intervals. In every region the two intervals overlap widely."}}
figures.outer_scores(regions, scores)
plt.show()

# %%
if session.truth is not None:
    assert (difference[0] <= 0).all()  # better in no region

# %% [markdown]
# In no region is the winner better on the test block than the default, for all the searching. The
# default settings were themselves chosen on many simulated mice, so there was little left to find.
# If a verdict says *worse*, take it calmly as well: the difference is small, the interval knows the
# luck of the trials but not that of the seed, and one of three intervals excludes 0 by chance more
# often than a single one. But it is a fair warning: a search can also lead a little astray.
#
# Last, compare what the search promised with what came. For both settings: bits per spike gained
# over the PSTH, on inner blocks during the search and on the test block.

# %%
spikes = truth.sum(axis=(0, 1))  # (regions,)
null = np.maximum(psth, 1e-3)
default_loss = np.mean([repeat.best_loss for repeat in repeats])
promised = {"default": -default_loss, "tuned": -search.best_loss}
came = {}
for name, prediction in predicted.items():
    bits = bits_per_spike(truth, prediction, null)  # (regions,)
    came[name] = bits @ spikes / spikes.sum()
compared = pd.DataFrame([promised, came], index=["promised", "test block"])
compared["tuned - default"] = compared["tuned"] - compared["default"]
compared.round(4)

# %% [markdown]
# The two rows differ by more than luck in the settings: some blocks of a session are easier than
# others, the networks of the search saw fewer trials, and there was no GLM and no shrinkage. What is comparable is the last column. The
# winner of a search was chosen *because* its loss came out low, so part of its lead is luck, and
# luck does not travel. That is the winner's curse, and exercise 5.2 measures it. The number to
# report is the one from the test block; the loss of a search is for choosing.
#
# **A common mistake** is to look at the test block, go back, widen the space, and look again. From
# the second look on it is a training block. The original tuned, stopped early and reported on one and
# the same random fifth of the trials, as many a project does; this is why this book cuts twice.

# %% [markdown]
# ## Larger searches
#
# - `n_jobs=2` runs evaluations in worker processes, one thread each; as many as you have cores.
# - `trials=SparkTrials(parallelism=8)` spreads a search over a Spark cluster; any other hyperopt
#   `Trials` will do too. Install the extra with `pip install "pupil-helpers[spark]"`.
# - `model=` takes any model of chapter 3, or a function of your own that makes one.

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the folded cell after it. It holds a
# solution, and it says what is wrong with yours.
#
# ### Exercise 5.1: the shape of a draw
#
# The first PupilEncoder drew learning rates from 10⁻⁴ to 10⁻¹ with `loguniform`. What share of its
# draws lay below 10⁻³? And what share would have, had it used `uniform` between the same ends?
#
# <details>
# <summary>Hint 1</summary>
#
# `uniform` gives every *difference* the same chance, `loguniform` every *factor*.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# From 10⁻⁴ to 10⁻¹ there are three factors of ten. For `uniform`, divide the length of the piece by
# the length of the whole.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# shares = [1 / 3, (1e-3 - 1e-4) / (1e-1 - 1e-4)]
# ```
#
# One in three, against one in a hundred. With `uniform`, small learning rates would hardly ever have
# been tried.
#
# </details>

# %% tags=["exercise"]
my_shares = ...  # [loguniform, uniform]

# %% tags=["hide-cell", "solution"]
shares = [1 / 3, (1e-3 - 1e-4) / (1e-1 - 1e-4)]
mistakes = {
    "The two are swapped: loguniform comes first.": shares[::-1],
    "Those are the shares above 0.001.": [1 - share for share in shares],
}
check(my_shares, shares, mistakes, tolerance=0.01)
generator = np.random.default_rng(0)
drawn = [
    np.exp(generator.uniform(np.log(1e-4), np.log(1e-1), 20_000)),
    generator.uniform(1e-4, 1e-1, 20_000),
]
assert np.allclose([np.mean(values < 1e-3) for values in drawn], shares, atol=0.01)

# %% [markdown]
# ### Exercise 5.2: the winner's curse
#
# Suppose all 20 settings were *exactly* equally good, and their losses differed only by noise with
# the standard deviation `noise` from above. By how much would the best of the 20 seem better than
# it is, on average? Find out by simulation, in bits per spike, as a positive number.
#
# <details>
# <summary>Hint 1</summary>
#
# Draw losses around 0, 20 at a time, and look at the lowest of each 20.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `np.random.default_rng(0).normal(0, noise, (10_000, 20))` is ten thousand searches. Take the
# minimum along one axis and the mean along the other.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# searches = np.random.default_rng(0).normal(0, noise, (10_000, 20))
# curse = -searches.min(axis=1).mean()
# ```
#
# Nearly two standard deviations, with nothing found at all. And it grows with the number of evaluations:
# the longer you search, the less your best loss means.
#
# </details>

# %% tags=["exercise"]
my_curse = ...

# %% tags=["hide-cell", "solution"]
searches = np.random.default_rng(0).normal(0, noise, (10_000, 20))
curse = -searches.min(axis=1).mean()
mistakes = {
    "The right size, but negative: the question is how much better it seems.": -curse,
    "Take the minimum over the 20 evaluations of each search.": -searches.min(axis=0).mean(),
    "In units of the noise: multiply by `noise`.": curse / noise,
}
check(my_curse, curse, mistakes, tolerance=0.03)
print(f"{curse:.5f} bits/spike, {curse / noise:.1f} SDs")
assert 1.8 < curse / noise < 1.95  # the expected lowest of 20 normal draws is 1.87 SDs down

# %% [markdown]
# ### Exercise 5.3: stop the hopeless
#
# The random search ran without early stopping, so `random.records` holds whole curves. Suppose every
# evaluation had been ended half way (after half of its checks) if its lowest loss so far was above
# the *median* of all 20 at that point. How many would have ended? Would the best one have been
# among them? Answer with two numbers: how many, and 1 or 0.
#
# <details>
# <summary>Hint 1</summary>
#
# `np.array([record["curve"] for record in random.records])` has shape (evaluations, checks).
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Take the minimum over the first half of the checks for each evaluation, compare with the median of
# these, and see whether the one with the lowest *final* loss is above it.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# curves = np.array([record["curve"] for record in random.records])
# so_far = curves[:, : curves.shape[1] // 2].min(axis=1)
# ended = so_far > np.median(so_far)
# answer = [ended.sum(), int(ended[curves.min(axis=1).argmin()])]
# ```
#
# Half of them, by the nature of a median: a quarter of all checks saved. Whether the best one
# survives is luck on this scale, and the reason why `tune` is gentler early on.
#
# </details>

# %% tags=["exercise"]
my_stops = ...  # [how many end, whether the best does]

# %% tags=["hide-cell", "solution"]
curves = np.array([record["curve"] for record in random.records])
half = curves.shape[1] // 2
so_far = curves[:, :half].min(axis=1)
ended = so_far > np.median(so_far)
best = curves.min(axis=1).argmin()
stops = [ended.sum(), int(ended[best])]
mistakes = {
    "Lower is better: end those above the median.": [(~ended).sum(), int(ended[best])],
    "The second number is 1 if the best one would have ended, else 0.": [stops[0], 1 - stops[1]],
}
check(my_stops, stops, mistakes)
print(f"{stops[0]} of {len(curves)} end; the best is {'lost' if stops[1] else 'kept'}")
assert stops[0] <= len(curves) // 2

# %% [markdown]
# ## Recap
#
# - Prove that every parameter you search changes the fit: same seed, one change, other predictions.
# - Put the test block away before the search; judge candidates on inner blocks; look once.
# - Measure the noise of the loss first. It is the ruler for every difference.
# - Write finished evaluations to disk as text. A search that can be killed can be long.
# - Give random search the same budget before you praise anything cleverer.
# - The best loss of a search is too good to report: that is what the test block is for.
# - Next: chapter 6, testing.
