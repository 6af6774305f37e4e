"""The scores of a store as one array: what statistics across tasks are functions of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from .frame import FLOOR
from .labels import natural_key


GAP = 0.25
"""How far apart solved and unsolved runs of an all-or-none task are, at the least.

A quarter of the way from a blind answer to a perfect one.
"""


@dataclass(frozen=True)
class Scores:
    """What runs count `(contenders, runs, tasks)`, NaN where there is no run.

    0 is a blind answer and 1 a perfect one (`counted` of `runs_frame`). Runs stand in
    the order of their seeds, from the top. `all_or_none` are the tasks that runs solve
    or not, with nothing in between (`all_or_none_tasks`). `floors` is the least that a
    run of a task can count (`floor_of`), `FLOOR` of those that it lacks. `series` is
    what a task shares with those that differ from it in their length alone; itself for
    those that it lacks.
    """

    contenders: tuple[str, ...]
    tasks: tuple[str, ...]
    values: np.ndarray
    all_or_none: frozenset[str] = frozenset()
    floors: Mapping[str, float] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, list[int]]:
        """The places of tasks that differ in their length alone, by their series.

        Several lengths of one task do not count as several tasks, where it is asked
        what would come of others.
        """
        found: dict[str, list[int]] = {}
        for place, task in enumerate(self.tasks):
            found.setdefault(self.series.get(task, task), []).append(place)
        return found

    @property
    def split(self) -> np.ndarray:
        """Which tasks are all-or-none: `(tasks,)`."""
        return np.array([task in self.all_or_none for task in self.tasks], dtype=bool)

    @property
    def least(self) -> np.ndarray:
        """The least that a run of each task can count: `(tasks,)`."""
        return np.array([self.floors.get(task, FLOOR) for task in self.tasks])

    def of(self, contender: str) -> np.ndarray:
        """Returns a contender's matrix `(runs, tasks)`.

        Raises:
            ValueError: there is no such contender.
        """
        return self.values[_place(self.contenders, contender, "contender")]

    def sample(self, contender: str, task: str) -> np.ndarray:
        """Returns the scores `(runs,)` of a contender on a task, without gaps.

        Raises:
            ValueError: there is no such contender or task.
        """
        column = self.of(contender)[:, _place(self.tasks, task, "task")]
        return column[~np.isnan(column)]

    @property
    def counts(self) -> np.ndarray:
        """How many runs there are: `(contenders, tasks)`."""
        return (~np.isnan(self.values)).sum(axis=1)

    @property
    def means(self) -> np.ndarray:
        """The means over runs: `(contenders, tasks)`, NaN where there is no run."""
        counts = self.counts
        sums = np.nansum(self.values, axis=1)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    def complete(self) -> "Scores":
        """Returns the contenders that have a run on every task."""
        kept = np.flatnonzero((self.counts > 0).all(axis=1))
        names = tuple(self.contenders[place] for place in kept)
        return replace(self, contenders=names, values=self.values[kept])

    def shared(self, first: str, second: str) -> "Scores":
        """Returns two contenders on the tasks on which both have a run.

        Raises:
            ValueError: there is no such contender.
        """
        pair = [_place(self.contenders, name, "contender") for name in (first, second)]
        kept = np.flatnonzero((self.counts[pair] > 0).all(axis=0))
        tasks = tuple(self.tasks[place] for place in kept)
        values = self.values[pair][:, :, kept]
        return replace(self, contenders=(first, second), tasks=tasks, values=values)


def scores_of(frame: pd.DataFrame) -> Scores:
    """Returns what the runs of a table (`runs_frame`) count, in its order.

    Runs that failed, which count for nothing, are left out; a contender or a task of
    which every run failed stays, with no run.
    """
    contenders = tuple(dict.fromkeys(frame["contender"]))
    tasks = tuple(sorted(set(frame["task"]), key=natural_key))
    rows = frame.to_dict("records")
    samples: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if not np.isnan(row["counted"]):
            cell = row["contender"], row["task"]
            samples.setdefault(cell, []).append(row["counted"])
    depth = max(map(len, samples.values()), default=0)
    values = np.full((len(contenders), depth, len(tasks)), np.nan)
    for (contender, task), sample in samples.items():
        place = contenders.index(contender), tasks.index(task)
        values[place[0], : len(sample), place[1]] = sample
    floors = {row["task"]: floor_of(row) for row in rows}
    series = {row["task"]: _series(row) for row in rows}
    split = all_or_none_tasks(rows)
    return Scores(contenders, tasks, values, split, floors, series)


def _series(row: Mapping[Any, Any]) -> str:
    """A task without a length is a series of its own."""
    return str(row["series"] if row["length_name"] else row["task"])


def all_or_none_tasks(rows: Iterable[Mapping[Any, Any]]) -> frozenset[str]:
    """Returns the tasks on which the runs of some contender split in two.

    Some of its runs solved the task, others did not, and between the worst of those and
    the best of these is a gap of `GAP` or more. A mean over such runs is of two kinds
    of runs, and few of them may all be of one kind: one contender that splits says so
    of all runs of its task.

    Args:
        rows: the runs, rows of `runs_frame`.
    """
    groups: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for row in rows:
        if not np.isnan(row["counted"]):
            group = groups.setdefault((row["task"], row["contender"]), ([], []))
            group[int(row["solved"])].append(row["counted"])
    return frozenset(
        task
        for (task, _), (unsolved, solved) in groups.items()
        if unsolved and solved and min(solved) - max(unsolved) >= GAP
    )


def floor_of(row: Mapping[Any, Any]) -> float:
    """Returns the least that a run can count, given the worst score of its task.

    Args:
        row: a run of the task, a row of `runs_frame`.
    """
    if np.isnan(row["worst"]):
        return FLOOR
    worst = (row["worst"] - row["chance"]) / (row["best"] - row["chance"])
    return max(FLOOR, float(worst))


def _place(names: tuple[str, ...], name: str, kind: str) -> int:
    if name not in names:
        raise ValueError(f"there is no {kind} {name!r} among {', '.join(names)}")
    return names.index(name)
