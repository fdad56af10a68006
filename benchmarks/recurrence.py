"""Time of one forward and backward pass: our members beside torch's layers.

Run ``python benchmarks/recurrence.py``. All of them take turns in one process, so that whatever
else the machine is doing slows them alike; the best of the repeats is printed.
"""

import argparse
import time
from collections.abc import Callable

import pandas as pd
import torch
from torch import nn

from pupil_helpers.models.encoder import PupilEncoder
from pupil_helpers.models.network import GatedRecurrence, MemberRecurrence
from pupil_helpers.models.neural import MemberGRU

BATCH, STEPS, FEATURES, HIDDEN = PupilEncoder.batch_size, 63, 16, 16  # of the default model
MEMBERS = (1, 5, 10)


def passes() -> dict[str, tuple[int, Callable]]:
    """Name -> (members, function that runs one forward and backward pass)."""

    def run(module, x):
        def once():
            states = module(x)
            if isinstance(states, tuple):  # torch's layers give their last state as well
                states = states[:1]
            sum(each.sum() for each in states).backward()

        return once

    jobs = {}
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        module = kind(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        jobs[f"nn.{kind.__name__}"] = 1, run(module, torch.randn(BATCH, STEPS, FEATURES))
    for kind in (MemberRecurrence, GatedRecurrence, MemberGRU):
        for members in MEMBERS:
            module = kind(FEATURES, HIDDEN, "bidirectional", range(members))
            job = run(module, torch.randn(members, STEPS, BATCH, FEATURES))
            jobs[f"{kind.__name__}, {members} member{'s' * (members > 1)}"] = members, job
    return jobs


def measure(n_threads: int, repeats: int) -> pd.DataFrame:
    """Best times per member in milliseconds, and relative to ``nn.RNN``.

    CPU time, summed over threads, says what the work costs on a machine that is busy.
    """
    torch.set_num_threads(n_threads)
    jobs = passes()
    best = pd.DataFrame(float("inf"), index=list(jobs), columns=["ms", "CPU ms"])
    for _ in range(repeats):
        for name, (members, job) in jobs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            job()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            best.loc[name] = [
                min(old, 1e3 * new / members)
                for old, new in zip(best.loc[name], spent, strict=True)
            ]
    for clock in ("ms", "CPU ms"):
        best[f"{clock} / nn.RNN"] = best[clock] / best.loc["nn.RNN", clock]
    best.insert(0, "threads", n_threads)
    return best.round(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    print(
        f"forward + backward, bidirectional: batch {BATCH}, {STEPS} steps, "
        f"{FEATURES} features, {HIDDEN} hidden units per direction; times per member"
    )
    print(pd.concat([measure(n_threads, repeats) for n_threads in (1, 2)]).to_string())


if __name__ == "__main__":
    main()
