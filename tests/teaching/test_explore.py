"""Figures with settings: what is refused, what the book gets, and what a live notebook does."""

import itertools
import json

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup

from pupil_helpers import explore
from pupil_helpers.teaching import explore as module

matplotlib.use("agg")
WIDTHS, SHAPES = [20, 50, 100], ["box", "bell <&>"]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, in place of a notebook."""
    found = []
    monkeypatch.setattr("IPython.display.display", found.append)
    return found


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setenv("PUPIL_HELPERS_BOOK", "1")


@pytest.fixture
def drawn():
    """The states in which the figure was drawn."""
    return []


@pytest.fixture
def draw(drawn):
    def draw(width, shape):
        drawn.append((width, shape))
        fig, ax = plt.subplots(figsize=(2, 1))
        ax.plot([0, width])
        return fig

    return draw


def call(draw, **changes):
    usual = {"width": WIDTHS, "shape": SHAPES, "alt": "A {shape} of {width} ms."}
    explore(draw, **usual | changes)


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"width": []}, "width has no values"),
        ({"width": [1, "two"]}, "width has .* numbers or words, not both"),
        ({"width": [None]}, "width has .* numbers or words"),
        ({"width": [1, 2, 1]}, "width has a value twice"),
        ({"width": list(range(31))}, r"62 states \(31 width × 2 shape\); give at most 60"),
        ({"start": {"width": 30}}, "cannot start with width=30"),
        ({"start": {"depth": 20}}, "cannot start with depth=20"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_drawn(draw, drawn, changes, why):
    with pytest.raises(ValueError, match=why):
        call(draw, **changes)
    assert drawn == []


def test_nothing_to_move_is_refused(draw):
    with pytest.raises(ValueError, match="nothing to move"):
        explore(draw, alt="A line.")


def test_the_setting_that_fails_is_named(book, shown):
    def draw(width, shape):
        return plt.figure() if width != 50 else 1 / 0

    with pytest.raises(ValueError, match="width=50, shape='box' fails with ZeroDivisionError"):
        call(draw)
    assert shown == []


def test_a_function_that_draws_nothing_is_refused(book, shown):
    with pytest.raises(ValueError, match="width=20, shape='box' draws no figure"):
        call(lambda width, shape: None)


def test_texts_must_fit_every_state_and_differ(book, shown, draw, drawn):
    with pytest.raises(ValueError, match=r"two states have the same alt text, 'A box\."):
        call(draw, alt="A {shape}.")
    with pytest.raises(ValueError, match="no text for width=20, shape='box', KeyError"):
        call(draw, caption="{depth}")
    assert drawn == []


def test_too_many_bytes_are_refused_with_the_numbers(book, shown, draw, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"6 states weigh 0\.0[2-9] MB; at most 0\.01 MB"):
        call(draw)
    assert shown == []


def test_one_megabyte_and_sixty_states_are_the_most():
    assert (module.MOST_STATES, module.MOST_BYTES) == (60, 1_000_000)


# -- in the book -------------------------------------------------------------------------------


@pytest.fixture
def figure(book, shown, draw):
    """The element that a page gets."""
    call(
        draw, start={"width": 50}, units={"width": "ms"}, labels={"shape": "kind of kernel"},
        caption=lambda width, shape: f"{width} ms: {'</script>' if shape == 'box' else shape}",
    )  # fmt: skip
    (page,) = shown
    return BeautifulSoup(page.data, "html.parser").figure


def test_every_state_is_drawn_once_and_closed(figure, drawn):
    assert drawn == list(itertools.product(WIDTHS, SHAPES))
    assert plt.get_fignums() == []


def test_states_are_stored_in_the_order_of_the_controls(figure):
    states = json.loads(figure.script.string)
    expected = [f"A {shape} of {width} ms." for width, shape in itertools.product(WIDTHS, SHAPES)]
    assert [state["alt"] for state in states] == expected
    assert len({state["light"] for state in states}) == len(WIDTHS)  # here shape changes nothing
    assert all(state["dark"] != state["light"] for state in states)
    assert states[0]["caption"] == "20 ms: </script>"  # which did not end the script


def test_the_start_is_shown_without_script(figure):
    assert [image["alt"] for image in figure.find_all("img")] == ["A box of 50 ms."] * 2
    assert figure.figcaption.text == "50 ms: </script>"
    assert "width 50 ms, kind of kernel box" in figure.noscript.text
    assert figure.select_one(".explore-controls").has_attr("hidden")


def test_controls_are_native_labelled_and_say_their_value(figure):
    slider, menu = figure.find("input"), figure.select_one("select")
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "2", "1")
    assert slider["aria-valuetext"] == figure.output.text == "50 ms"
    assert json.loads(slider["data-shown"]) == ["20 ms", "50 ms", "100 ms"]
    assert [option.text for option in menu.find_all("option")] == SHAPES
    labels = {label["for"]: label.text for label in figure.find_all("label")}
    assert labels == {slider["id"]: "width", menu["id"]: "kind of kernel"}


def test_numbers_out_of_order_make_a_menu(book, shown, draw):
    call(draw, width=[np.int64(50), 20, 100])
    assert "<input" not in shown[0].data
    assert shown[0].data.count("<select") == 2


# -- live --------------------------------------------------------------------------------------


def test_a_live_notebook_calls_the_function_anew(monkeypatch, shown, draw, drawn):
    monkeypatch.setattr(module, "_is_live", lambda: True)
    call(draw, start={"width": 50}, units={"width": "ms"})
    slider, menu, _ = shown[0].children
    assert (slider.description, slider.label, menu.value) == ("width", "50 ms", "box")
    assert drawn == [(50, "box")]
    slider.value = 100
    menu.value = SHAPES[1]
    assert drawn[1:] == [(100, "box"), (100, SHAPES[1])]


def test_a_script_draws_the_start_alone(shown, draw, drawn):
    call(draw)
    assert drawn == [(20, "box")]
    assert shown == []
