"""Kinds of simulated mice: what each region follows, and how much else is going on.

A kind says only what is different from the home mouse, so kinds can be added up:
``simulate_session(kind="memory + few trials")``.

The home mouse is a friend of every model: its log rates are sums of smooth filters applied to
features of the eye that models are given too. The other kinds are not. Names of features are those
of :mod:`pupil_helpers.recordings.drives`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Region:
    """How one simulated region behaves; weights are relative, ``drive`` sets their scale."""

    neurons: int
    rate: float  # mean firing rate over the whole trial, spikes/s per neuron
    drive: float  # SD of the shared log-rate fluctuation
    psth: float  # peak of the stimulus-locked log-rate bump
    gain: float  # SD of each neuron's private log gain
    gain_memory: float  # correlation of that gain from one trial to the next
    kernels: tuple = ()  # (channels, feature, peak lag in s, width in s, weight)
    hidden: str = ""  # what drives it when the pupil does not: a name in drives.HIDDEN


@dataclass(frozen=True)
class Kind:
    """What is different from the home mouse; None: nothing."""

    follows: dict | None = None  # by region: its kernels, or the name of its hidden drive
    gains: tuple | None = None  # (time constant in s, SD of the log gain) shared by each region
    n_trials: int | None = None
    n_neurons: int | None = None  # in each region

    def regions(self) -> dict[str, Region]:
        """The regions of such a mouse, in the order of their neurons."""
        made = {}
        for name, region in REGIONS.items():
            follows = (self.follows or {}).get(name)
            if isinstance(follows, str):
                region = replace(region, kernels=(), hidden=follows)
            elif follows:
                region = replace(region, kernels=follows)
            made[name] = replace(region, neurons=self.n_neurons or region.neurons)
        return made


REGIONS: dict[str, Region] = {
    "SCs": Region(
        32, 6.3, 0.16, 0.27, 0.56, 0.78,
        kernels=(("x", "speed", 0.07, 0.05, 1.0), ("y", "speed", 0.07, 0.05, 0.45),
                 ("area", "level", 0.3, 0.2, 0.85)),
    ),
    "SCm": Region(
        45, 7.2, 0.102, 0.18, 0.46, 0.72,
        kernels=(("x", "rightward", -0.08, 0.055, 1.0), ("y", "speed", -0.08, 0.055, 0.4),
                 ("area", "level", 0.3, 0.2, 0.85)),
    ),
    "LGd": Region(
        60, 4.15, 0.28, 0.47, 0.38, 0.00,
        kernels=(("area", "level", 0.3, 0.2, 1.0), ("x", "speed", 0.05, 0.04, -0.8)),
    ),
    "MRN": Region(51, 11.4, 0.13, 0.00, 0.51, 0.45, hidden="fast"),
    "CA1": Region(34, 2.25, 0.125, 0.33, 0.60, 0.08, hidden="drift"),
    "VISam": Region(34, 2.5, 0.103, 0.33, 0.55, 0.62, hidden="stimulus"),
}  # fmt: skip
"""The home mouse's regions, in the order of their neurons."""

DRIVEN = tuple(name for name, region in REGIONS.items() if region.kernels)
"""Regions that the pupil drives in every kind but "null": SCs, SCm, LGd."""

MEMORY = {
    "SCs": (("area", "integral", 0.0, 0.05, 1.0), ("xy", "since saccade", 0.0, 0.05, 1.0),
            ("x", "speed", 0.07, 0.05, 0.5)),
    "SCm": (("xy", "since saccade", 0.0, 0.05, 1.0),
            ("all", "aroused saccades", -0.08, 0.055, 1.0)),
    "LGd": (("area", "integral", 0.0, 0.05, 1.0), ("all", "aroused saccades", 0.05, 0.04, 0.8)),
}  # fmt: skip
UNFORESEEN = {
    "SCs": (("xy", "large saccades", 0.07, 0.05, 1.0), ("xy", "tiring saccades", 0.07, 0.05, 0.8),
            ("xy", "gaze field", 0.05, 0.05, 0.7)),
    "SCm": (("xy", "tuned saccades", -0.08, 0.055, 1.0),
            ("xy", "large saccades", -0.08, 0.055, 0.5), ("area", "level", 0.3, 0.2, 0.5)),
    "LGd": (("xy", "gaze field", 0.05, 0.05, 1.0), ("xy", "tiring saccades", 0.05, 0.04, 0.8)),
}  # fmt: skip

KINDS = {
    "home": Kind(),
    "memory": Kind(follows=MEMORY),
    "unforeseen": Kind(follows=UNFORESEEN),
    "private gains": Kind(gains=((60.0, 0.25), (0.3, 0.2))),
    "few trials": Kind(n_trials=60),
    "few neurons": Kind(n_neurons=4),
    "null": Kind(follows=dict(zip(REGIONS, ("drift", "slow drift") * 3, strict=True))),
}
"""Kinds of mice by name.

- **home**: log rates are sums of filtered speeds and areas.
- **memory**: regions integrate the area over some 3 s, know how long ago the last saccade was, and
  hear saccades more loudly when the animal is aroused.
- **unforeseen**: saccades count above a size, tire the response, or are tuned to some direction at
  any angle; firing depends on where gaze rests.
- **private gains**: as at home, but all neurons of a region share gains, slow and fast, that have
  nothing to do with the pupil.
- **few trials**: 60 of them. **few neurons**: 4 in each region.
- **null**: the pupil drives nothing, and every region drifts.

:meta hide-value:
"""


def kind_of_mouse(name) -> Kind:
    """The kind of that name, or of several names joined by " + "; see :data:`KINDS`.

    Raises
    ------
    ValueError
        If there is no such kind, or two of them say different things about the same.
    """
    parts = [part.strip() for part in name.split("+")] if isinstance(name, str) else [name]
    unknown = [part for part in parts if not (isinstance(part, str) and part in KINDS)]
    if unknown:
        raise ValueError(
            f"unknown kind {unknown[0]!r}; choose from {', '.join(KINDS)}, or join several with +"
        )
    merged = {}
    for part in parts:
        for field in fields(Kind):
            value = getattr(KINDS[part], field.name)
            if value is not None and merged.setdefault(field.name, value) != value:
                raise ValueError(f"kind {name!r} sets {field.name!r} twice; leave one out")
    return Kind(**merged)
