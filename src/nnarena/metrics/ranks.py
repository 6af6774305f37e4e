"""Metrics of the order in which answers are put: positives first.

Of two classes the second is the positive one, and its lead over the first is what
answers are ordered by. Of more classes, and of labels, each is held against all others
by its own log-odds or logit, and the score is the mean over those that have
positives in the split, and for AUROC negatives too.
"""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..core.types import Classes, Labels, Outputs
from . import METRICS
from .answers import is_true
from .base import AbstractMetric, Mean


class Ranked(eqx.Module):
    """Answers to be put in order by their `marks`, of each class or label."""

    marks: Float[Array, "*examples answers classes"]
    positive: Bool[Array, "*examples answers classes"]
    counts: Bool[Array, "*examples answers"]


class Order(eqx.Module):
    """The answers of one class in ascending order; equal marks share a place.

    `positive` and `negative` are 1 where an answer is, 0 where it is not or does not
    count; `first` and `last` are the ends of the place that an answer shares.
    """

    positive: Int[Array, " answers"]
    negative: Int[Array, " answers"]
    first: Int[Array, " answers"]
    last: Int[Array, " answers"]

    def below(self, flags: Int[Array, " answers"]) -> Int[Array, " answers"]:
        """Returns how many flagged answers have lower marks than each answer."""
        return (jnp.cumsum(flags) - flags)[self.first]

    def up_to(self, flags: Int[Array, " answers"]) -> Int[Array, " answers"]:
        """Returns how many flagged answers have no higher marks than each answer."""
        return jnp.cumsum(flags)[self.last]

    def mean_of_positives(self, shares: Float[Array, " answers"]) -> Mean:
        """Returns the mean over positives, as one of as many means as exist: 0 or 1."""
        number = jnp.sum(self.positive)
        total = jnp.sum(shares, where=self.positive > 0)
        mean = total / jnp.maximum(number, 1).astype(shares.dtype)
        return Mean(mean, (number > 0).astype(shares.dtype))


@METRICS.register("AUROC", family="rank", source="hanley1982meaning")
class Auroc(AbstractMetric):
    """How often a positive is put before a negative; equal marks count one half."""

    judges: ClassVar = (Classes, Labels)
    collects: ClassVar = True
    outputs: Classes | Labels

    def statistics(self, answers, targets, counts):
        return _ranked(self.outputs, answers, targets, counts)

    def score(self, statistics):
        return _mean_over_classes(_area, statistics)


@METRICS.register("average precision", family="rank", source="davis2006relationship")
class AveragePrecision(AbstractMetric):
    """The precision at the mark of each positive, and their mean.

    The sum of precisions weighted by the steps in recall, without interpolation.
    """

    judges: ClassVar = (Classes, Labels)
    collects: ClassVar = True
    outputs: Classes | Labels

    def statistics(self, answers, targets, counts):
        return _ranked(self.outputs, answers, targets, counts)

    def score(self, statistics):
        return _mean_over_classes(_precision, statistics)


def _ranked(outputs: Outputs, answers: Array, targets: Array, counts: Array) -> Ranked:
    if isinstance(outputs, Labels):
        marks, positive = answers, is_true(targets)
    elif outputs.size == 2:
        marks = answers[..., 1:] - answers[..., :1]
        positive = targets[..., None] == 1
    else:
        marks = log_odds(answers)
        positive = jax.nn.one_hot(targets, outputs.size, dtype=bool)
    columns = marks.shape[-1]
    return Ranked(
        marks.reshape(-1, columns), positive.reshape(-1, columns), counts.reshape(-1)
    )


def log_odds(logits: Float[Array, "*answers classes"]) -> Array:
    """Returns log p / (1 - p) of each class, which orders answers as p does.

    In float32 all p near 1 are one number, and so are their logarithms; these are not.
    """
    top = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1], dtype=bool)
    others = jnp.where(top, -jnp.inf, logits)
    lead = logits - jax.nn.logsumexp(others, axis=-1, keepdims=True)
    logs = jax.nn.log_softmax(logits)
    # Up to 1/2 there may be two on top, whose odds have to be equal to the last bit.
    return jnp.where(logs > jnp.log(0.5), lead, logs - jnp.log1p(-jnp.exp(logs)))


def _mean_over_classes(function: Callable[[Order], Mean], found: Ranked) -> Mean:
    columns, counts = found.marks.shape[-1], found.counts.reshape(-1)

    def of_class(marks: Array, positive: Array) -> Mean:
        return function(_order(marks, positive, counts))

    parts = (found.marks.reshape(-1, columns), found.positive.reshape(-1, columns))
    return jax.tree.map(jnp.sum, jax.vmap(of_class, in_axes=1)(*parts))


def _order(marks: Array, positive: Array, counts: Array) -> Order:
    # What does not count stands below all others, where it is in nobody's way.
    marks = jnp.where(counts, marks, -jnp.inf)
    order = jnp.argsort(marks)
    steps = marks[order][1:] != marks[order][:-1]
    here = jnp.arange(marks.size)
    opens = jnp.concatenate([jnp.array([True]), steps])
    closes = jnp.concatenate([steps, jnp.array([True])])
    return Order(
        positive=(counts & positive)[order].astype(jnp.int32),
        negative=(counts & ~positive)[order].astype(jnp.int32),
        first=jax.lax.cummax(jnp.where(opens, here, 0)),
        last=jax.lax.cummin(jnp.where(closes, here, marks.size - 1), reverse=True),
    )


def _area(order: Order) -> Mean:
    """Without negatives there is no area, whatever the positives are."""
    negatives = jnp.sum(order.negative).astype(jnp.float32)
    beaten = order.below(order.negative) + order.up_to(order.negative)
    shares = beaten.astype(jnp.float32) / (2.0 * jnp.maximum(negatives, 1.0))
    found = order.mean_of_positives(shares)
    return Mean(found.total, jnp.where(negatives > 0, found.weight, 0.0))


def _precision(order: Order) -> Mean:
    def from_here_on(flags: Array) -> Array:
        return (jnp.sum(flags) - order.below(flags)).astype(jnp.float32)

    everybody = jnp.maximum(from_here_on(order.positive + order.negative), 1.0)
    return order.mean_of_positives(from_here_on(order.positive) / everybody)
