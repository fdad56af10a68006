"""Draw the cover picture, ``book/_static/cover.png``, from a simulated session.

Five trials: the pupil above, and below it what three regions did (shaded) and what the default
model, fitted to other trials, predicts from the pupil (lines).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from pupil_helpers import (
    PupilEncoder,
    Session,
    blocked_folds,
    firing_rates,
    gaussian,
    simulate_session,
)

ROOT = Path(__file__).resolve().parent.parent
REGIONS = {"SCs": "#0a7d8c", "SCm": "#c2541b", "LGd": "#6b3fa0"}
N_TRIALS = 5


def choose_trials(session: Session, test: np.ndarray) -> np.ndarray:
    """The run of neighbouring test trials with the most pupil movement and few blinks."""
    movement = np.nanstd(session.pupil[test], axis=1).sum(axis=-1)  # (trials,)
    movement -= 50 * session.missing[test].mean(axis=(1, 2))
    runs = np.lib.stride_tricks.sliding_window_view(movement, N_TRIALS).sum(axis=1)
    return test[runs.argmax() + np.arange(N_TRIALS)]


def main() -> None:
    session = simulate_session(seed=0)
    counts = session.region_counts(list(REGIONS))
    train, test = blocked_folds(session.n_trials)[2]
    model = PupilEncoder(bin_size=session.bin_size).fit(session.pupil[train], counts[train])
    trials = choose_trials(session, test)

    width = session.n_bins + 40  # a short pause between trials
    neurons = np.array([(session.regions == name).sum() for name in REGIONS])
    kernel = gaussian(0.04, session.bin_size)

    def per_neuron(values):
        return firing_rates(values, kernel, session.bin_size, neurons)  # spikes/s

    recorded = per_neuron(counts[trials])  # (trials, bins, regions)
    predicted = per_neuron(model.predict(session.pupil[trials]))

    figure, axes = plt.subplots(
        5, 1, figsize=(11, 5.2), sharex=True, height_ratios=[1, 1, 1.4, 1.4, 1.4]
    )
    figure.patch.set_facecolor("#ffffff")
    for k, trial in enumerate(trials):
        time = (k * width + np.arange(session.n_bins)) * session.bin_size
        axes[0].plot(time, session.pupil[trial, :, 0], color="#333333", lw=1.6)
        axes[1].plot(time, session.pupil[trial, :, 1], color="#333333", lw=1.6)
        axes[1].plot(time, session.pupil[trial, :, 2], color="#999999", lw=1.6)
        for r, (axis, colour) in enumerate(zip(axes[2:], REGIONS.values(), strict=True)):
            axis.fill_between(time, recorded[k, :, r], color=colour, alpha=0.22, lw=0)
            axis.plot(time, predicted[k, :, r], color=colour, lw=2.2)
        for axis in axes:
            axis.axvline(time[0] - session.start, color="#bbbbbb", lw=0.8, zorder=0)
    for axis, label in zip(axes, ["pupil area", "pupil x, y", *REGIONS], strict=True):
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=13)
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.margins(x=0.005)
        axis.spines["bottom"].set_visible(False)
        axis.tick_params(bottom=False, labelbottom=False)
    axes[-1].plot([0, 1], [axes[-1].get_ylim()[0]] * 2, color="#333333", lw=3, clip_on=False)
    axes[-1].set_xlabel("bar: 1 s    vertical lines: stimulus onset", loc="left", color="#555555")
    axes[2].set_title(
        "shaded: recorded rate    line: predicted from the pupil, in trials not used for fitting",
        fontsize=11, loc="left", color="#555555",
    )  # fmt: skip
    figure.align_ylabels(axes)
    figure.tight_layout(h_pad=0.3)
    path = ROOT / "book" / "_static" / "cover.png"
    figure.savefig(path, dpi=130)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
