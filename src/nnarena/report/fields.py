"""Fields of tables: a text, its notes, and what it sorts by."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ..analysis.standing import Cell, Standing, TaskCard
from ..analysis.text import ONE_LEVEL
from .words import NOTHING, Number, interval_text, score_text, share_text


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


def headed(
    names: Sequence[str], words: Collection[str]
) -> tuple[tuple[str, bool], ...]:
    """Returns the heads of a table, all of numbers but those in `words`."""
    return tuple((name, name not in words) for name in names)


def named(contender: str) -> Field:
    """Returns the field of a contender's name."""
    return Field(contender, contender=contender)


def number(value: Number | None, text: Callable[[Any], str]) -> Field:
    """Returns the field of a number, written by `text`."""
    return Field(text(value), order=order(value))


def order(value: Number | None) -> str:
    """Returns what a number sorts by; empty where there is none."""
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def said(*notes: str) -> tuple[str, ...]:
    """Returns the notes that say something."""
    return tuple(note for note in notes if note)


def overall_field(standing: Standing, tasks: int) -> Field:
    """Returns the overall score with its interval, of a board of so many tasks."""
    judged = tasks - len(standing.missing)
    short = "" if standing.complete else f"incomplete: {judged} of {tasks} tasks"
    interval = interval_text(standing.interval, standing.seeds)
    mark = f" {ONE_LEVEL}" if standing.one_level and standing.interval else ""
    return Field(
        score_text(standing.overall),
        said(interval + mark, short),
        order(standing.overall),
        alarm=not standing.complete,
    )


def score_field(cell: Cell | None, card: TaskCard) -> Field:
    """Returns what one contender reached on one task, with its doubt."""
    if cell is None:
        return Field(NOTHING, ("not run",), "")
    lost = [
        f"{count} {word}"
        for count, word in ((cell.diverged, "diverged"), (cell.failed, "failed"))
        if count
    ]
    if cell.mean is None:
        return Field(NOTHING, tuple(lost), "", alarm=True)
    text, notes = (_solved if card.all_or_none else _mean)(cell)
    notes = said(*notes, _test_set(cell, card), ", ".join(lost))
    return Field(text, notes, order(cell.mean), alarm=bool(lost))


def _solved(cell: Cell) -> tuple[str, tuple[str, ...]]:
    """Of runs that solve a task or do not: how many did."""
    share = share_text(cell.solved_interval)
    notes = (f"solved: {share}", f"mean {score_text(cell.mean)}")
    return f"{cell.solved} of {cell.judged}", notes


def _mean(cell: Cell) -> tuple[str, tuple[str, ...]]:
    interval = interval_text(cell.interval, cell.judged)
    mark = f" {ONE_LEVEL}" if cell.one_level and cell.interval else ""
    solved = f"solved {cell.solved}/{cell.judged} ({share_text(cell.solved_interval)})"
    return score_text(cell.mean), said(interval + mark, _ends(cell), solved)


def _ends(cell: Cell) -> str:
    """The lowest and the highest run, where runs do not scatter around one level."""
    return "" if cell.ends is None else f"runs {interval_text(cell.ends)}"


def _test_set(cell: Cell, card: TaskCard) -> str:
    """How far the test set alone could move the mean, or how large it was."""
    if cell.test_rows is None:
        return ""
    if card.seen:
        return "tested on the examples of training"
    count = f"{cell.test_rows:,} test examples"
    if cell.test_interval is None or card.all_or_none:
        return f"of {count}"
    return f"{interval_text(cell.test_interval)} by {count}"
