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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax

from ..core.source_files import sources
from ..runs.base import AbstractStore
from ..runs.claims import Claim
from . import provenance
from .events import ENDS, Event
from .limits import NO_LIMITS, Limits
from .plan import Job
from .programs import use_compilation_cache
from .runner import Runner


Texts = Mapping[str, str]
"""What the files of a plug-in say, by their names within its folder."""

NEWS_SECONDS = 1.0
"""A worker answers at the first check after so long: calls are rare, and views live."""


@dataclass(frozen=True)
class News:
    """What a worker has to tell since it was last asked.

    `changes` are files by name, in the order in which they were written; None is one
    that was removed (`AbstractStore.apply`).
    """

    events: Sequence[Event]
    changes: Mapping[str, bytes | None]

    @property
    def ended(self) -> bool:
        """Whether the current job has come to its end."""
        return any(event.kind in ENDS for event in self.events)


class Outbox(AbstractStore):
    """A store in memory that knows what has changed since it was last asked.

    Its address is that of the store to which the changes go in the end.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._files: dict[str, bytes] = {}
        self._changes: dict[str, bytes | None] = {}

    def lay_out(self, files: Mapping[str, bytes]) -> None:
        """Holds these files from now on, and no others."""
        self._files, self._changes = dict(files), {}

    def take_changes(self) -> dict[str, bytes | None]:
        """Returns the changes since the last time."""
        changes, self._changes = self._changes, {}
        return changes

    @property
    def address(self) -> str:
        return self._address

    def prepare(self) -> None:
        return

    def claim(self, key: str) -> Claim:
        """Grants every run: the driver claims it where others see that."""
        return Claim()

    def claimed(self) -> set[str]:
        return set()

    def _names(self, kind: str) -> list[str]:
        return sorted(name for name in self._files if name.startswith(f"{kind}/"))

    def _fetch(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        for name in names:
            yield name, self._files.get(name, FileNotFoundError(name))

    def _write(self, name: str, content: bytes) -> None:
        self._files[name] = content
        self._change(name, content)

    def _move(self, name: str, target: str) -> None:
        if name not in self._files:
            raise FileNotFoundError(name)
        self._write(target, self._files[name])
        self._remove(name)

    def _remove(self, name: str) -> None:
        if self._files.pop(name, None) is not None:
            self._change(name, None)

    def _change(self, name: str, content: bytes | None) -> None:
        self._changes.pop(name, None)  # what is written last stands last
        self._changes[name] = content


class RemoteWorker:
    """Does one job after another, in pieces, for a driver that keeps the results.

    Args:
        address: of the driver's store, for messages.
        executor: the name that records give to this way of running.
        plugins: the files that register entrants, by their path on the driver's
            machine; they need not be on this one.
        data: where real data lies if this machine's NNARENA_DATA does not say.
        limits: the seconds that a run may take; memory is not watched.
    """

    def __init__(
        self,
        address: str,
        executor: str,
        plugins: Mapping[str, Texts],
        data: str | None = None,
        limits: Limits = NO_LIMITS,
    ):
        if data is not None:
            os.environ.setdefault("NNARENA_DATA", data)
        use_compilation_cache()
        self._plugins = write_plugins(plugins)
        self._outbox = Outbox(address)
        folder = provenance.data_folder()
        self._runner = Runner(self._outbox, folder, executor, limits)
        self._events: Iterator[Event] = iter(())

    def greet(self) -> tuple[dict[str, str], str]:
        """Returns the versions here and the kind of device that jax computes on."""
        return provenance.versions(), jax.default_backend()

    def begin(self, job: Job, files: Mapping[str, bytes]) -> News:
        """Begins a job, and returns the first news of it.

        `files` are what the driver's store has of an earlier try, by name.
        """
        self._outbox.lay_out(files)
        here = job.model_copy(update={"copies": self._plugins})
        self._events = self._runner.run([here])
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
        return News(events, self._outbox.take_changes())


def texts_of(plugin: str) -> Texts:
    """Returns the texts of a plug-in and of what it imports from its own folder."""
    return {
        name: path.read_text(encoding="utf-8")
        for name, path in sources(Path(plugin)).items()
    }


def write_plugins(plugins: Mapping[str, Texts]) -> dict[str, str]:
    """Writes plugin files into the cache; returns where each of them lies here.

    A folder is named by what the files in it say, so that workers share it.
    """
    places = {}
    for path, texts in plugins.items():
        digest = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:20]
        folder = provenance.cache_folder() / "plugins" / digest
        for name, text in texts.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f".{uuid.uuid4().hex}.part")
            part.write_text(text, encoding="utf-8")
            part.replace(place)
        places[path] = str(folder / Path(path).name)
    return places
