"""The check of a recording: every reader, everything that may be wrong with a session, the page."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from neuromatch import session_fields, write_part

from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.reports.recording_check import check_recording, findings, main, read_recording

mpl.use("agg")


@pytest.fixture(scope="module")
def session():
    return simulate_session(seed=1, n_trials=110, n_bins=120)


def changed(session, **fields):
    return replace(session, truth=None, **fields)


def looks(session) -> dict[str, str]:
    return {field: look for field, _, look in findings(session) if look}


# -- what is wrong --------------------------------------------------------------------------------


def test_a_good_recording_needs_no_look_and_every_field_is_told(session):
    found = findings(session)
    assert looks(session) == {}
    fields = [finding.field for finding in found]
    for field in ("name", "trials", "bins", "area", "x", "y", "outliers", "saccades", "spikes"):
        assert field in fields
    assert {f"region {name}" for name in session.regions} <= set(fields)
    told = {field: text for field, text, _ in found}
    assert told["trials"].startswith("110; stimulus_time, ")
    assert told["bins"] == "120 of 10 ms, -0.5 to 0.7 s"
    assert f"{session.missing[..., 0].mean():.1%} missing" in told["area"]
    assert float(told["saccades"].split()[0]) == pytest.approx(1.2, abs=0.4)


def spoilt(session, name):
    pupil, spikes, regions = session.pupil.copy(), session.spikes.copy(), session.regions.copy()
    trials = session.trials.copy()
    match name:
        case "eyeless":
            pupil[..., 1:] = np.nan
        case "blind":
            pupil[:60] = np.nan
        case "frozen":
            pupil[..., 0] = 3.0
        case "standing still":
            pupil[..., 1:] = 3.0
        case "standardised":
            pupil[..., 0] -= np.nanmean(pupil[..., 0])
        case "slips":
            pupil[:, 20, 0] *= 5
        case "silent":
            spikes[..., 3] = 0
        case "cut short":
            spikes[-9:] = 0
        case "summed":
            spikes[0, 0, 0] = 40
        case "nowhere":
            regions[regions == "LGd"] = "root"
        case "few":
            regions[:5] = "V1"
        case "empty column":
            trials["response"] = np.nan
        case "no event":
            return changed(session, start=0.5)
        case "short":
            return session[:50]
    return changed(session, pupil=pupil, spikes=spikes, regions=regions, trials=trials)


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("eyeless", "x", "make do with the other channels"),
        ("blind", "area", "60 trials hold no sample"),
        ("frozen", "area", "never changes"),
        ("standing still", "saccades", "frozen"),
        ("standardised", "area", "negative areas"),
        ("slips", "outliers", "clean it first"),
        ("silent", "spikes", "1 neurons never fire"),
        ("cut short", "spikes", "9 trials without any spike, first 101"),
        ("summed", "spikes", "up to 4000 spikes/s in one bin"),
        ("nowhere", "region root", "is no region"),
        ("few", "region V1", "fewer than 20 neurons"),
        ("empty column", "trials", "missing in every trial"),
        ("no event", "bins", "the event at 0 s lies outside"),
        ("short", "trials", "fewer than 100"),
    ],
)
def test_what_is_wrong_is_named(session, name, field, words):
    assert words in looks(spoilt(session, name))[field]


# -- files ----------------------------------------------------------------------------------------


def test_a_session_file_is_told_and_drawn_beside_it(session, tmp_path, capsys):
    path = session.save(tmp_path / "mine.npz")
    assert main([str(path)]) == 0
    printed = capsys.readouterr().out
    assert "simulated mouse 1" in printed
    assert "mine.npz can be used; no line(s) deserve a look" in printed
    assert (tmp_path / "mine_check.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.npz", "mine_check.png"]


def test_pictures_go_where_they_are_asked_to(session, tmp_path, capsys):
    path = session.save(tmp_path / "mine.npz")
    assert main([str(path), "--out", str(tmp_path / "page.pdf")]) == 0
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert main([str(path), "--out", str(tmp_path / "page.txt")]) == 1
    assert "page.txt is no picture" in capsys.readouterr().out


def test_a_session_of_a_part_file_is_chosen_by_its_index(tmp_path):
    path = tmp_path / "steinmetz_part0.npz"
    write_part(path, [session_fields(i) for i in range(13)])
    assert read_recording(path, 3).name != read_recording(path, 4).name


@pytest.mark.parametrize(
    ("name", "module", "reader"),
    [("my.nwb", "nwb", "read_nwb"), ("folder", "alf", "read_alf")],
)
def test_other_files_go_to_their_reader(name, module, reader, session, tmp_path, monkeypatch):
    path = tmp_path / name
    path.touch() if path.suffix else path.mkdir()
    monkeypatch.setattr(
        f"pupil_helpers.recordings.{module}.{reader}", lambda p: session if p == path else None
    )
    assert read_recording(path) is session


def test_a_file_that_cannot_be_used_is_told_array_by_array_and_nothing_is_drawn(tmp_path, capsys):
    path = tmp_path / "bad.npz"
    np.savez(path, pupil=np.ones((3, 4, 2)), spikes=np.ones((3, 4, 2), np.uint8))
    assert check_recording(path) == 1
    printed = capsys.readouterr().out
    assert "pupil                    float64 (3, 4, 2)" in printed
    assert "WRONG: bad.npz is not a readable session file (no 'regions')" in printed
    assert [p.name for p in tmp_path.iterdir()] == ["bad.npz"]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (None, "gone.npz", "there is no file"),
        (b"x", "eye.csv", "is neither .npz"),
        (b"PK", "damaged.npz", "not a readable session file"),
    ],
)
def test_what_is_no_recording_is_named_in_one_line(content, name, words, tmp_path, capsys):
    path = tmp_path / name
    if content:
        path.write_bytes(content)
    assert check_recording(path) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert words in line


def test_wild_samples_are_told_with_the_rest(session, tmp_path, capsys):
    pupil = session.pupil.copy()
    pupil[4, 5, 1] = 1e9
    with pytest.warns(UserWarning, match="wild"):
        changed(session, pupil=pupil).save(tmp_path / "wild.npz")
    assert check_recording(tmp_path / "wild.npz") == 0
    assert "LOOK: session" in (printed := capsys.readouterr().out)
    assert "wild sample(s)" in printed
