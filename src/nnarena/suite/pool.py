"""A pool of worker processes, each on a core of its own, watched by their parent.

A worker that dies costs the current check: another takes its place and goes on from
the last checkpoint. A run at which workers die again and again is recorded as failed.
"""

import queue
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.problems import StoreProblem
from ..runs.store import AbstractStore, open_store
from . import provenance
from .checkpoints import load_checkpoint
from .events import ENDS, Event
from .executors import AbstractExecutor
from .keeping import done_elsewhere, record_failure
from .ledger import Ledger
from .limits import NO_LIMITS, Limits
from .plan import Job, by_program
from .worker_process import Inbox, WorkerProcess


DEATHS = 3
"""How often a worker may die at a run before the run is recorded as failed."""

WATCH_SECONDS = 0.25
"""How often limits are looked at."""

SLACK_SECONDS = 2.0
"""How long after its limit a run may end itself, between checks, before it is ended."""

PREPARE_SECONDS = 600.0
"""How much longer than a run may take its data and program may take to be ready."""

TAIL_LINES, TAIL_LETTERS = 5, 400
"""How much of its log a failed record holds."""


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


class WorkerPool(AbstractExecutor):
    """Does the jobs in `workers` processes, each pinned to a core of its own."""

    def __init__(self, results: str | Path, workers: int, limits: Limits = NO_LIMITS):
        self.results, self.workers, self.limits = results, workers, limits
        self._inbox: Inbox = queue.SimpleQueue()
        self._stopping = False
        self._deaths: Counter[str] = Counter()

    def stop(self) -> None:
        self._stopping = True
        self._inbox.put(None)  # wakes `run`

    @property
    def stopping(self) -> bool:
        return self._stopping

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        if self._stopping:
            return
        schedule = Schedule(jobs)
        slots = range(min(self.workers, len(jobs)))
        pool: list[WorkerProcess] = []
        try:
            for slot in slots:
                pool.append(self._hire(slot))
                pool[-1].give(schedule.next(slot))
            while any(worker.job is not None for worker in pool):
                heard = self._wait()
                if heard is not None and heard[0] in pool:
                    yield from self._take_in(*heard, pool, schedule)
                self._watch(pool)
        finally:
            for worker in pool:
                worker.end()

    def _hire(self, slot: int) -> WorkerProcess:
        return WorkerProcess(slot, self.results, self._inbox, self.limits.seconds)

    def _next(self, worker: WorkerProcess, schedule: "Schedule") -> Job | None:
        return None if self._stopping else schedule.next(worker.slot)

    def _wait(self) -> tuple[WorkerProcess, Event | None] | None:
        """Returns what a worker says next; None: look again."""
        watched = self.limits != NO_LIMITS
        try:
            return self._inbox.get(timeout=WATCH_SECONDS if watched else None)
        except queue.Empty:
            return None

    def _take_in(
        self,
        worker: WorkerProcess,
        event: Event | None,
        pool: list[WorkerProcess],
        schedule: Schedule,
    ) -> Iterator[Event]:
        """Passes on what a worker says, and gives it its next job or a successor."""
        if event is None:
            yield from self._bury(worker, pool, schedule)
        elif event.kind == "unwritable":
            raise StoreProblem(event.text)
        elif event.kind == "stopped" and not self._stopping:
            pass  # somebody else ended it: that is a death like any other
        else:
            worker.hear(event)
            yield event
            if event.kind in ENDS:
                worker.give(self._next(worker, schedule))

    def _watch(self, pool: Sequence[WorkerProcess]) -> None:
        """Asks workers to stop when it is time, and holds them to the limits.

        Nobody is judged while something is unheard: it may be the end of the run.
        """
        for worker in pool:
            if self._stopping:
                worker.ask_to_stop()
            if self._inbox.empty():
                self._judge(worker)

    def _judge(self, worker: WorkerProcess) -> None:
        """Ends a worker whose run is over a limit; its burial says why."""
        if worker.job is None or worker.verdict is not None:
            return
        limits, quiet = self.limits, worker.quiet_seconds
        if not worker.started and limits.is_late(quiet - PREPARE_SECONDS):
            worker.sentence(f"its program was not ready after {quiet:,.0f} s")
        elif worker.started and limits.is_late(worker.run_seconds - SLACK_SECONDS):
            worker.sentence(f"{limits.late(worker.run_seconds)}, within a check")
        elif limits.bytes is not None:
            used = provenance.resident_memory(worker.process.pid)
            if used > limits.bytes:
                worker.sentence(limits.greedy(used))
                worker.is_to_blame = worker.jobs == 1

    def _bury(
        self, dead: WorkerProcess, pool: list[WorkerProcess], schedule: "Schedule"
    ) -> Iterator[Event]:
        """Replaces a worker that has ended, and decides what becomes of its run."""
        dead.settle()
        dead.end()
        job = dead.job
        dead.job = None
        if job is not None and self._stopping:
            yield Event(kind="stopped", key=job.key)
        if job is None or self._stopping:
            return
        event = self._judgment(dead, job)
        yield event
        heir = self._hire(dead.slot)
        pool[pool.index(dead)] = heir
        heir.give(job if event.kind == "note" else self._next(heir, schedule))

    def _judgment(self, dead: WorkerProcess, job: Job) -> Event:
        """Returns the end of a run whose worker died, or a note: it is tried again."""
        store = open_store(self.results)
        if job.key in store:  # it died between the record and the news
            return done_elsewhere(store, job)
        if dead.verdict is not None:
            if dead.is_to_blame:
                return self._fail(store, job, dead.verdict)
            # What the runs before left was counted too: it gets a process of its own.
            text = f"{job.identity.label}: {dead.verdict}; tried again in a new process"
            return Event(kind="note", key=job.key, text=text)
        self._deaths[job.key] += 1
        times = self._deaths[job.key]
        if times < DEATHS:
            text = f"its worker {dead.epitaph()}; it goes on from its last checkpoint"
            count = f"death {times} of at most {DEATHS}"
            return Event(
                kind="note", key=job.key, text=f"{job.identity.label}: {text} ({count})"
            )
        reason = f"its worker died {times} times, at last it {dead.epitaph()}"
        log = provenance.log_folder(self.results) / f"{job.key}.txt"
        said = log.read_text(errors="replace") if log.is_file() else ""
        tail = log_tail(said)
        return self._fail(store, job, f"{reason}; its log ends: {tail}")

    def _fail(self, store: AbstractStore, job: Job, reason: str) -> Event:
        """Records a run as failed, with its curve as far as it was kept."""
        ledger = Ledger(job, "worker process")
        checkpoint = load_checkpoint(store, job.key)
        try:
            if checkpoint is not None:
                ledger.take_up(checkpoint[1])
        except (ValueError, KeyError, TypeError):  # that of another version of this
            ledger = Ledger(job, "worker process")
        return record_failure(store, ledger, reason)


def log_tail(log: str) -> str:
    """Returns the last lines of a log as one, cut to what a sentence can bear."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    said = " | ".join(line for line in lines[-TAIL_LINES:] if line[:3] != "---")
    return said[-TAIL_LETTERS:] if said else "it said nothing"
