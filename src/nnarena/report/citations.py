"""What to cite for the entrants that a store used."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..core.references import bibtex
from ..runs.record import Record
from .accounts import Account, model_accounts, task_accounts


@dataclass(frozen=True)
class Source:
    """What one entrant, a model or a task, is from.

    `source` is a key of the references or free text, None for an entrant from outside
    of the package; `bibtex` is the entry of a key, None for anything else.
    """

    kind: str
    name: str
    source: str | None
    bibtex: str | None


def sources(records: Iterable[Record]) -> list[Source]:
    """Returns the sources of all models and tasks of records, models first."""
    identities = [record.identity for record in records]
    models = sorted({identity.model.name for identity in identities})
    tasks = sorted({identity.task.name for identity in identities})
    return [
        *(_source("model", name, model_accounts()) for name in models),
        *(_source("task", name, task_accounts()) for name in tasks),
    ]


def bibliography(found: Iterable[Source]) -> str:
    """Returns a BibTeX file: who is cited for what, and every entry once."""
    lines, entries = [], {}
    for source in found:
        told = source.source or "not registered here: ask who made it"
        lines.append(f"% {source.kind} {source.name}: {told}")
        if source.bibtex:
            entries[source.source] = source.bibtex
    return "\n".join([*lines, "", *(f"{entries[key]}\n" for key in sorted(entries))])


def _source(kind: str, name: str, accounts: Mapping[str, Account]) -> Source:
    account = accounts.get(name)
    if account is None:
        return Source(kind, name, None, None)
    return Source(kind, name, account.source, bibtex(account.source))
