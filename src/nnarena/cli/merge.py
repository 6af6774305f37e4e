"""`arena merge`."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer

from ..runs.merge import Met, merge
from ..runs.store import AbstractStore, open_store
from .console import guarded, news, out, print_json, refuse


@guarded
def merge_stores(addresses: Sequence[str], *, dry: bool, as_json: bool) -> None:
    """Merges all stores but the last into the last; exits 1 if not all went in."""
    *sources, target = [open_store(address) for address in addresses]
    if not sources:
        raise refuse("merge takes at least two folders: FROM... INTO")
    _require_sources(sources, target)
    unreadable = [entry for source in sources for entry in source.unreadable()]
    if not dry:
        target.prepare()
    met = list(merge(sources, target, dry=dry))
    if as_json:
        print_json(
            {
                "into": target.address,
                "dry_run": dry,
                "runs": [asdict(run) for run in met],
                "unreadable": [
                    {"file": file, "reason": reason} for file, reason in unreadable
                ],
            }
        )
    else:
        _tell(met, unreadable, target.address, dry)
    if unreadable or any(run.fate == "refused" for run in met):
        raise typer.Exit(1)


def _require_sources(sources: Sequence[AbstractStore], target: AbstractStore) -> None:
    """Refuses what is surely a slip, before anything is written."""
    for source in sources:
        if _same(source.address, target.address):
            raise refuse(f"{source.address} cannot be merged into itself")
        if not source.unreadable() and next(iter(source), None) is None:
            raise refuse(f"there are no records of runs in {source.address}")


def _same(one: str, other: str) -> bool:
    return one == other or (
        "://" not in one + other and os.path.realpath(one) == os.path.realpath(other)
    )


def _tell(
    met: Sequence[Met], unreadable: Sequence[tuple[str, str]], into: str, dry: bool
) -> None:
    for file, reason in unreadable:
        news.print(f"left out {file}: {reason}", markup=False, soft_wrap=True)
    for run in met:
        if run.fate == "refused":
            news.print(
                f"refused {run.key} ({run.label}) from {run.source}: {run.reason}; "
                "each stays in its own store",
                markup=False,
                soft_wrap=True,
            )
    counts = Counter(run.fate for run in met)
    would = "would be " if dry else ""
    out.print(
        f"{into}: {counts['added']} {would}added, {counts['identical']} identical (the "
        f"first stays), {counts['passed over']} failed runs passed over, "
        f"{counts['refused']} {would}refused, {len(unreadable)} unreadable",
        markup=False,
        soft_wrap=True,
    )
