"""Draws docs/figures/esn.svg: an echo state network against its radius.

    .venv/bin/python experiments/esn_figure.py [FILE.svg or FILE.png]

A pure function of the records of `esn.toml` and of the capacities of `esn.py`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import esn

from nnarena.analysis.intervals import cell_interval
from nnarena.report.export import DRAWN, LOOK, WIDTH


FILE = esn.ROOT / "docs/figures/esn.svg"
PANELS = {
    "narma": (
        "narma: mean squared error, lower is better",
        alt.Scale(type="log", domain=[0.001, 0.02], nice=False),
    ),
    "copy": ("copy: accuracy, chance 1/8", alt.Scale(domain=[0.0, 0.8])),
    "capacity": ("memory capacity, of 100 units", alt.Scale(domain=[0.0, 14.0])),
}
"""Titles and what is drawn: capacities below 0, to which intervals reach, are not."""
HEIGHT = 150


def rows() -> Iterator[dict[str, Any]]:
    """Yields the mean and the interval of each radius and leak, as they are shown."""
    for (name, leak), curve in esn.curves().items():
        sign = -1 if name == "narma" else 1  # the curve is -error
        for radius, scores in curve.items():
            mean = float(scores.mean())
            ends = sorted(sign * end for end in cell_interval(scores) or (mean, mean))
            yield {
                "panel": name,
                "leak": f"leak {leak:g}",
                "radius": radius,
                **{"mean": sign * mean, "low": ends[0], "high": ends[1]},
            }


def panel(name: str, shown: list[dict[str, Any]]) -> alt.LayerChart:
    """Returns the curves of one task, or of the capacity."""
    title, scale = PANELS[name]
    own = [row for row in shown if row["panel"] == name]
    ticks = sorted({row["radius"] for row in own})
    base = alt.Chart(alt.Data(values=own)).encode(
        x=alt.X(
            "radius:Q",
            title="spectral radius" if name == "capacity" else None,
            scale=alt.Scale(type="log", nice=False, padding=12),
            axis=alt.Axis(values=ticks, format="~g", labelOverlap=False),
        ),
        y=alt.Y("mean:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5)),
        color=alt.Color("leak:N", title=None),
    )
    shape = alt.Shape("leak:N", title=None, legend=None)
    layers = (
        base.mark_rule(strokeWidth=1.5, clip=True).encode(y="low:Q", y2="high:Q"),
        base.mark_line(strokeWidth=2),
        base.mark_point(size=40, filled=True).encode(shape=shape),
    )
    chart = alt.layer(*layers)
    assert isinstance(chart, alt.LayerChart)
    return chart.properties(
        width=WIDTH, height=HEIGHT, title=alt.Title(title, anchor="start")
    )


def main() -> None:
    """Draws the figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    path = parser.parse_args().file
    shown = list(rows())
    chart = alt.vconcat(*(panel(name, shown) for name in PANELS))
    spec = chart.to_dict() | {"config": LOOK}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(DRAWN[path.suffix.removeprefix(".")](spec))


if __name__ == "__main__":
    main()
