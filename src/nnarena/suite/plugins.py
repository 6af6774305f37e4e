"""The plug-ins of a request, and those of a record, found again.

A record names the files that were imported for its run. They are imported again only
where this user has named them on this machine before: a record may come from anybody,
and reading it must run nothing but what its reader has chosen to run.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..core.numbers import printable
from ..core.plugins import BrokenFile, digest_of, displaced, existing_file, import_file
from ..core.problems import SuiteProblem, UserProblem
from ..runs.record import Plugin
from . import provenance


class MissingPlugin(UserProblem, ValueError):
    """A record's plug-in that cannot be had again; the message says how to give it."""


def bring(files: Sequence[str | Path]) -> tuple[Plugin, ...]:
    """Imports the files that a user names, and notes that this user did.

    Raises:
        FileNotFoundError, BrokenFile: there is no such file, or it breaks.
        SuiteProblem: two of them register the same name.
    """
    paths = list(dict.fromkeys(existing_file(file) for file in files))
    modules = [import_file(path) for path in paths]
    for module in modules:
        clash = displaced(module)
        if clash is not None:
            raise SuiteProblem(f"{clash}: give one of them another name")
    for path in paths:
        _note(path)
    return tuple(
        Plugin(path=str(path), digest=digest_of(module))
        for path, module in zip(paths, modules, strict=True)
    )


def find_again(plugin: Plugin) -> str | None:
    """Imports what a record remembers; returns what is wrong where that fails.

    A file with another text is imported too: its entrants may be of the same versions.
    """
    path, shown = Path(plugin.path), printable(plugin.path)
    needs = f"needs {shown} with the text of digest {plugin.digest}"
    give = "give one with that text by --plugin FILE.py"
    if not os.path.isfile(path):  # false for what is no path at all, too
        return f"{needs}, but that file is gone; {give}"
    if not path.is_absolute() or not _mark(path).exists():
        return (
            f"{needs}, which you have not run on this machine; if you trust it, give "
            f"it by --plugin {shown}"
        )
    try:
        digest = digest_of(import_file(path))
    except BrokenFile as broken:
        return f"{needs}, but that file cannot be imported now ({broken}); {give}"
    if digest != plugin.digest:
        return f"{needs}, but its text has changed since (to {digest}); {give}"
    return None


def _note(path: Path) -> None:
    """Notes that the user has named a file; a cache that cannot be written is none."""
    mark = _mark(path)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(f"{path}\n", encoding="utf-8")
    except OSError:
        return


def _mark(path: Path) -> Path:
    name = hashlib.sha256(str(path).encode()).hexdigest()[:20]
    return provenance.cache_folder() / "plugins" / "named" / f"{name}.txt"
