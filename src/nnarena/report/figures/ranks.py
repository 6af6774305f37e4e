"""The critical-difference diagram: average ranks, and who cannot be told from whom."""

import altair as alt

from ...analysis.ranks import RankTable
from .figure import Figure, finished, rows_chart
from .marks import INK, ROW, Looks, Rows, color, fill, in_focus, numbers, shape


LANE = 0.04
"""The room of a group's bar, in parts of the axis."""


def rank_diagram(table: RankTable | None, looks: Looks) -> Figure | None:
    """Returns the average rank of each contender and a bar for each group of equals.

    The diagram of Demsar (2006) with contenders as rows and bars upright: so that
    twenty names are legible, on a phone too. None where there is nothing to rank.
    """
    if table is None:
        return None
    rows, count = _rows(table), len(table.contenders)
    order = list(table.contenders)
    base = rows_chart().encode(
        y=alt.Y("contender:N", title=None, scale=alt.Scale(domain=order)),
        color=color(looks, legend=False),
        opacity=in_focus(1.0, 0.15),
        tooltip=["contender:N", *numbers("average_rank"), "groups:N"],
    )
    room = max(1.0, count - 1.0)
    end = count + LANE * room * (len(table.cliques) + 1)
    x = alt.X(
        "average_rank:Q",
        title=None,
        scale=alt.Scale(domain=[1, end], nice=False),
        axis=alt.Axis(values=_ticks(count), format="d"),
    )
    stems = (
        base.transform_calculate(best="1")
        .mark_rule(strokeWidth=1.5, strokeDash=[2, 2])
        .encode(x="best:Q", x2="average_rank:Q")
    )
    points = base.mark_point(size=90, strokeWidth=2).encode(
        x=x, shape=shape(looks, legend=False), fill=fill(looks, legend=False)
    )
    bars = [
        layer
        for lane, clique in enumerate(table.cliques)
        for layer in _bar(clique, count + LANE * room * (lane + 1), order)
    ]
    heads = (
        "average rank over tasks",
        "1 is the best; an upright bar joins equals, or those of its dots",
    )
    return Figure(
        "ranks",
        "Critical-difference diagram",
        _caption(table),
        finished([stems, points, *bars], ROW * count, *heads),
        rows,
    )


def _rows(table: RankTable) -> Rows:
    return [
        {
            "contender": name,
            "average_rank": rank,
            "groups": ", ".join(
                str(place + 1)
                for place, clique in enumerate(table.cliques)
                if name in clique
            ),
        }
        for name, rank in zip(table.contenders, table.average_ranks, strict=True)
    ]


def _bar(clique: tuple[str, ...], at: float, order: list[str]) -> list[alt.Chart]:
    """A bar over a group; where it passes others by, thin with dots at its members."""
    ends = {"first": clique[0], "last": clique[-1], "at": at}
    passed = order.index(clique[-1]) - order.index(clique[0]) >= len(clique)
    style = {"color": INK, "opacity": 0.8}
    scale = alt.Scale(domain=order)
    rule = (
        alt.Chart(alt.InlineData(values=[ends]))
        .mark_rule(strokeWidth=1 if passed else 4, strokeCap="round", **style)
        .encode(x="at:Q", y=alt.Y("first:N", title=None, scale=scale), y2="last:N")
    )
    if not passed:
        return [rule]
    dots = (
        alt.Chart(alt.InlineData(values=[{"at": at, "one": name} for name in clique]))
        .mark_point(size=36, filled=True, **style)
        .encode(x="at:Q", y=alt.Y("one:N", title=None, scale=scale))
    )
    return [rule, dots]


def _ticks(count: int) -> list[int]:
    step = max(1, round(count / 6))
    return [1, *range(1 + step, count + 1, step)]


def _caption(table: RankTable) -> str:
    said = [
        f"Average rank on {len(table.tasks)} tasks. Contenders that share a bar cannot "
        "be told apart (Wilcoxon's signed-rank test over tasks, Holm's correction); a "
        "thin bar joins only those that have a dot on it."
    ]
    if table.friedman is not None:
        said.append(f"Friedman's test that all are alike: p = {table.friedman:.2g}.")
    said.append(
        f"Nemenyi's critical difference: {table.critical_difference:.2f} ranks."
    )
    if table.left_out:
        said.append(f"Not ranked, for want of a task: {', '.join(table.left_out)}.")
    return " ".join([*said, *([table.note] if table.note else [])])
