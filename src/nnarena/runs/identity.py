"""What was run: the part of a record whose hash is the run's key."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..core.numbers import Count, Word


class Part(BaseModel):
    """Base of all parts: immutable, every number finite, nothing unknown accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Entrant(Part):
    """A model, task or trainer: its name, its version and all its settings.

    `settings` are those that the key is made of: the ones that differ from what a run
    without any settings did at first (`Entry.baseline`). `defaults` are the others as
    they were when the run was planned; no key depends on them.
    """

    name: Word
    version: Word
    settings: dict[Word, JsonValue] = Field(default_factory=dict)
    defaults: dict[Word, JsonValue] = Field(default_factory=dict)

    @property
    def all_settings(self) -> dict[str, JsonValue]:
        """Every setting that is known of the run."""
        return {**self.defaults, **self.settings}


def entrant_of(
    name: str,
    version: str,
    settings: Mapping[str, Any],
    baseline: Mapping[str, Any],
) -> Entrant:
    """Returns an entrant whose settings are told apart from those of its baseline.

    Values are what JSON makes of them, so that a record read back is equal.
    """
    found, usual = (json.loads(json.dumps(dict(x))) for x in (settings, baseline))
    alike = {key for key in found if key in usual and _same(found[key], usual[key])}
    return Entrant(
        name=name,
        version=version,
        settings={key: value for key, value in found.items() if key not in alike},
        defaults={key: value for key, value in found.items() if key in alike},
    )


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two settings are equal; true is not 1, though Python says so."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class Identity(Part):
    """Everything that decides a run's result, and nothing else."""

    model: Entrant
    width: Count
    task: Entrant
    trainer: Entrant
    seed: Count

    @property
    def key(self) -> str:
        """The hash that names the run's files: 20 hexadecimal digits."""
        without = {part: {"defaults"} for part in ("model", "task", "trainer")}
        content = self.model_dump(mode="json", exclude=without)
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def label(self) -> str:
        """A short name for people: "lstm on add, seed 0"."""
        return f"{self.model.name} on {self.task.name}, seed {self.seed}"
