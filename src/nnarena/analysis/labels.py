"""Names for people that tell apart what a store must not pool.

A label is the entrant's name alone as long as that is enough. Where a store holds
variants, the settings that differ are appended, and only those:

    gru                          the only gru
    gru (depth=1), gru (depth=2) two models that share a name
    gru (learning_rate=0.001)    one model, trained in two ways on the same task
    add (length=100)             a task that comes in two lengths

A width that differs from task to task, as one budget of parameters makes it, is no
variant: a setup is named only where it differs within one contender AND task. So is a
setting that planning adds for some tasks, as `causal` (`ADDED`).
"""

import functools
import json
import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import JsonValue

from ..runs.record import Entrant, Identity


K = TypeVar("K", bound=Hashable)

Traits = Mapping[str, str]
"""What may tell one variant from another: the texts of settings by name."""


@runtime_checkable
class Identified(Protocol):
    """What has the identity of a run: a record of it, or a plan."""

    @property
    def identity(self) -> Identity:
        """What decides the run."""
        ...


ADDED = ("causal",)
"""Settings of models that planning adds where a task asks for it."""


def as_asked(model: Entrant) -> Entrant:
    """Returns a model without what planning may have added, or the user given."""
    settings, defaults = (
        {name: value for name, value in part.items() if name not in ADDED}
        for part in (model.settings, model.defaults)
    )
    return model.model_copy(update={"settings": settings, "defaults": defaults})


def planned_labels(runs: Sequence[Identified]) -> list[str]:
    """Returns one label per run: its contender, with what planning added to it."""
    told = [added_text(run.identity.model) for run in runs]
    return [
        label if text in label else _appended(label, text)
        for label, text in zip(contender_labels(runs), told, strict=True)
    ]


def run_labels(runs: Sequence[Identified]) -> list[str]:
    """Returns one label per run: "gru (depth=2) on add, seed 0"."""
    labels = zip(contender_labels(runs), task_labels(runs), runs, strict=True)
    return [f"{model} on {task}, seed {r.identity.seed}" for model, task, r in labels]


def added_text(model: Entrant) -> str:
    """Returns what `as_asked` leaves out and is not the default: "causal=true"."""
    return traits_text(flatten(model.settings), ADDED)


def value_text(value: JsonValue) -> str:
    """Returns a setting as short text; unequal values have unequal texts."""
    return _word(value) if isinstance(value, str) else json.dumps(value, sort_keys=True)


@functools.lru_cache(maxsize=4_096)  # runs share their words
def _word(value: str) -> str:
    reserved = {"true", "false", "null", "NaN", "Infinity"}
    plain = value.isidentifier() and value not in reserved
    return value if plain else json.dumps(value)


def flatten(settings: Mapping[str, JsonValue], prefix: str = "") -> dict[str, str]:
    """Returns the texts of settings by name, nested ones under dotted names."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value_text(value)
    return flat


def traits_text(traits: Traits, names: Iterable[str] | None = None) -> str:
    """Returns "depth=2, tied=true", of all traits or of those in `names`."""
    kept = sorted(traits if names is None else set(names) & set(traits))
    return ", ".join(f"{name}={traits[name]}" for name in kept)


def differing(variants: Sequence[Traits]) -> set[str]:
    """Returns the names of traits that are not the same, or not there, in all."""
    names = {name for traits in variants for name in traits}
    return {name for name in names if len({t.get(name) for t in variants}) > 1}


def natural_key(text: str) -> list[tuple[int, float, str]]:
    """Returns a sort key that puts "length=20" before "length=100"."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text)
    return [
        (0, float(part), "") if index % 2 else (1, 0.0, part)
        for index, part in enumerate(parts)
    ]


def task_labels(runs: Sequence[Identified]) -> list[str]:
    """Returns one label per run: its task, with settings where variants differ."""
    return entrant_labels([run.identity.task for run in runs])


def contender_labels(runs: Sequence[Identified]) -> list[str]:
    """Returns one label per run: its model, settings and setup where they differ.

    All runs of one (contender, task) then share model, width and trainer, and only
    seeds are pooled.
    """
    models = entrant_labels([as_asked(run.identity.model) for run in runs])
    setups = [_setup_traits(run.identity) for run in runs]
    cells = _grouped(list(zip(models, task_labels(runs), strict=True)), setups)
    names: dict[str, set[str]] = defaultdict(set)
    for (model, _), variants in cells.items():
        names[model] |= _differing_setups(variants)
    return [
        _appended(
            model, traits_text({**_usual_setup(run.identity), **setup}, names[model])
        )
        for run, model, setup in zip(runs, models, setups, strict=True)
    ]


def _differing_setups(variants: Sequence[Traits]) -> set[str]:
    """Returns what tells setups apart: their trainers, and what differs under one.

    The settings of two trainers are not compared: their names say enough.
    """
    trainers = _grouped([variant["trainer"] for variant in variants], variants)
    names = set[str]().union(*map(differing, trainers.values()))
    return names | ({"trainer"} if len(trainers) > 1 else set())


def _setup_traits(identity: Identity) -> Traits:
    model, trainer = identity.model, identity.trainer
    named = {"trainer": trainer.name, "trainer version": trainer.version}
    named["width"] = str(identity.width)
    return {**flatten(trainer.settings), **_added(model.settings), **named}


def _usual_setup(identity: Identity) -> Traits:
    """Returns the defaults of a setup, shown where others differ from them."""
    model, trainer = identity.model, identity.trainer
    return {**flatten(trainer.defaults), **_added(model.defaults)}


def _added(settings: Mapping[str, JsonValue]) -> Traits:
    flat = flatten(settings)
    return {name: flat[name] for name in ADDED if name in flat}


def entrant_labels(entrants: Sequence[Entrant]) -> list[str]:
    """Returns one label per entrant: its name, with settings where variants differ."""
    traits = [{**flatten(e.settings), "version": e.version} for e in entrants]
    variants = _grouped([entrant.name for entrant in entrants], traits)
    names = {name: differing(group) for name, group in variants.items()}
    return [
        _appended(entrant.name, traits_text(_shown(entrant, own), names[entrant.name]))
        for entrant, own in zip(entrants, traits, strict=True)
    ]


def _shown(entrant: Entrant, traits: Traits) -> Traits:
    """Returns the traits with the defaults: what differs is shown where it is usual."""
    return {**flatten(entrant.defaults), **traits}


def _grouped(keys: Sequence[K], traits: Sequence[Traits]) -> dict[K, list[Traits]]:
    groups: dict[K, list[Traits]] = defaultdict(list)
    for key, own in zip(keys, traits, strict=True):
        groups[key].append(own)
    return groups


def _appended(name: str, text: str) -> str:
    if not text:
        return name
    return f"{name[:-1]}, {text})" if name.endswith(")") else f"{name} ({text})"
