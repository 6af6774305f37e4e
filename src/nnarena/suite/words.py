"""Entrants named in words, the same wherever names are accepted.

NAME is a registered model or task, NAME(setting=value, ...) has settings over its
defaults. FILE.py is every model, or task, that a file registers, FILE.py:NAME one of
them; FILE.py:NAME(setting=value) has settings, and FILE.py(setting=value) has the same
for all. A trainer is one such word, and a penalty's file stands in place of its name.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.plugins import import_file
from ..core.problems import SuiteProblem
from ..core.registry import Registry, UnknownName


CALL = re.compile(r"^(.*?)\s*\((.*)\)$", re.DOTALL)

FILE = re.compile(r"^(.+\.py)(?::([\w.-]+))?$", re.DOTALL)

KINDS = ("models", "tasks")

PARTS = ("trainers", "metrics", "penalties")
"""What a file may register besides."""

PYTHONS = {"True": True, "False": False, "None": None, "null": None}
"""Values as Python and labels of tables write them; TOML has no word for none."""

Chosen = dict[str, Any]
"""A name and its settings, in one table, as a suite file has it."""


def split_words(options: Sequence[str] | None) -> list[str]:
    """Returns the words between commas that stand outside of parentheses."""
    words: list[str] = []
    for option in options or []:
        words += re.findall(r"[^,(]+(?:\([^)]*\))?", option)
    return [word.strip() for word in words if word.strip()]


def chosen(word: str | Chosen) -> Chosen:
    """Returns the table of a word; one that is a table already stays.

    Raises:
        SuiteProblem: what stands in its parentheses is not a setting.
    """
    if not isinstance(word, str):
        return word
    call = CALL.match(word)
    if call is None:
        return {"name": word}
    name, arguments = call.groups()
    found: Chosen = {"name": name}
    for argument in filter(None, map(str.strip, _arguments(arguments))):
        setting, _, value = argument.partition("=")
        found[setting.strip()] = _value(value.strip(), argument)
    return found


def _arguments(text: str) -> list[str]:
    """Returns what stands between commas that are not within a list or a table."""
    found, depth = [], 0
    for part in text.split(","):
        found = [*found[:-1], f"{found[-1]},{part}"] if depth else [*found, part]
        depth += sum(map(part.count, "[{")) - sum(map(part.count, "]}"))
    return found


def names_file(word: Any) -> bool:
    """Whether a word, or the table of one, names a file."""
    name = word.get("name") if isinstance(word, dict) else word
    return isinstance(name, str) and FILE.match(chosen(name)["name"]) is not None


def resolve_files(
    words: Sequence[Any], kind: str, folder: Path | None = None
) -> tuple[list[Any], list[str]]:
    """Returns words with names in place of files, which are imported, and the files.

    A word that names no file stays as it is.

    Args:
        words: words or their tables.
        kind: as "models", or "tasks".
        folder: what relative paths count from: the working folder if not given.

    Raises:
        FileNotFoundError, BrokenFile: there is no such file, or it breaks.
        SuiteProblem: it registers nothing of the kind, or not that name.
    """
    found, files = [], []
    for word in words:
        if not names_file(word):
            found.append(word)
            continue
        table = chosen(word)
        match = FILE.match(table["name"])
        assert match is not None
        file = str((folder or Path()) / match[1])
        for name in registered_by(file, [kind], match[2])[kind]:
            found.append({**table, "name": name} if len(table) > 1 else name)
        files.append(file)
    return found, files


def resolve_trainer(word: Any, folder: Path | None = None) -> tuple[Any, list[str]]:
    """Returns the table of a trainer, its files replaced by names, and the files.

    What is neither a word nor a table stays, for the suite's own check.

    Raises:
        FileNotFoundError, BrokenFile, SuiteProblem: as `resolve_files` does.
        SuiteProblem: the file registers several.
    """
    if not isinstance(word, str | dict):
        return word, []
    table, files = dict(chosen(word)), []
    if isinstance(table.get("name"), str):
        named = chosen(table.pop("name"))
        table = {**named, **table}
    if names_file(table):
        name = table["name"]
        (found, *others), files = resolve_files([name], "trainers", folder)
        if others:
            raise SuiteProblem(
                f"{name} registers several trainers: add :NAME, one of "
                f"{', '.join([found, *others])}"
            )
        table["name"] = found
    if isinstance(table.get("penalties"), dict):
        given, table["penalties"] = table["penalties"], {}
        for word, strength in given.items():
            found, more = resolve_files([word], "penalties", folder)
            table["penalties"] |= dict.fromkeys(found, strength)
            files += more
    return table, files


def in_words(content: dict[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Returns what a suite says, its words made tables and their files plug-ins.

    What is not a list of words stays, for the suite's own check.

    Raises:
        FileNotFoundError, BrokenFile, SuiteProblem: as `resolve_files` does.
    """
    content, files = dict(content), []
    for kind in KINDS:
        if isinstance(content.get(kind), list):
            words, more = resolve_files(content[kind], kind, folder)
            content[kind] = [_copied(chosen(word)) for word in words]
            files += more
    models = content.get("models")
    for owner in [content, *(models if isinstance(models, list) else [])]:
        if isinstance(owner, dict) and "trainer" in owner:
            owner["trainer"], more = resolve_trainer(owner["trainer"], folder)
            files += more
    plugins = content.get("plugins", [])
    if files and isinstance(plugins, list):
        content["plugins"] = list(dict.fromkeys([*plugins, *files]))
    return content


def _copied(table: Any) -> Any:
    return dict(table) if isinstance(table, dict) else table


def find_entrants(
    word: str, kinds: Sequence[str] = KINDS
) -> list[tuple[str, str, Chosen]]:
    """Returns the kind, name and settings of each entrant that a word means.

    Raises:
        UnknownName: there is none of that name.
        FileNotFoundError, BrokenFile, SuiteProblem: as `resolve_files` does.
    """
    table = chosen(word)
    name = table.pop("name")
    match = FILE.match(name)
    if match is not None:
        found = registered_by(match[1], kinds, match[2])
        return [(kind, each, table) for kind in kinds for each in found[kind]]
    for kind in kinds:
        if name in registry_of(kind):
            return [(kind, name, table)]
    known = sorted(entry.name for kind in kinds for entry in registry_of(kind))
    raise UnknownName(_either(kinds), name, known)


def registered_by(
    file: str, kinds: Sequence[str], name: str | None = None
) -> dict[str, list[str]]:
    """Returns the names that a file registers, by kind, importing it.

    Raises:
        FileNotFoundError, BrokenFile: there is no such file, or it breaks.
        SuiteProblem: it registers none, or none of that `name`.
    """
    module = import_file(file)
    found = {kind: registry_of(kind).names_from(module) for kind in kinds}
    names = sorted(each for named in found.values() for each in named)
    what = _either(kinds)
    if not names:
        raise SuiteProblem(
            f"{file} registers no {what}; decorate one with "
            f'@nnarena.{kinds[0].upper()}.register("name", family="...", source="...")'
        )
    if name is None:
        return found
    if name not in names:
        raise SuiteProblem(
            f"{file} registers no {what} named {name!r}; it registers: "
            f"{', '.join(names)}"
        )
    return {kind: [name] if name in named else [] for kind, named in found.items()}


def _either(kinds: Sequence[str]) -> str:
    """Returns kinds in words: "model, task or trainer"."""
    *first, last = (registry_of(kind).kind for kind in kinds)
    return f"{', '.join(first)} or {last}" if first else last


def registry_of(kind: str) -> Registry:
    """Returns the registry of models, tasks, ...; imported here, as it needs jax."""
    from ..metrics import METRICS
    from ..models import MODELS
    from ..tasks import TASKS
    from ..training import PENALTIES, TRAINERS

    return {
        "models": MODELS,
        "tasks": TASKS,
        "trainers": TRAINERS,
        "metrics": METRICS,
        "penalties": PENALTIES,
    }[kind]


def _value(text: str, argument: str) -> Any:
    """Returns a TOML value, or what Python calls it; another bare word is text."""
    if not text:
        raise SuiteProblem(f"{argument!r} should read setting=value")
    if text in PYTHONS:
        return PYTHONS[text]
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
