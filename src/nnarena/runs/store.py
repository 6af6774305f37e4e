"""Stores: where records, histories, weights and checkpoints are kept.

A `DirectoryStore` is some folders of files named by the key of their run:

    records/KEY.json             written last: a run is done when this exists
    history/KEY.json
    weights/KEY.safetensors
    checkpoints/KEY.safetensors  of a run that is not done; removed when it is
    progress/KEY.json            how far a run under way has come; removed with it
    logs/KEY.txt                 what was said while a run was done
    claims/KEY.lock              who has a run in hand (see `claims`)
    plans/KEY.json               what was asked for (see `plans`)
    set-aside/                   files that could not be read, moved out of the way

Every file is written under a temporary name of its own, flushed and renamed: a reader
never sees half a file, two writers never collide, and copying one store's files into
another merges them.
"""

import abc
import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import safe_open

from .claims import Claim, take
from .record import History, Record, read_record, to_json


SUFFIXES = {
    "records": ".json",
    "history": ".json",
    "weights": ".safetensors",
    "checkpoints": ".safetensors",
    "progress": ".json",
    "logs": ".txt",
    "claims": ".lock",
    "plans": ".json",
}

Arrays = Mapping[str, np.ndarray]


class AbstractStore(abc.ABC):
    """A set of runs by key.

    Contract: what was put is there, whole, for every later reader; putting the same
    run twice leaves one; a key is `in` the store only when its record can be read and
    its outcome is final ("failed" is not: such a run is tried again).
    """

    @abc.abstractmethod
    def put(self, record: Record, history: History, weights: Arrays) -> None:
        """Keeps one ended run, and forgets its progress and checkpoint.

        The checkpoint of a failed run stays: the next try goes on from it.
        """

    @abc.abstractmethod
    def __contains__(self, key: str) -> bool:
        """Whether a run has a final record here."""

    @abc.abstractmethod
    def __iter__(self) -> Iterator[Record]:
        """The records, by key; what cannot be read is left out (see `unreadable`)."""

    @abc.abstractmethod
    def unreadable(self) -> list[tuple[str, str]]:
        """The records that cannot be read: file and reason."""

    @abc.abstractmethod
    def history(self, key: str) -> History | None:
        """Returns a run's history, if it is kept."""

    @abc.abstractmethod
    def weights(self, key: str) -> Arrays:
        """Returns a run's best weights.

        Raises:
            FileNotFoundError: there are none.
            ValueError: the file is damaged.
        """

    @abc.abstractmethod
    def put_checkpoint(
        self, key: str, arrays: Arrays, notes: Mapping[str, str]
    ) -> None:
        """Keeps the state of a run under way, in place of an older one."""

    @abc.abstractmethod
    def checkpoint(self, key: str) -> tuple[Arrays, Mapping[str, str]] | None:
        """Returns the state of a run under way; None where there is none to read."""

    @abc.abstractmethod
    def put_text(self, kind: str, key: str, text: str) -> None:
        """Keeps a small text of a kind: "logs", "progress", "plans"."""

    @abc.abstractmethod
    def text(self, kind: str, key: str) -> str | None:
        """Returns a text that was put, if it is there."""

    @abc.abstractmethod
    def keys(self, kind: str) -> list[str]:
        """Returns the keys of all that is kept of a kind, readable or not."""

    @abc.abstractmethod
    def set_aside(self, kind: str, key: str) -> str | None:
        """Moves what cannot be read out of the way; returns where it lies now.

        None if there is nothing to move.
        """

    @abc.abstractmethod
    def claim(self, key: str) -> Claim | None:
        """Takes a run in hand; None while another process has it.

        A store that cannot lock grants every claim: a run that is done twice ends
        twice with the same bits.
        """


class DirectoryStore(AbstractStore):
    """A store in a folder of a file system."""

    def __init__(self, root: str | Path):
        self.root = Path(root)

    def put(self, record: Record, history: History, weights: Arrays) -> None:
        if weights:
            self._write(self._path("weights", record.key), _safetensors(weights))
        self._write(self._path("history", record.key), to_json(history).encode())
        # The record is the sign that all of the run is there, so it comes last.
        self._write(self._path("records", record.key), to_json(record).encode())
        self._path("progress", record.key).unlink(missing_ok=True)
        if record.result.outcome != "failed":
            self._path("checkpoints", record.key).unlink(missing_ok=True)

    def __contains__(self, key: str) -> bool:
        try:
            record = _read(self._path("records", key))
        except (OSError, ValueError):
            return False
        return record.result.outcome != "failed"

    def __iter__(self) -> Iterator[Record]:
        for path in sorted((self.root / "records").glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                yield _read(path)

    def unreadable(self) -> list[tuple[str, str]]:
        problems = []
        for path in sorted((self.root / "records").glob("*.json")):
            try:
                _read(path)
            except (OSError, ValueError) as error:
                problems.append((str(path), str(error).splitlines()[0]))
        return problems

    def history(self, key: str) -> History | None:
        try:
            text = self._path("history", key).read_bytes()
            history = History.model_validate_json(text)
        except (OSError, ValueError):
            return None
        return history if history.key == key else None

    def weights(self, key: str) -> Arrays:
        path = self._path("weights", key)
        try:
            return safetensors.numpy.load(path.read_bytes())
        except safetensors.SafetensorError as error:
            raise ValueError(f"the weights in {path} are damaged: {error}") from error

    def put_checkpoint(
        self, key: str, arrays: Arrays, notes: Mapping[str, str]
    ) -> None:
        self._write(self._path("checkpoints", key), _safetensors(arrays, notes))

    def checkpoint(self, key: str) -> tuple[Arrays, Mapping[str, str]] | None:
        path = self._path("checkpoints", key)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return arrays, file.metadata() or {}
        except (OSError, safetensors.SafetensorError):
            return None  # a damaged checkpoint costs a fresh start, not the matrix

    def put_text(self, kind: str, key: str, text: str) -> None:
        self._write(self._path(kind, key), text.encode())

    def text(self, kind: str, key: str) -> str | None:
        try:
            return self._path(kind, key).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def keys(self, kind: str) -> list[str]:
        found = (self.root / kind).glob("*" + SUFFIXES[kind])
        return sorted(path.stem for path in found if path.name[0] != ".")

    def set_aside(self, kind: str, key: str) -> str | None:
        path = self._path(kind, key)
        # A name of its own: what was set aside earlier is not overwritten.
        name = f"{kind}-{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}"
        target = self.root / "set-aside" / name
        if not path.exists():
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process was first
            os.replace(path, target)
            return str(target)
        return None

    def claim(self, key: str) -> Claim | None:
        return take(self._path("claims", key))

    def _path(self, kind: str, key: str) -> Path:
        if not (key.isalnum() and key.isascii()):
            raise ValueError(f"{key!r} is no key of a run")
        return self.root / kind / (key + SUFFIXES[kind])

    def _write(self, path: Path, payload: bytes) -> None:
        """Writes all of a file or none of it."""
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


def _safetensors(arrays: Arrays, notes: Mapping[str, str] | None = None) -> bytes:
    # Memory is written as it lies: a transposed view would come back scrambled.
    rows_first = {name: np.asarray(x, order="C") for name, x in arrays.items()}
    metadata = None if notes is None else dict(notes)
    return safetensors.numpy.save(rows_first, metadata=metadata)


def _read(path: Path) -> Record:
    """Returns the record of a file, which a copy under another name is not."""
    record = read_record(path.read_bytes())
    if record.key != path.stem:
        raise ValueError(f"the file of the record {record.key} has another name")
    return record
