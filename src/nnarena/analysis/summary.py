"""One contender on one task, or over all of them, in figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .aggregates import iqm
from .frame import Row
from .intervals import Interval, cell_interval, wilson, within
from .standing import Cell, TaskCard


TORN = 0.5
"""How far apart runs next to each other are that do not scatter around one level.

Half of the way from a blind answer to a perfect one.
"""


def summarize(rows: Sequence[Row], card: TaskCard) -> Cell:
    """Returns the figures of the runs of one contender on one task.

    Args:
        rows: its runs, one at least.
        card: the task.
    """
    judged = [row for row in rows if not np.isnan(row["counted"])]
    counted = [row["counted"] for row in judged]
    torn = not card.all_or_none and _widest_gap(counted) >= TORN
    scores = np.array([row["counted_score"] for row in judged])
    solved = sum(row["solved"] for row in judged)
    return Cell(
        task=card.task,
        judged=len(judged),
        diverged=sum(row["outcome"] == "diverged" for row in rows),
        failed=len(rows) - len(judged),
        mean=mean_of(scores),
        median=float(np.median(scores)) if judged else None,
        iqm=float(iqm(scores)) if judged else None,
        spread=float(scores.std(ddof=1)) if len(judged) > 1 else None,
        interval=None if card.all_or_none else _interval(scores, card),
        counted=mean_of(counted),
        solved=solved,
        solved_interval=wilson(solved, len(judged)) if judged else None,
        one_level=not card.all_or_none and not torn,
        ends=Interval(float(scores.min()), float(scores.max())) if torn else None,
        **_test_error(rows, scores, card),
        **_time_to_solve(judged),
        parameters=largest(rows, "parameters"),
        run_seconds=mean_of([row["run_seconds"] for row in judged]),
        program_bytes=largest(rows, "program_bytes"),
    )


def mean_of(values: Sequence[float | None] | np.ndarray) -> float | None:
    """Returns the mean of what is there; None where nothing is."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def largest(rows: Sequence[Row], column: str) -> int | None:
    """Returns the greatest number of a column that is there; None where none is."""
    values = [row[column] for row in rows if not np.isnan(row[column])]
    return int(max(values)) if values else None


def _widest_gap(counted: Sequence[float]) -> float:
    """Returns how far apart runs next to each other lie at most; 0 of one alone."""
    return float(np.diff(np.sort(counted)).max()) if len(counted) > 1 else 0.0


def _interval(scores: np.ndarray, card: TaskCard) -> Interval | None:
    """The interval of the mean, which ends where scores do."""
    endless = -math.inf if card.higher_is_better else math.inf
    worst = endless if card.worst is None else card.worst
    mean = float(np.mean(scores)) if scores.size else math.nan
    return within(cell_interval(scores), mean, *sorted((worst, card.best)))


def _test_error(
    rows: Sequence[Row], scores: np.ndarray, card: TaskCard
) -> Mapping[str, Any]:
    """How many test examples there were, and how far they alone could move a mean."""
    counts = [row["test_rows"] for row in rows if row["outcome"] == "finished"]
    if not counts or np.isnan(counts).any():
        return {"test_rows": None, "test_interval": None}
    count = int(min(counts))
    right = float(np.clip(scores.mean(), 0, 1)) * count
    known = card.share and not card.seen and count > 0
    interval = wilson(right, count) if known else None
    return {"test_rows": count, "test_interval": interval}


def _time_to_solve(rows: Sequence[Row]) -> Mapping[str, Any]:
    known = [row for row in rows if not np.isnan(row["solve_step"])]
    passed = sum(np.isfinite(row["solve_step"]) for row in known)
    return {
        "passed": int(passed) if known else None,
        "solve_steps": _finite_median([row["solve_step"] for row in known]),
        "solve_seconds": _finite_median([row["solve_seconds"] for row in known]),
    }


def _finite_median(values: Sequence[float]) -> float | None:
    """The median, infinity being a value; None where it has no end."""
    ordered = sorted(values)
    if not ordered or not np.isfinite(ordered[len(ordered) // 2]):
        return None
    return float(np.median(ordered))
