"""A mark for everything a stored fit depends on: data, split, model, settings and code.

Equal marks mean equal things, in any process. Arrays are marked by their values. Functions and
classes of the reader's own, typed into a notebook or imported from a file, are marked by what they
do: their code, their defaults, the values they close over and the global names they use. Those of
installed packages are marked by name, and this package by a hash of all its files.
"""

from __future__ import annotations

import copyreg
import dis
import functools
import hashlib
import operator
import pickle
import sys
import sysconfig
import types
from pathlib import Path

import joblib
import numpy as np
import torch

from .._files import file_hash, package_hash

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range, slice)
CACHED = functools.cached_property, type(functools.cache(abs))
WRAPPERS = (property, classmethod, staticmethod, *CACHED)
WRAPPED = ("fget", "fset", "fdel", "__wrapped__", "func")  # where they keep their functions
LOADS = ("LOAD_GLOBAL", "LOAD_NAME")


class NoMark(ValueError):
    """Something, such as an open file, that cannot be told apart from another of its kind."""


def mark(*things) -> str:
    """16 hexadecimal digits that tell these things from any others.

    Raises
    ------
    NoMark
        (a ValueError) If one of them holds something without a value that could be compared.
    """
    return _digest((package_hash(), _Describer().describe(list(things))))


def _digest(description) -> str:
    return hashlib.sha256(repr(description).encode()).hexdigest()[:16]


class _Describer:
    """Turns things into nested tuples of plain values; each object is looked at once."""

    def __init__(self):
        self.seen = {}  # id: (the object, so that it stays alive and keeps its id; description)

    def describe(self, value):
        if type(value) in PLAIN:
            return type(value).__name__, repr(value)
        if id(value) in self.seen:
            return self.seen[id(value)][1]
        self.seen[id(value)] = value, ("again", len(self.seen))  # in case it holds itself
        description = type(value).__qualname__, _digest(self._content(value))
        self.seen[id(value)] = value, description
        return description

    def _content(self, value):
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            return joblib.hash(np.asarray(value))
        if isinstance(value, torch.Tensor):
            values = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
            return str(value.dtype), value.shape, value.requires_grad, joblib.hash(values)
        if type(value) in (list, tuple):
            return [self.describe(item) for item in value]
        if type(value) in (set, frozenset):
            return sorted(self.describe(item) for item in value)
        if type(value) is dict:
            return [(self.describe(key), self.describe(item)) for key, item in value.items()]
        if isinstance(value, WRAPPERS):
            return [self.describe(getattr(value, name, None)) for name in WRAPPED]
        if isinstance(value, types.ModuleType):
            return _module(value.__name__)
        if isinstance(value, types.CodeType):
            return self._code(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, type):
            return self._class(value)
        return self._object(value)

    def _code(self, code):
        """What it does, whatever file and line it stands in."""
        names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
        takes = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
        constants = [self.describe(constant) for constant in code.co_consts]
        return code.co_code, code.co_exceptiontable, names, takes, constants

    def _function(self, function):
        if _has_installed_name(function):
            return _name(function)
        cells = [_cell_content(cell) for cell in function.__closure__ or ()]
        parts = [function.__code__, function.__defaults__, function.__kwdefaults__, cells]
        parts.append(vars(function))
        if not _is_installed(function.__globals__.get("__name__")):
            names = _global_names(function.__code__) & function.__globals__.keys()
            parts.append({name: function.__globals__[name] for name in sorted(names)})
        return self.describe(parts)

    def _class(self, kind):
        if _has_installed_name(kind):
            return _name(kind)
        members = {name: item for name, item in vars(kind).items() if _is_its_work(name, item)}
        return _name(kind), self.describe(members), self.describe(kind.__bases__)

    def _object(self, value):
        """What pickle would keep of it."""
        registered = copyreg.dispatch_table.get(type(value))
        try:
            parts = registered(value) if registered else value.__reduce_ex__(2)
        except Exception as error:
            raise NoMark(_refusal(value, error)) from None
        if isinstance(parts, str):  # pickle would keep its name only
            if not _is_called(parts, pickle.whichmodule(value, parts), value):
                raise NoMark(_refusal(value, "its name does not lead to it"))
            return getattr(value, "__module__", None), parts
        make, arguments, *rest = parts
        # State, items of a sequence, items of a mapping: the latter two are iterators.
        rest = [list(part) if hasattr(part, "__next__") else part for part in rest]
        return self.describe([make, arguments, *rest])


def _refusal(value, reason) -> str:
    reason = " ".join(str(reason).split())
    return f"a {type(value).__name__} that cannot be told from another one ({reason})"


def _is_its_work(name: str, member) -> bool:
    """Whether a member of a class is more than a note of Python's, such as ``__slotnames__``."""
    return callable(member) if name.startswith("__") else name != "_abc_impl"


def _cell_content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _global_names(code) -> set[str]:
    """Names that the code looks up outside of itself, in functions within it too."""
    loads = [step for step in dis.get_instructions(code) if step.opname in LOADS]
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return {step.argval for step in loads}.union(*map(_global_names, inner))


def _name(thing) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _has_installed_name(thing) -> bool:
    """Whether it is what its name says, in an installed package or in Python itself."""
    module = thing.__module__
    return _is_installed(module) and _is_called(thing.__qualname__, module, thing)


def _is_called(name: str, module: str, thing) -> bool:
    try:
        return operator.attrgetter(name)(sys.modules[module]) is thing
    except (AttributeError, KeyError):
        return False


@functools.cache
def _is_installed(module: str | None) -> bool:
    """Whether a module is from this package, an installed one or Python itself."""
    if module == "__main__" or module not in sys.modules:
        return False
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:  # built in
        return True
    file = Path(file).resolve()
    places = Path(sysconfig.get_path("stdlib")).resolve(), Path(__file__).resolve().parents[1]
    return bool({"site-packages", "dist-packages"} & set(file.parts)) or any(
        file.is_relative_to(place) for place in places
    )


@functools.cache  # as it was when first seen, which is nearer to what has been imported
def _module(name: str):
    file = getattr(sys.modules.get(name), "__file__", None)
    return name, None if file is None or _is_installed(name) else file_hash(file)
