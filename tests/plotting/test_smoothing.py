"""Figures of chapter 2 that can be moved."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from pupil_helpers.plotting.smoothing import one_kernel
from pupil_helpers.plotting.style import CYCLE

TIME = np.linspace(-0.5, 2, 50)
SCORES = {
    "R²": pd.DataFrame({"boxcar": [0.1, 0.3, 0.5], "Gaussian": [0.2, 0.3, 0.6]}, [20, 100, 500])
}


@pytest.mark.parametrize("truth", [None, np.ones(50)])
def test_the_kernel_in_use_is_marked(truth, labels):
    fig = one_kernel(TIME, np.ones(50), truth, SCORES, "Gaussian", 100, top=3)
    rate, panel = fig.axes
    mark = panel.lines[-1]
    assert (*mark.get_xdata(), *mark.get_ydata()) == (100, 0.3)
    assert same_color(mark.get_color(), CYCLE[1])
    assert rate.get_ylim() == (0, 3)
    shown = [text.get_text() for text in rate.get_legend().get_texts()]
    assert shown == ["Gaussian, 100 ms"] + ["true rate"] * (truth is not None)
    assert "width (ms)" in labels(fig)


def test_a_kernel_without_scores_is_refused():
    with pytest.raises(ValueError, match="a column 'boxcar' and a row 50"):
        one_kernel(TIME, np.ones(50), None, SCORES, "boxcar", 50)
