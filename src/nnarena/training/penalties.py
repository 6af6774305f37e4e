"""What is added to the loss in training beside the task's own: penalties by name.

    @nnarena.PENALTIES.register("quiet", family="penalty", source="my thesis")
    class Quiet(nnarena.AbstractPenalty):
        def __call__(self, model, example, *, key):
            return jnp.mean(jnp.abs(model.hidden(example.question)))

A suite gives their strengths: `[trainer] penalties = {quiet = 0.1}`.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..core.frozen import trainable
from ..core.numbers import NotNegative
from ..core.registry import Entry
from ..core.roles import roles
from ..core.types import Example, Key, Scalar
from ..models.base import AbstractModel
from . import PENALTIES


class AbstractPenalty(eqx.Module):
    """A number that training lowers beside the loss; its constructor takes nothing."""

    @abc.abstractmethod
    def __call__(self, model: AbstractModel, example: Example, *, key: Key) -> Scalar:
        """Returns the penalty of a model on one example.

        `key` is another one for each example and step; what a model draws with it is
        not what it draws for its answer.
        """


@PENALTIES.register("l1", family="penalty", source="tibshirani1996regression")
class L1(AbstractPenalty):
    """The sum of the sizes of all weights on which decay acts (`core.roles`)."""

    def __call__(self, model, example, *, key):
        del example, key  # a function of the weights alone
        free = eqx.filter(model, trainable(model))
        found = jax.tree.map(
            lambda role, weight: jnp.sum(jnp.abs(weight)) if role.decay else None,
            roles(free),
            free,
        )
        return sum(jax.tree.leaves(found), jnp.zeros(()))


def as_strengths(given: Mapping[str, NotNegative] | None) -> dict[str, float] | None:
    """Returns the strengths of penalties by name; None where there are none."""
    return {name: float(strength) for name, strength in (given or {}).items()} or None


def penalties_of(settings: Mapping[str, Any]) -> Sequence[Entry]:
    """Returns the penalties that settings of a trainer name."""
    return [PENALTIES[name] for name in settings.get("penalties") or {}]
