"""The tables of a report: cells with a text, a note and what they sort by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..analysis.standing import Cell, Leaderboard, Standing
from .words import (
    NOTHING,
    Number,
    bytes_text,
    count_text,
    interval_text,
    score_text,
    seconds_text,
    share_text,
)


@dataclass(frozen=True)
class Field:
    """One field of a table; an empty `order` sorts last, a color names a contender."""

    text: str
    notes: tuple[str, ...] = ()
    order: str = ""
    color: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Table:
    """A caption, the heads with whether they are numbers, and the rows."""

    caption: str
    heads: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Field, ...], ...]


def overall_table(board: Leaderboard, colors: Mapping[str, str]) -> Table:
    """Returns who stands where over all tasks."""
    heads = ("rank", "contender", "family", "overall score", "tasks solved")
    more = ("diverged", "failed", "runs", "parameters", "time per run")
    return Table(
        "Leaderboard: normalized score over all tasks, with its interval",
        _heads((*heads, *more), words={"contender", "family"}),
        tuple(
            _standing(standing, len(board.tasks), colors)
            for standing in board.standings
        ),
    )


def task_table(board: Leaderboard, colors: Mapping[str, str]) -> Table:
    """Returns the test score of every contender on every task."""
    heads = [("contender", False)]
    heads += [(f"{card.task} · {card.metric}", True) for card in board.tasks]
    rows = tuple(
        (
            _name(standing, colors),
            *(_score(standing.cell(card.task)) for card in board.tasks),
        )
        for standing in board.standings
    )
    return Table("Mean test score by task, with its interval", tuple(heads), rows)


def cost_table(frame: pd.DataFrame, colors: Mapping[str, str]) -> Table:
    """Returns what every contender cost on every task: means over its runs."""
    heads = ("contender", "task", "parameters", "compiling", "running", "one step")
    more = ("peak memory", "program memory", "matrix FLOPs per step")
    columns = ("compile_seconds", "run_seconds", "seconds_per_step")
    sizes = ("peak_bytes", "program_bytes", "matmul_flops_per_step")
    rows = []
    for (contender, task), group in _groups(frame).items():
        means = {n: _mean(group, n) for n in ("parameters", *columns, *sizes)}
        rows.append(
            (
                Field(contender, order=contender, color=colors.get(contender, "")),
                Field(task, order=task),
                _number(means["parameters"], count_text),
                *(_number(means[name], seconds_text) for name in columns),
                *(_number(means[name], bytes_text) for name in sizes[:2]),
                _number(means[sizes[2]], count_text),
            )
        )
    heads = _heads((*heads, *more), words={"contender", "task"})
    return Table("Cost: means over the runs of each pair", heads, tuple(rows))


def trouble_table(frame: pd.DataFrame) -> Table:
    """Returns every run that diverged or failed, with its reason."""
    rows = [row for row in frame.to_dict("records") if row["outcome"] != "finished"]
    names = ("contender", "task", "seed", "outcome", "steps", "reason")
    return Table(
        "Each with its reason",
        _heads(names, words={"contender", "task", "outcome", "reason"}),
        tuple(
            tuple(Field(_clipped(row[name]), order=str(row[name])) for name in names)
            for row in rows
        ),
    )


def _heads(names: Sequence[str], words: set[str]) -> tuple[tuple[str, bool], ...]:
    return tuple((name, name not in words) for name in names)


def _standing(
    standing: Standing, tasks: int, colors: Mapping[str, str]
) -> tuple[Field, ...]:
    judged = tasks - len(standing.missing)
    short = "" if standing.complete else f"incomplete: {judged} of {tasks} tasks"
    return (
        Field(str(standing.rank), order=str(standing.rank)),
        _name(standing, colors),
        Field(standing.family, order=standing.family),
        Field(
            score_text(standing.overall),
            _said(interval_text(standing.interval), short),
            _order(standing.overall),
            alarm=not standing.complete,
        ),
        Field(f"{standing.solved_tasks}/{judged}", order=str(standing.solved_tasks)),
        _alarm(standing.diverged),
        _alarm(standing.failed),
        Field(str(standing.runs), order=str(standing.runs)),
        _number(standing.parameters, count_text),
        _number(standing.run_seconds, seconds_text),
    )


def _score(cell: Cell | None) -> Field:
    if cell is None:
        return Field(NOTHING, ("not run",))
    lost = [
        f"{count} {word}"
        for count, word in ((cell.diverged, "diverged"), (cell.failed, "failed"))
        if count
    ]
    if cell.mean is None:
        return Field(NOTHING, tuple(lost), alarm=True)
    solved = f"solved {cell.solved}/{cell.judged} ({share_text(cell.solved_interval)})"
    notes = _said(interval_text(cell.interval), solved, ", ".join(lost))
    return Field(score_text(cell.mean), notes, _order(cell.mean), alarm=bool(lost))


def _name(standing: Standing, colors: Mapping[str, str]) -> Field:
    name = standing.contender
    return Field(name, order=name, color=colors.get(name, ""))


def _said(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def _alarm(count: int) -> Field:
    return Field(str(count), order=str(count), alarm=count > 0)


def _number(value: Number | None, text: Callable[[Any], str]) -> Field:
    return Field(text(value), order=_order(value))


def _order(value: Number | None) -> str:
    return "" if value is None else repr(float(value))


def _clipped(value: object, most: int = 300) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _groups(frame: pd.DataFrame) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in frame.to_dict("records"):
        groups.setdefault((row["contender"], row["task"]), []).append(dict(row))
    return groups


def _mean(rows: list[dict[str, Any]], column: str) -> float | None:
    values = [row[column] for row in rows if not math.isnan(row[column])]
    return sum(values) / len(values) if values else None
