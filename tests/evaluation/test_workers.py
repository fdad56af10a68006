"""Jobs in processes: handed out one by one, one thread each, and nothing left running."""

import os
import subprocess
import sys
import time

import pytest
import torch

from pupil_helpers.evaluation.workers import run_jobs


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_jobs_are_drawn_one_by_one_from_the_results_so_far_and_have_one_thread(n_jobs):
    results = {}

    def jobs():
        for number in range(8):
            assert len(results) >= number - n_jobs + 1  # drawn no sooner than a process is free
            yield number
            while number == 4 and len(results) < 5 and n_jobs > 1:
                yield None  # the sixth job waits for all that came before
        assert len(results) >= 5

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    for number, result in run_jobs(lambda job: (job**2, torch.get_num_threads()), jobs(), n_jobs):
        results[number] = result
    assert results == {number: (number**2, 1) for number in range(8)}
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_are_raised(n_jobs):
    with pytest.raises(ZeroDivisionError):
        list(run_jobs(lambda job: 1 / job, [1, 0, 1], n_jobs))


def test_a_caller_that_stops_ends_the_jobs_under_way(tmp_path):
    def work(job):
        time.sleep(0.2 if job == 0 else 2)
        (tmp_path / str(job)).touch()

    jobs = run_jobs(work, range(10), 2)
    assert next(jobs) == (0, None)
    jobs.close()
    time.sleep(2.5)
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def running(pids) -> list[str]:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", ",".join(pids)], capture_output=True)
    return [state for state in shown.stdout.decode().split() if not state.startswith("Z")]


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_idle_processes_end_when_their_parent_is_killed():
    code = (
        "import os, time\n"
        "from pupil_helpers.evaluation.workers import run_jobs\n"
        "for _, pid in run_jobs(lambda _: time.sleep(0.5) or os.getpid(), range(4), 2):\n"
        "    print(pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    workers = [parent.stdout.readline().strip() for _ in range(4)]
    assert running(workers)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while running(workers):
        assert time.monotonic() < deadline, "the workers outlive their parent"
        time.sleep(0.1)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "all"])
def test_n_jobs_is_a_number_of_processes(n_jobs):
    with pytest.raises(ValueError, match="give a number of processes"):
        run_jobs(abs, [1], n_jobs)
