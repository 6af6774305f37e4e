"""How far a run under way has come: a small text beside its checkpoint."""

from pydantic import Field

from .base import AbstractStore
from .record import Part, to_json


class Progress(Part):
    """What the process that does a run said of it last.

    `told_at` (UTC) is for people: nothing is decided by it. `figures` are those of the
    last check; before the first there are none but where the run began.
    """

    key: str
    host: str
    process: int
    executor: str
    told_at: str
    figures: dict[str, float | None] = Field(default_factory=dict)

    @property
    def step(self) -> float:
        return self.figures.get("step") or 0.0

    @property
    def seconds(self) -> float:
        return self.figures.get("seconds") or 0.0


def put_progress(store: AbstractStore, progress: Progress) -> None:
    """Keeps how far a run has come.

    Raises:
        OSError: the store cannot be written.
    """
    store.put_text("progress", progress.key, to_json(progress))


def read_progress(store: AbstractStore, key: str) -> Progress | None:
    """Returns what was said of a run last; None where nothing can be read."""
    text = store.text("progress", key)
    try:
        said = None if text is None else Progress.model_validate_json(text)
    except ValueError:
        return None
    return said if said is not None and said.key == key else None
