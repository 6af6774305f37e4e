"""What the command line asks for: a suite and changes to it."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..models.contender import Contender
from ..suite.config import Choice, Suite, SuiteProblem, load_suite
from ..suite.session import Session, open_session, registered_by
from ..suite.shard import parse_shard


CALL = re.compile(r"^([\w.-]+)\((.*)\)$", re.DOTALL)

PYTHONS = {"True": True, "False": False, "None": None, "null": None}
"""Values as Python and labels of tables write them; TOML has no word for none."""


@dataclass(frozen=True)
class Request:
    """The words of `arena run` and `arena plan`."""

    suite: str
    models: list[str] | None = None
    tasks: list[str] | None = None
    seeds: int | None = None
    parameters: int | None = None
    steps: int | None = None
    shard: str | None = None


def resolve(request: Request, results: str) -> Session:
    """Returns the session that a request means.

    A bare name that the suite has means every entry of that name, with its settings.
    """
    shard = parse_shard(request.shard) if request.shard is not None else None
    suite = load_suite(request.suite)
    words = split_words(request.models)
    plugins = [word for word in words if word.endswith(".py")]
    changes: dict[str, Any] = {}
    if words:
        names = [n for word in words for n in _expand(word)]
        changes["models"] = [c for n in names for c in _choices(n, suite.models)]
    if request.tasks:
        tasks = split_words(request.tasks)
        changes["tasks"] = [c for word in tasks for c in _choices(word, suite.tasks)]
    if request.seeds is not None:
        changes["seeds"] = request.seeds
    if request.parameters is not None:
        changes["parameters"] = request.parameters
    if request.steps is not None:
        changes["trainer"] = {"steps": request.steps}
    changed: Suite = load_suite(request.suite, changes)
    session = open_session(changed, results, plugins=plugins)
    if shard is None:
        return session
    name = f"{session.name}, shard {request.shard}"
    return replace(session, jobs=shard.of(session.jobs), name=name)


def chosen_contenders(words: Sequence[str]) -> tuple[list[Contender], list[str]]:
    """Returns the contenders that words mean, and the files that register some.

    Raises:
        UnknownName: no model carries a name.
        SuiteProblem: a contender has no such setting, or a file registers none.
    """
    split = split_words(list(words))
    contenders = []
    for name in [name for word in split for name in _expand(word)]:
        settings = _choice(name)
        try:
            contenders.append(Contender(settings.pop("name"), settings))
        except ValueError as error:
            raise SuiteProblem(str(error)) from error
    return contenders, [str(Path(w).resolve()) for w in split if w.endswith(".py")]


def split_words(options: list[str] | None) -> list[str]:
    """Returns the words between commas that stand outside of parentheses."""
    words: list[str] = []
    for option in options or []:
        words += re.findall(r"[^,(]+(?:\([^)]*\))?", option)
    return [word.strip() for word in words if word.strip()]


def _expand(word: str) -> list[str]:
    if not word.endswith(".py"):
        return [word]
    names = registered_by(word)
    if not names:
        raise SuiteProblem(
            f"{word} registers no model; decorate one with "
            '@MODELS.register("name", family="...", source="...")'
        )
    return names


def _choices(word: str, known: Sequence[Choice]) -> list[dict[str, Any]]:
    """Returns what a word chooses: all known ones of its name, or one by itself."""
    same = [choice.model_dump() for choice in known if choice.name == word]
    return same or [_choice(word)]


def _choice(word: str) -> dict[str, Any]:
    """Returns what NAME or NAME(setting=value, ...) chooses."""
    call = CALL.match(word)
    if call is None:
        return {"name": word}
    name, arguments = call.groups()
    settings: dict[str, Any] = {"name": name}
    for argument in filter(None, (part.strip() for part in arguments.split(","))):
        setting, _, value = argument.partition("=")
        settings[setting.strip()] = _value(value.strip(), argument)
    return settings


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
