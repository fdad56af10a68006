"""A limit on the memory that reading may take, for libraries that believe what a file says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_SLACK = 2**25  # bytes for what else a library keeps, such as its caches


@contextlib.contextmanager
def little_memory(n_bytes: int) -> Iterator[None]:
    """Let this process take no more than so many further bytes, and some for the library, in here.

    What asks for more gets an error of its library, or a ``MemoryError``, before the memory is
    used. Only Linux says how much a process has taken; elsewhere nothing is limited.

    Parameters
    ----------
    n_bytes : int
        What the block needs.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = {soft, hard} - {resource.RLIM_INFINITY}
    limit = min(limits | {pages * resource.getpagesize() + n_bytes + _SLACK})
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
