"""Training steps of this checkout and of another commit of it, in turns.

    benchmarks/against.py COMMIT [NAME ...] [--size T,BATCH,HIDDEN] [--rounds N]
        [--limit RATIO]

Every contender that both know, its settings as they are by default, one process for
each commit, both pinned to one core, as a suite's workers are. Prints milliseconds of a
step, and the time here over the time there: median and quartiles of pairs. With
`--limit` a median above it makes the exit code 1.

The other commit is checked out to a temporary folder; it runs with this environment's
packages.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from entering import ROOT, checked_out

from nnarena.models import MODELS
from nnarena.suite.bench import Turns, TurnsProblem, time_in_turns
from nnarena.suite.birth import birth_environment


def steps_of(checkout: Path, name: str, size: Sequence[int]) -> Turns:
    """Returns the process that takes training steps by the code of a checkout."""
    order = json.dumps({"contender": name, "size": list(size)})
    command = [sys.executable, "-m", "nnarena.suite.bench", order]
    return Turns(command, birth_environment() | {"PYTHONPATH": str(checkout / "src")})


def ratio(name: str, other: Path, size: Sequence[int], rounds: int) -> float:
    """Prints the row of a contender; returns the median of its pairs."""
    opened: list[Turns] = []
    try:
        for checkout in (ROOT, other):
            opened.append(steps_of(checkout, name, size))
        timing = time_in_turns(opened, rounds=rounds)
    finally:
        for process in opened:
            process.close()
    low, middle, high = timing.ratios(0, 1)
    here, there = (1e3 * timing.quartiles(i)[1] for i in range(2))
    print(
        f"{name:28s} {here:9.2f} {there:9.2f}   {middle:5.3f} [{low:.3f}, {high:.3f}]",
        flush=True,
    )
    return float(middle)


def main() -> None:
    """Prints the table; exits with 1 where a median is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--size", default="50,32,32", help="T,BATCH,HIDDEN")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=float)
    given = parser.parse_args()
    size = [int(part) for part in given.size.split(",")]
    print("contender                      here ms  there ms   here / there")
    slower = []
    with checked_out(given.commit) as other:
        for name in given.names or [
            entry.name for entry in MODELS if not entry.outside
        ]:
            try:
                middle = ratio(name, other, size, given.rounds)
            except TurnsProblem as problem:
                print(f"{name:28s} {problem}", flush=True)
                continue
            if given.limit is not None and middle > given.limit:
                slower.append(name)
    if slower:
        raise SystemExit(f"slower than {given.limit}: {', '.join(slower)}")


if __name__ == "__main__":
    main()
