"""What a suite costs beside its compiling and computing.

    benchmarks/orchestration.py [STEPS]

Runs `lstm` on `add` with three seeds through one worker process, each for so many steps
that it takes over 20 s, and prints the part of the wall time that no run spent in
compiling or in its program: from the start of the command, and from the first event,
when the worker has been born and has imported what it needs.
"""

import sys
import tempfile
import time

from nnarena.runs.store import open_store
from nnarena.suite.config import parse_suite
from nnarena.suite.executors import AbstractExecutor
from nnarena.suite.plan import make_jobs
from nnarena.suite.pool import WorkerPool


def main(steps: int) -> None:
    """Prints two shares."""
    content = {
        "name": "long",
        "models": ["lstm"],
        "tasks": [{"name": "add", "length": 200}],
        "seeds": 3,
        "width": 64,
        "trainer": {"steps": steps},
    }
    jobs = make_jobs(parse_suite(content, "long"))
    with tempfile.TemporaryDirectory() as results:
        begun = time.perf_counter()
        executor: AbstractExecutor = WorkerPool(results, 1)
        born = None
        for event in executor.run(jobs):
            if event.kind == "started" and born is None:
                compiled = event.figures["compiled"] or 0.0
                born = time.perf_counter() - compiled
        ended = time.perf_counter()
        costs = [record.cost for record in open_store(results)]
    spent = sum(cost.run_seconds + cost.compile_seconds for cost in costs)
    shortest = min(cost.run_seconds for cost in costs)
    print(f"three runs, the shortest of {shortest:.1f} s")
    for what, since in (("the command", begun), ("the worker's birth", born or begun)):
        wall = ended - since
        print(f"since {what}: {wall:.1f} s, {100 * (1 - spent / wall):.2f} % elsewhere")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_500)
