"""What a run leaves behind: one self-describing record and its history.

A record has four parts that never mix:

    identity     what was run; the hash of what decides its result is the key
    result       what came out; the same bits on every repetition
    cost         what it took; measured, different each time
    provenance   where, when and with which versions

The device, the number of workers and the clock are in the last two, so that a run is
the same run wherever it happens. `docs/records.md` describes every field.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import from_json

from ..core.numbers import Count, Finite, Seconds, Sentence, Word
from ..core.problems import first_problem
from ..core.scoring import Scoring
from .identity import Entrant, Identity, Part, entrant_of
from .older import upgraded_record, with_seen


__all__ = [
    "SCHEMA",
    "Cost",
    "Entrant",
    "History",
    "Identity",
    "NewerRecord",
    "Part",
    "Plugin",
    "Provenance",
    "Record",
    "Result",
    "entrant_of",
    "read_record",
    "record_of",
    "to_json",
]


SCHEMA = 2
"""Version of the record's layout; a reader refuses what is newer than itself."""

Outcome = Literal["finished", "diverged", "failed"]


class Result(Part):
    """What came out of a run.

    `score` is the task's metric. Test figures belong to the weights with the lowest
    validation loss and are read once; a run that diverged or failed has none.
    `learning_rate` is the (highest) rate that those weights were trained at, of those
    that the trainer tried, `chosen` the other settings that it chose on validation, as
    the strength of a regularization. `figures` are what the contender says of itself
    on questions of the validation split, as the share of its neurons that fire.
    `test_rows` is how many examples the test split has; older records lack it.
    """

    outcome: Outcome
    reason: Sentence | None = None
    parameters: Count | None = None
    steps: Count = 0
    best_step: Count | None = None
    learning_rate: Finite | None = None
    chosen: dict[Word, Finite] = Field(default_factory=dict)
    figures: dict[Word, Finite] = Field(default_factory=dict)
    validation_loss: Finite | None = None
    validation_score: Finite | None = None
    test_loss: Finite | None = None
    test_score: Finite | None = None
    test_rows: Count | None = None


class Cost(Part):
    """What a run took. Seconds are summed over interruptions.

    `compile_seconds` is 0 where the program was already compiled for a sibling run.
    `peak_bytes` is the process's peak resident memory during the run, the compiler's
    included where it had to compile, `program_bytes` what the compiled program asks for
    its arrays.
    `matmul_flops_per_step` counts the matrix products of one training step, forward
    and backward, and nothing else; it is missing where the count is not exact.
    `state_size` is how many numbers are carried from step to step, if any are.
    """

    compile_seconds: Seconds = 0.0
    run_seconds: Seconds = 0.0
    peak_bytes: Count | None = None
    program_bytes: Count | None = None
    matmul_flops_per_step: Count | None = None
    state_size: Count | None = None


class Text(Part):
    """A file, by its path in the folder of a plug-in, and the digest of it alone."""

    name: Word
    digest: Word


class Plugin(Part):
    """A file that was imported for a run, and the digest of what it said.

    The digest covers what the file imports from its own folder. If it imports any,
    `texts` are these files and itself; records from before they were kept have none.
    """

    path: Annotated[str, Field(max_length=4096)]
    digest: Word
    texts: tuple[Text, ...] = ()


class Provenance(Part):
    """Where and when a run happened, with what, and what was asked for.

    `plugins` are the files from outside the package that were imported for it.

    `asked_parameters` is the budget that the width was solved for; missing where a
    width was given instead, and in records from before it was kept. It is not part of
    the result: a run of one width is the same run, however its width was found.
    """

    started_at: str
    finished_at: str
    versions: dict[str, str]
    commit: str | None
    hardware: dict[str, str | int]
    executor: str
    interruptions: int = 0
    asked_parameters: Count | None = None
    plugins: tuple[Plugin, ...] = ()


class Record(Part):
    """One run.

    `axis` is the setting of the task by which it gets harder, if it has one; missing in
    records from before it was kept.
    """

    schema_version: Count = SCHEMA
    key: str
    identity: Identity
    family: Word
    scoring: Scoring
    axis: Word | None = None
    result: Result
    cost: Cost
    provenance: Provenance


class History(Part):
    """Metrics at every check of one run: equally long series by name.

    `step`, `train_loss`, `validation_loss`, `validation_score`, and what the trainer
    adds: `learning_rate` and `gradient_norm`, or `strength`. A number that is not
    finite is null.
    """

    schema_version: Annotated[int, Field(ge=0, le=SCHEMA)] = SCHEMA
    key: str
    series: dict[str, list[Finite | None]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_a_table(self) -> "History":
        if len({len(values) for values in self.series.values()}) > 1:
            raise ValueError("the series of a history are not equally long")
        if any(step is None or not 0 <= step <= 2**53 for step in self.steps):
            raise ValueError("the steps of a history are not steps")
        return self

    @property
    def steps(self) -> list[float | None]:
        return self.series.get("step", [])


class NewerRecord(ValueError):
    """A record that a newer package wrote: it is whole, but cannot be read here."""


def read_record(text: str | bytes) -> Record:
    """Returns the record in a JSON text, one of an older schema as one of today.

    Raises:
        NewerRecord: a newer package wrote it.
        ValueError: it is not a record, or its key does not fit its identity.
    """
    return record_of(from_json(text, allow_inf_nan=False))


def record_of(content: Any) -> Record:
    """Returns the record in parsed JSON, as `read_record` does.

    Raises:
        NewerRecord: a newer package wrote it.
        ValueError: it is not a record, or its key does not fit its identity.
    """
    # Asked first: a newer record has fields that this reader does not know.
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA:
        raise NewerRecord(
            f"the record has schema {version}, this nnarena reads up to {SCHEMA}: "
            "update the package"
        )
    if version == 1:
        content = upgraded_record(content)
    try:
        content = with_seen(content)
        record = Record.model_validate(content)
    except ValidationError as error:
        place, what = first_problem(error)
        raise ValueError(
            f"no record of a run: {place or 'the whole'}: {what}"
        ) from error
    if record.key != record.identity.key:
        raise ValueError(f"the record's key {record.key} does not fit its identity")
    return record


def to_json(part: Part) -> str:
    """Returns the text of a record or history, with a final newline."""
    return json.dumps(_plain(part), indent=1, allow_nan=False) + "\n"


def _plain(part: Part) -> Any:
    return part.model_dump(mode="json")
