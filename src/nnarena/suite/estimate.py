"""How long a suite will take, before anything of it starts.

A pair of contender and task that the results folder already knows from this processor
is taken at what it took. Any other is estimated from the trace of its training step:
so many results of operations and so much work in matrix products, each at the price
that was fitted to the quick suite on one processor, scaled by how fast this machine
does one small reference loop. It counts updates, not checks and tests. Of 19 programs
of the committed records from such a processor it says 0.13 to 1.67 of what they took,
0.74 in the middle, and 14 within a factor of two; what runs beside others takes longer.
"""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import jax
import jax.numpy as jnp

from ..core.compiling import jit
from ..runs.record import Entrant, Record
from ..tasks.base import Splits
from ..tasks.files import DataFolder, DataProblem
from ..training.flops import Work
from . import provenance
from .plan import Assembled, Job, assemble
from .programs import require_answers_of, require_values_of, task_splits


@dataclass(frozen=True)
class Prices:
    """Seconds on one core of the reference machine: what `benchmarks/estimate.py` fits.

    Per result of an operation, per operation of a matrix product, per program to be
    compiled, and of the reference loop.
    """

    element: float
    flop: float
    compile: float
    reference_loop: float

    def run(self, work: Work) -> float:
        """Returns the seconds of training, compilation aside."""
        return work.elements * self.element + work.matmul_flops * self.flop


PRICES = Prices(element=2.8e-10, flop=3.0e-11, compile=6.4, reference_loop=1.34e-3)
"""Fitted to `arena run quick` on an AMD EPYC: 0.84 to 1.15 of what was measured."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of one run of a program, and where they come from."""

    run_seconds: float | None
    compile_seconds: float
    source: str


class Estimator:
    """Tells what runs will take; the rows of the last task are kept for the next job.

    Reading them is most of the work where many contenders play one real task: ask of
    the jobs of one task after each other.
    """

    def __init__(self, records: Sequence[Record], data: DataFolder):
        self.records, self.data = records, data
        self._kept: tuple[str, Splits] | None = None

    def estimate(self, job: Job) -> Estimate:
        """Returns what one run of a job's program will take on one core.

        Raises:
            EntrantProblem: a user's entrant is not what it has to be.
        """
        processor = provenance.hardware()["processor"]
        known = [
            record.cost
            for record in self.records
            if record.identity.model_copy(update={"seed": 0}).key == job.program
            and record.result.outcome == "finished"
            and record.provenance.hardware["processor"] == processor
        ]
        if known:
            compiled = max(cost.compile_seconds for cost in known)
            return Estimate(
                median(cost.run_seconds for cost in known), compiled, "measured"
            )
        speed = machine_speed()
        try:
            work = self.work(job)
        except DataProblem:
            return Estimate(None, PRICES.compile * speed, "no data")
        return Estimate(PRICES.run(work) * speed, PRICES.compile * speed, "estimated")

    def work(self, job: Job) -> Work:
        """Returns the work of a job's updates, from traces.

        Raises:
            DataProblem: the task's data cannot be read.
            EntrantProblem: a user's entrant is not what it has to be.
        """
        parts = assemble(job)
        splits = self._splits(parts, job.identity.task)
        require_answers_of(parts, splits)
        return parts.trainer.work(parts.build, parts.task, splits)

    def _splits(self, parts: Assembled, task: Entrant) -> Splits:
        told = task.model_dump_json()
        if self._kept is None or self._kept[0] != told:
            self._kept = None  # frees the rows of the task before
            splits = task_splits(parts, task.name, self.data)
            require_values_of(parts, task.name, splits)
            self._kept = told, splits
        return self._kept[1]


def total_seconds(costs: Sequence[tuple[Estimate, int]], workers: int) -> float | None:
    """Returns the wall time of programs with so many runs each; None if unknown.

    The work is taken to spread evenly over the workers, but for the longest run.
    """
    if any(cost.run_seconds is None for cost, count in costs if count):
        return None
    seconds = [
        (cost.run_seconds or 0.0) * count + cost.compile_seconds
        for cost, count in costs
        if count
    ]
    longest = max(
        (cost.run_seconds or 0.0 for cost, count in costs if count), default=0.0
    )
    return max(longest, sum(seconds, 0.0) / max(1, workers))


@functools.cache
def machine_speed() -> float:
    """Returns this machine's time for the reference loop over the reference's."""
    return reference_loop() / PRICES.reference_loop


def reference_loop() -> float:
    """Returns the seconds of 1,000 steps of a small tanh network, the best of five."""

    @jit
    def run(weight):
        def step(h, _):
            return jnp.tanh(h @ weight), None

        return jax.lax.scan(step, jnp.ones((32, 32)), length=1_000)[0]

    weight = jnp.full((32, 32), 0.01)
    jax.block_until_ready(run(weight))
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        jax.block_until_ready(run(weight))
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
