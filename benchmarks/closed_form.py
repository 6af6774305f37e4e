"""Seconds of a whole run of contenders that are fitted in closed form.

    benchmarks/closed_form.py [NAME ...] [--rows N] [--length T] [--width N]
        [--rounds N] [--limit SECONDS] [--against COMMIT]

`ar` of order 10, and `esn` of 100 units and of 300, on rows of `narma`, by `ridge` as
it is by default; a name that is given has `--width` units. A process for each run,
which compiles everything anew, of one thread. Prints seconds to compile, then those of
the processor and of the clock in all, and the load of the machine; of several rounds
the medians. With `--against` the other commit runs in turn, from a temporary folder and
with this environment's packages. With `--limit` more seconds of the processor than
that, here, make the exit code 1.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from entering import ROOT, checked_out

from nnarena.suite.birth import birth_environment


RUNS = (("ar", 10), ("esn", 100), ("esn", 300))
BATCH = 32


def measure(name: str, width: int, rows: int, length: int) -> list[float]:
    """Returns seconds of processor and clock to compile, then those of all together."""
    import jax

    from nnarena.models.contender import Contender
    from nnarena.tasks.files import DataFolder
    from nnarena.tasks.narma import NARMA
    from nnarena.training.ridge import Ridge

    def spent() -> tuple[float, float]:
        return time.process_time(), time.perf_counter()

    def build(key: Any) -> Any:
        return contender.build(task.signature, width, key=key)

    contender, task = Contender(name), NARMA(length=length, washout=length // 2)
    splits = task.splits(DataFolder(), key=jax.random.key(2))
    begun = spent()
    trainer = Ridge(steps=-(-rows // BATCH), batch=BATCH)
    program = trainer.compile(build, task, splits)
    compiled = spent()
    state, stopped = program.start(jax.random.key(0)), False
    while not stopped:
        state, check = program.advance(state, jax.random.key(1))
        stopped = bool(check.stopped)
    jax.block_until_ready(program.test(state))
    times = (compiled, spent())
    return [now - then for end in times for now, then in zip(end, begun, strict=True)]


def run(checkout: Path, run: list[Any]) -> list[float]:
    """Returns what `measure` finds in a process of the code of a checkout."""
    environment = birth_environment() | {
        "PYTHONPATH": str(checkout / "src"),
        "JAX_ENABLE_COMPILATION_CACHE": "0",
    }
    command = [sys.executable, __file__, "--one", json.dumps(run)]
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def printed(name: str, width: int, where: str, rounds: list[list[float]]) -> float:
    """Prints the row of a contender; returns its seconds of the processor."""
    (compiled, _, processor, clock) = np.median(rounds, axis=0)
    load = os.getloadavg()[0]
    print(
        f"{name:12s} {width:5d}  {where:8.8s} {compiled:9.1f} {processor:10.1f} "
        f"{clock:8.1f} {load:6.1f}",
        flush=True,
    )
    return float(processor)


def compare(given: argparse.Namespace, checkouts: dict[str, Path]) -> list[str]:
    """Prints the table; returns what took longer here than the limit."""
    print("contender    units  code       compile  processor    clock   load")
    slow = []
    for name, width in [(name, given.width) for name in given.names] or RUNS:
        order = [name, width, given.rows, given.length]
        rounds: dict[str, list[list[float]]] = {where: [] for where in checkouts}
        for _ in range(given.rounds):
            for where, checkout in checkouts.items():
                rounds[where].append(run(checkout, order))
        took = {where: printed(name, width, where, rounds[where]) for where in rounds}
        if given.limit is not None and took["here"] > given.limit:
            slow.append(f"{name} of {width}")
    return slow


def main() -> None:
    """Prints the table; exits with 1 where a run takes longer than the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--width", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(measure(*given.one)))
        return
    if given.against is None:
        slow = compare(given, {"here": ROOT})
    else:
        with checked_out(given.against) as other:
            slow = compare(given, {"here": ROOT, given.against: other})
    if slow:
        raise SystemExit(f"above {given.limit} s: {', '.join(slow)}")


if __name__ == "__main__":
    main()
