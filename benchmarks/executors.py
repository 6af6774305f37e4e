"""Who should do the runs of a matrix: one process, an axis of seeds, or a pool?

Runs the same small matrix (two contenders, six seeds) in each way, every way warm
from the same cache of compiled programs, in turn, and prints wall seconds and runs per
minute. Takes several minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


ROUNDS = 2
SUITE = """
models = ["lstm", "gru"]
tasks = [{ name = "add", length = 100 }]
seeds = 6
parameters = 5_000

[trainer]
steps = 400
checks = 6
"""
WAYS = {
    "one process, all threads": "InProcess(results)",
    "one process, 6 seeds as an axis": "InProcess(results, seeds_at_once=6)",
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
from nnarena.suite.programs import use_compilation_cache
results = Path(sys.argv[2])
use_compilation_cache()
events = list({way}.run(make_jobs(load_suite(sys.argv[1]))))
assert sum(event.kind == "done" for event in events) == 12
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
                print(f"{name}: {taken[name][-1]:.1f} s", flush=True)
    print(f"12 runs, {ROUNDS} rounds in turn")
    for name, times in taken.items():
        middle = statistics.median(times)
        spread = f"[{min(times):.1f}, {max(times):.1f}]"
        print(
            f"{name:32s} {middle:6.1f} s {spread:14s} {12 * 60 / middle:5.1f} runs/min"
        )


if __name__ == "__main__":
    main()
