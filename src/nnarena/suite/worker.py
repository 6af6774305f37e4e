"""A worker process: `python -m nnarena.suite.worker SLOT RESULTS [SECONDS]`.

RESULTS is the address of a store.

Reads jobs as lines of JSON from its input and writes events as lines of JSON to its
output, until the input ends. A parent that died shows as a closed pipe, at the latest
at the next check, and ends the worker too. SIGTERM ends it after the current check.
What is printed while a run is done goes to the log of that run. SECONDS limit a run.
"""

import contextlib
import faulthandler
import os
import platform
import signal
import sys
from collections.abc import Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from ..core.problems import StoreProblem
from ..runs.claims import Claim, take
from ..runs.store import open_store
from . import provenance
from .events import ENDS, Event
from .keeping import writing
from .ledger import now
from .limits import Limits
from .plan import Job
from .programs import use_compilation_cache
from .runner import Runner


class Worker:
    """Does the jobs that come in until there are no more, or until it is stopped."""

    def __init__(self, results: str, limits: Limits, events: TextIO):
        store, data = open_store(results), provenance.data_folder()
        log = partial(said_into, provenance.log_folder(results))
        self.runner = Runner(store, data, "worker process", limits, log)
        self.events = events
        self.idle = True

    def stop(self, *_) -> None:
        """Ends the process after the current check, or now if there is none."""
        self.runner.stop()
        if self.idle:
            raise SystemExit

    def work(self, lines: Iterator[str]) -> None:
        """Does the jobs of an input."""
        for line in lines:
            self.idle = False
            job = Job.model_validate_json(line)
            end: list[Event] = []
            try:
                for event in self.runner.run([job]):
                    if event.kind in ENDS:
                        end.append(event)  # told when log and claim are let go, too
                    else:
                        self.tell(event)
            except StoreProblem as problem:
                self.tell(Event(kind="unwritable", key=job.key, text=str(problem)))
            for event in end:
                self.tell(event)
            self.idle = True
            if self.runner.stopping:
                return

    def tell(self, event: Event) -> None:
        """Sends an event to the parent."""
        try:
            print(event.model_dump_json(), file=self.events, flush=True)
        except BrokenPipeError:
            os._exit(1)  # the parent is gone; the checkpoint is on disk


@contextlib.contextmanager
def said_into(folder: Path, key: str) -> Iterator[None]:
    """Lets all that is printed, from C++ too, go to the end of a run's log.

    A log to which nothing was added is left as it was.

    Raises:
        StoreProblem: the file cannot be written.
    """
    path = folder / f"{key}.txt"
    with writing():
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        before = os.fstat(log).st_size
        os.write(log, f"--- {now()}, process {os.getpid()}\n".encode())
    head = os.fstat(log).st_size
    usual = os.dup(1), os.dup(2)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(usual, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _forget_head(path, log, before, head)
        os.close(log)


def _forget_head(path: Path, log: int, before: int, head: int) -> None:
    """Takes the headline back where nothing was said after it."""
    found = os.fstat(log)
    if found.st_nlink == 0 or found.st_size > head:  # replaced by a longer one, or so
        return
    with contextlib.suppress(OSError):
        os.ftruncate(log, before)
        if before == 0:
            path.unlink()


def pin_to_core(slot: int) -> None:
    """Keeps this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[slot % len(cores)]})


def pin_to_own_core(slot: int) -> Claim:
    """Keeps this process on a core that no other worker of this user is kept on.

    Two `arena run` at once would else share their first cores and leave the others
    idle. Cores are asked for from `slot` on; where all are taken, that one is shared.
    """
    if not hasattr(os, "sched_getaffinity"):
        return Claim()
    cores = sorted(os.sched_getaffinity(0))
    folder = provenance.cache_folder() / "cores"
    for offset in range(len(cores)):
        core = cores[(slot + offset) % len(cores)]
        try:
            claim = take(folder / f"{platform.node()}-{core}", patience=0.0)
        except OSError:  # the cache cannot be written
            break
        if claim is not None:
            os.sched_setaffinity(0, {core})
            return claim
    pin_to_core(slot)
    return Claim()


def main(slot: int, results: str, seconds: float | None) -> None:
    """Sets a worker process up and lets it work."""
    # Events own the real output; whatever an entrant prints goes to the log.
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a kill takes no finished line
    faulthandler.enable()
    core = pin_to_own_core(slot)
    use_compilation_cache()
    worker = Worker(results, Limits(seconds=seconds), events)
    signal.signal(signal.SIGTERM, worker.stop)
    worker.work(iter(sys.stdin))
    core.release()


if __name__ == "__main__":
    limit = float(sys.argv[3]) if len(sys.argv) > 3 else None
    main(int(sys.argv[1]), sys.argv[2], limit)
