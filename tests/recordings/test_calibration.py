"""What simulated mice are compared in with real ones: statistics of known data; stored numbers."""

import numpy as np
import pytest

from pupil_helpers.recordings.calibration import (
    AREA,
    COUNTS,
    GAZE,
    STEP,
    area_statistics,
    count_statistics,
    every_step,
    gaze_statistics,
    stored_calibration,
    windows,
)
from pupil_helpers.recordings.eye import slow_signal
from pupil_helpers.recordings.kinds import REGIONS

RNG = np.random.default_rng(0)


def test_stored_numbers_are_of_real_animals_and_say_whose():
    table = stored_calibration()
    assert list(table) == ["what", "whose", "statistic", "value", "source"]
    assert table["value"].notna().all()
    assert table["source"].str.len().min() > 20
    assert not table.duplicated(["what", "whose", "statistic"]).any()
    assert set(table["what"]) == {"counts", "gaze", "area"}


def test_stored_tables_are_complete():
    counts = stored_calibration("counts")
    assert list(counts.index) == list(REGIONS)
    assert list(counts) == list(COUNTS)
    assert counts.loc["LGd", "neurons"] == 150
    gaze, area = stored_calibration("gaze"), stored_calibration("area")
    assert list(gaze.index) == ["head-fixed", "free left", "free right"]
    assert list(area.index) == ["Cori", "head-fixed"]
    assert (list(gaze), list(area)) == (list(GAZE), list(AREA))
    for table in (counts, gaze):
        assert table.notna().all(axis=None)
    unknown = area.isna().stack()  # the head-fixed animal had no trials
    assert set(unknown[unknown].index) == {
        ("head-fixed", "between"),
        ("head-fixed", "smooth between"),
    }


def test_unknown_table_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'weight'; choose from counts, gaze, area"):
        stored_calibration("weight")


def test_windows_are_sums_of_bins_in_a_row():
    counts = RNG.poisson(1.0, (3, 8, 2))
    expected = [[trial[i : i + 5].sum(axis=0) for i in range(4)] for trial in counts]
    np.testing.assert_allclose(windows(counts, 5), expected)


def test_counts_of_a_poisson_region_have_its_rate_and_a_fano_factor_of_one():
    spikes = RNG.poisson(0.2, (400, 40, 30))
    found = count_statistics(spikes)
    assert set(found) == set(COUNTS) - {"ceiling"}
    assert found["neurons"] == 30
    assert found["rate"] == pytest.approx(20, rel=0.02)
    assert found["fano"] == pytest.approx(1, abs=0.1)
    assert found["psth"] == pytest.approx(0, abs=0.02)
    assert abs(found["lag 1"]) < 0.15


def test_what_varies_between_trials_only_is_found_there():
    level = RNG.gamma(2.0, 5.0, (200, 1, 1))
    found = count_statistics(np.tile(np.round(level), (1, 40, 3)))
    assert found["between"] == pytest.approx(1)
    same = count_statistics(np.tile(RNG.poisson(5.0, (1, 40, 3)), (200, 1, 1)))
    assert same["psth"] == pytest.approx(1)


def test_saccades_of_a_made_up_gaze_are_found_with_their_sizes_and_intervals():
    samples = round(400 / STEP)
    xy = RNG.normal(0, 0.01, (samples, 2))
    xy[:, 0] += np.where(np.arange(samples) // 40 % 2, 3.0, -3.0)  # to and fro every 2 s
    xy[100:120] = np.nan
    found = gaze_statistics(xy)
    assert set(found) == set(GAZE)
    assert found["rate"] == pytest.approx(0.5, rel=0.05)
    assert found["wait"] == pytest.approx(2)
    assert found["median"] == pytest.approx(2, rel=0.02)  # 6, of an SD of 3
    assert found["horizontal"] > 0.95
    assert found["axial"] == pytest.approx(1, abs=0.05)
    assert found["missing"] == pytest.approx(20 / samples)
    assert (found["gap"], found["gaps"]) == (pytest.approx(1), pytest.approx(1 / 400))


def test_gaze_without_gaps_has_none():
    xy = np.cumsum(RNG.standard_t(1.5, (2000, 2)), axis=0)
    found = gaze_statistics(xy)
    assert (found["missing"], found["gap"], found["long gap"]) == (0, 0, 0)


def test_area_that_forgets_does_so_at_its_pace():
    trace = 60 * np.exp(0.1 * slow_signal(RNG, 40_000, STEP, 5.0))
    found = area_statistics(trace)
    assert found["variation"] == pytest.approx(0.1, rel=0.1)
    assert found["area 5 s"] == pytest.approx(np.exp(-1), abs=0.1)
    assert "between" not in found
    level = RNG.normal(60, 5, (50, 1))
    cut = area_statistics(trace, level + RNG.normal(0, 5, (50, 250)))
    assert cut["between"] == pytest.approx(0.5, abs=0.15)
    assert cut["smooth between"] > 0.85
    assert set(cut) == set(AREA)


def test_medians_of_five_bring_100_hz_to_20():
    np.testing.assert_array_equal(every_step(np.arange(13)), [2, 7])
