"""Updates by gradients, through an optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PyTree

from ..core.types import Key, Scalar
from ..models.base import AbstractModel
from ..nn.trace import Nudges, Trace
from .base import Figure
from .batches import Draws
from .descent import AbstractDescent, Progress
from .flow import AbstractFlowPenalty, flows, penalty_of_batch, still
from .objective import batch_loss, example_of, watched_loss
from .penalties import AbstractPenalty


PENALIZING = 2**31
"""By which keys of penalties differ from those that a model makes of its own key."""


@dataclass(frozen=True, kw_only=True)
class GradientSteps(AbstractDescent):
    """A run by gradient descent.

    `rate` is the learning rate that `optimizer` follows, the highest one on trial;
    `penalties` are what is added to the loss, at which strength, `flow_penalties` those
    on how its gradient flows through states.
    """

    optimizer: optax.GradientTransformation
    rate: Callable[[Int[Array, ""]], Scalar]
    highest_rate: float
    penalties: tuple[tuple[AbstractPenalty, float], ...] = ()
    flow_penalties: tuple[tuple[AbstractFlowPenalty, float], ...] = ()

    def init(self, params):
        return self.optimizer.init(params)

    def _loss(
        self,
        params: PyTree,
        state: Progress,
        rows: Any,
        keys: Draws,
        nudges: Nudges | None = None,
    ) -> tuple[Scalar, tuple[Scalar, Trace | None]]:
        """Returns what is lowered, and of that the task's own loss; and what was done.

        The traces are those of examples with such nudges, None without.
        """
        model, traces = self._in_training(params, state), None
        if nudges is None:
            loss = batch_loss(model, self.task, rows, keys=keys)
        else:
            loss, traces = watched_loss(model, self.task, rows, nudges, keys=keys)
        if not self.penalties:
            return loss, (loss, traces)
        penalized = jax.vmap(lambda row, key: self._penalty(model, row, key))(
            rows, keys
        )
        return loss + jnp.mean(penalized), (loss, traces)

    def _in_training(self, params: PyTree, state: Progress) -> AbstractModel:
        """Returns the model as this update trains it."""
        return self.model(params, state.constants).at_update(state.step)

    def _penalty(self, model: AbstractModel, row: Any, key: Key) -> Scalar:
        """Returns the sum of the penalties on the example of one row."""
        example, total = example_of(self.task, row), jnp.zeros(())
        for index, (penalty, strength) in enumerate(self.penalties):
            own_key = jax.random.fold_in(key, PENALIZING + index)
            total = total + strength * penalty(model, example, key=own_key)
        return total

    def update(self, params, optimizer, state: Progress, rows, keys):
        """One update: loss and gradient of a batch, clipped, through the optimizer."""
        found = self._watched if self.flow_penalties else self._plain
        loss, gradients = found(params, state, rows, keys)
        # optax's Adam raises a float to an integer power, which strict promotion bars.
        with jax.numpy_dtype_promotion("standard"):
            updates, optimizer = self.optimizer.update(gradients, optimizer, params)
        # Updates are proportional to the rate: one program serves every rate.
        updates = optax.tree.scale(state.rate_scale, updates)
        return optax.apply_updates(params, updates), optimizer, loss, gradients

    def _plain(self, *at: Any) -> tuple[Scalar, PyTree]:
        """Returns the loss of a batch, and the gradient of what is lowered."""
        (_, (loss, _)), gradients = jax.value_and_grad(self._loss, has_aux=True)(*at)
        return loss, gradients

    def _watched(
        self, params: PyTree, state: Progress, rows: Any, keys: Draws
    ) -> tuple[Scalar, PyTree]:
        """Returns the same with that of penalties on how the gradient flows."""
        model, task = self._in_training(params, state), self.task
        nudges = jax.vmap(lambda row: still(model, example_of(task, row)))(rows)
        (_, (loss, traces)), (gradients, felt) = jax.value_and_grad(
            self._loss, argnums=(0, 4), has_aux=True
        )(params, state, rows, keys, nudges)
        seen = jax.vmap(lambda *done: flows(model, *done))(traces, felt)

        def penalty(params: PyTree) -> Scalar:
            model = self._in_training(params, state)
            return penalty_of_batch(self.flow_penalties, model, seen)

        return loss, optax.tree.add(gradients, jax.grad(penalty)(params))

    def figures(self, found):
        # Not in `update`, whose work is counted.
        return {"gradient_norm": optax.tree.norm(found)}

    def figure_names(self, *update):
        return ("gradient_norm",)

    def last_figures(self, state, step) -> dict[str, Figure]:
        return {"learning_rate": self.rate(step) * state.rate_scale}

    def chosen(self, scale) -> dict[str, Figure]:
        return {"learning_rate": self.highest_rate * scale}
