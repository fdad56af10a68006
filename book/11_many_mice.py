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
# # 11. Many mice, many regions
#
# *Does what holds in one mouse hold in the next, and can a new mouse learn from the others?*
#
# **Goals.** By the end you can
#
# - score models on many sessions with one call that survives an interruption;
# - give a mean over animals with an interval, and say what it generalises to;
# - compare two models in pairs, mouse by mouse;
# - say what a core shared between mice is, and when it helps;
# - find out whom a comparison on simulated mice flatters.
#
# **Time.** About 25 minutes, 40 more with the quiz and the exercises. Runs in one to two minutes
# on a laptop.
#
# **What you need.** Chapters 6, 8 and 9: the parts of PupilEncoder, the PSTH-relative score, and why
# trials are not independent.
#
# **The data.** Twelve *simulated* mice of three kinds, with 120 trials each. For real ones, change
# the line that starts with `sources =` to
# `sources = [("steinmetz", {"index": i}) for i in range(39)]`, or `"dandi"` for the full files. They
# are downloaded, and it takes hours instead of a minute.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Start the study before you explain it: it is the one cell that takes a while.
# >
# > **On the board.** Draw twelve mice as boxes and a few trials in each as dots. Ask after every
# > number: dots or boxes? Whoever counts dots answers a question about these twelve mice; whoever
# > counts boxes answers one about mice.
# >
# > **If time is short**, leave out "How many mice?", and keep the shared core: the live one for the
# > idea, the stored curves for the answer.

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

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from pupil_helpers import PupilEncoder, check, evaluation_kernel
from pupil_helpers import explore, simulate_session, smooth
from pupil_helpers.evaluation.learning_curve import curve, stored_curve
from pupil_helpers.evaluation.mice import share
from pupil_helpers.evaluation.study import study
from pupil_helpers.metrics.scores import hierarchical_ci
from pupil_helpers.models.linear import Ridge
from pupil_helpers.models.shared import SharedEncoder
from pupil_helpers.plotting import many_mice as figures, use_style

use_style()

# %% [markdown]
# ## One call for all of them
#
# So far we asked one mouse at a time. A claim about models that rests on one mouse is a claim about
# that mouse. `study` takes many sessions: here, a source and its settings for each, by name.

# %%
kinds = ["home", "memory", "unforeseen"]


def mouse(seed):
    kind = kinds[seed % 3]
    settings = {"seed": seed, "kind": kind, "n_trials": 120}
    return f"{seed:02d} {kind}", ("simulated", settings)


sources = dict(mouse(seed) for seed in range(12))
models = {"ridge": Ridge(), "PupilEncoder": PupilEncoder(n_members=3)}
models["PupilEncoder"].n_updates = 150  # less than its default: saves time

# %% [markdown]
# What is finished is kept in a folder, in small files. With a folder of your own, a study that was
# interrupted goes on where it stopped, and one that is finished is read back at once. Each session is
# opened by the process that works on it, so that no more of them are in memory than processes.

# %%
folder = tempfile.mkdtemp()  # a folder of your own would be kept
choices = {
    "n_folds": 2,
    "min_neurons": 5,
}  # a region with fewer is left out
found = study(sources, models, folder=folder, progress=False, **choices)
scores = found.scores()
print(len(scores), "rows,", len(found.failures()), "failures")
columns = ["session", "region", "model", "psth_relative", "share"]
scores[columns].head(4).round(2)

# %% [markdown]
# A row is a session, a region and a model. The trials of all test blocks have been joined before
# scoring, so each trial counts once. `share` is R² over the split-half ceiling. With 39 recordings,
# some will fail: one without a pupil, say. The others go on, and `found.failures()` says why.
#
# ## A map
#
# **Predict first.** Regions differ, and mice differ. Which differ more?

# %%
ours = scores[scores["model"] == "PupilEncoder"]
regions = list(ours["region"].value_counts().index[:6])
table = ours.pivot(
    index="session", columns="region", values="psth_relative"
)
table = table.reindex(ours["session"].unique())[regions]
print(f"{table.std().mean():.2f} SD over mice, mean of the regions")
print(f"{table.mean().std():.2f} SD over regions, of their means")

# %% mystnb={"image": {"alt": "A map of scores, one row a mouse and one column a region. The column of LGd has the strongest colour in every row; SCs and SCm have weaker ones that vary from mouse to mouse; MRN, CA1 and VISam have hardly any throughout."}}
most = table.abs().max().max()
look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
bar = {"label": "PSTH-relative score"}
ax = sns.heatmap(table, **look, cbar_kws=bar)
ax.set(xlabel="region", ylabel="mouse")
plt.show()

# %% [markdown]
# Columns stand out more than rows. But a second look shows rows too: in the simulated mice every
# third one is of the same kind.

# %%
kind = table.index.str.split().str[-1]
simulated = set(kind) == set(kinds)
if simulated:
    print(table.groupby(kind).mean().round(2) + 0)  # + 0: no "-0.0"
    assert table.mean().std() > table.std().mean()

# %% [markdown]
# ## The mean, and how sure of it we are
#
# One mouse's interval, from chapter 8, says how the score would change with *other trials of this
# mouse*. A reader wants to know about *other mice*. For that the mice are the sample: one number for
# each, averaged over its sessions if it has several, and a t interval over these numbers. It is
# about mice like these: here, as many of each kind. Another mixture would have another mean.


# %%
def over_mice(values):
    """Mean over mice and its 95 % interval, region by region."""
    ends = {}
    for region, column in values.items():
        own = column.dropna()
        animal = animals[own.index]
        low, high = hierarchical_ci(own, animal)
        mean = own.groupby(animal).mean().mean()
        ends[region] = {"mean": mean, "low": low, "high": high}
    return pd.DataFrame(ends).T


animals = ours.drop_duplicates("session").set_index("session")["animal"]


means = over_mice(table)
means.round(3)

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Ask for the width of the interval if all trials of all mice were put into one
# > heap. It is far too narrow, and somebody will propose it. This is *pseudoreplication*: the trials of
# > one mouse agree with one another more than with those of the next.

# %% mystnb={"image": {"alt": "Scores of six regions: small rings for single mice, and a dot with a bar for the mean over mice and its interval. LGd is highest, SCs and SCm lie in the middle with overlapping intervals, the other three sit at zero."}}
figures.by_region(table, means)
plt.show()

# %% [markdown]
# **Your turn (two minutes).** In which share of the cells of `table`, mice and regions together, is
# the score above 0.05? Leave missing cells out.
#
# <details>
# <summary>Hint</summary>
#
# `table.to_numpy()` is an array; `np.isfinite` says which cells are there.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# cells = table.to_numpy()
# my_share = (cells[np.isfinite(cells)] > 0.05).mean()
# ```
#
# In the simulated mice it is near one half: the pupil drives three of the six regions, and in nearly
# every mouse the model finds it.
#
# </details>

# %% tags=["exercise"]
my_share = ...

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 11.0
cells_0 = table.to_numpy()
cells_0 = cells_0[np.isfinite(cells_0)]
mistakes = {
    "That is their number: divide by how many cells there are.": (
        cells_0 > 0.05
    ).sum(),
    "Those are the cells that are NOT above it.": (cells_0 <= 0.05).mean(),
}
check(my_share, (cells_0 > 0.05).mean(), mistakes, name="11.0")
print(f"{(cells_0 > 0.05).mean():.2f}")
if simulated:
    assert 0.4 < (cells_0 > 0.05).mean() <= 0.5

# %% [markdown]
# ### How many mice?
#
# **Try it.** Answer first, then move: from four mice to twelve, how much narrower does the interval
# get?


# %%
def first_mice(mice):
    some = table.iloc[:mice]
    return figures.by_region(some, over_mice(some), ylim=limits)


def in_words(mice):
    some = over_mice(table.iloc[:mice])
    width = (some["high"] - some["low"]).mean()
    return f"{mice} mice: mean width of the intervals {width:.2f}"


limits = table.min().min() - 0.2, table.max().max() + 0.2
numbers = sorted({n for n in (3, 4, 6, 8, 10, 12) if n <= len(table)})

# %%
explore(
    first_mice,
    mice=numbers,
    start={"mice": numbers[0]},
    caption=in_words,
    alt=lambda mice: f"Score of every region. {in_words(mice)}.",
)

# %%
if simulated:
    width = [
        over_mice(table.iloc[:n]).eval("high - low").mean() for n in (4, 12)
    ]
    print(f"mean width {width[0]:.2f} with 4 mice, {width[1]:.2f} with 12")
    assert width[1] < width[0] / np.sqrt(3)

# %% [markdown]
# With many mice, the width falls with the square root of their number, which from four to twelve would
# leave $1 / \sqrt{3}$ of it. With few it falls further, since the t distribution with few degrees of
# freedom is wide. No number of *trials* makes up for it: what varies between mice is not averaged away
# within one.
#
# ## Two models, mouse by mouse
#
# Mice may well differ more than models do. So compare models within each mouse: take differences,
# and then the interval over mice.
#
# **Predict first.** In which of the six regions will PupilEncoder be ahead of ridge?

# %%
wide = scores.pivot(
    index="session", columns=["model", "region"], values="psth_relative"
)
lead = (wide["PupilEncoder"] - wide["ridge"])[regions]
leads = over_mice(lead)
leads.round(3)

# %%
if simulated:
    assert leads.loc["LGd", "low"] > 0  # ahead, in LGd

# %% [markdown]
# In LGd the interval lies above 0: on these mice, three kinds together, PupilEncoder hears there what
# ridge, a sum of filters, does not. (Chapter 8 asks which part of it does, and on which kind of mouse.)
# In SCs and SCm ridge holds its own with so few trials. And where the pupil does nothing, both predict
# the PSTH.
#
# ## Many mice, one model
#
# Each network above learned from nothing, as if no mouse had been seen before. With few trials
# it shows. But mice have much in common: eyes, and ways to listen to them. So split the network:
#
# - the **core** is all that comes before the last step: components of the filtered features, the
#   stem and the recurrence. One for all mice, trained on all of them together;
# - the **readout** is the last linear map, with the PSTH it multiplies. One for each session.
#
# A new mouse gets the core as it is and has only its readout to learn; then the core is set free
# too, in smaller steps. So did the winners of a contest to predict mouse visual cortex
# ([Turishcheva et al., 2024](https://doi.org/10.48550/arXiv.2407.09100)), and, with a transformer as
# the core, [Azabou et al. (2023)](https://doi.org/10.48550/arXiv.2310.16046).
#
# Here it is, once and small: four simulated mice of the kind *memory* train a core, and a fifth has
# only a few trials to learn from. (The core is small and trained briefly, to save time.)


# %%
def recorded(seed, n_trials):  # a mouse, and the counts of its regions
    mouse = simulate_session(seed, kind="memory", n_trials=n_trials)
    return mouse, mouse.region_counts(mouse.truth.regions)


known = [recorded(seed, 100) for seed in range(20, 24)]
shared = SharedEncoder(n_members=2, core_updates=200, device="cpu")
shared = shared.learn_core([(mouse.pupil, n) for mouse, n in known])
print(sum(len(n) for _, n in known), "trials of", len(known), "mice")

# %% [markdown]
# Now the new mouse: 40 trials to learn from, and 100 later ones to be scored on. The score is the
# share of what could be predicted, as in chapter 6: the $R^2$ with the true rate.

# %%
new, counts = recorded(24, 142)
few, later = slice(0, 40), slice(42, None)  # two trials between
kernel = evaluation_kernel(new.bin_size)
true = smooth(new.true_region_rates(new.truth.regions)[later], kernel)


def shares(model):  # of the regions that the pupil drives
    model.fit(new.pupil[few], counts[few])
    guess = smooth(model.predict(new.pupil[later]), kernel)
    driven = np.flatnonzero(new.truth.driven)
    return [share(guess[..., r], true[..., r]) for r in driven]


names = new.truth.regions[new.truth.driven]
alone = PupilEncoder(device="cpu")  # the default
live = {"shared core": shares(shared), "PupilEncoder": shares(alone)}
live = pd.DataFrame(live, names).T
live.assign(mean=live.mean(axis=1)).round(2)

# %%
core_lead = live.loc["shared core"] - live.loc["PupilEncoder"]
print(f"with the core {core_lead.mean():+.2f}, mean of the regions")
assert core_lead.mean() > 0

# %% [markdown]
# With the core the new mouse is predicted better: it brought along what regions of this kind remember,
# and 40 trials are few to find that out. (A share below 0 is worse than the mean rate. It may come
# from the PSTH of so few trials.) But this is one mouse, and one kind.
#
# ### How many trials does a new mouse need?
#
# Larger cores take minutes, so here is a stored table. Cores were trained on twelve mice; nine new
# ones, three of each kind, gave 20 to 300 trials to learn from, and 100 others to be scored on. The
# first core was trained on mice of all kinds, the second on as many, but *none of the new one's
# kind*.
#
# **Predict first.** Who will be ahead with 40 trials, and who with 300? On which kind of mouse will a
# core be of most use?

# %%
rows = stored_curve()
by_trials = curve(rows).pivot(
    index="model", columns="trials", values="mean"
)
by_trials.round(2)

# %% [markdown]
# These are means over all new mice. They hide that the kinds behave differently:

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Let students draw the three lines before they see them, for each kind: where
# > do they start, and where do they meet? Most expect the core to be ahead throughout.

# %% mystnb={"image": {"alt": "Share of what could be predicted against the number of trials of the new mouse, one panel for each of three kinds; three thick lines that rise in each, and thin ones for single mice around them. On home mice the thick lines lie close together but for the fewest trials. On memory mice the core from mice of all kinds lies well above the other two, and comes nearer to them with many trials. On unforeseen mice it starts above the default and meets it, and the core from mice of other kinds ends below."}}
each_mouse = rows[rows["driven"]].groupby(
    ["kind", "model", "mouse", "trials"], sort=False
)
figures.learning_curves(each_mouse["share"].mean().reset_index())
plt.show()

# %% [markdown]
# Here is by how much the cores are ahead of the default, mouse by mouse. A star marks a lead whose
# interval over mice lies on one side of 0.


# %%
def marked(lead):
    sure = (lead["low"] > 0) | (lead["high"] < 0)
    pairs = zip(lead["mean"], sure, strict=True)
    return [f"{mean:+.2f}" + " *" * star for mean, star in pairs]


kind_by_kind = rows.groupby("kind", sort=False)
ahead = {own: curve(r, "PupilEncoder") for own, r in kind_by_kind}
ahead = pd.concat(ahead, names=["kind"]).reset_index("kind")
cells = ahead.assign(lead=marked(ahead))
cells = cells.set_index(["kind", "model", "trials"])["lead"]
cells.unstack("trials", sort=False)

# %%
mean = ahead.set_index(["kind", "model", "trials"])["mean"].unstack()
twins = mean.xs("shared core", level="model")
others = mean.xs("core of other kinds", level="model")
most = mean.loc["home", 80:].abs().max(axis=None)
print(f"home, 80 trials or more: both within {most:.2f} of the default")
assert most < 0.04
assert twins.loc["memory", 40:].idxmax() < 300
assert (twins.loc["memory", 40:160] > 0.05).all()
assert (twins.loc["memory"] > others.loc["memory"]).all()
assert others.loc["memory", 40:].abs().max() < 0.06
assert twins.loc["unforeseen", 40] > 0.02 > twins.loc["unforeseen", 300]
assert others.loc["unforeseen", 160:].max() < -0.02

# %% [markdown]
# - **Home** mice can do without a core. What they listen to is found in few trials; from 80 on no core
#   makes a difference worth having.
# - **Memory** mice gain the most. What they listen to lies seconds back, and 40 trials are too few to
#   find it out; a core that has met the kind knows it, and is ahead throughout. Its lead shrinks with
#   the number of trials. The core that has *not* met the kind hardly helps them.
# - **Unforeseen** mice differ from one another: each listens to directions of its own. A core that has
#   met others of them is ahead with few trials, and hardly with many. The core of other kinds
#   stands in the way: it has one stem and one memory for all mice. What this mouse alone listens to
#   may not be in it, and small steps at the end do not put it there.
#
# Three mice of a kind are few: look for the stars before you believe a lead.

# %% [markdown]
# ### Whom does this flatter?
#
# Simulated mice of one kind listen to the eye with the same features and lags, and with weights that
# lie within a tenth of their mean. (Only in *unforeseen* mice each has directions and places of its
# own.) Real animals share less, and electrodes sit in other places. So the first
# core has an easy task: it has met the new mouse's twins. The second has not: what it brings is what
# eyes and regions have in common *across* kinds, and here that is little. Between these two a real
# animal lies somewhere, and nobody knows where.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** Twelve mice, 120 trials each. Somebody bootstraps all trials in one heap and finds a
# tiny interval. What is it an interval of?
#
# - **A.** The mean over mice in general.
# - **B.** The mean over these twelve mice, had they done other trials.
# - **C.** Nothing: trials may never be bootstrapped.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** For that the mice must be the sample; new trials of old mice say nothing about new mice.
# - **B.** Right, at best, and if neighbouring trials are kept together.
# - **C.** Chapter 8 did so, in blocks, for a claim about one session. The claim decides.
#
# </details>
#
# **Question 2.** Two models have intervals over mice that overlap widely. Can one be reliably better?
#
# - **A.** Yes: the difference within each mouse may have a narrow interval above zero.
# - **B.** No, overlapping intervals mean that there is no difference.
# - **C.** Only with more trials.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Right. What varies between mice is common to both models, and a difference removes it.
# - **B.** That compares each model with the spread of mice, not with the other model.
# - **C.** Trials make each mouse's score surer, but the spread between mice stays.
#
# </details>
#
# **Question 3.** What belongs to the readout of a session, not to the core?
#
# - **A.** The recurrence.
# - **B.** The stem that reads the filtered pupil.
# - **C.** The last linear map, and the PSTH it multiplies.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** It turns the eye's past and future into a state, which is alike in all mice: core.
# - **B.** It comes before the last step: core.
# - **C.** Right. Regions and neurons are each session's own.
#
# </details>
#
# **Question 4.** Why is the core first frozen when a new mouse comes?
#
# - **A.** To save memory.
# - **B.** The readout starts from nothing: its first large steps would spoil what the core knows.
# - **C.** Because the new mouse has no core of its own.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** It saves a little time; memory is no reason at this size.
# - **B.** Right. Once the readout makes sense, small steps of the core do no harm.
# - **C.** It gets a copy, which could be trained at once; the order is the point.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 11.1 ★: how often is it ahead?
#
# In which share of the new mice of the stored table is "core of other kinds" ahead of PupilEncoder
# after 40 trials? Average the driven regions of each mouse first.
#
# <details>
# <summary>Hint 1</summary>
#
# Keep the rows that are driven and have 40 trials, then group by mouse and model.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `.groupby(["mouse", "model"])["share"].mean().unstack()` has a row for each mouse.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# few = rows[rows["driven"] & (rows["trials"] == 40)]
# each = few.groupby(["mouse", "model"])["share"].mean().unstack()
# wins = each["core of other kinds"] > each["PupilEncoder"]
# my_ahead = wins.mean()
# ```
#
# </details>

# %% tags=["exercise"]
my_ahead = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 11.1
few = rows[rows["driven"] & (rows["trials"] == 40)]
each = few.groupby(["mouse", "model"])["share"].mean().unstack()
wins = each["core of other kinds"] > each["PupilEncoder"]
twins_win = each["shared core"] > each["PupilEncoder"]
mistakes = {
    "That is a number of mice: divide by how many there are.": wins.sum(),
    "Those are the mice in which the default is ahead.": (~wins).mean(),
    "That is the core that has met their kind.": twins_win.mean(),
}
check(my_ahead, wins.mean(), mistakes, name="11.1")
print(f"{wins.sum()} of {len(wins)} mice")

# %% [markdown]
# ### Exercise 11.2 ★★: worth how many trials?
#
# After 40 trials the shared core reaches some mean share. How many trials does the default need to
# reach the same? Draw straight lines between its points, on the *logarithm* of the trials. If it
# never does, the answer is 300.
#
# <details>
# <summary>Hint 1</summary>
#
# `by_trials.loc["PupilEncoder"]` rises from left to right: it can be read the other way round.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `np.interp(x, xp, fp)` with the shares as `xp` and the logarithms of the trials as `fp`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# reached = by_trials.loc["shared core", 40]
# alone = by_trials.loc["PupilEncoder"]
# my_trials = np.exp(np.interp(reached, alone, np.log(alone.index)))
# ```
#
# </details>

# %% tags=["exercise"]
my_trials = ...

# %% tags=["hide-cell", "solution"]
# @title Solution 11.2
reached = by_trials.loc["shared core", 40]
alone = by_trials.loc["PupilEncoder"]
worth = np.exp(np.interp(reached, alone, np.log(alone.index)))
straight = np.interp(reached, alone, alone.index)
mistakes = {
    "Interpolate the logarithm of the trials.": straight,
    "That is still a logarithm: take the exponential.": np.log(worth),
}
check(my_trials, worth, mistakes, tolerance=1e-3, name="11.2")
print(f"{worth:.0f} trials")

# %% [markdown]
# ### Exercise 11.3 ★★★: a fairer test
#
# The new mice are twins of those that trained the first core. Design a test, on simulated or on real
# recordings, that tells how much a core would help in *your* laboratory: which mice train it, which
# choose its settings, which are scored, and what you would have to see to use it.
#
# <details>
# <summary>What a good answer contains</summary>
#
# Three sets of animals that do not overlap; the default, with the same trials, as the thing to beat;
# differences within each animal, with an interval over animals; regions that the pupil does not
# drive, in which nothing may be made up; a rule, written down before, for how large a lead is worth
# the trouble; and the question whether the training animals are at all like yours.
#
# </details>

# %% [markdown] tags=["teacher"]
# > **Typical mistakes, and what to say.**
# > 11.1: all rows are averaged at once, so that each region counts as a mouse ("how many numbers has one mouse?").
# > 11.2: `np.interp` is called with trials as `xp` ("what do you know, and what do you look for?").
# > 11.3: settings are chosen on the animals that are scored. Ask who would have chosen otherwise.

# %% [markdown]
# ## Recap
#
# - A claim about mice needs mice: one number each, and an interval over them.
# - `study` scores models on many sessions, keeps what is finished, and says what failed.
# - Models are compared within each mouse: differences first, then the mean.
# - A core can be shared by all sessions; a readout belongs to each.
# - A core helps where trials are few, the new mouse is like those before, and what it listens to is
#   hard to find: most on mice that remember. A core of other kinds brought no help, and stood in the
#   way of a mouse that listens in a way of its own.
# - What twins have in common flatters sharing. Score on mice unlike those that trained the core.
