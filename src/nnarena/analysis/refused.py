"""Pairs of contender and task that cannot be run, by the labels of a table of runs."""

from collections.abc import Sequence
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
        """The sentence on it."""
        return f"{self.contender} cannot play {self.task}: {self.reason}."


def refused_pairs(
    records: Sequence[Record], refusals: Sequence[Refusal]
) -> tuple[Refused, ...]:
    """Returns the refusals under the labels of the records.

    A contender with several labels, as of several trainings, is refused under each; one
    that its trainer rules out, under that training. A pair that has runs is left out:
    they were made before, or after the contender was mended.
    """
    contenders, tasks = contender_labels(records), task_labels(records)
    played = set(zip(contenders, tasks, strict=True))
    posed = [record.identity.task for record in records]
    found = [
        Refused(contender, task, refusal.reason)
        for refusal in refusals
        for contender in _contenders(refusal, records, contenders)
        for task in _labels(refusal.task, posed, tasks) or [refusal.task.name]
    ]
    return tuple(one for one in found if (one.contender, one.task) not in played)


def _contenders(
    refusal: Refusal, records: Sequence[Record], labels: Sequence[str]
) -> list[str]:
    """Returns the labels of who is refused; a name of its own if none has run."""
    trainer = refusal.trainer
    chosen = [
        (as_asked(record.identity.model), label)
        for record, label in zip(records, labels, strict=True)
        if trainer is None or _key(record.identity.trainer) == _key(trainer)
    ]
    same = (
        _labels(as_asked(refusal.model), *zip(*chosen, strict=True)) if chosen else []
    )
    name = refusal.model.name
    return same or [f"{name} (trainer={trainer.name})" if trainer else name]


def _labels(
    entrant: Entrant, known: Sequence[Entrant], labels: Sequence[str]
) -> list[str]:
    """Returns the labels of an entrant, each once."""
    pairs = zip(known, labels, strict=True)
    same = [label for other, label in pairs if _key(other) == _key(entrant)]
    return list(dict.fromkeys(same))


def _key(entrant: Entrant) -> str:
    return entrant.model_dump_json(exclude={"defaults"})
