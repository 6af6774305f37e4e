"""How far a run under way has come: a small text beside its checkpoint."""

import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import Field, ValidationError

from .record import Part
from .store import AbstractStore


class Progress(Part):
    """What the process that does a run said of it last.

    `told_at` (UTC) is for people: nothing is decided by it. `figures` are those of the
    last check; before the first there are none, and `step` is where the run began.
    """

    key: str
    host: str
    process: int
    executor: str
    told_at: str
    step: float = 0.0
    seconds: float = 0.0
    figures: dict[str, float | None] = Field(default_factory=dict)

    def quiet_seconds(self, now: datetime | None = None) -> float:
        """Returns the time since the last sign of life, by this machine's clock."""
        gone = (now or datetime.now(UTC)) - datetime.fromisoformat(self.told_at)
        return max(0.0, gone.total_seconds())  # a clock may have been set back


def tell_progress(
    store: AbstractStore,
    key: str,
    executor: str,
    *,
    step: float,
    seconds: float,
    figures: Mapping[str, float | None],
) -> None:
    """Keeps how far a run of this process has come.

    Raises:
        OSError: the store cannot be written.
    """
    said = Progress(
        key=key,
        host=socket.gethostname(),
        process=os.getpid(),
        executor=executor,
        told_at=datetime.now(UTC).isoformat(timespec="seconds"),
        step=step,
        seconds=seconds,
        figures=dict(figures),
    )
    store.put_text("progress", key, json.dumps(said.model_dump(), allow_nan=False))


def read_progress(store: AbstractStore, key: str) -> Progress | None:
    """Returns what was said of a run last; None where nothing can be read."""
    text = store.text("progress", key)
    try:
        said = None if text is None else Progress.model_validate_json(text)
        if said is not None:
            said.quiet_seconds()  # a date that cannot be read or compared
    except (ValidationError, ValueError, TypeError):
        return None
    return said if said is not None and said.key == key else None
