"""Recordings with something wrong in them, for the tests of readers and for the benchmark."""

import contextlib
import os
import shutil
import signal
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from continuous import neuromatch_fields, raw_recording, write_alf, write_nwb
from neuromatch import write_part

from pupil_helpers.recordings.alf import read_alf
from pupil_helpers.recordings.nwb_file import read_here
from pupil_helpers.recordings.steinmetz import read_steinmetz
from pupil_helpers.session import Session, SessionError

ODD = [np.nan, np.inf, -np.inf, -1e300, 1e300, -1.0, 0.0, 2.0**31, 2.0**63]


def damaged(rng, content: bytes) -> bytes:
    """Bytes that were cut off, flipped, overwritten, lost or doubled."""
    data, size = bytearray(content), len(content)
    place, length = int(rng.integers(size)), int(rng.integers(1, 200))
    kind = rng.choice(["cut", "flip", "flip", "flip", "zero", "noise", "lose", "double"])
    if kind == "cut":
        return bytes(data[:place])
    if kind == "flip":
        for at in rng.integers(0, size, int(rng.choice([1, 2, 8, 64]))):
            data[at] ^= 1 << int(rng.integers(8))
    elif kind == "zero":
        data[place : place + length] = bytes(len(data[place : place + length]))
    elif kind == "noise":
        data[place : place + length] = rng.bytes(len(data[place : place + length]))
    elif kind == "lose":
        del data[place : place + length]
    else:
        data[place:place] = data[place : place + length]
    return bytes(data)


def changed(rng, array: np.ndarray) -> np.ndarray:
    """An array with another dtype, shape, order or content, as far as the dtype has it."""
    kind = rng.choice(["dtype", "axes", "shorter", "longer", "empty", "odd", "order", "scale"])
    if kind == "dtype":
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(TypeError, ValueError):
            return array.astype(rng.choice(["f4", "i1", "u8", "c8", "S4", "?", ">f8", "f2"]))
    if kind == "axes":
        return array[None] if array.ndim < 2 else np.ascontiguousarray(array.T)
    if kind == "shorter":
        return array[: int(rng.integers(max(len(array), 1)))]
    if kind == "longer":
        return np.concatenate([array, array[: int(rng.integers(1, 9))]])
    if kind == "empty":
        return array[:0]
    if kind == "order":
        return array[rng.permutation(len(array))]
    array = array.copy()
    if array.size and array.dtype.kind in "fiu":
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            if kind == "scale":
                return (array * rng.choice([-1, 1e-3, 1e3, 30000])).astype(array.dtype)
            flat = array.reshape(-1)
            flat[int(rng.integers(flat.size))] = np.asarray(rng.choice(ODD)).astype(array.dtype)
    return array


# -- one format each: a valid recording, ways to spoil a copy of it, and the reader ----------------


class Alf:
    def __init__(self, folder):
        self.raw = raw_recording(n_trials=4, n_clusters=5, rate=4)
        blink = np.zeros(self.raw.area.size, dtype=bool)
        self.valid = write_alf(folder, self.raw, layout="9598406", blink=blink)

    def mutant(self, rng, path: Path) -> None:
        shutil.copytree(self.valid, path)
        file = sorted(path.iterdir())[int(rng.integers(len(list(path.iterdir()))))]
        how = rng.choice(["bytes", "bytes", "array", "array", "array", "gone", "objects", "huge"])
        if how == "bytes" or file.suffix == ".tsv":
            file.write_bytes(damaged(rng, file.read_bytes()))
        elif how == "array":
            np.save(file, changed(rng, np.load(file)))
        elif how == "gone":
            file.unlink()
        elif how == "objects":
            np.save(file, np.load(file).astype(object), allow_pickle=True)
        else:  # a header that declares terabytes
            content = file.read_bytes()
            shape = np.load(file).shape
            text = str(shape).encode()
            larger = f"({10 ** (len(text) - 3)},)".encode().ljust(len(text))
            file.write_bytes(content.replace(text, larger, 1))

    def read(self, path):
        return read_alf(path)


class Nwb:
    def __init__(self, folder):
        self.raw = raw_recording(n_trials=4, n_clusters=5, rate=4)
        self.valid = write_nwb(Path(folder) / "valid.nwb", self.raw)
        self.timed = write_nwb(Path(folder) / "timed.nwb", self.raw, "all", "together", True)

    def mutant(self, rng, path: Path) -> None:
        shutil.copy(rng.choice([self.valid, self.timed]), path)
        if rng.random() < 0.6:
            path.write_bytes(damaged(rng, path.read_bytes()))
        else:
            spoil_hdf5(rng, path)

    def read(self, path):
        return read_here(path)


def spoil_hdf5(rng, path: Path) -> None:
    """Change one dataset of the file, or what it is."""
    import h5py

    with h5py.File(path, "a") as file:
        names = []
        file.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        name = str(rng.choice(names))
        data = file[name]
        how = rng.choice(["array", "array", "array", "gone", "huge", "group", *REACHING])
        numbers = data.dtype.kind in "fiub" and data.ndim
        attributes = dict(data.attrs)
        values = data[()] if numbers else None
        if how == "array" and not numbers:
            how = "gone"
        del file[name]
        if how == "array":
            file[name] = changed(rng, values)
        elif how == "group":
            file.create_group(name)
        elif how == "huge":
            file.create_dataset(name, (2**40,), "f8", chunks=(1024,))
        elif how in REACHING:
            REACHING[how](file, name, path)
        if how in ("array", "huge"):
            with contextlib.suppress(TypeError, ValueError):
                file[name].attrs.update(attributes)


def external_link(file, name, path):
    import h5py

    file[name] = h5py.ExternalLink(str(path.with_suffix(".other")), "/secret")


def external_storage(file, name, path):
    file.create_dataset(name, (10,), "f8", external=[(str(path.with_suffix(".other")), 0, 80)])


def virtual(file, name, path):
    import h5py

    layout = h5py.VirtualLayout(shape=(10,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(path.with_suffix(".other")), "secret", shape=(10,))
    file.create_virtual_dataset(name, layout)


def plugin(file, name, path):
    """A dataset packed by a filter that would have to be loaded; nothing is in it yet."""
    import h5py

    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((10,))
    made.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((10,))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, space, dcpl=made)


REACHING = {
    "external link": external_link,
    "external storage": external_storage,
    "virtual": virtual,
    "plugin": plugin,
}


class Part:
    def __init__(self, folder):
        self.raw = raw_recording(n_trials=4, n_clusters=5, rate=4)
        self.valid = Path(folder) / "valid.npz"
        self.fields = neuromatch_fields(self.raw)
        write_part(self.valid, [self.fields])

    def mutant(self, rng, path: Path) -> None:
        if rng.random() < 0.5:
            path.write_bytes(damaged(rng, self.valid.read_bytes()))
            return
        fields = dict(self.fields)
        name = str(rng.choice(list(fields)))
        value = np.asarray(fields[name])
        if not value.ndim or rng.random() < 0.2:
            fields[name] = rng.choice([None, -1.0, "text", np.nan])
        else:
            fields[name] = changed(rng, value)
        write_part(path, [fields])

    def read(self, path):
        return read_steinmetz(path, 0)


FORMATS = {"alf": (Alf, ""), "nwb": (Nwb, ".nwb"), "part": (Part, ".npz")}


def outcome(read, path) -> str:
    """What became of a mutant; an AssertionError if that must not be."""
    try:
        with warnings.catch_warnings(action="ignore"):
            session = read(path)
    except (SessionError, FileNotFoundError) as error:
        message = str(error)
        assert "\n" not in message, message
        assert len(message) < 900, message
        return "refused"
    assert isinstance(session, Session)
    return "read"


# -- mutants that may crash the library that reads them ---------------------------------------------  # noqa: E501

SECONDS = 20  # of computing, as read_nwb allows
MEMORY = 1.5  # times what the process takes that reads the valid file


def fates(name: str, folder: Path, seeds: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Each seed and what became of its mutant: "read", "refused", "ended" or "failed: why".

    It is read in a forked process. "ended" is the death of that process, which is an error of
    read_nwb and as such no failure; to the other formats, which are read in the caller's own
    process, it is one. So is much more memory than the valid file takes.
    """
    make, suffix = FORMATS[name]
    format = make(folder)
    format.read(format.valid)  # so that no fork has to import anything
    _, usual = forked(lambda: outcome(format.read, format.valid))
    for seed in seeds:
        path = folder / f"mutant{seed}{suffix}"
        format.mutant(np.random.default_rng([seed]), path)
        fate, memory = forked(lambda path=path: outcome(format.read, path))
        if memory > MEMORY * usual:
            fate = f"failed: took {memory / 1e3:.0f} MB, the valid file {usual / 1e3:.0f} MB"
        yield seed, f"failed: {fate}" if fate.startswith("ended") and name != "nwb" else fate
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def forked(work) -> tuple[str, int]:
    """What ``work()`` returns, or "failed: …" or "ended: …", and the kB that its process took."""
    import resource

    told, tell = os.pipe()
    child = os.fork()
    if not child:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            said = work()
        except BaseException as error:
            said = f"failed: {type(error).__name__}: {error}"
        os.write(tell, said.encode()[:4000])
        os._exit(0)
    os.close(tell)
    with open(told, "rb") as pipe:
        said = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        said = f"ended: {signal.Signals(os.WTERMSIG(status)).name}"
    return said or f"ended: code {os.waitstatus_to_exitcode(status)}", used.ru_maxrss
