"""The page for people with their own model: its code and its command run, as they stand."""

import os
import re
import subprocess
import sys

from chapters import ROOT
from test_own_recording import blocks, run

from pupil_helpers.evaluation.mice import SCORED
from pupil_helpers.recordings.kinds import DRIVEN, REGIONS

PAGE = ROOT / "book" / "own_model.md"


def test_page_goes_from_a_class_to_its_row(tmp_path, monkeypatch, capsys):
    names = run(PAGE, tmp_path, monkeypatch)
    rows, table = names["rows"], names["table"]
    assert list(rows["region"]) == list(REGIONS)
    assert set(rows["mouse"]) == {SCORED[0]}
    assert tuple(rows.loc[rows["driven"], "region"]) == DRIVEN
    share = rows.set_index("region")["share"]
    assert share["LGd"] > 0.2  # it follows the area, and so does the model
    assert (rows["followed"] == 1).all()  # it never holds back
    assert set(table["mouse"]) == {SCORED[0]}
    printed = capsys.readouterr().out
    assert re.search(r"^mine +0\.\d+", printed, re.M)
    assert f"{SCORED[0]} to {SCORED[-1]}" in printed


def test_it_is_as_short_as_the_page_says():
    code = "\n".join(blocks(PAGE)[:2])
    lines = [line for line in code.splitlines() if line.strip() and "import" not in line]
    (promised,) = re.findall(r"it is (\d+) lines", PAGE.read_text("utf-8"))
    assert len(lines) <= int(promised)


def test_seeds_are_not_typed():
    assert str(SCORED[0]) not in PAGE.read_text("utf-8")


def test_command_of_the_page_scores_a_class_from_a_file(tmp_path):
    (tmp_path / "my_model.py").write_text(blocks(PAGE)[0], "utf-8")
    (command,) = re.findall(r"^python (benchmarks/\S+) (.*)$", PAGE.read_text("utf-8"), re.M)
    few = ["--kinds", "few trials", "--mice", "1"]
    done = subprocess.run(
        [sys.executable, ROOT / command[0], *command[1].split(), *few],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^MyModel +0\.\d+", done.stdout, re.M), done.stdout
