"""Some mutants of each format, of which ``benchmarks/fuzz_readers.py`` tries thousands."""

import pytest
from fates import fates

SEEDS = {
    "alf": range(100),
    "part": range(100),
    "saved": range(100),
    "nwb": range(20, 45),  # each takes as long as twenty others, and with number 11 HDF5 never ends
}


@pytest.mark.parametrize("name", list(SEEDS))
def test_mutants_are_read_or_refused_in_one_line(tmp_path, name):
    if name == "nwb":
        pytest.importorskip("pynwb")
    # The HDF5 library may crash; the others are read in the caller's own process.
    seen = list(fates(name, tmp_path, SEEDS[name], apart=name == "nwb"))
    assert [fate for fate in seen if fate.outcome.startswith("failed")] == []
    kinds = [fate.outcome.split(":")[0] for fate in seen]
    assert min(kinds.count("read"), kinds.count("refused")) > len(seen) / 10
