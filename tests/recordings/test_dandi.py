"""One published NWB file: trusted by its hash, fetched once, kept as a session of its own."""

import hashlib
import tracemalloc
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from continuous import raw_recording, write_nwb
from file_server import serving
from real_data import data_folder

from pupil_helpers._files import locked, read_table
from pupil_helpers.recordings import dandi, load_session
from pupil_helpers.recordings.dandi import Asset, asset_at, fetch_asset
from pupil_helpers.session import SessionError


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small file in place of asset 12, and a network that sends it."""
    pytest.importorskip("pynwb")
    file = write_nwb(tmp_path / "published.nwb", raw_recording(n_trials=4, n_clusters=5))
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    asset = Asset("sub-L/a.nwb", len(content), digest, "id")
    monkeypatch.setattr(dandi, "asset_at", lambda index: asset)

    def append(url, half):
        half.parent.mkdir(exist_ok=True)
        half.write_bytes(network.content)

    network = Mock(side_effect=append, content=content, asset=asset)
    monkeypatch.setattr(dandi, "append", network)
    return network


def test_the_table_is_in_the_order_of_neuromatch():
    assert asset_at(12).file_name == "sub-Lederberg_ses-20171206T120000.nwb"
    assert asset_at(0).file_name == "sub-Cori_ses-20161214T120000.nwb"
    assert "/assets/92694e6e-84fd-4198-a7e3-64e764f8e086/download/" in asset_at(0).url
    for wrong in (39, -1, "12", True):
        with pytest.raises(SessionError, match="DANDI 000017 has 39 sessions, 0 to 38"):
            asset_at(wrong)


def test_the_order_is_alphabetical_by_mouse_and_date():
    paths = read_table("recordings/dandi000017.csv")["path"]
    mice = paths.str.extract(r"sub-(?P<mouse>\w+)_ses-(?P<date>\d{8})T")
    assert len(mice) == 39
    assert mice.notna().all(axis=None)
    assert mice.equals(mice.sort_values(["mouse", "date"]))


def test_the_table_is_the_published_one():
    published = data_folder() / "dandi000017_assets.tsv"
    if not published.is_file():
        pytest.skip(f"needs the list of the published files, {published}")
    columns = ["path", "bytes", "sha256", "asset_id"]
    theirs = pd.read_csv(published, sep="\t")[columns].sort_values("path", ignore_index=True)
    ours = read_table("recordings/dandi000017.csv")[columns].sort_values("path", ignore_index=True)
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_broken_download_goes_on_where_it_stopped(published, tmp_path, monkeypatch):
    monkeypatch.undo()
    asset = published.asset
    monkeypatch.setattr(dandi, "asset_at", lambda index: asset)
    with serving(monkeypatch) as server:
        monkeypatch.setattr(dandi, "API", server.url)
        server.content, server.break_after = published.content, 40_000
        with pytest.raises(ConnectionError, match=r"a\.nwb: the download did not complete"):
            load_session("dandi", index=12, folder=tmp_path)
        assert not (tmp_path / "a.nwb").exists()
        assert (tmp_path / "a.nwb.part").stat().st_size == 40_000
        server.break_after = None
        assert load_session("dandi", index=12, folder=tmp_path).n_trials == 4
        assert server.asked == [None, "bytes=40000-"]
    assert (tmp_path / "a.nwb").read_bytes() == published.content


def test_each_file_has_a_lock_of_its_own(published, tmp_path):
    def busy(url, half):
        with (
            pytest.raises(BlockingIOError),
            locked(half.with_name(".a.nwb.lock"), wait=False),
        ):
            pass
        with locked(half.with_name(".b.nwb.lock"), wait=False):
            half.write_bytes(published.content)

    published.side_effect = busy
    assert fetch_asset(12, tmp_path).name == "a.nwb"


def test_a_published_file_that_cannot_be_read_is_not_cached(published, tmp_path, monkeypatch):
    published.content = published.content[:-9]
    digest = hashlib.sha256(published.content).hexdigest()
    asset = published.asset._replace(bytes=len(published.content), sha256=digest)
    monkeypatch.setattr(dandi, "asset_at", lambda index: asset)
    with pytest.raises(SessionError, match=r"a\.nwb is damaged or no HDF5 file .*get it again"):
        load_session("dandi", index=12, folder=tmp_path)
    assert [path.name for path in tmp_path.glob("*.npz")] == []


def test_a_copy_that_would_fill_the_memory_is_not_unpacked(published, tmp_path, monkeypatch):
    first = load_session("dandi", index=12, folder=tmp_path)
    copy = first.save(tmp_path / "dandi_12.npz", options=np.zeros(30_000_000, dtype="S1"))
    assert copy.stat().st_size < 1_000_000
    monkeypatch.setattr(dandi, "MAX_BYTES", 20_000_000)
    tracemalloc.start()
    again = dandi._read_copy(copy, published.asset, "anything")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert again is None
    assert peak < 10_000_000


def test_a_second_call_opens_the_copy(published, tmp_path):
    folder = tmp_path / "data"
    first = load_session("dandi", index=12, folder=folder)
    (folder / "a.nwb").unlink()
    again = load_session("dandi", index=12, folder=folder)
    np.testing.assert_array_equal(again.spikes, first.spikes)
    assert again.provenance == first.provenance
    assert published.call_count == 1
    linear = load_session("dandi", index=12, folder=folder, pupil="linear")  # no copy of that
    assert linear.provenance["settings"]["pupil"] == "linear"
    assert published.call_count == 2


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda content: content[:-5], "bytes arrived"),
        (lambda content: content[:-1] + b"?", "not the published file, and was deleted"),
    ],
)
def test_what_is_not_the_published_file_is_never_read(published, tmp_path, harm, message):
    published.content = harm(published.content)
    with pytest.raises(ConnectionError, match=message) as error:
        fetch_asset(12, tmp_path / "data")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data" / "a.nwb").exists()


def test_an_unknown_option_is_named(tmp_path):
    with pytest.raises(SessionError, match=r"'dandi' takes index, folder and .* but not seed"):
        load_session("dandi", index=12, folder=tmp_path, seed=1)
