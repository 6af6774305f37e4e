"""The tables of a report: cells with a text, a note and what they sort by."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..analysis.budget import deviation
from ..analysis.controls import Aside
from ..analysis.differences import Difference
from ..analysis.length import LengthCurve
from ..analysis.standing import Leaderboard, Standing, TaskCard
from ..analysis.text import ONE_LEVEL
from .fields import (
    Field,
    Table,
    headed,
    named,
    number,
    order,
    overall_field,
    said,
    score_field,
)
from .words import (
    NOTHING,
    bytes_text,
    count_text,
    interval_text,
    score_text,
    seconds_text,
)


APART = "measured apart"
"""Says of a control that the store has no runs of it."""


def overall_table(board: Leaderboard) -> Table:
    """Returns who stands where over all tasks."""
    heads = ("rank", "contender", "family", "overall score", "tasks solved")
    more = ("diverged", "failed", "runs", "parameters", "time per run")
    return Table(
        "Leaderboard: normalized score over all tasks, with its interval",
        headed((*heads, *more), words={"contender", "family"}),
        (
            *(_standing(standing, board) for standing in board.standings),
            *(_aside(aside) for aside in board.controls),
        ),
    )


def task_table(board: Leaderboard) -> Table:
    """Returns the test score of every contender on every task."""
    heads = [("contender", False)]
    heads += [(f"{card.task} · {card.metric}", True) for card in board.tasks]
    rows = tuple(
        (
            named(standing.contender),
            *(_score(board, standing, card) for card in board.tasks),
        )
        for standing in board.standings
    )
    asides = tuple(
        (
            Field(aside.control, (APART,)),
            *(number(aside.scores.get(card.task), score_text) for card in board.tasks),
        )
        for aside in board.controls
    )
    caption = "Test score by task: the mean, or how many runs solved it"
    return Table(caption, tuple(heads), rows + asides)


def pair_table(board: Leaderboard) -> Table | None:
    """Returns the difference of every pair, the higher first; None without a pair."""
    if not board.pairs:
        return None
    names = ("contender", "verdict", "against", "difference", "tasks", "fewest seeds")
    return Table(
        f"All pairs: differences of overall scores, intervals of {board.family}",
        headed(names, words={"contender", "verdict", "against"}),
        tuple(_pair(pair) for pair in board.pairs),
    )


def _pair(pair: Difference) -> tuple[Field, ...]:
    interval = interval_text(pair.interval, pair.seeds)
    return (
        named(pair.first),
        Field(pair.answer),
        named(pair.second),
        Field(f"{pair.gap:+.3f}", (interval,), order(pair.gap)),
        Field(str(pair.tasks)),
        Field(str(pair.seeds)),
    )


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
                named(contender),
                Field(task),
                _parameters(means["parameters"], _mean(group, "asked_parameters")),
                *(number(means[name], seconds_text) for name in columns),
                *(number(means[name], bytes_text) for name in sizes[:2]),
                *(number(means[name], count_text) for name in sizes[2:]),
            )
        )
    heads = headed((*heads, *more), words={"contender", "task"})
    return Table("Cost: means over the runs of each pair", heads, tuple(rows))


def bar_table(board: Leaderboard) -> Table:
    """Returns how to read the scores of each task."""
    names = ("task", "metric", "chance", "best", "solved")
    rows = tuple(
        (
            Field(card.task),
            Field(card.metric),
            *(number(value, score_text) for value in (card.chance, card.best)),
            Field(
                f"{'from' if card.higher_is_better else 'down to'} "
                f"{score_text(card.bar)}",
                order=order(card.bar),
            ),
        )
        for card in board.tasks
    )
    return Table("Tasks and their bars", headed(names, words={"task", "metric"}), rows)


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
        (named(name), *(_length(groups[name].get(own)) for own in series))
        for name in order
    )
    return Table("Effective length, with its interval", tuple(heads), rows)


def _length(curve: LengthCurve | None) -> Field:
    if curve is None:
        return Field(NOTHING, ("not run",), "")
    text = f"{'≥ ' if curve.at_least else ''}{curve.effective:g}"
    doubt = curve.interval
    fewest = min(point.runs for point in curve.points)
    note = f"{doubt.low:g} to {doubt.high:g}" if doubt else interval_text(None, fewest)
    mark = f" {ONE_LEVEL}" if curve.one_level and doubt else ""
    return Field(text, (note + mark,), order(curve.effective))


def trouble_table(frame: pd.DataFrame) -> Table:
    """Returns every run that diverged or failed, with its reason."""
    rows = [row for row in frame.to_dict("records") if row["outcome"] != "finished"]
    names = ("contender", "task", "seed", "outcome", "steps", "reason")
    return Table(
        "Each with its reason",
        headed(names, words={"contender", "task", "outcome", "reason"}),
        tuple(tuple(Field(_clipped(row[name])) for name in names) for row in rows),
    )


def standing_table(standing: Standing, board: Leaderboard) -> Table:
    """Returns how one contender did on each task that it was run on."""
    names = ("task", "test score", "median", "normalized", "parameters")
    cards = {card.task: card for card in board.tasks}
    rows = tuple(
        (
            Field(cell.task),
            score_field(cell, cards[cell.task]),
            number(cell.median, score_text),
            number(cell.counted, score_text),
            number(cell.parameters, count_text),
            number(cell.run_seconds, seconds_text),
        )
        for cell in standing.cells
    )
    heads = headed((*names, "time per run"), words={"task"})
    return Table(f"{standing.contender} by task", heads, rows)


def runs_table(rows: Sequence[Mapping[str, Any]], caption: str) -> Table:
    """Returns every run of a contender: what came out, and what it took."""
    words = ("task", "outcome")
    names = ("task", "seed", "outcome", "test score", "steps", "running")
    heads = headed((*names, "width", "parameters", "learning rate"), words=set(words))
    return Table(caption, heads, tuple(_run(row) for row in rows))


def _run(row: Mapping[str, Any]) -> tuple[Field, ...]:
    lost = row["outcome"] != "finished"
    outcome = "solved" if row["solved"] else row["outcome"]
    return (
        Field(row["task"], said(row["added_settings"])),
        Field(str(row["seed"])),
        Field(outcome, said(_clipped(row["reason"])), alarm=lost),
        number(_known(row["test_score"]), score_text),
        Field(str(row["steps"])),
        number(row["run_seconds"], seconds_text),
        Field(str(row["width"])),
        number(_known(row["parameters"]), count_text),
        number(_known(row["learning_rate"]), score_text),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _standing(standing: Standing, board: Leaderboard) -> tuple[Field, ...]:
    tasks = len(board.tasks)
    judged = tasks - len(standing.missing)
    places = said(board.place_text(standing))
    return (
        Field(str(standing.rank), places, order(standing.rank)),
        named(standing.contender),
        Field(standing.family),
        overall_field(standing, tasks),
        Field(f"{standing.solved_tasks}/{judged}", order=str(standing.solved_tasks)),
        Field(str(standing.diverged), alarm=standing.diverged > 0),
        Field(str(standing.failed), alarm=standing.failed > 0),
        Field(str(standing.runs)),
        number(standing.parameters, count_text),
        number(standing.run_seconds, seconds_text),
    )


def _aside(aside: Aside) -> tuple[Field, ...]:
    """A control that was measured apart: it has no rank and no runs here."""
    there = (
        Field("", order=""),
        Field(aside.control, (APART,)),
        Field("control"),
        number(aside.overall, score_text),
    )
    return *there, *(Field(NOTHING, order="") for _ in range(6))


def _score(board: Leaderboard, standing: Standing, card: TaskCard) -> Field:
    reason = board.refusal(standing.contender, card.task)
    if reason is None:
        return score_field(standing.cell(card.task), card)
    return Field(NOTHING, (f"cannot play: {reason}",), "")


def _parameters(count: float | None, asked: float | None) -> Field:
    """Returns a number of parameters, and how far off what was asked for it is."""
    notes = ()
    if count is not None and asked is not None:
        notes = (f"{100 * deviation(count, asked):+.1f} % off budget",)
    return Field(count_text(count), notes, order(count))


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
