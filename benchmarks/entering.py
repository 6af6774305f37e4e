"""What it takes to enter: `arena run smoke` with no program compiled before.

    benchmarks/entering.py --against COMMIT [--pairs N] [--suite NAME]

Runs the suite with this checkout and with another commit of it, in turn, each with an
empty cache of programs, one worker, and the processes together on one core. Prints
processor and wall seconds of each, and their ratio to the other's: median and quartiles
of pairs. Processor seconds are those of the command and of all that it started.

The other commit is checked out to a temporary folder; it runs with this environment's
packages.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


ROOT = Path(__file__).resolve().parent.parent
COMMAND = "import sys; from nnarena.cli import app; sys.exit(app())"


@dataclass(frozen=True)
class Spent:
    """Seconds of one command and of all processes that it started."""

    processor: float
    wall: float


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Checks a commit of this repository out, for as long as it is needed."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "checkout"
        subprocess.run([*git, "add", "-q", "--detach", place, commit], check=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", place], check=True)


def run(checkout: Path, suite: str) -> Spent:
    """Runs a suite from a checkout, with empty caches and into an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": str(checkout / "src"),
            "NNARENA_CACHE": f"{folder}/cache",
        }
        words = ["run", suite, "--results", f"{folder}/results", "--workers", "1"]
        before, begun = children_seconds(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            env=environment,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wall = time.perf_counter() - begun
        return Spent(children_seconds() - before, wall)


def children_seconds() -> float:
    """Returns the processor seconds of all that this process started and saw end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints a line per pair, and the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", required=True, metavar="COMMIT")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--suite", default="smoke")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # what it starts, too
    pairs: list[tuple[Spent, Spent]] = []
    with checked_out(given.against) as other:
        for _ in range(given.pairs):
            pairs.append((run(ROOT, given.suite), run(other, given.suite)))
            ours, theirs = pairs[-1]
            print(
                f"here {ours.processor:6.1f} s of a processor, {ours.wall:6.1f} s; "
                f"{given.against} {theirs.processor:6.1f} s, {theirs.wall:6.1f} s",
                flush=True,
            )
    for what in ("processor", "wall"):
        ratios = [getattr(a, what) / getattr(b, what) for a, b in pairs]
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(f"{what:9s} here / there {middle:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
