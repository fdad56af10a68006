"""A search must lose nothing, whatever happens to it, and take up no other search."""

import errno
import functools
import json
import multiprocessing
import os
import subprocess
import sys
import time

import hyperopt
import numpy as np
import pytest
from hyperopt import hp
from instant import COUNTS, Scaled, essence, read_lines, search

from pupil_helpers.tuning import log
from pupil_helpers.tuning import search as search_module
from pupil_helpers.tuning.log import NAME
from pupil_helpers.tuning.search import COLUMNS, Search


@pytest.mark.parametrize("options", [{}, {"algo": "random"}, {"prune": True}])
def test_a_resumed_search_is_the_uninterrupted_one(tmp_path, options):
    whole = search(16, folder=tmp_path / "whole", **options)
    search(5, folder=tmp_path / "parts", **options)
    search(12, folder=tmp_path / "parts", **options)
    resumed = search(16, folder=tmp_path / "parts", **options)
    assert essence(resumed) == essence(whole)
    assert essence(Search.load(tmp_path / "parts", Scaled())) == essence(whole)
    assert len({record["params"]["x"] for record in whole.records}) == 16
    assert len(search(2, folder=tmp_path / "parts", **options).records) == 16


def write_lines(folder, lines):
    (folder / NAME).write_bytes(b"".join(line + b"\n" for line in lines))


# -- kills ----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_kill_at_any_moment_loses_no_evaluation(tmp_path):
    """Killed again and again at random moments; every whole line must live on as it was."""
    context = multiprocessing.get_context("fork")
    moments = np.random.default_rng(1)
    options = {"folder": tmp_path, "model": Scaled(pause=0.01)}
    written = []
    for _ in range(12):
        process = context.Process(target=search, args=(60,), kwargs=options)
        process.start()
        while len(read_lines(tmp_path)) <= len(written) and process.is_alive():
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        lines = read_lines(tmp_path)
        assert lines[: len(written)] == written
        written = lines
    found = search(60, **options)
    assert read_lines(tmp_path)[: len(written)] == written
    assert [record["evaluation"] for record in found.records] == list(range(60))
    assert essence(found) == essence(search(60, model=Scaled()))


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from instant import Scaled, search
search(30, folder={folder!r}, model=Scaled(pause=0.1), n_jobs=2, n_startup=3)
"""


def test_kill_of_a_parallel_search_leaves_every_evaluation_and_no_process(tmp_path):
    """The workers, which share its output, end by themselves."""
    code = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        while len(read_lines(tmp_path)) < 8 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=60)  # until no process can write to it any more
    written = read_lines(tmp_path)
    assert 8 <= len(written) < 31
    options = {"n_jobs": 2, "n_startup": 3}
    resumed = search(12, folder=tmp_path, model=Scaled(pause=0.1), **options)
    assert read_lines(tmp_path)[: len(written)] == written
    assert essence(resumed)[:12] == essence(search(12, **options))


def test_parallel_search_fills_gaps_and_is_repeatable(tmp_path):
    """Evaluations that overtook a lost one stay."""
    options = {"n_jobs": 2, "n_startup": 3, "folder": tmp_path}
    first = search(14, **options)
    lines = read_lines(tmp_path)
    kept = [line for line in lines if json.loads(line).get("evaluation") not in (4, 9)]
    write_lines(tmp_path, kept)
    assert essence(search(14, **options)) == essence(first)
    assert len(read_lines(tmp_path)) == len(lines)


def test_a_worker_that_dies_is_said_and_the_rest_is_kept(tmp_path):
    with pytest.raises(RuntimeError, match="a worker process was killed"):
        search(20, model=Scaled(kind="deadly"), folder=tmp_path, n_jobs=2)
    kept = Search.load(tmp_path).records
    assert all(record["params"]["x"] <= 0 for record in kept)
    assert len(search(6, n_jobs=2).records) == 6  # and the next search has new workers


# -- damage ---------------------------------------------------------------------------------


def test_torn_last_line_is_cut_off(tmp_path):
    whole, path = search(4, folder=tmp_path), tmp_path / NAME
    text = path.read_bytes()
    for end in range(text.rindex(b"\n", 0, -1) + 1, len(text)):
        path.write_bytes(text[:end])
        assert essence(Search.load(tmp_path)) == essence(whole)[:3]
    assert path.read_bytes() == text[:end]  # loading changes nothing
    assert essence(search(4, folder=tmp_path)) == essence(whole)


@pytest.mark.parametrize("lacking", [None, "evaluation", "loss", "drawn", "curve"])
def test_a_line_that_is_damaged_or_lacks_something_is_named(tmp_path, lacking):
    search(3, folder=tmp_path)
    lines = read_lines(tmp_path)
    record = {name: value for name, value in json.loads(lines[2]).items() if name != lacking}
    lines[2] = json.dumps(record).encode() if lacking else lines[2][:-5]
    write_lines(tmp_path, lines)
    for read_back in (search, Search.load):
        with pytest.raises(ValueError, match=rf"line 3 of .*{NAME} is damaged"):
            read_back(folder=tmp_path)


def test_a_search_written_before_blocks_were_kept_can_be_read(tmp_path):
    found = search(3, folder=tmp_path)
    records = [json.loads(line) for line in read_lines(tmp_path)]
    for record in records:
        record.pop("blocks", None)
    write_lines(tmp_path, [json.dumps(record).encode() for record in records])
    old = Search.load(tmp_path)
    assert old.best == found.best
    assert {record["blocks"] for record in old.records} == {None}


def test_another_file_is_refused(tmp_path):
    for text in ("", "1\n", "{}\n", '{"about": 1}\n'):
        (tmp_path / NAME).write_text(text)
        with pytest.raises(ValueError, match="is not the record of a search"):
            search(3, folder=tmp_path)


def test_a_search_without_results_can_be_loaded(tmp_path):
    with pytest.raises(ValueError, match=r"there is no search in .*nowhere"):
        Search.load(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(KeyboardInterrupt):
        search(3, {"x": 1}, folder=tmp_path, model=Scaled(kind="interrupted"))
    found = Search.load(tmp_path)
    assert list(found.table) == list(COLUMNS)
    assert len(found.table) == len(found.best_so_far()) == 0
    with pytest.raises(ValueError, match="no evaluation of 0 succeeded: none has finished"):
        _ = found.best


# -- disks ----------------------------------------------------------------------------------


def test_full_disk_is_named_and_can_be_mended(tmp_path):
    """Files may grow by some bytes only: the write that goes beyond them stops half way."""
    resource = pytest.importorskip("resource", reason="needs limits on the size of files")
    search(3, folder=tmp_path)
    size = (tmp_path / NAME).stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
    try:
        with pytest.raises(OSError, match=r"evaluation 3 could not be written .*make room") as told:
            search(6, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert essence(search(6, folder=tmp_path)) == essence(search(6))  # while the error is at hand
    assert told.value.errno == errno.EFBIG


def test_full_disk_does_not_hang_hyperopt(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    search(1, folder=tmp_path)
    monkeypatch.setattr(log.os, "fsync", full)
    with pytest.raises(OSError, match="could not be written"):
        search(5, trials=hyperopt.Trials(), folder=tmp_path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot keep a search in .*choose a folder that you can"):
        search(2, folder=tmp_path / "file" / "within")


# -- other searches -------------------------------------------------------------------------


STARTUP = [functools.partial(hyperopt.tpe.suggest, n_startup_jobs=n) for n in (5, 6)]


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ({}, {"seed": 1}, "seed"),
        ({}, {"algo": "random"}, "algo"),
        ({"algo": STARTUP[0]}, {"algo": STARTUP[1]}, "algo"),
        ({}, {"space": {"x": hp.uniform("x", -2, 1)}}, "space"),
        ({}, {"model": Scaled(y=1.0)}, "model"),
        ({"model": lambda x: Scaled(x)}, {"model": lambda x: Scaled(x, 1.0)}, "model"),
        ({}, {"n_blocks": 4}, "blocks"),
        ({}, {"counts": COUNTS + 1}, "data"),
    ],
)
def test_a_folder_with_another_search_is_refused(tmp_path, before, now, named):
    search(2, folder=tmp_path, **before)
    with pytest.raises(ValueError, match=f"another {named} "):
        search(3, folder=tmp_path, **now)
    assert len(search(3, folder=tmp_path, **before).records) == 3


def test_a_folder_from_other_code_is_refused(tmp_path, monkeypatch):
    search(2, folder=tmp_path)
    monkeypatch.setattr(search_module, "package_hash", lambda: "other")
    with pytest.raises(ValueError, match="another version of pupil_helpers "):
        search(3, folder=tmp_path)
    assert len(Search.load(tmp_path).records) == 2


def test_what_cannot_be_told_from_another_is_refused_in_a_folder(tmp_path):
    with open(os.devnull) as file:
        options = {"model": lambda x: Scaled(x, y=file.fileno() * 0.0)}
        with pytest.raises(ValueError, match=r"the model holds a .*search without a folder"):
            search(2, folder=tmp_path, **options)
        assert len(search(2, **options).records) == 2


def test_two_searches_cannot_share_a_folder(tmp_path):
    with log.open_log(tmp_path, {}), pytest.raises(ValueError, match="another search is writing"):
        search(2, folder=tmp_path)
