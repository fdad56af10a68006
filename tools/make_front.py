"""Draw the front page's figure, ``book/front.html`` and its pictures, from a simulated session.

One trial the model was not fitted to: the pupil above, and below it what three regions did
(shaded) and what the default model predicts (lines), when it sees all of the pupil or a part of
it. The controls are those of `pupil_helpers.explore`.
"""

from __future__ import annotations

import os
import shutil

os.environ["PUPIL_HELPERS_BOOK"] = "1"  # every state at once, as in the build

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from book_figures import move_out
from front_stamp import stamp
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from make_cover import ROOT, choose_trials

from pupil_helpers import (
    PupilEncoder,
    blocked_folds,
    explore,
    firing_rates,
    gaussian,
    simulate_session,
)
from pupil_helpers.plotting.style import PALETTE, use_style

REGIONS = {"SCs": PALETTE["blue"], "SCm": PALETTE["vermilion"], "LGd": PALETTE["green"]}
SEES = {  # channels that the model does not see
    "area and position": [],
    "the area alone": [1, 2],
    "the position alone": [0],
}
PUPIL = {"area": [0], "position": [1, 2]}
N_TRIALS = 4
EVERY = slice(None, None, 3)  # bins drawn: a third of them shows all that the kernel leaves


def hide(pupil: np.ndarray, channels: list[int]) -> np.ndarray:
    """The pupil with some channels held still; blinks stay where they are."""
    pupil = pupil.copy()
    part = pupil[..., channels]
    pupil[..., channels] = np.where(np.isnan(part), part, 0)
    return pupil


class Front:
    """The figure, and the words about each of its states."""

    def __init__(self):
        session = self.session = simulate_session(seed=0)
        counts = session.region_counts(list(REGIONS))
        train, test = blocked_folds(session.n_trials)[2]
        self.trials = choose_trials(session, test)[:N_TRIALS]
        neurons = np.array([(session.regions == name).sum() for name in REGIONS])
        kernel = gaussian(0.04, session.bin_size)

        def rates(values):  # spikes/s and neuron
            return firing_rates(values, kernel, session.bin_size, neurons)

        self.recorded, self.predicted, self.scores = rates(counts[self.trials]), {}, {}
        for sees, hidden in SEES.items():
            pupil = hide(session.pupil, hidden)
            model = PupilEncoder(bin_size=session.bin_size).fit(pupil[train], counts[train])
            self.predicted[sees] = rates(model.predict(pupil[self.trials]))
            self.scores[sees] = model.score(
                pupil[test], counts[test], metric="psth_relative", per_region=True
            )

    def draw(self, trial: int, sees: str):
        session, k = self.session, trial - 1
        time = (session.start + np.arange(session.n_bins) * session.bin_size)[EVERY]
        fig, axes = plt.subplots(
            5, 1, figsize=(7.2, 3.9), sharex=True, height_ratios=[1, 1, 1.5, 1.5, 1.5]
        )
        for ax, (name, channels) in zip(axes, PUPIL.items(), strict=False):
            unseen = channels[0] in SEES[sees]
            for channel, shade in zip(channels, ("black", "grey"), strict=False):
                ax.plot(
                    time, session.pupil[self.trials[k], EVERY, channel],
                    color=PALETTE[shade], lw=1.2, ls=":" if unseen else "-",
                )  # fmt: skip
            ax.set_ylabel(f"{name}\n(hidden)" if unseen else name)
        for r, (ax, (region, colour)) in enumerate(zip(axes[2:], REGIONS.items(), strict=True)):
            ax.fill_between(time, self.recorded[k, EVERY, r], color=colour, alpha=0.25, lw=0)
            ax.plot(time, self.predicted[sees][k, EVERY, r], color=colour, lw=1.8)
            ax.set_ylabel(region)
            ax.set_ylim(0, 1.05 * self.recorded[:, :, r].max())
        for ax in axes:
            ax.axvline(0, color=PALETTE["grey"], lw=0.8, ls=":", zorder=0)
            ax.set_yticks([])
            ax.spines[["left", "bottom"]].set_visible(False)
            ax.tick_params(bottom=ax is axes[-1])
            ax.yaxis.label.set(rotation=0, ha="right", va="center")
            ax.margins(x=0.01)
        axes[-1].set_xlabel("time from the stimulus (s)")
        fig.align_ylabels(axes)
        return fig

    def gains(self, sees: str) -> str:
        shares = [
            f"{name} {max(score, 0):.0%}"
            for name, score in zip(REGIONS, self.scores[sees], strict=True)
        ]
        return f"{shares[0]}, {shares[1]} and {shares[2]}"

    def alt(self, trial: int, sees: str) -> str:
        apart = [
            np.corrcoef(self.recorded[trial - 1, :, r], self.predicted[sees][trial - 1, :, r])[0, 1]
            for r in range(len(REGIONS))
        ]
        follows = ", ".join(
            f"{name} {value:.2f}" for name, value in zip(REGIONS, apart, strict=True)
        )
        return (
            f"Trial {trial}, the model sees {sees}. The pupil above; below, recorded firing rates "
            f"as shaded areas and predicted ones as lines. Their correlations: {follows}."
        )

    def caption(self, trial: int, sees: str) -> str:
        return (
            "Shaded: recorded. Lines: predicted, in trials not used for fitting. Seeing "
            f"{sees}, the model explains this much of what the average response leaves open in "
            f"all such trials: {self.gains(sees)}."
        )


def main() -> None:
    use_style()
    front = Front()
    InteractiveShell.instance()  # or nothing is displayed
    with capture_output() as shown:
        explore(
            front.draw,
            sees=list(SEES),
            trial=list(range(1, len(front.trials) + 1)),
            labels={"sees": "The model sees"},
            alt=front.alt,
            caption=front.caption,
        )
    pictures = ROOT / "book" / "_static" / "front"
    shutil.rmtree(pictures, ignore_errors=True)
    text = move_out(shown.outputs[0].data["text/html"], pictures, "../_static/front")
    (ROOT / "book" / "front.html").write_text(f"{text}\n{stamp()}\n", "utf-8")
    weight = sum(path.stat().st_size for path in pictures.iterdir())
    print(f"book/front.html: {len(text) / 1000:.0f} kB, and pictures of {weight / 1000:.0f} kB")
    for sees in SEES:
        print(f"{sees}: {front.gains(sees)}")


if __name__ == "__main__":
    main()
