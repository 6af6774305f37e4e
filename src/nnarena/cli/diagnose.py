"""`arena diagnose`: how far back trained models still feel their inputs."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import typer
from rich.table import Table

from ..analysis.labels import contender_labels, natural_key, task_labels
from ..core.problems import CannotPlay
from ..core.registry import UnknownName
from ..diagnostics.gradient_flow import gradient_flow, horizon
from ..runs.record import Record
from ..runs.store import AbstractStore, open_store
from ..suite.plugins import bring
from ..suite.restore import restore_record, restore_splits
from ..tasks.files import DataProblem
from .console import guarded, news, out, print_json, refuse


ROWS = 128
"""Validation examples that a profile is the mean of; the test split stays unread."""

SKIPS = (UnknownName, ValueError, FileNotFoundError, DataProblem, CannotPlay)
"""What leaves a run out: weights, entrants or data that are not here, or a contender
that the task rules out today."""


@guarded
def show_diagnosis(results: str, plugins: Sequence[str], *, as_json: bool) -> None:
    """Prints the memory of every contender on every task, the median over seeds.

    Raises:
        typer.Exit: every run was left out.
    """
    bring(plugins)
    store = open_store(results)
    records = finished_runs(store, results)
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    labels = zip(contender_labels(records), task_labels(records), strict=True)
    left_out: dict[tuple[str, str], list[int]] = {}
    for record, cell in zip(records, labels, strict=True):
        try:
            cells.setdefault(cell, []).append(_measure(record, store))
        except SKIPS as error:
            seeds = left_out.setdefault((" on ".join(cell), str(error)), [])
            seeds.append(record.identity.seed)
    for (cell, reason), seeds in left_out.items():
        say_left_out(cell, seeds, reason)
    rows = list(_rows(cells))
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows)
    if not rows:
        raise typer.Exit(1)


def finished_runs(store: AbstractStore, results: str) -> list[Record]:
    """Returns the records of runs that have finished.

    Raises:
        typer.Exit: there are none (usage).
    """
    records = [record for record in store if record.result.outcome == "finished"]
    if not records:
        raise refuse(f"there are no finished runs in {results}; `arena run` makes some")
    return records


def say_left_out(cell: str, seeds: list[int], reason: str) -> None:
    """Prints which runs are left out, and why."""
    listed = ", ".join(map(str, sorted(seeds)))
    which = f"seed{'s' if len(seeds) > 1 else ''} {listed}"
    news.print(f"left out {cell}, {which}: {reason}", markup=False, soft_wrap=True)


def _measure(record: Record, store: AbstractStore) -> dict[str, Any]:
    """Returns the figures of one run."""
    model, task = restore_record(record, store)
    validation = restore_splits(record).validation
    rows = jax.tree.map(lambda column: column[:ROWS], validation)
    norms = np.asarray(gradient_flow(model, task, rows).norms, np.float64)
    return {
        "length": len(norms),
        "horizon": horizon(norms) if norms.any() else None,
        "first_to_last": float(norms[-1] / norms[0]) if norms[0] else None,
    }


def _rows(cells: dict[tuple[str, str], list[dict[str, Any]]]) -> Iterator[dict]:
    """Yields one row per contender and task: the median over its seeds."""
    for contender, task in sorted(cells, key=lambda c: (natural_key(c[1]), c[0])):
        runs = cells[contender, task]
        if not runs:
            continue
        horizons, ratios = (
            [run[name] for run in runs if run[name] is not None]
            for name in ("horizon", "first_to_last")
        )
        yield {
            "contender": contender,
            "task": task,
            "seeds": len(runs),
            "length": runs[0]["length"],
            "horizon": float(np.median(horizons)) if horizons else None,
            "first_to_last": float(np.median(ratios)) if ratios else None,
        }


def _print(rows: list[dict]) -> None:
    table = Table(pad_edge=False)
    table.add_column("contender")
    table.add_column("task")
    for name in ("seeds", "steps", "horizon", "first / last"):
        table.add_column(name, justify="right")
    for row in rows:
        ratio = row["first_to_last"]
        table.add_row(
            row["contender"],
            row["task"],
            str(row["seeds"]),
            str(row["length"]),
            "-" if row["horizon"] is None else f"{row['horizon']:g}",
            "-" if ratio is None else f"{ratio:.2g}",
        )
    out.print(table)
    out.print(
        "Of one answer: the only one, the last that is judged of those at every step, "
        "or a generated one as a whole. horizon: how many steps before its own it "
        "still feels, by 1 % of the strongest step; first / last: the gradient at the "
        "first step over that at the answer's. Padding is not a step. Medians over "
        "seeds.",
        markup=False,
    )
    if any(row["horizon"] is None for row in rows):
        out.print(
            "No horizon: no gradient reaches any input, as none passes a spike. That "
            "says nothing of what is remembered.",
            markup=False,
        )
