"""Metrics that are means: over answers, or over examples."""

import math
from typing import ClassVar

import jax.numpy as jnp

from ..core.types import Classes, Labels, Values
from . import METRICS
from .answers import (
    absolute_error,
    class_cross_entropy,
    label_cross_entropies,
    right_classes,
    right_labels,
    squared_error,
)
from .base import AbstractMean, AbstractMetric, Mean


@METRICS.register("accuracy", family="share", source="bishop2006pattern")
class Accuracy(AbstractMean):
    """The share of right answers; of labels the share of right labels."""

    judges: ClassVar = (Classes, Labels)
    outputs: Classes | Labels

    def of_answers(self, answers, targets):
        if isinstance(self.outputs, Classes):
            return right_classes(answers, targets).astype(answers.dtype)
        return jnp.mean(right_labels(answers, targets).astype(answers.dtype), axis=-1)


@METRICS.register("mean squared error", family="error", source="bishop2006pattern")
class MeanSquaredError(AbstractMean):
    """The squared error, mean over outputs and answers."""

    judges: ClassVar = (Values,)
    outputs: Values

    def of_answers(self, answers, targets):
        return squared_error(answers, targets)


@METRICS.register("mean absolute error", family="error", source="bishop2006pattern")
class MeanAbsoluteError(AbstractMean):
    """The absolute error, mean over outputs and answers."""

    judges: ClassVar = (Values,)
    outputs: Values

    def of_answers(self, answers, targets):
        return absolute_error(answers, targets)


@METRICS.register(
    "negative log-likelihood in nats", family="likelihood", source="bishop2006pattern"
)
class Nats(AbstractMean):
    """What the right answer is short of certain, by the natural logarithm.

    The logits of classes are those of one draw, those of labels of independent ones,
    whose log-likelihoods add up.
    """

    judges: ClassVar = (Classes, Labels)
    likelihood: ClassVar = True
    outputs: Classes | Labels

    def of_answers(self, answers, targets):
        return _nats(self.outputs, answers, targets)


@METRICS.register(
    "negative log-likelihood in bits", family="likelihood", source="bishop2006pattern"
)
class Bits(AbstractMean):
    """What the right answer is short of certain, by the logarithm to the base 2."""

    judges: ClassVar = (Classes, Labels)
    likelihood: ClassVar = True
    outputs: Classes | Labels

    def of_answers(self, answers, targets):
        return _nats(self.outputs, answers, targets) / math.log(2)


@METRICS.register("exact match", family="share", source="rajpurkar2016squad")
class ExactMatch(AbstractMetric):
    """The share of examples whose answers are all right, each with all its labels."""

    judges: ClassVar = (Classes, Labels)
    outputs: Classes | Labels

    def statistics(self, answers, targets, counts):
        if isinstance(self.outputs, Classes):
            right = right_classes(answers, targets)
        else:
            right = jnp.all(right_labels(answers, targets), axis=-1)
        all_right = jnp.all(right, where=counts) & jnp.any(counts)
        return _of_example(all_right.astype(answers.dtype), counts)

    def score(self, statistics):
        return statistics


@METRICS.register("wrong bits per sequence", family="error", source="graves2014neural")
class WrongBits(AbstractMetric):
    """How many labels of all answers of an example are wrong."""

    judges: ClassVar = (Labels,)
    outputs: Labels

    def statistics(self, answers, targets, counts):
        wrong = jnp.sum(~right_labels(answers, targets), axis=-1, dtype=answers.dtype)
        return _of_example(jnp.sum(wrong, where=counts), counts)

    def score(self, statistics):
        return statistics


def _nats(outputs, answers, targets):
    if isinstance(outputs, Classes):
        return class_cross_entropy(answers, targets)
    return jnp.sum(label_cross_entropies(answers, targets), axis=-1)


def _of_example(total, counts) -> Mean:
    """Returns a figure of an example, which counts once if any of its answers does."""
    return Mean(total, jnp.any(counts).astype(total.dtype))
