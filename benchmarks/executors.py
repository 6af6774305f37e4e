"""Who should do the runs of a matrix: one process, an axis of seeds, or a pool?

Runs the same small matrix (two contenders, eight seeds) in each way, every way warm
from the same cache of compiled programs, in turn, and prints wall seconds and runs per
minute. On a CPU the pool wins; the axis is for accelerators.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


ROUNDS = 3
SUITE = """
models = ["lstm", "ct_rnn"]
tasks = [{ name = "add", length = 100 }]
seeds = 8
parameters = 5_000

[trainer]
steps = 600
checks = 6
"""
WAYS = {
    "one process, all threads": "InProcess(results)",
    "one process, 8 seeds as an axis": "InProcess(results, seeds_at_once=8)",
    "a pool of pinned processes": "WorkerPool(results, available_cores())",
}
PROGRAM = """
import sys
from pathlib import Path
from nnarena.suite.config import load_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import make_jobs
from nnarena.suite.pool import WorkerPool
from nnarena.suite.provenance import available_cores
from nnarena.suite.runner import use_compilation_cache
results = Path(sys.argv[2])
use_compilation_cache()
events = list({way}.run(make_jobs(load_suite(sys.argv[1]))))
assert sum(event.kind == "done" for event in events) == 16
"""


def seconds(way: str, suite: Path, cache: Path) -> float:
    """Returns the wall time of the matrix done in one way, in a fresh process."""
    with tempfile.TemporaryDirectory() as results:
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(way=way), str(suite), results],
            env={**os.environ, "NNARENA_CACHE": str(cache)},
            check=True,
        )
        return time.perf_counter() - begun


def main() -> None:
    """Prints a line per way."""
    with tempfile.TemporaryDirectory() as folder:
        suite, cache = Path(folder) / "suite.toml", Path(folder) / "cache"
        suite.write_text(SUITE)
        for way in WAYS.values():
            seconds(way, suite, cache)  # fills the cache
        taken = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name, way in WAYS.items():
                taken[name].append(seconds(way, suite, cache))
    print(f"16 runs, {ROUNDS} rounds in turn")
    for name, times in taken.items():
        middle = statistics.median(times)
        spread = f"[{min(times):.1f}, {max(times):.1f}]"
        print(
            f"{name:32s} {middle:6.1f} s {spread:14s} {16 * 60 / middle:5.1f} runs/min"
        )


if __name__ == "__main__":
    main()
