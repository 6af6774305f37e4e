"""Who does the jobs: this process, or a pool of worker processes.

Steps this small do not use a second core, so that a CPU gets one pinned process per
core with one compute thread each; on an accelerator the seeds of a program become an
axis of arrays in this process. A session chooses by the device, and
`benchmarks/executors.py` compares the three ways on yours.
"""

import abc
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runs.store import open_store
from . import provenance
from .events import Event
from .plan import Job
from .runner import Runner


class AbstractExecutor(abc.ABC):
    """Does jobs and tells what happens; every job ends as `done` or `failed`."""

    @abc.abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Yields the events of the jobs as they happen."""


def by_program(jobs: Sequence[Job]) -> list[list[Job]]:
    """Returns the jobs in groups that share a compiled program, in their order."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.program, []).append(job)
    return list(groups.values())


class InProcess(AbstractExecutor):
    """Does the jobs here, one after another; with `seeds_at_once` as an array axis."""

    def __init__(self, results: str | Path, *, seeds_at_once: int = 1):
        self.results = results
        self.seeds_at_once = seeds_at_once

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        name = (
            "in process" if self.seeds_at_once == 1 else "in process, seeds as an axis"
        )
        runner = Runner(open_store(self.results), provenance.data_folder(), name)
        for group in by_program(jobs):
            for start in range(0, len(group), self.seeds_at_once):
                yield from runner.run(group[start : start + self.seeds_at_once])
