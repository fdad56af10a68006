"""Writes files in the format in which Neuromatch publishes the Steinmetz sessions."""

import io
import pickle
import zipfile

import numpy as np
from numpy.lib import format as npy


def session_fields(seed=0, trials=6, bins=20, neurons=5, channels=3, mouse="Cori", **changes):
    """One session as published: a dict of arrays, of which we read some."""
    rng = np.random.default_rng(seed)
    entry = {
        "spks": rng.poisson(0.3, size=(neurons, trials, bins)).astype(np.int8),
        "wheel": rng.normal(size=(1, trials, bins)),
        "pupil": rng.normal(size=(channels, trials, bins)),
        "response": rng.choice([-1.0, 0.0, 1.0], size=trials),
        "response_time": rng.uniform(0.5, 2, size=(trials, 1)),
        "bin_size": 0.01,
        "stim_onset": 0.5,
        "contrast_right": rng.choice([0, 0.25, 0.5, 1], size=trials),
        "contrast_left": rng.choice([0, 0.25, 0.5, 1], size=trials),
        "brain_area": rng.choice(["VISp", "CA1", "SCs"], size=neurons),
        "feedback_time": rng.uniform(0.5, 2, size=(trials, 1)),
        "feedback_type": rng.choice([-1.0, 1.0], size=trials),
        "gocue": rng.uniform(0.4, 1, size=(trials, 1)),
        "mouse_name": mouse,
        "date_exp": f"2016-12-{14 + seed}",
        "spks_passive": rng.poisson(0.3, size=(neurons, 2, bins)).astype(np.int8),
        "ccf": rng.normal(size=(neurons, 3)),
        "ccf_axes": ["ap", "dv", "lr"],
        "prev_reward": np.zeros((1, trials)),
        "licks": np.zeros((1, 0, bins)),
    }
    entry.update(changes)
    return {name: value for name, value in entry.items() if value is not None}


def object_array(entries):
    dat = np.empty(len(entries), dtype=object)
    dat[:] = entries
    return dat


def write_part(path, entries=None):
    """Write a part file with the given sessions (13 small ones by default); return them."""
    entries = [session_fields(seed) for seed in range(13)] if entries is None else entries
    np.savez(path, dat=object_array(entries))
    return entries


def write_pickle(path, pickled: bytes, count=13):
    """Write a part file around any bytes that claim to be the pickled array."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": (count,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dat.npy", buffer.getvalue() + pickled)


class Python2Pickler(pickle._Pickler):
    """Pickles as Python 2 with numpy 1 did: text and raw bytes alike are byte strings."""

    def save_string(self, text):
        data = text.encode("latin1") if isinstance(text, str) else text
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(text)

    dispatch = pickle._Pickler.dispatch | {str: save_string, bytes: save_string}

    @classmethod
    def dumps(cls, thing) -> bytes:
        buffer = io.BytesIO()
        cls(buffer, protocol=2).dump(thing)
        return buffer.getvalue().replace(b"numpy._core.", b"numpy.core.")
