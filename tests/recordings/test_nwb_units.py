"""The spikes of an NWB file, taken from its one long list some units at a time."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pupil_helpers.recordings import nwb_units
from pupil_helpers.recordings.hdf5 import SafeFile

h5py = pytest.importorskip("h5py")
TRAIN = st.lists(st.floats(0, 1e4), max_size=6).map(sorted)


@given(st.lists(TRAIN, min_size=1, max_size=8), st.integers(1, 20))
def test_each_unit_gets_its_own_spikes_at_once_and_in_order(trains, at_once):
    with (
        h5py.File("any.nwb", "w", driver="core", backing_store=False) as file,
        patch.object(nwb_units, "_SPIKES_AT_ONCE", at_once),
    ):
        file["units/spike_times"] = np.concatenate(trains, dtype=float)
        file["units/spike_times_index"] = np.cumsum([len(train) for train in trains])
        parts = list(nwb_units.spikes_of(SafeFile(file, "any.nwb", 10**9), len(trains)))
    found = {}
    for times, units in parts:
        assert sorted(times) == times.tolist()
        assert len(times) <= max(at_once, *(len(train) for train in trains))
        for unit in np.unique(units).tolist():
            assert unit not in found  # all spikes of a unit come in one pair
            found[unit] = times[units == unit].tolist()
    assert found == {unit: train for unit, train in enumerate(trains) if train}
