"""What a metric is: statistics of ONE example, and the score of a whole split.

    example 1 ─ statistics ┐
    example 2 ─ statistics ┼─ added up, or one after another ─ score
    example 3 ─ statistics ┘

Most metrics are means over answers, and their statistics are a sum and a count
(`AbstractMean`). A ranking has no such sum: its statistics are the answers themselves.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..core.types import Outputs


class Mean(eqx.Module):
    """A sum, and the weight that it is to be divided by. Scalars, or one per seed."""

    total: Float[Array, "*seeds"]
    weight: Float[Array, "*seeds"]

    @property
    def value(self) -> Float[Array, "*seeds"]:
        return self.total / self.weight


class AbstractMetric(eqx.Module):
    """A metric of answers that are such `outputs`.

    `judges` are the types of outputs that it can score. With `collects` its score is a
    function of the answers of all examples, whose statistics then get a leading axis;
    else they are added up. Of generated answers it gets those that a model gives when
    it is fed its own; a `likelihood` those that it gives after the right ones.

    Answers that are not finite need no care: a split that has one has no score.
    """

    judges: ClassVar[tuple[type, ...]]
    collects: ClassVar[bool] = False
    likelihood: ClassVar[bool] = False
    outputs: eqx.AbstractVar[Outputs]

    @abc.abstractmethod
    def statistics(
        self,
        answers: Float[Array, "*answers outputs"],
        targets: Array,
        counts: Bool[Array, "*answers"],
    ) -> PyTree[Array]:
        """Returns what the score needs to know of one example.

        Args:
            answers: one, or one per step; logits where they are classes or labels.
            targets: right answers: whole numbers `(*answers,)` for classes, numbers
                `(*answers, outputs)` for values, 0 or 1 for labels.
            counts: which answers are judged.
        """

    @abc.abstractmethod
    def score(self, statistics: PyTree[Array]) -> Mean:
        """Returns the score of a split, as what it is a mean of.

        A score other than a mean has weight 1; one that does not exist has weight 0.
        """


class AbstractMean(AbstractMetric):
    """A metric that is a mean over all answers that count."""

    @abc.abstractmethod
    def of_answers(
        self, answers: Float[Array, "*answers outputs"], targets: Array
    ) -> Float[Array, "*answers"]:
        """Returns the score of each answer, whether it counts or not."""

    def statistics(
        self,
        answers: Float[Array, "*answers outputs"],
        targets: Array,
        counts: Bool[Array, "*answers"],
    ) -> Mean:
        """Returns the sum over answers that count, and how many do."""
        scores = self.of_answers(answers, targets)
        return Mean(
            total=jnp.sum(scores, where=counts),
            weight=jnp.sum(counts, dtype=scores.dtype),
        )

    def score(self, statistics: Mean) -> Mean:
        """Returns the sums of the split."""
        return statistics


def merged(metric: AbstractMetric, statistics: PyTree[Array]) -> PyTree[Array]:
    """Returns the statistics of a split from those of examples, or of other splits.

    Args:
        metric: whose they are.
        statistics: with a leading axis of examples.
    """
    if metric.collects:
        return statistics
    return jax.tree.map(
        lambda leaf: jnp.sum(leaf, axis=0, dtype=leaf.dtype), statistics
    )
