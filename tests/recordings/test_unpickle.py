"""Only arrays and plain containers may come out of a pickle, and nothing may run."""

import contextlib
import io
import os
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from neuromatch import Python2Pickler, object_array

from pupil_helpers.recordings import unpickle
from pupil_helpers.recordings.unpickle import PickledArray, Refused, load_pickle

PLAIN_DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.unicode_string_dtypes(endianness="?"),
    hnp.byte_string_dtypes(),
)
PLAIN_ARRAYS = hnp.arrays(PLAIN_DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))


def load(pickled: bytes):
    return load_pickle(lambda: io.BytesIO(pickled))


def built(thing):
    """The whole tree with its arrays built, as Python's own reader gives it."""
    if isinstance(thing, PickledArray):
        array = thing.build()
        if array.dtype == object:
            return object_array([built(item) for item in array.ravel()]).reshape(array.shape)
        return array
    if isinstance(thing, dict):
        return {key: built(value) for key, value in thing.items()}
    return type(thing)(map(built, thing)) if isinstance(thing, list | tuple) else thing


class Calls:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


# -- what it can read -------------------------------------------------------------------------


@given(PLAIN_ARRAYS, st.sampled_from([2, 3, 4]), st.booleans())
def test_arrays_come_out_as_numpy_itself_reads_them(array, protocol, fortran):
    array = np.asfortranarray(array) if fortran and array.ndim else array
    ours = load(pickle.dumps(array, protocol)).build()
    np.testing.assert_array_equal(ours, array)
    assert ours.dtype == array.dtype
    assert ours.shape == array.shape


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    ),
    st.sampled_from([2, 3, 4, 5]),
)
def test_plain_containers_come_out_as_python_itself_reads_them(thing, protocol):
    pickled = pickle.dumps(thing, protocol)
    assert repr(load(pickled)) == repr(pickle.loads(pickled))


@pytest.mark.parametrize(
    "dump",
    [Python2Pickler.dumps, *(partial(pickle.dumps, protocol=protocol) for protocol in (2, 3, 4))],
)
def test_a_table_of_everything_numpy_pickles(dump):
    table = {
        "counts": np.arange(24, dtype=np.int8).reshape(2, 3, 4),
        "big-endian": np.arange(3, dtype=">f8"),
        "names": np.array(["CA1", "VISp"]),
        "objects": np.array(["CA1", None], dtype=object),
        "nested": object_array([np.zeros(3), np.ones((2, 2))]),
        "scalar": np.float64(0.01),
        "none": np.zeros((0, 3)),
        "axes": ["ap", "dv", "lr"],
    }
    assert repr(built(load(dump(table)))) == repr(table)


# -- what it must refuse ------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "make_bait",
    [
        lambda bait: Calls(os.system, f"touch {bait}"),
        lambda bait: Calls(eval, f"open({str(bait)!r}, 'w')"),
        lambda bait: Calls(np.memmap, str(bait), "f8", "w+", 0, (3,)),
        lambda bait: {"hidden": [np.array([Calls(os.mkdir, str(bait))], dtype=object)]},
    ],
)
def test_no_function_is_called(tmp_path, make_bait, protocol):
    bait = tmp_path / "bait"
    pickled = pickle.dumps(make_bait(bait), protocol)
    with pytest.raises(Refused):
        load(pickled)
    assert not bait.exists()

    pickle.loads(pickled)  # the bait does work, on a reader that takes it
    assert bait.exists()


DTYPE = b"\x80\x02cnumpy\ndtype\n"
ARRAY = b"\x80\x02cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02cos\nsystem\n.", "os.system"),
        (b"\x80\x02cnumpy\nload\n.", "numpy.load"),
        (b"\x80\x02cnumpy.core\nmultiarray._reconstruct\n.", "numpy.core.multiarray"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct.__call__\n.", "_reconstruct.__call__"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", "numpy.dtype.__init__"),
        (b"\x80\x02cbuiltins\nbytes\n.", "builtins.bytes"),
        (b"\x80\x02cpupil_helpers.recordings.unpickle\n_STAND_INS\n.", "unpickle._STAND_INS"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"Pid\n.", "PERSID"),
        (b"\x80\x02K\x01Q.", "BINPERSID"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"(ios\nsystem\n.", "INST"),
        (b"(cos\nsystem\nX\x02\x00\x00\x00lso.", "OBJ"),
        (DTYPE + b")\x81.", "NEWOBJ"),
        (DTYPE + b")}\x92.", "NEWOBJ_EX"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (DTYPE + b"}X\x01\x00\x00\x00aK\x01sb.", "a change to a function"),
        (DTYPE + b"N}X\x05\x00\x00\x00_callK\x01s\x86b.", "a change to a function"),
        (b"\x80\x02cnumpy\nndarray\n)R.", "a call of numpy.ndarray"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nK\x07K\x00K\x00\x87R.", "type 7"),
        (b"\x80\x02cnumpy\nmemmap\n.", "numpy.memmap"),
        (b"\x80\x02K\x01r\xff\xff\xff\x3f.", "more objects"),  # 16 GB, for Python's reader
    ],
)
def test_handmade_instructions_are_refused_by_name(pickled, message):
    with pytest.raises(Refused, match=message):
        load(pickled)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02]]R.",  # a call of a list
        b"\x80\x02]}X\x01\x00\x00\x00aK\x01sb.",  # an attribute for a list
        DTYPE + b"K\x01a.",  # an append to what is no list
        DTYPE + b"K\x01K\x01s.",  # an item for what is no dict
        ARRAY + b"K\x01a.",
        ARRAY + b"K\x01K\x01s.",
        ARRAY + b")R.",
        b"\x80\x02R.",
        b"\x80\x02h\x07.",
        b"\x80\x02K\x01K\x01.K\x01",
    ],
)
def test_instructions_that_make_no_sense_are_errors(pickled):
    with pytest.raises(Exception, match=r".+"):
        load(pickled)


def test_nothing_that_a_pickle_gets_hold_of_can_be_changed_by_name():
    changed = load(ARRAY + b"N}X\x05\x00\x00\x00buildK\x01s\x86b.")
    assert changed.build is not None  # a method still
    assert not hasattr(changed, "__dict__")
    for stand_in in unpickle._STAND_INS.values():
        assert type(stand_in).__setstate__ is not getattr(object, "__setstate__", None)
        assert not hasattr(stand_in, "__dict__")


@pytest.mark.parametrize(
    "thing",
    [
        np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        np.zeros(2, dtype="datetime64[s]"),
        np.ma.masked_array([1, 2]),
        Exception("x"),
        {1, 2},
        bytearray(b"x"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_other_things_are_refused(thing):
    with pytest.raises(Refused):
        load(pickle.dumps(thing, 5 if isinstance(thing, bytearray) else 4))


def array_pickle(shape=(2,), dtype="i1", data=b"\0\0", fortran=False) -> bytes:
    reconstruct = np.zeros(1).__reduce__()[0]

    class Lie:
        def __reduce__(self):
            return reconstruct, (np.ndarray, (0,), b"b"), (1, shape, np.dtype(dtype), fortran, data)

    return pickle.dumps(Lie(), 4)


@pytest.mark.parametrize(
    "lie",
    [
        {"shape": (3,)},  # more than there is: numpy's own reader would be fooled for objects
        {"shape": (1,)},
        {"shape": (10**9, 10**9, 10**9)},
        {"shape": (-1, -2)},
        {"shape": "ab"},
        {"shape": (2.0,)},
        {"dtype": "O", "data": [1], "shape": (10**6,)},
        {"dtype": "O", "data": b"12345678" * 2},
        {"dtype": "i1", "data": [0, 0]},
        {"dtype": "U1", "data": "\u1234" * 8},
    ],
    ids=str,
)
def test_arrays_that_lie_about_themselves_are_not_built(lie):
    assert load(array_pickle()).build().tolist() == [0, 0]  # without a lie
    array = load(array_pickle(**lie))
    with pytest.raises((TypeError, ValueError)):
        array.build()


def test_an_endless_pickle_is_cut_short(monkeypatch):
    monkeypatch.setattr(unpickle, "_MAX_STEPS", 1000)
    for protocol, frame in ((4, b"\x95" + (10_001).to_bytes(8, "little")), (2, b"")):
        with pytest.raises(Refused, match="more objects"):
            load(b"\x80" + bytes([protocol]) + frame + b"]" * 10_000 + b".")


GOOD = pickle.dumps(object_array([{"a": np.arange(5), "b": ["x", 0.5]}] * 2), 4)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4))
def test_damage_is_an_ordinary_error_and_leaves_the_reader_sound(changes):
    damaged = bytearray(GOOD)
    for place, byte in changes:
        damaged[place] = byte
    with contextlib.suppress(Exception):  # but no crash, and no endless loop
        load(bytes(damaged))
    assert load(GOOD).build()[0]["a"].build().tolist() == [0, 1, 2, 3, 4]
