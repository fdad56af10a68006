"""Figures are drawn without a screen, and closed after each test."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

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
