"""The palette, as people with each form of colour blindness see it, on light and dark pages."""

import itertools
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from colorspacious import cspace_convert, deltaE
from matplotlib.colors import to_rgb

from pupil_helpers.plotting.dark import on_dark
from pupil_helpers.plotting.style import CYCLE, PALETTE, use_style

APART = 9
"""Distance in CAM02-UCS. A just noticeable difference between two large patches is about 1."""
PAGE = to_rgb("#14181e")
KINDS = (None, "deuteranomaly", "protanomaly", "tritanomaly")


def seen(colour, kind):
    """An sRGB colour as somebody sees it who lacks one kind of cone (Machado et al. 2009)."""
    if kind is None:
        return np.array(colour)
    blind = {"name": "sRGB1+CVD", "cvd_type": kind, "severity": 100}
    return np.clip(cspace_convert(colour, blind, "sRGB1"), 0, 1)


def closest(colours, kind) -> float:
    pairs = itertools.combinations([seen(colour, kind) for colour in colours], 2)
    return min(deltaE(*pair, input_space="sRGB1") for pair in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_one_figure_can_be_told_apart(kind):
    assert closest([to_rgb(colour) for colour in CYCLE], kind) > APART
    assert closest([on_dark(colour)[:3] for colour in CYCLE], kind) > APART


def test_colours_that_the_blind_confuse_are_noticed():
    assert closest([to_rgb("#E00000"), to_rgb("#7A6A00")], None) > 30
    assert closest([to_rgb("#E00000"), to_rgb("#7A6A00")], "deuteranomaly") < APART


@pytest.mark.parametrize("name", PALETTE)
def test_every_colour_stands_out_from_a_dark_page(name, contrast):
    assert contrast(on_dark(PALETTE[name]), PAGE) > 4.5


def test_a_grid_of_seaborn_says_nothing_about_its_layout():
    with mpl.rc_context(), warnings.catch_warnings(record=True) as said:
        use_style()
        sns.FacetGrid(pd.DataFrame({"kind": ["home", "null"]}), col="kind")
    assert not said
