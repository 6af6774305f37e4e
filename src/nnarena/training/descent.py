"""The mathematics of a run that lowers the loss update by update, of one seed.

What an update is, a leaf says: a gradient through an optimizer (`gradient_steps`), or
the step of a user's trainer (`iterative`). All else is the same for both: which rows,
when to look at the validation split, which weights are kept, when a run is over.
"""

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, Bool, Int, PyTree

from ..core.compiling import traced_once
from ..core.frozen import trainable
from ..core.seeds import key_shape
from ..core.types import Key, Scalar
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask, Rows
from .base import Build, Check, Figure, skeleton
from .batches import Draws, Order
from .compiling import Compiled
from .flops import Work, work
from .objective import Tally, evaluate, selected_by
from .states import choose


class Progress(eqx.Module):
    """The state of a run between two checks.

    `constants` are arrays of the model that are not trained: wirings, masks, indices,
    and what is frozen.
    `best_loss` is the least that `selected_by` found. `bar` is what the next must lie
    `min_gain` below to count as a gain, `stale_checks` how many checks had none.
    Updates are `rate_scale` times those of the highest learning rate: by the rate on
    trial and the plateaus so far. In an update, `step` is the number of it.
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


class Trained(eqx.Module):
    """What the updates of a check come to: weights, and means over the updates."""

    params: PyTree
    optimizer: PyTree
    step: Int[Array, ""]
    loss: Scalar
    figures: dict[str, Figure]


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
    compiled: Compiled = "well"

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
        return eqx.combine(params, constants, self._skeleton)

    @cached_property
    def _skeleton(self) -> PyTree:
        return skeleton(self.build)

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

    @cached_property
    def _update(self) -> Callable[..., Any]:
        # What its work is and who sums in it is read from the trace that is compiled.
        return traced_once(self.update)

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
        trained = self.train(state, first, count, train, data_key)
        seen = self.evaluate(trained.params, state.constants, validation)
        return self.judge(state, trained, seen)

    def train(
        self,
        state: Progress,
        first: Int[Array, ""],
        count: Int[Array, ""],
        train: Rows | None,
        data_key: Key,
    ) -> Trained:
        """Returns what `count` updates from step `first` on come to."""
        span, batch = self.steps_per_check, self.batch
        order = Order(train, first=first, span=span, batch=batch, key=data_key)

        def update(index, carry):
            params, optimizer, losses, sums = carry
            params, optimizer, loss, found = self._update(
                params,
                optimizer,
                eqx.tree_at(lambda state: state.step, state, first + index),
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
        return Trained(
            params=params,
            optimizer=optimizer,
            step=first + count,
            loss=losses / count.astype(losses.dtype),
            figures=self.last_figures(state, first + count - 1)
            | {name: total / count.astype(float) for name, total in sums.items()},
        )

    @property
    def rows_at_once(self) -> int:
        """About how many held-out rows are answered at a time."""
        return max(self.batch, 64)

    def evaluate(self, params: PyTree, constants: PyTree, rows: Rows) -> Tally:
        """Returns the loss and the score of weights on a held-out split."""
        model = self.model(params, constants)
        return evaluate(model, self.task, rows, batch=self.rows_at_once)

    def judge(
        self, state: Progress, trained: Trained, seen: Tally
    ) -> tuple[Progress, Check]:
        """Keeps the best weights; decides by the validation split whether to go on."""
        check = Check(
            step=trained.step,
            train_loss=trained.loss,
            validation_loss=seen.mean_loss,
            validation_score=seen.mean_score,
            best_step=state.best_step,
            stopped=state.stopped,
            diverged=state.diverged,
            figures=trained.figures,
            chosen=self.chosen(jnp.ones(())),
        )
        following = self._following(state, trained, check)
        # Beside other seeds a stopped one goes on being computed, but nothing changes.
        kept = choose(state.stopped, state, following)
        told = ("step", "best_step", "stopped", "diverged")
        return kept, replace(check, **{name: getattr(kept, name) for name in told})

    def _following(self, state: Progress, trained: Trained, check: Check) -> Progress:
        """Returns the state after a check of a run that had not stopped before."""
        step, score = jnp.asarray(check.step), jnp.asarray(check.validation_score)
        loss = selected_by(self.task, jnp.asarray(check.validation_loss), score)
        finite = jnp.isfinite(check.train_loss + check.validation_loss + score)
        better = finite & (loss < state.best_loss)
        gained = finite & (loss < state.bar - self.min_gain)
        stale = jnp.where(gained, 0, state.stale_checks + 1)
        tired = self.patience is not None and stale >= self.patience
        return Progress(
            params=trained.params,
            constants=state.constants,
            optimizer=trained.optimizer,
            best_params=choose(better, trained.params, state.best_params),
            best_loss=jnp.where(better, loss, state.best_loss),
            best_step=jnp.where(better, step, state.best_step),
            step=step,
            bar=jnp.where(gained, loss, state.bar),
            stale_checks=stale,
            rate_scale=self._rescaled(state.rate_scale, stale),
            stopped=tired | ~finite | (step >= self.steps),
            diverged=~finite,
        )

    def _rescaled(self, scale: Scalar, stale: Int[Array, ""]) -> Scalar:
        """Returns what is left of the learning rate after so many flat checks."""
        if self.plateau is None:
            return scale
        flat = (stale > 0) & (stale % self.plateau.checks == 0)
        return jnp.where(flat, self.plateau.factor * scale, scale)

    def step_work(self, train: Rows | None) -> Work:
        """Returns the work of one update, from its trace; nothing is run."""
        return work(self.trace_step(train))

    def trace_step(
        self, train: Rows | None, state: Progress | None = None
    ) -> ClosedJaxpr:
        """Returns the trace of one update; `state` may be the shapes of a start."""
        zero = jax.ShapeDtypeStruct((), jnp.int32)

        def batch(train, first, key):
            order = Order(train, first=first, span=1, batch=self.batch, key=key)
            return order.at(first), order.keys_at(first)

        begun = state or jax.eval_shape(self.start, key_shape())
        rows, keys = jax.eval_shape(batch, train, zero, key_shape())
        return jax.make_jaxpr(self._update)(
            begun.params, begun.optimizer, begun, rows, keys
        )
