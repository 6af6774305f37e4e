"""What contenders without memory score on each task, as measured: `controls.json`.

The file is written by `experiments/controls.py`, of every task at its defaults and as
the suites of the package have it. It holds scores, not shares of a
scale, so that a task whose landmarks change keeps what was measured.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..core.numbers import Finite
from ..core.scoring import Scoring


FILE = files("nnarena.tasks") / "controls.json"


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
