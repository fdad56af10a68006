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
# # 10. Attribution
#
# *Which part of the pupil, and how long before or after, made the model predict what it did?*
#
# **Goals.** By the end you can
#
# - compute Integrated Gradients, by hand and with captum;
# - check that they are complete, and say what that check does not check;
# - say which pupil channel drives a region's prediction, at which lag, and compare with the truth;
# - say what an attribution does *not* tell.
#
# **Time.** About 50 minutes, 50 more with the quiz and the exercises. Runs in one to two minutes on a
# laptop. The part "If you have more time" can be left out.
#
# **What you need.** Chapters 4, 6 and 8. From calculus: a derivative, and that an integral adds up
# small changes.
#
# **The data.** This page uses the *simulated* mouse. It is the one animal in which we know which
# channel drives which region at which lag, so attributions can be marked right or wrong. To use the
# real recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`. What compares with the truth is then left out.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Nearly every figure here can be marked right or wrong, because the mouse is
# > simulated. Say so again and again: on a real recording the same figures look just as sure.
# >
# > **On the board.** A pupil trace with one jump in it, and below it a bin of a raster with a cross.
# > "Which samples made the model expect more spikes at the cross?" Collect answers as marks on the
# > trace. Then draw a second, flat trace under it: "compared with *what*?"
# >
# > **If time is short**, leave out "If you have more time" (it says so) and "A lag for the slow
# > channel". Completeness, levels and changes, and the careless model must stay.

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
from captum.attr import IntegratedGradients
from scipy.stats import spearmanr

from pupil_helpers import PupilEncoder, blocked_folds, check, explore
from pupil_helpers import integrated_gradients, lag_profile, load_session
from pupil_helpers.attribution import channels
from pupil_helpers.attribution.gradients import expected_gradients
from pupil_helpers.attribution.lag_profiles import lag_correlation
from pupil_helpers.attribution.on_mice import stored_shares
from pupil_helpers.attribution.sanity import randomised
from pupil_helpers.plotting import attribution as figures, use_style

# %%
use_style()
session = load_session("simulated")
print(session.name, session.spikes.shape)

# %%
table = session.region_table()
wanted = ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
regions = [name for name in wanted if name in table.index]
if len(regions) < 3:  # other places: take the largest regions
    regions = list(table.index[:6])
counts = session.region_counts(regions)  # (trials, bins, regions)
train, test = blocked_folds(session.n_trials)[2]
pupil, held_out = session.pupil, counts[test]

# %% [markdown]
# ## First, a model worth explaining
#
# We fit the default model of chapter 6. An attribution explains *this model*. If the model predicts
# badly, there is nothing to explain, so look at the held-out score first. Beside it stands the
# shrinkage, the weight that the model gives to what it has learned, networks and GLM together: 0
# means that it predicts the PSTH and ignores the pupil.

# %%
settings = {"bin_size": session.bin_size}  # and the defaults
metric = "psth_relative"


def score_of(each, seen=pupil):  # above the PSTH, (regions,)
    return each.score(seen[test], held_out, metric, per_region=True)


model = PupilEncoder(**settings)
model.fit(pupil[train], counts[train])
score = score_of(model)
found = {"score above the PSTH": score, "shrinkage": model.shrinkage_}
pd.DataFrame(found, regions).round(2)

# %% [markdown]
# We explain up to three regions: those with the highest scores among the ones that the model
# follows at all. Where the shrinkage is 0, every attribution would be 0 as well.

# %%
followed = np.flatnonzero(model.shrinkage_ > 0)
if len(followed) == 0:
    print("The model follows the pupil nowhere: nothing to explain. Below,")
    print("a model without shrinkage is explained. It says what that model")
    print("does, and nothing about the neurons.")
    settings["shrink"] = False
    model = PupilEncoder(**settings)
    model.fit(pupil[train], counts[train])
    score, followed = score_of(model), np.arange(len(regions))
best = np.sort(followed[np.argsort(-score[followed])[:3]])
names = [regions[i] for i in best]
print("explained below:", ", ".join(names))
if session.truth is not None:  # the ones that the pupil really drives
    driven = session.truth.regions[session.truth.driven]
    assert set(names) == set(driven)

# %% [markdown]
# ## From one bin back to the pupil
#
# Take one prediction that stands out: the test trial and the bin in which the model expects most
# spikes, compared with other trials, in the first of our regions. Which of the trial's pupil
# samples are responsible?

# %%
predicted = model.predict(pupil[test])[..., best[0]]  # (trials, bins)
unusual = (predicted - predicted.mean(axis=0))[:, 60:-60]
row, at = np.unravel_index(unusual.argmax(), unusual.shape)
trial, at = test[row], at + 60
here, usual = predicted[row, at], predicted[:, at].mean()
print(f"trial {trial}, {session.time[at]:.2f} s: {here:.2f} spikes per bin")
print(f"expected, where the average trial has {usual:.2f}")

# %% [markdown]
# To ask for reasons, we need something to compare with: a **reference**. Ours is an eye that is
# average and still, each channel at its training mean. The prediction for it is $F(x')$, the
# prediction for the recorded pupil $F(x)$, and the question becomes: how is the difference
# $F(x) - F(x')$ to be shared out among the samples $x_i$?
#
# The gradient at $x$ alone will not do. It says what a *tiny* change would do, and where a unit is
# saturated a tiny change does nothing. **Integrated Gradients**
# ([Sundararajan and colleagues, 2017](https://doi.org/10.48550/arXiv.1703.01365)) walk
# from the reference to the recording in a straight line and collect the gradient all along the way:
#
# $$\text{attribution}_i = (x_i - x'_i) \int_0^1 \frac{\partial F}{\partial x_i}\bigl(x' + \alpha\,(x - x')\bigr)\, d\alpha.$$
#
# Gradients have to reach the three channels themselves, through velocities, filters and networks.
# `model.as_module()` gives the whole model as one torch module. `prepare` fills the blinks, as the
# model does; *that* samples were missing is an input of its own, which we leave as it is.

# %%
net = model.as_module()
x, missing = net.prepare(pupil[[trial]])  # (1, bins, 3), (1, bins, 1)
average = model.module_.features.mean  # (3,)
start = average.to(x).expand_as(x)
one = 0, at, best[0]  # this trial, bin and region
with torch.no_grad():
    difference = (net(x, missing) - net(start, missing))[one].item()
print(f"F(x) - F(x') = {difference:.3f} spikes expected in this bin")

# %% [markdown]
# The integral becomes a weighted sum over a few points of the path. Gauss and Legendre worked out
# which points and weights are best for smooth functions.

# %%
nodes, weights = np.polynomial.legendre.leggauss(64)  # for -1 to 1
alphas, weights = (nodes + 1) / 2, weights / 2  # for 0 to 1
slope = torch.zeros_like(x)
for alpha, weight in zip(alphas, weights, strict=True):
    point = (start + alpha * (x - start)).requires_grad_()
    output = net(point, missing)[one]
    slope += weight * torch.autograd.grad(output, point)[0]
attributions = (x - start) * slope  # (1, bins, 3)

# %% [markdown]
# The same from captum ([Kokhlikyan and colleagues,
# 2020](https://doi.org/10.48550/arXiv.2009.07896)), the library that most people use for this. On a
# GPU, cuDNN refuses gradients of an `nn.RNN` outside training mode; the `with` line switches cuDNN
# off for the moment. (Our own recurrence does without cuDNN, so here the line is a good habit
# only.)

# %%
of = {"target": (int(at), int(best[0])), "n_steps": 64}
of |= {"additional_forward_args": missing, "method": "gausslegendre"}
with torch.backends.cudnn.flags(enabled=False):
    from_captum = IntegratedGradients(net).attribute(x, start, **of)
close = {"rtol": 1e-3, "atol": 1e-6, "check_dtype": False}
torch.testing.assert_close(from_captum, attributions, **close)
print(f"largest difference: {(from_captum - attributions).abs().max():.1e}")

# %% [markdown]
# **Predict first.** In the simulated mouse our first region answers each saccade a moment later. What
# will the attributions of x look like: one bump at the saccade, or a step that stays up after it,
# since the eye stays where it went?

# %% mystnb={"image": {"alt": "Three columns, area, x and y. Top: the pupil over one trial, with a vertical line at the bin to be explained. Bottom: the attribution of every sample. Close to the line the attributions of x and y swing up and down between neighbouring samples; far from it they are nearly zero."}}
filled = x[0].cpu().numpy()
parts = attributions[0].cpu().numpy()
figures.attribution_in_trial(session.time, filled, parts, at)
plt.show()

# %% [markdown]
# Neither. In the simulated mouse, the saccade shortly before the line gets the attributions, as it
# should. But look at x and y closely. Neighbouring samples get large
# attributions of opposite sign. There is a reason. The model hears *velocities*, differences
# between samples 40 ms apart, so where one sample pushes up, the other pushes down. The sum is
# right; its pieces are hard to read.
#
# ## Is it complete?
#
# All attributions together must add up to the difference in the prediction. This is
# **completeness**, and it can be checked every time.

# %%
error = abs(attributions.sum().item() - difference) / abs(difference)
print(f"sum of attributions {attributions.sum():.3f}")
print(f"difference {difference:.3f}, error {error:.1e}")
if session.truth is not None:
    assert error < 0.01

# %% [markdown]
# The error comes from the integral, and more steps make it smaller, as a rule. From here on
# `integrated_gradients` does the work: all trials and regions at once, and without a target bin it
# explains the expected count of the whole trial. The rectified units of our model put kinks into
# the path, so it needs more steps than a smooth network.

# %%
few, errors = pupil[test[:4]], {}
for n in (4, 8, 16, 32, 64):
    each = integrated_gradients(model, few, best, n_steps=n, tolerance=None)
    errors[f"{n} steps"] = each.completeness_error
errors = pd.DataFrame(errors, names).T
if session.truth is not None:
    assert (errors.loc["64 steps"] < 0.002).all()
    assert (errors.loc["64 steps"] < errors.loc["4 steps"]).all()
errors.map("{:.3%}".format)

# %% [markdown]
# Without `tolerance=None`, the function starts with 128 steps and doubles them until no region's
# error is above one in a thousand.
#
# A small error is good news about the *integral*, and about nothing else. It does not say that the
# model is right: attributions of a model that has learned nonsense are just as complete, and you
# will meet one below. Nor does it say that the attributions mean anything: there are many ways to
# share out the same sum. The next section has a second one, as complete as the first, and it looks
# quite different.
#
# ## Levels or changes?
#
# Where in time should a saccade's attribution go? The eye jumps once and then *stays* somewhere
# else, so every later sample is away from the reference too. We can write the same path in another
# way: as a starting point and a series of changes $\Delta x_u = x_u - x_{u-1}$. A change at time
# $u$ moves all samples from $u$ on, so its gradient is the sum of theirs:
#
# $$\text{attribution of change } u = \Delta x_u \sum_{i \ge u} \int_0^1 \frac{\partial F}{\partial x_i}\, d\alpha .$$
#
# The sum over the trial is the same as before, up to rounding.

# %%
later = slope.flip(1).cumsum(1).flip(1)  # sum of slopes from each bin on
change = torch.diff(x - start, dim=1, prepend=torch.zeros_like(x[:, :1]))
by_change = change * later
sums = by_change.sum(dim=1), attributions.sum(dim=1)
torch.testing.assert_close(*sums, rtol=1e-3, atol=1e-4)

# %% mystnb={"image": {"alt": "The same trial with attributions to changes. The jagged swings are gone: x and y have one narrow positive bump each, at the saccade shortly before the line, and a thin line in the very first bin; area has a fringe of small noise on both sides of zero."}}
parts = by_change[0].cpu().numpy()
figures.attribution_in_trial(session.time, filled, parts, at)
plt.show()

# %% [markdown]
# In the simulated mouse there is now one bump at the saccade, as one would draw it by hand. (The
# thin line in the first bin is the starting point: the eye was already away from its mean place.)
# The area has gained nothing: it drifts, and its changes from bin to bin are mostly noise. Neither
# picture is wrong. Levels suit a channel that drifts, changes suit one that jumps. What does *not*
# depend on the choice is the sum of each channel.

# %% [markdown]
# **Try it.** Three things can be moved: the bin that is explained, the reference, and the number of
# steps. Answer first. If you explain a bin that is a tenth of a second earlier or later, does the
# bump of x move along with it, or does it stay where it is and change its height? What else appears
# if the reference is not a still eye, but another trial, in which the eye moves, too? And what does
# a single step get wrong: the place of the attributions, or their sum?

# %%
moves, n_tried = [-100, 0, 100], [1, 4, 64]  # ms, steps
spots = [at + round(ms / 1000 / session.bin_size) for ms in moves]
near = slice(at - 60, at + 61)  # what the figure shows
others = net.prepare(pupil[test])[0].cpu().numpy()  # gaps filled
lively = np.ptp(others[:, near, 1], axis=1)  # how far x moves
lively[row] = -1
another = others[lively.argmax()]  # (bins, 3)
references = {"still eye": average.cpu().numpy(), "another trial": another}
same = np.repeat(pupil[[trial]], len(moves), axis=0)
explained = {
    (steps, name): integrated_gradients(
        model, same, best[0], spots, pupil_from, steps, tolerance=None
    )
    for steps in n_tried
    for name, pupil_from in references.items()
}


# %%
def sums_of(steps, reference, moved):  # found, and wanted
    found, k = explained[steps, reference], moves.index(moved)
    return found.changes[k].sum(), found.difference[k].item()


def in_words(steps, reference, moved):
    total, wanted = sums_of(steps, reference, moved)
    where = session.time[spots[moves.index(moved)]]
    return (
        f"bin at {where:.3f} s, against {reference}, steps: {steps}; "
        f"sum of attributions {total:.3f}, difference {wanted:.3f}"
    )


# %%
states = [(*key, ms) for key in explained for ms in moves]
tops = [
    max(abs(each.changes[:, near]).max() for each in explained.values()),
    max(np.abs(sums_of(*state)).max() for state in states),
]


def explained_bin(steps, reference, moved):
    k = moves.index(moved)
    parts = explained[steps, reference].changes[k, near, 0]  # (bins, 3)
    spot, sums = spots[k] - near.start, sums_of(steps, reference, moved)
    return figures.one_bin(session.time[near], parts, spot, sums, tops)


# %%
explore(
    explained_bin,
    moved=moves,
    steps=n_tried,
    reference=list(references),
    start={"moved": 0, "steps": 64},
    units={"moved": "ms"},
    labels={"moved": "bin moved by"},
    caption=in_words,
    alt=lambda **at: f"Attributions to changes: {in_words(**at)}.",
)

# %% [markdown]
# In the simulated mouse the bump stays at the saccade. As the explained bin moves away, only its
# height changes, and that change *is* the filter: the next section reads it off for all lags at
# once. Against another trial, the saccades of that trial appear as well, upside down: what they would
# add is missing here. And a single step puts the attributions in the right places already. It is
# their sum that is off, and, on average over the three bins, further off against another trial.

# %%
if session.truth is not None:
    of_x = explained[64, "still eye"].changes[:, 1:, 0, 1]  # (moves, bins)
    earlier, here, later = of_x.max(axis=1)
    assert max(earlier, later) < 0.7 * here
    assert abs(of_x[2].argmax() - of_x[1].argmax()) <= 3  # bins: it stays
    gaps = {n: np.subtract(*sums_of(n, "still eye", 0)) for n in n_tried}
    assert abs(gaps[64]) < 0.2 * abs(gaps[1])
    off = {
        name: np.mean(
            [abs(np.subtract(*sums_of(1, name, k))) for k in moves]
        )
        for name in references
    }
    assert off["another trial"] > 1.5 * off["still eye"]
    pair = [explained[n, "still eye"].changes[1, :, 0, 1] for n in (1, 64)]
    assert np.corrcoef(*pair)[0, 1] > 0.95

# %% [markdown]
# ## Which lag?
#
# One bin is an anecdote. `lag_profile` explains a random bin of every trial, several times over,
# and lines up the attributions by the **lag** between sample and bin. Positive lags are the pupil's
# past: there the neurons follow the pupil. To make channels and bins comparable, it explains the
# *logarithm* of the expected count, because in this model, as in the simulation, influences
# multiply, and logarithms turn that into sums.

# %%
profile = lag_profile(model, pupil[test], best, n_draws=5, n_steps=6)
recorded = np.isfinite(pupil).any(axis=(0, 1))  # which of area, x and y
channel = "x" if recorded[1] else "area"
if not recorded[1]:
    print("x was not recorded. The figure shows the area, which drifts.")

# %% mystnb={"image": {"alt": "Attribution of x by lag for three regions, to levels above and to changes below. The levels' curves swing wildly around lag zero. The changes' curves are bumps, nearly smooth, that lie on the dashed true kernels or close to them: after the eye moves in SCs, before it in SCm, and downwards, shortly after, in LGd."}}
figures.lag_profiles(profile, names, channel, session.truth)
plt.show()

# %% [markdown]
# The dashed line, where there is one, is the kernel that made the spikes, scaled to the height of
# the curve. Given to changes, the attribution of x recovers its place and its shape. It also has a
# sign: in LGd of the simulated mouse, saccades suppress. And in its SCm the bump lies at *negative*
# lags: these neurons fire before the eye moves, and a model that may look ahead has found it. Where
# the truth is flat and the curve is not, that is the model's own doing.

# %%
columns = ["x found", "y found"]
lags = pd.DataFrame(profile.peak_lag()[:, 1:], names, columns)
if session.truth is not None:
    rows = [list(session.truth.regions).index(name) for name in names]
    lags[["x true", "y true"]] = session.truth.peak_lag[rows, 1:]
    gap = lags["x found"] - lags["x true"]
    assert (gap.abs() <= 0.04).all()
lags.round(2)

# %% [markdown]
# In the simulation y does nothing in LGd, so there is no true lag to find, and yet y gets a lag.
# Keep it in mind; we come back to it.
#
# ## What each channel contributes, bin by bin
#
# There is a second road to the same place, without gradients. Move the channels from the reference
# to the recording *one after the other*, and attribute to each the change it makes. The order
# matters, so average over all orders: these are **Shapley values**, from the theory of fair shares.
# With three channels there are eight combinations, so eight predictions are enough, for
# all bins at once. By hand, for the first trials of the test block:

# %%
shown = {}  # which channels are as recorded → log of the expected counts
still = model.module_.features.mean.cpu().numpy()  # (3,)
for subset in np.ndindex(2, 2, 2):
    mixed = np.where(subset, few, np.where(np.isnan(few), np.nan, still))
    shown[subset] = np.log(model.predict(mixed))
first = shown[1, 0, 0] - shown[0, 0, 0]  # area first: two of six orders
after_x = shown[1, 1, 0] - shown[0, 1, 0]
after_y = shown[1, 0, 1] - shown[0, 0, 1]
last = shown[1, 1, 1] - shown[0, 1, 1]  # area last: two more
area = (2 * first + after_x + after_y + 2 * last) / 6

# %% [markdown]
# **Your turn (two minutes).** Take the first of these trials, and the first of our regions. What must
# the contributions of area, x and y add up to in each of its bins? No Shapley value is needed for it.
#
# <details>
# <summary>Hint</summary>
#
# Completeness again: from all channels at the reference to all channels as recorded. Both are in
# `shown`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# my_sum = (shown[1, 1, 1] - shown[0, 0, 0])[0, :, best[0]]
# ```
#
# On the way from one to the other, whatever the order, every step belongs to one of the three.
#
# </details>

# %% tags=["exercise"]
my_sum = ...  # (bins,), of the log of the expected count

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 10.0
ends = shown[0, 0, 0][0], shown[1, 1, 1][0]  # each (bins, regions)
begin, end = (logs[:, best[0]] for logs in ends)
mistakes = {
    "The sign: recorded minus reference.": begin - end,
    "That is the prediction: take off the reference's.": end,
    "Stay with logarithms: there they add up.": np.exp(end) - np.exp(begin),
    "One region only: the first in `best`.": ends[1] - ends[0],
}
check(my_sum, end - begin, mistakes, tolerance=1e-4, name="10.0")
three = channels.contributions(model, few[:1], still)[0, :, best[0]]
np.testing.assert_allclose(three.sum(-1), end - begin, atol=1e-4)

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Whoever starts to work out y's Shapley value has understood the section and
# > missed the question: ask what the three must add up to. If the sign is wrong, ask what a positive
# > attribution should mean.

# %% [markdown]
# `channels.contributions` does this for all channels. Cut the way into several steps, let the
# channels take turns at every step, and Shapley values turn into Integrated Gradients summed over
# each channel's samples: the two are one idea at different step sizes.

# %%
shapley = channels.contributions(model, few, still)[:, :, best]
np.testing.assert_allclose(shapley[..., 0], area[..., best], atol=1e-4)
exactly = {"reference": still, "tolerance": None, "log": True}
backward = integrated_gradients(model, few, best, n_steps=48, **exactly)
error, by_ig = backward.completeness_error.max(), backward.by_channel
print(f"Integrated Gradients: error {error:.1%} at most")
for n_steps in (1, 2, 4):
    forward = channels.contributions(model, few, still, n_steps)[:, :, best]
    gap = np.abs(forward.sum(axis=1) - by_ig).mean() / np.abs(by_ig).mean()
    print(f"steps: {n_steps}, {gap:.1%} from Integrated Gradients")
if session.truth is not None:
    assert gap < 0.05

# %% [markdown]
# Contributions are complete with any number of steps, since they are differences of predictions.
# Integrated Gradients are so only as far as the integral is exact: if its error above is large, the
# gap cannot be small.
#
# Now the whole session. Scores need held-out trials; explanations do not, and with more trials the
# slow swings of the pupil's area are better seen.

# %%
attributions = channels.contributions(model, pupil, still)[:, :, best]
everything = model.module_.prepare(pupil)[0].cpu().numpy()

# %% mystnb={"image": {"alt": "One trial. Top: area, x and y. Below, for each of three regions, coloured areas show how much each channel raises or lowers the predicted log rate in each bin, and a line their sum. A large saccade in x and y makes a short bump, after the jump in SCs, before it in SCm and downwards in LGd, and a small one a smaller bump; area makes slow waves, largest in LGd."}}
in_trial = everything[trial], attributions[trial]
figures.contributions_in_trial(session.time, *in_trial, names)
plt.show()

# %% [markdown]
# This is what the model believes about one trial. In the simulated mouse each saccade leaves a
# short mark, late in SCs, early in SCm, downwards in LGd, and the area moves everything slowly, LGd
# most of all. (If one saccade leaves SCm cold, look at its direction: in this mouse, SCm answers to
# jumps along x to one side only.)
#
# ## How much does each channel matter?
#
# A steady contribution explains no *variation*, so we take the variance of each channel's
# contribution over trials and bins, as a share of the three. The simulation defines its truth in
# the same way.

# %%
share = channels.variance_share(attributions)  # (regions, 3)
bars = {"found": share}
if session.truth is not None:
    true_share = session.truth.channel_share[rows]
    bars = {"truth": true_share, **bars}
    assert np.abs(share - true_share).max() < 0.2
    print(f"largest error: {np.abs(share - true_share).max():.2f}")

# %% mystnb={"image": {"alt": "For each of three regions a bar divided among area, x and y, the truth above and what was found below. The two agree roughly: area and x share SCs and SCm, with less for y; area has the larger part of LGd and x the rest. In SCs and SCm y is found too large and area too small."}}
figures.shares(bars, names)
plt.show()

# %% [markdown]
# One mouse is an anecdote. `benchmarks/attribution.py` asked the same of other simulated mice of
# this kind, each with a model of its own, and stored what it found beside the truth.

# %%
mice = stored_shares()
mice["error"] = mice["share"] - mice["true_share"]
print(mice["mouse"].nunique(), "other simulated mice: found minus true")
errors = mice.groupby(["region", "channel"], sort=False)["error"]
errors = errors.agg(["mean", "std", "min", "max"])
assert errors.loc[("SCs", "area"), "min"] < -0.1  # one: far too little,
assert errors.loc[("SCs", "area"), "max"] > 0.1  # another: far too much
assert errors.loc["LGd"].abs().max().max() < 0.1
assert (errors.xs("y", level="channel")["mean"] > 0).all()
errors.round(2)

# %% mystnb={"image": {"alt": "Share found against true share, a dot for each mouse and region, one panel for area, x and y, with the line of perfect agreement. In LGd the dots lie on the line or next to it. In SCs those of area and x lie up to a fifth above or below it. Those of y, all small, tend to lie above the line."}}
by_region = {"hue": "region", "style": "region", "col": "channel"}
grid = sns.relplot(mice, x="true_share", y="share", **by_region, height=2.9)
for ax in grid.axes.flat:
    ax.axline((0, 0), slope=1, color="grey", lw=1, zorder=0)
grid.set_titles("{col_name}").set_axis_labels("true share", "share found")
plt.show()

# %% [markdown]
# The shares are right roughly, not exactly. In LGd, which the pupil drives most strongly, they lie
# close to the truth. In SCs the share of area is far too small in one mouse and far too large in
# another, and x makes up for it. The area is slow: a session holds only a few of its swings, and
# the neurons' own slow ups and downs go along with them, or against them, by chance. More mice
# average this out; more digits from one mouse do not. The y gets too much on average in all three
# regions, and that does not average out. It moves together with x, so that the model cannot tell for
# sure which of the two counts; and an error of a contribution adds to its variance, which matters
# most where the true share is small. So where the shares of two channels lie close to each other,
# do not read anything into their order.
#
# ## A lag for the slow channel
#
# For the area, neither levels nor changes give a clean lag. It varies so slowly that a network can
# read it now, or a quarter of a second ago, and hear almost the same; where exactly it listens is
# left to chance. What is *not* left to chance is how the contribution as a whole moves: it trails
# the area by some time. So correlate the two at every lag. For x and y, take the eye's speed.

# %%
found = lag_correlation(attributions, pupil, bin_size=session.bin_size)
lags = pd.DataFrame(found.peak, names, ["area", "x", "y"])
if session.truth is not None:
    gap = np.abs(found.peak - session.truth.peak_lag[rows])
    assert np.nanmax(gap[:, 1:]) <= 0.04
    assert gap[:, 0].max() <= 0.15
lags.round(2)

# %% mystnb={"image": {"alt": "Correlation of each channel's contribution with the channel, against lag, one panel per region, with triangles at the true lags. Area has a broad hill that peaks about 0.3 seconds after zero, at its triangle or close to it; x and y have narrow peaks close to their triangles, left of zero in SCm and upside down in LGd."}}
figures.lag_correlations(found, names, session.truth)
plt.show()

# %% [markdown]
# The triangles on the axis, where the truth is known, are the true lags. The peak of the area is
# broad: its place is known less well, and honesty asks to say so.
#
# ## What attribution does not tell
#
# **It explains the model, right or wrong.** Here is a careless model: fitted to thirty trials, and,
# with `shrink=False`, without the safety catch that lets an unhelpful region fall back to its PSTH.
#
# **Predict first.** Where this model predicts nonsense, worse than the PSTH: will its attributions be
# small? And will they be complete?

# %%
careless = PupilEncoder(shrink=False, bin_size=session.bin_size)
careless.fit(pupil[train[:30]], counts[train[:30]])
scores, sizes = {}, {}
for name, each in {"our model": model, "careless": careless}.items():
    scores[name] = score_of(each)
    parts = channels.contributions(each, pupil[test], still)
    sizes[name] = parts.std(axis=(0, 1))  # (regions, 3)

# %% mystnb={"image": {"alt": "For our model and for the careless one: held-out score and contributions of area, x and y, one row per region. Our model attributes next to nothing where the score is about zero. The careless one attributes also in MRN, a good part of what it attributes in SCs, though the score there is below zero."}}
figures.score_and_attribution(regions, scores, sizes)
plt.show()

# %% [markdown]
# Where is the careless model worse than the PSTH, and how complete are its reasons there?

# %%
bad = np.flatnonzero(scores["careless"] < 0)
wrong = pd.DataFrame(index=[regions[r] for r in bad])
wrong["score"] = scores["careless"][bad]
wrong["largest contribution"] = sizes["careless"][bad].max(axis=1)
if len(bad):
    once = {"n_steps": 32, "tolerance": None}
    reasons = integrated_gradients(careless, few, bad, **once)
    wrong["completeness error"] = reasons.completeness_error
if session.truth is not None:
    mrn = wrong.loc["MRN"]  # has nothing to do with the pupil
    largest = sizes["careless"][best[0]].max()
    assert mrn["largest contribution"] > 0.25 * largest
    assert mrn["completeness error"] < 0.01
if wrong.empty:
    print("Nowhere: this time the careless model was lucky.")
wrong.round(4)

# %% [markdown]
# Neither small nor incomplete. MRN of the simulated mouse has nothing to do with the pupil. The
# careless model finds reasons for it all the same: they are complete, they have a good part of the
# size of those in SCs, and they mean nothing. (Where a careless model makes things up, and where
# not, is a matter of luck.) Score first, attribution second.
#
# **Correlated inputs share attributions.** In the simulation, LGd ignores y. The model gives y a
# little attribution there all the same, because x and y jump together and it cannot tell for sure
# which of them counts. Nothing in the attribution warns of it; only the truth did.
#
# **Prediction is not cause.** If a region has attributions to the *future* pupil, as SCm of the
# simulated mouse has, this does not mean that the future acts on neurons. More likely, the neurons
# move the eye, or something third moves both. The lag narrows it down and no more. A bidirectional
# model is free to look both ways; a causal one must find another explanation (exercise 10.3).
#
# **The reference is a choice**, and so is the output: counts or their logarithm, one bin or the
# whole trial, levels or changes. Say which, whenever you show an attribution.

# %% [markdown]
# ## If you have more time
#
# Three more questions. Nothing later depends on them; exercise 10.2 practises a part of the second.
#
# ### Another reference
#
# "Compared with what?" is part of the answer. **Expected Gradients** ([Erion and colleagues,
# 2021](https://doi.org/10.1038/s42256-021-00343-w)) compare with other trials, drawn at random,
# instead of one average eye.

# %%
some, c = pupil[test[:20]], ["area", "x", "y"].index(channel)
rough = {"reference": still, "n_steps": 16, "tolerance": None, "log": True}
single = integrated_gradients(model, some, best, **rough)
drawn = {"n_samples": 30, "log": True}
expected = expected_gradients(model, some, pupil[train], best, **drawn)
single, expected = (a.by_channel[..., c] for a in (single, expected))

# %%
by_reference = pd.DataFrame(index=names)
by_reference["still eye"] = single.mean(axis=0)  # over trials
by_reference["other trials"] = expected.mean(axis=0)
pairs = zip(single.T, expected.T, strict=True)
by_reference["rank correlation"] = [spearmanr(*pair)[0] for pair in pairs]
if session.truth is not None:
    ratio = by_reference["other trials"] / by_reference["still eye"]
    assert (ratio.abs() < 0.5).all()
    assert by_reference["rank correlation"].min() > 0.8
print(f"mean attribution of {channel} (log count, summed over the trial)")
by_reference.round(2)

# %% [markdown]
# In the simulated mouse, which trials get more attribution to x than others hardly depends on the
# reference, but the numbers do. An average *still* eye makes no saccades, so against it nearly
# every saccade gets an attribution of one sign. Other trials do make saccades, and against them a
# trial gets attributions also for saccades that it lacks. On average little is left.
#
# ### Three questions that sound alike
#
# 1. *How does the channel move this model's prediction?* Contributions say it. A cruder answer is
#    **occlusion**: give the channel another trial's values and see how far the prediction moves.
# 2. *How much worse does this model get when the channel is wrong?* **Permutation importance** swaps
#    the channel between held-out trials, too, but looks at the score.
# 3. *What does the channel know that the others do not?* For that, **fit the model again without
#    it**. Only then can the other channels take over what they share with it.
#
# We ask all three about y. (`channels.unique_contributions` asks the third about every channel.)

# %%
moved = channels.occlusion(model, pupil[test], n_repeats=3)  # (regions, 3)
swapped = pupil[test], held_out, metric, 3  # times
drop = channels.permutation_importance(model, *swapped).mean(axis=0)
three = pd.DataFrame(index=names)
three["log rate moved by y (SD)"] = np.sqrt(moved[best, 2])
three["score lost, y wrong"] = drop[best, 2]

# %%
lost = np.zeros(len(best))
if recorded[2]:
    hidden = np.where([False, False, True], np.nan, pupil)  # no y
    without = PupilEncoder(**settings)
    without.fit(hidden[train], counts[train])
    lost = (score - score_of(without, hidden))[best]
else:
    print("y was not recorded: there is nothing to swap or to leave out.")
three["score lost, no y"] = lost
if session.truth is not None:
    wrong_y = three["score lost, y wrong"].iloc[:2].mean()
    assert wrong_y > 0.02 > lost[:2].mean()
three.round(3)

# %% [markdown]
# In SCs and SCm of the simulated mouse, y moves the predictions, and a wrong y costs this model some
# of its score. Yet a model that never saw y does about as well: the eye rarely moves along y
# without moving along x, so x can stand in for it. All three answers are right about *their*
# question.
#
# *A common mistake.* "We removed the channel, the score stayed, so the neurons ignore it." What
# follows is less: the other channels can stand in for it. The reverse fails as well. A channel can
# get attributions only because it moves together with one that matters.
#
# ### Does it explain the model, or only its input?
#
# Attributions are distances from the reference times slopes. An attribution map may therefore look
# convincing because the *pupil* has shape, whatever the model does. The test ([Adebayo and
# colleagues, 2018](https://doi.org/10.48550/arXiv.1810.03292)): scramble the trained weights and
# attribute again. If the map stays the same, it does not explain the model. For comparison, the
# same model trained again from another seed; *its* map should stay the same.

# %%
again = PupilEncoder(seed=1, **settings)
again.fit(pupil[train], counts[train])
models = {("trained", ""): model, ("trained again", ""): again}
for seed in range(6):
    models["scrambled", seed] = randomised(model, seed=seed)
rough = {"reference": still, "n_steps": 8, "tolerance": None}
maps = {}  # each (trials, bins, regions, 3)
for key, each in models.items():
    found = integrated_gradients(each, pupil[test[:8]], best, **rough)
    maps[key] = found.changes
ours = maps.pop(("trained", ""))

# %%
views, alike = {"with its sign": np.asarray, "size only": np.abs}, []
for title, view in views.items():
    for (name, _), theirs in maps.items():
        for r in range(len(best)):
            pair = (view(a[:, :, r].ravel()) for a in (ours, theirs))
            alike.append((title, name, spearmanr(*pair)[0]))
what = "rank correlation with the map of our model"
alike = pd.DataFrame(alike, columns=["map", "model", what])

# %% mystnb={"image": {"alt": "Rank correlation with the trained model's map, two panels. With its sign, the model trained again lies near one, scrambled models scatter widely around zero. Size only: every scrambled model has a positive correlation, most of them above one half, though below the model trained again."}}
strips = {"y": "model", "hue": "model", "col": "map", "alpha": 0.7}
grid = sns.catplot(alike, x=what, **strips, height=2.4, aspect=1.8)
grid.refline(x=0).set_titles("{col_name}").set_axis_labels(what, "")
grid.set(xticks=[-0.5, 0, 0.5, 1])
plt.show()

# %%
means = alike.groupby(["model", "map"])[what].mean()
if session.truth is not None:
    assert abs(means["scrambled", "with its sign"]) < 0.35
    assert means["trained again", "with its sign"] > 0.6
    assert means["scrambled", "size only"] > 0.5
means.unstack().round(2)

# %% [markdown]
# In the simulated mouse the map of a scrambled model, with its sign, has on average little to do
# with the real one: the check is passed. (A single scrambled model can land anywhere. Its few slopes
# point up or down by chance, which is why there are several.) *Size only*, even a scrambled model's
# map resembles the real one, because large movements of the eye get large attributions of whatever
# sign. A heat map of absolute values looks convincing for the wrong reason.

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** The attributions of a trial sum to the difference in the prediction, up to one part
# in ten thousand. What has been shown?
#
# - **A.** That the model predicts this trial well.
# - **B.** That the samples with large attributions made the neurons fire.
# - **C.** That the integral along the path was worked out exactly enough.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** The sum compares two predictions with each other. No recorded spike enters it.
# - **B.** That takes the model for the brain. The careless model was complete in MRN, too.
# - **C.** Right. It checks the arithmetic, and neither the model nor how the sum was shared out.
#
# </details>
#
# **Question 2.** Why do attributions to the *levels* of x jump up and down between neighbouring samples?
#
# - **A.** The model listens to differences of samples, so neighbours push in opposite directions.
# - **B.** Too few steps were taken along the path from the reference.
# - **C.** The camera is noisy, and the noise comes out in the attributions.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** Right. Their sum is sound. Sorted by changes, the same sum is a single bump.
# - **B.** More steps do not help: the completeness error was small already.
# - **C.** Noise differs from trial to trial. These swings stay in the average over all test trials.
#
# </details>
#
# **Question 3.** Attributions of SCm lie at negative lags. What may we conclude?
#
# - **A.** What the eye will do acts back on SCm.
# - **B.** The model uses what the eye does next, as it can if these neurons fire before it moves.
# - **C.** The lags were counted the wrong way round: an effect cannot come first.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** That takes predicting for causing. More likely, the neurons move the eye.
# - **B.** Right. The attribution is about the model. The lag only narrows down what may cause what.
# - **C.** SCs, with the same lags, came out positive, and both are where the truth has them.
#
# </details>
#
# **Question 4.** Over several mice, y gets too large a share. Why do more mice not help?
#
# - **A.** What makes it too large is at work in every mouse: y moves together with x, for one thing.
# - **B.** They do help: every error averages out in the end.
# - **C.** The model has more weights for y than for x.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** Right. What has the same cause in every mouse has the same sign in every mouse.
# - **B.** Luck averages out, as it does for the area. A bias is what is left when luck is gone.
# - **C.** Both have the same features. It is the data that cannot tell them apart for sure.
#
# </details>
#
# **Question 5.** A model that was fitted without y scores as well as one with y. What follows?
#
# - **A.** The neurons ignore y.
# - **B.** A model that has y does not use it.
# - **C.** The other channels can stand in for what y knows.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** In the simulated mouse SCs follows y. It loses nothing, because x tells nearly the same.
# - **B.** It may well use it: a *wrong* y did cost it some of its score. That is another question.
# - **C.** Right. Refitting asks what a channel knows that no other channel does.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 10.1 ★★: a wide pupil as the reference
#
# Take the first test trial and the first of our regions. The reference is now an eye whose area is
# two SDs above its mean, with x and y at theirs. To what number must the attributions of the
# whole trial sum (expected counts, not logarithms)? Compute it without any gradient.
#
# <details>
# <summary>Hint 1</summary>
#
# Completeness: the attributions sum to $F(x) - F(x')$, summed over bins. Two predictions will do.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The reference pupil is `still + [2, 0, 0] * sd`, with
# `sd = model.module_.features.sd.cpu().numpy()`, spread over all bins. Blinks count as blinks in the
# reference too: keep `NaN` where the recording has `NaN`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# wide = still + [2, 0, 0] * model.module_.features.sd.cpu().numpy()
# seen = pupil[test[:1]]
# reference = np.where(np.isnan(seen), np.nan, wide)
# moved_by = model.predict(seen) - model.predict(reference)
# my_total = moved_by[..., best[0]].sum()
# ```
#
# `integrated_gradients(model, seen, best[0], reference=wide)` gives attributions with this sum,
# up to its completeness error.
#
# </details>

# %% tags=["exercise"]
my_total = ...  # one number

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 10.1
seen, sd = pupil[test[:1]], model.module_.features.sd.cpu().numpy()
wide = still + [2, 0, 0] * sd
eyes = [np.where(np.isnan(seen), np.nan, e) for e in (seen, wide, still)]
end, begin, mean = (model.predict(eye)[..., best[0]] for eye in eyes)
mistakes = {
    "The sign: recorded minus reference.": (begin - end).sum(),
    "That is the mean over bins; sum over them.": (end - begin).mean(),
    "Use expected counts, not logarithms.": np.log(end / begin).sum(),
    "That is the average eye: widen it.": (end - mean).sum(),
}
right = (end - begin).sum()
check(my_total, right, mistakes, tolerance=1e-4, name="10.1")
solution = integrated_gradients(model, seen, best[0], reference=wide)
total = solution.by_channel.sum()
np.testing.assert_allclose(total, right, rtol=0.01, atol=0.01)

# %% [markdown]
# ### Exercise 10.2 ★: occlusion by hand
#
# Give every test trial the x of the test trial *before* it (`np.roll` by one trial; the first takes
# the last one's). How far does the log of the expected counts move? Answer with half the mean
# squared change over trials and bins, one number for each of our regions. (In a recording without
# x, all of them are 0.)
#
# <details>
# <summary>Hint 1</summary>
#
# Copy the pupil of the test trials first, with `.copy()`, so that the session stays as it is.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# The x is channel 1, and `np.roll(…, 1, axis=0)` moves it on by a trial. Then predict from both,
# take logarithms, and average the squared difference over the first two axes.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# other = pupil[test].copy()
# other[..., 1] = np.roll(other[..., 1], 1, axis=0)
# moved_by = np.log(model.predict(other) / model.predict(pupil[test]))
# my_occlusion = 0.5 * (moved_by**2).mean(axis=(0, 1))[best]
# ```
#
# Why half? If the prediction is a sum of parts, swapping one between trials changes it by the
# difference of two independent draws of that part, whose variance is twice the part's own.
#
# </details>

# %% tags=["exercise"]
my_occlusion = ...  # one number for each region in `best`

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 10.2
by = []
for c in (0, 1):
    other = pupil[test].copy()
    other[..., c] = np.roll(other[..., c], 1, axis=0)
    shift = np.log(model.predict(other) / model.predict(pupil[test]))
    by.append(0.5 * (shift**2).mean(axis=(0, 1))[best])
mistakes = {
    "Nearly: take half of the mean squared change.": 2 * by[1],
    "Square before you take the mean.": 0.5
    * shift.mean(axis=(0, 1))[best] ** 2,
    "That is area, channel 0; x is channel 1.": by[0],
}
check(my_occlusion, by[1], mistakes, tolerance=1e-4, name="10.2")
if session.truth is not None:  # other swaps of the same trials, averaged
    several = channels.occlusion(model, pupil[test], n_repeats=3)[best, 1]
    np.testing.assert_allclose(by[1], several, rtol=0.5)

# %% [markdown]
# ### Exercise 10.3 ★★: a model that cannot look ahead
#
# Fit a *causal* model, `PupilEncoder(direction="causal", …)`, with the other settings as above. By
# how much does the held-out score above the PSTH change in each of our regions? Which region
# loses most, and where do its attributions go now?
#
# <details>
# <summary>Hint 1</summary>
#
# Fit to `pupil[train]` and `counts[train]` as at the start of the chapter, and then call `score_of`.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Subtract: causal minus bidirectional, for the columns in `best`. For the lags, call `lag_profile`
# with the causal model.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# causal = PupilEncoder(direction="causal", **settings)
# causal.fit(pupil[train], counts[train])
# my_change = (score_of(causal) - score)[best]
# ```
#
# In the simulated mouse, the region that fires before saccades loses most: what it "predicts" has
# not happened yet. No attribution is left at negative lags. What remains goes to the past, to
# whatever makes a saccade likely.
#
# </details>

# %% tags=["exercise"]
my_change = ...  # one number for each region in `best`

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 10.3
causal = PupilEncoder(direction="causal", **settings)
causal.fit(pupil[train], counts[train])
new = score_of(causal)
gained = (new - score)[best]
mistakes = {
    "The sign: causal minus bidirectional.": -gained,
    "Subtract the score of the bidirectional model.": new[best],
    "Take the columns in `best`.": new - score,
}
check(my_change, gained, mistakes, tolerance=0.01, name="10.3")
ahead = lag_profile(causal, pupil[test], best, n_draws=1, n_steps=4)
assert not ahead.changes[ahead.lags < -0.5 * session.bin_size].any()
if session.truth is not None:
    assert names[gained.argmin()] == "SCm"

# %% [markdown]
# ### Exercise 10.4 ★★★: channels that act together
#
# On the home mouse each channel adds its own part to the log rate. On the kind *memory* (see "How
# the mice were made") saccades count more when the pupil is wide, so that there is no true share of
# each channel. What do attributions make of it? Fit a model to
# `load_session("simulated", seed=1, kind="memory")`, explain it, and find out which of the figures
# of this chapter warn you, and which look just as sure of themselves as before.
#
# <details>
# <summary>What a good answer contains</summary>
#
# - The held-out score first, and only regions that are above the PSTH.
# - Contributions from two references, such as a narrow and a wide still eye. Where channels act
#   together, the contribution of x depends on the area of the reference.
# - The order of the channels: how far apart are "x first" and "x last" in `shown`, beside the same on
#   the home mouse?
# - More than one mouse, or a reason why one is enough, and a sentence on what a reader who knows no
#   truth should do.
#
# </details>

# %% tags=["exercise"]
my_first, my_last = ..., ...  # contribution of x, before and after area

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 10.2 is quick and shows that a method with a name can be four lines. 10.3 is
# > worth its ten minutes: it ties the chapter to chapter 4.
# >
# > **Typical mistakes, and what to say.**
# > 10.1: the reference has no blinks where the recording has some ("what does the model do with a
# > missing sample?"), or logarithms are taken ("what was the output?").
# > 10.2: the session itself was changed, and from then on every number is off: start from the top.
# > 10.3: the causal model is fitted to all trials, and scores too well.
# > 10.4: shares are reported for a mouse that has none ("what would the true share be?").

# %% [markdown]
# ## Recap
#
# What to take away:
#
# - **Integrated Gradients** share out a prediction among pupil samples; their sum is the
#   difference from the reference's prediction. Check it every time: it tests the integral, not the
#   model, and not what the shares mean.
# - The same sum can be placed at **levels** or at **changes**. For an eye that jumps, changes
#   recovered the true kernels of the simulated mouse.
# - **Channel contributions** need eight predictions and no gradient. With the truth at hand, their
#   lags came out close to it, and their shares roughly.
# - **Occlusion, permutation and refitting** answer other questions. Say which one you asked.
# - Attribution tells what a *model* uses. Whether the world works that way needs a good score, a
#   thought about correlated inputs, and in the end an experiment.
#
# Next: chapter 11, from one mouse to many. The page "How the mice were made" tells what was true all
# along.
