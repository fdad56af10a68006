"""An NWB file is read in a process of its own, which hands over a session or an error."""

from unittest.mock import Mock

import numpy as np
import pytest
from continuous import raw_recording, write_nwb

from pupil_helpers.recordings import nwb
from pupil_helpers.recordings.nwb_file import read_here
from pupil_helpers.session import SessionError

pytest.importorskip("pynwb")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    raw = raw_recording(n_trials=4, n_clusters=5)
    return write_nwb(tmp_path_factory.mktemp("nwb") / "a.nwb", raw)


def test_the_process_hands_over_the_session(file):
    session, here = nwb.read_nwb(file, quality=np.int64(2)), read_here(file)
    np.testing.assert_array_equal(session.spikes, here.spikes)
    np.testing.assert_array_equal(session.pupil, here.pupil)
    assert session.provenance == here.provenance


def test_its_errors_are_raised_here(file):
    with pytest.raises(SessionError, match=r"no series of that name for area=…"):
        nwb.read_nwb(file, area="none")
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.nwb"):
        nwb.read_nwb(file.with_name("none.nwb"))
    with pytest.raises(SessionError, match="pupil is 'nearest'; use one of sample, linear"):
        nwb.read_nwb(file, pupil="nearest")


def test_the_process_may_load_no_filters(file, monkeypatch):
    run = Mock(wraps=nwb.subprocess.run)
    monkeypatch.setattr(nwb.subprocess, "run", run)
    nwb.read_nwb(file)
    assert run.call_args.kwargs["env"]["HDF5_PLUGIN_PRELOAD"] == "::"


def test_the_end_of_the_process_is_an_error(file, monkeypatch):
    monkeypatch.setattr(nwb.sys, "executable", "/bin/false")
    with pytest.raises(SessionError, match=r"a\.nwb is damaged: reading it ended .*get the file"):
        nwb.read_nwb(file)
