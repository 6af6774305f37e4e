"""Scores over all tasks, and of every contender on every task."""

from typing import Any

import altair as alt

from ...analysis.standing import Cell, Leaderboard
from ...analysis.text import ONE_LEVEL
from .figure import Figure, finished, rows_chart
from .marks import (
    DIMMED,
    FEW,
    INK,
    ROW,
    Looks,
    Rows,
    color,
    doubts,
    fill,
    in_focus,
    numbers,
    shape,
    unit_scale,
)


CELL = 44
"""The least width of a heat map's cell that holds a number, in pixels."""


def overall_scores(board: Leaderboard, looks: Looks) -> Figure:
    """Returns overall scores with their intervals, the best on top."""
    rows = overall_rows(board)
    order = [row["contender"] for row in rows]
    base = rows_chart().encode(
        y=alt.Y("contender:N", title=None, sort=order),
        color=color(looks, legend=False),
        opacity=in_focus(1.0, 0.15),
        tooltip=["contender:N", *numbers("overall", "low", "high"), "tasks:N"],
    )
    rules = base.mark_rule(strokeWidth=3).encode(x="low:Q", x2="high:Q")
    scale = unit_scale(row[end] for row in rows for end in ("low", "overall"))
    axis = alt.X("overall:Q", title=None, scale=scale, axis=FEW)
    points = base.mark_point(size=90, strokeWidth=2).encode(
        x=axis,
        shape=shape(looks, legend=False),
        fill=fill(looks, legend=False),
        fillOpacity=hollow_if_incomplete(),
    )
    marks = doubts(base, x="high:Q")
    title = ("overall normalized score", "0 is a blind answer, 1 a perfect one")
    percent = round(100 * board.confidence)
    return Figure(
        "overall",
        "Overall scores",
        f"Symbol: mean over tasks. Line: {percent} % interval over seeds, each by "
        "itself: whether two can be told apart, the table of pairs says. A hollow "
        f"symbol lacks tasks.{doubt_note(rows)}",
        finished([rules, points, marks], ROW * len(rows), *title),
        rows,
    )


def heat_map(board: Leaderboard) -> Figure:
    """Returns the normalized score of every contender on every task."""
    rows = [
        _tile(standing.contender, card.task, standing.cell(card.task))
        for standing in board.standings
        for card in board.tasks
    ]
    order = [standing.contender for standing in board.standings]
    base = rows_chart().encode(
        x=alt.X(
            "task:N",
            title=None,
            sort=[card.task for card in board.tasks],
            axis=alt.Axis(
                orient="top",
                labelAngle=40,
                labelAlign="right",
                labelLimit=140,
                labelOverlap=False,
            ),
        ),
        y=alt.Y("contender:N", title=None, sort=order),
    )
    tooltip = [
        *("contender:N", "task:N"),
        *numbers("normalized", "mean"),
        *("solved:N", "diverged:Q", "failed:Q"),
    ]
    tiles = base.mark_rect(stroke="#80808040").encode(
        color=alt.Color(
            "normalized:Q",
            scale=alt.Scale(scheme="cividis", domain=[0, 1], clamp=True),
            legend=None,
        ),
        opacity=in_focus(1.0, 0.2),
        tooltip=tooltip,
    )
    dark_on_light = [
        {"test": f"datum.text == '–' || {DIMMED}", "value": INK},
        {"test": "datum.normalized > 0.55", "value": "#111111"},
    ]
    words = base.mark_text(fontSize=11).encode(
        text="text:N",
        color=alt.ColorValue("#ffffff", condition=dark_on_light),
        opacity=in_focus(1.0, 0.5),
    )
    return Figure(
        "tasks",
        "Contenders by tasks",
        "Mean normalized score: 0, dark, is a blind answer and 1, bright, a perfect "
        "one. × marks where runs diverged, – where there is no score.",
        finished([tiles, words], ROW * len(order)),
        rows,
        least_width=190 + CELL * len(board.tasks),
    )


def overall_rows(board: Leaderboard) -> Rows:
    """Returns a row for each contender that has a score."""
    return [
        {
            "contender": standing.contender,
            "overall": standing.overall,
            "low": standing.interval.low if standing.interval else None,
            "high": standing.interval.high if standing.interval else None,
            "mark": ONE_LEVEL if standing.one_level and standing.interval else "",
            "tasks": "all" if standing.complete else "some only",
        }
        for standing in board.standings
        if standing.overall is not None
    ]


def doubt_note(rows: Rows) -> str:
    """Returns what the mark of an interval means, where a row has one."""
    if not any(row["mark"] for row in rows):
        return ""
    return (
        f" {ONE_LEVEL}: takes runs to scatter around one level, and knows nothing of a "
        "rare other end."
    )


def hollow_if_incomplete() -> Any:
    """Returns the opacity of the inside of a symbol, by the row's `tasks`."""
    whole = alt.datum["tasks"] == "all"
    return alt.when(whole).then(alt.value(1)).otherwise(alt.value(0))


def _tile(contender: str, task: str, cell: Cell | None) -> dict[str, Any]:
    score = None if cell is None else cell.counted
    lost = "×" if cell is not None and cell.diverged else ""
    return {
        "contender": contender,
        "task": task,
        "normalized": score,
        "mean": None if cell is None else cell.mean,
        "solved": f"{cell.solved} of {cell.judged}" if cell else "",
        "diverged": cell.diverged if cell else 0,
        "failed": cell.failed if cell else 0,
        "text": "–" if score is None else f"{score:.2f}{lost}",
    }
