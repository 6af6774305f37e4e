"""`arena evaluate`: what trained models answer to the test sets of other tasks."""

import contextlib
from collections import Counter
from collections.abc import Sequence

import typer
from rich import box
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ..analysis.evaluations import HEADER, Evaluated, fields
from ..analysis.labels import entrant_labels
from ..analysis.words import plural
from ..suite.evaluate import Inquiry, open_inquiry
from .console import guarded, news, out, print_json, refuse
from .stopping import stoppable


@guarded
def show_evaluations(
    results: str,
    on: Sequence[str],
    models: Sequence[str] | None,
    tasks: Sequence[str] | None,
    plugins: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Does the evaluations that are missing, and prints all that were asked for.

    Raises:
        typer.Exit: one broke, none could be done, or it was stopped.
    """
    inquiry = open_inquiry(results, on, models=models, tasks=tasks, plugins=plugins)
    for (contender, reason), seeds in _left_out(inquiry).items():
        listed = ", ".join(map(str, seeds))
        which = f"seed{'s' if len(seeds) > 1 else ''} {listed}"
        text = f"left out {contender}, {which}: {reason}"
        news.print(text, markup=False, soft_wrap=True)
    for task, runs in _trained_on(inquiry).items():
        text = (
            f"not asked {task}: {plural(runs, 'run')} trained on it; the records have"
        )
        news.print(f"{text} its scores", markup=False, soft_wrap=True)
    broken = _follow(inquiry)
    found = inquiry.answers()
    if as_json:
        print_json(found.to_dict()["cells"])
    elif found.cells:
        _print(found)
    if broken or not inquiry.wanted:
        raise typer.Exit(1)


def _left_out(inquiry: Inquiry) -> dict[tuple[str, str], list[int]]:
    """Returns the seeds that cannot be restored, by model and task and by reason."""
    found: dict[tuple[str, str], list[int]] = {}
    for record, reason in inquiry.left_out:
        label = f"{record.identity.model.name} on {record.identity.task.name}"
        found.setdefault((label, reason), []).append(record.identity.seed)
    return found


def _trained_on(inquiry: Inquiry) -> dict[str, int]:
    """Returns how many runs were trained on what is asked, by the task's label."""
    asked = [one for one in inquiry.wanted if one.itself]
    return Counter(
        entrant_labels([one.record.identity.task, *one.tasks])[0] for one in asked
    )


def _follow(inquiry: Inquiry) -> int:
    """Does what is missing and shows how it goes; returns how many broke.

    Raises:
        typer.Exit: it was stopped before all were done.
    """
    missing, stopped = len(inquiry.missing), False
    asked = sum(len(one.tasks) for one in inquiry.wanted)
    kept = f", {asked - missing} of them there already" if missing < asked else ""
    news.print(f"{plural(asked, 'evaluation')}{kept}", markup=False)
    ended = broken = 0

    def stop() -> None:
        nonlocal stopped
        stopped = True

    bar = Progress(console=news, disable=not news.is_terminal or not missing)
    line = bar.add_task("evaluations", total=missing)
    with (
        stoppable(stop, "stopping after the current evaluation") as wish,
        contextlib.suppress(KeyboardInterrupt),
        bar,
    ):
        for event in inquiry.run(lambda: stopped):
            if event.kind == "asked":
                continue
            ended += 1
            broken += event.kind == "unanswered"
            bar.update(line, completed=ended)
            style = "red" if event.kind == "unanswered" else None
            text = f"[{ended}/{missing}] {event.text}"
            news.print(text, style=style, markup=False, soft_wrap=True)
    if wish.signal is not None:
        raise refuse(
            "stopped; the evaluations so far are kept: give the same command again to "
            "go on",
            wish.exit_code,
        )
    return broken


def _print(found: Evaluated) -> None:
    table = Table(*HEADER, box=box.SIMPLE_HEAD, pad_edge=False)
    for cell in found.cells:
        table.add_row(*map(escape, fields(cell)))
    out.print(table)
    out.print(
        "Mean over seeds and k/n that solved the task, [95 % interval over seeds].",
        markup=False,
    )
