"""HDF5 files that are damaged, that reach for other files, or that lie about their size."""

import re
import struct
import sys
import zlib

import pytest
from continuous import raw_recording, write_nwb
from fates import forked
from mutants import REACHING

from pupil_helpers.recordings.nwb_file import read_here
from pupil_helpers.session import SessionError

h5py = pytest.importorskip("h5py")
pytest.importorskip("pynwb")
EYE = "processing/behavior/PupilTracking/eye_area"
LONG_TEXT = "x" * 7777


@pytest.fixture(scope="module")
def raw():
    return raw_recording(n_trials=4, n_clusters=5, rate=4)


@pytest.fixture
def file(raw, tmp_path):
    return write_nwb(tmp_path / "a.nwb", raw, "all")


@pytest.mark.parametrize("how", list(REACHING))
def test_what_reaches_out_of_the_file_is_refused(file, how):
    with h5py.File(file, "a") as open_file:
        REACHING[how](open_file, "processing/behavior/extra", file)
    with pytest.raises(
        SessionError, match=r"a\.nwb, object '/processing/behavior/extra': .*refused"
    ):
        read_here(file)


def test_what_a_link_points_to_is_not_read(file, tmp_path):
    """Not even where a session could be made of it."""
    other = tmp_path / "other.h5"
    with h5py.File(file, "a") as open_file, h5py.File(other, "w") as secret:
        open_file.copy(f"{EYE}/data", secret, "data")
        del open_file[f"{EYE}/data"]
        open_file[f"{EYE}/data"] = h5py.ExternalLink(str(other), "/data")
    with pytest.raises(SessionError, match=r"is a link to another file.*nothing was read"):
        read_here(file)


def test_a_file_cut_short_is_refused(file):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SessionError, match=r"^a.nwb is damaged or no HDF5 file .*; get it again$"):
        read_here(file)


@pytest.mark.parametrize("name", ["units", "general/extracellular_ephys/electrodes/location"])
def test_damage_within_the_file_is_told_with_its_place(file, name):
    with h5py.File(file) as open_file:
        header = h5py.h5o.get_info(open_file[name].id).addr
    with open(file, "r+b") as raw_file:
        raw_file.seek(header)
        raw_file.write(b"\xff" * 8)
    with pytest.raises(
        SessionError, match=rf"^a\.nwb, field '{name}': is damaged .*; get the file"
    ):
        read_here(file)


def test_a_damaged_attribute_is_told_with_its_name(file):
    with h5py.File(file, "a") as open_file:
        open_file["units"].attrs["remark"] = LONG_TEXT
    declare_longer(file, 2**20)
    with pytest.raises(SessionError, match=r"field 'units, attribute remark': is damaged"):
        read_here(file)


# -- memory ---------------------------------------------------------------------------------------


def test_an_array_of_gigabytes_that_pynwb_would_read_is_refused(file):
    with h5py.File(file, "a") as open_file:
        del open_file["session_start_time"]
        open_file.create_dataset("session_start_time", (2**30,), "f8", chunks=(1024,))
    with pytest.raises(SessionError, match=r"'/session_start_time': declares 8.59e.03 MB, but has"):
        read_here(file)


def declare_longer(file, n_bytes):
    """Let the one text of that length say that it is longer."""
    content = file.read_bytes()
    says, lies = (struct.pack("<I", length) for length in (len(LONG_TEXT), n_bytes))
    # Its length stands before the place of the text, and once more with the text itself.
    place = content.index(says)
    assert content.count(says) == 2
    file.write_bytes(content[:place] + lies + content[place + 4 :])


def attribute_bomb(file, open_file):
    open_file["units"].attrs["remark"] = LONG_TEXT


def text_bomb(file, open_file):
    open_file["general/remarks"] = [LONG_TEXT]


def chunk_bomb(file, open_file, name="intervals/trials/rep_num"):
    """A chunk that unpacks to far more than its dataset declares."""
    values, attributes = open_file[name][()], dict(open_file[name].attrs)
    del open_file[name]
    data = open_file.create_dataset(
        name, values.shape, values.dtype, chunks=values.shape, compression="gzip"
    )
    data.id.write_direct_chunk((0,), zlib.compress(values.tobytes() + bytes(2**28), 1))
    data.attrs.update(attributes)


def chunk_bomb_for_pynwb(file, open_file):
    chunk_bomb(file, open_file, "units/id")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much a process has taken")
@pytest.mark.parametrize(
    "bomb", [attribute_bomb, text_bomb, chunk_bomb, chunk_bomb_for_pynwb],
)  # fmt: skip
def test_what_unpacks_to_more_than_it_declares_takes_no_memory(file, bomb):
    def read():
        try:
            return str(read_here(file))
        except SessionError as error:
            return str(error)

    _, usual, _ = forked(read)
    with h5py.File(file, "a") as open_file:
        bomb(file, open_file)
    if bomb in (attribute_bomb, text_bomb):
        declare_longer(file, 2**28)
    said, memory, _ = forked(read)
    assert re.match(r"a\.nwb, field '[\w /,]+': .*(again|programs)$", said), said
    assert memory < 1.5 * usual
