"""A figure: rows of data and the chart that draws them."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from .marks import Rows, focus


ROWS = "rows"
"""The name by which charts ask for the rows of their figure."""


@dataclass(frozen=True)
class Figure:
    """What a page draws, and what is saved for a paper.

    Attributes:
        name: the name of its files and of its place in a page.
        title: what is seen, in a line.
        caption: how to read it, in words that serve those who cannot see it too.
        chart: as wide as its place; its data is named "rows".
        rows: the data.
        least_width: pixels below which it is scrolled instead of shrunk.
    """

    name: str
    title: str
    caption: str
    chart: alt.LayerChart
    rows: Rows
    least_width: int = 0

    def spec(self, width: int | None = None) -> dict[str, Any]:
        """Returns the Vega-Lite specification, without rows if no width is given."""
        spec = self.chart.to_dict(validate=False)
        if width is None:
            return spec
        data = spec.get("datasets", {}) | {ROWS: self.rows}
        return spec | {"width": width, "datasets": data}


def slugs(labels: Sequence[str]) -> list[str]:
    """Returns names fit for files, as many: "add (length=100)" is "add-length-100"."""
    found: list[str] = []
    for label in labels:
        slug = re.sub(r"[^A-Za-z0-9_.]+", "-", label).strip("-.")[:100] or "task"
        names = (f"{slug}-{count}" for count in itertools.count(2))
        free = (name for name in itertools.chain([slug], names) if name not in found)
        found.append(next(free))
    return found


def rows_chart() -> alt.Chart:
    """Returns a chart of the rows of its figure."""
    return alt.Chart(alt.NamedData(name=ROWS))


def finished(
    layers: Sequence[alt.Chart], height: int, *title: str, offset: int = 10
) -> alt.LayerChart:
    """Returns layers as a chart as wide as its place, with its title and subtitle."""
    chart = alt.layer(*layers)
    assert isinstance(chart, alt.LayerChart)
    chart = chart.properties(width="container", height=height).add_params(focus())
    if not title:
        return chart
    head, *rest = title
    return chart.properties(
        title=alt.Title(head, subtitle=rest, anchor="start", offset=offset)
    )
