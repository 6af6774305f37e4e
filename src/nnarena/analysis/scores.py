"""The scores of a store as one array: what statistics across tasks are functions of."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .labels import natural_key


@dataclass(frozen=True)
class Scores:
    """Credited scores `(contenders, runs, tasks)`, NaN where there is no run.

    A credited score is 0 for a blind answer and 1 for a perfect one (see `runs_frame`).
    Runs stand in the order of their seeds, from the top.
    """

    contenders: tuple[str, ...]
    tasks: tuple[str, ...]
    values: np.ndarray

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
        return Scores(names, self.tasks, self.values[kept])

    def shared(self, first: str, second: str) -> "Scores":
        """Returns two contenders on the tasks on which both have a run.

        Raises:
            ValueError: there is no such contender.
        """
        pair = [_place(self.contenders, name, "contender") for name in (first, second)]
        kept = np.flatnonzero((self.counts[pair] > 0).all(axis=0))
        tasks = tuple(self.tasks[place] for place in kept)
        return Scores((first, second), tasks, self.values[pair][:, :, kept])


def scores_of(frame: pd.DataFrame) -> Scores:
    """Returns the credited scores of a table of runs (`runs_frame`), in its order.

    Runs that failed, which count for nothing, are left out; a contender or a task of
    which every run failed stays, with no run.
    """
    contenders = tuple(dict.fromkeys(frame["contender"]))
    tasks = tuple(sorted(set(frame["task"]), key=natural_key))
    samples: dict[tuple[str, str], list[float]] = {}
    for row in frame.to_dict("records"):
        if not np.isnan(row["credited"]):
            cell = row["contender"], row["task"]
            samples.setdefault(cell, []).append(row["credited"])
    depth = max(map(len, samples.values()), default=0)
    values = np.full((len(contenders), depth, len(tasks)), np.nan)
    for (contender, task), sample in samples.items():
        place = contenders.index(contender), tasks.index(task)
        values[place[0], : len(sample), place[1]] = sample
    return Scores(contenders, tasks, values)


def _place(names: tuple[str, ...], name: str, kind: str) -> int:
    if name not in names:
        raise ValueError(f"there is no {kind} {name!r} among {', '.join(names)}")
    return names.index(name)
