"""A pool of worker processes, each on a core of its own."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runs.store import open_store
from . import provenance
from .events import Event
from .executors import AbstractExecutor, by_program
from .ledger import Ledger
from .plan import Job
from .runner import record_failure


BIRTH_SETTINGS = {
    # One compute thread: steps this small do not use a second one.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    # glibc gives the scan's buffers back to the kernel after every step and faults
    # them in again; kept, they are there for the next step.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "2147483647",
    "MALLOC_TOP_PAD_": "268435456",
}
"""What a worker's environment must hold before it starts."""

Inbox = queue.SimpleQueue[tuple["Worker", Event | None]]
"""Events of all workers; None says that a worker's output has ended."""


class Schedule:
    """Who does which job next: a worker stays with the program that it has compiled.

    When no program is left untouched, a free worker shares the one with most left.
    """

    def __init__(self, jobs: Sequence[Job]):
        self._untouched = by_program(jobs)
        self._taken: dict[int, list[Job]] = {}

    def next(self, slot: int) -> Job | None:
        """Returns the next job for a worker, or None when all are given out."""
        group = self._taken.get(slot, [])
        if not group:
            if self._untouched:
                group = self._untouched.pop(0)
            else:
                group = max(self._taken.values(), key=len, default=[])
            self._taken[slot] = group
        return group.pop(0) if group else None


class Worker:
    """One worker process and the job that it has in hand."""

    def __init__(self, slot: int, results: str | Path, inbox: Inbox):
        self.slot, self.results, self.inbox = slot, results, inbox
        self.job: Job | None = None
        self.log = provenance.log_folder(results) / f"worker-{slot}.txt"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        flags = [os.environ.get("XLA_FLAGS", ""), BIRTH_SETTINGS["XLA_FLAGS"]]
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nnarena.suite.worker", str(slot), str(results)],
                env={
                    **os.environ,
                    **BIRTH_SETTINGS,
                    "XLA_FLAGS": " ".join(flags).strip(),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the parent, who tells the rest
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            self.inbox.put((self, Event.model_validate_json(line)))
        self.inbox.put((self, None))

    def give(self, job: Job | None) -> None:
        """Sends the next job, if there is one."""
        self.job = job
        if job is not None and self.process.stdin is not None:
            # A broken pipe means that it is dying; the end of its output says so too.
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(job.model_dump_json().encode() + b"\n")
                self.process.stdin.flush()

    def epitaph(self) -> str:
        """Says how the process ended."""
        code = self.process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"the worker process ended {how}; see {self.log}"

    def stop(self) -> None:
        """Ends the process at once; its last checkpoint stays."""
        self.process.kill()
        self._listener.join()
        with contextlib.suppress(BrokenPipeError), self.process:
            pass  # closes the pipes and waits


class WorkerPool(AbstractExecutor):
    """Does the jobs in `workers` processes, each pinned to a core of its own."""

    def __init__(self, results: str | Path, workers: int):
        self.results = results
        self.workers = workers

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        schedule = Schedule(jobs)
        inbox: Inbox = queue.SimpleQueue()
        pool = [
            Worker(slot, self.results, inbox)
            for slot in range(min(self.workers, len(jobs)))
        ]
        try:
            for worker in pool:
                worker.give(schedule.next(worker.slot))
            while any(worker.job is not None for worker in pool):
                worker, event = inbox.get()
                if event is not None:
                    yield event
                    if event.kind in ("done", "failed"):
                        worker.give(schedule.next(worker.slot))
                elif worker.job is not None:
                    yield self._bury(worker)
                    heir = Worker(worker.slot, self.results, inbox)
                    pool[pool.index(worker)] = heir
                    heir.give(schedule.next(heir.slot))
        finally:
            for worker in pool:
                worker.stop()

    def _bury(self, worker: Worker) -> Event:
        """Records the job of a worker that died as failed."""
        assert worker.job is not None
        reason = worker.epitaph()
        worker.stop()
        ledger = Ledger(worker.job, "worker process")
        return record_failure(open_store(self.results), ledger, reason)
