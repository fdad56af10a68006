"""The page for people with a cluster: its code runs as it stands, on this machine's processes."""

import re

import dask_jobqueue
import pandas as pd
import submitit
from chapters import ROOT
from dask_jobqueue import SLURMCluster
from distributed import LocalCluster
from test_own_recording import blocks

from pupil_helpers.evaluation.study_results import Study
from pupil_helpers.models.linear import Ridge

PAGE = ROOT / "book" / "cluster.md"
SMALL = '("simulated", {"seed": index, "n_trials": 30, "n_bins": 40}) for index in range(3)'
OTHER = re.compile("dask_jobqueue|submitit")
asked = {}


class ClusterHere(LocalCluster):
    """Two processes here in place of 20 jobs; the settings have made a job script for SLURM."""

    def __init__(self, **settings):
        with SLURMCluster(**settings) as cluster:
            asked["script"] = cluster.job_script()
        super().__init__(n_workers=2, threads_per_worker=1, dashboard_address=None)

    def scale(self, n=0, jobs=None):
        if jobs is None:
            return super().scale(n)
        asked["jobs"] = jobs


class ExecutorHere(submitit.AutoExecutor):
    def __init__(self, folder):
        super().__init__(folder, cluster="local")


def page_for(folder) -> list[str]:
    """The page's code on three small mice and quick models."""
    code = "\0".join(blocks(PAGE))
    changes = {
        '"/shared/you/pupil_study"': repr(str(folder)),
        '("steinmetz", {"index": index}) for index in range(39)': SMALL,
        '"null": 19': '"null": 1, "null_model": ridge',
        "study(sessions, **settings)": 'study(sessions, ["PSTH", "ridge"], **settings)',
        "study(sessions, only": 'study(sessions, ["PSTH", "ridge"], only',
        "wait_for_workers(20)": "wait_for_workers(2)",
    }
    for old, new in changes.items():
        assert old in code, f"the page no longer says {old}"
        code = code.replace(old, new)
    return code.split("\0")


def run(folder, way: str) -> Study:
    """The page with one of its two ways only."""
    names = {"ridge": Ridge()}
    chosen = [block for block in page_for(folder) if way in block or not OTHER.search(block)]
    assert len(chosen) == 4
    for block in chosen:
        exec(compile(block, PAGE.name, "exec"), names)
    return names["found"]


def test_both_ways_lead_to_the_same_results(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_jobqueue, "SLURMCluster", ClusterHere)
    monkeypatch.setattr(submitit, "AutoExecutor", ExecutorHere)
    by_dask, by_submitit = (run(tmp_path / way, way) for way in ("dask_jobqueue", "submitit"))
    for study in (by_dask, by_submitit):
        assert len(study.table()) == 3 * 2 * 5 * 6
        assert len(study.nulls()) == 3 * 2 * 6
        assert len(study.failures()) == 0
        assert (study.folder / "report.html").is_file()
    assert asked["jobs"] == 20
    for line in (
        "#SBATCH -p short",
        "#SBATCH --mem=4G",
        "#SBATCH -t 04:00:00",
        "OMP_NUM_THREADS=1",
    ):
        assert line in asked["script"]
    tables = [study.table().drop(columns="seconds") for study in (by_dask, by_submitit)]
    pd.testing.assert_frame_equal(*tables)
