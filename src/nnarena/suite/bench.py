"""Training steps timed in turns: one process per contender, or per peer.

A process builds what it is to time, warms up and prints a line of JSON about it; then,
for every line `N` of its input, it takes N training steps and prints
`{"seconds": ...}`, the time of all of them. The peers in `benchmarks/peers` keep the
same protocol, so that any two are timed in the same minute of a noisy machine, each
with threads and allocator of its own. What this module runs as a child:

    python -m nnarena.suite.bench '{"contender": "lstm", "size": [200, 32, 64]}'
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from .birth import birth_environment


Cores = Literal["one", "all"]

ERROR = re.compile(r"[\w.]+(Error|Exception|Problem): ")
"""How the last line of a traceback begins; frameworks add hints after it."""


class Order(BaseModel):
    """What a child is to time: a contender with its settings, at a size.

    `cores` is "one" for how a suite's worker runs, pinned and with one thread, or
    "all" for a process by itself. With `trace` the child leaves a trace of two steps
    in that folder, and with `profile` it says where their time went.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contender: str
    settings: Mapping[str, Any] = {}
    size: tuple[int, int, int]
    cores: Cores = "one"
    plugins: tuple[str, ...] = ()
    trace: str | None = None
    profile: bool = False


class TurnsProblem(RuntimeError):
    """A timed process ended before its time."""


class Turns:
    """A process that takes training steps when told to.

    `about` is what it said of itself when it was ready.

    Raises:
        TurnsProblem: the process ended; the message is the last it said.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None):
        self.process = subprocess.Popen(
            list(command),
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.about = self._hear()
        except BaseException:
            self.close()
            raise

    def seconds(self, steps: int) -> float:
        """Returns the time of one of so many steps."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self._hear()["seconds"] / steps

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        _, errors = self.process.communicate()
        said = errors.strip().splitlines() or ["it said nothing"]
        errors_said = [line for line in said if ERROR.match(line)]
        raise TurnsProblem((errors_said or said)[-1])


def order_turns(order: Order) -> Turns:
    """Returns the process that times a contender of the arena."""
    environment = birth_environment(threads=order.cores == "all")
    command = [sys.executable, "-m", "nnarena.suite.bench", order.model_dump_json()]
    return Turns(command, environment)


@dataclass(frozen=True)
class Timing:
    """Seconds per step of several processes, one row per round taken in turn."""

    seconds: np.ndarray

    def quartiles(self, of: int) -> np.ndarray:
        """Returns the lower quartile, median and upper quartile of one process."""
        return np.quantile(self.seconds[:, of], [0.25, 0.5, 0.75])

    def ratios(self, over: int, under: int) -> np.ndarray:
        """Returns the lower quartile, median and upper quartile of paired ratios."""
        pairs = self.seconds[:, over] / self.seconds[:, under]
        return np.quantile(pairs, [0.25, 0.5, 0.75])


def time_in_turns(
    processes: Sequence[Turns], *, rounds: int, turn_seconds: float = 0.3
) -> Timing:
    """Times processes round by round, each for about so long at a turn.

    What waits does nothing, so that each has the machine to itself.
    """
    counts = [max(1, round(turn_seconds / p.seconds(1))) for p in processes]
    rows = [
        [p.seconds(count) for p, count in zip(processes, counts, strict=True)]
        for _ in range(rounds)
    ]
    return Timing(np.array(rows))


def main(order: Order) -> None:
    """Takes the turns of one contender until the input ends."""
    voice = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever an entrant prints goes to the errors
    if order.cores == "one":
        from .worker import pin_to_core

        pin_to_core(0)
    from ..core.plugins import import_file
    from ..models.contender import Contender
    from .training_step import Size, TrainingStep, product_gflops

    for plugin in order.plugins:
        import_file(plugin)
    size = Size(*order.size)
    step = TrainingStep(Contender(order.contender, order.settings), size)
    step.run(2)
    about = {
        "ready": True,
        "parameters": step.parameters,
        "compile_seconds": step.compile_seconds,
        "bytes": step.bytes,
        "matmul_flops": step.matmul_flops,
        "product_gflops": product_gflops(size.batch, size.hidden),
    }
    if order.trace is not None or order.profile:
        about |= profiled(step, order)
    print(json.dumps(about), file=voice)
    for line in sys.stdin:
        begun = time.perf_counter()
        step.run(int(line))
        print(json.dumps({"seconds": time.perf_counter() - begun}), file=voice)


def profiled(step: Any, order: Order) -> dict[str, Any]:
    """Returns the trace's file, if it was asked for, and what took its time."""
    from .profile import shares, trace

    with tempfile.TemporaryDirectory() as folder:
        file = trace(step, Path(order.trace or folder))
        found = {"profile": shares(step.program_text, file)} if order.profile else {}
    return {**found, "trace": str(file)} if order.trace else found


if __name__ == "__main__":
    main(Order.model_validate_json(sys.argv[1]))
