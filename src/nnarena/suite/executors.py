"""Who does the jobs: this process, or a pool of worker processes.

Steps this small do not use a second core, so that a CPU gets one pinned process per
core with one compute thread each; on an accelerator seeds and learning rates become
axes of arrays in this process. A session chooses by the device, and
`benchmarks/executors.py` compares the three ways on yours.
"""

import abc
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runs.store import open_store
from . import provenance
from .config import SuiteProblem
from .events import Event
from .limits import NO_LIMITS, Limits
from .plan import Job, by_program
from .runner import Runner


class AbstractExecutor(abc.ABC):
    """Does jobs and tells what happens.

    Every job that is begun ends with one event of `events.ENDS`. After `stop` no job
    is begun, and those under way end at their next check.
    """

    workers: int
    """How many jobs are done at a time, for estimates."""

    @abc.abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Yields the events of the jobs as they happen."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Asks for an early end; returns at once. Signal handlers may call it."""

    @property
    @abc.abstractmethod
    def stopping(self) -> bool:
        """Whether an early end was asked for."""


class InProcess(AbstractExecutor):
    """Does the jobs here, one after another, or with axes several at once.

    With `axes` the seeds of a program and the learning rates on trial are axes of its
    arrays, as many as the device's memory holds. A time limit acts between checks only:
    nobody is there to end a check that hangs. For a memory limit take worker processes.
    """

    def __init__(
        self,
        results: str | Path,
        *,
        axes: bool = False,
        limits: Limits = NO_LIMITS,
    ):
        if limits.bytes is not None:
            raise SuiteProblem(
                "a memory limit needs worker processes, whose memory can be read "
                "apart: give --workers 1 or more"
            )
        self.workers = 1
        self.axes = axes
        name = "in process, seeds and rates as axes" if axes else "in process"
        data = provenance.data_folder()
        self.runner = Runner(open_store(results), data, name, limits, axes=axes)

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        for group in by_program(jobs):
            size = len(group) if self.axes else 1
            for start in range(0, len(group), size):
                if self.stopping:
                    return
                yield from self.runner.run(group[start : start + size])

    def stop(self) -> None:
        self.runner.stop()

    @property
    def stopping(self) -> bool:
        return self.runner.stopping
