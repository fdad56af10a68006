"""The 39 full recordings of Steinmetz et al. (2019) as NWB files, DANDI archive 000017.

A file is trusted when its SHA-256 is the published one, which the table ``dandi000017.csv`` holds;
the session that was cut from it is kept as a small file, which is what later calls open.
"""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._files import file_hash, read_npz, read_table
from ..session import MAX_BYTES, Session, SessionError
from .nwb import read_nwb
from .steinmetz import check_index
from .transfer import Incomplete, append, data_folder, one_at_a_time, told

API = "https://api.dandiarchive.org/api/assets"


class Asset(NamedTuple):
    """One published file."""

    path: str
    bytes: int
    sha256: str
    asset_id: str

    @property
    def file_name(self) -> str:
        return self.path.rsplit("/", 1)[1]

    @property
    def url(self) -> str:
        return f"{API}/{self.asset_id}/download/"


def asset_at(index: int) -> Asset:
    """The file of a session, 0 to 38, in Neuromatch's order: alphabetical by mouse and date.

    Raises
    ------
    SessionError
        If ``index`` is not a whole number from 0 to 38.
    """
    table = read_table("recordings/dandi000017.csv")
    return Asset(*table.iloc[check_index(index, len(table), "DANDI 000017")])


def load_dandi(index: int, folder=None, **options) -> Session:
    """One session from its cached copy or, without one, from its NWB file.

    Parameters
    ----------
    index, folder
        As for :func:`pupil_helpers.recordings.load_session`.
    **options
        As for :func:`pupil_helpers.recordings.nwb.read_nwb`, but that ``faults`` is "drop" by
        default: the published files are what they are.

    Raises
    ------
    SessionError, OSError, ImportError
        As in :func:`pupil_helpers.recordings.load_session` and
        :func:`pupil_helpers.recordings.nwb.read_nwb`.
    """
    asset = asset_at(index)
    known = inspect.signature(read_nwb).parameters.keys() - {"path"}
    if unknown := options.keys() - known:
        raise SessionError(
            f"'dandi' takes index, folder and {', '.join(sorted(known))}, but not "
            f"{', '.join(sorted(unknown))}"
        )
    options = {"faults": "drop"} | options
    path = data_folder(folder) / asset.file_name
    copy = path.with_name(f"dandi_{index:02d}.npz")
    asked = repr(sorted(options.items()))
    if (session := _read_copy(copy, asset, asked)) is not None:
        return session
    with one_at_a_time(path, f".{path.name}.lock"):
        # Another process may have made the copy while this one waited.
        if (session := _read_copy(copy, asset, asked)) is not None:
            return session
        _fetch(asset, path)
        session = read_nwb(path, **options)
        try:
            session.save(copy, options=np.str_(asked))
        except OSError as error:
            warnings.warn(f"the session was read, but not cached: {error.strerror}", stacklevel=3)
        return session


def _read_copy(copy: Path, asset: Asset, asked: str) -> Session | None:
    """The session in a cached copy, if it was cut from the published file in the way asked for."""
    try:
        if str(read_npz(copy, MAX_BYTES, {"options"}.__contains__)["options"]) != asked:
            return None
        session = Session.load(copy)
        return session if session.provenance["sha256"] == asset.sha256 else None
    except Exception:  # it is not there, or damaged in any way: it can be made again
        return None


def fetch_asset(index: int, folder=None) -> Path:
    """Get a session's NWB file, downloading it unless it is there, whole and as published.

    Parameters, errors: as in :func:`pupil_helpers.recordings.load_session`.
    """
    asset = asset_at(index)
    path = data_folder(folder) / asset.file_name
    with one_at_a_time(path, f".{path.name}.lock"):
        _fetch(asset, path)
    return path


def _fetch(asset: Asset, path: Path) -> None:
    """See :func:`fetch_asset`; the caller holds the lock."""
    half = path.with_name(f"{path.name}.part")
    with told(path, half, asset.url):
        if path.exists() and file_hash(path) == asset.sha256:
            return
        append(asset.url, half)
        size = half.stat().st_size
        if size < asset.bytes:
            raise Incomplete(f"{size} of {asset.bytes} bytes arrived")
        if size != asset.bytes or file_hash(half) != asset.sha256:
            half.unlink()
            raise Incomplete("what arrived is not the published file, and was deleted")
        os.replace(half, path)
