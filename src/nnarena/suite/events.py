"""What a run tells while it goes on: small facts that travel as JSON lines."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict


Kind = Literal["started", "check", "done", "failed"]


class Event(BaseModel):
    """One fact about the run of a key.

    `figures` by kind: started (step, compiled: seconds), check (step, train_loss,
    validation_loss, validation_score; None where not finite), done (test_score).
    `text` by kind: done (outcome), failed (reason).
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    key: str
    figures: Mapping[str, float | None] = {}
    text: str = ""
