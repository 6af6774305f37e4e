"""Rewriting a store of an older schema as one of today."""

from collections.abc import Iterator
from dataclasses import dataclass

from .base import AbstractStore
from .files import name_of
from .plans import filed_plans, keep_plan


FILES = ("weights", "history", "logs", "records")
"""The files of an ended run, its record last: a run is there when its record is."""


@dataclass(frozen=True)
class Renamed:
    """A run or plan that was filed under `old` and is now under `key`."""

    kind: str
    old: str
    key: str
    label: str


def upgrade(store: AbstractStore, *, dry: bool = False) -> Iterator[Renamed]:
    """Files every run and plan of an older schema under its key of today.

    Results, histories and weights stay as they are. An old file goes when the new one
    is there, so that a kill at any moment loses nothing; given again, it goes on.
    `dry` only tells what would be done. Checkpoints of runs under way are not taken
    along: such a run begins anew.
    """
    labels = {record.key: record.identity.label for record in store}
    for key, old in dict(store.older).items():
        if not dry:
            _rename(store, old, key)
        yield Renamed("run", old, key, labels[key])
    filed = filed_plans(store)
    for old, plan in filed.items():
        if plan.key != old:
            if not dry:
                if plan.key not in filed:  # one that was asked for again stays
                    keep_plan(store, plan)
                store.apply({name_of("plans", old): None})
            yield Renamed("plan", old, plan.key, plan.name)


def _rename(store: AbstractStore, old: str, key: str) -> None:
    found = {kind: store.content(kind, key) for kind in FILES}
    files = {kind: content for kind, content in found.items() if content is not None}
    store.apply({name_of(kind, key): content for kind, content in files.items()})
    # The old record goes first: without it what is left of the run is not a run.
    store.apply({name_of(kind, old): None for kind in reversed(files)})
    del store.older[key]
