"""The units of an NWB file: which are neurons, where they are, and when they fired."""

from __future__ import annotations

import numpy as np

from .hdf5 import SafeFile
from .peak_channels import peak_regions
from .streams import check_times

UNITS = "units"
ELECTRODES = "general/extracellular_ephys/electrodes"
REGION_COLUMNS = "region", "brain_region", "brain_area", "location"

_SPIKES_AT_ONCE = 2_000_000


def columns(file: SafeFile, table: str) -> list[str]:
    """Names of a table's columns; the error says what the file has instead."""
    group = file.guard(table, lambda: file.file.get(table))
    if group is None or not hasattr(group, "keys"):
        file.fail(
            table, f"is missing; get a file that has it: this one has {listed(sorted(file.file))}"
        )
    stored = file.guard(table, lambda: list(group))
    named = np.atleast_1d(file.attribute(table, "colnames", stored)).tolist()
    named = [name.decode() if isinstance(name, bytes) else str(name) for name in named]
    return [name for name in dict.fromkeys([*named, *stored]) if name in stored and name != "id"]


def listed(names) -> str:
    return ", ".join(map(str, names)) or "nothing"


# -- units ----------------------------------------------------------------------------------------


def units_of(file: SafeFile, quality: int) -> tuple[np.ndarray, np.ndarray]:
    """The group each unit belongs to, "" if that is not said, and which units are neurons."""
    columns(file, UNITS)
    if file.dataset(f"{UNITS}/spike_times") is None:
        file.fail(f"{UNITS}/spike_times", "is missing; get the file again")
    n_units = len(file.numbers(f"{UNITS}/spike_times_index"))
    probes = np.full(n_units, "")
    if file.dataset(f"{UNITS}/electrode_group") is not None:
        probes = _one_each(
            file, file.texts(f"{UNITS}/electrode_group"), n_units, f"{UNITS}/electrode_group"
        )
    kept = np.ones(n_units, dtype=bool)
    if file.dataset(f"{UNITS}/phy_annotations") is not None:
        marks = file.numbers(f"{UNITS}/phy_annotations")
        kept = _one_each(file, marks, n_units, f"{UNITS}/phy_annotations") >= quality
    if not kept.any():
        file.fail(
            f"{UNITS}/phy_annotations" if n_units else UNITS,
            f"of {n_units} units none is a neuron (quality {quality} or better); lower quality=…",
        )
    return probes, kept


def _one_each(file: SafeFile, values, n_units: int, field: str):
    if len(values) != n_units:
        file.fail(field, f"has {len(values)} rows, expected {n_units}, one per unit; mend the file")
    return values


def regions_of(file: SafeFile, region: str | None, probes) -> tuple[str, np.ndarray]:
    """Field and region of each unit, "" where it is not known."""
    names = columns(file, UNITS)
    if region is not None and region not in names:
        file.fail(UNITS, f"has no column {region!r} for region=…; it has {listed(names)}")
    ways = {
        f"{ELECTRODES}/location": lambda: _electrode_regions(file, probes),
        **{
            f"{UNITS}/{column}": lambda column=column: file.texts(f"{UNITS}/{column}")
            for column in ((region,) if region else REGION_COLUMNS)
            if column in names
        },
        f"{UNITS}/electrode_group": lambda: _group_regions(file, probes),
    }
    if region is not None:
        ways = {f"{UNITS}/{region}": ways[f"{UNITS}/{region}"]}
    for field, way in ways.items():
        found = way()
        if found is None:
            continue
        found = np.char.strip(_one_each(file, found, len(probes), field))
        found[np.isin(np.char.lower(found), ["nan", "none", "unknown", "n/a"])] = ""
        if (found != "").any():
            return field, found
    file.fail(
        UNITS,
        f"says of no unit which region it is in; name the column by region=…, it has "
        f"{listed(names)}",
    )


def _electrode_regions(file: SafeFile, probes) -> np.ndarray | None:
    if file.dataset(f"{ELECTRODES}/location") is None:
        return None
    locations = file.texts(f"{ELECTRODES}/location")
    if file.dataset(f"{UNITS}/peak_channel") is not None:
        peaks = file.numbers(f"{UNITS}/peak_channel")
        peaks = _one_each(file, peaks, len(probes), f"{UNITS}/peak_channel")
        if not np.isfinite(peaks).all():
            file.fail(f"{UNITS}/peak_channel", "has missing values (NaN); give every channel")
        groups = np.full(len(locations), "")
        if (probes != "").any():
            groups = file.texts(f"{ELECTRODES}/group")
        if len(groups) != len(locations):
            file.fail(
                f"{ELECTRODES}/group",
                f"has {len(groups)} rows, not {len(locations)}; mend the file",
            )
        return peak_regions(peaks.astype(np.int64), probes, groups, locations)
    if file.dataset(f"{UNITS}/electrodes") is None:
        return None
    rows = file.numbers(f"{UNITS}/electrodes").astype(np.int64)
    begin, end = np.arange(len(rows)), np.arange(1, len(rows) + 1)
    if file.dataset(f"{UNITS}/electrodes_index") is not None:
        begin, end = _slices(file, "electrodes", len(rows))
    first = np.where(end > begin, rows[np.minimum(begin, len(rows) - 1)] if len(rows) else -1, -1)
    there = (first >= 0) & (first < len(locations))
    return np.where(there, locations[np.where(there, first, 0)], "")


def _group_regions(file: SafeFile, probes) -> np.ndarray:
    of_group = {probe: file.text(f"{probe}/location") for probe in np.unique(probes) if probe}
    return np.array([of_group.get(probe, "") for probe in probes.tolist()], dtype=str)


# -- spikes ---------------------------------------------------------------------------------------


def _slices(file: SafeFile, column: str, n_values: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each unit's values of a ragged column begin and end."""
    field = f"{UNITS}/{column}_index"
    ends = file.numbers(field)
    if not np.isfinite(ends).all():
        file.fail(field, "has missing values (NaN); get the file again")
    ends = ends.astype(np.int64)
    begins = np.concatenate([[0], ends[:-1]])
    if (ends < begins).any() or (ends.size and ends[-1] != n_values):
        file.fail(field, f"does not divide the {n_values} values among the units; get it again")
    return begins, ends


def spikes_of(file: SafeFile, n_units: int):
    """Spike times and unit numbers in order of time, some units at a time."""
    field = f"{UNITS}/spike_times"
    data = file.dataset(field)
    if not data.ndim:
        file.fail(field, "is no list of times; get the file again")
    begins, ends = _slices(file, "spike_times", len(data))
    _one_each(file, ends, n_units, f"{UNITS}/spike_times_index")
    first = 0
    while first < n_units:
        limit = begins[first] + _SPIKES_AT_ONCE
        last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
        times = file.numbers(field, part=slice(int(begins[first]), int(ends[last - 1])))
        units = np.repeat(np.arange(first, last), (ends - begins)[first:last])
        if len(times):
            backwards = (np.diff(times) < 0) & (np.diff(units) == 0)
            if backwards.any():
                unit = units[int(np.argmax(backwards))]
                file.fail(field, f"goes back in time within unit {unit}; sort it by time")
            order = np.argsort(times, kind="stable")
            times, units = times[order], units[order]
            check_times(times, file.fail, field)
            yield times, units
        first = last
