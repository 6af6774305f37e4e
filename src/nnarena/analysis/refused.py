"""Pairs of contender and task that cannot be run, by the labels of a table of runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..runs.plans import Refusal
from ..runs.record import Entrant, Record
from .labels import as_asked, contender_labels, task_labels


@dataclass(frozen=True)
class Refused:
    """A contender that cannot play a task, and why."""

    contender: str
    task: str
    reason: str

    @property
    def sentence(self) -> str:
        """What is told of it."""
        return f"{self.contender} cannot play {self.task}: {self.reason}."


def refused_pairs(
    records: Sequence[Record], refusals: Sequence[Refusal]
) -> tuple[Refused, ...]:
    """Returns the refusals under the labels of the records.

    A contender with several labels, as of several trainings, is refused under each. A
    pair that has runs is left out: they were made before, or after the contender was
    mended.
    """
    contenders, tasks = contender_labels(records), task_labels(records)
    played = set(zip(contenders, tasks, strict=True))
    models = [as_asked(record.identity.model) for record in records]
    posed = [record.identity.task for record in records]
    found = [
        Refused(contender, task, refusal.reason)
        for refusal in refusals
        for contender in _labels(as_asked(refusal.model), models, contenders)
        for task in _labels(refusal.task, posed, tasks)
    ]
    return tuple(one for one in found if (one.contender, one.task) not in played)


def _labels(
    entrant: Entrant, known: Sequence[Entrant], labels: Sequence[str]
) -> Iterator[str]:
    """Returns the labels of an entrant; its name if no run has it."""
    same = [
        label
        for other, label in zip(known, labels, strict=True)
        if _key(other) == _key(entrant)
    ]
    yield from dict.fromkeys(same or [entrant.name])


def _key(entrant: Entrant) -> str:
    return entrant.model_dump_json(exclude={"defaults"})
