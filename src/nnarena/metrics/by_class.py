"""Metrics of decisions, class by class."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..core.types import Classes, Labels
from . import METRICS
from .answers import is_true
from .base import AbstractMetric, Mean


class Decisions(eqx.Module):
    """How often each class or label was answered, was true, and was both."""

    answered: Int[Array, "*examples classes"]
    true: Int[Array, "*examples classes"]
    both: Int[Array, "*examples classes"]


@METRICS.register("macro F1", family="decision", source="opitz2019macro")
class MacroF1(AbstractMetric):
    """F1 = 2 both / (answered + true) of each class, and their mean.

    A class that is neither answered nor true in the whole split is left out.
    """

    judges: ClassVar = (Classes, Labels)
    outputs: Classes | Labels

    def statistics(self, answers, targets, counts):
        size = self.outputs.size
        if isinstance(self.outputs, Classes):
            said = jax.nn.one_hot(jnp.argmax(answers, axis=-1), size, dtype=bool)
            true = jax.nn.one_hot(targets, size, dtype=bool)
        else:
            said, true = answers > 0, is_true(targets)
        flat = counts.reshape(-1, 1)

        def count(flags: Array) -> Array:
            return jnp.sum(flags.reshape(-1, size) & flat, axis=0, dtype=jnp.int32)

        return Decisions(count(said), count(true), count(said & true))

    def score(self, statistics):
        either = (statistics.answered + statistics.true).astype(jnp.float32)
        there = either > 0
        f1 = 2.0 * statistics.both.astype(jnp.float32) / jnp.where(there, either, 1.0)
        return Mean(jnp.sum(f1), jnp.sum(there, dtype=jnp.float32))
