"""Figures: data and a Vega-Lite specification, drawn in a page or saved for a paper.

Every function returns an Altair chart that stands alone; a contender has one color in
all of them. A chart is as wide as its place; for print,
`chart.properties(width=400).save("figure.pdf")`.
"""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from ..analysis.standing import Leaderboard, TaskCard
from ..runs.record import History
from .curves import curve_points
from .marks import (
    Rows,
    color,
    contender_colors,
    fill,
    finished,
    focus_on_click,
    levels,
    metric_title,
    numbers,
    opacity,
    ruler,
    uprights,
)


__all__ = [
    "contender_colors",
    "cost_scatter",
    "learning_curves",
    "overall_scores",
    "seed_strips",
]

CROSS = "M-1,-1L1,1M-1,1L1,-1"
"""The shape of a run that diverged."""

FEW = alt.Axis(tickCount=6)
"""As many ticks as a phone has room for."""

ROW = 30
"""Height of a contender's line, in pixels."""


def learning_curves(
    frame: pd.DataFrame,
    histories: Mapping[str, History],
    card: TaskCard,
    colors: Mapping[str, str],
) -> alt.LayerChart | None:
    """Returns validation scores over steps: median of the seeds, and their range.

    Args:
        frame: one row per run, from `runs_frame`.
        histories: histories of the runs by key.
        card: the task.
        colors: color by contender.

    Returns:
        The chart; None where no run of the task has a history.
    """
    points = _curves(frame, histories, card, colors)
    if not points:
        return None
    span = ruler(card, [point[end] for point in points for end in ("low", "high")])
    focus = focus_on_click()
    inside = span.clipped(points, "low", "median", "high")
    base = alt.Chart(alt.InlineData(values=inside)).encode(
        x=alt.X("step:Q", title="training step", axis=alt.Axis(format="~s")),
        color=color(colors),
    )
    band = base.mark_area(strokeWidth=0).encode(
        y=alt.Y("low:Q", title=None, scale=span.scale, axis=FEW),
        y2="high:Q",
        opacity=opacity(focus, 0.15, 0.0),
    )
    line = base.mark_line(strokeWidth=2).encode(
        y="median:Q",
        opacity=opacity(focus, 1.0, 0.1),
        tooltip=["contender:N", "step:Q", *numbers("low", "median", "high"), "seeds:Q"],
    )
    line = line.properties(name="lines").add_params(focus)
    layers = [band, line, *levels(card, span)]
    return finished(layers, 260, card.task, metric_title(card, "validation"))


def seed_strips(
    frame: pd.DataFrame, card: TaskCard, colors: Mapping[str, str]
) -> alt.LayerChart | None:
    """Returns the test score of every run of a task, one strip per contender.

    A cross at chance is a run that diverged. None where no run is judged.
    """
    runs = _judged(frame, card)
    if not runs:
        return None
    span = ruler(card, [run["score"] for run in runs])
    present = {run["contender"] for run in runs}
    names = [name for name in colors if name in present]
    shapes = alt.Scale(domain=["finished", "diverged"], range=["circle", CROSS])
    points = (
        alt.Chart(alt.InlineData(values=span.clipped(runs, "score")))
        .mark_point(strokeWidth=2)
        .encode(
            x=alt.X("score:Q", title=None, scale=span.scale, axis=FEW),
            y=alt.Y("contender:N", title=None, sort=names),
            yOffset=alt.YOffset("seed:O", scale=alt.Scale(paddingOuter=0.6)),
            color=color(colors, legend=False),
            shape=alt.Shape("outcome:N", legend=None, scale=shapes),
            size=alt.when(alt.datum["outcome"] == "diverged")
            .then(alt.value(120))
            .otherwise(alt.value(40)),
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
    return finished(layers, ROW * len(names), card.task, title, offset=22)


def overall_scores(board: Leaderboard, colors: Mapping[str, str]) -> alt.LayerChart:
    """Returns overall scores with their intervals, the best on top."""
    rows = _overall(board)
    order = [row["contender"] for row in rows]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("contender:N", title=None, sort=order),
        color=color(colors, legend=False),
        tooltip=["contender:N", *numbers("overall", "low", "high"), "tasks:N"],
    )
    rules = base.mark_rule(strokeWidth=3).encode(x="low:Q", x2="high:Q")
    axis = alt.X("overall:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=FEW)
    points = base.mark_point(size=110, strokeWidth=2).encode(
        x=axis, fill=fill(colors, legend=False), fillOpacity=_hollow_if_incomplete()
    )
    title = ("overall normalized score", "0 is a blind answer, 1 a perfect one")
    return finished([rules, points], ROW * len(rows), *title)


def cost_scatter(board: Leaderboard, colors: Mapping[str, str]) -> alt.LayerChart:
    """Returns overall scores against the mean seconds of a run."""
    rows = [row for row in _overall(board) if row["seconds"]]
    seconds = [row["seconds"] for row in rows]
    wide = bool(seconds) and max(seconds) > 10 * min(seconds)
    scale = alt.Scale(type="log" if wide else "linear", zero=False, padding=20)
    focus = focus_on_click()
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("seconds:Q", title="seconds per run", scale=scale, axis=FEW),
        color=color(colors),
        opacity=opacity(focus, 1.0, 0.1),
        tooltip=[
            "contender:N",
            *numbers("overall", "low", "high", "seconds"),
            "tasks:N",
        ],
    )
    title = alt.Y("low:Q", title="overall score", scale=alt.Scale(domain=[0, 1]))
    rules = base.mark_rule(strokeWidth=2).encode(y=title, y2="high:Q")
    points = base.mark_point(size=110, strokeWidth=2).encode(
        y="overall:Q", fill=fill(colors), fillOpacity=_hollow_if_incomplete()
    )
    points = points.properties(name="points").add_params(focus)
    return finished([rules, points], 260)


def _curves(
    frame: pd.DataFrame,
    histories: Mapping[str, History],
    card: TaskCard,
    colors: Mapping[str, str],
) -> Rows:
    rows = _on(frame, card)
    return [
        point
        for name in colors
        for point in curve_points(
            [r for r in rows if r["contender"] == name], histories
        )
    ]


def _judged(frame: pd.DataFrame, card: TaskCard) -> Rows:
    names = ("contender", "seed", "outcome", "reason")
    return [
        {name: row[name] for name in names} | {"score": row["counted_score"]}
        for row in _on(frame, card)
        if not math.isnan(row["counted_score"])
    ]


def _on(frame: pd.DataFrame, card: TaskCard) -> Rows:
    rows = [dict(row) for row in frame.to_dict("records")]
    return [row for row in rows if row["task"] == card.task]


def _overall(board: Leaderboard) -> Rows:
    return [
        {
            "contender": standing.contender,
            "overall": standing.overall,
            "low": standing.interval.low if standing.interval else None,
            "high": standing.interval.high if standing.interval else None,
            "seconds": standing.run_seconds,
            "tasks": "all" if standing.complete else "some only",
        }
        for standing in board.standings
        if standing.overall is not None
    ]


def _hollow_if_incomplete() -> Any:
    whole = alt.datum["tasks"] == "all"
    return alt.when(whole).then(alt.value(1)).otherwise(alt.value(0))
