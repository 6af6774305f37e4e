"""What a leaderboard holds, as plain values that go into JSON."""

from dataclasses import asdict, dataclass
from typing import Any

from .bootstrap import Interval


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

    `judged` runs are those that finished or diverged; mean, median, interval and
    `solved` are over them, a diverged run at the task's chance level. A failed run is
    missing. `mean` and `median` are None where no run is judged, `interval` (of the
    mean) where fewer than two are.
    """

    task: str
    judged: int
    diverged: int
    failed: int
    mean: float | None
    median: float | None
    interval: Interval | None
    credited: float | None
    solved: int
    solved_interval: Interval | None
    parameters: int | None
    run_seconds: float | None
    peak_bytes: int | None


@dataclass(frozen=True)
class Standing:
    """One contender over all tasks.

    `overall` is the mean over tasks of the mean credited score (see `runs_frame`), over
    the tasks that have a judged run; those that have none are in `missing`, and make
    it incomplete. `seeds` is the fewest judged runs on a task that has any.
    `parameters` and `peak_bytes` are the largest, `run_seconds` the mean over tasks of
    the mean over runs.
    """

    contender: str
    rank: int
    family: str
    overall: float | None
    interval: Interval | None
    complete: bool
    missing: tuple[str, ...]
    seeds: int
    solved_tasks: int
    runs: int
    diverged: int
    failed: int
    parameters: int | None
    run_seconds: float | None
    peak_bytes: int | None
    cells: tuple[Cell, ...]

    def cell(self, task: str) -> Cell | None:
        """Returns how it did on a task; None where it was never run."""
        return next((cell for cell in self.cells if cell.task == task), None)


@dataclass(frozen=True)
class Leaderboard:
    """Contenders in order, and how sure the order is.

    `lead_probability` is the bootstrap probability that the first contender's overall
    score exceeds the second's; None where the two cannot be compared.
    """

    tasks: tuple[TaskCard, ...]
    standings: tuple[Standing, ...]
    lead_probability: float | None
    verdict: str
    confidence: float
    repetitions: int

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, fit for JSON: intervals as {"low": …, "high": …}."""
        return _plain(asdict(self))

    def __str__(self) -> str:
        """Returns the table as a prompt shows it."""
        from .text import board_text  # which builds on this module

        return board_text(self)


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return value._asdict()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
