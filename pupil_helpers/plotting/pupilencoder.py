"""Figures of chapter 6: the pieces of the default model, and what each of them earns."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .panels import BLACK, GREY, interval, region_lines
from .style import CYCLE, PALETTE, region_colour

HELD = PALETTE["vermilion"]
LIKELIHOODS = "counts", "given the totals"


def filters(lags, basis, variances, kept):
    """Filters over lags, and how much of their outputs the first components hold.

    Parameters
    ----------
    lags : array_like, (lags,)
        In seconds.
    basis : array_like, (filters, lags)
    variances : array_like, (components,)
        From large to small.
    kept : int
        Components that the model keeps.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3), width_ratios=(3, 2))
    left.plot(lags, np.transpose(basis) / np.max(basis, axis=1))
    left.set(xlabel="lag (s); above 0: the past of the pupil", ylabel="weight, highest set to 1")
    share = 100 * np.cumsum(variances) / np.sum(variances)
    right.plot(np.arange(1, len(share) + 1), share, color=BLACK)
    right.plot(kept, share[kept - 1], "o", color=HELD, ms=8, label=f"{kept} are kept")
    right.set(xlabel="components", ylabel="variance held (%)", ylim=(0, 105))
    right.legend(loc="lower right")
    return fig


def learning(history, ours, n_blocks):
    """Held-out loss of every network against update, and that of one trained by hand.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``update``, ``member`` and ``held_out``.
    ours : array_like, (checks, 2)
        Update and held-out loss of our own.
    n_blocks : int
        Member ``i`` left out block ``i % n_blocks``.
    """
    fig, ax = plt.subplots(figsize=(8, 3.2))
    for member, curve in history.groupby("member"):
        colour = CYCLE[member % len(CYCLE)]
        label = f"without block {member % n_blocks + 1}"
        ax.plot(curve["update"], curve["held_out"], color=colour, label=label)
        best = curve.loc[curve["held_out"].idxmin()]
        ax.plot(best["update"], best["held_out"], "o", color=colour)
    ax.plot(*np.transpose(ours), color=BLACK, ls="--", lw=1.2, label="our own, without block 1")
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set(xlabel="update", ylabel="loss of the left-out block\nrelative to the PSTH")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def mixing(shares, losses, regions, chosen):
    """Loss of the left-out blocks above the best against the share of the GLM, a line per region.

    Parameters
    ----------
    shares : array_like, (shares,)
    losses : array_like, (shares, regions)
    regions : sequence of str
    chosen : array_like, (regions,)
        The share with the least loss, marked by a dot.
    """
    fig, ax = plt.subplots()
    region_lines(shares, losses - np.min(losses, axis=0), regions, marked=chosen, ax=ax)
    ax.set(xlabel="share of the GLM", ylabel="loss of the left-out blocks\nabove the best (nats)")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def following(weights, losses, weight, region):
    """Two losses of the left-out blocks against how far the model is followed, in one region.

    Parameters
    ----------
    weights : array_like, (weights,)
    losses : array_like, (blocks, weights, 2)
        Of the counts and of the counts given each block's total, relative to the PSTH's.
    weight : float
        The nearest of the weights is marked; each block has a dot there.
    region : str
    """
    place = _nearest(weights, weight)
    losses, styles = np.asarray(losses), (("blue", "-"), ("orange", "--"))
    total, error = losses.sum(axis=0), losses.std(axis=0, ddof=1) * np.sqrt(len(losses))
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1.4, 1])
    beside = np.linspace(-0.25, 0.25, len(losses))
    for kind, (colour, line) in enumerate(styles):
        colour, mean, se = PALETTE[colour], total[:, kind], error[:, kind]
        left.fill_between(weights, mean - se, mean + se, color=colour, alpha=0.2, lw=0)
        left.plot(weights, mean, line, color=colour, label=LIKELIHOODS[kind])
        right.plot(kind + beside, losses[:, place, kind], "o", color=colour)
    left.axvline(weights[place], color=BLACK, lw=1.2, ls=":")
    for ax in (left, right):
        ax.axhline(0, color=GREY, lw=0.8)
    left.set(xlabel="weight of the model", ylabel="loss relative to the PSTH (nats)")
    left.set_title(region, color=region_colour(region))
    left.legend()
    room = 0.05 * np.ptp(losses)
    right.set(title="each left-out block", ylabel="loss relative to the PSTH (nats)")
    right.set(xlim=(-0.5, 1.5), ylim=(losses.min() - room, losses.max() + room))
    right.set_xticks([0, 1], LIKELIHOODS)
    return fig


def blocks_won(weights, losses, weight, region) -> str:
    """In how many blocks the model beats the PSTH, in words; parameters as in :func:`following`."""
    own = np.asarray(losses)[:, _nearest(weights, weight)]  # (blocks, 2)
    won = [f"{n} of {len(own)}" for n in (own < 0).sum(axis=0)]
    return (
        f"{region}, weight {weight:.1f}: better than the PSTH in {won[0]} blocks by their "
        f"{LIKELIHOODS[0]}, in {won[1]} {LIKELIHOODS[1]}."
    )


def _nearest(weights, weight) -> int:
    return int(np.abs(np.asarray(weights) - weight).argmin())


def earned(table, luck, units):
    """What each piece adds to the score, one panel per mouse.

    Parameters
    ----------
    table : pandas.DataFrame
        Score added, one row per piece and one column per mouse.
    luck : pandas.Series or dict
        For each mouse how far luck alone moves a dot; drawn as a grey band.
    units : dict of str to str
        For each mouse what the score is.
    """
    size = (8, 0.34 * len(table) + 1.3)
    fig, axes = plt.subplots(1, table.shape[1], figsize=size, sharey=True, squeeze=False)
    places = np.arange(len(table))[::-1]
    for ax, (mouse, added), colour in zip(axes[0], table.items(), CYCLE, strict=False):
        ax.axvspan(-luck[mouse], luck[mouse], color=GREY, alpha=0.2, lw=0)
        ax.axvline(0, color=GREY, lw=0.8)
        ax.hlines(places, 0, added, color=colour, lw=2)
        ax.plot(added, places, "o", color=colour, ms=7)
        ax.set(title=mouse, xlabel=f"added {units[mouse]}", yticks=places)
        ax.locator_params(axis="x", nbins=4)
    axes[0, 0].set_yticklabels(table.index)
    return fig


def leads(over):
    """What is added on every kind of mouse, with intervals over mice, one panel per model.

    Parameters
    ----------
    over : pandas.DataFrame
        Indexed by kind: ``model``, the title of its panel, ``mean``, ``low`` and ``high``.
    """
    panels, kinds = over.groupby("model", sort=False), over.index.unique()
    size = (8, 0.34 * len(kinds) + 1.3)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for ax, (title, rows), colour in zip(axes[0], panels, CYCLE, strict=False):
        ax.axvline(0, color=GREY, lw=0.8)
        for kind, row in rows.iterrows():
            interval(ax, kinds.get_loc(kind), row["mean"], row["low"], row["high"], colour)
        ax.set(title=title, xlabel="added share")
        ax.locator_params(axis="x", nbins=4)  # or the last label meets the next panel's first
    axes[0, 0].set_yticks(range(len(kinds)), kinds)
    axes[0, 0].invert_yaxis()
    return fig
