"""The page of projects: every starting point runs as it stands, and no part is left out."""

import re

import numpy as np
from chapters import ROOT
from test_own_recording import run

PAGE = ROOT / "book" / "projects.md"


def projects() -> list[str]:
    return re.split(r"^### \d+\. ", PAGE.read_text("utf-8"), flags=re.M)[1:]


def test_there_are_a_dozen_and_each_is_complete():
    assert len(projects()) == 12
    for project in projects():
        title = project.splitlines()[0]
        assert re.search(r" ★{1,3}$", title), title
        assert project.count("```python") == 1, title
        for part in ("*Data*: ", "*A good answer* "):
            assert part in project, f"{title}: no {part}"


def test_starting_points_run_and_find_what_the_page_says(tmp_path, monkeypatch, capsys):
    names = run(PAGE, tmp_path, monkeypatch)
    printed = capsys.readouterr().out
    assert len(re.findall(r"^R² in", printed, re.M)) == 3
    sides = names["sides"]
    assert sides["causal"][0] > sides["anticausal"][0]  # SCs follows the eye
    assert sides["anticausal"][1] > sides["causal"][1]  # SCm leads it
    assert np.isnan(names["holes"]).mean() > 0.2
    assert (names["score"](names["Blend"]())[:3] > 0).all()
