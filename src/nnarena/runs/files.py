"""The files of a run: what they are called, what they hold, and how they are read.

Reading them runs no code: they are JSON and safetensors. Whatever is no such file is
told by a ValueError, and nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import safetensors.numpy
from pydantic_core import from_json

from .record import History, Record, record_of


SUFFIXES = {
    "records": ".json",
    "history": ".json",
    "weights": ".safetensors",
    "checkpoints": ".safetensors",
    "progress": ".json",
    "logs": ".txt",
    "claims": ".lock",
    "plans": ".json",
    "evaluations": ".json",
}

Arrays = Mapping[str, np.ndarray]


def name_of(kind: str, key: str) -> str:
    """Returns the name of a run's file; an evaluation has two keys with a hyphen.

    Raises:
        ValueError: the key is none, so that the file might lie anywhere.
    """
    if not (key.replace("-", "", 1).isalnum() and key.isascii()):
        raise ValueError(f"{key!r} is not a key of a run")
    return f"{kind}/{key}{SUFFIXES[kind]}"


def to_safetensors(arrays: Arrays, notes: Mapping[str, str] | None = None) -> bytes:
    """Returns the content of a file that holds arrays, and notes beside them."""
    # Memory is written as it lies: a transposed view would come back scrambled.
    rows_first = {name: np.asarray(x, order="C") for name, x in arrays.items()}
    metadata = None if notes is None else dict(notes)
    return safetensors.numpy.save(rows_first, metadata=metadata)


def read_arrays(content: bytes) -> tuple[Arrays, Mapping[str, str]]:
    """Returns the arrays and notes in the content of a file.

    Raises:
        ValueError: it is damaged, or no such file.
    """
    try:
        arrays = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError) as error:
        # A KeyError names a type of numbers that numpy has not, as BF16.
        raise ValueError(str(error)) from error
    size = int.from_bytes(content[:8], "little")
    return arrays, from_json(content[8 : 8 + size]).get("__metadata__") or {}


def read_named_record(name: str, content: bytes) -> Record:
    """Returns the record in a file, which a copy under another name is not.

    Raises:
        ValueError: it is not a record, or another run's.
    """
    parsed = from_json(content, allow_inf_nan=False)
    record = record_of(parsed)
    filed = parsed["key"]  # of an older record the key that it had then
    if name != name_of("records", filed):
        raise ValueError(f"the file of the record {filed} has another name")
    return record


def records_in(
    contents: Iterable[tuple[str, bytes | OSError]],
) -> Iterator[tuple[str, Record | OSError | ValueError]]:
    """Yields the records of files by name, or why one cannot be read."""
    for name, content in contents:
        if isinstance(content, OSError):
            yield name, content
            continue
        try:
            yield name, read_named_record(name, content)
        except ValueError as error:
            yield name, error


def read_named_history(name: str, content: bytes) -> History:
    """Returns the history in a file.

    Raises:
        ValueError: it is not a history, or another run's.
    """
    history = History.model_validate_json(content)
    if name != name_of("history", history.key):
        raise ValueError(f"the file of the history {history.key} has another name")
    return history
