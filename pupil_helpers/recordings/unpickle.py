"""A pickle reader that can only make arrays.

A pickle is a small program. Python's reader runs it, and the program may call any function that
can be imported: ``np.load(..., allow_pickle=True)`` trusts a file with the whole computer.
Here Python's reader may call eight names only, each a stand-in of ours, so that nothing that a
file names is ever imported or called. And it begins only after all instructions have been looked
through, since a few bytes of them can ask for more memory than there is.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import re
from collections.abc import Callable

import numpy as np

_MAX_STEPS = 10**7  # hundreds of times what a published file takes

_INSTRUCTIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
    *("SHORT_BINSTRING", "BINSTRING"),  # the text and the raw bytes of Python 2
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
}
"""What numpy needs for arrays, numbers, text, lists, tuples and dicts, in Python 2 or 3."""


class Refused(ValueError):
    """The pickle asked for something other than arrays and plain containers."""


def load_pickle(open_file: Callable):
    """Read a file's one pickle of numpy arrays, numbers, text, lists, tuples and dicts.

    Parameters
    ----------
    open_file : callable
        Opens the file at the start of the pickle; called twice. Protocols 2 to 5, written by
        Python 2 or 3 with numpy 1 or 2, can be read (arrays: 2 to 4, which numpy writes).

    Returns
    -------
    object
        The arrays in it, at whatever depth, are :class:`PickledArray`; ask each one that you
        need for its :meth:`~PickledArray.build`.

    Raises
    ------
    Refused
        If the pickle asks for anything else; the message names it.
    Exception
        Of almost any type, if the pickle is damaged.
    """
    with open_file() as file:
        _look_through(file)
    with open_file() as file:
        return _Reader(file, fix_imports=False, encoding="latin1").load()


def _look_through(file) -> None:
    """Refuse what arrays do not need, or too much of it, before anything is carried out."""
    for step, (instruction, value, _) in enumerate(pickletools.genops(file)):
        if instruction.name not in _INSTRUCTIONS:
            raise Refused(f"the pickle instruction {instruction.name}")
        # Places in the reader's memory are numbered one after the other; it makes room up to each.
        if step > _MAX_STEPS or (instruction.name == "LONG_BINPUT" and value > step):
            raise Refused("more objects than memory should hold")
    # Reading to the end also makes zipfile compare the checksum of the whole array.
    if file.read(1):
        raise ValueError("there is something after the last session")


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise Refused(f"{module}.{name}") from None


# -- what arrays are made of ------------------------------------------------------------------
#
# A pickle may also change what it has made: attributes by name, unless there is a __setstate__.
# So everything that it can get hold of has one, which takes no more than it must.


class PickledArray:
    """What a pickle says of an array. numpy hears of it in :meth:`build`, after the checks."""

    # numpy's own __setstate__ will not do: it believes the pickle about how many objects an
    # array holds, and a lying one makes it read memory that is not its own.
    __slots__ = ("_state",)

    def __init__(self):
        self._state = ()

    def __setstate__(self, state):
        self._state = tuple(state)

    def build(self) -> np.ndarray:
        """The array itself; a read-only view of the bytes in the file if it holds numbers.

        Raises
        ------
        AttributeError, TypeError, ValueError
            If shape, dtype and content do not belong together.
        """
        _, shape, dtype, fortran, data = self._state
        order = "F" if fortran else "C"
        size = math.prod(shape)
        if not dtype.holds_objects:
            data = _raw(data, size * dtype.numpy.itemsize)
            return np.ndarray(shape, dtype.numpy, data, order=order)
        if not isinstance(data, list) or len(data) != size:
            raise ValueError("an array does not hold as many objects as its shape says")
        flat = np.empty(size, dtype=object)
        for i, item in enumerate(data):  # one by one, lest numpy look inside the items
            flat[i] = item
        return flat.reshape(shape, order=order)


class _Dtype:
    """A dtype of numbers, text or objects; its byte order comes with the state."""

    __slots__ = ("holds_objects", "numpy")

    def __init__(self, code, align=False, copy=True):
        if not re.fullmatch(r"[biufc]\d{1,2}|[SU]\d{1,9}|O\d?", code):
            raise Refused(f"an array of dtype {code!r}")
        self.holds_objects = code[0] == "O"
        self.numpy = np.dtype("O" if self.holds_objects else code)

    def __setstate__(self, state):
        if state[2:5] != (None, None, None):
            raise Refused("an array of records")
        self.numpy = self.numpy.newbyteorder(state[1])


class _StandIn:
    """What a pickle gets when it names a function or a type: one call, which it cannot change."""

    __slots__ = ("_call",)

    def __init__(self, call):
        self._call = call

    def __call__(self, *arguments):
        return self._call(*arguments)

    def __setstate__(self, state):
        raise Refused("a change to a function")


def _raw(data, n_bytes: int) -> bytes:
    # Python 2, and protocol 2 of Python 3, keep raw bytes as text, one character per byte.
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, bytes) or len(data) != n_bytes:
        raise ValueError("an array does not hold as many bytes as its shape says")
    return data


def _ndarray(*_):
    raise Refused("a call of numpy.ndarray")


def _reconstruct(subtype, shape, code):
    if subtype is not _STAND_INS["numpy", "ndarray"]:
        raise Refused(f"an array of type {subtype!r}")
    return PickledArray()


def _scalar(dtype, data=""):
    if not isinstance(dtype, _Dtype) or dtype.holds_objects:
        raise Refused("a number that is not one")
    return np.ndarray((), dtype.numpy, _raw(data, dtype.numpy.itemsize))[()]


def _encode(text, codec):
    if codec != "latin1":
        raise Refused(f"text in {codec!r}")
    return text  # left as it is: _raw encodes what is used, and the rest costs no second copy


_STAND_INS = {
    ("numpy", "ndarray"): _StandIn(_ndarray),  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("numpy.core.multiarray", "_reconstruct"): _StandIn(_reconstruct),  # numpy 1
    ("numpy._core.multiarray", "_reconstruct"): _StandIn(_reconstruct),  # numpy 2
    ("numpy.core.multiarray", "scalar"): _StandIn(_scalar),
    ("numpy._core.multiarray", "scalar"): _StandIn(_scalar),
    ("_codecs", "encode"): _StandIn(_encode),
    ("__builtin__", "bytes"): _StandIn(lambda: ""),  # empty bytes, in protocol 2
}
