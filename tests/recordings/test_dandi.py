"""One published NWB file: trusted by its hash, fetched once, kept as a session of its own."""

import hashlib
from unittest.mock import Mock

import numpy as np
import pytest
from continuous import raw_recording, write_nwb

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

    network = Mock(side_effect=append, content=content)
    monkeypatch.setattr(dandi, "append", network)
    return network


def test_the_table_is_in_the_order_of_neuromatch():
    assert asset_at(12).file_name == "sub-Lederberg_ses-20171206T120000.nwb"
    assert asset_at(0).file_name == "sub-Cori_ses-20161214T120000.nwb"
    assert "/assets/92694e6e-84fd-4198-a7e3-64e764f8e086/download/" in asset_at(0).url
    for wrong in (39, -1, "12", True):
        with pytest.raises(SessionError, match="DANDI 000017 has 39 sessions, 0 to 38"):
            asset_at(wrong)


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
