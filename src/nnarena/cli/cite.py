"""`arena cite`: what to cite for the entrants that a store used."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from ..core.references import bibtex
from ..core.registry import Registry
from ..runs.record import Record
from .console import guarded, print_json
from .results import read_records


@dataclass(frozen=True)
class Source:
    """What one entrant, a model or a task, is from.

    `source` is a key of the references or free text, None for an entrant that is not
    registered here; `bibtex` is the entry of a key, None for anything else.
    """

    kind: str
    name: str
    source: str | None
    bibtex: str | None


def sources(records: Iterable[Record]) -> list[Source]:
    """Returns the sources of all models and tasks of records, models first."""
    from ..models import MODELS
    from ..tasks import TASKS

    identities = [record.identity for record in records]
    models = sorted({identity.model.name for identity in identities})
    tasks = sorted({identity.task.name for identity in identities})
    return [_source("model", name, MODELS) for name in models] + [
        _source("task", name, TASKS) for name in tasks
    ]


def _source(kind: str, name: str, registry: Registry) -> Source:
    source = registry[name].source if name in registry else None
    return Source(kind, name, source, bibtex(source) if source else None)


def bibliography(found: Iterable[Source]) -> str:
    """Returns a BibTeX file: who is cited for what, and every entry once."""
    lines, entries = [], {}
    for source in found:
        told = source.source or "not registered here: ask who made it"
        lines.append(f"% {source.kind} {source.name}: {told}")
        if source.bibtex:
            entries[source.source] = source.bibtex
    return (
        "\n".join(lines) + "\n\n" + "\n\n".join(entries[key] for key in sorted(entries))
    )


@guarded
def show_citations(results: Path, *, as_json: bool) -> None:
    """Prints the BibTeX of a folder's contenders and tasks."""
    found = sources(read_records(results))
    if as_json:
        print_json([asdict(source) for source in found])
    else:
        typer.echo(bibliography(found))
