"""What trained models answered to the test sets of other tasks than their own.

A contender that was trained on one task has a figure for each task that it was asked,
beside that of its own. The rules are those of runs: a run that diverged counts as a
blind answer, in training as in answering, and every mean has its interval over seeds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..runs.evaluations import Evaluation
from ..runs.record import Record
from .frame import Row, row_of, table_of
from .labels import contender_labels, entrant_labels, natural_key
from .leaderboard import task_cards
from .length import LengthCurve, curve_of
from .plain import plain
from .scores import all_or_none_tasks
from .standing import Cell, TaskCard
from .summary import summarize
from .text import cell_lines


Trained = tuple[str, str]
"""The labels of a contender and of the task that it was trained on."""


@dataclass(frozen=True)
class AskedCell:
    """The runs of one contender that were trained on one task, asked one task.

    Asked the task that they were `trained` on, they say what their records say; such
    cells are there for every task that was asked. `reason` is why they cannot be asked;
    then no run of the cell is judged.
    """

    contender: str
    trained: str
    card: TaskCard
    cell: Cell
    reason: str | None

    @property
    def asked(self) -> str:
        return self.card.task

    @property
    def is_own(self) -> bool:
        return self.trained == self.asked


@dataclass(frozen=True)
class Evaluated:
    """All cells, and the curves of the models that were asked along their task's axis.

    Cells stand in the order of contender, task of training, task that was asked, curves
    in that of contender and length of training.
    """

    cells: tuple[AskedCell, ...] = ()
    curves: tuple[LengthCurve, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, fit for JSON: intervals as {"low": …, "high": …}."""
        return plain(self)

    def __str__(self) -> str:
        """Returns the cells as lines of a table."""
        rows = [HEADER, *map(fields, self.cells)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
        padded = (map(str.ljust, row, widths) for row in rows)
        return "\n".join("  ".join(row).rstrip() for row in padded)


HEADER = ("contender", "trained on", "asked", "score", "doubt")


def fields(one: AskedCell) -> tuple[str, str, str, str, str]:
    """Returns a cell as texts, in the order of `HEADER`."""
    score, doubt = cell_lines(one.cell, one.card)
    if one.reason is not None:
        score, doubt = "cannot be asked", one.reason
    elif one.is_own:
        doubt = f"{doubt} (its own test set)".strip()
    return one.contender, one.trained, one.asked, score, doubt


def evaluated(
    records: Sequence[Record], evaluations: Iterable[Evaluation]
) -> Evaluated:
    """Returns the figures of evaluations, beside those of the runs that they are of.

    Args:
        records: the runs of a store; those without evaluations only help to tell
            variants of contenders apart.
        evaluations: of those runs; of others they are left out.
    """
    runs = {record.key: record for record in records}
    asked = [one for one in evaluations if one.run in runs]
    if not asked:
        return Evaluated()
    tasks = [*(r.identity.task for r in records), *(one.task for one in asked)]
    labels = entrant_labels(tasks)
    own, others = labels[: len(records)], labels[len(records) :]
    cells = dict(
        zip(runs, zip(contender_labels(records), own, strict=True), strict=True)
    )
    answers: dict[Trained, dict[str, list[Evaluation]]] = {}
    for one, label in zip(asked, others, strict=True):
        answers.setdefault(cells[one.run], {}).setdefault(label, []).append(one)
    rows: dict[str, list[Row]] = {}
    for cell in dict.fromkeys(cells.values()):
        # Those trained on what others were asked are there to be read beside them.
        if cell in answers or cell[1] in others:
            of_cell = [record for record in records if cells[record.key] == cell]
            found = _rows(of_cell, cell, answers.get(cell, {}))
            rows.setdefault(cell[1], []).extend(found)
    parts = [_evaluated(task, _filled(found)) for task, found in rows.items()]
    return Evaluated(
        tuple(sorted((c for part in parts for c in part.cells), key=_cell_order)),
        tuple(sorted((c for part in parts for c in part.curves), key=_curve_order)),
    )


def _cell_order(one: AskedCell) -> tuple[list, ...]:
    return tuple(map(natural_key, (one.contender, one.trained, one.asked)))


def _curve_order(curve: LengthCurve) -> tuple[list, str, float | None]:
    return natural_key(curve.contender), curve.series, curve.trained


def _rows(
    records: Sequence[Record], cell: Trained, answers: dict[str, list[Evaluation]]
) -> list[Row]:
    """Returns the rows of one contender's runs on one task: their own, and as asked.

    Args:
        records: the runs.
        cell: what they share.
        answers: the evaluations by the label of the task that was asked.
    """
    contender, trained = cell
    rows = [row_of(record, contender, trained) for record in records]
    runs = {record.key: record for record in records}
    lost = [record for record in records if record.result.outcome == "diverged"]
    for label, given in answers.items():
        found = list(given)
        if found[0].outcome != "cannot be asked":
            found += [_as_diverged(found[0], record) for record in lost]
        asked = (one.as_record(runs[one.run]) for one in found)
        rows += [row_of(record, contender, label) for record in asked]
    return rows


def _filled(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows with NaN where a number is missing."""
    return [dict(row) for row in table_of(rows).to_dict("records")]


def _as_diverged(one: Evaluation, record: Record) -> Evaluation:
    """Returns what a run that diverged in training is taken to answer to a task."""
    changes = {"outcome": "diverged", "loss": None, "score": None, "rows": None}
    return one.model_copy(update={**changes, "run": record.key})


def _evaluated(trained: str, rows: Sequence[Row]) -> Evaluated:
    """Returns the cells and curves of all runs that were trained on one task."""
    cards, split = task_cards(rows), all_or_none_tasks(rows)
    cells, curves = [], []
    for contender in dict.fromkeys(row["contender"] for row in rows):
        own = [row for row in rows if row["contender"] == contender]
        for card in cards:
            asked = [row for row in own if row["task"] == card.task]
            if asked:
                cells.append(_cell(contender, trained, card, asked))
        curves += _curves(own, trained, split)
    return Evaluated(tuple(cells), tuple(curves))


def _cell(
    contender: str, trained: str, card: TaskCard, rows: Sequence[Row]
) -> AskedCell:
    cell = summarize(rows, card)
    reasons = [row["reason"] for row in rows if row["outcome"] == "failed"]
    asked = card.task != trained and not cell.judged
    reason = reasons[0] if reasons and asked else None
    return AskedCell(contender, trained, card, cell, reason)


def _curves(
    rows: Sequence[Row], trained: str, split: frozenset[str]
) -> list[LengthCurve]:
    """Returns the curve of one contender along the axis of the task; or none."""
    first = next(row for row in rows if row["task"] == trained)
    along: dict[float, list[Row]] = {}
    for row in rows:
        known = not np.isnan(row["counted"]) and not np.isnan(row["length"])
        if known and row["series"] == first["series"]:
            along.setdefault(row["length"], []).append(row)
    if len(along) < 2:
        return []
    groups = [along[length] for length in sorted(along)]
    return [curve_of(groups, split, trained=float(first["length"]))]
