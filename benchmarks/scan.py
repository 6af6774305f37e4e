"""What the gradient of the loop over time keeps: time and memory of each way.

    benchmarks/scan.py [T BATCH HIDDEN] [CONTENDER ...]

Full training steps on one core in turn: plain autodiff, the scan as it is
(`checkpoint="none"`), "step" and "chunk". Prints CPU milliseconds per step, their ratio
to plain autodiff (median and quartiles of pairs) and megabytes of scratch memory.
"""

import argparse
import os
import sys

from nnarena.suite.birth import birth_environment


if "MALLOC_ARENA_MAX" not in os.environ:  # to be born as a suite's worker is
    os.execve(sys.executable, [sys.executable, *sys.argv], birth_environment())

from typing import Any
from unittest import mock

import jax
import numpy as np

from nnarena.core.types import Sequence
from nnarena.models import sequence
from nnarena.models.contender import Contender
from nnarena.nn.parametrization import resolve
from nnarena.nn.unroll import Unrolled
from nnarena.suite.training_step import Size, TrainingStep, cpu_seconds
from nnarena.suite.worker import pin_to_core


CONTENDERS = ["lstm", "gru", "ct_rnn", "ct_gru", "ode_lstm", "exp_unitary", "dnc"]
ROUNDS = 7


def plain(cell: Any, steps: Sequence, **_: Any) -> Unrolled:
    """The scan as one writes it first, differentiated by autodiff alone."""
    ready = resolve(cell)

    def step(state, observation):
        return ready(state, *observation)

    return Unrolled(jax.lax.scan(step, ready.init_state(), (steps.xs, steps.dts))[1])


def ways(name: str, size: Size) -> dict[str, TrainingStep]:
    """Returns the compiled training steps of a contender."""
    with mock.patch.object(sequence, "unroll", plain):
        made = {"plain": TrainingStep(Contender(name), size)}
    for checkpoint in ("none", "step", "chunk"):
        contender = Contender(name, {"checkpoint": checkpoint})
        made[checkpoint] = TrainingStep(contender, size)
    return made


def main() -> None:
    """Prints a line per contender and way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="CONTENDER or number")
    words = parser.parse_args().words
    pin_to_core(0)  # or threads that wait for work would be counted as work
    numbers = [int(word) for word in words if word.isdigit()] or [200, 32, 64]
    names = [word for word in words if not word.isdigit()] or CONTENDERS
    size = Size(*numbers)
    print(f"{'contender':14s} kept       ms   to plain            MB  {size}")
    for name in names:
        steps = ways(name, size)
        count = max(1, round(0.1 / cpu_seconds(steps["plain"].run, 1)))
        rounds = [
            {way: cpu_seconds(step.run, count) for way, step in steps.items()}
            for _ in range(ROUNDS)
        ]
        for way, step in steps.items():
            ratios = [row[way] / row["plain"] for row in rounds]
            low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
            ms = 1e3 * np.median([row[way] for row in rounds])
            print(
                f"{name:14s} {way:6s} {ms:8.1f}   {middle:.2f} [{low:.2f}, {high:.2f}] "
                f"{step.bytes / 1e6:9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
