"""The tables of a report: cells with a text, a note and what they sort by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..analysis.budget import deviation
from ..analysis.length import LengthCurve
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
    """One field of a table.

    Attributes:
        text: what is read first.
        notes: small print below it.
        order: what it sorts by, if not its text; empty sorts last.
        contender: the contender that it names, if it does.
        alarm: whether it tells of a loss.
    """

    text: str
    notes: tuple[str, ...] = ()
    order: str | None = None
    contender: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Table:
    """A caption, the heads with whether they are numbers, and the rows."""

    caption: str
    heads: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Field, ...], ...]


def overall_table(board: Leaderboard) -> Table:
    """Returns who stands where over all tasks."""
    heads = ("rank", "contender", "family", "overall score", "tasks solved")
    more = ("diverged", "failed", "runs", "parameters", "time per run")
    return Table(
        "Leaderboard: normalized score over all tasks, with its interval",
        _heads((*heads, *more), words={"contender", "family"}),
        tuple(_standing(standing, len(board.tasks)) for standing in board.standings),
    )


def task_table(board: Leaderboard) -> Table:
    """Returns the test score of every contender on every task."""
    heads = [("contender", False)]
    heads += [(f"{card.task} · {card.metric}", True) for card in board.tasks]
    rows = tuple(
        (
            _name(standing.contender),
            *(_score(standing.cell(card.task)) for card in board.tasks),
        )
        for standing in board.standings
    )
    return Table("Mean test score by task, with its interval", tuple(heads), rows)


def cost_table(frame: pd.DataFrame) -> Table:
    """Returns what every contender cost on every task: means over its runs."""
    heads = ("contender", "task", "parameters", "compiling", "running", "one step")
    more = (
        "peak, compiler included",
        "program memory",
        "matrix FLOPs per step",
        "state",
    )
    columns = ("compile_seconds", "run_seconds", "seconds_per_step")
    sizes = ("peak_bytes", "program_bytes", "matmul_flops_per_step", "state_size")
    rows = []
    for (contender, task), group in _groups(frame).items():
        means = {n: _mean(group, n) for n in ("parameters", *columns, *sizes)}
        rows.append(
            (
                _name(contender),
                Field(task),
                _parameters(means["parameters"], _mean(group, "asked_parameters")),
                *(_number(means[name], seconds_text) for name in columns),
                *(_number(means[name], bytes_text) for name in sizes[:2]),
                *(_number(means[name], count_text) for name in sizes[2:]),
            )
        )
    heads = _heads((*heads, *more), words={"contender", "task"})
    return Table("Cost: means over the runs of each pair", heads, tuple(rows))


def bar_table(board: Leaderboard) -> Table:
    """Returns how to read the scores of each task."""
    names = ("task", "metric", "chance", "best", "solved")
    rows = tuple(
        (
            Field(card.task),
            Field(card.metric),
            *(_number(value, score_text) for value in (card.chance, card.best)),
            Field(
                f"{'from' if card.higher_is_better else 'down to'} "
                f"{score_text(card.bar)}",
                order=_order(card.bar),
            ),
        )
        for card in board.tasks
    )
    return Table("Tasks and their bars", _heads(names, words={"task", "metric"}), rows)


def length_table(curves: Sequence[LengthCurve]) -> Table | None:
    """Returns the effective length of each contender; None where lengths do not vary.

    Contenders that remember furthest come first, those that do on more series before.
    """
    series = {curve.series: curve.task_name for curve in curves}
    groups: dict[str, dict[str, LengthCurve]] = {}
    for curve in curves:
        groups.setdefault(curve.contender, {})[curve.series] = curve
    if not groups:
        return None
    order = sorted(groups, key=lambda c: [-x.effective for x in groups[c].values()])
    heads = [("contender", False), *((name, True) for name in series.values())]
    rows = tuple(
        (_name(name), *(_length(groups[name].get(own)) for own in series))
        for name in order
    )
    return Table("Effective length, with its interval", tuple(heads), rows)


def _length(curve: LengthCurve | None) -> Field:
    if curve is None:
        return Field(NOTHING, ("not run",), "")
    text = f"{'≥ ' if curve.at_least else ''}{curve.effective:g}"
    doubt = curve.interval
    note = f"{doubt.low:g} to {doubt.high:g}" if doubt else interval_text(None)
    return Field(text, (note,), _order(curve.effective))


def trouble_table(frame: pd.DataFrame) -> Table:
    """Returns every run that diverged or failed, with its reason."""
    rows = [row for row in frame.to_dict("records") if row["outcome"] != "finished"]
    names = ("contender", "task", "seed", "outcome", "steps", "reason")
    return Table(
        "Each with its reason",
        _heads(names, words={"contender", "task", "outcome", "reason"}),
        tuple(tuple(Field(_clipped(row[name])) for name in names) for row in rows),
    )


def standing_table(standing: Standing) -> Table:
    """Returns how one contender did on each task that it was run on."""
    names = ("task", "mean test score", "median", "normalized", "parameters")
    rows = tuple(
        (
            Field(cell.task),
            _score(cell),
            _number(cell.median, score_text),
            _number(cell.credited, score_text),
            _number(cell.parameters, count_text),
            _number(cell.run_seconds, seconds_text),
        )
        for cell in standing.cells
    )
    heads = _heads((*names, "time per run"), words={"task"})
    return Table(f"{standing.contender} by task", heads, rows)


def runs_table(rows: Sequence[Mapping[str, Any]], caption: str) -> Table:
    """Returns every run of a contender: what came out, and what it took."""
    words = ("task", "outcome")
    names = ("task", "seed", "outcome", "test score", "steps", "running")
    heads = _heads((*names, "width", "parameters", "learning rate"), words=set(words))
    return Table(caption, heads, tuple(_run(row) for row in rows))


def _run(row: Mapping[str, Any]) -> tuple[Field, ...]:
    lost = row["outcome"] != "finished"
    outcome = "solved" if row["solved"] else row["outcome"]
    return (
        Field(row["task"]),
        Field(str(row["seed"])),
        Field(outcome, _said(_clipped(row["reason"])), alarm=lost),
        _number(_known(row["test_score"]), score_text),
        Field(str(row["steps"])),
        _number(row["run_seconds"], seconds_text),
        Field(str(row["width"])),
        _number(_known(row["parameters"]), count_text),
        _number(_known(row["learning_rate"]), score_text),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _heads(names: Sequence[str], words: set[str]) -> tuple[tuple[str, bool], ...]:
    return tuple((name, name not in words) for name in names)


def _standing(standing: Standing, tasks: int) -> tuple[Field, ...]:
    judged = tasks - len(standing.missing)
    short = "" if standing.complete else f"incomplete: {judged} of {tasks} tasks"
    return (
        Field(str(standing.rank)),
        _name(standing.contender),
        Field(standing.family),
        Field(
            score_text(standing.overall),
            _said(interval_text(standing.interval), short),
            _order(standing.overall),
            alarm=not standing.complete,
        ),
        Field(f"{standing.solved_tasks}/{judged}", order=str(standing.solved_tasks)),
        _alarm(standing.diverged),
        _alarm(standing.failed),
        Field(str(standing.runs)),
        _number(standing.parameters, count_text),
        _number(standing.run_seconds, seconds_text),
    )


def _score(cell: Cell | None) -> Field:
    if cell is None:
        return Field(NOTHING, ("not run",), "")
    lost = [
        f"{count} {word}"
        for count, word in ((cell.diverged, "diverged"), (cell.failed, "failed"))
        if count
    ]
    if cell.mean is None:
        return Field(NOTHING, tuple(lost), "", alarm=True)
    solved = f"solved {cell.solved}/{cell.judged} ({share_text(cell.solved_interval)})"
    notes = _said(interval_text(cell.interval), solved, ", ".join(lost))
    return Field(score_text(cell.mean), notes, _order(cell.mean), alarm=bool(lost))


def _name(contender: str) -> Field:
    return Field(contender, contender=contender)


def _said(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def _alarm(count: int) -> Field:
    return Field(str(count), alarm=count > 0)


def _number(value: Number | None, text: Callable[[Any], str]) -> Field:
    return Field(text(value), order=_order(value))


def _parameters(count: float | None, asked: float | None) -> Field:
    """Returns a number of parameters, and how far off what was asked for it is."""
    notes = ()
    if count is not None and asked is not None:
        notes = (f"{100 * deviation(count, asked):+.1f} % off budget",)
    return Field(count_text(count), notes, _order(count))


def _order(value: Number | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


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
