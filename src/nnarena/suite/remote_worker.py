"""A worker on another machine: it trains there, and what it keeps is fetched from it.

It knows no store. It is given a job with the checkpoint to go on from, and is then
asked for its news again and again: each answer holds what happened and what is to be
kept since the last one. So nothing needs to be shared between machines but a way to
call this class and have the answer back; `on_ray` makes an actor of it.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jax

from ..runs.claims import Claim
from ..runs.record import History, Record
from ..runs.store import AbstractStore, Arrays
from . import provenance
from .events import ENDS, Event
from .limits import NO_LIMITS, Limits
from .plan import Job
from .programs import use_compilation_cache
from .runner import Runner


NEWS_SECONDS = 1.0
"""A worker answers at the first check after so long: calls are rare, and views live."""

Checkpoint = tuple[Arrays, Mapping[str, str]]


@dataclass
class News:
    """What a worker has to tell since it was last asked.

    Attributes:
        texts: by kind and key, as `AbstractStore.put_text` takes them.
    """

    events: list[Event] = field(default_factory=list)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: list[tuple[Record, History, Arrays]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the job in hand has come to its end."""
        return any(event.kind in ENDS for event in self.events)

    def keep(self, store: AbstractStore) -> None:
        """Puts into a store what the worker would have put there.

        Raises:
            OSError: the store cannot be written.
        """
        for key, (arrays, notes) in self.checkpoints.items():
            store.put_checkpoint(key, arrays, notes)
        for (kind, key), text in self.texts.items():
            store.put_text(kind, key, text)
        for record, history, weights in self.runs:
            store.put(record, history, weights)


class Outbox(AbstractStore):
    """What a worker puts until it is fetched; of what was there, what it was given."""

    def __init__(self) -> None:
        self.news = News()
        self._checkpoints: dict[str, Checkpoint] = {}
        self._texts: dict[tuple[str, str], str] = {}

    def give(self, key: str, checkpoint: Checkpoint | None, log: str | None) -> None:
        """Lays out what there is of a run, in place of what was there of another."""
        self._checkpoints = {} if checkpoint is None else {key: checkpoint}
        self._texts = {} if log is None else {("logs", key): log}

    def fetch(self, events: list[Event]) -> News:
        """Returns what has come together beside some events, and starts afresh."""
        fetched, self.news = self.news, News()
        fetched.events = events
        return fetched

    def put(self, record: Record, history: History, weights: Arrays) -> None:
        self.news.runs.append((record, history, weights))
        self.news.texts.pop(("progress", record.key), None)
        if record.result.outcome != "failed":
            self.news.checkpoints.pop(record.key, None)

    def put_checkpoint(
        self, key: str, arrays: Arrays, notes: Mapping[str, str]
    ) -> None:
        self.news.checkpoints[key] = (arrays, notes)

    def checkpoint(self, key: str) -> Checkpoint | None:
        return self._checkpoints.get(key)

    def put_text(self, kind: str, key: str, text: str) -> None:
        self._texts[kind, key] = self.news.texts[kind, key] = text

    def text(self, kind: str, key: str) -> str | None:
        return self._texts.get((kind, key))

    def set_aside(self, kind: str, key: str) -> str | None:
        """Forgets a file; the driver gave a copy and still has it."""
        gone = self._checkpoints.pop(key, None) if kind == "checkpoints" else None
        return None if gone is None else "nowhere: it stays until the next one comes"

    def claim(self, key: str) -> Claim:
        """Grants a run: the driver claims it where others see that."""
        return Claim()

    def keys(self, kind: str) -> list[str]:
        return sorted(key for of, key in self._texts if of == kind)

    def __contains__(self, key: str) -> bool:
        return any(record.key == key for record in self)

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _, _ in self.news.runs)

    def unreadable(self) -> list[tuple[str, str]]:
        return []

    def history(self, key: str) -> History | None:
        return next((h for _, h, _ in self.news.runs if h.key == key), None)

    def weights(self, key: str) -> Arrays:
        for record, _, weights in self.news.runs:
            if record.key == key:
                return weights
        raise FileNotFoundError(f"there are no weights of the run {key} here")


class RemoteWorker:
    """Does one job after another, in pieces, for a driver that keeps the results.

    Args:
        plugins: the texts of the files that register entrants, by their path on the
            driver's machine; they need not be on this one.
        data: where real data lies if this machine's NNARENA_DATA does not say.
        executor: the name that records give to this way of running.
        limits: the seconds that a run may take; memory is not watched.
    """

    def __init__(
        self,
        plugins: Mapping[str, str],
        data: str | None,
        executor: str,
        limits: Limits = NO_LIMITS,
    ):
        if data is not None:
            os.environ.setdefault("NNARENA_DATA", data)
        use_compilation_cache()
        self._plugins = write_plugins(plugins)
        self._outbox = Outbox()
        folder = provenance.data_folder()
        self._runner = Runner(self._outbox, folder, executor, limits)
        self._events: Iterator[Event] = iter(())

    def greet(self) -> tuple[dict[str, str], str]:
        """Returns the versions here and the kind of device that jax computes on."""
        return provenance.versions(), jax.default_backend()

    def begin(self, job: Job, checkpoint: Checkpoint | None, log: str | None) -> News:
        """Takes a job in hand, and returns the first news of it.

        `checkpoint` is where it goes on from, `log` what was said of it before.
        """
        local = tuple(self._plugins[path] for path in job.plugins)
        self._outbox.give(job.key, checkpoint, log)
        self._events = self._runner.run([job.model_copy(update={"plugins": local})])
        return self.go_on()

    def go_on(self, *, stop: bool = False) -> News:
        """Trains on for `NEWS_SECONDS`, or to the end, and returns the news.

        With `stop` the end is the next check; a checkpoint of it is in the news.
        """
        if stop:
            self._runner.stop()
        until = time.monotonic() + NEWS_SECONDS
        events = []
        for event in self._events:
            events.append(event)
            if time.monotonic() > until:
                break
        return self._outbox.fetch(events)


def write_plugins(texts: Mapping[str, str]) -> dict[str, str]:
    """Writes plugin files into the cache; returns where each of them lies here.

    A folder is named by what the file in it says, so that workers share it.
    """
    places = {}
    for path, text in texts.items():
        digest = hashlib.sha256(text.encode()).hexdigest()[:20]
        place = provenance.cache_folder() / "plugins" / digest / Path(path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{uuid.uuid4().hex}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(place)
        places[path] = str(place)
    return places
