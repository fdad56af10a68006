"""Time of one forward and backward pass: BatchedRNN beside nn.RNN, GRU and LSTM.

Run ``python benchmarks/recurrent.py``. All of them take turns in one process, so that whatever
else the machine is doing slows them alike; the best of the repeats is printed.
"""

import argparse
import time
from collections.abc import Callable

import pandas as pd
import torch
from torch import nn

from pupil_helpers.models.recurrent import BatchedRNN

BATCH, BINS, FEATURES, HIDDEN = 32, 250, 8, 32
MEMBERS = (1, 5, 8)


def passes() -> dict[str, tuple[int, Callable]]:
    """Name -> (members, function that runs one forward and backward pass)."""

    def run(module, x):
        def once():
            states = module(x)
            states = states[0] if isinstance(states, tuple) else states
            states.backward(torch.ones_like(states))

        return once

    jobs = {}
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        module = kind(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        jobs[f"nn.{kind.__name__}"] = 1, run(module, torch.randn(BATCH, BINS, FEATURES))
    for members in MEMBERS:
        module = BatchedRNN(FEATURES, HIDDEN, members)
        job = run(module, torch.randn(members, BATCH, BINS, FEATURES))
        jobs[f"BatchedRNN, {members} member{'s' * (members > 1)}"] = members, job
    return jobs


def measure(n_threads: int, repeats: int) -> pd.DataFrame:
    """Best times per member in milliseconds, and relative to the two single networks.

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
        for label, name in (("nn.RNN", "nn.RNN"), ("one member", "BatchedRNN, 1 member")):
            best[f"{clock} / {label}"] = best[clock] / best.loc[name, clock]
    best.insert(0, "threads", n_threads)
    return best.round(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    print(
        f"forward + backward, bidirectional: batch {BATCH}, {BINS} bins, "
        f"{FEATURES} features, {HIDDEN} hidden units per direction; times per member"
    )
    print(pd.concat([measure(n_threads, repeats) for n_threads in (1, 2)]).to_string())


if __name__ == "__main__":
    main()
