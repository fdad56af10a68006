"""The page for people with their own recording: its code runs, as it stands."""

import re

import numpy as np
from chapters import ROOT

PAGES = ROOT / "book" / "own_recording.md", ROOT / "README.md"


def blocks(path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.S | re.M)


def run(path, folder, monkeypatch) -> dict:
    monkeypatch.chdir(folder)
    names = {}
    for block in blocks(path):
        exec(compile(block, path.name, "exec"), names)
    return names


def test_page_goes_from_files_to_scores(tmp_path, monkeypatch, capsys):
    names = run(PAGES[0], tmp_path, monkeypatch)
    session = names["session"]
    assert (tmp_path / "my_recording.npz").exists()
    assert session.n_neurons == 16
    assert session.missing.any(), "the blink was lost"

    # Every spike within a trial was counted, and none twice.
    first, last = session.start, session.start + session.n_bins * session.bin_size
    since_onset = names["spike_times"] - names["onsets"][:, None]  # (trials, spikes)
    inside = ((since_onset >= first) & (since_onset < last)).sum(axis=1)
    np.testing.assert_array_equal(session.spikes.sum(axis=(1, 2)), inside)

    follows, ignores = np.mean(names["scores"], axis=0)
    assert follows > 0.3
    assert abs(ignores) < 0.05
    assert "follows: " in capsys.readouterr().out


def test_readme_example_runs(tmp_path, monkeypatch, capsys):
    run(PAGES[1], tmp_path, monkeypatch)
    assert float(capsys.readouterr().out) > 0
