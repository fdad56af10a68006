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
# # 3. Linear models
#
# *How much of a brain region's firing can a weighted sum of the pupil predict?*
#
# **Goals.** By the end you can
#
# - predict firing without a pupil at all, and say why that is the score to beat;
# - write a lagged ridge regression in four lines, choose its penalty, and read its weights;
# - find out what a linear model cannot do by itself, by taking features away;
# - write a Poisson GLM with its likelihood and gradient, and say what its exponential is for.
#
# **Time.** About 35 minutes, 50 more with the quiz and the exercises. Runs in about a minute on a laptop.
#
# **What you need.** Chapters 1 and 2. Some linear algebra: what it means to multiply matrices. What
# a derivative is.
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. To use the real recording, change the line
# that starts with `session =` to `session = load_session("steinmetz", index=12)`. What compares with
# the truth is then left out.

# %% [markdown] tags=["teacher"]
# > **For the teacher.** This chapter is the spine of a short class: whatever comes later is compared
# > with it.
# >
# > **On the board.** Draw one row of the matrix `X`: the same feature at lags −0.5 s, …, 0, …, +0.5 s,
# > one box each, and next to it the column of counts. "One row is one bin of one trial. What is in
# > the box at lag −0.5 s?" (What the eye will do half a second later.)
# >
# > **If time is short**, leave out "Add, or multiply?" and the comparison with scikit-learn.

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
from scipy.optimize import minimize
from sklearn.linear_model import PoissonRegressor

from pupil_helpers import blocked_folds, boxcar, check, evaluation_kernel
from pupil_helpers import explore, firing_rates, load_session
from pupil_helpers import psth_relative, r2
from pupil_helpers.plotting import model as figures, region_lines, use_style
from pupil_helpers.signals.pupil import FEATURES, PupilFeatures
from pupil_helpers.signals.splits import inner_blocks

# %%
use_style()
session = load_session("simulated")
regions = [r for r in ["SCs", "SCm", "LGd"] if r in session.regions]
regions = regions or list(session.region_table().index[:3])  # elsewhere
counts = session.region_counts(regions)  # (trials, bins, regions)
counts = counts.astype(np.float32)
train, test = blocked_folds(session.n_trials)[2]
kernel = evaluation_kernel(session.bin_size)  # scores smooth over 100 ms
print(f"{session.name}: {regions}")
print(len(train), "trials to learn from,", len(test), "to test on")

# %% [markdown]
# ## A prediction without a pupil
#
# Every trial shows a stimulus at time 0, and regions answer it. So the average over the training
# trials, the PSTH of chapter 1, is a prediction already. It says the same for every trial.
#
# **Predict first.** What share of the variance of single test trials does it explain: most of it,
# about half, or a few hundredths?

# %%
psth = counts[train].mean(axis=0)  # (bins, regions)
constant = np.broadcast_to(psth.mean(axis=0), psth.shape)
table = pd.DataFrame(index=regions)
table["constant"] = r2(counts[test], constant, kernel)
table["PSTH"] = r2(counts[test], psth, kernel)
table.round(3)

# %% [markdown]
# These are shares of variance explained, $R^2$, on the test block. The constant comes out at zero
# or below, because the test block's own mean is not known in advance. The PSTH explains little,
# because most of what a region does differs from trial to trial. It may even come out negative:
# when a region drifts, the average of *other* trials can be a poor guide to this block.
#
# From here on we score what a model adds to the PSTH, the share of the PSTH's squared error that it
# removes:
#
# $$\text{score} = 1 - \frac{\sum (y - \hat y)^2}{\sum (y - \text{PSTH})^2}.$$
#
# It is 0 for the PSTH itself, and only differences *between* trials can lift it.
#
# ## What a model may see: ten features
#
# The raw pupil is three channels. A model could work out everything else on its own, given enough
# data. We have a few hundred trials, so we help: velocities, separately for each direction, and the
# eye's speed, all standardised with numbers from the training trials only, and a mask for missing
# samples.

# %%
make = PupilFeatures(session.bin_size).fit(session.pupil[train])
features = make.transform(session.pupil)
print(features.shape)  # (trials, bins, features)

# %% mystnb={"image": {"alt": "Ten traces over one trial, one above the other. Area changes slowly, and its velocity is noisy; x and y move in small steps; the velocities of the eye, each in one direction, and its speed are nearly flat but for a sharp peak at every step in that direction; the last trace marks missing samples, of which this trial has none."}}
spread = np.ptp(features[test, :, 1], axis=1)  # of x, in each trial
trial = test[spread.argmax()]
figures.features(session.time, features[trial], FEATURES)
plt.show()

# %% [markdown]
# ## Lagged ridge regression
#
# The simplest model that uses the pupil is a weighted sum. But neurons need not respond at the very
# moment the eye moves: some fire later, some fire earlier. So the sum runs over features *and over
# lags*,
#
# $$\hat y_t = \text{PSTH}_t + \sum_{f}\sum_{\ell} w_{f\ell}\; x_f(t - \ell),$$
#
# with lags $\ell$ from half a second in the future of the pupil ($\ell < 0$) to half a second in
# its past ($\ell > 0$). To get all $x_f(t - \ell)$ as columns of one matrix, shift the features and
# put the copies side by side.

# %%
lags = np.arange(-50, 51, 5)  # bins; a positive lag reads the past


def lagged(x):  # (trials, bins, features)
    padded = np.pad(x, ((0, 0), (50, 50), (0, 0)), mode="edge")
    copies = [padded[:, 50 - lag : 50 - lag + x.shape[1]] for lag in lags]
    return np.concatenate(copies, axis=-1)  # (…, lags * features)


centred = features - features[train].mean(axis=0)
X = lagged(centred)
print(X.shape)

# %% [markdown]
# (Taking off the mean over trials leaves the average response to the PSTH, where it belongs.) Let
# $Y$ be what the PSTH leaves over. The weights that minimise the squared error plus a **penalty**
# times the squared weights have a closed form,
#
# $$W = (X^\top X + \lambda I)^{-1} X^\top Y.$$
#
# Without the penalty, a couple of hundred correlated columns would fit the noise of the training
# trials. This is ridge regression.


# %%
def flat(values):  # (trials, bins, columns) -> (rows, columns)
    return values.reshape(-1, values.shape[-1])


def moments(X, trials):
    x, y = flat(X[trials]), flat(counts[trials] - psth)
    return x.T @ x, x.T @ y


def ridge(gram, cross, penalty):
    penalised = gram + penalty * np.eye(len(gram))
    return np.linalg.solve(penalised, cross)  # (columns, regions)


# %% [markdown]
# How large should $\lambda$ be? Not what fits the test block best: that block is for the final
# score, and is touched once. We hold out an **inner block** of the training trials instead, and try
# penalties on it.

# %%
inner, held = inner_blocks(train)[2]
tried = np.geomspace(1, 1e8, 17)


def held_out_scores(X):
    gram, cross = moments(X, inner)
    scores = []
    for penalty in tried:
        predicted = psth + X[held] @ ridge(gram, cross, penalty)
        scores.append(psth_relative(counts[held], predicted, psth, kernel))
    return np.array(scores)  # (penalties, regions)


scores = held_out_scores(X)
best = tried[scores.argmax(axis=0)]  # (regions,)

# %% mystnb={"image": {"alt": "Held-out score against the penalty on a logarithmic axis, one curve per region. Each curve is nearly flat for small penalties, has a broad top marked by a dot, and falls to zero for very large penalties."}}
ax = region_lines(tried, scores, regions, marked=best)
low = min(-0.02, np.quantile(scores, 0.1))
ax.set(xscale="log", xlabel="penalty", ylim=(low, None))
ax.set_ylabel("score above the PSTH")
ax.axhline(0, color="grey", lw=0.8)
ax.legend(loc="lower left", ncols=len(regions))
plt.show()

# %% [markdown]
# On the right the penalty is so large that all weights vanish, and the prediction is the PSTH:
# score 0. On the left the model is nearly free, and loses a little to noise. Where the top in
# between is broad, the exact value hardly matters.
#
# ### Reading the weights
#
# A linear model has a great virtue: you can look at it. With its penalty chosen, each region is
# fitted again, to all training trials. Each picture below shows all weights of one region, features
# down and lags across. Red: more spikes when this feature was high at this lag.


# %%
def fit_ridge(X, penalties):  # one penalty per region
    gram, cross = moments(X, train)
    weights = [ridge(gram, cross, p)[:, r] for r, p in enumerate(penalties)]
    return np.stack(weights, axis=-1)  # (lags * features, regions)


W = fit_ridge(X, best)
true_lags = None
if session.truth is not None:  # lag of the response to eye movements in x
    peaks = session.truth.peak_lag[:, 1].tolist()
    true_lags = dict(zip(session.truth.regions, peaks, strict=True))

# %% mystnb={"image": {"alt": "Three pictures of weights, ten features down and lags from minus to plus half a second across. SCs is red at eye speed and at all four directions just right of lag zero, most at right and left; SCm is red at rightward movement just left of zero, and weaker at up, down and eye speed; LGd is blue at right and left just right of zero and red along past area. Triangles above mark the true lags and agree."}}
seconds = lags * session.bin_size
pictures = W.reshape(len(lags), len(FEATURES), -1)
figures.kernels(seconds, pictures, FEATURES, regions, true_lags)
plt.show()

# %% [markdown]
# In the simulated mouse a triangle marks where the truth lies. SCs follows the eye's speed; SCm
# fires *before* the eye goes to the right, so its weights sit at negative lags; LGd is held down
# for a moment by an eye movement to either side. One influence is spread over several rows: eye
# speed goes up whenever one of the directions does, so they share the weight among them.
# Neighbouring weights of opposite colours are another warning: correlated columns can trade weight
# with each other, and a single weight means little by itself. Chapter 10 comes back to this.

# %% [markdown]
# **Your turn (two minutes).** Where is the largest weight of the first region, whatever its feature
# and its sign? Give its lag in seconds, from `pictures`, which has the shape (lags, features,
# regions).
#
# <details>
# <summary>Hint</summary>
#
# `np.abs(pictures[..., 0]).max(axis=1)` has the largest weight at each lag.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# largest = np.abs(pictures[..., 0]).max(axis=1)  # (lags,)
# my_lag = seconds[largest.argmax()]
# ```
#
# In the simulated mouse it is positive: SCs follows the eye.
#
# </details>

# %% tags=["exercise"]
my_lag = ...  # seconds

# %% tags=["hide-cell", "solution"]
# @title Solution 3.0
place = np.abs(pictures[..., 0]).max(axis=1).argmax()
mistakes = {
    "That is the place in the list: give seconds[…].": place,
    "That is in bins: give seconds.": lags[place],
    "The sign: positive lags read the past.": -seconds[place],
}
check(my_lag, seconds[place], mistakes, name="3.0")

# %% [markdown] tags=["teacher"]
# > **For the teacher.** Many will take the largest weight, not the largest in size. In this region
# > both are at the same lag, so the check lets it pass: ask what would happen in LGd.

# %% [markdown]
# **Try it.** How much do neighbouring weights fight each other, and does it cost anything? Answer
# first, then move the penalty: at its left end, are the weights smooth or jagged? And how far does
# the score fall below its best there?

# %%
shown = tried[4::2]
gram, cross = moments(X, inner)
by_penalty = {p: ridge(gram, cross, p) for p in shown}


def weights_at(penalty, region):
    r = regions.index(region)
    weights = by_penalty[penalty][:, r].reshape(len(lags), -1)
    size = abs(by_penalty[shown[0]][:, r]).max()
    marked = tried, scores[:, r], penalty
    return figures.weights_at(seconds, weights, FEATURES, marked, size)


# %%
def in_words(penalty, region):
    r = regions.index(region)
    score = scores[tried == penalty, r].item()
    weights = by_penalty[penalty][:, r].reshape(len(lags), -1)
    jumps = abs(np.diff(weights, axis=0)).sum()
    smallest = abs(np.diff(W[:, r].reshape(len(lags), -1), axis=0)).sum()
    times = f"{jumps / smallest:.1f} times those at its best penalty"
    return f"{region}: score {score:.3f}; steps between lags {times}"


# %%
explore(
    weights_at,
    penalty=shown,
    region=regions,
    start={"penalty": shown[2]},
    caption=in_words,
    alt=lambda **at: (
        f"Weights and score, penalty {at['penalty']:.0e}. {in_words(**at)}."
    ),
)

# %% [markdown]
# In the simulated mouse the weights at the left end jump up and down from lag to lag, several times
# as much as at the best penalty, and the score is only a little lower: what one column says too
# loudly, its neighbour takes back. The *prediction* is well determined where the *weights* are not.
# At the right end everything is smooth, and too small.

# %%
if session.truth is not None:
    each = [w.reshape(len(lags), -1) for w in by_penalty.values()]
    jumps = [abs(np.diff(w, axis=0)).sum() for w in each]
    assert (np.diff(jumps) < 0).all()
    assert jumps[0] > 2 * jumps[2]
    assert (scores[4] > 0.9 * scores.max(axis=0)).all()

# %% [markdown]
# How good is it?

# %%
ridge_prediction = np.maximum(psth + X[test] @ W, 0)  # never negative
ridge_score = psth_relative(counts[test], ridge_prediction, psth, kernel)
columns = ["levels", "and velocities", "ridge", "GLM", "true rates"]
board = pd.DataFrame(np.nan, regions, columns)  # we fill it as we go
board["ridge"] = ridge_score
if session.truth is not None:
    true_rates = session.true_region_rates(regions)[test]
    score = psth_relative(counts[test], true_rates, psth, kernel)
    board["true rates"] = score
    assert (board["ridge"] > 0.75 * board["true rates"]).all()
board.dropna(axis="columns", how="all").round(3)

# %% [markdown]
# "True rates" is what you would get if you knew each region's rate exactly. It is far below 1,
# since spikes are noisy and no model can predict noise. Measured against that, ridge takes more
# than three quarters of what there is to take, in all three regions of the simulated mouse. Keep it in mind
# when a network boasts.
#
# ## What a linear model cannot do by itself
#
# But who did the work, the sum or the features? Give ridge less to start from: the **levels** only
# (area, x, y), then the levels and their **velocities** with a sign (right minus left, up minus
# down). Each design gets its own best penalty, so that no one is handicapped.
#
# **Predict first.** Which of them helps: the velocities on top of the levels, or the four
# directions and the speed on top of both?

# %%
assert FEATURES[3:8] == ("area velocity", "right", "left", "up", "down")
right, left, up, down = (centred[..., k : k + 1] for k in range(4, 8))
signed = [centred[..., :4], right - left, up - down]
designs = {
    "levels": centred[..., :3],
    "and velocities": np.concatenate(signed, axis=-1),
}
for name, design in designs.items():
    smaller = lagged(design)
    own_best = tried[held_out_scores(smaller).argmax(axis=0)]
    predicted = psth + smaller[test] @ fit_ridge(smaller, own_best)
    predicted = np.maximum(predicted, 0)
    board[name] = psth_relative(counts[test], predicted, psth, kernel)
filled = board.dropna(axis="columns", how="all").round(3)
filled.rename(columns={"ridge": "ridge, all ten"})

# %%
if session.truth is not None:
    assert (abs(board["and velocities"] - board["levels"]) < 0.03).all()
    assert (board["ridge"] > board["and velocities"] + 0.04).all()

# %% [markdown]
# In the simulated mouse the signed velocities add next to nothing. They are nearly differences of
# levels at neighbouring lags, and a weighted sum could form those already. What lifts the score is
# the **bend**: "the eye moved fast, whichever way", or "moved right, but left does not count". No
# weighted sum of levels can say that. We knew it, and built it into the features by hand. The
# network of the next chapter can find bends by itself, also those nobody thought of.
#
# ## Add, or multiply?
#
# Ridge adds: a dilated pupil is worth the same number of spikes whether the region is quiet or in
# the middle of its response. Many neurons seem rather to be turned up and down, as if by a volume
# knob. We can look. For each region, sort the bins of a trial by PSTH into four groups. In each,
# compare the moments when ridge's sum is in its lowest third with those when it is in its highest:
# how far are the counts from the PSTH?


# %%
def thirds(values, drive):
    """Means in the drive's lowest and highest third, by PSTH."""
    means = np.empty((4, 2, len(regions)))
    for r in range(len(regions)):
        groups = np.array_split(np.argsort(psth[:, r]), 4)
        for group, bins in enumerate(groups):
            here, z = values[:, bins, r], drive[:, bins, r]
            low, high = np.quantile(z, [1 / 3, 2 / 3])
            means[group, 0, r] = here[z <= low].mean()
            means[group, 1, r] = here[z >= high].mean()
    return means


drive = X[train] @ W
recorded, added = thirds(counts[train] - psth, drive), thirds(drive, drive)
ordered = np.array_split(np.sort(psth, axis=0), 4)
groups = [part.mean(axis=0) for part in ordered]  # mean PSTH of each group

# %% mystnb={"image": {"alt": "One panel per region; deviation of the mean count from the PSTH against the PSTH, for the highest third of ridge's sum above zero and for the lowest third below. Ridge's lines run nearly level. The recorded dots move apart from left to right, most clearly in LGd: where the PSTH is higher, both deviations are larger than ridge's."}}
figures.fan(groups, recorded, added, regions)
plt.show()

# %%
gap = recorded[:, 1] - recorded[:, 0]  # (groups, regions)
ridge_gap = added[:, 1] - added[:, 0]
names = ["PSTH", "gap, recorded", "gap, ridge"]
lowest = pd.DataFrame([groups[0], gap[0], ridge_gap[0]], names, regions)
highest = pd.DataFrame([groups[3], gap[3], ridge_gap[3]], names, regions)
growth = (highest / lowest).T
growth.round(2)

# %% [markdown]
# Lines are what ridge predicts, dots what was recorded. The table puts numbers to it: the factor by
# which the PSTH grows from the lowest group to the highest, and the factor by which the gap between
# the dots grows, and that between the lines. If the pupil added spikes, the gap would stay as it
# is; if it multiplied, the gap would grow as the PSTH does. In the simulated mouse, where
# everything multiplies, the dots fan out with the PSTH, most in LGd, whose PSTH grows most, and
# ridge's lines do so less. (They can grow apart a little, because the pupil varies more at some
# times of a trial than at others.)

# %%
if session.truth is not None:
    assert (growth["gap, recorded"] > growth["gap, ridge"] + 0.03).all()
    assert growth["gap, recorded"].idxmax() == "LGd"

# %% [markdown]
# ## The Poisson GLM
#
# The field's standard for spike counts multiplies ([Truccolo and colleagues,
# 2005](https://doi.org/10.1152/jn.00697.2004)). It takes the exponential of the same weighted sum
# as a **gain** on the PSTH,
#
# $$\mu_t = \text{PSTH}_t \cdot e^{z_t}, \qquad z = X w.$$
#
# It is called a **generalised linear model** (GLM): linear in the logarithm,
# $\log \mu_t = \log \text{PSTH}_t + z_t$. The logarithm is its **link**, and $\log \text{PSTH}$, a
# term without a weight, its **offset**. An exponential is never negative, so nothing needs to be
# cut off at 0, and influences multiply: $e^{a + b} = e^a e^b$.
#
# The other half is the noise. Squared error treats every spike too many alike. But counts vary more
# where the rate is high: for a **Poisson** count the variance equals the mean. Its negative log
# likelihood is
#
# $$L = \sum_t (\mu_t - y_t \log \mu_t) = \sum_t (\mu_t - y_t z_t) + \text{what no weight changes},$$
#
# and when you differentiate, the exponential falls into place:
#
# $$\frac{\partial L}{\partial w} = X^\top (\mu - y).$$
#
# Prediction minus count, times the input: the same as in ridge. There is no closed form for the
# best weights, but the loss has a single valley, and any optimiser that is given loss and gradient
# walks down to the bottom of it. So this is a Poisson GLM, all of it, penalty included:

# %%
X1 = np.concatenate([X, np.ones_like(X[..., :1])], axis=-1)  # a constant


def loss_and_gradient(w, x, y, base, penalty):
    w = w.reshape(x.shape[1], -1).astype(x.dtype)  # (columns, regions)
    z = x @ w  # log gain, (rows, regions)
    rate = base * np.exp(z)
    loss = (rate - y * z).sum(dtype=float) + (penalty * w**2).sum() / 2
    gradient = x.T @ (rate - y) + penalty * w
    return loss, gradient.ravel()


def fit_glm(trials, penalty, start, base=psth):
    base = np.tile(base, (len(trials), 1))
    data = flat(X1[trials]), flat(counts[trials]), base, penalty
    how = {"jac": True, "method": "L-BFGS-B", "tol": 1e-7}
    found = minimize(loss_and_gradient, start.ravel(), data, **how)
    return found.x.reshape(start.shape)


# %% [markdown]
# (The base is the PSTH, and its logarithm the offset.) The penalty is chosen as for ridge, on the
# same inner block. We go from a strong penalty to weak ones, since each fit may then start where
# the last one ended.

# %%
tried_glm = np.geomspace(1e7, 1e2, 6)
V, paths = np.zeros((X1.shape[-1], len(regions))), []
for penalty in tried_glm:
    V = fit_glm(inner, penalty, start=V)
    predicted = psth * np.exp(X1[held] @ V)
    paths.append(psth_relative(counts[held], predicted, psth, kernel))
best_glm = tried_glm[np.argmax(paths, axis=0)]  # (regions,)
V = fit_glm(train, best_glm.astype(np.float32), start=V)
glm_prediction = psth * np.exp(X1[test] @ V)
print("penalties:", dict(zip(regions, best_glm.tolist(), strict=True)))

# %% [markdown]
# Fifteen lines of our own deserve a check by somebody else's. scikit-learn has a Poisson
# regression, with another optimiser. It knows no offset, but to fit $y / \text{PSTH}$ with weights
# PSTH is the same likelihood. Its penalty is counted per unit of weight.

# %%
r = int(psth.sum(axis=0).argmax())  # the region with most spikes
x, y = flat(X1[train]), flat(counts[train])[:, r]
base = np.tile(psth[:, r], len(train))
seen = base > 0
alpha, newton = best_glm[r] / base.sum(), "newton-cholesky"
theirs = PoissonRegressor(alpha=alpha, fit_intercept=False, solver=newton)
theirs.fit(x[seen], y[seen] / base[seen], sample_weight=base[seen])
difference = x @ (theirs.coef_ - V[:, r])
print(f"log gain of {regions[r]}: SD {np.std(x @ V[:, r]):.3f}")
print(f"ours and scikit-learn's differ by {np.std(difference):.4f}")
assert np.std(difference) < 0.1 * np.std(x @ V[:, r]) + 1e-3

# %% [markdown]
# ## Side by side

# %%
glm_score = psth_relative(counts[test], glm_prediction, psth, kernel)
board["GLM"] = glm_score
board.dropna(axis="columns", how="all").round(3)

# %%
if session.truth is not None:
    assert (board["GLM"] > 0.5 * board["true rates"]).all()
    assert (abs(board["GLM"] - board["ridge"]) < 0.04).all()

# %% [markdown]
# On this block of the simulated mouse the two are close: none of the three regions separates them
# by more than a few hundredths. The reason is simple. For small $z$, $e^z \approx 1 + z$, and then
# to multiply is nearly to add. The gain has to swing widely, or the PSTH, before it matters which
# one you chose. Which model is better in general is nothing that one block of one mouse can tell;
# chapter 8 compares them on many mice of several kinds.
#
# To end with, look at single trials. No prediction below has seen them.

# %%
neurons = session.region_table().loc[regions, "neurons"].to_numpy()
smooth = boxcar(0.1, session.bin_size)
moving = np.argsort(spread)[-3:]  # the trials in which x varies most


def rate(values):  # spikes/s per neuron
    return firing_rates(values, smooth, session.bin_size, neurons)


predictions = {
    "PSTH": rate(np.broadcast_to(psth, (len(moving), *psth.shape))),
    "ridge": rate(ridge_prediction[moving]),
    "GLM": rate(glm_prediction[moving]),
}
truth = None if session.truth is None else rate(true_rates[moving])

# %% mystnb={"image": {"alt": "Rates of three regions in three test trials. Grey areas show the recorded rate, noisy and different in every trial. The PSTH is the same in each. Ridge and GLM lie almost on top of each other; they follow the dashed true rate through its rises and dips, and stay a little below its sharpest peaks. In the third trial, which begins with an eye movement, both stray from it in LGd at the start."}}
measured = rate(counts[test[moving]])
figures.traces(session.time, measured, predictions, regions, truth)
plt.show()

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# **Question 1.** Why are models scored against the PSTH, and not against the mean rate?
#
# - **A.** The PSTH is the best that any model can reach.
# - **B.** The PSTH takes no pupil, so only what is above it can be the pupil's doing.
# - **C.** Scores against the mean cannot be compared between regions.
#
# <details>
# <summary>Answers to question 1</summary>
#
# - **A.** That takes a floor for a ceiling. The PSTH is what one gets for nothing.
# - **B.** Right. A model that merely knows the time in the trial gets 0.
# - **C.** They can. They would only give credit for the stimulus as well as for the pupil.
#
# </details>
#
# **Question 2.** Ridge has two hundred weights for each region. Why does it not simply learn the
# training trials by heart?
#
# - **A.** It would, but the test block corrects it.
# - **B.** A linear model cannot overfit.
# - **C.** The penalty keeps weights small that the data do not call for.
#
# <details>
# <summary>Answers to question 2</summary>
#
# - **A.** The test block corrects nothing: it only tells. A model chosen on it would be flattered.
# - **B.** It can, once it has many columns that resemble each other. The left end of the penalties
#   shows it.
# - **C.** Right. And how large the penalty must be was asked of trials that had been held out.
#
# </details>
#
# **Question 3.** SCm has its large weights at negative lags. What does that say?
#
# - **A.** SCm's counts go along with what the eye does a moment *later*.
# - **B.** The eye makes SCm fire with a delay.
# - **C.** The kernel of the score has moved the spikes.
#
# <details>
# <summary>Answers to question 3</summary>
#
# - **A.** Right. A weight at a negative lag multiplies the future of the pupil.
# - **B.** That would be a positive lag, and it takes going along for causing.
# - **C.** Ridge was fitted to raw counts. No kernel came near them before the score.
#
# </details>
#
# **Question 4.** Signed velocities added next to nothing to the levels. Why?
#
# - **A.** No region follows velocity.
# - **B.** They are noisier than the levels.
# - **C.** A difference of levels at two lags *is* a velocity, so ridge had it already.
#
# <details>
# <summary>Answers to question 4</summary>
#
# - **A.** They do, but one direction only, or the speed, and that is a bend: no sum of signed
#   velocities has it.
# - **B.** They are, but noise is not the reason: the weighted sum could form the same velocities.
# - **C.** Right. New columns help only where they say what no weighted sum of old ones can.
#
# </details>
#
# **Question 5.** A GLM with exponential link predicts twice the PSTH for a wide pupil. What does it
# predict where the PSTH is three times as high?
#
# - **A.** The same number of spikes on top.
# - **B.** Six times the first PSTH: twice what the PSTH is there.
# - **C.** It depends on the penalty.
#
# <details>
# <summary>Answers to question 5</summary>
#
# - **A.** That is what ridge does: it adds.
# - **B.** Right. A gain multiplies whatever the PSTH is at that moment.
# - **C.** The penalty has done its work once the gain is fitted. From then on gains multiply.
#
# </details>

# %% [markdown]
# ## Exercises
#
# Write your answer in place of the dots, and then run the cell after it: it says what is wrong with
# yours. ★ takes some five minutes, ★★ ten, and ★★★ is open-ended.

# %% [markdown]
# ### Exercise 3.1 ★★: ridge without the future
#
# Fit ridge again with lags of 0 and more only, with penalty 1000 for all regions, and score it on
# the test block: one PSTH-relative score per region. Which region suffers most?
#
# <details>
# <summary>Hint 1</summary>
#
# You need no new matrix: pick the columns of `X` whose lag is at least 0. There are ten columns per
# lag.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `np.repeat(lags >= 0, len(FEATURES))` is a mask over columns, and `X[..., mask]` has what it
# leaves. `fit_ridge` takes one penalty per region.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# past = np.repeat(lags >= 0, len(FEATURES))
# w = fit_ridge(X[..., past], [1000] * len(regions))
# predicted = psth + X[test][..., past] @ w
# my_scores = psth_relative(counts[test], predicted, psth, kernel)
# ```
#
# In the simulated mouse SCm loses most: it fires before the eye moves, and what it announces lies
# in the future.
#
# </details>

# %% tags=["exercise"]
my_scores = ...  # (regions,)


# %% tags=["hide-cell", "solution"]
# @title Solution 3.1
def ridge_on(columns):
    w = fit_ridge(X[..., columns], [1000] * len(regions))
    predicted = psth + X[test][..., columns] @ w
    return psth_relative(counts[test], predicted, psth, kernel)


past = np.repeat(lags >= 0, len(FEATURES))
future = np.repeat(lags <= 0, len(FEATURES))
tiled = np.tile(lags >= 0, len(FEATURES))
whole, past_scores = ridge_on(past | future), ridge_on(past)
mistakes = {
    "Those are the lags of the future.": ridge_on(future),
    "That is ridge with all lags.": whole,
    "Lag 0 belongs to the past too.": ridge_on(past & ~future),
    "Repeat the mask, do not tile it.": ridge_on(tiled),
}
check(my_scores, past_scores, mistakes, tolerance=0.01, name="3.1")
lost = pd.Series(whole - past_scores, regions)
print("lost without the future:", lost.round(3).to_dict())
assert session.truth is None or lost.idxmax() == "SCm"

# %% [markdown]
# ### Exercise 3.2 ★★: do not take a gradient on trust
#
# A wrong gradient seldom crashes; it only ends in the wrong place. So check ours: change a single
# weight by a little, and see how the loss changes. What is the slope of the loss along weight
# number `k`, at the weights `w`?
#
# <details>
# <summary>Hint 1</summary>
#
# Add a step of 0.001 to `w[k]`, take it off again, and compare the two losses. How far apart
# are the two points?
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `loss_and_gradient(w, *some)` returns two things, of which you need the first. Change a copy:
# `up = w.copy()`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# up, down = w.copy(), w.copy()
# up[k] += 0.001
# down[k] -= 0.001
# above, _ = loss_and_gradient(up, *some)
# below, _ = loss_and_gradient(down, *some)
# my_slope = (above - below) / 0.002
# ```
#
# It agrees with entry `k` of the gradient. A step to both sides is much more exact than one to one
# side, whose error shrinks only with the step, not with its square.
#
# </details>

# %% tags=["exercise"]
few = train[:10]
some = flat(X1[few]).astype(float), flat(counts[few])
some = *some, np.tile(psth, (len(few), 1)), 100.0  # base and penalty
w = np.full(V.size, 0.005)  # any weights will do
k = 100 * len(regions)  # the area at lag 0, in the first region
my_slope = ...


# %% tags=["hide-cell", "solution"]
# @title Solution 3.2
def loss_at(change):
    changed = w.copy()
    changed[k] += change
    return loss_and_gradient(changed, *some)[0]


change = loss_at(0.001) - loss_at(-0.001)
free = loss_and_gradient(w, *some[:3], 0.0)[1][k]  # without penalty
mistakes = {
    "The two points are 0.002 apart.": change / 0.001,
    "That is the change of the loss: divide by the distance.": change,
    "The sign is wrong: loss above less loss below.": -change / 0.002,
    "The penalty belongs to the loss too.": free,
}
check(my_slope, change / 0.002, mistakes, tolerance=1e-3, name="3.2")
np.testing.assert_allclose(
    change / 0.002, loss_and_gradient(w, *some)[1][k], rtol=1e-3, atol=1e-3
)

# %% [markdown]
# ### Exercise 3.3 ★: forget the offset
#
# How much of the GLM's score is owed to its offset? Fit it to the training trials with a base that
# is the same in every bin, each region's mean rate, with penalty 10 000 and from zeros; predict the
# test block from that base; and score it against the PSTH as before.
#
# <details>
# <summary>Hint 1</summary>
#
# `fit_glm` has an argument `base`, of shape (bins, regions). The array `constant` from the
# beginning of the chapter is just that.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# `start=np.zeros_like(V)`. The base of the fit must be the base of the prediction, but the score
# still compares with `psth`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# flat_weights = fit_glm(train, 1e4, np.zeros_like(V), base=constant)
# prediction = constant * np.exp(X1[test] @ flat_weights)
# my_flat_scores = psth_relative(counts[test], prediction, psth, kernel)
# ```
#
# In the simulated mouse every region loses, and LGd, with the strongest response to the stimulus,
# loses most. The pupil cannot tell the model when the stimulus came.
#
# </details>

# %% tags=["exercise"]
my_flat_scores = ...  # (regions,)

# %% tags=["hide-cell", "solution"]
# @title Solution 3.3
weights = fit_glm(train, 1e4, np.zeros_like(V), base=constant)
gain = np.exp(X1[test] @ weights)
flat_scores = psth_relative(counts[test], constant * gain, psth, kernel)
mistakes = {
    "Fitted without the offset, but it predicts with it.": psth_relative(
        counts[test], psth * gain, psth, kernel
    ),
    "That is the score of the GLM with its offset.": board["GLM"],
    "Score it against the PSTH, not against the constant.": psth_relative(
        counts[test], constant * gain, constant, kernel
    ),
}
check(my_flat_scores, flat_scores, mistakes, tolerance=0.01, name="3.3")
lost = board["GLM"] - flat_scores
print("lost without the offset:", lost.round(3).to_dict())
if session.truth is not None:
    assert lost.idxmax() == "LGd"

# %% [markdown]
# ### Exercise 3.4 ★★★: an eleventh feature
#
# Ten features were made by hand. Invent an eleventh that none of them can say in a weighted sum,
# such as "the pupil is wider than half a second ago *and* the eye moves", and give it to ridge with
# a penalty of its own. Does it help? Decide on the inner block; look at the test block once; then
# try another mouse.
#
# <details>
# <summary>What a good answer contains</summary>
#
# - A feature with a bend or a product in it, and a reason to expect it in the brain.
# - Standardised with the training trials only, and 0 where a sample is missing.
# - The score with and without it, each at its own best penalty, on the inner block.
# - The same feature on other mice (`load_session("simulated", seed=k)`), with a paired difference
#   for each, and the number of features that were tried before this one.
#
# </details>

# %% tags=["exercise"]
my_feature = ...  # (trials, bins, 1)

# %% [markdown] tags=["teacher"]
# > **For the teacher.** 3.3 is quick and makes the offset stick. 3.2 is worth its ten minutes for
# > whoever will ever write a loss.
# >
# > **Typical mistakes, and what to say.**
# > 3.1: the mask is tiled, not repeated ("which columns stand next to each other in `X`?"); positive
# > lags are taken for the future.
# > 3.2: `w` is changed in place, so that the second loss starts from the first change.
# > 3.3: the score is taken against the constant ("what is the score to beat?").
# > 3.4: the feature is a sum of old ones ("could ridge have formed it?"), or it was chosen on the test
# > block.

# %% [markdown]
# ## Recap
#
# - **The PSTH is the score to beat**: it takes no pupil at all, so a model counts only as far as it is
#   above it.
# - **Lagged ridge** is a weighted sum over features and lags. It is quick, it can be read, and with good
#   features it is hard to beat.
# - **Features with a bend** did the work that no weighted sum of levels can do. Compare designs only when
#   each has its own best penalty.
# - **The Poisson GLM** multiplies where ridge adds, and knows that counts are noisier where they are high. Its
#   gradient is prediction minus count, times the input.
# - **One block of one mouse** ranks no models: that takes chapter 8.
# - Next: chapter 4, a network that finds the bends by itself.
