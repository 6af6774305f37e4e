"""The mathematics of a run by gradient descent, of one seed at one rate."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, Bool, Int, PyTree

from ..core.frozen import trainable
from ..core.types import Key, Scalar
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask, Rows
from .base import Build, Check, with_weights
from .batches import Draws, Order
from .flops import Work, work
from .objective import Tally, batch_loss, evaluate, example_of, selected_by
from .penalties import AbstractPenalty


PENALIZING = 2**31
"""By which keys of penalties differ from those that a model makes of its own key."""


class Progress(eqx.Module):
    """The state of a run between two checks.

    `constants` are arrays of the model that are not trained: wirings, masks, indices,
    and what is frozen.
    `best_loss` is the least that `selected_by` found. `bar` is what the next must lie
    `min_gain` below to count as a gain, `stale_checks` how many checks had none.
    Updates are `rate_scale` times those of the highest learning rate: by the rate on
    trial and the plateaus so far.
    """

    params: PyTree
    constants: PyTree
    optimizer: PyTree
    best_params: PyTree
    best_loss: Scalar
    best_step: Int[Array, ""]
    step: Int[Array, ""]
    bar: Scalar
    stale_checks: Int[Array, ""]
    rate_scale: Scalar
    stopped: Bool[Array, ""]
    diverged: Bool[Array, ""]


@dataclass(frozen=True)
class Plateau:
    """The rate is multiplied by `factor` at every `checks` checks without a gain."""

    checks: int
    factor: float


@dataclass(frozen=True)
class Descent:
    """A run as pure functions of one seed: start, check, evaluate.

    `rate` is the learning rate that `optimizer` follows, the highest one on trial;
    `scales` are the rates on trial as parts of it, `penalties` what is added to the
    loss, at which strength. Where `plateau` is given, updates
    shrink when the validation loss stays flat.
    """

    build: Build
    task: AbstractTask
    optimizer: optax.GradientTransformation
    rate: Callable[[Int[Array, ""]], Scalar]
    steps: int
    steps_per_check: int
    batch: int
    patience: int | None
    min_gain: float
    plateau: Plateau | None
    highest_rate: float
    scales: tuple[float, ...]
    penalties: tuple[tuple[AbstractPenalty, float], ...] = ()

    def model(self, params: PyTree, constants: PyTree) -> AbstractModel:
        """Returns the model with these weights and constants."""
        return with_weights(self.build, eqx.combine(params, constants))

    def start(self, init_key: Key) -> Progress:
        """Returns the state before the first update, at the first rate."""
        return self.begin(*self._initial(init_key), jnp.array(self.scales[0]))

    def start_all(self, init_key: Key) -> Progress:
        """Returns that state at every rate, as the leading axis, of the same start."""
        begin = jax.vmap(self.begin, in_axes=(None, None, 0))
        return begin(*self._initial(init_key), jnp.array(self.scales))

    def _initial(self, init_key: Key) -> tuple[PyTree, PyTree]:
        arrays = eqx.filter(self.build(init_key), eqx.is_array)
        return eqx.partition(arrays, trainable(arrays))

    def begin(self, params: PyTree, constants: PyTree, scale: Scalar) -> Progress:
        """Returns the state before the first update of these weights."""
        return Progress(
            params=params,
            constants=constants,
            optimizer=self.optimizer.init(params),
            best_params=params,
            best_loss=jnp.array(jnp.inf),
            best_step=jnp.array(0),
            step=jnp.array(0),
            bar=jnp.array(jnp.inf),
            stale_checks=jnp.array(0),
            rate_scale=scale,
            stopped=jnp.array(False),
            diverged=jnp.array(False),
        )

    def _loss(
        self, params: PyTree, constants: PyTree, rows: Any, keys: Draws
    ) -> tuple[Scalar, Scalar]:
        """Returns what is lowered, and of that the task's own loss."""
        model = self.model(params, constants)
        loss = batch_loss(model, self.task, rows, keys=keys)
        if not self.penalties:
            return loss, loss
        penalized = jax.vmap(lambda row, key: self._penalty(model, row, key))(
            rows, keys
        )
        return loss + jnp.mean(penalized), loss

    def _penalty(self, model: AbstractModel, row: Any, key: Key) -> Scalar:
        """Returns the sum of the penalties on the example of one row."""
        example, total = example_of(self.task, row), jnp.zeros(())
        for index, (penalty, strength) in enumerate(self.penalties):
            own_key = jax.random.fold_in(key, PENALIZING + index)
            total = total + strength * penalty(model, example, key=own_key)
        return total

    def update(
        self, params: PyTree, optimizer: PyTree, state: Progress, rows: Any, keys: Draws
    ):
        """One update: loss and gradient of a batch, clipped, through the optimizer."""
        (_, loss), gradients = jax.value_and_grad(self._loss, has_aux=True)(
            params, state.constants, rows, keys
        )
        # optax's Adam raises a float to an integer power, which strict promotion bars.
        with jax.numpy_dtype_promotion("standard"):
            updates, optimizer = self.optimizer.update(gradients, optimizer, params)
        # Updates are proportional to the rate: one program serves every rate.
        updates = optax.tree.scale(state.rate_scale, updates)
        return optax.apply_updates(params, updates), optimizer, loss, gradients

    def check(
        self,
        state: Progress,
        first: Int[Array, ""],
        count: Int[Array, ""],
        train: Rows | None,
        validation: Rows,
        data_key: Key,
    ) -> tuple[Progress, Check]:
        """`count` updates from step `first` on, then a look at the validation split."""
        order = Order(
            train,
            first=first,
            span=self.steps_per_check,
            batch=self.batch,
            key=data_key,
        )

        def update(index, carry):
            params, optimizer, losses, norms = carry
            params, optimizer, loss, gradients = self.update(
                params,
                optimizer,
                state,
                order.at(first + index),
                order.keys_at(first + index),
            )
            norm = optax.tree.norm(gradients)
            return params, optimizer, losses + loss, norms + norm

        zero = jnp.zeros(())
        params, optimizer, losses, norms = jax.lax.fori_loop(
            0, count, update, (state.params, state.optimizer, zero, zero)
        )
        seen = self.evaluate(params, state.constants, validation)
        check = Check(
            step=first + count,
            train_loss=losses / count.astype(losses.dtype),
            validation_loss=seen.mean_loss,
            validation_score=seen.mean_score,
            best_step=state.best_step,
            stopped=state.stopped,
            diverged=state.diverged,
            figures={
                "learning_rate": self.rate(first + count - 1) * state.rate_scale,
                "gradient_norm": norms / count.astype(norms.dtype),
            },
            chosen={"learning_rate": jnp.full((), self.highest_rate)},
        )
        return self._judge(state, params, optimizer, check)

    def evaluate(self, params: PyTree, constants: PyTree, rows: Rows) -> Tally:
        """Returns the tally of weights on a split."""
        model = self.model(params, constants)
        return evaluate(model, self.task, rows, batch=max(self.batch, 64))

    def _judge(
        self,
        state: Progress,
        params: PyTree,
        optimizer: PyTree,
        check: Check,
    ) -> tuple[Progress, Check]:
        """Keeps the best weights and decides whether the run goes on."""
        step, score = jnp.asarray(check.step), jnp.asarray(check.validation_score)
        loss = selected_by(self.task, jnp.asarray(check.validation_loss), score)
        finite = jnp.isfinite(check.train_loss + check.validation_loss + score)
        better = finite & (loss < state.best_loss)
        gained = finite & (loss < state.bar - self.min_gain)
        stale = jnp.where(gained, 0, state.stale_checks + 1)
        patience = self.patience
        tired = False if patience is None else stale >= patience
        following = Progress(
            params=params,
            constants=state.constants,
            optimizer=optimizer,
            best_params=choose(better, params, state.best_params),
            best_loss=jnp.where(better, loss, state.best_loss),
            best_step=jnp.where(better, step, state.best_step),
            step=step,
            bar=jnp.where(gained, loss, state.bar),
            stale_checks=stale,
            rate_scale=self._rescaled(state.rate_scale, stale),
            stopped=tired | ~finite | (step >= self.steps),
            diverged=~finite,
        )
        # Beside other seeds a stopped one goes on being computed, but nothing changes.
        kept = choose(state.stopped, state, following)
        said = replace(
            check,
            step=kept.step,
            best_step=kept.best_step,
            stopped=kept.stopped,
            diverged=kept.diverged,
        )
        return kept, said

    def _rescaled(self, scale: Scalar, stale: Int[Array, ""]) -> Scalar:
        """Returns what is left of the learning rate after so many flat checks."""
        if self.plateau is None:
            return scale
        flat = (stale > 0) & (stale % self.plateau.checks == 0)
        return jnp.where(flat, self.plateau.factor * scale, scale)

    def step_work(self, train: Rows | None) -> Work:
        """Returns the work of one update, from its trace; nothing is run."""
        return work(self.trace_step(train))

    def trace_step(self, train: Rows | None) -> ClosedJaxpr:
        """Returns the trace of one update."""
        key, zero = jax.random.key(0), jnp.array(0)
        shapes = jax.eval_shape(self.start, key)

        def batch(train):
            order = Order(train, first=zero, span=1, batch=self.batch, key=key)
            return order.at(zero), order.keys_at(zero)

        rows, keys = jax.eval_shape(batch, train)
        return jax.make_jaxpr(self.update)(
            shapes.params, shapes.optimizer, shapes, rows, keys
        )


def choose(
    condition: Bool[Array | np.ndarray, "*seeds"], yes: PyTree, no: PyTree
) -> PyTree:
    """Returns one tree or the other, or of each seed one or the other.

    An array of numpy stays one, of its own precision.
    """

    def of(a: Any, b: Any) -> Any:
        extra = a.ndim - condition.ndim
        where = np.where if isinstance(a, np.ndarray) else jnp.where
        return where(condition.reshape(condition.shape + (1,) * extra), a, b)

    return jax.tree.map(of, yes, no)


def count_of(steps: Int[Array, "..."]) -> int:
    """Returns a count; of several seeds that of those that went furthest.

    A state that is cut into its seeds' checkpoints has such a count for each of them.
    """
    return int(jnp.max(steps))
