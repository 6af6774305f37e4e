"""Learning curves of several seeds as one line and a band."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..runs.record import History


MOST_POINTS = 80
"""A curve is thinned to this many points, the last always among them."""


def curve_points(
    rows: Sequence[Mapping[str, Any]], histories: Mapping[str, History]
) -> list[dict[str, Any]]:
    """Returns median, lowest and highest validation score of a contender over steps.

    So that no seed drops out of the median on the way, a run that stopped early keeps
    its last score, and one that diverged stands at chance from there on. Failed runs
    and runs without a history are left out.

    Args:
        rows: the runs of one contender on one task, from `runs_frame`.
        histories: what is kept of their histories, by key.
    """
    runs = [
        (steps, scores, row["chance"])
        for row in rows
        if row["outcome"] != "failed" and row["key"] in histories
        for steps, scores in [_series(histories[row["key"]], row)]
        if steps.size
    ]
    if not runs:
        return []
    grid = _thinned(np.unique(np.concatenate([steps for steps, _, _ in runs])))
    values = np.stack([_held(steps, scores, grid) for steps, scores, _ in runs])
    return [
        {
            "contender": rows[0]["contender"],
            "step": int(step),
            "median": float(np.nanmedian(column)),
            "low": float(np.nanmin(column)),
            "high": float(np.nanmax(column)),
            "seeds": len(runs),
        }
        for step, column in zip(grid, values.T, strict=True)
    ]


def _series(history: History, row: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Steps and scores; at chance where not finite, and after a breakdown."""
    steps = np.array(history.series.get("step", []), dtype=float)
    scores = np.array(history.series.get("validation_score", []), dtype=float)
    if steps.size == 0 or scores.size != steps.size:
        return np.array([]), np.array([])
    scores = np.where(np.isfinite(scores), scores, row["chance"])
    if row["outcome"] == "diverged":
        steps, scores = (
            np.append(steps, steps[-1] + 1),
            np.append(scores, row["chance"]),
        )
    return steps, scores


def _held(steps: np.ndarray, scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The latest score at each step of the grid, NaN before the first."""
    last = np.searchsorted(steps, grid, side="right") - 1
    return np.where(last < 0, np.nan, scores[np.maximum(last, 0)])


def _thinned(grid: np.ndarray) -> np.ndarray:
    if grid.size <= MOST_POINTS:
        return grid
    picks = np.linspace(0, grid.size - 1, MOST_POINTS).round().astype(int)
    return grid[picks]
