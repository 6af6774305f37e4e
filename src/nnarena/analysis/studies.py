"""The figures of the literature, as `published.toml` keeps them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import JsonValue


@dataclass(frozen=True)
class Study:
    """Where figures are from and under which conditions they were measured.

    `n` is None where the source does not say how many runs there were. `trainer` and
    `tasks` hold the settings that a comparable run has.
    """

    name: str
    title: str
    source: str
    conditions: str
    n: int | None
    rounding: float
    trainer: Mapping[str, JsonValue]
    tasks: Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True)
class Figure:
    """A published test score: its mean and sample standard deviation, if printed.

    `margin` is how far a mean may lie from `value` and still agree with it: half the
    gap to the nearest other contender of the task, or what the study states. It is 0
    where two contenders have the same mean. `parameters` is None where it is not known
    or was counted in another way.
    """

    study: Study
    task: str
    contender: str
    metric: str
    value: float
    spread: float | None
    margin: float
    parameters: int | None
    epochs: float | None
    posed: Mapping[str, JsonValue]
    unlike: str | None

    @property
    def settings(self) -> Mapping[str, JsonValue]:
        """The settings of the task that a comparable run has."""
        return {**self.study.tasks.get(self.task, {}), **self.posed}

    @property
    def can_be_met(self) -> bool:
        """Whether the margin is wider than the rounding: else no run can agree."""
        return self.margin > self.study.rounding


def study_names() -> list[str]:
    """Returns the names of the studies."""
    return list(_studies())


@cache
def published_figures(study: str | None = None) -> tuple[Figure, ...]:
    """Returns the figures of a study, or of all of them.

    Raises:
        KeyError: there is no such study.
    """
    tables = _studies()
    if study is not None:
        tables = {study: tables[study]}
    return tuple(
        _figure(_study(name, table), row, table)
        for name, table in tables.items()
        for row in table["figures"]
    )


def _studies() -> dict[str, Any]:
    text = files("nnarena.analysis").joinpath("published.toml").read_text("utf-8")
    return tomllib.loads(text)["studies"]


def _study(name: str, table: Mapping[str, Any]) -> Study:
    return Study(
        name=name,
        title=table["title"],
        source=table["source"],
        conditions=" ".join(table["conditions"].split()),
        n=table.get("n"),
        rounding=table["rounding"],
        trainer=table.get("trainer", {}),
        tasks=table.get("tasks", {}),
    )


def _margin(row: Mapping[str, Any], table: Mapping[str, Any]) -> float:
    """Half the gap to the nearest other contender of the task, if none is stated."""
    stated = table.get("margins", {})
    if row["task"] in stated:
        return stated[row["task"]]
    gaps = [
        abs(other["value"] - row["value"])
        for other in table["figures"]
        if _form(other) == _form(row) and other is not row
    ]
    return round(min(gaps) / 2, 9)  # printed values: 0.101 - 0.1 is 0.001


def _form(row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The task of a figure, and in which form."""
    return row["task"], row.get("posed", {})


def _figure(study: Study, row: Mapping[str, Any], table: Mapping[str, Any]) -> Figure:
    return Figure(
        study=study,
        task=row["task"],
        contender=row["contender"],
        metric=row["metric"],
        value=row["value"],
        spread=row.get("spread"),
        margin=_margin(row, table),
        # A count with masked synapses is none of what was trained.
        parameters=None if row.get("masked_synapses") else row.get("parameters"),
        epochs=row.get("epochs"),
        posed=row.get("posed", {}),
        unlike=row.get("unlike"),
    )
