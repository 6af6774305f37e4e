"""Parts that figures share: looks of contenders, scales, landmarks, the focus."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
from altair import Undefined

from ...analysis.labels import natural_key
from ...analysis.standing import TaskCard


OKABE_ITO = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7"),
    *("#56B4E9", "#D55E00", "#8C8C8C", "#B5A800"),
)
"""Colors that the color-blind can tell apart (Okabe and Ito 2008).

Their black is gray here and their yellow darker, to be seen on white and on black.
"""

SHAPES = ("circle", "square", "triangle-up", "diamond")
DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2))

INK = "currentColor"
"""Rules and letters take the color of the text around the figure."""

FEW = alt.Axis(tickCount=6)
"""As many ticks as a phone has room for."""

ROW = 26
"""Height of a contender's line, in pixels."""

WIDE = 30.0
"""Errors whose largest is this many times the smallest get a logarithmic scale."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Look:
    """How a contender is drawn in every figure: color, symbol and dashes.

    Eight colors are as many as can be told apart; the ninth contender has the first
    color with the second shape and dash, and so on, so that none is known by its
    color alone.
    """

    color: str
    shape: str
    dash: tuple[int, ...]


Looks = Mapping[str, Look]
"""Looks by contender, in the order of the legend."""


def contender_looks(names: Iterable[str]) -> dict[str, Look]:
    """Returns a look for every contender; they repeat beyond 32."""
    ordered = sorted(set(names), key=natural_key)
    count = len(OKABE_ITO)
    return {
        name: Look(
            OKABE_ITO[i % count],
            SHAPES[i // count % len(SHAPES)],
            DASHES[i // count % len(DASHES)],
        )
        for i, name in enumerate(ordered)
    }


FOCUS = "focus"
"""The parameter of every figure that lists the contenders to be seen; empty: all."""


DIMMED = f"(length({FOCUS}) > 0 && indexof({FOCUS}, datum.contender) < 0)"
"""Whether a row's contender is not in focus while others are."""


def focus() -> alt.Parameter:
    """Returns the list of contenders to be seen, which the page's legend sets."""
    return alt.param(name=FOCUS, value=[])


def in_focus(
    shown: float, dimmed: float, everyone: float | None = None
) -> alt.OpacityValue:
    """Returns an opacity: of those in focus, of the others, and without a focus."""
    nobody = f"length({FOCUS}) == 0"
    chosen = f"indexof({FOCUS}, datum.contender) >= 0"
    whole = shown if everyone is None else everyone
    conditions = [{"test": nobody, "value": whole}, {"test": chosen, "value": shown}]
    return alt.OpacityValue(dimmed, condition=conditions)


def unit_scale(values: Iterable[float | None]) -> alt.Scale:
    """Returns the scale of normalized scores: 0 to 1, and down to what lies below."""
    least = min((value for value in values if value is not None), default=0.0)
    return alt.Scale(domain=[min(0.0, math.floor(10 * least) / 10), 1.0])


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

    @property
    def axis(self) -> alt.Axis:
        """As many ticks as a phone has room for; on decades, one for each."""
        if not self.log:
            return FEW
        ends = (math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)))
        decades = [10.0**power for power in range(ends[0], ends[1] + 1)]
        return alt.Axis(values=decades, format="~g") if decades[1:] else FEW

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
    base = landmarks(ruler, ("chance", card.chance), reached).encode(y="at:Q")
    style = {"align": "right", "dx": -3, "dy": -5, "fontSize": 10, "color": INK}
    words = base.mark_text(**style).encode(x=alt.value("width"), text="what:N")
    return [base.mark_rule(strokeDash=[4, 3], color=INK, opacity=0.6), words]


def uprights(card: TaskCard, ruler: Ruler) -> list[alt.Chart]:
    """Returns upright rules at chance and at the bar of a task."""
    marks = (("chance", card.chance), ("solved", card.bar))
    base = landmarks(ruler, *marks).encode(x="at:Q")
    style = {"baseline": "bottom", "fontSize": 10, "color": INK}
    words = base.mark_text(**style).encode(y=alt.value(-3), text="what:N")
    return [base.mark_rule(strokeDash=[4, 3], color=INK, opacity=0.6), words]


def landmarks(ruler: Ruler, *marks: tuple[str, float]) -> alt.Chart:
    """Returns a chart of named places, those that are on the scale."""
    rows = [{"what": what, "at": at} for what, at in marks if ruler.holds(at)]
    return alt.Chart(alt.InlineData(values=rows))


def rows_on(frame: pd.DataFrame, card: TaskCard) -> Rows:
    """Returns the runs of a task, from a table of one row per run."""
    own = frame[frame["task"] == card.task]
    assert isinstance(own, pd.DataFrame)
    return [dict(row) for row in own.to_dict("records")]


def metric_title(card: TaskCard, where: str) -> str:
    """Returns "test accuracy, higher is better"."""
    direction = "higher" if card.higher_is_better else "lower"
    return f"{where} {card.metric}, {direction} is better"


def color(looks: Looks, *, legend: bool = True) -> alt.Color:
    """Returns the color of a contender, the same in every figure."""
    scale = _scale(looks, [look.color for look in looks.values()])
    return alt.Color("contender:N", scale=scale, legend=_legend(legend))


def fill(looks: Looks, *, legend: bool = True) -> alt.Fill:
    """Returns the same color for the inside of a symbol."""
    scale = _scale(looks, [look.color for look in looks.values()])
    return alt.Fill("contender:N", scale=scale, legend=_legend(legend))


def shape(looks: Looks, *, legend: bool = True) -> alt.Shape:
    """Returns the symbol of a contender, the same in every figure."""
    scale = _scale(looks, [look.shape for look in looks.values()])
    return alt.Shape("contender:N", scale=scale, legend=_legend(legend))


def dash(looks: Looks, *, legend: bool = True) -> alt.StrokeDash:
    """Returns the dashes of a contender's line, the same in every figure."""
    scale = _scale(looks, [list(look.dash) for look in looks.values()])
    return alt.StrokeDash("contender:N", scale=scale, legend=_legend(legend))


def _scale(looks: Looks, marks: list[Any]) -> alt.Scale:
    return alt.Scale(domain=list(looks), range=marks)


def _legend(shown: bool) -> Any:
    """What is left undefined, the configuration decides: a page has its own legend."""
    return Undefined if shown else None


def doubts(base: alt.Chart, **at: str) -> alt.Chart:
    """Returns the mark of intervals that may be too narrow, which rows have as `mark`.

    Args:
        base: the chart of the intervals.
        at: the channels of their upper ends.
    """
    style = {"align": "left", "baseline": "bottom", "dx": 3, "fontSize": 12}
    return base.mark_text(color=INK, **style).encode(text="mark:N", **at)


def numbers(*names: str) -> list[alt.Tooltip]:
    """Returns tooltips of numbers."""
    return [alt.Tooltip(f"{name}:Q", format=".4~g") for name in names]
