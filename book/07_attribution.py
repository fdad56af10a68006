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
# # 7. Attribution
#
# *Which part of the pupil, and how long before or after, made the model predict what it did?*
#
# **Goals.** By the end you can
#
# - compute Integrated Gradients, by hand and with captum, and check that they are complete;
# - say which pupil channel drives a region, at which lag, and compare with the truth;
# - tell apart three questions that are easily mistaken for one another;
# - show with a scrambled model that an attribution explains the model and not only its input;
# - say what an attribution does *not* tell.
#
# **Time.** About 40 minutes, 30 more with the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapters 3, 4 and 6. From calculus: a derivative, and that an integral adds up
# small changes.
#
# **The data.** This page uses the *simulated* mouse. It is the one animal in which we know which
# channel drives which region at which lag, so attributions can be marked right or wrong. To use the
# real recording, change the line that starts with `session =` to
# `session = load_session("steinmetz", index=12)`. What compares with the truth is then left out.

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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients
from scipy.stats import spearmanr

from pupil_helpers import PupilEncoder, blocked_folds, check, evaluation_kernel
from pupil_helpers import integrated_gradients, lag_profile, load_session
from pupil_helpers.attribution import channels
from pupil_helpers.attribution.gradients import expected_gradients, randomised
from pupil_helpers.attribution.lag_profiles import lag_correlation
from pupil_helpers.metrics.scores import r2_difference
from pupil_helpers.plotting import attribution as figures, use_style

# %%
use_style()
session = load_session("simulated")
print(session.name, session.spikes.shape)

# %%
table = session.region_table()
regions = [r for r in ["SCs", "SCm", "LGd", "MRN", "CA1", "VISam"] if r in table.index]
if len(regions) < 3:  # a recording of other places: take its largest regions
    regions = list(table.index[:6])
counts = session.region_counts(regions)  # (trials, bins, regions)
train, test = blocked_folds(session.n_trials)[2]
pupil, held_out = session.pupil, counts[test]

# %% [markdown]
# ## First, a model worth explaining
#
# We fit the default model of chapter 4. An attribution explains *this model*. If the model predicts
# badly, there is nothing to explain, so look at the held-out score first. Beside it stands the
# shrinkage, the weight that the model gives to what it has learned, networks and GLM together: 0
# means that it predicts the PSTH and ignores the pupil.

# %%
model = PupilEncoder(bin_size=session.bin_size)
model.fit(pupil[train], counts[train])
score = model.score(pupil[test], held_out, "psth_relative", per_region=True)
pd.DataFrame({"score against the PSTH": score, "shrinkage": model.shrinkage_}, regions).round(2)

# %% [markdown]
# We explain the three regions with the highest scores.

# %%
best = np.sort(np.argsort(-score)[:3])
names = [regions[i] for i in best]
if session.truth is not None:
    driven = session.truth.regions[session.truth.driven]
    assert set(names) == set(driven)  # the ones that the pupil really drives
names

# %% [markdown]
# ## From one bin back to the pupil
#
# Take one prediction that stands out: the test trial and the bin in which the model expects most
# spikes, compared with other trials, in the first of our regions. Which of the trial's pupil
# samples are responsible?

# %%
predicted = model.predict(pupil[test])[..., best[0]]  # (trials, bins)
unusual = (predicted / predicted.mean(axis=0))[:, 60:-60]
row, at = np.unravel_index(unusual.argmax(), unusual.shape)
trial, at = test[row], at + 60
print(f"trial {trial}, {session.time[at]:.2f} s: {unusual.max():.2f} times the average")

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
    difference = (net(x, missing) - net(start, missing))[0, at, best[0]].item()
print(f"F(x) - F(x') = {difference:.3f} spikes expected in this bin")

# %% [markdown]
# The integral becomes a weighted sum over a few points of the path. Gauss and Legendre worked out
# which points and weights are best for smooth functions.

# %%
nodes, weights = np.polynomial.legendre.leggauss(64)  # for -1 to 1
slope = torch.zeros_like(x)
for alpha, weight in zip((nodes + 1) / 2, weights / 2, strict=True):  # for 0 to 1
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
torch.testing.assert_close(from_captum, attributions, rtol=1e-3, atol=1e-6, check_dtype=False)

# %% mystnb={"image": {"alt": "Three columns, area, x and y. Top: the pupil over one trial, with a vertical line at the bin to be explained. Bottom: the attribution of every sample. Close to the line the attributions of x and y swing up and down between neighbouring samples; far from it they are nearly zero."}}
filled = x[0].cpu().numpy()
figures.attribution_in_trial(session.time, filled, attributions[0].cpu().numpy(), at)
plt.show()

# %% [markdown]
# The saccade shortly before the line gets the attributions, as it should: this region follows
# saccades. But look at x and y closely. Neighbouring samples get large attributions of opposite
# sign. There is a reason. The model hears *velocities*, differences between samples 40 ms apart, so
# where one sample pushes up, the other pushes down. The sum is right; its pieces are hard to read.
#
# ## Is it complete?
#
# All attributions together must add up to the difference in the prediction. This is
# **completeness**, the reason to trust the numbers, and it can be checked every time.

# %%
error = abs(attributions.sum().item() - difference) / abs(difference)
print(
    f"sum of attributions {attributions.sum():.3f}, difference {difference:.3f}, error {error:.1e}"
)
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
    whole = integrated_gradients(model, few, best, n_steps=n, tolerance=None)
    errors.append(whole.completeness_error)

# %% mystnb={"image": {"alt": "Completeness error against the number of steps on logarithmic axes, one line per region, falling but for a wiggle; from 16 steps on all lie below the dotted line at 0.1 percent."}}
figures.completeness(steps, errors, names)
plt.show()
assert (errors[-1] < 0.001).all()
assert (errors[-1] < errors[0]).all()

# %% [markdown]
# Without `tolerance=None`, the function starts with 128 steps and doubles them until no region's
# error is above one in a thousand.
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
# The sum over the trial is the same as before, to the last digit.

# %%
later = slope.flip(1).cumsum(1).flip(1)  # sum of the slopes from each bin on
change = torch.diff(x - start, dim=1, prepend=torch.zeros_like(x[:, :1]))
by_change = change * later
torch.testing.assert_close(by_change.sum(dim=1), attributions.sum(dim=1))

# %% mystnb={"image": {"alt": "The same trial with attributions to changes. The jagged swings are gone: x and y have one narrow positive bump each, at the saccade shortly before the line, and a thin line in the very first bin; area has a fringe of small noise on both sides of zero."}}
figures.attribution_in_trial(session.time, filled, by_change[0].cpu().numpy(), at)
plt.show()

# %% [markdown]
# One bump at the saccade, as one would draw it by hand. (The thin line in the first bin is the
# starting point: the eye was already away from its mean place.) The area has gained nothing: it
# drifts, and its changes from bin to bin are mostly noise. Neither picture is wrong. Levels suit a
# channel that drifts, changes suit one that jumps. What does *not* depend on the choice is the sum
# of each channel.
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

# %% mystnb={"image": {"alt": "Attribution of x by lag for three regions, to levels above and to changes below. The levels' curves swing wildly around lag zero. The changes' curves are bumps, nearly smooth, that lie on the dashed true kernels or close to them: after the eye moves in SCs, before it in SCm, and downwards, shortly after, in LGd."}}
figures.lag_profiles(profile, names, "x", session.truth)
plt.show()

# %% [markdown]
# The dashed line is the kernel that made the spikes, scaled to the height of the curve. Given to
# changes, the attribution recovers its place and its shape. It also has a sign: in LGd of this
# mouse, saccades suppress. And in SCm the bump lies at *negative* lags: these neurons fire before
# the eye moves, and a model that may look ahead has found it. Where the truth is flat and the curve
# is not, that is the model's own doing.

# %%
lags = pd.DataFrame(profile.peak_lag()[:, 1:], names, ["x found", "y found"])
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
    2 * (shown[1, 0, 0] - shown[0, 0, 0])  # area moves first, in two of six orders
    + (shown[1, 1, 0] - shown[0, 1, 0])  # after x
    + (shown[1, 0, 1] - shown[0, 0, 1])  # after y
    + 2 * (shown[1, 1, 1] - shown[0, 1, 1])  # last
) / 6

# %% [markdown]
# `channels.contributions` does this for all channels. Cut the way into several steps, let the
# channels take turns at every step, and Shapley values turn into Integrated Gradients summed over
# each channel's samples: the two are one idea at different step sizes.

# %%
shapley = channels.contributions(model, few, still)[:, :, best]  # (trials, bins, regions, 3)
np.testing.assert_allclose(shapley[..., 0], area[..., best], atol=1e-4)
backward = integrated_gradients(
    model, few, best, reference=still, n_steps=48, tolerance=None, log=True
).by_channel
for n_steps in (1, 2, 4):
    forward = channels.contributions(model, few, still, n_steps)[:, :, best].sum(axis=1)
    gap = np.abs(forward - backward).mean() / np.abs(backward).mean()
    print(f"{n_steps} steps: {gap:.1%} from Integrated Gradients")
assert gap < 0.05

# %% [markdown]
# Now the whole session. Scores need held-out trials; explanations do not, and with more trials the
# slow swings of the pupil's area are better seen.

# %%
attributions = channels.contributions(model, pupil, still)[:, :, best]
everything = model.module_.prepare(pupil)[0].cpu().numpy()

# %% mystnb={"image": {"alt": "One trial. Top: area, x and y. Below, for each of three regions, coloured areas show how much each channel raises or lowers the predicted log rate in each bin, and a black line their sum. A large saccade in x and y makes a short bump, after the jump in SCs, before it in SCm and downwards in LGd, and a small one a smaller bump; area makes slow waves, largest in LGd."}}
figures.contributions_in_trial(session.time, everything[trial], attributions[trial], names)
plt.show()

# %% [markdown]
# This is what the model believes about one trial. Each saccade leaves a short mark, late in SCs,
# early in SCm, downwards in LGd. The area moves everything slowly, LGd most of all. (If one saccade
# leaves SCm cold, look at its direction: in this mouse, SCm answers to jumps to one side only.)
#
# How much does a channel matter over the session? A steady contribution explains no
# *variation*, so we take the variance of each channel's contribution over trials and bins, as a
# share of the three. The simulation defines its truth in the same way.

# %%
share = channels.variance_share(attributions)  # (regions, 3)
result = pd.DataFrame(share, names, ["area", "x", "y"])
if session.truth is not None:
    true_share = session.truth.channel_share[rows]
    result[["true area", "true x", "true y"]] = true_share
    assert np.abs(share - true_share).max() < 0.15
    ours = share[:, :, None] - share[:, None]  # channel minus channel
    true = true_share[:, :, None] - true_share[:, None]
    clear = true > 0.2
    assert clear.sum() >= 6
    assert (ours[clear] > 0).all()
    two = [names.index("SCs"), names.index("SCm")]
    more = (share - true_share)[two]
    assert (more[:, 0] < 0).all()
    assert (more[:, 2] > 0).all()
result.round(2)

# %% [markdown]
# Each share is within 0.15 of the truth, and wherever the true shares of two channels differ by a
# fifth or more, their order is right. Where they are as close as those of area and x in SCm, do not
# read anything into the order. Nor are the errors all small. In SCs and SCm of this mouse area got
# less than it should and y more. For y we come to a reason below: it moves together with x. The
# area is simply slow, so a session holds only a few of its swings, and the neurons' own slow ups
# and downs go along with them, or against them, by chance. In another mouse area may come out too
# large.
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
# The triangles on the axis are the true lags. The peak of the area is broad: its place is known
# less well, and honesty asks to say so.
#
# ## Three questions that sound alike
#
# 1. *How does the channel move this model's prediction?* That is what contributions say. A cruder
#    answer is **occlusion**: give the channel another trial's values and see how far the
#    prediction moves.
# 2. *How much worse does this model get when the channel is wrong?* **Permutation importance** swaps
#    the channel between held-out trials, too, but looks at the score.
# 3. *What does the channel know that the others do not?* For that, **fit the model again without
#    it**. Only then can the other channels take over what they share with it.

# %%
moved = channels.occlusion(model, pupil[test], n_repeats=3)[best]
drop = channels.permutation_importance(model, pupil[test], held_out, n_repeats=3)
drop = drop.mean(axis=0)[best]

# %% [markdown]
# The third question takes three more fits. What R² loses without a channel is called its **unique
# contribution** (`channels.unique_contributions` is the same in one call):

# %%
unique = np.empty((len(best), 3))
for channel in range(3):
    hidden = pupil.copy()
    hidden[..., channel] = np.nan  # as if it had not been recorded
    reduced = PupilEncoder(bin_size=session.bin_size)
    reduced.fit(hidden[train], counts[train])
    pair = model.predict(pupil[test]), reduced.predict(hidden[test])
    difference = r2_difference(held_out, *pair, evaluation_kernel(session.bin_size))
    unique[:, channel] = difference[best]

# %% mystnb={"image": {"alt": "Horizontal bars divided among area, x and y, one panel per region and one bar per method. Contributions, occlusion and permutation give x the most in SCs and SCm and area the most in LGd; in the truth area and x share SCm about equally. Refitting gives area the most in all three regions, nearly everything in LGd, and y little."}}
methods = {
    "contributions": share,
    "occlusion": moved / moved.sum(axis=1, keepdims=True),
    "permutation": drop.clip(0) / drop.clip(0).sum(axis=1, keepdims=True),
    "refit without": unique.clip(0) / unique.clip(0).sum(axis=1, keepdims=True),
}
if session.truth is not None:
    methods = {"truth": true_share, **methods}
figures.shares(methods, names)
plt.show()

# %% [markdown]
# The methods disagree, and all of them are right about *their* question. The eye rarely moves along
# y without moving along x, so each can stand in for the other. What y contributes to the prediction
# and what *only* y knows are two things, and the second is the smaller one. With the area it is the
# other way round: nothing can stand in for it, so refitting gives it the largest share.

# %%
if session.truth is not None:
    only = methods["refit without"]
    assert (only[:, 0] > share[:, 0]).all()  # area
    assert only[:, 2].mean() < share[:, 2].mean()  # y
pd.DataFrame(unique, names, ["area", "x", "y"]).rename_axis("R² that only it knows").round(3)

# %% [markdown]
# *A common mistake.* "We removed the channel, the score stayed, so the neurons ignore it." What
# follows is less: the other channels can stand in for it. The reverse fails as well. A channel can
# get attributions only because it moves together with one that matters.
#
# ## Another reference
#
# "Compared with what?" is part of the answer. **Expected Gradients** ([Erion and colleagues,
# 2021](https://doi.org/10.1038/s42256-021-00343-w)) compare with other trials, drawn at random,
# instead of one average eye. Do trials that got a large attribution for a channel still do?

# %%
some = pupil[test[:20]]
single = integrated_gradients(
    model, some, best, reference=still, n_steps=16, tolerance=None, log=True
)
expected = expected_gradients(model, some, pupil[train], best, n_samples=30, log=True)
agreement = [
    [spearmanr(single.by_channel[:, r, c], expected.by_channel[:, r, c])[0] for c in range(3)]
    for r in range(3)
]
pd.DataFrame(agreement, names, ["area", "x", "y"]).round(2)

# %% [markdown]
# The order of the trials is much the same (but for y in LGd, which has next to nothing to put in
# order), but the numbers are not. An average *still* eye makes no saccades, so against it nearly
# every saccade gets an attribution of one sign. Other trials do make saccades, and against them a
# trial gets attributions also for saccades that it lacks. On average little is left (log counts,
# summed over bins):

# %%
means = {"still eye": single.by_channel, "other trials": expected.by_channel}
table = {name: each[..., 1].mean(axis=0) for name, each in means.items()}
if session.truth is not None:
    ratio = np.abs(table["other trials"] / table["still eye"])
    assert (ratio < 0.5).all()
    sure = np.array(agreement)[session.truth.channel_share[rows] > 0]
    assert (sure > 0.8).all()
pd.DataFrame(table, names).rename_axis("attributions of x").round(1)

# %% [markdown]
# ## Does it explain the model, or only its input?
#
# Attributions are distances from the reference times slopes. An attribution map may therefore look
# convincing because the *pupil* has shape, whatever the model does. The test ([Adebayo and
# colleagues, 2018](https://doi.org/10.48550/arXiv.1810.03292)): scramble the trained weights and
# attribute again. If the map stays the same, it does not explain the model. For comparison, the
# same model trained again from another seed; *its* map should stay the same.

# %%
few = pupil[test[:8]]
quick = {"regions": best, "reference": still, "n_steps": 8, "tolerance": None}
maps = {"trained": [integrated_gradients(model, few, **quick).changes]}
again = PupilEncoder(seed=1, bin_size=session.bin_size)
again.fit(pupil[train], counts[train])
maps["trained again"] = [integrated_gradients(again, few, **quick).changes]
maps["scrambled"] = [
    integrated_gradients(randomised(model, seed=seed), few, **quick).changes for seed in range(6)
]


# %%
def similarity(one, other):
    """Rank correlation of two maps for each region."""
    pairs = ((one[:, :, r].ravel(), other[:, :, r].ravel()) for r in range(len(best)))
    return np.array([spearmanr(*pair)[0] for pair in pairs])


groups = {"with its sign": {}, "sizes only": {}}
for name in ("trained again", "scrambled"):
    for title, view in (("with its sign", np.asarray), ("sizes only", np.abs)):
        alike = [similarity(view(maps["trained"][0]), view(other)) for other in maps[name]]
        groups[title][name] = np.array(alike)  # (models, regions)

# %% mystnb={"image": {"alt": "Rank correlation with the trained model's map, two panels. With its sign, the model trained again lies near one, scrambled models scatter widely around zero. Sizes only: every scrambled model has a positive correlation, most of them above one half, though below the model trained again."}}
figures.similarities(groups)
plt.show()

# %%
signed, unsigned = (groups[title]["scrambled"].mean() for title in groups)
print(f"scrambled models: {signed:.2f} with the sign, {unsigned:.2f} for sizes only")
if session.truth is not None:
    assert abs(signed) < 0.35
    assert groups["with its sign"]["trained again"].mean() > 0.6
    assert unsigned > abs(signed) + 0.2

# %% [markdown]
# With its sign, the map of a scrambled model has, on average, little to do with the real one: the
# check is passed. (A single scrambled model can land anywhere. Its few slopes point up or down by
# chance, which is why there are several.) *Sizes only*, even a scrambled model's map resembles the
# real one, because large movements of the eye get large attributions of whatever sign. A heat map
# of absolute values looks convincing for the wrong reason.
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
    scores[name] = each.score(pupil[test], held_out, "psth_relative", per_region=True)
    sizes[name] = channels.contributions(each, pupil[test], still).std(axis=(0, 1))

# %% mystnb={"image": {"alt": "For our model and for the careless one: held-out score and contributions of area, x and y, one row per region. Our model attributes nothing where the score is zero. The careless one attributes also in MRN, about half as much as in SCs, though the score there is below zero, and next to nothing in CA1 and VISam."}}
figures.score_and_attribution(regions, scores, sizes)
plt.show()

# %%
if session.truth is not None:
    mrn = regions.index("MRN")  # has nothing to do with the pupil
    assert scores["careless"][mrn] < 0
    assert sizes["careless"][mrn].max() > 0.25 * sizes["careless"][best[0]].max()
    assert not sizes["our model"][mrn].any()
    lucky = [regions.index(name) for name in ("CA1", "VISam")]
    assert (careless.module_.net.share[lucky] == 1).all()  # all GLM
    assert (sizes["careless"][lucky] < 0.2 * sizes["careless"][mrn]).all()

# %% [markdown]
# MRN has nothing to do with the pupil. The careless model finds reasons for it all the same: they
# are complete to as many digits as one likes, they look like the attributions of SCs, and they mean
# nothing. (In CA1 and VISam it was lucky: there the left-out blocks advised it to take all of the
# GLM and nothing of its networks, and the GLM found next to nothing.) Score first, attribution
# second.
#
# **Correlated inputs share attributions.** In the simulation, LGd ignores y. The model gives y some
# attribution there all the same, because x and y jump together and it cannot tell for sure which of
# them counts. Nothing in the attribution warns of it; only the truth did.
#
# **Prediction is not cause.** That SCm has attributions to the *future* pupil does not mean that
# the future acts on neurons. More likely, the neurons move the eye, or something third moves both.
# The lag narrows it down and no more. A bidirectional model is free to look both ways; a causal one
# must find another explanation (exercise 7.3).
#
# **The reference is a choice**, and so is the output: counts or their logarithm, one bin or the
# whole trial. Say which, whenever you show an attribution.

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the folded cell after it. It holds a
# solution, and it says what is wrong with yours.
#
# ### Exercise 7.1: a wide pupil as the reference
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

# %% tags=["hide-cell", "solution"]
wide = still + [2, 0, 0] * model.module_.features.sd.cpu().numpy()
recorded = pupil[test[:1]]
reference = np.where(np.isnan(recorded), np.nan, wide)
before, after = (model.predict(p)[..., best[0]] for p in (reference, recorded))
mean_reference = np.where(np.isnan(recorded), np.nan, still)
mistakes = {
    "The sign is the wrong way round: recorded minus reference.": before.sum() - after.sum(),
    "That is the mean over bins; sum over them.": (after - before).mean(),
    "That is the logarithm's difference; use the expected counts.": np.log(after / before).sum(),
    "That is the average eye; make the area two SDs larger.": (
        after - model.predict(mean_reference)[..., best[0]]
    ).sum(),
}
check(my_sum, after.sum() - before.sum(), mistakes, tolerance=1e-4)
solution = integrated_gradients(model, recorded, best[0], reference=wide)
np.testing.assert_allclose(
    solution.by_channel.sum(), after.sum() - before.sum(), rtol=0.01, atol=0.01
)

# %% [markdown]
# ### Exercise 7.2: occlusion by hand
#
# Give every test trial the x of the test trial *before* it (`np.roll` by one trial; the first takes
# the last one's). How far does the log of the expected counts move? Answer with half the mean
# squared change over trials and bins, one number for each of our three regions.
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
# `other[..., 1] = np.roll(other[..., 1], 1, axis=0)`. Then predict from both, take logarithms, and
# average the squared difference over the first two axes.
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
my_occlusion = ...  # three numbers

# %% tags=["hide-cell", "solution"]
other, plain, wrong = pupil[test].copy(), pupil[test], pupil[test].copy()
other[..., 1] = np.roll(other[..., 1], 1, axis=0)
wrong[..., 0] = np.roll(wrong[..., 0], 1, axis=0)
shift = (np.log(model.predict(p)) - np.log(model.predict(plain)) for p in (other, wrong))
by_x, by_area = (0.5 * (s**2).mean(axis=(0, 1))[best] for s in shift)
mistakes = {
    "Nearly: take half of the mean squared change.": 2 * by_x,
    "That is area, channel 0; x is channel 1.": by_area,
}
check(my_occlusion, by_x, mistakes, tolerance=1e-4)
if session.truth is not None:  # other swaps of the same trials, averaged
    np.testing.assert_allclose(by_x, moved[:, 1], rtol=0.5)

# %% [markdown]
# ### Exercise 7.3: a model that cannot look ahead
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
# causal = PupilEncoder(direction="causal", bin_size=session.bin_size)
# causal.fit(pupil[train], counts[train])
# causal_score = causal.score(pupil[test], held_out, "psth_relative", per_region=True)
# my_change = (causal_score - score)[best]
# ```
#
# The region that fires before saccades loses most: what it "predicts" has not happened yet. No
# attribution is left at negative lags. What remains goes to the past, to whatever makes a saccade
# likely.
#
# </details>

# %% tags=["exercise"]
my_change = ...  # three numbers

# %% tags=["hide-cell", "solution"]
causal = PupilEncoder(direction="causal", bin_size=session.bin_size)
causal.fit(pupil[train], counts[train])
causal_score = causal.score(pupil[test], held_out, "psth_relative", per_region=True)
mistakes = {
    "The sign is the wrong way round: causal minus bidirectional.": (score - causal_score)[best],
    "That is the causal score itself; subtract the bidirectional one.": causal_score[best],
    "All regions are in there; take the columns in `best`.": causal_score - score,
}
check(my_change, (causal_score - score)[best], mistakes, tolerance=0.01)
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
#   difference from the reference's prediction. Check it every time.
# - The same sum can be placed at **levels** or at **changes**. For an eye that jumps, changes
#   recover the true kernels.
# - **Channel contributions** need eight predictions and no gradient. With the truth at hand, their
#   shares and lags came out close to it.
# - **Occlusion, permutation and refitting** answer other questions. Say which one you asked.
# - **Scramble the model** and look whether the map changes. Absolute values hide the answer.
# - Attribution tells what a *model* uses. Whether the world works that way needs a good score, a
#   thought about correlated inputs, and in the end an experiment.
#
# This was the last chapter. To start on data of your own, turn to the page "Use your own
# recording".
