"""What a run says of its model, task and trainer, and the objects that this means."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import PyTree

from ..core.registry import Entry, Registry, Shared
from ..core.roles import has_stacked_vectors
from ..metrics import METRICS
from ..models.contender import Contender
from ..runs.record import Entrant, entrant_of
from ..tasks import TASKS, AbstractTask
from ..tasks.inspection import make_sound_task
from ..training.objective import objective_of
from .config import Choice


METRIC = ", scored by "
"""Joins a task's version and that of its metric."""

STACKS = ", stacks decayed as one layer"
"""Follows the version of a model whose results changed as its stacked biases did."""


def entrant(
    entry: Entry, settings: Mapping[str, Any], frame: Mapping[str, Shared] | None = None
) -> Entrant:
    """Returns what identifies an entrant with all its settings."""
    version, baseline = entry.version_of(settings), entry.baseline(frame)
    return entrant_of(entry.name, version, settings, baseline)


def settings_of(entrant: Entrant, registry: Registry) -> dict[str, Any]:
    """Returns the settings of a run: what it does not name is as it was at first.

    Raises:
        UnknownName: no entrant carries the name.
        ValueError: its results are of another version than today's.
    """
    entry = registry[entrant.name]
    settings = {**entry.former, **entrant.all_settings}
    today = entry.version_of(settings)
    found = entrant.version.partition(METRIC)[0].removesuffix(STACKS)
    if found != today:
        raise ValueError(_outdated(registry.kind, entrant, today))
    return settings


def model_entrant(contender: Contender) -> Entrant:
    """Returns what identifies a model, whatever trains it."""
    return entrant(contender.entry, contender.settings, contender.frame)


def trained_entrant(contender: Contender, shapes: PyTree, recipe: Entrant) -> Entrant:
    """Returns what identifies a model, as a recipe trains it.

    Decay acted on biases in a stack of layers once: what it did to such models shows
    in their version, and in no other run's.
    """
    found, settings = model_entrant(contender), recipe.all_settings
    decays = settings.get("weight_decay") or settings.get("penalties")
    if not (decays and has_stacked_vectors(shapes)):
        return found
    return found.model_copy(update={"version": found.version + STACKS})


def make_task(choice: Choice) -> AbstractTask:
    """Returns the task of a name and its settings.

    Raises:
        UnknownName: no task carries the name.
        EntrantProblem: no task can be made of a user's class.
        ValueError: it has no such setting, or not that value, or its metric is unknown,
            or that or its loss cannot judge its answers.
    """
    entry = TASKS[choice.name]
    settings = entry.settings(choice.settings)
    task = make_sound_task(entry, settings) if entry.outside else entry.make(**settings)
    try:
        objective_of(task)
    except ValueError as error:
        raise ValueError(f"task {choice.name}: {error}") from error
    return task


def task_entrant(choice: Choice, made: AbstractTask) -> Entrant:
    """Returns what identifies a task: the metric too, if another file's or changed."""
    entry, metric = TASKS[choice.name], METRICS[made.scoring.metric]
    found = entrant(entry, entry.settings(choice.settings))
    if (version := metric.version_of({})) in ("1", found.version):
        return found
    version = f"{found.version}{METRIC}{metric.name} {version}"
    return found.model_copy(update={"version": version})


def task_of(entrant: Entrant) -> AbstractTask:
    """Returns the task that a run names.

    Raises:
        UnknownName, EntrantProblem, ValueError: as `make_task` and `settings_of` do.
    """
    choice = Choice(name=entrant.name, settings=settings_of(entrant, TASKS))
    made = make_task(choice)
    if entrant.version != (today := task_entrant(choice, made).version):
        raise ValueError(_outdated("task", entrant, today))
    return made


def task_like(own: Entrant, changes: Mapping[str, Any]) -> Entrant:
    """Returns what identifies a task that is as another but for some settings.

    Raises:
        ValueError: there is no such setting, or it does not take the value.
    """
    known = {**TASKS[own.name].former, **own.all_settings}
    choice = Choice(name=own.name, settings={**known, **changes})
    return task_entrant(choice, make_task(choice))


def _outdated(kind: str, entrant: Entrant, today: str) -> str:
    return (
        f"{kind} {entrant.name!r} was version {entrant.version} when its run was "
        f"planned and is version {today} now"
    )
