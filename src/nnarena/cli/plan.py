"""`arena plan`."""

from collections import Counter
from typing import Any

from rich import box
from rich.table import Table

from ..analysis.budget import deviation, percent
from ..analysis.labels import entrant_labels, planned_labels, task_labels
from ..analysis.words import listed
from ..runs.evaluations import missing_evaluations
from ..suite import provenance
from ..suite.estimate import Estimate, Estimator, total_seconds
from ..suite.plan import Job, assemble, by_program
from ..suite.programs import is_tried
from ..suite.session import Session
from .console import guarded, news, out, print_json
from .progress import duration
from .request import Request, resolve
from .status import refusal_json


@guarded
def show_plan(
    request: Request, results: str, workers: int | None, *, as_json: bool
) -> None:
    """Prints the runs of a suite with widths, parameters and time; runs nothing."""
    session = resolve(request, results)
    count = provenance.available_cores() if workers is None else max(1, workers)
    cells = _cells(session)
    costs = [(cost, cell["runs"] - cell["done"]) for cell, cost in cells]
    seconds = total_seconds(costs, count)
    if as_json:
        print_json(
            {
                "runs": len(session.jobs),
                "done": len(session.jobs) - len(session.pending),
                "workers": count,
                "seconds": seconds,
                "cells": [cell for cell, _ in cells],
                "refusals": [refusal_json(refusal) for refusal in session.refusals],
            }
        )
        return
    _print_table([cell for cell, _ in cells])
    _print_largest([cell["deviation"] for cell, _ in cells])
    for cell, _ in cells:
        if cell["evaluate"]:
            out.print(_asked_text(cell), markup=False, soft_wrap=True)
    for refusal in session.refusals:
        out.print(refusal.label, markup=False, soft_wrap=True)
    _print_tried([cell for cell, _ in cells if cell["tried"]])
    left = len(session.pending)
    took = (
        "unknown without its data" if seconds is None else f"about {duration(seconds)}"
    )
    out.print(
        f"{len(session.jobs)} runs, {left} of them to do, with {count} workers: {took}"
    )
    news.print(
        "[dim]times are estimates until a run of the program is measured here: "
        "committed runs took 0.6 to 8 times as long[/]"
    )


def _cells(session: Session) -> list[tuple[dict[str, Any], Estimate]]:
    records, data = list(session.store), provenance.data_folder(downloads=False)
    pending = {job.key for job in session.pending}
    asked = [(job.key, task) for job in session.jobs for task in job.evaluate]
    missing = Counter(key for key, _ in missing_evaluations(session.store, asked))
    groups = list(by_program(session.jobs))
    first = [group[0] for group in groups]
    models, tasks = planned_labels(first), task_labels(first)
    costs = _costs(groups, Estimator(records, data))
    found = []
    for group, model, task in zip(groups, models, tasks, strict=True):
        cost = costs[group[0].program]
        left = sum(job.key in pending for job in group)
        own = {
            "evaluate": entrant_labels([group[0].identity.task, *group[0].evaluate])[
                1:
            ],
            "evaluated": sum(len(job.evaluate) - missing[job.key] for job in group),
        }
        cell = {"model": model, "task": task, **own, **_cell(group, left, cost)}
        found.append((cell, cost))
    return found


def _costs(groups: list[list[Job]], estimator: Estimator) -> dict[str, Estimate]:
    """Returns what a run of each program takes, each task's rows read once."""
    first = [group[0] for group in groups]
    first.sort(key=lambda job: job.identity.task.model_dump_json())
    return {job.program: estimator.estimate(job) for job in first}


def _cell(group: list[Job], left: int, cost: Estimate) -> dict[str, Any]:
    return {
        "trainer": group[0].identity.trainer.name,
        "width": group[0].identity.width,
        "parameters": group[0].parameters,
        "asked_parameters": group[0].asked_parameters,
        "deviation": _deviation(group[0]),
        "runs": len(group),
        "done": len(group) - left,
        "seconds_per_run": cost.run_seconds,
        "source": cost.source,
        "tried": left > 0 and is_tried(assemble(group[0])),
    }


def _asked_text(cell: dict[str, Any]) -> str:
    """Returns which other tasks the trained models of a cell are asked."""
    count = cell["runs"] * len(cell["evaluate"])
    return (
        f"{cell['model']} trained on {cell['task']} is then asked "
        f"{', '.join(cell['evaluate'])}: {cell['evaluated']} of {count} evaluations "
        "done"
    )


def _print_tried(cells: list[dict[str, Any]]) -> None:
    """Prints of which pairs a run finds out first whether they can be run."""
    if not cells:
        return
    models = listed(list(dict.fromkeys(cell["model"] for cell in cells)))
    tasks = listed(list(dict.fromkeys(cell["task"] for cell in cells)))
    out.print(
        f"not tried here, but by `arena run` before it trains: {models} on {tasks}; "
        "who uses what the task withholds from an answer is refused then",
        markup=False,
        soft_wrap=True,
    )


def _deviation(job: Job) -> float | None:
    """Returns by what share a job's parameters miss its budget, if it has one."""
    asked = job.asked_parameters
    return None if asked is None else deviation(job.parameters, asked)


def _print_largest(deviations: list[float | None]) -> None:
    """Prints how far the widths are from their budgets at most."""
    known = [abs(share) for share in deviations if share is not None]
    if known:
        out.print(f"parameters are within {percent(max(known))} of the budget")


def _print_table(cells: list[dict[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (
        "model",
        "task",
        "trainer",
        "width",
        "parameters",
        "off budget",
        "runs",
        "done",
        "time per run",
    ):
        left = name in ("model", "task", "trainer")
        table.add_column(name, justify="left" if left else "right")
    for cell in cells:
        seconds = cell["seconds_per_run"]
        time = "no data" if seconds is None else duration(seconds)
        table.add_row(
            cell["model"],
            cell["task"],
            cell["trainer"],
            str(cell["width"]),
            f"{cell['parameters']:,}",
            "-" if cell["deviation"] is None else f"{100 * cell['deviation']:+.1f} %",
            str(cell["runs"]),
            str(cell["done"]),
            f"{time} ({cell['source']})" if seconds is not None else time,
        )
    out.print(table)
