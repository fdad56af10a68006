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
# **Time.** About 45 minutes, 30 more with the exercises. Runs in about a minute on a laptop. The
# part "If you have more time" can be left out.
#
# **What you need.** Chapters 4, 6 and 8. From calculus: a derivative, and that an integral adds up
# small changes.
#
# **The data.** This page uses the *simulated* mouse. It is the one animal in which we know which
# channel drives which region at which lag, so attributions can be marked right or wrong. To use the
# real recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`. What compares with the truth is then left out.

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
import torch
from captum.attr import IntegratedGradients
from scipy.stats import spearmanr

from pupil_helpers import PupilEncoder, blocked_folds, check
from pupil_helpers import integrated_gradients, lag_profile, load_session
from pupil_helpers.attribution import channels
from pupil_helpers.attribution.gradients import (
    expected_gradients,
    randomised,
)
from pupil_helpers.attribution.lag_profiles import lag_correlation
from pupil_helpers.attribution.on_mice import stored_shares
from pupil_helpers.plotting import attribution as figures, use_style

# %%
use_style()
session = load_session("simulated")
print(session.name, session.spikes.shape)

# %%
table = session.region_table()
regions = [
    r
    for r in ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"]
    if r in table.index
]
if (
    len(regions) < 3
):  # a recording of other places: take its largest regions
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
model = PupilEncoder(**settings)
model.fit(pupil[train], counts[train])
score = model.score(pupil[test], held_out, "psth_relative", per_region=True)
pd.DataFrame(
    {"score against the PSTH": score, "shrinkage": model.shrinkage_},
    regions,
).round(2)

# %% [markdown]
# We explain up to three regions: those with the highest scores among the ones that the model
# follows at all. Where the shrinkage is 0, every attribution would be 0 as well.

# %%
followed = np.flatnonzero(model.shrinkage_ > 0)
if len(followed) == 0:
    print(
        "The model follows the pupil in no region: there is nothing to explain.\n"
        "What comes below explains a model without shrinkage. It says what that\n"
        "model does, and nothing about the neurons."
    )
    settings["shrink"] = False
    model = PupilEncoder(**settings)
    model.fit(pupil[train], counts[train])
    score = model.score(
        pupil[test], held_out, "psth_relative", per_region=True
    )
    followed = np.arange(len(regions))
best = np.sort(followed[np.argsort(-score[followed])[:3]])
names = [regions[i] for i in best]
print("explained below:", ", ".join(names))
if session.truth is not None:
    driven = session.truth.regions[session.truth.driven]
    assert set(names) == set(
        driven
    )  # the ones that the pupil really drives

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
print(
    f"trial {trial}, {session.time[at]:.2f} s: {predicted[row, at]:.2f} spikes expected,"
)
print(f"where the average trial has {predicted[:, at].mean():.2f}")

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
with torch.no_grad():
    difference = (net(x, missing) - net(start, missing))[
        0, at, best[0]
    ].item()
print(f"F(x) - F(x') = {difference:.3f} spikes expected in this bin")

# %% [markdown]
# The integral becomes a weighted sum over a few points of the path. Gauss and Legendre worked out
# which points and weights are best for smooth functions.

# %%
nodes, weights = np.polynomial.legendre.leggauss(64)  # for -1 to 1
slope = torch.zeros_like(x)
for alpha, weight in zip(
    (nodes + 1) / 2, weights / 2, strict=True
):  # for 0 to 1
    point = (start + alpha * (x - start)).requires_grad_()
    output = net(point, missing)[0, at, best[0]]
    slope += weight * torch.autograd.grad(output, point)[0]
attributions = (x - start) * slope  # (1, bins, 3)

# %% [markdown]
# The same from captum ([Kokhlikyan and colleagues,
# 2020](https://doi.org/10.48550/arXiv.2009.07896)), the library that most people use for this. On a
# GPU, cuDNN refuses gradients of an `nn.RNN` outside training mode; the `with` line switches cuDNN
# off for the moment. (Our own recurrence does without cuDNN, so here the line is a good habit
# only.)

# %%
target = (int(at), int(best[0]))
with torch.backends.cudnn.flags(enabled=False):
    from_captum = IntegratedGradients(net).attribute(
        x,
        start,
        target=target,
        additional_forward_args=missing,
        n_steps=64,
        method="gausslegendre",
    )
torch.testing.assert_close(
    from_captum, attributions, rtol=1e-3, atol=1e-6, check_dtype=False
)
print(f"largest difference: {(from_captum - attributions).abs().max():.1e}")

# %% mystnb={"image": {"alt": "Three columns, area, x and y. Top: the pupil over one trial, with a vertical line at the bin to be explained. Bottom: the attribution of every sample. Close to the line the attributions of x and y swing up and down between neighbouring samples; far from it they are nearly zero."}}
filled = x[0].cpu().numpy()
figures.attribution_in_trial(
    session.time, filled, attributions[0].cpu().numpy(), at
)
plt.show()

# %% [markdown]
# In the simulated mouse, the saccade shortly before the line gets the attributions, as it should:
# this region follows saccades. But look at x and y closely. Neighbouring samples get large
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
print(
    f"sum of attributions {attributions.sum():.3f}, difference {difference:.3f},"
)
print(f"error {error:.1e}")
if session.truth is not None:
    assert error < 0.01

# %% [markdown]
# The error comes from the integral, and more steps make it smaller. From here on
# `integrated_gradients` does the work: all trials and regions at once, and without a target bin it
# explains the expected count of the whole trial. The rectified units of our model put kinks into
# the path, so it needs more steps than a smooth network.

# %%
steps = [8, 16, 32, 64, 128]
few = pupil[test[:4]]
errors = []
for n in steps:
    whole = integrated_gradients(
        model, few, best, n_steps=n, tolerance=None
    )
    errors.append(whole.completeness_error)

# %% mystnb={"image": {"alt": "Completeness error against the number of steps on logarithmic axes, one line per region. The lines fall; with 128 steps all lie far below the dotted line at 0.1 percent."}}
figures.completeness(steps, errors, names)
plt.show()
if session.truth is not None:
    assert (errors[-1] < 0.001).all()
    assert (errors[-1] < errors[0]).all()

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
later = (
    slope.flip(1).cumsum(1).flip(1)
)  # sum of the slopes from each bin on
change = torch.diff(x - start, dim=1, prepend=torch.zeros_like(x[:, :1]))
by_change = change * later
torch.testing.assert_close(
    by_change.sum(dim=1), attributions.sum(dim=1), rtol=1e-3, atol=1e-4
)

# %% mystnb={"image": {"alt": "The same trial with attributions to changes. The jagged swings are gone: x and y have one narrow positive bump each, at the saccade shortly before the line, and a thin line in the very first bin; area has a fringe of small noise on both sides of zero."}}
figures.attribution_in_trial(
    session.time, filled, by_change[0].cpu().numpy(), at
)
plt.show()

# %% [markdown]
# In the simulated mouse there is now one bump at the saccade, as one would draw it by hand. (The
# thin line in the first bin is the starting point: the eye was already away from its mean place.)
# The area has gained nothing: it drifts, and its changes from bin to bin are mostly noise. Neither
# picture is wrong. Levels suit a channel that drifts, changes suit one that jumps. What does *not*
# depend on the choice is the sum of each channel.
#
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
lags = pd.DataFrame(
    profile.peak_lag()[:, 1:], names, ["x found", "y found"]
)
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
area = (
    2
    * (
        shown[1, 0, 0] - shown[0, 0, 0]
    )  # area moves first, in two of six orders
    + (shown[1, 1, 0] - shown[0, 1, 0])  # after x
    + (shown[1, 0, 1] - shown[0, 0, 1])  # after y
    + 2 * (shown[1, 1, 1] - shown[0, 1, 1])  # last
) / 6

# %% [markdown]
# `channels.contributions` does this for all channels. Cut the way into several steps, let the
# channels take turns at every step, and Shapley values turn into Integrated Gradients summed over
# each channel's samples: the two are one idea at different step sizes.

# %%
shapley = channels.contributions(model, few, still)[
    :, :, best
]  # (trials, bins, regions, 3)
np.testing.assert_allclose(shapley[..., 0], area[..., best], atol=1e-4)
backward = integrated_gradients(
    model, few, best, reference=still, n_steps=48, tolerance=None, log=True
)
print(
    f"Integrated Gradients: error {backward.completeness_error.max():.1%} at most"
)
for n_steps in (1, 2, 4):
    forward = channels.contributions(model, few, still, n_steps)[
        :, :, best
    ].sum(axis=1)
    gap = (
        np.abs(forward - backward.by_channel).mean()
        / np.abs(backward.by_channel).mean()
    )
    print(f"{n_steps} steps: {gap:.1%} from Integrated Gradients")
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

# %% mystnb={"image": {"alt": "One trial. Top: area, x and y. Below, for each of three regions, coloured areas show how much each channel raises or lowers the predicted log rate in each bin, and a black line their sum. A large saccade in x and y makes a short bump, after the jump in SCs, before it in SCm and downwards in LGd, and a small one a smaller bump; area makes slow waves, largest in LGd."}}
figures.contributions_in_trial(
    session.time, everything[trial], attributions[trial], names
)
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
print(
    mice["mouse"].nunique(),
    "other simulated mice; share found minus true share",
)
errors = mice.groupby(["region", "channel"], sort=False)["error"]
errors = errors.agg(["mean", "std", "min", "max"])
assert (
    errors.loc[("SCs", "area"), "min"] < -0.1
)  # in one mouse far too little,
assert errors.loc[("SCs", "area"), "max"] > 0.1  # in another far too much
assert errors.loc["LGd"].abs().max().max() < 0.1
assert (errors.xs("y", level="channel")["mean"] > 0).all()
errors.round(2)

# %% mystnb={"image": {"alt": "Share found against true share, a dot for each mouse and region, one panel for area, x and y, with the line of perfect agreement. In LGd the dots lie on the line or next to it. In SCs those of area and x lie up to a fifth above or below it. Those of y, all small, tend to lie above the line."}}
figures.shares_on_mice(mice)
plt.show()

# %% [markdown]
# The shares are right roughly, not exactly. In LGd, which the pupil drives most strongly, they lie
# close to the truth. In SCs the share of area is far too small in one mouse and far too large in
# another, and x makes up for it. The area is slow: a session holds only a few of its swings, and
# the neurons' own slow ups and downs go along with them, or against them, by chance. More mice
# average this out; more digits from one mouse do not. The y gets too much on average, and that does
# not average out. It moves together with x and takes a part of its share. So where the shares of
# two channels lie close to each other, do not read anything into their order.
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

# %%
careless = PupilEncoder(shrink=False, bin_size=session.bin_size)
careless.fit(pupil[train[:30]], counts[train[:30]])
scores, sizes = {}, {}
for name, each in {"our model": model, "careless": careless}.items():
    scores[name] = each.score(
        pupil[test], held_out, "psth_relative", per_region=True
    )
    sizes[name] = channels.contributions(each, pupil[test], still).std(
        axis=(0, 1)
    )

# %% mystnb={"image": {"alt": "For our model and for the careless one: held-out score and contributions of area, x and y, one row per region. Our model attributes next to nothing where the score is about zero. The careless one attributes also in MRN, a good part of what it attributes in SCs, though the score there is below zero."}}
figures.score_and_attribution(regions, scores, sizes)
plt.show()

# %% [markdown]
# Where is the careless model worse than the PSTH, and how complete are its reasons there?

# %%
reasons = integrated_gradients(careless, few, n_steps=64, tolerance=None)
wrong = pd.DataFrame(
    {
        "score": scores["careless"],
        "largest contribution": sizes["careless"].max(axis=1),
        "completeness error": reasons.completeness_error,
    },
    regions,
)[scores["careless"] < 0]
if session.truth is not None:
    mrn = wrong.loc["MRN"]  # has nothing to do with the pupil
    assert (
        mrn["largest contribution"]
        > 0.25 * sizes["careless"][best[0]].max()
    )
    assert mrn["completeness error"] < 0.01
if wrong.empty:
    print("Nowhere: this time the careless model was lucky.")
wrong.round(4)

# %% [markdown]
# MRN of the simulated mouse has nothing to do with the pupil. The careless model finds reasons for
# it all the same: they are complete, they look like the attributions of SCs, and they mean nothing.
# Score first, attribution second.
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
single = integrated_gradients(
    model, some, best, reference=still, n_steps=16, tolerance=None, log=True
).by_channel[..., c]  # (trials, regions)
expected = expected_gradients(
    model, some, pupil[train], best, n_samples=30, log=True
)
expected = expected.by_channel[..., c]
means = {
    "still eye": single.mean(axis=0),
    "other trials": expected.mean(axis=0),
}
order = [
    spearmanr(*pair)[0] for pair in zip(single.T, expected.T, strict=True)
]
if session.truth is not None:
    assert (np.abs(means["other trials"] / means["still eye"]) < 0.5).all()
    assert min(order) > 0.8
print(f"mean attribution of {channel} (log count, summed over the trial)")
pd.DataFrame({**means, "rank correlation over trials": order}, names).round(
    2
)

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
moved = channels.occlusion(model, pupil[test], n_repeats=3)[
    best
]  # (regions, 3)
drop = channels.permutation_importance(
    model, pupil[test], held_out, n_repeats=3
)
drop = drop.mean(axis=0)[best, 2]
hidden = np.where(
    [False, False, True], np.nan, pupil
)  # as if y had not been recorded
lost = np.zeros(len(best))
if recorded[2]:
    without = PupilEncoder(**settings)
    without.fit(hidden[train], counts[train])
    new = without.score(
        hidden[test], held_out, "psth_relative", per_region=True
    )
    lost = (score - new)[best]
else:
    print("y was not recorded: there is nothing to swap or to leave out.")
answers = {
    "log rate moved by y (SD)": np.sqrt(moved[:, 2]),
    "score lost, y wrong": drop,
}
if session.truth is not None:
    assert drop[:2].mean() > 0.02 > lost[:2].mean()
pd.DataFrame({**answers, "score lost, no y": lost}, names).round(3)

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
scrambled = [randomised(model, seed=seed) for seed in range(6)]
maps = [
    integrated_gradients(
        each,
        pupil[test[:8]],
        best,
        reference=still,
        n_steps=8,
        tolerance=None,
    ).changes
    for each in (model, again, *scrambled)
]


# %%
def similarity(one, other):
    """Rank correlation of two maps for each region."""
    pairs = (
        (one[:, :, r].ravel(), other[:, :, r].ravel())
        for r in range(len(best))
    )
    return np.array([spearmanr(*pair)[0] for pair in pairs])


groups = {}
for title, view in {
    "with its sign": np.asarray,
    "sizes only": np.abs,
}.items():
    alike = np.array(
        [similarity(view(maps[0]), view(other)) for other in maps[1:]]
    )
    groups[title] = {"trained again": alike[0], "scrambled": alike[1:]}

# %% mystnb={"image": {"alt": "Rank correlation with the trained model's map, two panels. With its sign, the model trained again lies near one, scrambled models scatter widely around zero. Sizes only: every scrambled model has a positive correlation, most of them above one half, though below the model trained again."}}
figures.similarities(groups)
plt.show()

# %%
signed, unsigned = (groups[title]["scrambled"].mean() for title in groups)
print(
    f"scrambled models: {signed:.2f} with the sign, {unsigned:.2f} for sizes only"
)
if session.truth is not None:
    assert abs(signed) < 0.35
    assert groups["with its sign"]["trained again"].mean() > 0.6
    assert unsigned > abs(signed) + 0.2

# %% [markdown]
# In the simulated mouse the map of a scrambled model, with its sign, has on average little to do
# with the real one: the check is passed. (A single scrambled model can land anywhere. Its few slopes
# point up or down by chance, which is why there are several.) *Sizes only*, even a scrambled model's
# map resembles the real one, because large movements of the eye get large attributions of whatever
# sign. A heat map of absolute values looks convincing for the wrong reason.

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the folded cell after it. It holds a
# solution, and it says what is wrong with yours.
#
# ### Exercise 10.1: a wide pupil as the reference
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
# recorded = pupil[test[:1]]
# reference = np.where(np.isnan(recorded), np.nan, wide)
# change = model.predict(recorded) - model.predict(reference)  # (1, bins, regions)
# my_sum = change[..., best[0]].sum()
# ```
#
# `integrated_gradients(model, recorded, best[0], reference=wide)` gives attributions with this sum,
# up to its completeness error.
#
# </details>

# %% tags=["exercise"]
my_sum = ...  # one number

# %% tags=["hide-cell", "solution", "trained"]
# @title Solution 10.1
wide = still + [2, 0, 0] * model.module_.features.sd.cpu().numpy()
recorded = pupil[test[:1]]
reference = np.where(np.isnan(recorded), np.nan, wide)
before, after = (
    model.predict(p)[..., best[0]] for p in (reference, recorded)
)
mean_reference = np.where(np.isnan(recorded), np.nan, still)
mistakes = {
    "The sign is the wrong way round: recorded minus reference.": before.sum()
    - after.sum(),
    "That is the mean over bins; sum over them.": (after - before).mean(),
    "That is the logarithm's difference; use the expected counts.": np.log(
        after / before
    ).sum(),
    "That is the average eye; make the area two SDs larger.": (
        after - model.predict(mean_reference)[..., best[0]]
    ).sum(),
}
check(
    my_sum,
    after.sum() - before.sum(),
    mistakes,
    tolerance=1e-4,
    name="10.1",
)
solution = integrated_gradients(model, recorded, best[0], reference=wide)
np.testing.assert_allclose(
    solution.by_channel.sum(),
    after.sum() - before.sum(),
    rtol=0.01,
    atol=0.01,
)

# %% [markdown]
# ### Exercise 10.2: occlusion by hand
#
# Give every test trial the x of the test trial *before* it (`np.roll` by one trial; the first takes
# the last one's). How far does the log of the expected counts move? Answer with half the mean
# squared change over trials and bins, one number for each of our regions. (In a recording without
# x, all of them are 0.)
#
# <details>
# <summary>Hint 1</summary>
#
# Copy the pupil first, so that the session stays as it is: `other = pupil[test].copy()`.
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
# moved_by = np.log(model.predict(other)) - np.log(model.predict(pupil[test]))
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
other, plain, wrong = pupil[test].copy(), pupil[test], pupil[test].copy()
other[..., 1] = np.roll(other[..., 1], 1, axis=0)
wrong[..., 0] = np.roll(wrong[..., 0], 1, axis=0)
shift = (
    np.log(model.predict(p)) - np.log(model.predict(plain))
    for p in (other, wrong)
)
by_x, by_area = (0.5 * (s**2).mean(axis=(0, 1))[best] for s in shift)
mistakes = {
    "Nearly: take half of the mean squared change.": 2 * by_x,
    "That is area, channel 0; x is channel 1.": by_area,
}
check(my_occlusion, by_x, mistakes, tolerance=1e-4, name="10.2")
if session.truth is not None:  # other swaps of the same trials, averaged
    several = channels.occlusion(model, plain, n_repeats=3)[best, 1]
    np.testing.assert_allclose(by_x, several, rtol=0.5)

# %% [markdown]
# ### Exercise 10.3: a model that cannot look ahead
#
# Fit a *causal* model, `PupilEncoder(direction="causal", …)`, with the other settings as above. By
# how much does the held-out score against the PSTH change in each of our regions? Which region
# loses most, and where do its attributions go now?
#
# <details>
# <summary>Hint 1</summary>
#
# Fit to `pupil[train]` and `counts[train]` as at the start of the chapter, then `score` with
# `per_region=True`.
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
# causal_score = causal.score(pupil[test], held_out, "psth_relative", per_region=True)
# my_change = (causal_score - score)[best]
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
causal_score = causal.score(
    pupil[test], held_out, "psth_relative", per_region=True
)
mistakes = {
    "The sign is the wrong way round: causal minus bidirectional.": (
        score - causal_score
    )[best],
    "That is the causal score itself; subtract the bidirectional one.": causal_score[
        best
    ],
    "All regions are in there; take the columns in `best`.": causal_score
    - score,
}
check(
    my_change,
    (causal_score - score)[best],
    mistakes,
    tolerance=0.01,
    name="10.3",
)
ahead = lag_profile(causal, pupil[test], best, n_draws=1, n_steps=4)
assert not ahead.changes[ahead.lags < -0.5 * session.bin_size].any()
if session.truth is not None:
    assert names[(causal_score - score)[best].argmin()] == "SCm"

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
# This was the last chapter. The page "How the mice were made" tells what was true all along. To
# start on data of your own, turn to "Use your own recording".
