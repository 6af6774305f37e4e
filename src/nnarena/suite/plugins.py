"""The plug-ins of a request, and those of a record, found again.

A record names the files that were imported for its run. They are imported again only
where this user has named them on this machine before: a record may come from anybody,
and reading it must run nothing but what its reader has chosen to run.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..analysis.words import listed
from ..core.numbers import printable
from ..core.plugins import (
    BrokenFile,
    digest_of,
    displaced,
    existing_file,
    import_file,
    is_here,
)
from ..core.problems import SuiteProblem, UserProblem
from ..core.source_files import text_digests
from ..runs.record import Plugin, Text
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
        Plugin(path=str(path), digest=digest_of(module), texts=_texts(path))
        for path, module in zip(paths, modules, strict=True)
    )


def _texts(path: Path) -> tuple[Text, ...]:
    """Returns the digests of a file and what it imports; none if it stands alone."""
    found = text_digests(path).items()
    return tuple(Text(name=n, digest=d) for n, d in found) if len(found) > 1 else ()


def find_again(plugin: Plugin) -> str | None:
    """Imports what a record remembers; returns what is wrong where that fails.

    A file with another text is imported too: its entrants may be of the same versions.
    One that is imported from elsewhere with the same text is there.
    """
    if is_here(plugin.digest):
        return None
    path, shown = Path(plugin.path), printable(plugin.path)
    needs = f"needs {shown} with the text of digest {plugin.digest}"
    give = "give one with that text by --plugin FILE.py"
    if not os.path.isfile(path):  # false for what is not a path at all, too
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
        return f"{needs}, but {_changed(plugin, path)} since (to {digest}); {give}"
    return None


def _changed(plugin: Plugin, path: Path) -> str:
    """Returns whose text has changed: that of the file, or of what it imports."""
    now = text_digests(path)
    others = [text.name for text in plugin.texts if now.get(text.name) != text.digest]
    if not others or path.name in others:
        return "its text has changed"
    has = "have" if len(others) > 1 else "has"
    return f"{listed(others[:4])}, which it imports, {has} changed"


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
