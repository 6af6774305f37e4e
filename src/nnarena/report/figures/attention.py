"""Maps of attention as tiles, each as bright as its weight."""

import json
from collections.abc import Sequence
from typing import Any

import altair as alt

from ...core.labeled_map import LabeledMap


TILE, SPAN = 22, 440
"""The side of a tile in pixels, and how long the side of a map may get with them."""

WORD = 7
"""Letters of a name beyond which places stand below each other, to be read."""

ACROSS = 3
"""Maps next to each other."""


def attention_spec(maps: Sequence[LabeledMap], title: str, note: str) -> dict[str, Any]:
    """Returns the Vega-Lite specification of all maps of an example, data included.

    Whatever looked stands below each other, as in Bahdanau et al. (2015); next to each
    other above slots (Graves et al. 2014), and above places whose names are long, as of
    sentences (Sukhbaatar et al. 2015).
    """
    charts = [_tiles(one) for one in maps]
    whole = alt.concat(*charts, columns=ACROSS).properties(
        title=alt.Title(title, subtitle=note, anchor="start", offset=12)
    )
    return whole.resolve_scale(color="shared").to_dict(validate=False)


def _tiles(found: LabeledMap) -> alt.Chart:
    looking = found.looking, found.rows, "row"
    looked_at = found.looked_at, found.places, "place"
    down, across = looking, looked_at
    if found.looked_at == "slots" or max(map(len, found.places)) > WORD:
        down, across = looked_at, looking
    rows = [
        {"row": row, "place": place, "weight": round(float(weight), 6)}
        for row, weights in enumerate(found.weights)
        for place, weight in enumerate(weights)
    ]
    color = alt.Color(
        "weight:Q",
        scale=alt.Scale(scheme="cividis", domain=[0, 1], clamp=True),
        legend=alt.Legend(
            title="weight",
            titleFontWeight="normal",
            orient="right",
            gradientLength=100,
            tickCount=2,
        ),
    )
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(stroke="#80808040")
        .encode(x=_axis(alt.X, *across), y=_axis(alt.Y, *down), color=color)
        .properties(
            width=_length(across[1]),
            height=_length(down[1]),
            title=alt.Title(found.name, anchor="start", fontSize=11, offset=6),
        )
    )


def _axis(channel: Any, title: str, names: Sequence[str], field: str) -> Any:
    """Returns an axis whose ticks are numbers, as names may come twice."""
    flat = channel is alt.Y or max(map(len, names)) <= 2
    axis = alt.Axis(
        labelExpr=f"{json.dumps(list(names), ensure_ascii=False)}[datum.value]",
        labelAngle=0 if flat else -90,
        labelLimit=400,
        labelOverlap=True,
        ticks=False,
        domain=False,
        orient="top" if channel is alt.X else "left",
    )
    return channel(f"{field}:O", title=title, axis=axis)


def _length(names: Sequence[str]) -> int:
    return min(TILE * len(names), max(SPAN, 4 * len(names)))
