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
# # 7. Tuning
#
# *Which settings are best, and how would we know?*
#
# **Goals.** By the end you can
#
# - prove that a parameter you search has any effect at all;
# - compare two settings block by block, and say how far they may differ by chance;
# - write a search space, search it at random, and do by hand what TPE does;
# - read the plots of a search, and see when its space was too small;
# - say why the best loss of a search is too good to report, and what may be concluded instead.
#
# **Time.** About 50 minutes, 50 more with the quiz and the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapter 5: learning rate, weight decay, held-out loss, updates. Chapter 6: what
# `PupilEncoder` is made of.
#
# **The data.** This page uses the *simulated* mouse that comes with the book. To tune on the real
# recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** The chapter is about honesty more than about optimisers. Whoever leaves with
# > "a best loss is not a result" has what matters.
# >
# > **On the board.** Draw the session as one long bar. Cut off the test block, in another colour, and
# > then five inner blocks from what is left. Keep it in sight: at every number of the chapter, ask on
# > which piece of the bar it was measured.
# >
# > **If time is short**, leave out "What mattered?" and the comparison with `hyperopt`.

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
import tempfile

import hyperopt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from hyperopt import hp
from scipy.stats import norm
from sklearn.base import clone

from pupil_helpers import PupilEncoder, bits_per_spike, blocked_folds
from pupil_helpers import bootstrap_ci, check, explore, load_session, tune
from pupil_helpers.plotting import tuning as figures, use_style
from pupil_helpers.signals.splits import inner_blocks

# %% [markdown]
# ## Put the test block away first
#
# A search tries many settings and keeps the one that looked best. Whatever data it looks at, it
# fits itself to. So before anything else, one block of trials is set aside. Nothing on this page
# touches it before the section "The test block, once".
#
# To be quick enough for a class, `base` makes fewer updates than usual and takes coarser steps in
# time.

# %%
use_style()
session = load_session("simulated")
regions = [r for r in ("SCs", "SCm", "LGd") if r in session.regions]
regions = regions or list(session.region_table().index[:3])
regions = [r for r in regions if session.region_counts([r]).any()]
pupil, counts = session.pupil, session.region_counts(regions)
train, test = blocked_folds(len(counts), n_folds=5)[2]
data = pupil[train], counts[train]
base = PupilEncoder(n_updates=80, stride=10, bin_size=session.bin_size)
print(len(train), "trials to tune on,", len(test), "put away;", *regions)

# %% [markdown]
# ## Is the knob connected?
#
# The first PupilEncoder searched three parameters: the hidden size, the learning rate and the
# weight decay. Every evaluation drew all three, but the last two never reached the optimiser, which
# used the same values each time. Nothing fails when that happens. Plots of the search look as such
# plots do, and a best learning rate can be read off a scatter of noise. It is a slip that anyone
# can make, in a place where few people look.
#
# Here is the slip in two lines, beside a function that passes everything on.

# %%
quick = clone(base).set_params(n_updates=20, glm=False, shrink=False)


def forgetful(hidden_size=16, learning_rate=0.005, weight_decay=0.01):
    return clone(quick).set_params(hidden_size=hidden_size)  # the others?


def complete(**params):
    return clone(quick).set_params(**params)


# %% [markdown]
# There is a test that takes a minute to write: change one parameter, keep everything else, the seed
# included, and ask whether the predictions change. Sixty trials and twenty updates are enough for
# that.
#
# **Predict first.** `forgetful` gets a learning rate that is six times the default's. By how much
# will its predictions change?


# %%
def predictions(make, **params):
    few = train[:60]
    return make(**params).fit(pupil[few], counts[few]).predict(pupil[few])


other = {
    "learning_rate": 0.03, "weight_decay": 10.0, "hidden_size": 8,
    "stem_size": 8, "n_lags": 7, "lag_reach": 0.3,
}  # fmt: skip
rows = {name: {} for name in other}
for make in (forgetful, complete):
    before = np.maximum(predictions(make), 1e-9)  # expected counts
    for name in list(other)[: 3 if make is forgetful else None]:
        after = np.maximum(predictions(make, **{name: other[name]}), 1e-9)
        rows[name][make.__name__] = np.abs(after / before - 1).max()
connected = pd.DataFrame(rows).T

# %% mystnb={"image": {"alt": "Horizontal bars, two per parameter. The forgetful function changes its predictions with the hidden size only; learning rate and weight decay stand at zero. The complete function changes them with each of six parameters."}}
assert (connected["complete"] > 0).all()
dropped = connected.loc[["learning_rate", "weight_decay"], "forgetful"]
assert (dropped == 0).all()
figures.effects(connected)
plt.show()

# %% [markdown]
# The two zeros are exact, not small: the same numbers came out to the last digit. The package's
# tests repeat this for every parameter that `tune` searches by default, and check that the loss of
# the search changes as well.
#
# **A common mistake** is to trust the sign that *something* varied. Networks vary with their seed.
# Only with the seed held fixed does an unconnected knob show itself.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Most will say "a little". Exactly nothing is the finding. Ask who has ever
# > tested that a setting of theirs does anything.

# %% [markdown]
# ## What is minimised
#
# Each candidate has to be judged on trials it was not fitted to, and not on the test block either.
# So the *training* trials are cut once more, into five inner blocks, contiguous and with a gap like
# the outer ones. `PupilEncoder` is an ensemble that does this by itself: each of its networks leaves
# out one block. One fit thus gives the loss on all five, at **checks** spread evenly over the
# training; the check with the lowest mean counts. Its unit is bits per spike relative to the PSTH:
# 0 is as good as the PSTH, and lower is better.
#
# One thing must be said plainly: **the search ranks the networks alone.** `PupilEncoder` also mixes
# in a GLM and shrinks each region towards its PSTH (chapter 6). Neither takes part in this loss, as
# both are settled only when the networks have been trained. Settings that are best for the networks
# alone need not be best for the whole model. Only the last look, at the test block, is at the whole.


# %%
def evaluate(**params):
    return tune(*data, {"seed": 0, **params}, 1, model=base, progress=False)


default, slow = evaluate(), evaluate(learning_rate=0.002)
fits = {"default": default, "slow": slow}
for name, fit in fits.items():
    print(f"loss of the {name} setting: {fit.best_loss:.4f} bits/spike")

# %% mystnb={"image": {"alt": "Above, five rows of trials: each network is fitted to most training trials and measured on another contiguous block of them, while the test block stays untouched in all rows. Below, the held-out loss over checks for two learning rates: the default's falls faster and ends a little lower."}}
curves = {name: fit.records[0]["curve"] for name, fit in fits.items()}
figures.objective(inner_blocks(train, 5), test, curves)
plt.show()

# %% [markdown]
# ## A ruler
#
# Are these two losses far apart, or is it luck? The loss is a mean over five blocks, so look at the
# blocks.

# %%
pair = {name: fit.block_losses[0] for name, fit in fits.items()}
table = pd.DataFrame(pair)
table["lead of the default"] = table["slow"] - table["default"]
table.index.name = "block"
table.round(4)

# %% [markdown]
# Where a block is easy or hard for both settings alike, that is no news about the settings, and it
# cancels in the last column. So the ruler is made of **paired differences**: the same blocks,
# two settings, one difference per block; their mean, and its standard error (SE) over blocks.


# %%
def standard_error(values):
    return np.std(values, ddof=1) / np.sqrt(len(values))


lead = table["lead of the default"]
apart = np.hypot(*(standard_error(losses) for losses in pair.values()))
print(f"lead {lead.mean():.5f} bits/spike")
print(f"SE not paired {apart:.5f}, paired {standard_error(lead):.5f}")
if session.truth is not None:
    assert standard_error(lead) < apart / 2

# %% [markdown]
# Pairing makes the ruler finer, without making it a false one. With five blocks, one mean difference
# has a 95 % interval of ± 2.8 SE (Student's t with four degrees of freedom, not the 2 of large
# samples), because five values tell an SE only roughly. So we look at several comparisons, and pool
# their SEs into one ruler.
#
# **A common mistake** is to take the spread over *seeds* for the ruler: fit the same settings with
# other seeds, and call a lead real that is larger than their spread. But all these fits look at the
# same held-out trials, so they share the luck of the trials. And even as a measure of the networks'
# luck it is too small: a difference of two fits has √2 times the noise of one. Here are both rulers.
# The seeds also test ours, for between them the true difference is 0.

# %%
variants = {f"seed {seed}": {"seed": seed} for seed in (1, 2, 3)}
variants["hidden_size 32"] = {"hidden_size": 32}
variants["weight_decay 10"] = {"weight_decay": 10.0}
found = {}
for name, params in variants.items():
    found[name] = evaluate(**params).block_losses[0]
found["learning_rate 0.002"] = pair["slow"]
leads = {name: pair["default"] - losses for name, losses in found.items()}

seeds = [pair["default"], *(found[f"seed {seed}"] for seed in (1, 2, 3))]
noise = np.std(np.mean(seeds, axis=1), ddof=1)
errors = [standard_error(lead) for lead in leads.values()]
ruler = np.sqrt(np.mean(np.square(errors)))  # pooled
print(f"SD over seeds {noise:.5f} bits/spike")
print(f"and of a difference of two fits {np.sqrt(2) * noise:.5f}")
print(f"SE of a paired difference over blocks, pooled: {ruler:.5f}")

# %% mystnb={"image": {"alt": "Leads over the default in bits per spike, one row per changed setting: five small dots for the left-out blocks, and their mean with its 95 percent interval. Those of other seeds lie about zero. The slow learning rate lies far below zero; the other changes lie nearer to it."}}
figures.leads(leads, "Changed alone: the lead over the default")
plt.show()

# %% [markdown]
# Read an interval as the answer to: would this setting still lead, or trail, with other trials held
# out? Where it includes 0, one fit each cannot say. The SE over blocks holds both kinds of luck, that
# of the trials and that of the networks, for every block has a network of its own.
#
# The widths of the intervals differ, even among the seeds, where there is nothing but luck. A short
# one may miss the 0 although nothing is different. In a search of many settings some will have a
# tiny SE of their own, and look certain. So from here on we
# use the pooled `ruler`: two of them make about a 95 % interval for *one* difference, named
# beforehand. It is a modest ruler: five blocks are few, and neighbours are not quite independent.

# %% [markdown]
# ## A space to search
#
# A space says for every parameter where its values are drawn from. Edit this cell as you like.

# %%
log = np.log
space = {
    "learning_rate": hp.loguniform("learning_rate", log(1e-3), log(0.1)),
    "weight_decay": hp.loguniform("weight_decay", log(1e-3), log(10)),
    "hidden_size": hp.qloguniform("hidden_size", log(4), log(32), 1),
    "stem_size": hp.qloguniform("stem_size", log(4), log(32), 1),
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
# A misspelt name is refused at once. A thousand draws, and the first three of them:

# %%
from hyperopt.pyll.stochastic import sample

draws = [sample(space, np.random.default_rng(seed)) for seed in range(1000)]
draws = pd.DataFrame(draws).astype(float)
draws.head(3).round(4)

# %% [markdown]
# ## Searching at random
#
# **Random search** never minds what it has seen. It is the honest baseline of every search, and no
# fool: of 20 random draws, about two in three times at least one lies among the best twentieth of
# the space.
#
# We search into a folder. Every finished evaluation is a line of text there, on the disk before the
# next one begins: after a crash, the same call goes on from what is there (a last line that was cut
# in half is done again). In Colab, take a folder on your Drive, for runtimes do disconnect. The
# library behind it, `hyperopt`, calls an evaluation a trial; we keep that word for the mouse.

# %%
folder = tempfile.mkdtemp()
settings = {"model": base, "seed": 0, "n_startup": 8, "prune": False}
first = tune(*data, space, 8, algo="random", folder=folder, **settings)
past = first.trials  # what hyperopt knows
random = tune(*data, space, 20, algo="random", trials=past, **settings)
columns = ["evaluation", "loss", *space]
random.table.sort_values("loss")[columns].head(5).round(4)

# %% [markdown]
# We kept the first eight by themselves, as another search will start from the same ones.

# %% [markdown]
# **Your turn (two minutes).** How many of these 20 settings cannot be told from the best one? Count
# those whose loss is at most two rulers above the lowest, the best included. The losses are
# `random.table["loss"]`.
#
# <details>
# <summary>Hint</summary>
#
# `random.table["loss"] - random.best_loss` says how far behind each of them is.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_ties = (random.table["loss"] - random.best_loss <= 2 * ruler).sum()
# ```
#
# To print the best setting to three digits would promise more than the search can know.
#
# </details>

# %% tags=["exercise"]
my_ties = ...

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 7.0
apart_by = random.table["loss"] - random.best_loss
ties = (apart_by <= 2 * ruler).sum()
mistakes = {
    "Those are within one ruler: two, please.": (apart_by <= ruler).sum(),
    "The best ties with itself: count it as well.": ties - 1,
    "Those are the others: the ones that are worse.": 20 - ties,
    "Two rulers above the best, not above 0.": (
        random.table["loss"] <= 2 * ruler
    ).sum(),
}
check(my_ties, ties, mistakes, name="7.0")
print(f"{ties} of {len(apart_by)}")

# %% [markdown]
# ## TPE in fifteen lines
#
# Where to look next, after these 20? The **tree-structured Parzen estimator** (TPE; Bergstra and
# colleagues, 2011) asks of every parameter by itself: where do the good evaluations lie, and where
# the rest? It
#
# 1. splits the evaluations into a good few and the rest;
# 2. estimates a density of each: the mean of bell curves on the values tried, each as wide as the
#    farther of its neighbours is away, and of one wide bell over the whole range, so that no
#    place is ruled out;
# 3. looks where the ratio of the two is largest: likely among the good, unlikely among the rest.
#
# For the learning rate, on its log scale:


# %%
def parzen(values, low, high):
    centres = np.sort([*values, (low + high) / 2])
    gaps = np.diff(centres)
    widths = np.maximum([gaps[0], *gaps], [*gaps, gaps[-1]])
    widths = widths.clip((high - low) / (len(centres) + 1), high - low)
    widths[centres == (low + high) / 2] = high - low
    return lambda at: norm.pdf(at[:, None], centres, widths).mean(axis=1)


def good_and_rest(values, losses, low, high):
    good = losses.rank() <= np.ceil(0.25 * np.sqrt(len(losses)))
    densities = (parzen(values[who], low, high) for who in (good, ~good))
    return good, *densities


# %%
low, high = np.log(1e-3), np.log(0.1)  # the ends of the space
tried, losses = np.log(random.table["learning_rate"]), random.table["loss"]
good, of_good, of_rest = good_and_rest(tried, losses, low, high)
grid = np.linspace(low, high, 400)
ratio = of_good(grid) / of_rest(grid)
look = np.exp(grid[ratio.argmax()])
print(f"{good.sum()} good ones; look next at a learning rate of {look:.4f}")

# %% [markdown]
# Is this TPE, or only something like it? `hyperopt` can be asked. First its densities; then its
# choice. It does not search the ratio over a grid: it *draws* 24 candidates from the density of the
# good and takes the one with the best ratio. So its choice varies with its seed, and we ask sixty
# times. With many candidates instead of 24, it should find a ratio as large as ours.

# %%
from hyperopt import tpe

densities = of_good(grid), of_rest(grid)
for ours, chosen in zip(densities, (good, ~good), strict=True):
    values = tried[chosen]
    middle, width = (low + high) / 2, high - low
    bells = tpe.adaptive_parzen_normal(values, 1, middle, width)
    assert np.allclose(ours, np.exp(tpe.GMM1_lpdf(grid, *bells)))

label, past = "learning_rate", random.trials
domain = hyperopt.base.Domain(None, {label: space[label]})


def ask(seed, n=24):
    how = {"n_EI_candidates": n, "verbose": False}
    (doc,) = tpe.suggest([20], domain, past, seed, **how)
    return doc["misc"]["vals"][label][0]


# %%
asked, many = [ask(seed) for seed in range(60)], ask(0, n=5000)
print(f"we look at {look:.4f}, hyperopt at {np.median(asked):.4f} (median)")
print(f"and with many candidates at {many:.4f}")
there = np.log([many])
assert of_good(there) / of_rest(there) > 0.98 * ratio.max()

# %% mystnb={"image": {"alt": "Three panels over the learning rate. Top: losses of twenty evaluations, the two good ones marked. Middle: the density of the good, one broad hump, and of the rest, several humps. Bottom: their ratio, its largest value starred, and ticks for where hyperopt would look with sixty seeds, which gather around the star."}}
past = np.exp(tried), losses, good
figures.parzen(*past, np.exp(grid), densities, asked)
plt.show()

# %% [markdown]
# The densities are the same to rounding, and so is the best ratio. What we left out: `hyperopt`
# also cuts the bells off at the ends of the space (which changes both densities by a constant only),
# gives all evaluations but the last 25 less weight, the older the less ("linear forgetting"; here
# there are fewer), and counts whole numbers by steps. What it leaves out itself is more telling. It
# takes every parameter on its own, so a good *pair* of values is not known as a pair. And the good
# are few: a quarter of the *square root* of the number of evaluations, rounded up.

# %% [markdown]
# ## Was it better than drawing at random?
#
# Now let TPE search: from the same first eight, with the same budget. (Its own default is 20 random
# ones to start from, so a TPE search of 20 evaluations would be a random search under another name.)
#
# **Predict first.** By how many rulers will the best of TPE lead the best of the random search?

# %%
past = first.trials
search = tune(*data, space, 20, algo="tpe", trials=past, **settings)
later = {}
for name, one in {"TPE": search, "random": random}.items():
    later[name] = one.table["loss"][8:].median()  # of those not shared
    print(f"{name}: best {one.best_loss:.4f}, median {later[name]:.4f}")


def best_blocks(one):
    return one.block_losses[one.table["loss"].argmin()]


ahead = best_blocks(random) - best_blocks(search)
print(f"best of TPE less best of random: {ahead.mean():+.5f} bits/spike,")
print(f"which is {ahead.mean() / ruler:+.1f} rulers;", end=" ")
typical = (later["random"] - later["TPE"]) / ruler
print(f"by its median TPE is ahead by {typical:+.1f}")

# %% mystnb={"image": {"alt": "Loss against the number of the evaluation for TPE and random search, which share the first eight. Both best-so-far lines go down in a few small steps. A bar beside them shows the standard error of a difference; the two lines end about as close as that."}}
both = {"TPE": search, "random": random}
figures.history(both, len(first.records), ruler)
plt.show()

# %% [markdown]
# Read the printed lines before you believe the picture. Within two rulers the bests are a tie, and
# beyond that there is still the luck of the draws. With a few dozen evaluations on this problem,
# expect a tie: many settings are about equally good, and random search finds one of them soon. If
# TPE has learned something, it shows in the typical evaluation rather than in the best, because it
# spends fewer of them in hopeless places. So compare the medians as well: where they, too, are less
# than a ruler or two apart, as many evaluations have taught it nothing that shows. It earns its keep
# where evaluations are expensive, parameters many and good regions small.
#
# One pair of searches is one pair. `benchmarks/tuning.py` repeats the comparison on several mice.

# %% [markdown]
# **Try it.** Here is TPE's own search, step by step. Answer first, then move: does each evaluation
# fall where the ratio was largest? And for a parameter that matters little, as the next section will
# find of the weight decay, will TPE have less of an opinion than for the learning rate?

# %%
ranges = {"learning_rate": (low, high), "weight_decay": np.log([1e-3, 10])}
seen, losses_of = [8, 10, 12, 14, 16, 18, 19], search.table["loss"]
steps, chances = {}, {}
for name, ends in ranges.items():
    at = np.linspace(*ends, 120)
    values = np.log(search.table[name].astype(float))
    for n in seen:
        of_n = good_and_rest(values[:n], losses_of[:n], *ends)
        density = [part(at) for part in of_n[1:]]
        density = [d / d.mean() / np.ptp(ends) for d in density]  # cut off
        chance = density[0] / density[1]
        steps[n, name] = of_n[0], np.exp(at), density, np.exp(values[[n]])
        chances[n, name] = chance.max(), np.exp(at[chance.argmax()])
tops = np.max([np.max(step[2]) for step in steps.values()])
tops = losses_of.quantile([0, 0.9]), tops, max(chances.values())[0]


# %%
def step_of_tpe(evaluations, parameter):
    known = search.table[:evaluations]
    past = known[parameter], known["loss"]
    step = steps[evaluations, parameter]
    words = parameter.replace("_", " "), "went there"
    return figures.parzen(*past, *step, words, tops)


def in_words(evaluations, parameter):
    largest, there = chances[evaluations, parameter]
    next_one = steps[evaluations, parameter][-1].item()
    return (
        f"After {evaluations} evaluations the ratio is largest, "
        f"{largest:.1f}, at {there:.2g}; the next went to {next_one:.2g}"
    )


# %%
explore(
    step_of_tpe,
    evaluations=seen,
    parameter=list(ranges),
    caption=in_words,
    alt=lambda evaluations, parameter: (
        f"Good and rest, two densities and their ratio for {parameter}. "
        f"{in_words(evaluations, parameter)}."
    ),
)

# %%
sure = pd.Series({key: largest for key, (largest, _) in chances.items()})
sure = sure.unstack()  # the largest ratios: (evaluations, parameters)
if session.truth is not None:
    means = sure.mean()
    assert means["weight_decay"] > 0.7 * means["learning_rate"]
    assert (sure > 1).all(axis=None)
sure.rename_axis(index="evaluations known").round(2)

# %% [markdown]
# (Here the bells are cut off at the ends of the space, as in `hyperopt`, so that a ratio of 1
# everywhere would be no opinion.) The next evaluation falls near the star rather than on it: it is
# the best of 24 draws, and where the ratio is flat, the best may be anywhere. And TPE has an opinion
# about everything: in the simulated mouse its largest ratios are about as large for the weight decay
# as for the learning rate, or larger. As long as one or two evaluations
# count as good, there is a peak wherever they happen to lie, whether the parameter put them among
# the good or not. Where the parameter matters little, this costs little. But a peak is no evidence
# that it matters.

# %% [markdown]
# ## What mattered?
#
# Both searches together make a small data set: settings in, loss out. A random forest can learn it,
# and *permutation importance* asks how much worse the forest gets when one column is shuffled. We
# give it the ranks of the losses, so that a few disasters do not drown the rest.

# %%
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

evaluations = pd.concat([random.table, search.table[8:]], ignore_index=True)
names = list(space)
inputs, ranks = evaluations[names], evaluations["loss"].rank()
forest = RandomForestRegressor(200, oob_score=True, random_state=0)
forest.fit(inputs, ranks)
shuffled = permutation_importance(forest, inputs, ranks, random_state=0)
importance = dict(zip(names, shuffled.importances_mean, strict=True))
print(f"R² on evaluations it was not fitted to: {forest.oob_score_:.2f}")
if session.truth is not None:
    assert max(importance, key=importance.get) == "learning_rate"

# %% mystnb={"image": {"alt": "Six small scatter plots of the loss against one parameter each, the best evaluation starred. In the panel of the learning rate the worst losses stand on the left, at low values; in most others the points form a flat cloud."}}
figures.slices(evaluations, names, importance)
plt.show()

# %% [markdown]
# Above each panel stands how much worse the forest gets. In the simulated mouse the learning rate
# matters most, since slow training has not got far by the end.
#
# Three warnings. The R² printed above says how far to trust the importances: if it is small, not at
# all. TPE's evaluations crowd where it liked to look, so the edges of its favourite parameters are
# thinly covered. And a slice hides what acts together: a learning rate may be too high only for a
# large network.

# %% [markdown]
# ## Is the best at the edge of the space?
#
# If the best value lies at an end of its range, the search could not look beyond, and the true best
# may be outside. "At an end" is best asked on the scale of the draws: what share of the thousand
# random draws lies below? Near 0 or 1 is an edge. The best *five* show more: where they spread over
# the whole range, the parameter hardly matters, and an edge is only luck.


# %%
def place(name, value):
    below, upto = draws[name] < value, draws[name] <= value
    return (below.mean() + upto.mean()) / 2


best_five = evaluations.nsmallest(5, "loss")
best = {name: best_five[name].iloc[0] for name in names}
places = {n: [place(n, v) for v in best_five[n]] for n in names}
places = pd.DataFrame(places).T  # (parameters, five)
where = pd.DataFrame({"best": best, "place": places[0]})
where["lowest of five"] = places.min(axis=1)
where["highest of five"] = places.max(axis=1)
where["edge"] = (where["place"] < 0.1) | (where["place"] > 0.9)
print("at an edge:", ", ".join(where.index[where["edge"]]) or "none")
where.round(3)

# %% [markdown]
# What lies beyond? One evaluation each: the winner's settings, with one value moved past the end of
# its range by half as much again. Where none is at an edge, we move the one nearest to it.

# %%
distance = np.minimum(where["place"], 1 - where["place"])
at_edge = list(where.index[where["edge"]]) or [distance.idxmin()]
beyond = {}
for name in at_edge:
    above = where.loc[name, "place"] > 0.5
    value = draws[name].max() * 1.5 if above else draws[name].min() / 1.5
    if name in ("hidden_size", "stem_size", "n_lags"):
        value = round(value)
    moved = evaluate(**{**best, name: value})
    change = f"{name} {best[name]:.3g} → {value:.3g}"
    beyond[change] = moved.block_losses[0]

# %% mystnb={"image": {"alt": "Lead over the winner in bits per spike of settings moved past the edge of the space, one row each: five dots for the left-out blocks, and their mean with its 95 percent interval."}}
winner = search if search.best_loss <= random.best_loss else random
past_edge = {name: best_blocks(winner) - b for name, b in beyond.items()}
for name, lead in past_edge.items():
    rulers = lead.mean() / ruler
    said = "better" if rulers > 2 else "worse" if rulers < -2 else "a tie"
    print(f"{name}: {lead.mean():+.5f} bits/spike,", end=" ")
    print(f"{rulers:+.1f} rulers: {said}")
figures.leads(past_edge, "Past the edge: the lead over the winner")
plt.show()

# %% [markdown]
# If a value past the edge is better, widen the space there and search on: the training trials may
# be looked at as often as you like. (The winner brings its luck with it, so a rival has to be better
# than it looks.) If it is a tie, report that the best was at the edge, and that going further made
# no difference you could see. What you may not report is that the best value was *found*.

# %% [markdown]
# ## The winner's curse
#
# The winner of a search was chosen *because* its loss came out low. So part of its lead is luck, and
# luck does not travel. The blocks can show it without any new data: choose a winner on *one* of
# them, as one does who holds out a single piece of the data, and look at its lead on the other four,
# which had no part in the choice.
#
# **Predict first.** How much of the lead will be left there: nearly all, about half, or hardly any?

# %%
all_losses = np.vstack([random.block_losses, search.block_losses[8:]])
lead = pair["default"] - all_losses  # (evaluations, blocks)
promised, came = [], []
for block in range(lead.shape[1]):
    chosen = lead[:, block].argmax()
    promised.append(lead[chosen, block])
    came.append(np.delete(lead[chosen], block).mean())
print(f"lead on the block that chose {np.mean(promised):+.5f} bits/spike,")
print(f"on the other four {np.mean(came):+.5f}")

# %% mystnb={"image": {"alt": "A grey line per block leads from the lead over the default that the chosen block promised to the lead of the same setting on the other four, and a thick line joins the means. The mean falls steeply."}}
if session.truth is not None:
    assert np.mean(came) < np.mean(promised) / 2
moves = pd.DataFrame({"promised": promised, "came on the others": came})
ax = sns.lineplot(
    moves.T, palette=["#888888"] * 5, dashes=False, legend=False
)
ax.plot(moves.mean(), "D-", lw=3, label="mean of the five choices")
ax.axhline(0, color="#222222", lw=0.8, ls=":")
ax.set(ylabel="lead over the default\n(bits/spike)", xlim=(-0.4, 1.4))
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# On the left stands what a search prints as its best; on the right, what a fair look gives. (Below 0
# on the right: there the default would have been the better choice.) The
# noisier the loss, and the more settings are tried, the worse the curse. Our search chose by the mean
# of five blocks, whose noise is one ruler. Exercise 7.2 works out that the best of twenty *equally
# good* settings then leads by nearly two rulers. A smaller lead is no finding at all.

# %% [markdown]
# ## The test block, once
#
# Now the winner meets the default, each as the whole model: networks, GLM and shrinkage. Both are
# fitted to all training trials, and then, for the first and only time, predict the block that was
# put away. There are two kinds of luck again, so there are two answers to give. `bootstrap_ci` draws
# the *test trials* anew, but keeps the fits. So we also fit both three times, with three *seeds*.
#
# `bits_per_spike` with the default's prediction as its null is the lead itself, in the unit of the
# search; the difference is taken trial by trial, so what both get wrong cancels.

# %%
truth = counts[test]
models = {"default": clone(base), "tuned": winner.best_model()}
predicted = {name: [] for name in models}
for name, model in models.items():
    for seed in range(3):
        fitted = model.set_params(seed=seed).fit(*data)
        predicted[name].append(fitted.predict(pupil[test]))

# %% [markdown]
# For every seed, the lead in each region, and in all of them taken together as one.


# %%
def leads_on(truth, tuned, default):  # (trials, bins, regions)
    pair = truth, tuned, default
    together = [part.reshape(len(part), -1, 1) for part in pair]
    lead, low, high = [], [], []
    for part in (pair, together):
        lead.extend(bits_per_spike(*part))
        ends = bootstrap_ci(*part, metric="bits_per_spike", kernel=None)
        low.extend(ends[0])
        high.extend(ends[1])
    return lead, low, high  # (regions + 1,) each


pairs = zip(predicted["tuned"], predicted["default"], strict=True)
outer = np.array([leads_on(truth, *fits) for fits in pairs])
outer, lows, highs = outer.transpose(1, 0, 2)  # (seeds, regions + 1) each

# %% mystnb={"image": {"alt": "Tuned minus default in bits per spike on the test block, for each region and for all together: three dots for three seeds, each with an interval over trials. Nearly all intervals include zero."}}
for i, name in enumerate([*regions, "all"]):
    same = (lows[:, i] > 0).all() or (highs[:, i] < 0).all()
    verdict = "better" if outer[0, i] > 0 else "worse"
    print(f"{name}: {outer[:, i].mean():+.5f} bits/spike,")
    half, spread = (highs - lows)[:, i].mean() / 2, outer[:, i].std(ddof=1)
    print(f"  ± {half:.5f} (95 %), SD over seeds {spread:.5f}:", end=" ")
    print(verdict if same else "a tie")
figures.outer_leads([*regions, "all"], outer, lows, highs)
plt.show()

# %% [markdown]
# A verdict is given only where all three intervals lie on the same side of 0. With several regions,
# one of them may do so by chance. (A lead of exactly 0 without an interval: there, both models fall
# back to the PSTH.)
#
# **A common mistake** is to look at the test block, go back, widen the space, and look again. From
# the second look on it is a training block. The original tuned, stopped early and reported on one
# and the same random fifth of the trials, as many a project does; this is why this book cuts twice.

# %% [markdown]
# ## What may a searcher conclude?
#
# The question was how far the winner leads the default. Here are both answers, and what the
# search says of the other settings.

# %%
promise = (pair["default"] - best_blocks(winner)).mean()
print(f"promised {promise:+.5f} bits/spike, {promise / ruler:.1f} rulers")
lead, low, high = (ends[:, -1].mean() for ends in (outer, lows, highs))
print(f"on the test block {lead:+.5f} bits/spike,")
print(f"95 % interval over trials {low:+.5f} to {high:+.5f}")
behind = (evaluations["loss"] - evaluations["loss"].min()) / ruler
near, far = (behind <= 2).sum(), (behind > 5).sum()
print(f"{near} of {len(behind)} settings within two rulers of the best,")
print(f"{far} more than five behind")

# %% [markdown]
# - The promise is for choosing, never for reporting. Report the test block, with its interval over
#   trials and its spread over seeds, whichever way it came out.
# - The two answer slightly different questions, since the search ranks the networks alone and the
#   test block judges the whole model. A lead may get lost there, too.
# - Settings within two rulers of the best cannot be told from it, and need not be: take the default if
#   it is among them, or the smallest. What a search of this size can show is what *fails*, by many
#   rulers.
# - It holds for this recording, these regions and this short training. The default settings were
#   chosen on many simulated mice, so there was little left to find on one more. For a claim about a
#   *model* one mouse is not enough; chapter 8 asks many.
#
# **Larger searches.** `n_jobs=2` runs evaluations in worker processes, one thread each; as many as
# you have cores. By default `tune` also stops hopeless evaluations early (exercise 7.3). `model=`
# takes any model of this book, or a function of your own that makes one.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** A learning rate is searched, but never reaches the optimiser. What finds that out?
#
# - **A.** More evaluations: with enough of them, the plot of the loss will look flat.
# - **B.** Two fits with one seed and two learning rates: are their predictions the same?
# - **C.** Two fits with two seeds and two learning rates: do their losses differ?
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** A flat cloud also comes from a parameter that is connected and matters little.
# - **B.** Right. One change, all else fixed: predictions that are equal to the last digit give it away.
# - **C.** They will differ, because of the seeds, and the slip stays hidden.
#
# </details>
#
# **Question 2.** Why are two settings compared block by block, and not by their mean losses alone?
#
# - **A.** A block that is hard for both says nothing about which is better, and cancels.
# - **B.** There are more numbers that way, and more numbers always give a finer ruler.
# - **C.** The differences no longer depend on which trials were held out.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Right. What is common to both is taken off before the spread is measured.
# - **B.** There are five blocks either way; it is their common luck that goes.
# - **C.** They do still, only less: that is what their standard error measures.
#
# </details>
#
# **Question 3.** A setting leads by eight times the spread over seeds, all on the same held-out trials.
# What do we know?
#
# - **A.** The setting is better: nobody has such luck.
# - **B.** The setting is better for some seeds, and worse for others.
# - **C.** Not much yet: other trials might turn it round.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** All the fits share the luck of these trials, and the seeds do not measure that.
# - **B.** For these trials it was probably better with every seed; it is the trials that are in doubt.
# - **C.** Right. The seeds say how networks vary, and the question is also how trials do.
#
# </details>
#
# **Question 4.** Where does TPE look next?
#
# - **A.** Right beside the best evaluation so far.
# - **B.** Where a curve through all losses is lowest.
# - **C.** Where nobody has looked before, to learn most.
# - **D.** Where the good were dense and the rest were not.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** If many bad ones lie there too, the ratio is low, however good the best one was.
# - **B.** It has no curve of the loss: after the split into good and rest the losses are forgotten.
# - **C.** An empty place has a low density of the good as well. The wide bell only keeps it possible.
# - **D.** Right. It is the ratio of two densities that counts.
#
# </details>
#
# **Question 5.** The best of 200 evaluations leads the default by 0.002 bits/spike. What belongs in the
# report?
#
# - **A.** The lead on trials that had no part in the search, whatever it is.
# - **B.** 0.002, since the loss was measured on held-out blocks.
# - **C.** 0.002 less one standard error, to be careful.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** Right. Only there is the winner's luck left behind.
# - **B.** Held out from the fits, but not from the choice: the search has fitted itself to them.
# - **C.** The best of many is off by more than that, and the more so the longer the search was.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 7.1 ★: the shape of a draw
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
# my_shares = [1 / 3, (1e-3 - 1e-4) / (1e-1 - 1e-4)]
# ```
#
# One in three, against one in a hundred. With `uniform`, small learning rates would hardly ever have
# been tried.
#
# </details>

# %% tags=["exercise"]
my_shares = ...  # [loguniform, uniform]

# %% tags=["hide-cell", "solution"]
# @title Solution 7.1
shares = [1 / 3, (1e-3 - 1e-4) / (1e-1 - 1e-4)]
mistakes = {
    "The two are swapped: loguniform comes first.": shares[::-1],
    "Those are the shares above 0.001.": [1 - share for share in shares],
}
check(my_shares, shares, mistakes, tolerance=0.01, name="7.1")
generator = np.random.default_rng(0)
drawn = [
    np.exp(generator.uniform(np.log(1e-4), np.log(1e-1), 20_000)),
    generator.uniform(1e-4, 1e-1, 20_000),
]
measured = [np.mean(values < 1e-3) for values in drawn]
assert np.allclose(measured, shares, atol=0.01)

# %% [markdown]
# ### Exercise 7.2 ★★: the winner's curse
#
# Suppose 20 settings were *exactly* as good as the default, and their leads over it differed only by
# noise with the standard deviation `ruler` from above. By how much would the best of the 20 seem to
# lead, on average? Find out by simulation, in bits per spike, as a positive number.
#
# <details>
# <summary>Hint 1</summary>
#
# Draw leads around 0, 20 at a time, and look at the largest of each 20.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `np.random.default_rng(0).normal(0, ruler, (10_000, 20))` is ten thousand searches. Take the
# maximum along one axis and the mean along the other.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# searches = np.random.default_rng(0).normal(0, ruler, (10_000, 20))
# my_curse = searches.max(axis=1).mean()
# ```
#
# Nearly two standard errors, with nothing found at all. And it grows with the number of
# evaluations: the longer you search, the less your best loss means. (The leads of one search share
# the default's own luck; that shifts them all alike, and does not change this mean.)
#
# </details>

# %% tags=["exercise"]
my_curse = ...

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 7.2
searches = np.random.default_rng(0).normal(0, ruler, (10_000, 20))
curse = searches.max(axis=1).mean()
mistakes = {
    "The right size, but negative: how far does it seem to lead?": -curse,
    "First the largest of each 20.": searches.max(axis=0).mean(),
    "In units of the ruler: multiply by `ruler`.": curse / ruler,
}
check(my_curse, curse, mistakes, tolerance=0.03, name="7.2")
print(f"{curse:.5f} bits/spike, {curse / ruler:.1f} rulers")
assert 1.8 < curse / ruler < 1.95  # in theory 1.87

# %% [markdown]
# ### Exercise 7.3 ★★: stop the hopeless
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
# my_stops = [ended.sum(), int(ended[curves.min(axis=1).argmin()])]
# ```
#
# Half of them, by the nature of a median: a quarter of all checks saved. Whether the best one
# survives is luck on this scale, and the reason why `tune` is gentler early on.
#
# </details>

# %% tags=["exercise"]
my_stops = ...  # [how many end, whether the best does]

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 7.3
curves = np.array([record["curve"] for record in random.records])
half = curves.shape[1] // 2
so_far = curves[:, :half].min(axis=1)
ended = so_far > np.median(so_far)
best = curves.min(axis=1).argmin()
stops = [ended.sum(), int(ended[best])]
low_ended = [(~ended).sum(), stops[1]]
mistakes = {
    "Lower is better: end those above the median.": low_ended,
    "The second is 1 if the best ends, else 0.": [stops[0], 1 - stops[1]],
}
check(my_stops, stops, mistakes, name="7.3")
fate = "lost" if stops[1] else "kept"
print(f"{stops[0]} of {len(curves)} end; the best is {fate}")
assert stops[0] <= len(curves) // 2

# %% [markdown]
# ### Exercise 7.4 ★★★: a search you would sign
#
# Does tuning pay on a mouse of another kind? Take `load_session("simulated", kind="memory")`, write
# a space of your own, and find out whether a search of 20 evaluations gives a model that is better
# than the default on a block that was put away. Before you start, write down what you will count as
# better, and how often you will look at that block.
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A proof that every parameter of the space is connected.
# - A ruler of that mouse's own, from paired differences over blocks.
# - A sentence about the edges: which best values lie there, and what lies beyond.
# - One look at the test block, with an interval over trials and the spread over seeds, reported
#   whichever way it came out; a tie is called a tie.
# - What the answer is about: one mouse, one budget. What would it take to say it of a kind of mouse?
#
# </details>

# %% tags=["exercise"]
my_space = ...  # {parameter: hp expression}
my_plan = ...  # what counts as better; how many looks

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 7.1 is for paper, 7.2 for everybody: the number it gives is the chapter's
# > message. 7.4 makes a good hour in pairs, with the plan read out before anybody runs anything.
# >
# > **Typical mistakes, and what to say.**
# > 7.0: the best itself is left out ("by how much does the best trail the best?").
# > 7.1: shares above instead of below; let them mark the piece on a line of three equal parts.
# > 7.2: the axes of `max` and `mean` are swapped, which gives the best of ten thousand settings ("how
# > long would that search take?").
# > 7.3: "above the median" is taken for good; ask which way a loss is better.

# %% [markdown]
# ## Recap
#
# - Prove that every parameter you search changes the fit: same seed, one change, other predictions.
# - Put the test block away before the search; judge candidates on inner blocks; look once.
# - The ruler is the standard error of paired differences over blocks, pooled over comparisons; not
#   the spread over seeds.
# - TPE looks where the good are dense and the rest are not. Give random search the same budget.
# - A best value at the edge of the space was not found, only stopped.
# - The best loss of a search is too good to report: choose on one block, look at the others.
# - Report the test block, with the luck of the trials and that of the seeds.
# - Next: chapter 8, testing.
