"""The mathematics of a run that lowers the loss update by update, of one seed.

What an update is, a leaf says: a gradient through an optimizer (`gradient_steps`), or
the step of somebody's trainer (`iterative`). All else is the same for both: which rows,
when to look at the validation split, which weights are kept, when a run is over.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, Bool, Int, PyTree

from ..core.frozen import trainable
from ..core.types import Key, Scalar
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask, Rows
from .base import Build, Check, Figure, with_weights
from .batches import Draws, Order
from .flops import Work, work
from .objective import Tally, evaluate, selected_by


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


@dataclass(frozen=True, kw_only=True)
class AbstractDescent(abc.ABC):
    """A run as pure functions of one seed: start, check, evaluate.

    `scales` are the rates on trial, as parts of the highest one. Where `plateau` is
    given, updates shrink when the validation loss stays flat.
    """

    build: Build
    task: AbstractTask
    steps: int
    steps_per_check: int
    batch: int
    patience: int | None = None
    min_gain: float = 0.0
    plateau: Plateau | None = None
    scales: tuple[float, ...] = (1.0,)

    @abc.abstractmethod
    def init(self, params: PyTree) -> PyTree:
        """Returns what updates keep from one to the next, before the first."""

    @abc.abstractmethod
    def update(
        self, params: PyTree, optimizer: PyTree, state: Progress, rows: Any, keys: Draws
    ) -> tuple[PyTree, PyTree, Scalar, PyTree]:
        """Returns weights, what is kept, the batch's loss, and what `figures` reads."""

    @abc.abstractmethod
    def figures(self, found: PyTree) -> Mapping[str, Scalar]:
        """Returns figures of one update; the curve shows their mean over a check."""

    @abc.abstractmethod
    def figure_names(self, *update: Any) -> Sequence[str]:
        """Returns the names of those figures; `update` is what the first one gets."""

    @abc.abstractmethod
    def last_figures(self, state: Progress, step: Int[Array, ""]) -> dict[str, Figure]:
        """Returns what else the curve shows of a check whose last update is `step`."""

    @abc.abstractmethod
    def chosen(self, scale: Scalar) -> dict[str, Figure]:
        """Returns the settings that were on trial at such a scale."""

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
            optimizer=self.init(params),
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
            params, optimizer, losses, sums = carry
            params, optimizer, loss, found = self.update(
                params,
                optimizer,
                state,
                order.at(first + index),
                order.keys_at(first + index),
            )
            figures = self.figures(found)
            sums = {name: total + figures[name] for name, total in sums.items()}
            return params, optimizer, losses + loss, sums

        zero, begun = jnp.zeros(()), (state.params, state.optimizer)
        names = self.figure_names(*begun, state, order.at(first), order.keys_at(first))
        params, optimizer, losses, sums = jax.lax.fori_loop(
            0, count, update, (*begun, zero, dict.fromkeys(names, zero))
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
            figures=self.last_figures(state, first + count - 1)
            | {name: total / count.astype(float) for name, total in sums.items()},
            chosen=self.chosen(jnp.ones(())),
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
