"""Evaluations: what trained models answered to the test sets of other tasks.

An evaluation lies beside the record of its run, in a file of its own, and changes
nothing of it:

    evaluations/RUN-TASK.json    RUN is the key of the run, TASK a hash of the task

A done evaluation is not done again. One that cannot be read is as good as none.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from pydantic import ValidationError, model_validator
from pydantic_core import from_json

from ..core.numbers import Count, Finite, Sentence, Word
from ..core.scoring import Scoring
from .base import AbstractStore
from .record import Entrant, Part, Provenance, Record, to_json


SCHEMA = 1
"""Version of an evaluation's layout; a reader leaves alone what is newer."""

KIND = "evaluations"

Answer = Literal["finished", "diverged", "cannot be asked"]


class Evaluation(Part):
    """What the model of one run answered to the test set of another task.

    `outcome` is "diverged" where an answer was not finite, and "cannot be asked" where
    the model has no answer to such a task at all; `reason` says why. `score` is the
    metric of `scoring`, on `rows` examples. `axis` is that of the task, as in a record.
    """

    schema_version: Count = SCHEMA
    run: Word
    task: Entrant
    axis: Word | None = None
    scoring: Scoring
    outcome: Answer
    reason: Sentence | None = None
    loss: Finite | None = None
    score: Finite | None = None
    rows: Count | None = None
    provenance: Provenance

    @model_validator(mode="after")
    def _has_a_score_where_it_finished(self) -> "Evaluation":
        if (self.outcome == "finished") != (self.score is not None):
            raise ValueError("an evaluation has a score exactly where it finished")
        return self

    @property
    def key(self) -> str:
        """The name of its file: the key of the run, and a hash of the task."""
        return evaluation_key(self.run, self.task)

    def same_answer(self, other: "Evaluation") -> bool:
        """Returns whether two say the same, whenever and wherever they were done."""
        mine = self.model_copy(update={"provenance": other.provenance})
        return mine == other

    def as_record(self, record: Record) -> Record:
        """Returns the record of the run as if this task had been its own.

        Only for what is read off a task and a test score: its key is still the run's.
        """
        result = {
            "outcome": "failed" if self.outcome == "cannot be asked" else self.outcome,
            "reason": self.reason,
            "test_loss": self.loss,
            "test_score": self.score,
            "test_rows": self.rows,
        }
        changes = {
            "identity": record.identity.model_copy(update={"task": self.task}),
            "scoring": self.scoring,
            "axis": self.axis,
            "result": record.result.model_copy(update=result),
        }
        return record.model_copy(update=changes)


def evaluation_key(run: str, task: Entrant) -> str:
    """Returns the key of the evaluation of a run on a task."""
    content = task.model_dump(mode="json", exclude={"defaults"})
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return f"{run}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def keep_evaluation(store: AbstractStore, evaluation: Evaluation) -> None:
    """Keeps an evaluation.

    Raises:
        OSError: the store cannot be written.
    """
    store.put_text(KIND, evaluation.key, to_json(evaluation))


def read_evaluations(
    store: AbstractStore, runs: Collection[str] | None = None
) -> list[Evaluation]:
    """Returns the evaluations of a store that can be read, in the order of their keys.

    With `runs` only those of the runs of these keys.
    """
    return [
        evaluation
        for _, _, evaluation in _readable(store)
        if evaluation is not None and (runs is None or evaluation.run in runs)
    ]


def missing_evaluations(
    store: AbstractStore, wanted: Sequence[tuple[str, Entrant]]
) -> list[tuple[str, Entrant]]:
    """Returns those pairs of a run's key and a task that no evaluation is kept of."""
    kept = {key for key, _, _ in _readable(store)} if wanted else set()
    return [pair for pair in wanted if evaluation_key(*pair) not in kept]


def evaluation_files(store: AbstractStore) -> dict[str, dict[str, bytes]]:
    """Returns the files of readable evaluations as they lie, by run and by key."""
    found: dict[str, dict[str, bytes]] = {}
    for key, content, _ in _readable(store):
        found.setdefault(key.partition("-")[0], {})[key] = content
    return found


def read_evaluation(key: str, content: bytes) -> Evaluation | None:
    """Returns the evaluation in a file; None where a newer package wrote it.

    Raises:
        ValueError: it is none, or that of another key.
    """
    parsed = from_json(content, allow_inf_nan=False)
    version = parsed.get("schema_version") if isinstance(parsed, dict) else None
    if isinstance(version, int) and version > SCHEMA:
        return None
    try:
        evaluation = Evaluation.model_validate(parsed)
    except ValidationError as error:
        raise ValueError(f"no evaluation: {error}") from error
    if evaluation.key != key:
        raise ValueError(
            f"the file of the evaluation {evaluation.key} has another name"
        )
    return evaluation


def _readable(
    store: AbstractStore,
) -> Iterator[tuple[str, bytes, Evaluation | None]]:
    for key, content in store.contents(KIND):
        with contextlib.suppress(ValueError):
            yield key, content, read_evaluation(key, content)
