"""Who stands where: a pure function of the table of runs."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .aggregates import iqm_over_tasks, mean_over_tasks
from .bootstrap import (
    CONFIDENCE,
    REPETITIONS,
    aggregate_interval,
    probability_of_lead,
    task_interval,
)
from .budget import budget_of
from .frame import Row
from .labels import natural_key
from .length import length_curves
from .power import resolution
from .scores import Scores, scores_of
from .standing import Cell, Leaderboard, Standing, TaskCard
from .summary import largest, mean_of, summarize
from .verdict import verdict


def leaderboard(frame: pd.DataFrame, *, seed: int = 0) -> Leaderboard:
    """Returns the contenders of a table of runs in order of their overall score.

    Contenders that were not judged on every task come after those that were, those
    with more tasks first; equal ones share a rank. A contender's intervals depend on
    its own runs and `seed`, not on who else is there.

    Args:
        frame: one row per run, from `runs_frame`.
        seed: decides the bootstrap's draws.

    Raises:
        ValueError: there are no runs.
    """
    if frame.empty:
        raise ValueError("there are no runs to rank")
    rows: list[Row] = [dict(row) for row in frame.to_dict("records")]
    tasks = task_cards(rows)
    scores, groups = scores_of(frame), _grouped(rows, "contender")
    standings = _ranked(
        _standing(own, tasks, scores.of(contender), seed)
        for contender, own in groups.items()
    )
    probability = _lead_probability(standings, scores, seed)
    return Leaderboard(
        tasks=tuple(tasks),
        standings=tuple(standings),
        lead_probability=probability,
        verdict=verdict(standings, probability, len(tasks)),
        resolution=resolution(scores, _generator(seed, "resolution")),
        budget=budget_of(frame),
        lengths=length_curves(frame, _generator(seed, "lengths")),
        confidence=CONFIDENCE,
        repetitions=REPETITIONS,
    )


def task_cards(rows: Sequence[Row]) -> list[TaskCard]:
    """Returns the tasks of a table of runs in natural order."""
    fields = ("metric", "higher_is_better", "chance", "best", "bar")
    groups = _grouped(rows, "task")
    return [
        TaskCard(task, **{name: groups[task][0][name] for name in fields})
        for task in sorted(groups, key=natural_key)
    ]


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
    rows: list[Row], tasks: Sequence[TaskCard], matrix: np.ndarray, seed: int
) -> Standing:
    """Returns a standing that waits for its rank."""
    contender, groups = rows[0]["contender"], _grouped(rows, "task")
    cells = [
        summarize(groups[card.task], _generator(seed, contender, card.task))
        for card in tasks
        if card.task in groups
    ]
    judged = [cell for cell in cells if cell.judged]
    return Standing(
        contender=contender,
        rank=0,
        family=rows[0]["family"],
        **_overall(_filled(matrix), _generator(seed, contender, "overall")),
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


def _overall(matrix: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """The figures over tasks of one contender's `(runs, tasks)`."""
    names = (
        "overall",
        "interval",
        "task_interval",
        "iqm",
        "iqm_interval",
        "iqm_task_interval",
    )
    if not matrix.size:
        return dict.fromkeys(names)
    return {
        "overall": float(mean_over_tasks(matrix)),
        "interval": aggregate_interval(matrix, rng),
        "task_interval": task_interval(matrix, rng),
        "iqm": float(iqm_over_tasks(matrix)),
        "iqm_interval": aggregate_interval(matrix, rng, aggregate=iqm_over_tasks),
        "iqm_task_interval": task_interval(matrix, rng, aggregate=iqm_over_tasks),
    }


def _filled(matrix: np.ndarray) -> np.ndarray:
    """The tasks that have a run, and the rows that have one."""
    there = ~np.isnan(matrix)
    return matrix[there.any(axis=1)][:, there.any(axis=0)]


def _lead_probability(
    standings: Sequence[Standing], scores: Scores, seed: int
) -> float | None:
    """How likely the first is ahead of the second; None where that has no meaning."""
    pair = [s for s in standings[:2] if s.complete and s.seeds >= 2]
    if len(pair) < 2:
        return None
    first, second = (s.contender for s in pair)
    rng = _generator(seed, first, second)
    return probability_of_lead(scores.of(first), scores.of(second), rng)


def _missing(tasks: Sequence[TaskCard], judged: Sequence[Cell]) -> tuple[str, ...]:
    there = {cell.task for cell in judged}
    return tuple(card.task for card in tasks if card.task not in there)


def _grouped(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _generator(seed: int, *names: str) -> np.random.Generator:
    digest = zlib.crc32("\n".join(names).encode())
    return np.random.default_rng([seed, digest])
