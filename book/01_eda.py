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
# - plot the pupil and the spikes of a trial side by side.
#
# **Time.** About 20 minutes, 10 more with the exercises. Runs in under a minute on a laptop.
#
# **What you need.** Python with NumPy and Matplotlib. No neuroscience beyond "neurons fire
# spikes".
#
# **The data.** This page uses the *simulated* mouse that comes with the book, so everything you
# see can be checked against the truth. To use the real recording, change one line below.

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

from pupil_helpers.simulate import simulate_session

session = simulate_session(seed=0)
print(session.name)

# %% [markdown]
# ## The pupil of one trial
#
# Time runs from stimulus onset; the sum of squares is $\sum_t a_t^2$, and
#
# $$R^2 = 1 - \frac{\sum_t (y_t - \hat y_t)^2}{\sum_t (y_t - \bar y)^2}.$$

# %% mystnb={"image": {"alt": "Pupil area over one simulated trial: a slow rise after the stimulus."}}
plt.plot(session.time, session.pupil[0, :, 0])
plt.xlabel("time from stimulus (s)")
plt.ylabel("pupil area")
plt.show()

# %%
session.region_table()

# %% [markdown]
# ## Exercises
#
# ### Exercise 1.1: find the blinks
#
# Which trial has most missing pupil samples?
#
# <details>
# <summary>Hint 1</summary>
#
# `session.missing` says for every sample whether it is missing.
#
# </details>
#
# <details>
# <summary>Hint 2</summary>
#
# Average over bins and channels, then use `argmax`.
#
# </details>
#
# <details>
# <summary>Solution</summary>
#
# ```python
# session.missing.mean(axis=(1, 2)).argmax()
# ```
#
# The fraction is largest in the trial with the longest blink.
#
# </details>

# %% [markdown]
# ## Recap
#
# - A session is trials × bins × neurons.
# - Next: chapter 2, from spikes to firing rates.
