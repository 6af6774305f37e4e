"""Score against length: how far back each contender remembers."""

from collections.abc import Sequence

import altair as alt

from ...analysis.length import LengthCurve
from ...analysis.text import ONE_LEVEL
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


EACH = "trained at each"
"""The series of a contender that was trained at every length by itself."""

ASIDE = 5
"""Pixels by which the marks of what was asked stand aside."""


def length_figures(curves: Sequence[LengthCurve], looks: Looks) -> list[Figure]:
    """Returns a figure for each series of tasks that differ in their length alone.

    Those trained at each length and those trained at one length and asked the others
    are lines of one figure.
    """
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
        detail="series:N",
        tooltip=[
            *("contender:N", "series:N"),
            *numbers("length", "mean", "low", "high"),
            "solved:N",
        ],
    )
    task = curves[0].task_name
    title = f"normalized score against {curves[0].length_name}, higher is better"
    return Figure(
        name,
        f"{task} at each {curves[0].length_name}",
        f"Mean normalized score on {task} with its interval over seeds. "
        f"{_reading(curves)}{doubt_note(rows)}",
        finished(_marks(base, curves, looks), 280, task, title),
        rows,
    )


def _marks(
    base: alt.Chart, curves: Sequence[LengthCurve], looks: Looks
) -> list[alt.Chart]:
    """Returns lines and points: full where they were trained, else hollow on dashes.

    What was asked stands a little to the right, so that no interval hides another.
    """
    style, marks = {"size": 50, "filled": True}, shape(looks)
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dash(looks))
    ends = {"y": "low:Q", "y2": "high:Q"}
    rules = base.mark_rule(strokeWidth=1.5).encode(**ends)
    points = base.mark_point(**style).encode(shape=marks)
    doubt = doubts(base, y="high:Q")
    if all(curve.trained is None for curve in curves):
        return [rules, lines, points, doubt]
    each, there = alt.datum["series"] == EACH, alt.datum["trained_there"] == "yes"
    hollow = {**style, "filled": False, "strokeWidth": 1.5}
    asked = [
        base.mark_rule(strokeWidth=1.5, xOffset=ASIDE).encode(**ends),
        base.mark_line(strokeWidth=1.25, strokeDash=[3, 3], xOffset=ASIDE),
        base.mark_point(**hollow, xOffset=ASIDE)
        .encode(shape=marks)
        .transform_filter(~there),
        base.mark_point(**style, xOffset=ASIDE)
        .encode(shape=marks)
        .transform_filter(there),
    ]
    return [
        *(layer.transform_filter(~each) for layer in asked),
        *(layer.transform_filter(each) for layer in (rules, lines, points)),
        doubt,
    ]


def _reading(curves: Sequence[LengthCurve]) -> str:
    """Returns how the lines of a figure are read."""
    name = curves[0].length_name
    if all(curve.trained is None for curve in curves):
        return f"Every {name} was trained for by itself."
    asked = (
        f"Dashed: trained at one value of {name}, that of the full mark, and asked the "
        "test sets of the hollow ones."
    )
    if all(curve.trained is not None for curve in curves):
        return asked
    return f"Solid: trained at each value by itself. {asked}"


def _rows(curve: LengthCurve) -> Rows:
    trained = curve.trained
    return [
        {
            "contender": curve.contender,
            "series": EACH if trained is None else f"trained at {trained:g}",
            "trained_there": "yes" if trained in (None, point.length) else "no",
            "length": point.length,
            "mean": point.mean,
            "low": point.interval.low if point.interval else None,
            "high": point.interval.high if point.interval else None,
            "mark": ONE_LEVEL if point.one_level and point.interval else "",
            "solved": f"{point.solved} of {point.runs}",
        }
        for point in curve.points
    ]
