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

from pupil_helpers.recurrent import BatchedRNN

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
    """Best time per member in milliseconds, and relative to the two single networks."""
    torch.set_num_threads(n_threads)
    jobs = passes()
    seconds = dict.fromkeys(jobs, float("inf"))
    for _ in range(repeats):
        for name, (_, job) in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    per_member = pd.Series({name: 1e3 * seconds[name] / jobs[name][0] for name in jobs})
    return pd.DataFrame(
        {
            "threads": n_threads,
            "ms per member": per_member.round(2),
            "× nn.RNN": (per_member / per_member["nn.RNN"]).round(2),
            "× one BatchedRNN": (per_member / per_member["BatchedRNN, 1 member"]).round(2),
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    print(
        f"forward + backward, bidirectional: batch {BATCH}, {BINS} bins, "
        f"{FEATURES} features, {HIDDEN} hidden units per direction"
    )
    print(pd.concat([measure(n_threads, repeats) for n_threads in (1, 2)]).to_string())


if __name__ == "__main__":
    main()
