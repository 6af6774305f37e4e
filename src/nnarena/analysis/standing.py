"""What a leaderboard holds, as plain values that go into JSON."""

from dataclasses import dataclass
from typing import Any

from .budget import Budget
from .controls import Aside
from .differences import Difference
from .intervals import Interval
from .length import LengthCurve
from .plain import plain
from .power import Resolution
from .refused import Refused


@dataclass(frozen=True)
class TaskCard:
    """How to read the scores of one task.

    `share` says that a score is a mean over examples of shares of right answers, so
    that the number of examples tells how far off it may be; `seen` that these examples
    are those of training, so that it does not. `worst` is the score below which no
    answer can fall, None where that is not known.

    On an `all_or_none` task runs solve it or not, with a gap between (`scores.py`): how
    many did is then the figure of a cell, and a mean is of two kinds of runs.
    """

    task: str
    metric: str
    higher_is_better: bool
    chance: float
    best: float
    bar: float
    share: bool = False
    seen: bool = False
    worst: float | None = None
    all_or_none: bool = False


@dataclass(frozen=True)
class Cell:
    """One contender on one task.

    `judged` runs are those that finished or diverged; all figures are over them, a
    diverged run at the task's chance level. A failed run is missing. `mean`, `median`
    and `iqm` are None where no run is judged, `spread`, the sample standard deviation,
    where fewer than two are. `counted` is the mean of what the runs count
    (`runs_frame`).

    `interval` is that of the mean over seeds; None where fewer than two runs are
    judged, where all of them are equal, and on an all-or-none task, whose figure is
    `solved` of `judged` with `solved_interval`. `one_level` says that the runs did not
    split, so that `interval` takes them to scatter around one level: where a rare other
    end is possible and has not shown, it is too narrow. `ends` are the lowest and the
    highest run of those that did split, half of the way from blind to perfect apart or
    more, on a task that is not all-or-none; else None.

    `test_rows` is on how many test examples each run was judged, None where records do
    not hold it; `test_interval` how far the mean could lie from that of all examples
    for that reason (Wilson). None where the score is not a share of right answers: the
    error of a mean of losses, or of a ranking such as AUROC, needs every answer, which
    records do not hold. Where an example has several answers it is too wide rather than
    too narrow, as they may depend on each other.

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
    counted: float | None
    solved: int
    solved_interval: Interval | None
    one_level: bool
    ends: Interval | None
    test_rows: int | None
    test_interval: Interval | None
    passed: int | None
    solve_steps: float | None
    solve_seconds: float | None
    parameters: int | None
    run_seconds: float | None
    program_bytes: int | None


@dataclass(frozen=True)
class Standing:
    """One contender over all tasks.

    `overall` is the mean over tasks of what runs count in the mean (see `runs_frame`),
    over the tasks that have a judged run; those that have none are in `missing`, and
    make it incomplete. `interval` says how it would move had the seeds been others,
    `task_interval` had the tasks been others. `iqm` is the interquartile mean of all
    runs, with its interval over seeds, None where a task is all-or-none. `one_level`
    says that `interval` rests on a cell that is. `seeds` is the fewest judged runs on a
    task that has any. `parameters` and `program_bytes` are the largest, `run_seconds`
    the mean over tasks of the mean over runs.
    """

    contender: str
    rank: int
    family: str
    overall: float | None
    interval: Interval | None
    task_interval: Interval | None
    iqm: float | None
    iqm_interval: Interval | None
    one_level: bool
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

    `pairs` are the differences of all pairs of contenders, the higher one first, with
    what can be said of each, and `family` for how many their intervals hold;
    `verdict` says of the first contender whom it beats. `resolution` says how small a
    difference the design could have found, `budget` how near contenders came to the
    parameters that were asked for. `lengths` are the curves of tasks that were
    run at several lengths, with the effective length of each contender.
    `refused` are the pairs that cannot be run; `trained` says where contenders were
    not trained alike, `reported` what some say of themselves. `controls` are those
    without memory that are not contenders here, as measured apart.
    """

    tasks: tuple[TaskCard, ...]
    standings: tuple[Standing, ...]
    pairs: tuple[Difference, ...]
    family: str
    verdict: str
    resolution: Resolution | None
    budget: Budget | None
    lengths: tuple[LengthCurve, ...]
    confidence: float
    refused: tuple[Refused, ...] = ()
    trained: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    controls: tuple[Aside, ...] = ()

    def refusal(self, contender: str, task: str) -> str | None:
        """Returns why a contender cannot play a task; None where nothing forbids it."""
        reasons = {(one.contender, one.task): one.reason for one in self.refused}
        return reasons.get((contender, task))

    def places(self, contender: str) -> tuple[int, int]:
        """Returns the first and the last place that a contender may have.

        Below all that beat it and above all that it beats: of those that the runs
        cannot tell from it nothing is said, whatever the order of their means.
        """
        answers = [pair.answer for pair in self.pairs if pair.first == contender]
        answers += [
            pair.swapped().answer for pair in self.pairs if pair.second == contender
        ]
        last = len(self.standings) - answers.count("beats")
        return 1 + answers.count("is beaten by"), last

    def place_text(self, standing: Standing) -> str:
        """Returns the places of a contender, "1 to 4"; "" where its rank says all."""
        first, last = self.places(standing.contender)
        return "" if first == last == standing.rank else f"{first} to {last}"

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, fit for JSON: intervals as {"low": …, "high": …}."""
        standings = [
            plain(one) | {"places": list(self.places(one.contender))}
            for one in self.standings
        ]
        return plain(self) | {"standings": standings}

    def __str__(self) -> str:
        """Returns the table as a prompt shows it."""
        from .text import board_text  # which builds on this module

        return board_text(self)
