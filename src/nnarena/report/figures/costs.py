"""Scores against what they cost, with the contenders that nobody beats in both."""

import altair as alt

from ...analysis.costs import COSTS, CostTable
from ...analysis.standing import Leaderboard
from .figure import Figure, finished, rows_chart
from .marks import (
    FEW,
    INK,
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
from .scores import doubt_note, overall_rows


SHOWN = ("overall", "low", "high", "mark")
"""What a figure of overall scores and one against costs have alike."""


def cost_scatters(board: Leaderboard, table: CostTable, looks: Looks) -> list[Figure]:
    """Returns overall scores against each cost that tells contenders apart."""
    found = {name: _rows(board, table, name) for name in table.fronts}
    return [
        _scatter(rows, table, looks, name)
        for name, rows in found.items()
        if len({row["cost"] for row in rows}) > 1
    ]


def _scatter(rows: Rows, table: CostTable, looks: Looks, name: str) -> Figure:
    title = COSTS[name]
    axis = alt.Axis(tickCount=5, format="~s", labelOverlap="greedy")
    x = alt.X("cost:Q", title=title, scale=_scale(rows), axis=axis)
    scale = unit_scale(row[end] for row in rows for end in ("low", "overall"))
    y = alt.Y("overall:Q", title=None, scale=scale, axis=FEW)
    front = (
        rows_chart()
        .transform_filter(alt.datum["front"] == "yes")
        .encode(x=x, y=y)
        .mark_line(interpolate="step-after", color=INK, opacity=0.5, strokeDash=[4, 3])
    )
    base = rows_chart().encode(
        x=x,
        color=color(looks),
        opacity=in_focus(1.0, 0.1),
        tooltip=["contender:N", *numbers("overall", "low", "high", "cost"), "front:N"],
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(size=90, strokeWidth=2).encode(
        y=y, shape=shape(looks), fill=fill(looks)
    )
    missing = table.missing.get(name)
    lacking = f" Not recorded for {', '.join(missing)}." if missing else ""
    heads = (title, "overall score, higher is better")
    return Figure(
        f"cost-{name}",
        f"Overall score against {title}",
        "Up and to the left is better. Dashed: the front, those that nobody matches "
        f"for less.{lacking}{doubt_note(rows)}",
        finished([front, rules, points, doubts(base, y="high:Q")], 280, *heads),
        rows,
    )


def _rows(board: Leaderboard, table: CostTable, name: str) -> Rows:
    """Returns rows from cheap to dear, with whether they are on the front."""
    scores = {row["contender"]: row for row in overall_rows(board)}
    rows = [
        {field: scores[price.contender][field] for field in SHOWN}
        | {
            "contender": price.contender,
            "cost": price.costs[name],
            "front": "yes" if price.contender in table.fronts[name] else "no",
        }
        for price in table.prices
        if price.costs[name] is not None
    ]
    return sorted(rows, key=lambda row: row["cost"])


def _scale(rows: Rows) -> alt.Scale:
    costs = [row["cost"] for row in rows]
    if 0 < 10 * min(costs) < max(costs):
        return alt.Scale(type="log", padding=20)
    return alt.Scale(zero=False, padding=20)
