"""Where a session came from, in one small dict that is saved with it."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version


def provenance(source: str, sha256: str, reader: str, settings: dict) -> dict:
    """What ``Session.provenance`` holds.

    Parameters
    ----------
    source : str
        The file or folder, by its name, or what else the numbers came from.
    sha256 : str
        Hash of that file or, for a folder, of all files that were read; "" if there is none.
    reader : str
        The function that made the session, such as ``"read_nwb"``.
    settings : dict of str, numbers, None, lists and dicts
        How it was asked to.

    Returns
    -------
    dict
        ``source``, ``sha256``, ``reader``, ``settings`` and ``version``, the package's.
    """
    mine = ""
    with contextlib.suppress(PackageNotFoundError):  # a copy that was never installed
        mine = version("pupil-helpers")
    return {
        "source": source,
        "sha256": sha256,
        "reader": reader,
        "settings": settings,
        "version": mine,
    }
