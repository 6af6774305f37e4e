"""What a store is: where records, histories, weights and checkpoints are kept.

A store is a set of files named by the key of their run:

    records/KEY.json             written last: a run is done when this exists
    history/KEY.json
    weights/KEY.safetensors
    checkpoints/KEY.safetensors  of a run that is not done; removed when it is
    progress/KEY.json            how far a run under way has come; removed with it
    logs/KEY.txt                 what was said while a run was done
    claims/KEY.lock              who is doing a run (see `claims`)
    plans/KEY.json               what was asked for (see `plans`)
    evaluations/KEY-TASK.json    what its model answered to another task's test set
    set-aside/                   files that could not be read, moved out of the way

Every file appears whole or not at all: a reader never sees half a file, two writers
never collide, and copying one store's files into another merges them.
"""

import abc
import uuid
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath

from ..core.problems import StoreProblem
from .claims import Claim
from .files import (
    SUFFIXES,
    Arrays,
    name_of,
    read_arrays,
    read_named_history,
    records_in,
    to_safetensors,
)
from .older import is_of_ended_run, older_keys, upgraded
from .record import History, NewerRecord, Record, to_json


class AbstractStore(abc.ABC):
    """A set of runs by key.

    Contract: what was put is there, whole, for every later reader; putting the same
    run twice leaves one; a key is `in` the store only when its record can be read and
    its outcome is final ("failed" is not: such a run is tried again).

    What a run's files mean is decided here; an implementation keeps bytes by name.
    What cannot be written raises an OSError; what is not there reads as nothing, but a
    store or file that is out of reach raises a StoreProblem: a run must not be done
    again because a network was down or a record is closed to this user.
    """

    @property
    @abc.abstractmethod
    def address(self) -> str:
        """What `open_store` finds this store by."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Makes ready for writing, so that what forbids it shows before any work."""

    @abc.abstractmethod
    def claim(self, key: str) -> Claim | None:
        """Claims a run; None while another process has it.

        A store that cannot lock grants every claim: a run that is done twice ends
        twice with the same bits.
        """

    @abc.abstractmethod
    def claimed(self) -> set[str]:
        """Returns the keys that a process is doing, as far as locks tell."""

    @abc.abstractmethod
    def _names(self, kind: str) -> list[str]:
        """Returns the names of the files of a kind that are there, in order."""

    @abc.abstractmethod
    def _fetch(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        """Yields the content of files, or that there is none, in the given order."""

    @abc.abstractmethod
    def _write(self, name: str, content: bytes) -> None:
        """Writes all of a file or none of it, in place of an older one."""

    @abc.abstractmethod
    def _move(self, name: str, target: str) -> None:
        """Gives a file another name; FileNotFoundError if another was first."""

    @abc.abstractmethod
    def _remove(self, name: str) -> None:
        """Removes a file, if it is there."""

    def put(self, record: Record, history: History, weights: Arrays) -> None:
        """Keeps one ended run, and forgets its progress and checkpoint.

        The checkpoint of a failed run stays: the next try goes on from it.
        """
        files = {"weights": to_safetensors(weights)} if weights else {}
        self.put_files(record, {**files, "history": to_json(history).encode()})

    def put_files(self, record: Record, files: Mapping[str, bytes]) -> None:
        """Keeps one ended run as `put` does, its other files given by their kind."""
        for kind, content in files.items():
            self._write(name_of(kind, record.key), content)
        # The record is the sign that all of the run is there, so it comes last.
        self._write(name_of("records", record.key), to_json(record).encode())
        if record.result.outcome == "failed":
            self._remove(name_of("progress", record.key))
        else:
            self.forget(record.key)

    def forget(self, key: str) -> None:
        """Removes what is kept of a run under way: it is done."""
        for kind in ("progress", "checkpoints"):
            self._remove(name_of(kind, key))

    def __contains__(self, key: str) -> bool:
        """Whether a run has a final record here."""
        return key.isalnum() and key.isascii() and key in self.finished([key])

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Returns those of the keys that have a final record here.

        Raises:
            StoreProblem: a newer package has recorded one of them. Only that package
                can tell whether it is final, and it must not be written over.
        """
        found = self.records(keys).values()
        return {record.key for record in found if record.result.outcome != "failed"}

    def records(self, keys: Iterable[str]) -> dict[str, Record]:
        """Returns the records of some runs by key, those that can be read.

        Raises:
            StoreProblem: a newer package has recorded one of them.
        """
        names, found = [name_of("records", key) for key in keys], {}
        for name, record in records_in(self._read(names)):
            if isinstance(record, NewerRecord):
                raise StoreProblem(f"{self.place(name)}: {record}") from record
            if isinstance(record, Record):
                found[record.key] = record
        return found

    def __iter__(self) -> Iterator[Record]:
        """The records, one per run; what cannot be read is left out (`unreadable`).

        Of a run that lies under several keys, as of older schemas, the file of today's
        key counts, and without one the run that finished last.
        """
        found: dict[str, tuple[tuple[bool, str], Record]] = {}
        for name, record in records_in(self._read(self._names("records"))):
            if not isinstance(record, Record):
                continue
            today = PurePosixPath(name).stem == record.key
            rank = today, record.provenance.finished_at
            if record.key not in found or rank > found[record.key][0]:
                found[record.key] = rank, record
        for _, record in found.values():
            yield record

    @cached_property
    def older(self) -> dict[str, str]:
        """The keys of today whose files lie under the key of an older schema.

        Found once, by the first bytes of every record; `arena upgrade` ends the need.
        """
        return older_keys(self._fetch(self._names("records")))

    def unreadable(self) -> list[tuple[str, str]]:
        """The records that cannot be read: file and reason."""
        return [
            (self.place(name), (str(problem).splitlines() or ["it is damaged"])[0])
            for name, problem in records_in(self._read(self._names("records")))
            if not isinstance(problem, Record)
        ]

    def histories(self, keys: Iterable[str]) -> dict[str, History]:
        """Returns the histories that are kept of some runs, by key."""
        found = {}
        for name, content in self._read(name_of("history", key) for key in keys):
            try:
                if not isinstance(content, OSError):
                    history = read_named_history(name, content)
                    found[history.key] = history
            except ValueError:
                continue  # a run without its curve is still a run
        return found

    def history(self, key: str) -> History | None:
        """Returns a run's history, if it is kept."""
        return self.histories([key]).get(key)

    def weights(self, key: str) -> Arrays:
        """Returns a run's best weights.

        Raises:
            FileNotFoundError: there are none.
            ValueError: the file is damaged.
        """
        name = name_of("weights", key)
        content = self._content(name)
        try:
            return read_arrays(content)[0]
        except ValueError as error:
            place = self.place(name)
            raise ValueError(f"the weights in {place} are damaged: {error}") from error

    def put_checkpoint(
        self, key: str, arrays: Arrays, notes: Mapping[str, str]
    ) -> None:
        """Keeps the state of a run under way, in place of an older one."""
        self._write(name_of("checkpoints", key), to_safetensors(arrays, notes))

    def checkpoint(self, key: str) -> tuple[Arrays, Mapping[str, str]] | None:
        """Returns the state of a run under way; None where there is none to read."""
        name = name_of("checkpoints", key)
        try:
            return read_arrays(self._content(name))
        except (OSError, ValueError):
            return None  # a damaged checkpoint costs a fresh start, not the matrix

    def put_text(self, kind: str, key: str, text: str) -> None:
        """Keeps a small text of a kind: "logs", "progress", "plans"."""
        self._write(name_of(kind, key), text.encode())

    def text(self, kind: str, key: str) -> str | None:
        """Returns a text that was put, if it is there."""
        content = self.content(kind, key)
        return None if content is None else content.decode(errors="replace")

    def content(self, kind: str, key: str) -> bytes | None:
        """Returns a run's file of a kind as it lies, if there is one."""
        try:
            return self._content(name_of(kind, key))
        except FileNotFoundError:
            return None

    def contents(self, kind: str) -> Iterator[tuple[str, bytes]]:
        """Yields the keys and contents of all files of a kind."""
        for name, content in self._fetch(self._names(kind)):
            if not isinstance(content, OSError):
                yield PurePosixPath(name).stem, content

    def keys(self, kind: str) -> list[str]:
        """Returns the keys of all that is kept of a kind, readable or not."""
        return [PurePosixPath(name).stem for name in self._names(kind)]

    def set_aside(self, kind: str, key: str) -> str | None:
        """Moves what cannot be read out of the way; returns where it lies now.

        None if there is nothing to move.
        """
        # A name of its own: what was set aside earlier is not overwritten.
        unique = f"{kind}-{key}-{uuid.uuid4().hex[:8]}{SUFFIXES[kind]}"
        try:
            self._move(name_of(kind, key), f"set-aside/{unique}")
        except FileNotFoundError:  # or another process was first
            return None
        return self.place(f"set-aside/{unique}")

    def apply(self, changes: Mapping[str, bytes | None]) -> None:
        """Writes files by name, in the given order; None removes one."""
        for name, content in changes.items():
            if content is None:
                self._remove(name)
            else:
                self._write(name, content)

    def put_page(self, text: str) -> str:
        """Keeps the report of the runs beside them; returns where it is."""
        self._write("report.html", text.encode())
        return self.place("report.html")

    def place(self, name: str) -> str:
        """Returns where a file lies, for people."""
        return f"{self.address}/{name}"

    def _read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        """Yields the content of files; those of older schemas as of today's."""
        for name, content in self._fetch(names):
            if isinstance(content, FileNotFoundError) and is_of_ended_run(name):
                key = PurePosixPath(name).stem
                if key in self.older:
                    content = self._fetch_older(name, key)
            yield name, content

    def _fetch_older(self, name: str, key: str) -> bytes | OSError:
        kind = PurePosixPath(name).parent.name
        ((_, content),) = self._fetch([name_of(kind, self.older[key])])
        return content if isinstance(content, OSError) else upgraded(kind, content, key)

    def _content(self, name: str) -> bytes:
        ((_, content),) = self._read([name])
        if isinstance(content, OSError):
            raise content
        return content
