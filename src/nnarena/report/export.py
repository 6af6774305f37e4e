"""Tables and figures of a store as files for a paper."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import vl_convert

from ..runs.evaluations import read_evaluations
from ..runs.plans import read_refusals
from ..runs.store import AbstractStore
from .asked import asked_tables
from .citations import bibliography, sources
from .fields import Table
from .figures import Figure, all_figures
from .figures.figure import slugs
from .findings import Findings, findings_of, read_store
from .tables import (
    bar_table,
    cost_table,
    length_table,
    overall_table,
    pair_table,
    task_table,
    trouble_table,
)
from .typeset import to_csv, to_latex, to_markdown


WIDTH = 480
"""Width of a figure in pixels, of which there are 96 in an inch."""

LOOK: dict[str, Any] = {
    "background": "white",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"},
    "title": {"fontSize": 13, "subtitleFontSize": 11},
    "legend": {
        **{"title": None, "orient": "bottom", "columns": 3, "labelLimit": 200},
        **{"symbolType": "stroke", "symbolOpacity": 1, "symbolStrokeWidth": 2},
    },
}
"""How figures look on paper."""

DRAWN: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "pdf": lambda spec: vl_convert.vegalite_to_pdf(spec),
    "png": lambda spec: vl_convert.vegalite_to_png(spec, scale=2.0),
    "svg": lambda spec: vl_convert.vegalite_to_svg(spec).encode(),
    "json": lambda spec: json.dumps(spec).encode(),
}
"""The formats of a figure; "json" is its Vega-Lite specification, data included."""

WRITTEN: Mapping[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
}
"""The formats of a table."""


def write_export(
    store: AbstractStore, folder: Path, formats: Collection[str] = ("pdf", "png", "svg")
) -> list[Path]:
    """Writes the tables and figures of all runs of a store; returns the files.

        folder/runs.csv              one row per run, every number in full
        folder/references.bib        the works behind its contenders and tasks
        folder/tables/NAME.tex       and .md and .csv
        folder/figures/NAME.pdf      and the other formats

    Args:
        store: the runs.
        folder: where to; it is made, and what is there of these names is replaced.
        formats: the formats of figures, of `DRAWN`.

    Raises:
        ValueError: the store has no readable run, or a format is unknown.
    """
    unknown = sorted(set(formats) - set(DRAWN))
    if unknown:
        raise ValueError(
            f"there is no format {unknown[0]!r} for a figure; there are: "
            f"{', '.join(sorted(DRAWN))}"
        )
    records, histories = read_store(store)
    refusals, evaluations = read_refusals(store), read_evaluations(store)
    findings = findings_of(records, histories, refusals, evaluations)
    figures = all_figures(findings, histories).values()
    cited = bibliography(sources(records))
    files = [
        ("references.bib", cited.encode()),
        *_texts(findings),
        *_drawings(figures, sorted(set(formats))),
    ]
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [folder / name for name, _ in files]


def _texts(findings: Findings) -> Iterator[tuple[str, bytes]]:
    yield "runs.csv", findings.frame.to_csv(index=False, lineterminator="\n").encode()
    for name, table in _tables(findings).items():
        for ending, write in WRITTEN.items():
            yield f"tables/{name}.{ending}", write(table).encode()


def _tables(findings: Findings) -> dict[str, Table]:
    board, asked = findings.board, asked_tables(findings.asked)
    tables = {
        "leaderboard": overall_table(board),
        "pairs": pair_table(board),
        "tasks": task_table(board),
        "bars": bar_table(board),
        "lengths": length_table(findings.lengths),
        "costs": cost_table(findings.frame),
        "lost": trouble_table(findings.frame),
    }
    names = slugs([f"asked-{task}" for task in asked])
    tables |= dict(zip(names, asked.values(), strict=True))
    return {name: table for name, table in tables.items() if table and table.rows}


def _drawings(
    figures: Collection[Figure], formats: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    for figure in figures:
        for ending in formats:
            yield f"figures/{figure.name}.{ending}", drawing(figure, ending)


def drawing(figure: Figure, ending: str) -> bytes:
    """Returns a figure in a format of `DRAWN`, as it looks on paper."""
    return on_paper(figure.spec(width=max(WIDTH, figure.least_width)), ending)


def on_paper(spec: dict[str, Any], ending: str) -> bytes:
    """Returns a Vega-Lite specification drawn in a format of `DRAWN`."""
    return DRAWN[ending](spec | {"config": LOOK})
