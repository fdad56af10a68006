"""The page of pictures of a recording: what it shows is what is in the session."""

from dataclasses import replace

import numpy as np
import pytest

from pupil_helpers.plotting.recording_page import SHOWN, recording_page
from pupil_helpers.recordings.simulate import simulate_session


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=2, n_trials=20, n_bins=120, blink_rate=0.5)


def panels(session):
    fig = recording_page(session)
    return {ax.get_title() or ax.get_ylabel(): ax for ax in fig.axes}


def test_every_axis_has_a_label(session, labels):
    fig = recording_page(session)
    assert len(labels(fig)) == 2 * 6 + 1  # and the colour bar
    assert fig.get_suptitle() == session.name


def test_pictures_show_what_was_recorded(session):
    found = panels(session)
    np.testing.assert_array_equal(found["pupil area"].images[0].get_array(), session.pupil[..., 0])
    seen = found["pupil samples seen"].lines[0].get_ydata()
    np.testing.assert_allclose(seen, 1 - session.missing[..., 0].mean(axis=1))
    names = session.region_table().index[:SHOWN]
    for name, rate, raster in zip(
        names, found["spikes"].lines, found["spikes of trial 10"].lines, strict=False
    ):
        own = session.spikes[..., session.regions == name]
        np.testing.assert_allclose(rate.get_ydata(), own.mean((1, 2)) / session.bin_size)
        assert len(raster.get_xdata()) == np.count_nonzero(own[10])


def test_psths_are_rates_in_every_bin_to_the_ends(session):
    flat = replace(session, spikes=np.ones_like(session.spikes), truth=None)
    for line in panels(flat)["PSTHs, over 50 ms"].lines[:SHOWN]:
        np.testing.assert_allclose(line.get_ydata(), 1 / session.bin_size)


def test_a_channel_that_was_not_recorded_is_said_to_be_so(session):
    for channels, panel in (([1, np.nan, np.nan], "gaze"), ([np.nan, 1, 1], "pupil area")):
        part = replace(session, pupil=session.pupil * np.float32(channels))
        assert panels(part)[panel].texts[0].get_text() == "not recorded"
