"""What the command line asks for: a suite and changes to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.problems import SuiteProblem
from ..models.contender import Contender
from ..suite.config import Choice, Suite, load_suite
from ..suite.recipes import USUAL, common_settings
from ..suite.session import Session, open_session
from ..suite.shard import parse_shard
from ..suite.words import Chosen, chosen, resolve_files, resolve_trainer, split_words


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
    plugins: list[str] | None = None
    trainer: str | None = None


def resolve(request: Request, results: str) -> Session:
    """Returns the session that a request means.

    A bare name that the suite has means every entry of that name, with its settings.
    """
    shard = parse_shard(request.shard) if request.shard is not None else None
    suite = load_suite(request.suite)
    plugins = list(request.plugins or [])
    changes: dict[str, Any] = {}
    for kind, given, known in (
        ("models", request.models, suite.models),
        ("tasks", request.tasks, suite.tasks),
    ):
        if given:
            words, files = resolve_files(split_words(given), kind)
            changes[kind] = [c for word in words for c in _choices(word, known)]
            plugins += files
    if request.seeds is not None:
        changes["seeds"] = request.seeds
    if request.parameters is not None:
        changes["parameters"] = request.parameters
    trainer, files = _trainer(request, suite)
    plugins += files
    if trainer:
        changes["trainer"] = trainer
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
    names, files = resolve_files(split_words(words), "models")
    contenders = []
    for settings in map(dict, map(chosen, names)):
        try:
            contenders.append(Contender(settings.pop("name"), settings))
        except ValueError as error:
            raise SuiteProblem(str(error)) from error
    return contenders, [str(Path(file).resolve()) for file in files]


def _trainer(request: Request, suite: Suite) -> tuple[dict[str, Any], list[str]]:
    """Returns what changes of the suite's trainer, and the files that register it.

    Another trainer takes over those of the suite's settings that it has too.

    Raises:
        SuiteProblem: a file registers no trainer, or several.
        UnknownName: no trainer carries the name.
    """
    changed, files = {}, []
    if request.trainer is not None:
        table, files = resolve_trainer(request.trainer)
        if table["name"] == suite.trainer.get("name", USUAL):
            changed = {key: table[key] for key in table if key != "name"}
        else:
            changed = {**common_settings(table["name"], suite.trainer), **table}
    if request.steps is not None:
        changed["steps"] = request.steps
    return changed, files


def _choices(word: str | Chosen, known: Sequence[Choice]) -> list[Chosen]:
    """Returns what a word chooses: all known ones of its name, or one by itself."""
    same = [choice.model_dump() for choice in known if choice.name == word]
    return same or [chosen(word)]
