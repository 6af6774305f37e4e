"""Plans: what was asked for, kept beside the records, so that what is left is known.

A plan is named by its runs without the versions of their entrants: asked for again with
a changed entrant it takes the place of the old one, whose records are then of another
version.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from pydantic_core import from_json

from ..core.numbers import Sentence
from .base import AbstractStore
from .older import upgraded_identity
from .record import SCHEMA, Entrant, Identity, Part, to_json


LARGEST = 10**15
"""What no count reaches that is meant: such a number comes from a damaged file."""


@dataclass(frozen=True)
class PlannedRun:
    """One run that was asked for, and the metric that its task is scored by.

    `evaluate` are the other tasks whose test sets its trained model is asked.
    """

    identity: Identity
    metric: str
    evaluate: Sequence[Entrant] = ()

    @property
    def key(self) -> str:
        return self.identity.key

    @property
    def total_steps(self) -> float:
        """The steps of the run if it goes to its end at each of its learning rates."""
        settings = self.identity.trainer.all_settings
        steps, rates = settings.get("steps"), settings.get("learning_rate")
        trials = max(1, len(rates)) if isinstance(rates, list) else 1
        if isinstance(steps, int | float) and 1 <= steps < LARGEST:
            return float(trials * steps)
        return 1.0


class Cell(Part):
    """Runs that differ in their seed; `identity` is that of any of them.

    `evaluate` are the other tasks whose test sets their models are asked.
    """

    identity: Identity
    seeds: list[int]
    metric: str
    evaluate: list[Entrant] = Field(default_factory=list)


class Refusal(Part):
    """A contender that a task rules out, and why: as asked for, without a width.

    Where its trainer rules it out, `trainer` is that one.
    """

    model: Entrant
    task: Entrant
    trainer: Entrant | None = None
    reason: Sentence

    @property
    def pair(self) -> str:
        """What it is a refusal of, whatever the reason."""
        return self.model_dump_json(exclude={"reason"})

    @property
    def label(self) -> str:
        """The sentence on it: "transformer cannot play cell: its answers use ..."."""
        return f"{self.model.name} cannot play {self.task.name}: {self.reason}"


class Plan(Part):
    """The runs of one request; `workers` is how many processes were to do them.

    `refusals` are the pairs that were asked for and cannot be run.
    """

    schema_version: int = SCHEMA
    key: str
    name: str
    workers: Annotated[int, Field(ge=1, lt=LARGEST)]
    asked_at: str
    cells: list[Cell]
    refusals: list[Refusal] = Field(default_factory=list)

    def runs(self) -> Iterator[PlannedRun]:
        """Returns the runs, seed by seed."""
        for cell in self.cells:
            for seed in cell.seeds:
                identity = cell.identity.model_copy(update={"seed": seed})
                yield PlannedRun(identity, cell.metric, cell.evaluate)


def make_plan(
    name: str,
    workers: int,
    asked_at: str,
    cells: list[Cell],
    refusals: Sequence[Refusal] = (),
) -> Plan:
    """Returns the plan of some cells, under its key."""
    texts = sorted(
        json.dumps([unversioned(cell.identity, seed) for seed in sorted(cell.seeds)])
        for cell in cells
    )
    key = hashlib.sha256("\n".join([name, *texts]).encode()).hexdigest()[:20]
    return Plan(
        key=key,
        name=name,
        workers=workers,
        asked_at=asked_at,
        cells=cells,
        refusals=list(refusals),
    )


def unversioned(identity: Identity, seed: int | None = None) -> str:
    """Returns what tells a run from others whatever the versions of its entrants."""

    def bare(entrant: Entrant) -> Entrant:
        return entrant.model_copy(update={"version": ""})

    changes = {
        "model": bare(identity.model),
        "task": bare(identity.task),
        "trainer": bare(identity.trainer),
        "seed": identity.seed if seed is None else seed,
    }
    return identity.model_copy(update=changes).key


def keep_plan(store: AbstractStore, plan: Plan) -> None:
    """Keeps a plan, in the place of an older one of the same runs.

    Raises:
        OSError: the store cannot be written.
    """
    store.put_text("plans", plan.key, to_json(plan))


def read_plans(store: AbstractStore) -> list[Plan]:
    """Returns the plans of a store, the latest asked for last; damaged ones left out.

    A plan that cannot be read costs its overview only: give the command again.
    """
    filed = filed_plans(store)
    # An older plan that was asked for again since counts no more.
    found = [p for key, p in filed.items() if p.key == key or p.key not in filed]
    return sorted(found, key=lambda plan: (plan.asked_at, plan.name))


def read_refusals(
    store: AbstractStore, keys: Collection[str] | None = None
) -> list[Refusal]:
    """Returns the pairs that the plans of a store could not run, each once.

    With `keys` only those of plans that have one of these runs.
    """
    plans = [
        plan
        for plan in read_plans(store)
        if keys is None or any(run.key in keys for run in plan.runs())
    ]
    told = {r.pair: r for plan in plans for r in plan.refusals}
    return list(told.values())


def filed_plans(store: AbstractStore) -> dict[str, Plan]:
    """Returns the plans by the keys that they are filed under, of older schemas too."""
    found = {}
    for key in store.keys("plans"):
        with contextlib.suppress(ValueError):
            found[key] = _read_plan(store.text("plans", key) or "", key)
    return found


def _read_plan(text: str, key: str) -> Plan:
    """Returns the plan in a text, one of an older schema as one of today's.

    Raises:
        ValueError: it is not a plan, or that of another key.
    """
    content = from_json(text, allow_inf_nan=False)
    filed = content["key"] if isinstance(content, dict) and "key" in content else None
    if filed != key:
        raise ValueError(f"the file of the plan {filed} has another name")
    if content.get("schema_version") != 1:
        return Plan.model_validate(content)
    try:
        cells = [
            Cell(**{**cell, "identity": upgraded_identity(cell["identity"])})
            for cell in content["cells"]
        ]
        told = {name: content[name] for name in ("name", "workers", "asked_at")}
        return make_plan(**told, cells=cells)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no plan: {error!r} is missing or wrong") from error
