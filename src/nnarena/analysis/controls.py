"""What contenders without memory score on each task, as measured: `controls.json`.

The file is written by `experiments/controls.py`, of every task at its defaults and as
the suites of the package and of the experiments have it. It holds scores, not shares of
a scale, so that a task whose landmarks change keeps what was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..core.numbers import Finite
from ..core.scoring import Scoring
from .frame import FLOOR, Row
from .labels import flatten, traits_text
from .words import listed


FILE = files("nnarena.analysis") / "controls.json"


class Budget(BaseModel):
    """What every control was given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: int
    seeds: int
    steps: int
    batch: int
    checks: int
    learning_rate: tuple[float, ...]


class Control(BaseModel):
    """One control on one task: its test scores by seed, and where they come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    version: str
    settings: dict[str, Any]
    control: str
    control_version: str
    control_settings: dict[str, Any]
    parameters: int
    metric: str
    scores: tuple[Finite, ...]
    mean: Finite
    date: str
    commit: str | None

    def share(self, scoring: Scoring) -> float:
        """Returns the mean on the scale from chance (0) to best (1)."""
        return scoring.normalized(self.mean)


class Measurements(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str
    budget: Budget
    measured: tuple[Control, ...]


@cache
def measurements() -> Measurements:
    """Returns the content of the file."""
    return Measurements.model_validate_json(FILE.read_text(encoding="utf-8"))


def controls_of(task: str, settings: Mapping[str, Any]) -> tuple[Control, ...]:
    """Returns the controls measured on a task with all of its settings, if any are."""
    found = measurements().measured
    return tuple(o for o in found if o.task == task and o.settings == dict(settings))


def measured_settings(task: str) -> list[dict[str, Any]]:
    """Returns the settings with which a task was measured, the defaults first."""
    found = [one.settings for one in measurements().measured if one.task == task]
    return [one for i, one in enumerate(found) if one not in found[:i]]


@dataclass(frozen=True)
class Aside:
    """What a control scored that a store has no run of, on the tasks of the store.

    It was measured by itself, so that no interval for pairs grows wider by it. `scores`
    has the mean test score by label of the task, `shares` the same from a blind answer
    (0) to a perfect one (1); tasks that were not measured as they are in the store are
    in neither. `overall` is the mean of the shares; None where a task lacks one.
    """

    control: str
    scores: Mapping[str, float]
    shares: Mapping[str, float]
    overall: float | None


def controls_aside(rows: Sequence[Row]) -> tuple[Aside, ...]:
    """Returns the controls that are not contenders of these runs.

    Args:
        rows: the runs, as in `runs_frame`.
    """
    tasks = {row["task"]: row for row in rows}
    ran = {
        (row["model"], row["model_settings"], row["task"])
        for row in rows
        if row["outcome"] != "failed"
    }
    found = []
    for control, settings in _controls().items():
        lacking = {
            label: row
            for label, row in tasks.items()
            if (control, settings, label) not in ran
        }
        found.append(_aside(control, lacking, whole=len(lacking) == len(tasks)))
    return tuple(aside for aside in found if aside.scores)


def _aside(control: str, tasks: Mapping[str, Row], *, whole: bool) -> Aside:
    scores, shares = {}, {}
    for label, row in tasks.items():
        score = _measured().get((control, *(row[name] for name in _TASK)))
        if score is not None:
            blind, best = row["chance"], row["best"]
            scores[label] = score
            shares[label] = max((score - blind) / (best - blind), FLOOR)
    whole = whole and scores.keys() == tasks.keys()
    overall = sum(shares.values()) / len(shares) if whole else None
    return Aside(control, scores, shares, overall)


_TASK = ("task_name", "task_version", "task_settings")


@cache
def _controls() -> Mapping[str, str]:
    """The settings of each control, as a table of runs has them."""
    return {
        one.control: traits_text(flatten(one.control_settings))
        for one in measurements().measured
    }


@cache
def _measured() -> Mapping[tuple[str, ...], float]:
    """Mean scores by control, and by task as a table of runs has it."""
    return {
        (one.control, one.task, one.version, traits_text(flatten(one.settings))): (
            one.mean
        )
        for one in measurements().measured
    }


def aside_note(asides: Sequence[Aside], tasks: Sequence[str]) -> list[str]:
    """Returns what controls that were measured apart are: a sentence, or none.

    Args:
        asides: what `controls_aside` returned.
        tasks: the labels of all tasks.
    """
    if not asides:
        return []
    budget, names = measurements().budget, listed([one.control for one in asides])
    lacking = [task for task in tasks if all(task not in a.scores for a in asides)]
    on = f"; not on {listed(lacking)}" if lacking else ""
    return [
        f"Measured apart ({budget.parameters:,} parameters, {budget.seeds} seeds, "
        f"{budget.steps:,} steps of {budget.batch}){on}: {names}. {_REACH}"
    ]


_REACH = (
    "What last_step reaches needs no memory, and what window reaches no more than the "
    "last 8 steps; larger controls, or a longer training, may reach more."
)
