"""Parts that figures share: colors, scales, landmarks, the highlight of a contender."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ..analysis.labels import natural_key
from ..analysis.standing import TaskCard


OKABE_ITO = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7"),
    *("#56B4E9", "#D55E00", "#8C8C8C", "#B5A800"),
)
"""Colors that the color-blind can tell apart (Okabe and Ito 2008).

Their black is gray here and their yellow darker, to be seen on white and on black.
"""

TABLEAU = (
    *("#4c78a8", "#9ecae9", "#f58518", "#ffbf79", "#54a24b", "#88d27a", "#b79a20"),
    *("#f2cf5b", "#439894", "#83bcb6", "#e45756", "#ff9d98", "#79706e", "#bab0ac"),
    *("#d67195", "#fcbfd2", "#b279a2", "#d6a5c9", "#9e765f", "#d8b5a5"),
)
"""Twenty colors of Tableau, for more contenders than eight."""

INK = "currentColor"
"""Rules and letters take the color of the text around the figure."""

WIDE = 30.0
"""Errors whose largest is this many times the smallest get a logarithmic scale."""

Rows = list[dict[str, Any]]


def contender_colors(names: Iterable[str]) -> dict[str, str]:
    """Returns a color for every contender; they repeat beyond twenty."""
    ordered = sorted(set(names), key=natural_key)
    palette = OKABE_ITO if len(ordered) <= len(OKABE_ITO) else TABLEAU
    return {name: palette[i % len(palette)] for i, name in enumerate(ordered)}


@dataclass(frozen=True)
class Ruler:
    """The scale of a task's scores: its ends, and whether it is logarithmic."""

    low: float
    high: float
    log: bool

    @property
    def scale(self) -> alt.Scale:
        kind = "log" if self.log else "linear"
        return alt.Scale(type=kind, domain=[self.low, self.high], nice=False)

    def holds(self, value: float) -> bool:
        """Returns whether a value is on the scale."""
        return self.low <= value <= self.high

    def clipped(self, rows: Rows, *names: str) -> Rows:
        """Returns rows whose columns are drawn at the scale's end if beyond it."""

        def inside(value: float) -> float:
            return min(max(value, self.low), self.high)

        return [row | {name: inside(row[name]) for name in names} for row in rows]


def ruler(card: TaskCard, values: Sequence[float]) -> Ruler:
    """Returns the scale that shows values of a task and its landmarks.

    Errors that span decades get a logarithmic one, on which zero is a little below
    the smallest value.
    """
    marks = [*values, card.chance, card.bar]
    positive = [value for value in marks if value > 0]
    least = min(positive, default=math.inf)
    if not card.higher_is_better and max(marks) > WIDE * least:
        return Ruler(min(positive) / 1.6, max(positive) * 1.6, True)
    marks.append(card.best)
    margin = 0.04 * (max(marks) - min(marks)) or 1.0
    return Ruler(min(marks) - margin, max(marks) + margin, False)


def levels(card: TaskCard, ruler: Ruler) -> list[alt.Chart]:
    """Returns level rules at chance and at the best score, or else at the bar."""
    reached = ("best", card.best) if ruler.holds(card.best) else ("solved", card.bar)
    base = _landmarks(ruler, ("chance", card.chance), reached).encode(y="at:Q")
    style = {"align": "right", "dx": -3, "dy": -5, "fontSize": 10, "color": INK}
    words = base.mark_text(**style).encode(x=alt.value("width"), text="what:N")
    return [base.mark_rule(strokeDash=[4, 3], color=INK, opacity=0.6), words]


def uprights(card: TaskCard, ruler: Ruler) -> list[alt.Chart]:
    """Returns upright rules at chance and at the bar of a task."""
    marks = (("chance", card.chance), ("solved", card.bar))
    base = _landmarks(ruler, *marks).encode(x="at:Q")
    style = {"baseline": "bottom", "fontSize": 10, "color": INK}
    words = base.mark_text(**style).encode(y=alt.value(-3), text="what:N")
    return [base.mark_rule(strokeDash=[4, 3], color=INK, opacity=0.6), words]


def _landmarks(ruler: Ruler, *marks: tuple[str, float]) -> alt.Chart:
    rows = [{"what": what, "at": at} for what, at in marks if ruler.holds(at)]
    return alt.Chart(alt.InlineData(values=rows))


def metric_title(card: TaskCard, where: str) -> str:
    """Returns "test accuracy, higher is better"."""
    direction = "higher" if card.higher_is_better else "lower"
    return f"{where} {card.metric}, {direction} is better"


def color(colors: Mapping[str, str], *, legend: bool = True) -> alt.Color:
    """Returns the color of a contender, the same in every figure."""
    scale, shown = _color_scale(colors, legend)
    return alt.Color("contender:N", scale=scale, legend=shown)


def fill(colors: Mapping[str, str], *, legend: bool = True) -> alt.Fill:
    """Returns the same color for the inside of a point; the legends have to agree."""
    scale, shown = _color_scale(colors, legend)
    return alt.Fill("contender:N", scale=scale, legend=shown)


def _color_scale(
    colors: Mapping[str, str], legend: bool
) -> tuple[alt.Scale, alt.Legend | None]:
    scale = alt.Scale(domain=list(colors), range=list(colors.values()))
    shown = alt.Legend(title=None, orient="bottom", symbolOpacity=1) if legend else None
    return scale, shown


def opacity(focus: alt.Parameter, shown: float, dimmed: float) -> Any:
    """Returns an opacity that depends on what is clicked in the legend."""
    return alt.when(focus).then(alt.value(shown)).otherwise(alt.value(dimmed))


def focus_on_click() -> alt.Parameter:
    """Returns the choice that a click on the legend makes."""
    return alt.selection_point(name="focus", fields=["contender"], bind="legend")


def numbers(*names: str) -> list[alt.Tooltip]:
    """Returns tooltips of numbers."""
    return [alt.Tooltip(f"{name}:Q", format=".4~g") for name in names]


def finished(
    layers: Sequence[alt.Chart], height: int, *title: str, offset: int = 10
) -> alt.LayerChart:
    """Returns layers as a chart as wide as its place, with its title and subtitle."""
    chart = alt.layer(*layers)
    assert isinstance(chart, alt.LayerChart)
    chart = chart.properties(width="container", height=height)
    if not title:
        return chart
    head, *rest = title
    return chart.properties(
        title=alt.Title(head, subtitle=rest, anchor="start", offset=offset)
    )
