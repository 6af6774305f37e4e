"""The figures of a page of claims, drawn from the records of a store."""

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.alignments import TASKS, Alignments, alignment_figures
from experiments.claim_tables import ROOT
from experiments.success import NAMES, success_figure

from nnarena.report.export import drawing
from nnarena.report.figures import Figure, all_figures
from nnarena.report.findings import findings_of, read_store
from nnarena.runs.evaluations import read_evaluations
from nnarena.runs.store import DirectoryStore


FIGURES = ROOT / "docs" / "figures"
DIGITS = 6
"""Significant digits of a drawn number: fewer than platforms agree on."""


@functools.cache
def figures_of(store: str) -> dict[str, Figure | Alignments]:
    """Returns the figures of a report on a store, by name, and those of its own."""
    kept = DirectoryStore(ROOT / "results" / store)
    records, histories = read_store(kept)
    found = findings_of(records, histories, evaluations=read_evaluations(kept))
    drawn: dict[str, Figure | Alignments] = {**all_figures(found, histories)}
    if (name := store.removeprefix("claims/")) in NAMES:
        drawn["success"] = success_figure(store)
    if name in TASKS:
        drawn |= alignment_figures(name)
    return drawn


def figure_lines(store: str, name: str, folder: Path) -> Iterator[str]:
    """Yields the image of a figure, for a page in a folder."""
    figure, path = figures_of(store)[name], figure_path(store, name)
    place = Path(os.path.relpath(path, folder)).as_posix()
    yield f"![{figure.title}. {figure.caption}]({place})"


def figure_path(store: str, name: str) -> Path:
    """Returns where a figure of a store is drawn."""
    return FIGURES / f"{store.replace('/', '-')}-{name}.svg"


def figure_svg(store: str, name: str) -> str:
    """Returns the drawing of a figure, which ends with a digest of what it shows."""
    figure = figures_of(store)[name]
    if isinstance(figure, Figure):
        figure = replace(figure, rows=[_rounded(row) for row in figure.rows])
        drawn = drawing(figure, "svg")
    else:
        drawn = figure.svg()
    shown = json.dumps([figure.title, figure.caption, figure.rows], sort_keys=True)
    digest = hashlib.sha256(shown.encode()).hexdigest()
    return f"{drawn.decode()}\n<!-- rows: {digest} -->\n"


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for name, value in row.items()
    }


def figure_content(svg: str) -> list[str]:
    """Returns what a drawing says: its words, labels of marks and digest of rows.

    Two drawings of the same rows agree in it; places of letters depend on the fonts of
    a machine.
    """
    return re.findall(r'aria-label="[^"]*"|>[^<>\s][^<>]*<|<!-- rows: \w+ -->', svg)
