"""Which runs of a store words choose: by name, or by name and settings."""

from collections.abc import Sequence

from ..runs.record import Entrant, Record
from .words import Chosen, chosen, resolve_files, split_words


def tables(words: Sequence[str] | None, kind: str) -> tuple[list[Chosen], list[str]]:
    """Returns the tables of words that choose runs, and the files that they name."""
    found, files = resolve_files(split_words(words), kind)
    return [chosen(word) for word in found], files


def is_chosen(
    record: Record, models: Sequence[Chosen], tasks: Sequence[Chosen]
) -> bool:
    """Whether a run's model and task are among those that tables choose.

    No table chooses all; one chooses what has its name and its settings.
    """
    identity = record.identity
    width = identity.width
    return _fits(identity.model, models, width) and _fits(identity.task, tasks)


def _fits(entrant: Entrant, tables: Sequence[Chosen], width: int | None = None) -> bool:
    known = {**entrant.all_settings, "name": entrant.name, "width": width}
    return not tables or any(
        all(name in known and known[name] == value for name, value in table.items())
        for table in tables
    )
