"""Learning curves of several seeds as one line and a band."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ...analysis.standing import TaskCard
from ...runs.record import History
from .figure import Figure, finished, rows_chart
from .marks import (
    OKABE_ITO,
    Looks,
    Rows,
    color,
    dash,
    in_focus,
    levels,
    metric_title,
    numbers,
    rows_on,
    ruler,
)


MOST_POINTS = 60
"""A curve is thinned to this many points, the last always among them."""


def learning_curves(
    frame: pd.DataFrame,
    histories: Mapping[str, History],
    card: TaskCard,
    looks: Looks,
    name: str,
) -> Figure | None:
    """Returns validation scores over steps: median of the seeds, and their range.

    Of more contenders than there are colors only the bands of those in focus are
    drawn, as more would hide each other.

    Args:
        frame: one row per run, from `runs_frame`.
        histories: histories of the runs by key.
        card: the task.
        looks: looks by contender.
        name: the figure's name.

    Returns:
        The figure; None where no run of the task has a history.
    """
    points = _curves(frame, histories, card, looks)
    if not points:
        return None
    span = ruler(card, [point[end] for point in points for end in ("low", "high")])
    base = rows_chart().encode(
        x=alt.X("step:Q", title="training step", axis=alt.Axis(format="~s")),
        color=color(looks),
    )
    band = base.mark_area(strokeWidth=0).encode(
        y=alt.Y("low:Q", title=None, scale=span.scale, axis=span.axis),
        y2="high:Q",
        opacity=in_focus(0.2, 0.0, 0.15 if len(looks) <= len(OKABE_ITO) else 0.0),
    )
    line = base.mark_line(strokeWidth=2).encode(
        y="median:Q",
        strokeDash=dash(looks),
        opacity=in_focus(1.0, 0.1),
        tooltip=["contender:N", "step:Q", *numbers("low", "median", "high"), "seeds:Q"],
    )
    return Figure(
        name,
        card.task,
        f"Validation scores on {card.task} during training.",
        finished(
            [band, line, *levels(card, span)],
            280,
            card.task,
            metric_title(card, "validation"),
        ),
        span.clipped(points, "low", "median", "high"),
    )


def _curves(
    frame: pd.DataFrame,
    histories: Mapping[str, History],
    card: TaskCard,
    looks: Looks,
) -> Rows:
    rows = rows_on(frame, card)
    return [
        point
        for name in looks
        for point in curve_points(
            [row for row in rows if row["contender"] == name], histories
        )
    ]


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
