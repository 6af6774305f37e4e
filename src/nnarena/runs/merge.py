"""Bringing the runs of stores together, proving that what overlaps agrees.

The same key is the same run, so that on machines alike it has the same bits. Where it
has not, neither is thrown away: each stays in its own store, and the key is reported.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .base import AbstractStore
from .evaluations import KIND, evaluation_files, read_evaluation
from .files import name_of, read_arrays, read_named_history
from .record import Record, Result


Fate = Literal["added", "identical", "passed over", "refused"]
"""What became of a run.

added: it was not there, or had failed there; identical: it is there with the same
result, history, weights and answers to other tasks (its cost and provenance, the first
ones, stay); passed over: it failed, and is there already; refused: it is damaged, or is
there with other bits.
"""

Files = dict[str, bytes]
"""The contents of files by their key."""

BESIDE = ("weights", "history")
"""The files beside a record, in the order of writing."""


@dataclass(frozen=True)
class Met:
    """One run of a source, and why where it was refused."""

    key: str
    label: str
    source: str
    fate: Fate
    reason: str = ""


def merge(
    sources: Sequence[AbstractStore], target: AbstractStore, *, dry: bool = False
) -> Iterator[Met]:
    """Brings every run of the sources into a store; `dry` only tells what would be.

    Files that one side lacks (a history or weights that were not copied, evaluations
    that were not done) contradict nothing, and are brought along. Checkpoints and logs
    are left where they are.
    """
    known = {record.key: (record, target) for record in target}
    damaged = {place for place, _ in target.unreadable()}
    answers = evaluation_files(target)
    for source in sources:
        asked = evaluation_files(source)
        for record in source:
            other, holder = known.get(record.key, (None, target))
            fate, reason = _judge(record, source, other, holder)
            brought = asked.get(record.key, {})
            there = answers.setdefault(record.key, {})
            if target.place(name_of("records", record.key)) in damaged:
                fate, reason = "refused", f"its record in {target.address} is damaged"
            elif fate == "identical" and (task := _other_answer(brought, there)):
                fate, reason = "refused", f"other answers to {task} than there"
            if fate == "added":
                known[record.key] = (record, source if dry else target)
            if fate in ("added", "identical"):
                lacking = {k: c for k, c in brought.items() if k not in there}
                there |= lacking
                if not dry:
                    _bring(record, source, other, target)
                    target.apply({name_of(KIND, k): c for k, c in lacking.items()})
            yield Met(record.key, record.identity.label, source.address, fate, reason)


def _judge(
    record: Record, source: AbstractStore, other: Record | None, holder: AbstractStore
) -> tuple[Fate, str]:
    """Returns what becomes of a run, given the one of the same key, if any."""
    damage = _damage(record.key, source)
    if damage:
        return "refused", damage
    if other is None:
        return "added", ""
    if record.result.outcome == "failed":
        return "passed over", ""
    if other.result.outcome == "failed":
        return "added", ""
    differing = _differences(record, source, other, holder)
    if differing:
        return "refused", f"other {' and '.join(differing)} than in {holder.address}"
    return "identical", ""


def _other_answer(brought: Files, there: Files) -> str:
    """Returns a task to which a run has answered in two ways, if there is one."""
    for key in brought.keys() & there.keys():
        new, old = (read_evaluation(key, files[key]) for files in (brought, there))
        if new is not None and old is not None and not new.same_answer(old):
            return f"{new.task.name} ({KIND}/{key})"
    return ""


def _damage(key: str, store: AbstractStore) -> str:
    """Returns what is wrong with the files beside a record, if anything is."""
    history, weights = store.content("history", key), store.content("weights", key)
    try:
        if history is not None:
            read_named_history(name_of("history", key), history)
    except ValueError:
        return "its history is damaged"
    try:
        if weights is not None:
            read_arrays(weights)
    except ValueError:
        return "its weights are damaged"
    return ""


def _differences(
    record: Record, source: AbstractStore, other: Record, holder: AbstractStore
) -> list[str]:
    """Returns what is not the same in two runs of one key."""
    found = []
    if not _same(record.result, other.result):
        found.append("result")
    for kind in BESIDE:
        new, old = (store.content(kind, record.key) for store in (source, holder))
        if new is not None and old is not None and new != old:
            found.append(kind)
    return found


def _same(first: Result, second: Result) -> bool:
    """Whether two results are the same; older ones lack the number of test rows."""
    if first.test_rows is None or second.test_rows is None:
        unknown = {"test_rows": None}
        return first.model_copy(update=unknown) == second.model_copy(update=unknown)
    return first == second


def _bring(
    record: Record, source: AbstractStore, other: Record | None, target: AbstractStore
) -> None:
    """Copies a run; of one that has a final record there, the files that it lacks."""
    is_there = other is not None and other.result.outcome != "failed"
    files = {
        kind: content
        for kind in BESIDE
        if not (is_there and target.content(kind, record.key) is not None)
        and (content := source.content(kind, record.key)) is not None
    }
    if files or not is_there:
        target.put_files(other if other is not None and is_there else record, files)
