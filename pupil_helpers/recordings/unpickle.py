"""A pickle reader that can only make arrays.

A pickle is a small program. Python's own reader runs it, and the program may call any function
that can be imported: ``np.load(..., allow_pickle=True)`` trusts a file with the whole computer.
The reader below knows only the instructions that numpy needs for arrays, numbers, text, lists,
tuples and dicts and, of all functions, only those that rebuild an array, in versions of its own.
Everything else is refused, and nothing that a file names is ever imported or called.

It also lets go of arrays that nobody asked for as it reads, which Python's reader cannot do.
"""

from __future__ import annotations

import math
import pickletools
import re

import numpy as np

_LARGE = 2**16  # bytes; small arrays are not worth dropping, and may be shared between items
_MAX_STEPS = 10**7  # hundreds of times what a published file takes


class Refused(ValueError):
    """The pickle asked for something other than arrays and plain containers."""


def load_pickle(file, keep: int | None = None):
    """Read one pickle of numpy arrays, numbers, text, lists, tuples and dicts.

    Parameters
    ----------
    file : binary file
        Positioned at the start of the pickle; left right behind it. Protocols 2 to 5, written by
        Python 2 or 3 with numpy 1 or 2, can be read.
    keep : int, optional
        If the outermost list holds dicts, the place of the one that is wanted. Large arrays in
        the others are dropped as soon as they have been passed, so that no more than two dicts
        are in memory at a time. By default all are kept.

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
    stack, marks, memo, outermost = [], [], {}, None

    def pop(count: int) -> list:
        if count > len(stack):
            raise ValueError("the pickle takes what it has not made")
        items = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        return items

    def pop_to_mark() -> list:
        return pop(len(stack) - marks.pop())

    for step, (instruction, value, _) in enumerate(pickletools.genops(file)):
        name = instruction.name
        if step > _MAX_STEPS:
            raise Refused("more objects than memory should hold")
        if name in _LITERALS:
            stack.append(value)
        elif name in _NEW:
            stack.append(_NEW[name]())
            if name == "EMPTY_LIST" and outermost is None:
                outermost = stack[-1]
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(pop_to_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(pop(int(name[-1]))))
        elif name in ("APPEND", "APPENDS"):
            items = pop(1) if name == "APPEND" else pop_to_mark()
            list.extend(stack[-1], items)
        elif name in ("SETITEM", "SETITEMS"):
            items = pop(2) if name == "SETITEM" else pop_to_mark()
            dict.update(stack[-1], zip(items[::2], items[1::2], strict=True))
            if keep is not None and marks and stack[marks[-1] - 1] is outermost:
                place = len(outermost) + len(stack) - 1 - marks[-1]
                if place != keep:
                    memo = _drop_large(stack[-1], memo)
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[value] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[value])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(_stand_in(*(value.split(" ", 1) if name == "GLOBAL" else pop(2))))
        elif name == "REDUCE":
            function, arguments = pop(2)
            if not callable(function):
                raise Refused(f"a call of something that is a {type(function).__name__}")
            stack.append(function(*arguments))
        elif name == "BUILD":
            [state] = pop(1)
            if not isinstance(stack[-1], PickledArray | _Dtype):
                raise Refused(f"a change to something that is a {type(stack[-1]).__name__}")
            stack[-1].set(state)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"the pickle instruction {name}")
    return stack.pop()


_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
    *("SHORT_BINSTRING", "BINSTRING"),  # the text and the raw bytes of Python 2
}
_NEW = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}


def _is_large(thing) -> bool:
    return isinstance(thing, bytes | str) and len(thing) > _LARGE


def _drop_large(entry: dict, memo: dict) -> dict:
    """Empty the large arrays in ``entry``; return the memo without what they were made of."""
    for array in entry.values():
        if isinstance(array, PickledArray) and any(map(_is_large, array.state)):
            array.state = ()

    def is_heavy(thing) -> bool:
        return _is_large(thing) or (isinstance(thing, tuple) and any(map(_is_large, thing)))

    # The places remain, because the pickle numbers later ones by how many there are.
    return {place: None if is_heavy(thing) else thing for place, thing in memo.items()}


# -- what arrays are made of ------------------------------------------------------------------


class PickledArray:
    """What a pickle says of an array. numpy hears of it in :meth:`build`, after the checks."""

    # numpy's own __setstate__ will not do: it believes the pickle about how many objects an
    # array holds, and a lying one makes it read memory that is not its own.
    __slots__ = ("state",)

    def __init__(self):
        self.state = ()

    def set(self, state):
        self.state = tuple(state)

    def build(self) -> np.ndarray:
        """The array itself; a read-only view of the bytes in the file if it holds numbers.

        Raises
        ------
        AttributeError, TypeError, ValueError
            If shape, dtype and content do not belong together, or have been dropped.
        """
        _, shape, dtype, fortran, data = self.state
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

    def __init__(self, code):
        if not re.fullmatch(r"[biufc]\d{1,2}|[SU]\d{1,9}|O\d?", code):
            raise Refused(f"an array of dtype {code!r}")
        self.holds_objects = code[0] == "O"
        self.numpy = np.dtype("O" if self.holds_objects else code)

    def set(self, state):
        if state[2:5] != (None, None, None):
            raise Refused("an array of records")
        self.numpy = self.numpy.newbyteorder(state[1])


def _raw(data, n_bytes: int) -> bytes:
    # Python 2, and protocol 2 of Python 3, keep raw bytes as text, one character per byte.
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, bytes) or len(data) != n_bytes:
        raise ValueError("an array does not hold as many bytes as its shape says")
    return data


def _reconstruct(subtype, shape, code):
    if subtype != "ndarray":
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
    "numpy ndarray": "ndarray",  # only ever an argument of _reconstruct
    "numpy dtype": lambda code, align=False, copy=True: _Dtype(code),
    "numpy.core.multiarray _reconstruct": _reconstruct,  # numpy 1
    "numpy._core.multiarray _reconstruct": _reconstruct,  # numpy 2
    "numpy.core.multiarray scalar": _scalar,
    "numpy._core.multiarray scalar": _scalar,
    "_codecs encode": _encode,
    "__builtin__ bytes": lambda: "",  # empty bytes, in protocol 2
}


def _stand_in(module, name):
    try:
        return _STAND_INS[f"{module} {name}"]
    except KeyError:
        raise Refused(f"{module}.{name}") from None
