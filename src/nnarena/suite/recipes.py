"""Which trainer a contender of a suite has, and with which settings."""

from collections.abc import Mapping
from typing import Any

from ..core.problems import CannotPlay
from ..models import MODELS
from ..runs.record import Entrant
from ..training import TRAINERS
from ..training.base import AbstractTrainer
from .config import ModelChoice, Suite
from .entrants import entrant


USUAL = "gradient_descent"
"""The trainer of a suite that names none."""


class CannotTrain(CannotPlay):
    """A contender that its trainer rules out; the message is the reason."""

    def __init__(self, trainer: Entrant, reason: str):
        super().__init__(f"{trainer.name} cannot train it: {reason}")
        self.trainer = trainer


def make_trainer(name: str, settings: Mapping[str, Any]) -> AbstractTrainer:
    """Returns the trainer of a name and its settings.

    Raises:
        UnknownName: no trainer carries the name.
        ValueError: it has no such setting, or not that value.
    """
    entry = TRAINERS[name]
    try:
        return entry.make(**entry.settings(settings))
    except ValueError as error:
        raise ValueError(f"trainer {error}") from error


def suite_recipe(suite: Suite) -> Entrant:
    """Returns the trainer of a suite, as its `[trainer]` says.

    Raises:
        UnknownName: no trainer carries the name.
        ValueError: it has no such setting, or not that value.
    """
    return _recipe(*_named(suite.trainer, USUAL))


def recipe_of(suite: Suite, model: ModelChoice) -> Entrant:
    """Returns the trainer of a contender of a suite.

    The suite's entry of the contender decides, else the model, which may be made for
    one, else the suite. A trainer that is not the suite's takes over those of the
    suite's settings that it has too, such as `steps` and `batch`, so that all
    contenders see as many examples; what its own entry says goes before.

    Raises:
        UnknownName: no trainer carries the name.
        ValueError: it has no such setting, or not that value.
    """
    usual, common = _named(suite.trainer, USUAL)
    name, own = _named(model.trainer, MODELS[model.name].trainer or usual)
    if name != usual:
        common = common_settings(name, common)
    return _recipe(name, {**common, **own})


def common_settings(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those settings of another trainer that the one of a name has too.

    Raises:
        UnknownName: no trainer carries the name.
    """
    known = TRAINERS[name].defaults
    return {key: value for key, value in given.items() if key in known}


def _named(table: Mapping[str, Any], otherwise: str) -> tuple[str, dict[str, Any]]:
    """Returns the name in a table, and its other entries."""
    rest = {key: value for key, value in table.items() if key != "name"}
    return table.get("name", otherwise), rest


def _recipe(name: str, given: Mapping[str, Any]) -> Entrant:
    """Returns a trainer with its settings as the trainer itself reads them."""
    entry, trainer = TRAINERS[name], make_trainer(name, given)
    return entrant(entry, {key: getattr(trainer, key) for key in entry.defaults})
