"""Regions by peak channels that count from 1, within a probe of 374 or over all."""

import numpy as np
import pytest

from pupil_helpers.recordings.peak_channels import peak_regions

ROWS = 374  # channels a probe in DANDI 000017
PROBES = np.repeat(["Probe1", "Probe2"], ROWS)
PLACES = np.array([f"row {row}" for row in range(2 * ROWS)])


@pytest.mark.parametrize("together", [False, True], ids=["within", "together"])
def test_the_first_channel_is_number_1(together):
    probes = np.array(["Probe1", "Probe1", "Probe2", "Probe2"])
    rows = np.array([0, 373, 374, 747])
    peaks = rows + 1 - (0 if together else ROWS) * (probes == "Probe2")
    found = peak_regions(peaks, probes, PROBES, PLACES)
    assert found.tolist() == [f"row {row}" for row in rows]


@pytest.mark.parametrize("peak", [0, -1, 375, 10**9])
def test_a_channel_that_is_not_there_has_no_region(peak):
    peaks, probes = np.array([peak, 1, 1]), np.array(["Probe2", "Probe2", "Probe2"])
    assert peak_regions(peaks, probes, PROBES, PLACES).tolist() == ["", "row 374", "row 374"]
