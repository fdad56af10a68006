"""Pictures for the page: light and dark, vector or sharp, and no larger than they need be."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from pupil_helpers.plotting.pictures import VECTOR, picture, raster, size, slim, vector


def content(address: str) -> tuple[str, bytes]:
    """Kind and bytes of a data address."""
    kind, data = re.fullmatch(r"data:image/([\w+]+);base64,(.*)", address).groups()
    return kind, base64.b64decode(data)


@pytest.fixture
def light():
    fig, ax = plt.subplots(figsize=(4, 2), layout="constrained")
    ax.plot([0, 1], label="a line")
    ax.set(xlabel="time (s)", title="R²")
    return fig


@pytest.fixture
def heavy():
    fig, ax = plt.subplots(figsize=(4, 2), layout="constrained")
    ax.plot(*np.random.default_rng(0).normal(size=(2, 4000)), ".")
    return fig


def test_a_light_figure_is_vector_in_both_kinds(light):
    shown = picture(light)
    (kind, one), (other, two) = content(shown.light), content(shown.dark)
    assert kind == other == "svg+xml"
    assert b"#000000" in one
    assert b"#000000" not in two
    assert ET.fromstring(one).get("width") == ET.fromstring(two).get("width")
    assert shown.weight == pytest.approx(max(len(one), len(two)), abs=3)
    assert shown.weight < VECTOR


def test_a_heavy_figure_is_sharp_and_smaller_than_its_vector(heavy):
    shown = picture(heavy, crop=False)
    kind, data = content(shown.light)
    assert kind == "webp"
    assert len(data) < len(vector(heavy))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (2 * shown.width, 2 * shown.height) == (768, 384)


def test_pictures_have_no_background(light):
    with Image.open(io.BytesIO(raster(light))) as image:
        assert image.mode == "RGBA"
        assert np.asarray(image)[0, 0, 3] == 0
    assert b"#ffffff" not in vector(light)


def test_figures_of_one_size_have_pictures_of_one_size(light):
    first = picture(light, crop=False)
    light.axes[0].set_title("")
    again = picture(light, crop=False)
    assert (first.width, first.height) == (again.width, again.height) == (384, 192)


def test_the_figure_stays_as_it_was(light):
    engine = light.get_layout_engine()
    picture(light)
    assert light.get_layout_engine() is engine
    assert light.axes[0].title.get_color() == "black"


def test_the_page_fetches_only_the_kind_it_shows(light):
    text = picture(light).html('alt="A line."')
    assert re.findall(r'class="only-(\w+)', text) == ["light", "dark"]
    assert text.count('loading="lazy"') == text.count('alt="A line."') == 2


def test_slimming_moves_nothing_by_more_than_a_hundredth_of_a_point(light):
    file = io.StringIO()
    light.savefig(file, format="svg")
    fat, thin = file.getvalue(), slim(file.getvalue())
    assert len(thin) < 0.75 * len(fat)
    numbers = [
        np.array([float(number) for path in re.findall(r' d="([^"]*)"', text)
                  for number in re.findall(r"-?[\d.]+", path)])
        for text in (fat, thin)
    ]  # fmt: skip
    np.testing.assert_allclose(*numbers, atol=0.0101)
    ET.fromstring(thin)


def test_size_is_in_pixels_of_the_page():
    assert size(b'<svg width="576pt" height="259.2pt" viewBox="0 0 576 259.2">') == (768, 346)
