"""What training lowers: a mean over answers that count, weighted by their classes."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.scoring import LossName, Scoring
from ..core.types import Classes, Labels, Outputs, Values
from ..metrics.answers import (
    absolute_error,
    class_cross_entropy,
    is_true,
    label_cross_entropies,
    squared_error,
)
from ..metrics.base import Mean


LOSSES: dict[type, tuple[LossName, ...]] = {
    Classes: ("cross-entropy",),
    Labels: ("cross-entropy",),
    Values: ("squared error", "absolute error"),
}
"""The losses of each type of answers; the first is that of a task that names none."""


class Loss(eqx.Module):
    """The loss of answers that are such `outputs`.

    Classes: the cross-entropy of the logits. With weights the mean is the weighted one,
    each answer weighing as much as its right class. Labels: the mean over labels of the
    cross-entropy of each logit; weights multiply what positives cost. Values: the
    squared or absolute error, mean over outputs.

    Raises:
        ValueError: there is no such loss of these outputs, or no such weights.
    """

    outputs: Outputs
    name: LossName = eqx.field(static=True)
    weights: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(self, outputs: Outputs, scoring: Scoring | None = None):
        named = scoring.loss if scoring else None
        known = LOSSES[type(outputs)]
        self.outputs, self.name = outputs, named or known[0]
        self.weights = scoring.class_weights if scoring else None
        if self.name not in known:
            raise ValueError(
                f"the loss of {_named(outputs)} is {' or '.join(known)}, "
                f"not {self.name}"
            )
        _require_weights(self.weights, outputs)

    def sums(
        self,
        answers: Float[Array, "*answers outputs"],
        targets: Array,
        counts: Bool[Array, "*answers"],
    ) -> Mean:
        """Returns the sum over answers that count, and of their weights.

        An answer that is not finite makes the sum NaN if it counts: infinite logits may
        be right.
        """
        losses = self._of_answers(answers, targets)
        finite = jnp.all(jnp.isfinite(answers), axis=-1)
        defect = jnp.where(jnp.all(finite, where=counts), 0.0, jnp.nan)
        if self.weights is None or not isinstance(self.outputs, Classes):
            weight = jnp.sum(counts, dtype=losses.dtype)
        else:
            weights = jnp.array(self.weights, losses.dtype)[targets]
            losses = weights * losses
            weight = jnp.sum(weights, where=counts)
        total = jnp.sum(losses, where=counts) + defect.astype(losses.dtype)
        return Mean(total, weight)

    def _of_answers(self, answers: Array, targets: Array) -> Array:
        if isinstance(self.outputs, Classes):
            return class_cross_entropy(answers, targets)
        if isinstance(self.outputs, Values):
            error = squared_error if self.name == "squared error" else absolute_error
            return error(answers, targets)
        losses = label_cross_entropies(answers, targets)
        if self.weights is not None:
            weights = jnp.broadcast_to(
                jnp.array(self.weights, losses.dtype), losses.shape
            )
            losses = jnp.where(is_true(targets), weights * losses, losses)
        return jnp.mean(losses, axis=-1)


def _require_weights(weights: tuple[float, ...] | None, outputs: Outputs) -> None:
    if weights is None:
        return
    if isinstance(outputs, Values):
        raise ValueError("values have no classes, so no class weights")
    if len(weights) != outputs.size:
        raise ValueError(
            f"{outputs.size} {_named(outputs)} need as many class weights, "
            f"not {len(weights)}"
        )


def _named(outputs: Outputs) -> str:
    return type(outputs).__name__.lower()
