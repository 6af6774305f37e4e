"""Stores: where records, histories, weights and checkpoints are kept.

A store is a set of files named by the key of their run:

    records/KEY.json             written last: a run is done when this exists
    history/KEY.json
    weights/KEY.safetensors
    checkpoints/KEY.safetensors  of a run under way; removed when its record is there
    logs/KEY.txt                 the traceback of a run that failed

Every file appears whole or not at all: a reader never sees half a file, two writers
never collide, and copying one store's files into another merges them. `open_store`
returns the store of an address: a folder, or a bucket of an object storage.
"""

import abc
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy
from pydantic_core import from_json

from .record import History, Record, read_record, to_json


SUFFIXES = {
    "records": ".json",
    "history": ".json",
    "weights": ".safetensors",
    "checkpoints": ".safetensors",
    "logs": ".txt",
}

Arrays = Mapping[str, np.ndarray]


class AbstractStore(abc.ABC):
    """A set of runs by key.

    Contract: what was put is there, whole, for every later reader; putting the same
    run twice leaves one; a key is `in` the store only when its record can be read and
    its outcome is final ("failed" is not: such a run is tried again).

    What a run's files mean is decided here; an implementation keeps bytes by name.
    """

    @property
    @abc.abstractmethod
    def address(self) -> str:
        """What `open_store` finds this store by."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Makes ready for writing, so that what forbids it is told before any work.

        Raises:
            OSError: nothing can be written here.
        """

    @abc.abstractmethod
    def _names(self, kind: str) -> list[str]:
        """Returns the names of the files of a kind that are there, in order."""

    @abc.abstractmethod
    def _read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        """Yields the content of files, or why it cannot be had, in the given order."""

    @abc.abstractmethod
    def _write(self, name: str, payload: bytes) -> None:
        """Writes all of a file or none of it, in place of an older one."""

    @abc.abstractmethod
    def _remove(self, name: str) -> None:
        """Removes a file, if it is there."""

    def put(self, record: Record, history: History, weights: Arrays) -> None:
        """Keeps one finished run, and forgets its checkpoint."""
        files = {"weights": to_safetensors(weights)} if weights else {}
        self.put_files(record, {**files, "history": to_json(history).encode()})

    def put_files(self, record: Record, files: Mapping[str, bytes]) -> None:
        """Keeps one finished run, whose other files are given by their kind."""
        for kind, content in files.items():
            self._write(name_of(kind, record.key), content)
        # The record is the sign that all of the run is there, so it comes last.
        self._write(name_of("records", record.key), to_json(record).encode())
        self._remove(name_of("checkpoints", record.key))

    def content(self, kind: str, key: str) -> bytes | None:
        """Returns a run's file of a kind as it lies, if there is one."""
        try:
            return self._content(name_of(kind, key))
        except FileNotFoundError:
            return None

    def __contains__(self, key: str) -> bool:
        """Whether a run has a final record here."""
        return key.isalnum() and key.isascii() and key in self.finished([key])

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Returns those of the keys that have a final record here."""
        found = self._parsed(name_of("records", key) for key in keys)
        return {
            record.key
            for _, record in found
            if isinstance(record, Record) and record.result.outcome != "failed"
        }

    def __iter__(self) -> Iterator[Record]:
        """The records, by key; what cannot be read is left out (see `unreadable`)."""
        for _, record in self._parsed(self._names("records")):
            if isinstance(record, Record):
                yield record

    def unreadable(self) -> list[tuple[str, str]]:
        """The records that cannot be read: file and reason."""
        return [
            (self.place(name), str(problem).splitlines()[0])
            for name, problem in self._parsed(self._names("records"))
            if not isinstance(problem, Record)
        ]

    def histories(self, keys: Iterable[str]) -> dict[str, History]:
        """Returns the histories that are kept of some runs, by key."""
        found = {}
        for name, content in self._read(name_of("history", key) for key in keys):
            history = _history(content)
            if history is not None and name == name_of("history", history.key):
                found[history.key] = history
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
        try:
            return safetensors.numpy.load(self._content(name))
        except safetensors.SafetensorError as error:
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
            content = self._content(name)
            return safetensors.numpy.load(content), _notes(content)
        except (OSError, safetensors.SafetensorError):
            return None  # a damaged checkpoint costs a fresh start, not the matrix

    def put_log(self, key: str, text: str) -> None:
        """Keeps what a failed run said last."""
        self._write(name_of("logs", key), text.encode())

    def put_page(self, text: str) -> str:
        """Keeps the report of the runs beside them; returns where it is."""
        self._write("report.html", text.encode())
        return self.place("report.html")

    def place(self, name: str) -> str:
        """Returns where a file lies, for people."""
        return f"{self.address}/{name}"

    def _content(self, name: str) -> bytes:
        ((_, content),) = self._read([name])
        if isinstance(content, OSError):
            raise content
        return content

    def _parsed(
        self, names: Iterable[str]
    ) -> Iterator[tuple[str, Record | OSError | ValueError]]:
        """Yields the records of files, or why they cannot be read."""
        for name, content in self._read(names):
            yield (
                name,
                content if isinstance(content, OSError) else _record(name, content),
            )


class DirectoryStore(AbstractStore):
    """A store in a folder of a file system.

    A file is written under a temporary name of its own, flushed and renamed.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)

    @property
    def address(self) -> str:
        return str(self.root)

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    def _names(self, kind: str) -> list[str]:
        found = (self.root / kind).glob(f"*{SUFFIXES[kind]}")
        return sorted(f"{kind}/{path.name}" for path in found)

    def _read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | OSError]]:
        for name in names:
            try:
                yield name, (self.root / name).read_bytes()
            except OSError as error:
                yield name, error

    def _write(self, name: str, payload: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            with part.open("xb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)


def open_store(address: str | Path) -> AbstractStore:
    """Returns the store of an address; nothing is made or asked for yet.

    Raises:
        StoreProblem: it is no folder and no storage that is known here.
    """
    if "://" not in str(address):
        return DirectoryStore(address)
    from .object_store import ObjectStore

    return ObjectStore(str(address))


def name_of(kind: str, key: str) -> str:
    """Returns the name of a run's file.

    Raises:
        ValueError: the key is none, so that the file might lie anywhere.
    """
    if not (key.isalnum() and key.isascii()):
        raise ValueError(f"{key!r} is no key of a run")
    return f"{kind}/{key}{SUFFIXES[kind]}"


def to_safetensors(arrays: Arrays, notes: Mapping[str, str] | None = None) -> bytes:
    """Returns the content of a file that holds arrays, and notes beside them."""
    # Memory is written as it lies: a transposed view would come back scrambled.
    rows_first = {name: np.asarray(x, order="C") for name, x in arrays.items()}
    metadata = None if notes is None else dict(notes)
    return safetensors.numpy.save(rows_first, metadata=metadata)


def _notes(content: bytes) -> Mapping[str, str]:
    """Returns the notes of a file of arrays that is known to be whole."""
    size = int.from_bytes(content[:8], "little")
    return from_json(content[8 : 8 + size]).get("__metadata__") or {}


def _history(content: bytes | OSError) -> History | None:
    if isinstance(content, OSError):
        return None
    try:
        return History.model_validate_json(content)
    except ValueError:
        return None


def _record(name: str, content: bytes) -> Record | ValueError:
    """Returns the record of a file, which a copy under another name is not."""
    try:
        record = read_record(content)
        if name != f"records/{record.key}.json":
            raise ValueError(f"the file of the record {record.key} has another name")
    except ValueError as error:
        return error
    return record
