"""Who stands where: a pure function of the table of runs."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .bootstrap import (
    CONFIDENCE,
    REPETITIONS,
    aggregate_interval,
    mean_over_tasks,
    probability_of_lead,
    sample_interval,
    wilson,
)
from .labels import natural_key
from .standing import Cell, Leaderboard, Standing, TaskCard
from .verdict import verdict


Row = dict[str, Any]
"""One run: a row of `runs_frame`."""


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
    groups = _grouped(rows, "contender")
    standings = _ranked(_standing(own, tasks, seed) for own in groups.values())
    probability = _lead_probability(standings, groups, seed)
    return Leaderboard(
        tasks=tuple(tasks),
        standings=tuple(standings),
        lead_probability=probability,
        verdict=verdict(standings, probability, len(tasks)),
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


def _standing(rows: list[Row], tasks: Sequence[TaskCard], seed: int) -> Standing:
    """Returns a standing that waits for its rank."""
    contender, groups = rows[0]["contender"], _grouped(rows, "task")
    cells = [
        _cell(groups[card.task], _generator(seed, contender, card.task))
        for card in tasks
        if card.task in groups
    ]
    judged = [cell for cell in cells if cell.judged]
    matrix = _credited(rows)
    rng = _generator(seed, contender, "overall")
    return Standing(
        contender=contender,
        rank=0,
        family=rows[0]["family"],
        overall=float(mean_over_tasks(matrix)) if judged else None,
        interval=aggregate_interval(matrix, rng) if judged else None,
        complete=len(judged) == len(tasks),
        missing=_missing(tasks, judged),
        seeds=min((cell.judged for cell in judged), default=0),
        solved_tasks=sum(cell.solved == cell.judged for cell in judged),
        runs=len(rows),
        diverged=sum(cell.diverged for cell in cells),
        failed=sum(cell.failed for cell in cells),
        parameters=_largest(rows, "parameters"),
        run_seconds=_mean([cell.run_seconds for cell in judged]),
        peak_bytes=_largest(rows, "peak_bytes"),
        cells=tuple(cells),
    )


def _cell(rows: list[Row], rng: np.random.Generator) -> Cell:
    judged = [row for row in rows if not np.isnan(row["credited"])]
    scores = np.array([row["counted_score"] for row in judged])
    diverged = sum(row["outcome"] == "diverged" for row in rows)
    solved = sum(row["solved"] for row in judged)
    return Cell(
        task=rows[0]["task"],
        judged=len(judged),
        diverged=diverged,
        failed=len(rows) - len(judged),
        mean=_mean(scores),
        median=float(np.median(scores)) if judged else None,
        interval=sample_interval(scores, rng),
        credited=_mean([row["credited"] for row in judged]),
        solved=solved,
        solved_interval=wilson(solved, len(judged)) if judged else None,
        parameters=_largest(rows, "parameters"),
        run_seconds=_mean([row["run_seconds"] for row in judged]),
        peak_bytes=_largest(rows, "peak_bytes"),
    )


def _lead_probability(
    standings: Sequence[Standing], groups: dict[str, list[Row]], seed: int
) -> float | None:
    """How likely the first is ahead of the second; None where that has no meaning."""
    pair = [s for s in standings[:2] if s.complete and s.seeds >= 2]
    if len(pair) < 2:
        return None
    first, second = (s.contender for s in pair)
    rng = _generator(seed, first, second)
    return probability_of_lead(_credited(groups[first]), _credited(groups[second]), rng)


def _credited(rows: Sequence[Row]) -> np.ndarray:
    """Credited scores `(runs, tasks)` of tasks with a judged run, NaN to fill up."""
    groups = _grouped([r for r in rows if not np.isnan(r["credited"])], "task")
    depth = max((len(group) for group in groups.values()), default=0)
    matrix = np.full((depth, len(groups)), np.nan)
    for column, group in enumerate(groups.values()):
        matrix[: len(group), column] = [row["credited"] for row in group]
    return matrix


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


def _mean(values: Sequence[float | None] | np.ndarray) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def _largest(rows: Sequence[Row], column: str) -> int | None:
    values = [row[column] for row in rows if not np.isnan(row[column])]
    return int(max(values)) if values else None
