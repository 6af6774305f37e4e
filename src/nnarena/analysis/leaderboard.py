"""Who stands where: a pure function of the table of runs."""

import zlib
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from .aggregates import iqm_over_tasks, mean_over_tasks
from .bootstrap import aggregate_interval
from .budget import budget_of
from .controls import controls_aside
from .differences import Difference, Differences, differences
from .frame import Row
from .intervals import CONFIDENCE, Interval, cell_interval, mean_interval, within
from .labels import natural_key
from .length import length_curves
from .power import resolution
from .reported import reported
from .scores import Scores, all_or_none_tasks, scores_of
from .standing import Cell, Leaderboard, Standing, TaskCard
from .summary import largest, mean_of, summarize
from .training import trained_otherwise
from .verdict import verdict


FEWEST_TASKS = 5
"""Of fewer tasks no interval is given for other tasks."""


def leaderboard(frame: pd.DataFrame, *, seed: int = 0) -> Leaderboard:
    """Returns the contenders of a table of runs in order of their overall score.

    Contenders that were not judged on every task come after those that were, those
    with more tasks first; equal ones share a rank. A contender's figures depend on its
    own runs, and on those of others in one respect: whether a task is all-or-none.

    Args:
        frame: one row per run, from `runs_frame`.
        seed: decides the draws of the bootstrap and of simulations.

    Raises:
        ValueError: there are no runs.
    """
    if frame.empty:
        raise ValueError("there are no runs to rank")
    rows: list[Row] = [dict(row) for row in frame.to_dict("records")]
    tasks = task_cards(rows)
    scores, groups = scores_of(frame), _grouped(rows, "contender")
    standings = _ranked(_standing(own, tasks, scores, seed) for own in groups.values())
    family = differences(scores)
    return Leaderboard(
        tasks=tuple(tasks),
        standings=tuple(standings),
        pairs=_in_order(family, standings),
        family=family.family,
        verdict=verdict(standings, family, len(tasks)),
        resolution=resolution(scores, _generator(seed, "resolution")),
        budget=budget_of(frame),
        lengths=length_curves(frame),
        confidence=CONFIDENCE,
        trained=trained_otherwise(frame),
        reported=reported(frame),
        controls=controls_aside(rows),
    )


def task_cards(rows: Sequence[Row]) -> list[TaskCard]:
    """Returns the tasks of a table of runs in natural order."""
    fields = ("metric", "higher_is_better", "share", "seen", "chance", "best", "bar")
    groups, split = _grouped(rows, "task"), all_or_none_tasks(rows)
    return [
        TaskCard(
            task,
            **{name: groups[task][0][name] for name in fields},
            worst=_known(groups[task][0]["worst"]),
            all_or_none=task in split,
        )
        for task in sorted(groups, key=natural_key)
    ]


def _in_order(
    family: Differences, standings: Sequence[Standing]
) -> tuple[Difference, ...]:
    """The pairs in the order of the standings, each with the one above first."""
    names = {frozenset((pair.first, pair.second)) for pair in family.pairs}
    return tuple(
        family.of(above.contender, below.contender)
        for above, below in combinations(standings, 2)
        if frozenset((above.contender, below.contender)) in names
    )


def _ranked(standings: Iterable[Standing]) -> list[Standing]:
    def merit(standing: Standing) -> tuple[int, float]:
        overall = standing.overall
        return -len(standing.missing), float("-inf") if overall is None else overall

    ordered = sorted(standings, key=lambda s: natural_key(s.contender))
    ordered.sort(key=merit, reverse=True)
    merits = [merit(standing) for standing in ordered]
    return [
        Standing(**{**vars(standing), "rank": 1 + merits.index(own)})
        for standing, own in zip(ordered, merits, strict=True)
    ]


def _standing(
    rows: list[Row], tasks: Sequence[TaskCard], scores: Scores, seed: int
) -> Standing:
    """Returns a standing that waits for its rank."""
    contender, groups = rows[0]["contender"], _grouped(rows, "task")
    cells = [
        summarize(groups[card.task], card) for card in tasks if card.task in groups
    ]
    judged = [cell for cell in cells if cell.judged]
    return Standing(
        contender=contender,
        rank=0,
        family=rows[0]["family"],
        **_overall(scores, contender, _generator(seed, contender, "overall")),
        one_level=any(cell.one_level for cell in judged),
        complete=len(judged) == len(tasks),
        missing=_missing(tasks, judged),
        seeds=min((cell.judged for cell in judged), default=0),
        solved_tasks=sum(cell.solved == cell.judged for cell in judged),
        runs=len(rows),
        diverged=sum(cell.diverged for cell in cells),
        failed=sum(cell.failed for cell in cells),
        parameters=largest(rows, "parameters"),
        run_seconds=mean_of([cell.run_seconds for cell in judged]),
        program_bytes=largest(rows, "program_bytes"),
        cells=tuple(cells),
    )


def _overall(
    scores: Scores, contender: str, rng: np.random.Generator
) -> dict[str, Any]:
    """The figures of one contender over the tasks that it has runs of."""
    matrix = scores.of(contender)
    there = ~np.isnan(matrix)
    tasks = np.asarray(there.any(axis=0))
    matrix = matrix[there.any(axis=1)][:, tasks]
    if not matrix.size:
        names = ("overall", "interval", "task_interval", "iqm", "iqm_interval")
        return dict.fromkeys(names)
    split, least = scores.split[tasks], scores.least[tasks]
    overall = float(mean_over_tasks(matrix))
    ends = mean_interval(matrix, split, least)
    return {
        "overall": overall,
        "interval": within(ends, overall, float(least.mean()), 1.0),
        "task_interval": task_interval(*_by_kind(matrix, least, scores, tasks)),
        "iqm": float(iqm_over_tasks(matrix)),
        "iqm_interval": None if split.any() else aggregate_interval(matrix, rng),
    }


def _by_kind(
    matrix: np.ndarray, least: np.ndarray, scores: Scores, tasks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean scores, and the least, of tasks that differ in more than length.

    Args:
        matrix: scores `(runs, tasks)` of one contender, on the tasks that it has.
        least: the least that each can count `(tasks,)`.
        scores: those of all.
        tasks: which of their tasks the contender has.
    """
    places = np.cumsum(tasks) - 1
    kinds = [[places[i] for i in own if tasks[i]] for own in scores.kinds.values()]
    kinds = [own for own in kinds if own]
    means = np.nanmean(matrix, axis=0)
    return (
        np.array([[means[own].mean() for own in kinds]]),
        np.array([least[own].mean() for own in kinds]),
    )


def task_interval(matrix: np.ndarray, least: np.ndarray) -> Interval | None:
    """Returns the interval of the mean over tasks, had others of their kind been drawn.

    Student's over the means of tasks: each brings its own luck of the seeds. Two
    perfect tasks are added and two of the least that any of these can count, as other
    tasks may be solved or not. None for fewer than `FEWEST_TASKS`.

    Args:
        matrix: scores `(runs, tasks)`, NaN where a run is missing.
        least: the least that a run of each task can count: `(tasks,)`.
    """
    if matrix.shape[1] < FEWEST_TASKS:
        return None
    means, worst = np.nanmean(matrix, axis=0), float(least.min())
    ends = cell_interval(means, split=True, worst=worst)
    return within(ends, float(means.mean()), worst, 1.0)


def _missing(tasks: Sequence[TaskCard], judged: Sequence[Cell]) -> tuple[str, ...]:
    there = {cell.task for cell in judged}
    return tuple(card.task for card in tasks if card.task not in there)


def _grouped(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _generator(seed: int, *names: str) -> np.random.Generator:
    digest = zlib.crc32("\n".join(names).encode())
    return np.random.default_rng([seed, digest])
