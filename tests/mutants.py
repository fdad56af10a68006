"""Recordings with something wrong in them, for the tests of readers and for the benchmark."""

import contextlib
import io
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
from continuous import neuromatch_fields, raw_recording, write_alf, write_nwb
from neuromatch import write_part
from numpy.lib import format as npy

from pupil_helpers.recordings.alf import read_alf
from pupil_helpers.recordings.nwb_file import read_here
from pupil_helpers.recordings.steinmetz import read_steinmetz
from pupil_helpers.session import Session

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
    if not array.ndim:
        return changed(rng, array[None]) if rng.random() < 0.5 else array.astype("S9")
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
#
# ``mutant`` says what it has done. ``whole``: whether a checksum tells every change of bytes.


class Alf:
    whole = False

    def __init__(self, folder):
        self.raw = raw_recording(n_trials=4, n_clusters=5, rate=4)
        blink = np.zeros(self.raw.area.size, dtype=bool)
        self.valid = write_alf(folder, self.raw, layout="9598406", blink=blink)

    def mutant(self, rng, path: Path) -> str:
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
        return f"{'bytes' if file.suffix == '.tsv' else how} {file.name}"

    def read(self, path):
        return read_alf(path)


class Nwb:
    whole = False

    def __init__(self, folder):
        self.raw = raw_recording(n_trials=4, n_clusters=5, rate=4)
        self.valid = write_nwb(Path(folder) / "valid.nwb", self.raw)
        self.timed = write_nwb(Path(folder) / "timed.nwb", self.raw, "all", "together", True)

    def mutant(self, rng, path: Path) -> str:
        shutil.copy(rng.choice([self.valid, self.timed]), path)
        if rng.random() < 0.6:
            path.write_bytes(damaged(rng, path.read_bytes()))
            return "bytes"
        return spoil_hdf5(rng, path)

    def read(self, path):
        return read_here(path)


def spoil_hdf5(rng, path: Path) -> str:
    """Change one dataset of the file, or what it is; return which and how."""
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
        return f"{how} {name}"


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
    whole = True

    def __init__(self, folder):
        self.raw = raw_recording(n_trials=4, n_clusters=5, rate=4)
        self.valid = Path(folder) / "valid.npz"
        self.fields = neuromatch_fields(self.raw)
        write_part(self.valid, [self.fields])

    def mutant(self, rng, path: Path) -> str:
        if (how := rng.choice(["bytes", "array", "array", "archive"])) == "bytes":
            path.write_bytes(damaged(rng, self.valid.read_bytes()))
            return "bytes"
        if how == "archive":
            return spoil_archive(rng, self.valid, path)
        fields = dict(self.fields)
        name = str(rng.choice(list(fields)))
        value = np.asarray(fields[name])
        if not value.ndim or rng.random() < 0.2:
            fields[name] = rng.choice([None, -1.0, "text", np.nan])
        else:
            fields[name] = changed(rng, value)
        write_part(path, [fields])
        return f"array {name}"

    def read(self, path):
        return read_steinmetz(path, 0)


class Saved:
    """A session file, which every cached copy is."""

    whole = True

    def __init__(self, folder):
        self.valid = Path(folder) / "valid.npz"
        write_part(Path(folder) / "part.npz", [neuromatch_fields(raw_recording(n_trials=4))])
        read_steinmetz(Path(folder) / "part.npz", 0).save(self.valid)

    def mutant(self, rng, path: Path) -> str:
        if (how := rng.choice(["bytes", "array", "array", "archive"])) == "bytes":
            path.write_bytes(damaged(rng, self.valid.read_bytes()))
            return "bytes"
        if how == "archive":
            return spoil_archive(rng, self.valid, path)
        with np.load(self.valid) as file:
            arrays = dict(file)
        name = str(rng.choice(list(arrays)))
        how = rng.choice(["array", "array", "array", "gone", "objects"])
        if how == "array":
            arrays[name] = changed(rng, arrays[name])
        elif how == "gone":
            del arrays[name]
        else:
            arrays[name] = arrays[name].astype(object)
        np.savez(path, **arrays)
        return f"{how} {name}"

    def read(self, path):
        return Session.load(path)


def spoil_archive(rng, valid: Path, path: Path) -> str:
    """Copy an ``.npz``, one member of it renamed, or with one more that should not be there."""
    how = str(rng.choice(["renamed", "outside", "bomb", "huge", "long header", "twice"]))
    with zipfile.ZipFile(valid) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        members = {name: old.read(name) for name in old.namelist()}
        name = str(rng.choice(list(members)))
        outside = str(rng.choice(["/tmp/{}", "../{}", "a/../../{}", "C:\\{}", "..\\{}"])).format(
            name
        )
        if how == "renamed":
            members = {outside if key == name else key: members[key] for key in members}
        elif how == "outside":
            members[outside] = members[name]
        elif how == "bomb":
            members["more.npy"] = npy_bytes((2**26,)) + bytes(2**26)
        elif how == "huge":
            members[name] = npy_bytes((2**44,)) + members[name][128:]
        elif how == "long header":
            members[name] = b"\x93NUMPY\x02\0" + (2**25).to_bytes(4, "little") + b" " * 2**25
        for key, content in members.items():
            new.writestr(key, content)
        if how == "twice":
            with warnings.catch_warnings(action="ignore"):
                new.writestr(name, members[name][: len(members[name]) // 2])
    return f"{how} {name}"


def npy_bytes(shape: tuple[int, ...]) -> bytes:
    """The beginning of an ``.npy`` file of bytes that declares any shape."""
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


FORMATS = {"alf": (Alf, ""), "nwb": (Nwb, ".nwb"), "part": (Part, ".npz"), "saved": (Saved, ".npz")}
