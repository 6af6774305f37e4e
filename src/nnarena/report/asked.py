"""The tables of what trained models answered to other tasks than their own."""

from collections.abc import Mapping, Sequence

from ..analysis.evaluations import AskedCell, Evaluated
from ..analysis.labels import natural_key
from .fields import Field, Table, headed, named, said, score_field
from .words import NOTHING


EACH = "each by itself"
"""Stands for the task of training in a row whose every column was trained for."""

Row = Mapping[str, AskedCell]
"""The cells of a row by the task that was asked."""


def asked_tables(found: Evaluated) -> dict[str, Table]:
    """Returns a table for each task, by its name, that trained models were asked."""
    tasks: dict[str, list[AskedCell]] = {}
    for cell in found.cells:
        tasks.setdefault(_name(cell.asked), []).append(cell)
    return {name: _table(name, cells) for name, cells in tasks.items()}


def _name(label: str) -> str:
    return label.partition(" (")[0]


def _form(label: str) -> str:
    """Returns what tells a task from others of its name: "fillers=20"."""
    return label.partition(" (")[2].removesuffix(")") or label


def _table(name: str, cells: Sequence[AskedCell]) -> Table:
    columns = sorted({cell.asked for cell in cells}, key=natural_key)
    rows: dict[tuple[str, str], dict[str, AskedCell]] = {}
    for cell in cells:
        rows.setdefault((cell.contender, cell.trained), {})[cell.asked] = cell
    for contender in dict.fromkeys(cell.contender for cell in cells):
        own = {c.asked: c for c in cells if c.contender == contender and c.is_own}
        if len(own) > 1:
            rows[contender, EACH] = own
    heads = ("contender", "trained on")
    return Table(
        f"{name}: {cells[0].card.metric} on test sets that were not trained for",
        headed((*heads, *map(_form, columns)), words=set(heads)),
        tuple(
            (named(contender), Field(_form(trained)), *_fields(row, columns))
            for (contender, trained), row in sorted(rows.items(), key=_order)
            if len(row) > 1
        ),
    )


def _order(item: tuple[tuple[str, str], Row]) -> tuple[list, bool, list]:
    (contender, trained), _ = item
    return natural_key(contender), trained == EACH, natural_key(trained)


def _fields(row: Row, columns: Sequence[str]) -> list[Field]:
    return [_field(row.get(column)) for column in columns]


def _field(one: AskedCell | None) -> Field:
    if one is None:
        return Field(NOTHING, ("not asked",), "")
    if one.reason is not None:
        return Field(NOTHING, (f"cannot be asked: {one.reason}",), "")
    found = score_field(one.cell, one.card)
    if not one.is_own:
        return found
    return Field(found.text, said(*found.notes, "trained on it"), found.order)
