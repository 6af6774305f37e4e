"""What is kept of a run in the store, and what is said where that fails."""

import contextlib
import os
import socket
from collections.abc import Iterator

from ..core.problems import StoreProblem
from ..runs.progress import Progress, put_progress
from ..runs.store import AbstractStore
from .events import Event
from .ledger import Ledger, now
from .plan import Job


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Tells a store that cannot be written from whatever else may go wrong.

    Raises:
        StoreProblem: in the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StoreProblem(
            f"the results folder cannot be written: {error}; what was finished is "
            "kept: remedy that and give the same command again to go on"
        ) from error


def record_failure(
    store: AbstractStore, ledger: Ledger, reason: str, peak_bytes: int | None = None
) -> Event:
    """Keeps the record of a run that broke, and returns the news.

    Raises:
        StoreProblem: the store cannot be written.
    """
    record = ledger.record(ledger.failure(reason), peak_bytes=peak_bytes)
    with writing():
        store.put(record, ledger.history(), {})
    return Event(kind="failed", key=ledger.job.key, text=reason)


def done_elsewhere(store: AbstractStore, job: Job) -> Event:
    """Returns the news of a run that another process finished in the meantime.

    Killed right after the record was there, it left its checkpoint behind.
    """
    with contextlib.suppress(OSError):
        store.forget(job.key)
    return Event(kind="done", key=job.key, text="finished by another process")


def set_aside(store: AbstractStore, kind: str, job: Job) -> Iterator[Event]:
    """Moves a damaged file of a run out of the way, if it is there, and says so.

    Raises:
        StoreProblem: the store cannot be written.
    """
    with writing():
        place = store.set_aside(kind, job.key)
    if place is not None:
        text = f"{job.identity.label}: a damaged file of {kind} was moved to {place}"
        yield Event(kind="note", key=job.key, text=text)


def add_to_log(store: AbstractStore, key: str, text: str) -> None:
    """Adds to what was said of a run.

    Raises:
        StoreProblem: the store cannot be written.
    """
    with writing():
        store.put_text("logs", key, (store.text("logs", key) or "") + text)


def tell(store: AbstractStore, ledger: Ledger) -> None:
    """Lets onlookers know how far a run has come, if that can be written."""
    said = Progress(
        key=ledger.job.key,
        host=socket.gethostname(),
        process=os.getpid(),
        executor=ledger.executor,
        told_at=now(),
        figures=ledger.figures(),
    )
    with contextlib.suppress(OSError):
        put_progress(store, said)
