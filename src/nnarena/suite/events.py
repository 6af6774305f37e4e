"""What a run tells while it goes on: small facts that travel as JSON lines."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict


Kind = Literal[
    "started",
    "check",
    "done",
    "failed",
    "stopped",
    "elsewhere",
    "note",
    "asked",
    "answered",
    "unanswered",
    "unwritable",
]

ENDS: frozenset[Kind] = frozenset({"done", "failed", "stopped", "elsewhere"})
"""The kinds that a job ends with: each that was begun ends with exactly one of them."""


class Event(BaseModel):
    """One fact about the run of a key.

    started: the program is there. Figures: step, seconds (of the run so far), compiled
        (seconds).
    check: figures: step, seconds, train_loss, validation_loss, validation_score, ...;
        None where not finite.
    done: the record is kept. Figures: test_score; text: the outcome.
    failed: text: the reason.
    stopped: ended early because it was asked to; the checkpoint is kept.
    elsewhere: another process is doing the run; nothing was done.
    note: a sentence for the user; the run goes on.
    asked: its trained model is asked another task. Figures: seconds (0); text: which.
    answered: the answer is kept. Text: what came out.
    unanswered: that broke; the run stays as it is. Text: why.
    unwritable: text: why the store cannot be written. Said by workers to their
        executor only, which raises `StoreProblem`.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    key: str
    figures: Mapping[str, float | None] = {}
    text: str = ""
