"""Who should do the runs of a matrix: one process, an axis of seeds, or a pool?

    benchmarks/executors.py [--axis]

Runs the same matrix of 30 runs (three contenders, ten seeds) in each way, every way
warm from the same cache of compiled programs, in turn, and prints wall seconds, runs
per minute and the ratio to one process that may use all threads in its products. With
`--axis` the ten seeds of a contender as an axis of arrays, too. Takes several minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


ROUNDS, RUNS = 3, 30
SUITE = """
models = ["lstm", "gru", "ct_rnn"]
tasks = [{ name = "add", length = 100 }]
seeds = 10
parameters = 10_000

[trainer]
steps = 200
checks = 4
"""
WAYS = {
    "one process, all threads": "InProcess(results)",
    "a pool of pinned processes": "WorkerPool(results, available_cores())",
}
AXIS = {"one process, 10 seeds as an axis": "InProcess(results, axes=True)"}
PROGRAM = """
import sys
from pathlib import Path
import os
os.environ["NPROC"] = str(os.cpu_count())
from nnarena.core import compiling
compiling.ONE_THREAD.clear()  # of this process: a pool's are set at their birth
from nnarena.suite.config import load_suite
from nnarena.suite.executors import InProcess
from nnarena.suite.plan import make_jobs
from nnarena.suite.pool import WorkerPool
from nnarena.suite.provenance import available_cores
from nnarena.suite.programs import use_compilation_cache
results = Path(sys.argv[2])
use_compilation_cache()
events = list({way}.run(make_jobs(load_suite(sys.argv[1]))))
assert sum(event.kind == "done" for event in events) == 30
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
    ways = {**WAYS, **AXIS} if "--axis" in sys.argv[1:] else WAYS
    with tempfile.TemporaryDirectory() as folder:
        suite, cache = Path(folder) / "suite.toml", Path(folder) / "cache"
        suite.write_text(SUITE)
        for way in ways.values():
            seconds(way, suite, cache)  # fills the cache
        taken = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                taken[name].append(seconds(way, suite, cache))
                print(f"{name}: {taken[name][-1]:.1f} s", flush=True)
    print(f"{RUNS} runs, {ROUNDS} rounds in turn")
    alone = statistics.median(taken[next(iter(WAYS))])
    for name, times in taken.items():
        middle = statistics.median(times)
        spread = f"[{min(times):.1f}, {max(times):.1f}]"
        rate = RUNS * 60 / middle
        print(
            f"{name:34s} {middle:6.1f} s {spread:16s} {rate:5.1f} runs/min "
            f"{alone / middle:5.2f}"
        )


if __name__ == "__main__":
    main()
