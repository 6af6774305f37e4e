"""What identifies the entrants of a run: their names, versions and settings."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import PyTree

from ..core.registry import Entry, Registry, Shared
from ..core.roles import has_stacked_vectors
from ..metrics import METRICS
from ..models.contender import Contender
from ..runs.record import Entrant, entrant_of
from ..tasks import TASKS
from ..tasks.base import AbstractTask
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


def task_entrant(choice: Choice, made: AbstractTask) -> Entrant:
    """Returns what identifies a task: the metric too, if another file's or changed."""
    entry, metric = TASKS[choice.name], METRICS[made.scoring.metric]
    found = entrant(entry, entry.settings(choice.settings))
    if (version := metric.version_of({})) in ("1", found.version):
        return found
    version = f"{found.version}{METRIC}{metric.name} {version}"
    return found.model_copy(update={"version": version})


def settings_of(entrant: Entrant, registry: Registry) -> dict[str, Any]:
    """Returns the settings of a run: what it does not name is as it was at first.

    Raises:
        ValueError: its results are of another version than today's.
    """
    entry = registry[entrant.name]
    settings = {**entry.former, **entrant.all_settings}
    today = entry.version_of(settings)
    found = entrant.version.partition(METRIC)[0].removesuffix(STACKS)
    if found != today:
        raise ValueError(outdated(registry.kind, entrant, today))
    return settings


def outdated(kind: str, entrant: Entrant, today: str) -> str:
    """Returns what is said of a run that was planned with another version."""
    return (
        f"{kind} {entrant.name!r} was version {entrant.version} when its run was "
        f"planned and is version {today} now"
    )
