"""Strips of all seeds: the test score of every single run."""

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd

from ...analysis.standing import TaskCard
from .figure import Figure, finished, rows_chart
from .marks import (
    ROW,
    Looks,
    Rows,
    color,
    in_focus,
    metric_title,
    numbers,
    rows_on,
    ruler,
    uprights,
)


CROSS = "M-1,-1L1,1M-1,1L1,-1"
"""The shape of a run that diverged."""


def seed_strips(
    frame: pd.DataFrame,
    card: TaskCard,
    looks: Looks,
    name: str,
    order: Sequence[str],
) -> Figure | None:
    """Returns the test score of every run of a task, one strip per contender.

    A cross at chance is a run that diverged. None where no run is judged.

    Args:
        frame: one row per run, from `runs_frame`.
        card: the task.
        looks: looks by contender.
        name: the figure's name.
        order: the contenders from top to bottom.
    """
    runs = _judged(frame, card)
    if not runs:
        return None
    span = ruler(card, [run["score"] for run in runs])
    present = {run["contender"] for run in runs}
    names = [name for name in order if name in present]
    shapes = alt.Scale(domain=["finished", "diverged"], range=["circle", CROSS])
    points = (
        rows_chart()
        .mark_point(strokeWidth=2)
        .encode(
            x=alt.X("score:Q", title=None, scale=span.scale, axis=span.axis),
            y=alt.Y("contender:N", title=None, sort=names),
            yOffset=alt.YOffset("seed:O", scale=alt.Scale(paddingOuter=0.6)),
            color=color(looks, legend=False),
            opacity=in_focus(0.9, 0.1),
            shape=alt.Shape("outcome:N", legend=None, scale=shapes),
            size=alt.when(alt.datum["outcome"] == "diverged")
            .then(alt.value(120))
            .otherwise(alt.value(32)),
            tooltip=[
                "contender:N",
                "seed:O",
                *numbers("score"),
                "outcome:N",
                "reason:N",
            ],
        )
    )
    layers = [*uprights(card, span), points]
    title = metric_title(card, "test")
    return Figure(
        name,
        card.task,
        f"Test scores of all seeds on {card.task}.",
        finished(layers, ROW * len(names), card.task, title, offset=22),
        span.clipped(runs, "score"),
    )


def _judged(frame: pd.DataFrame, card: TaskCard) -> Rows:
    names = ("contender", "seed", "outcome", "reason")
    return [
        {name: row[name] for name in names} | {"score": row["counted_score"]}
        for row in rows_on(frame, card)
        if not math.isnan(row["counted_score"])
    ]
