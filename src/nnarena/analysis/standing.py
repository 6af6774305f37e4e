"""What a leaderboard holds, as plain values that go into JSON."""

from dataclasses import dataclass
from typing import Any

from .bootstrap import Interval
from .budget import Budget
from .length import LengthCurve
from .plain import plain
from .power import Resolution


@dataclass(frozen=True)
class TaskCard:
    """How to read the scores of one task."""

    task: str
    metric: str
    higher_is_better: bool
    chance: float
    best: float
    bar: float


@dataclass(frozen=True)
class Cell:
    """One contender on one task.

    `judged` runs are those that finished or diverged; all figures are over them, a
    diverged run at the task's chance level. A failed run is missing. `mean`, `median`
    and `iqm` are None where no run is judged; `spread`, the sample standard deviation,
    and the intervals of the mean, of percentiles and `bca_interval`, where fewer than
    two are.

    `passed` counts the runs whose validation score reached the bar at some check, of
    those whose history was read; None where none was. `solve_steps` and
    `solve_seconds` are their medians, a run that never passed counting as endless;
    None where half of the runs or more never did.
    """

    task: str
    judged: int
    diverged: int
    failed: int
    mean: float | None
    median: float | None
    iqm: float | None
    spread: float | None
    interval: Interval | None
    bca_interval: Interval | None
    credited: float | None
    solved: int
    solved_interval: Interval | None
    passed: int | None
    solve_steps: float | None
    solve_seconds: float | None
    parameters: int | None
    run_seconds: float | None
    program_bytes: int | None


@dataclass(frozen=True)
class Standing:
    """One contender over all tasks.

    `overall` is the mean over tasks of the mean credited score (see `runs_frame`), over
    the tasks that have a judged run; those that have none are in `missing`, and make
    it incomplete. `interval` says how it would move had the seeds been others,
    `task_interval` had the tasks been others. `iqm` is the interquartile mean of all
    credited scores, with its own two intervals. `seeds` is the fewest judged
    runs on a task that has any. `parameters` and `program_bytes` are the largest,
    `run_seconds` the mean over tasks of the mean over runs.
    """

    contender: str
    rank: int
    family: str
    overall: float | None
    interval: Interval | None
    task_interval: Interval | None
    iqm: float | None
    iqm_interval: Interval | None
    iqm_task_interval: Interval | None
    complete: bool
    missing: tuple[str, ...]
    seeds: int
    solved_tasks: int
    runs: int
    diverged: int
    failed: int
    parameters: int | None
    run_seconds: float | None
    program_bytes: int | None
    cells: tuple[Cell, ...]

    def cell(self, task: str) -> Cell | None:
        """Returns how it did on a task; None where it was never run."""
        return next((cell for cell in self.cells if cell.task == task), None)


@dataclass(frozen=True)
class Leaderboard:
    """Contenders in order, and how sure the order is.

    `lead_probability` is the bootstrap probability that the first contender's overall
    score exceeds the second's; None where the two cannot be compared. `resolution` says
    how small a difference the design could have found, `budget` how near contenders
    came to the parameters that were asked for. `lengths` are the curves of
    tasks that were run at several lengths, with the effective length of each contender.
    """

    tasks: tuple[TaskCard, ...]
    standings: tuple[Standing, ...]
    lead_probability: float | None
    verdict: str
    resolution: Resolution | None
    budget: Budget | None
    lengths: tuple[LengthCurve, ...]
    confidence: float
    repetitions: int

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, fit for JSON: intervals as {"low": …, "high": …}."""
        return plain(self)

    def __str__(self) -> str:
        """Returns the table as a prompt shows it."""
        from .text import board_text  # which builds on this module

        return board_text(self)
