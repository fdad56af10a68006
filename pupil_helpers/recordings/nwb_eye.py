"""The eye in an NWB file: which of its series it is, and when each sample was taken."""

from __future__ import annotations

import numpy as np

from .hdf5 import SafeFile, h5py_module
from .streams import Stream, check_times

SERIES = "TimeSeries", "SpatialSeries"
CONTAINERS = "PupilTracking", "EyeTracking"
PLACES = "processing", "acquisition"


def eye_streams(file: SafeFile, area: str | None = None, xy: str | None = None) -> dict:
    """The pupil's area and position, each a Stream or None: ``{"area": …, "xy": …}``.

    Parameters
    ----------
    file : SafeFile
    area, xy : str, optional
        As for :func:`pupil_helpers.recordings.nwb.read_nwb`.

    Raises
    ------
    SessionError
        If neither is there, a name is unknown, or there is more than one to choose from; the
        message lists what the file has.
    """
    series = file.guard("processing", lambda: _series(file))
    eye = {}
    for what, wanted, columns in (("area", area, 1), ("xy", xy, 2)):
        path = _named(file, series, what, wanted) if wanted else _found(file, series, what, columns)
        eye[what] = path and _stream(file, path, columns)
    if not any(eye.values()):
        file.fail(
            "processing",
            f"has no PupilTracking or EyeTracking with a pupil's area or position; name the series "
            f"by area=… and xy=…, the file has {_listed(series)}",
        )
    return eye


def _series(file: SafeFile) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape of each time series, and the type of the container it is in, by its path."""
    found, hard = {}, h5py_module().HardLink

    def look(group, path, container):
        for name in group:
            child = group[name] if isinstance(group.get(name, getlink=True), hard) else None
            if not hasattr(child, "keys"):
                continue
            below, kind = f"{path}/{name}", _kind(file, child)
            data = child.get("data")
            if kind in SERIES and data is not None and hasattr(data, "shape"):
                found[below] = data.shape, container
            else:
                look(child, below, kind if kind in CONTAINERS else container)

    for place in PLACES:
        group = file.file.get(place)
        if group is not None and hasattr(group, "keys"):
            look(group, place, "")
    return found


def _kind(file: SafeFile, group) -> str:
    kind = file.attribute(group.name, "neurodata_type", "")
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _named(file: SafeFile, series: dict, what: str, wanted: str) -> str:
    wanted = wanted.strip("/")
    matching = [path for path in series if path == wanted or path.endswith(f"/{wanted}")]
    if len(matching) != 1:
        problem = "no series" if not matching else f"{len(matching)} series"
        file.fail(wanted, f"{problem} of that name for {what}=…; the file has {_listed(series)}")
    return matching[0]


def _found(file: SafeFile, series: dict, what: str, columns: int) -> str | None:
    """The one series that can be it, or None."""
    fitting = {
        path: container
        for path, (shape, container) in series.items()
        if container and _fits(shape, columns)
    }
    for container in CONTAINERS if what == "area" else CONTAINERS[::-1]:
        paths = [path for path, kind in fitting.items() if kind == container]
        telling = [path for path in paths if what == "area" and "area" in path.rsplit("/", 1)[1]]
        paths = telling or paths
        if len(paths) > 1:
            file.fail(
                paths[0].rsplit("/", 1)[0],
                f"has {len(paths)} series that may be the pupil's {what} ({', '.join(paths)}); "
                f"name one by {what}=…",
            )
        if paths:
            return paths[0]
    return None


def _fits(shape: tuple[int, ...], columns: int) -> bool:
    """Whether a series can be it; transposed ones too, lest they be passed over in silence."""
    if len(shape) != 2:
        return len(shape) == 1 and columns == 1
    return shape[1] == columns or (shape[0] == columns and shape[1] > 2)


def _listed(series: dict) -> str:
    return ", ".join(f"{path} {shape}" for path, (shape, _) in series.items()) or "no time series"


def _stream(file: SafeFile, path: str, columns: int) -> Stream:
    """A series with the time of each of its samples."""
    field = f"{path}/data"
    values = file.numbers(field, columns).reshape(-1, columns)
    factor = file.attribute(field, "conversion", 1.0)
    offset = file.attribute(field, "offset", 0.0)
    if factor != 1 or offset != 0:
        values = values * float(factor) + float(offset)
    return Stream(path, _times(file, path, len(values)), values)


def _times(file: SafeFile, path: str, n_samples: int) -> np.ndarray:
    field = f"{path}/timestamps"
    if not n_samples:
        file.fail(f"{path}/data", "is empty: there is nothing to read; get the file again")
    if file.dataset(field) is None:
        field = f"{path}/starting_time"
        if file.dataset(field) is None:
            file.fail(path, "has neither timestamps nor a starting_time; give one of them")
        begin = float(file.numbers(field, columns=None))
        rate = float(file.attribute(field, "rate", np.nan))
        if not rate > 0:
            file.fail(field, f"has rate {rate}; give the samples per second")
        step = rate if rate < 1 else 1 / rate  # some files hold the period: no camera is that slow
        times = begin + np.arange(n_samples) * step
    else:
        times = file.numbers(field).astype(float)
        if len(times) == 2 and n_samples > 2:  # the first and the last: all were evenly taken
            check_times(times, file.fail, field)
            times = np.linspace(times[0], times[1], n_samples)
    if len(times) != n_samples:
        file.fail(
            field,
            f"has {len(times)} times for {n_samples} samples; give one per sample, or the first "
            "and the last",
        )
    check_times(times, file.fail, field)
    return times
