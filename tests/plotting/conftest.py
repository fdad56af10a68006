"""Figures are drawn without a screen, and closed after each test."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def labels():
    """What the axes of a figure are called, once the figure has been drawn."""

    def read(fig):
        fig.canvas.draw()  # nothing fails on the way to the page
        texts = [text for ax in fig.axes for text in (ax.get_xlabel(), ax.get_ylabel())]
        return [text for text in [*texts, fig.get_supxlabel(), fig.get_supylabel()] if text]

    return read


@pytest.fixture
def contrast():
    """How well one colour stands out from another (WCAG 2.2), 1 to 21."""

    def luminance(colour):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    def ratio(one, other):
        darker, lighter = sorted([luminance(one), luminance(other)])
        return (lighter + 0.05) / (darker + 0.05)

    return ratio
