"""Figures with settings to move: widgets in a live notebook, ready-made states in the book."""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import os
from collections.abc import Callable, Mapping
from numbers import Real

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ..plotting.pictures import Picture, picture

MOST_STATES = 60
MOST_BYTES = 1_000_000  # the pictures of all states, light or dark: a reader sees one kind


def explore(
    function: Callable,
    *,
    alt: str | Callable[..., str],
    caption: str | Callable[..., str] | None = None,
    labels: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    start: Mapping | None = None,
    **settings,
) -> None:
    """Show a figure whose settings can be moved.

    In a live notebook each move calls the function anew. Where the book is built, every
    combination of the values is drawn once, and the page shows the one that its controls say: it
    needs no kernel. In a plain script the figure is drawn as it starts.

    Parameters
    ----------
    function : callable
        Draws one figure, when called with one value per setting, by name. It returns the figure
        or leaves it as matplotlib's current one.
    alt : str or callable
        What a person who cannot see the figure should know, for each state: a function of the
        settings, or a text to be filled in, such as ``"A bell of {width:g} ms, {shape}."``. It
        must differ between any two states.
    caption : str or callable, optional
        A sentence under the figure for each state, made in the same way.
    labels : dict of str to str, optional
        What to call a setting; by default its own name.
    units : dict of str to str, optional
        What to write after a setting's numbers.
    start : dict, optional
        The values to start with; by default the first of each setting.
    **settings : list
        The values of each setting. Numbers that rise or fall make a slider, words a menu.

    Raises
    ------
    ValueError
        If a setting has no values, the same one twice, or other things than numbers or words; if
        there are more than 60 combinations; if the function or a text fails for one of them; if
        two have the same ``alt``; if the pictures weigh more than 1 MB together.

    Examples
    --------
    >>> explore(
    ...     figures.kernel,
    ...     width=[20, 50, 100],
    ...     shape=["boxcar", "Gaussian"],
    ...     units={"width": "ms"},
    ...     alt="Weights of a {shape} of {width:g} ms.",
    ... )  # doctest: +SKIP
    """
    settings = {name: _values(name, values) for name, values in settings.items()}
    first = _first(settings, start or {})
    texts = alt, caption
    asked = {name: (labels or {}).get(name, name.replace("_", " ")) for name in settings}
    shown = {
        name: [_shown(value, (units or {}).get(name)) for value in values]
        for name, values in settings.items()
    }
    if os.environ.get("PUPIL_HELPERS_BOOK"):
        from IPython.display import HTML, display

        display(HTML(_page(function, settings, first, asked, shown, texts)))
    elif _is_live():
        _widgets(function, settings, first, asked, shown, texts)
    else:
        _draw(function, first)


def _values(name: str, values) -> list:
    """The values of a setting as a list of numbers or of words; a ValueError if they are not."""
    values = [getattr(value, "item", lambda value=value: value)() for value in values]
    if not values:
        raise ValueError(f"explore: {name} has no values; give a list of numbers or of words.")
    if not all(isinstance(value, Real) for value in values) and not all(
        isinstance(value, str) for value in values
    ):
        raise ValueError(f"explore: {name} has {values!r}; give numbers or words, not both.")
    if len(set(values)) < len(values):
        raise ValueError(f"explore: {name} has a value twice in {values!r}; give each once.")
    return values


def _first(settings: dict, start: Mapping) -> dict:
    """The state to start with."""
    if not settings:
        raise ValueError("explore: nothing to move; give a setting, such as width=[20, 50].")
    count = 1
    for values in settings.values():
        count *= len(values)
    if count > MOST_STATES:
        sizes = " × ".join(f"{len(values)} {name}" for name, values in settings.items())
        raise ValueError(f"explore: {count} states ({sizes}); give at most {MOST_STATES}.")
    for name, value in start.items():
        if name not in settings or value not in settings[name]:
            raise ValueError(
                f"explore: cannot start with {name}={value!r}; the settings are {settings}."
            )
    return {name: values[0] for name, values in settings.items()} | dict(start)


def _shown(value, unit: str | None) -> str:
    text = value if isinstance(value, str) else f"{value:g}"
    return f"{text} {unit}" if unit else text


def _is_slider(values: list) -> bool:
    """Whether the values are numbers in order."""
    return not isinstance(values[0], str) and sorted(values) in (values, values[::-1])


def _called(state: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in state.items())


def _draw(function: Callable, state: dict) -> Figure:
    """The figure of one state; a ValueError that names the state if there is none."""
    try:
        result = function(**state)
    except Exception as error:
        raise ValueError(
            f"explore: {_called(state)} fails with {type(error).__name__}: {error}"
        ) from error
    if isinstance(result, Figure):
        return result
    if not plt.get_fignums():
        raise ValueError(f"explore: {_called(state)} draws no figure; return one.")
    return plt.gcf()


def _say(text, state: dict) -> str:
    """A text about one state."""
    try:
        return text(**state) if callable(text) else text.format(**state)
    except Exception as error:
        raise ValueError(
            f"explore: no text for {_called(state)}, {type(error).__name__}: {error}"
        ) from error


# -- in a live notebook ------------------------------------------------------------------------


def _is_live() -> bool:
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _widgets(function, settings, first, asked, shown, texts) -> None:
    """Controls that call the function anew; only what ipywidgets 7 and 8 both have."""
    import ipywidgets
    from IPython.display import display

    def show(**state):
        _draw(function, state)
        plt.show()
        if texts[1]:
            print(_say(texts[1], state))

    controls = {}
    for name, values in settings.items():
        kind = ipywidgets.SelectionSlider if _is_slider(values) else ipywidgets.Dropdown
        controls[name] = kind(
            options=list(zip(shown[name], values, strict=True)),
            value=first[name],
            description=asked[name],
            style={"description_width": "initial"},
        )
        if _is_slider(values):
            controls[name].continuous_update = False
    figure = ipywidgets.interactive_output(show, controls)
    display(ipywidgets.VBox([*controls.values(), figure]))


# -- in the book -------------------------------------------------------------------------------


def _page(function, settings, first, asked, shown, texts) -> str:
    """Every state behind native controls, which `book/_static/explore.js` brings to life."""
    states = [
        dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())
    ]
    alts = [_say(texts[0], state) for state in states]
    captions = [_say(texts[1], state) for state in states] if texts[1] else [""] * len(states)
    same = next((alt for alt in alts if alts.count(alt) > 1), None)
    if same is not None:
        raise ValueError(f"explore: two states have the same alt text, {same!r}; name the values.")
    pictures = []
    for state in states:
        fig = _draw(function, state)
        pictures.append(picture(fig, crop=False))
        plt.close(fig)
    weight = sum(each.weight for each in pictures)
    if weight > MOST_BYTES:
        raise ValueError(
            f"explore: {len(states)} states weigh {weight / 1e6:.2f} MB; at most "
            f"{MOST_BYTES / 1e6:g} MB are allowed. Give fewer values or a simpler figure."
        )
    stored = [
        {"light": each.light, "dark": each.dark, "alt": alt, "caption": text}
        for each, alt, text in zip(pictures, alts, captions, strict=True)
    ]
    at = states.index(first)
    identity = "explore-" + hashlib.sha256("".join(alts).encode()).hexdigest()[:8]
    controls = "".join(
        _control(f"{identity}-{name}", asked[name], shown[name], values.index(first[name]), values)
        for name, values in settings.items()
    )
    return (
        f'<figure class="explore" id="{identity}">'
        f'<div class="explore-controls" hidden>{controls}</div>'
        f'<div class="explore-picture">{_picture(pictures[at], alts[at])}</div>'
        f"{_caption(captions[at])}"
        f"{_without_script(asked, shown, settings, first)}"
        f'<script type="application/json">{_json(stored)}</script></figure>'
    )


def _picture(each: Picture, alt: str) -> str:
    return each.html(f'alt="{html.escape(alt)}"')


def _caption(text: str) -> str:
    return f'<figcaption aria-live="polite">{html.escape(text)}</figcaption>' if text else ""


def _without_script(asked, shown, settings, first) -> str:
    """What the picture shows, for a page that cannot move it."""
    state = ", ".join(
        f"{asked[name]} {shown[name][values.index(first[name])]}"
        for name, values in settings.items()
    )
    return f"<noscript><p>Shown: {html.escape(state)}. Moving it needs JavaScript.</p></noscript>"


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False).replace("</", "<\\/")


def _control(identity: str, label: str, shown: list[str], at: int, values: list) -> str:
    """A slider or a menu; its value is the place in the list."""
    name = f'<label for="{identity}">{html.escape(label)}</label>'
    if not _is_slider(values):
        options = "".join(
            f'<option value="{i}"{" selected" * (i == at)}>{html.escape(text)}</option>'
            for i, text in enumerate(shown)
        )
        return f'<div>{name}<select id="{identity}" autocomplete="off">{options}</select></div>'
    return (
        f'<div>{name}<input type="range" id="{identity}" min="0" max="{len(shown) - 1}" '
        f'value="{at}" autocomplete="off" aria-valuetext="{html.escape(shown[at])}" '
        f'data-shown="{html.escape(json.dumps(shown, ensure_ascii=False))}">'
        f'<output for="{identity}" aria-live="off">{html.escape(shown[at])}</output></div>'
    )
