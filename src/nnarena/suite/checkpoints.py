"""The state of a run under way, kept with a digest, so that damage is seen.

safetensors sees a file that was cut; a flipped bit or the file of another run it does
not, and the run would go on to other results. Hence a digest over all beside the key.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

from ..runs.store import AbstractStore, Arrays
from .ledger import Ledger


DIGEST = "sha256"


def save_checkpoint(store: AbstractStore, ledger: Ledger, arrays: Arrays) -> None:
    """Keeps the state of a run in place of an older one.

    Raises:
        OSError: the store cannot be written; the older one is still there.
    """
    notes = {**ledger.to_notes(), "key": ledger.job.key}
    sealed = {**notes, DIGEST: digest(arrays, notes)}
    store.put_checkpoint(ledger.job.key, arrays, sealed)


def load_checkpoint(store: AbstractStore, key: str) -> tuple[Arrays, Mapping] | None:
    """Returns arrays and notes as they were saved; None where they are not whole."""
    found = store.checkpoint(key)
    if found is None:
        return None
    arrays, notes = found
    rest = {name: text for name, text in notes.items() if name != DIGEST}
    whole = notes.get(DIGEST) == digest(arrays, rest)
    return found if whole and notes.get("key") == key else None


def digest(arrays: Arrays, notes: Mapping[str, str]) -> str:
    """Returns the SHA-256 of arrays, with all that they are, and of notes."""
    total = hashlib.sha256()
    for name, text in sorted(notes.items()):
        total.update(f"{name}={text}\n".encode())
    for name, array in sorted(arrays.items()):
        total.update(f"{name}:{array.dtype}:{array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
