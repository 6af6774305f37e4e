"""Score against length: how far back each contender remembers."""

from collections.abc import Sequence

import altair as alt

from ...analysis.length import LengthCurve
from ...analysis.text import UNIFORM
from .figure import Figure, finished, rows_chart, slugs
from .marks import (
    FEW,
    Looks,
    Rows,
    color,
    dash,
    doubts,
    in_focus,
    numbers,
    shape,
    unit_scale,
)
from .scores import doubt_note


def length_figures(curves: Sequence[LengthCurve], looks: Looks) -> list[Figure]:
    """Returns a figure for each series of tasks that differ in their length alone."""
    series = {curve.series: curve.task_name for curve in curves}
    return [
        _figure([c for c in curves if c.series == own], looks, f"length-{name}")
        for own, name in zip(series, slugs(list(series.values())), strict=True)
    ]


def _figure(curves: Sequence[LengthCurve], looks: Looks, name: str) -> Figure:
    rows = [row for curve in curves for row in _rows(curve)]
    lengths = sorted({row["length"] for row in rows})
    wide = lengths[0] > 0 and lengths[-1] > 4 * lengths[0]
    x = alt.X(
        "length:Q",
        title=curves[0].length_name,
        scale=alt.Scale(type="log", nice=False) if wide else alt.Scale(zero=False),
        axis=alt.Axis(values=lengths, format="~s"),
    )
    scale = unit_scale(row[end] for row in rows for end in ("low", "mean"))
    base = rows_chart().encode(
        x=x,
        y=alt.Y("mean:Q", title=None, scale=scale, axis=FEW),
        color=color(looks),
        opacity=in_focus(1.0, 0.1),
        tooltip=["contender:N", *numbers("length", "mean", "low", "high"), "solved:N"],
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q")
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash(looks, legend=False))
    points = base.mark_point(size=50, filled=True).encode(shape=shape(looks))
    marks = doubts(base, y="high:Q")
    task = curves[0].task_name
    title = f"normalized score against {curves[0].length_name}, higher is better"
    return Figure(
        name,
        f"{task} at each {curves[0].length_name}",
        f"Mean normalized score on {task} with its interval over seeds. Every "
        f"{curves[0].length_name} was trained for by itself.{doubt_note(rows)}",
        finished([rules, lines, points, marks], 280, task, title),
        rows,
    )


def _rows(curve: LengthCurve) -> Rows:
    return [
        {
            "contender": curve.contender,
            "length": point.length,
            "mean": point.mean,
            "low": point.interval.low if point.interval else None,
            "high": point.interval.high if point.interval else None,
            "mark": UNIFORM if point.uniform and point.interval else "",
            "solved": f"{point.solved} of {point.runs}",
        }
        for point in curve.points
    ]
