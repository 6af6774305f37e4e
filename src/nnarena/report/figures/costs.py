"""Scores against what they cost, with the contenders that nobody beats in both."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import altair as alt

from ...analysis.standing import Leaderboard, Standing
from .figure import Figure, finished, rows_chart
from .marks import FEW, INK, Looks, Rows, color, fill, in_focus, numbers, shape
from .scores import hollow_if_incomplete, overall_rows


@dataclass(frozen=True)
class Price:
    """One thing that a contender costs."""

    name: str
    title: str
    of: Callable[[Standing], float | None]


PRICES = (
    Price("parameters", "trained parameters", lambda s: s.parameters),
    Price("seconds", "seconds per run", lambda s: s.run_seconds),
    Price("memory", "peak memory in bytes", lambda s: s.peak_bytes),
)


def cost_scatters(board: Leaderboard, looks: Looks) -> list[Figure]:
    """Returns overall scores against each cost that is known."""
    found = (_scatter(board, looks, price) for price in PRICES)
    return [figure for figure in found if figure is not None]


def _scatter(board: Leaderboard, looks: Looks, price: Price) -> Figure | None:
    costs = {s.contender: price.of(s) for s in board.standings}
    rows = [row | {"cost": costs[row["contender"]]} for row in overall_rows(board)]
    rows = _with_front([row for row in rows if row["cost"]])
    if not rows:
        return None
    axis = alt.Axis(tickCount=5, format="~s")
    x = alt.X("cost:Q", title=price.title, scale=_scale(rows), axis=axis)
    y = alt.Y("overall:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=FEW)
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
        tooltip=[
            "contender:N",
            *numbers("overall", "low", "high", "cost"),
            "tasks:N",
        ],
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(size=90, strokeWidth=2).encode(
        y=y,
        shape=shape(looks),
        fill=fill(looks),
        fillOpacity=hollow_if_incomplete(),
    )
    title = (price.title, "overall score, higher is better")
    return Figure(
        f"cost-{price.name}",
        f"Overall score against {price.title}",
        f"Overall score with its interval against {price.title}; up and to the left "
        "is better. Dashed: the front of those that nobody beats in both.",
        finished([front, rules, points], 280, *title),
        rows,
    )


def _scale(rows: Rows) -> alt.Scale:
    costs = [row["cost"] for row in rows]
    if max(costs) > 10 * min(costs):
        return alt.Scale(type="log", padding=20)
    return alt.Scale(zero=False, padding=20)


def _with_front(rows: Rows) -> Rows:
    """Returns rows from cheap to dear, with whether they are on the front."""
    best, ordered = -math.inf, []
    for row in sorted(rows, key=lambda r: (r["cost"], -r["overall"])):
        leads = row["overall"] > best
        best = max(best, row["overall"])
        ordered.append(row | {"front": "yes" if leads else "no"})
    return ordered
