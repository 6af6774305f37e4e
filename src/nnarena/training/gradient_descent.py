"""Training by gradient descent: AdamW, a schedule, clipping, early stopping."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int, PyTree

from ..core.types import Key, Scalar
from ..tasks.base import AbstractTask, Rows, Splits
from .base import AbstractProgram, AbstractTrainer, Build, Metrics, program_bytes
from .batches import Order
from .flops import matmul_flops
from .objective import Tally, evaluate, tally_batch


Schedule = Literal["warmup_cosine", "constant"]
SCHEDULES = ("warmup_cosine", "constant")


class Progress(eqx.Module):
    """The state of a run between two checks."""

    params: PyTree
    optimizer: PyTree
    best_params: PyTree
    best_loss: Scalar
    best_step: Int[Array, ""]
    step: Int[Array, ""]
    stale_checks: Int[Array, ""]
    stopped: Bool[Array, ""]
    diverged: Bool[Array, ""]


class GradientDescent(AbstractTrainer):
    """AdamW (Loshchilov & Hutter 2019) on fresh or shuffled batches.

    `steps` updates of `batch` examples; after every `steps / checks` of them the
    validation split is read, and the weights with the lowest validation loss are kept.
    The rate rises linearly over `warmup` of the run and falls to 0 along a cosine, or
    is constant. Gradients are clipped to the global norm `clip`. `weight_decay` acts
    on matrices only. With `patience`, a run stops after that many checks without a
    lower validation loss. A run whose loss is no longer finite stops as "diverged".
    """

    steps: int = eqx.field(static=True, default=1_000)
    batch: int = eqx.field(static=True, default=32)
    learning_rate: float = eqx.field(static=True, default=3e-3, converter=float)
    schedule: Schedule = eqx.field(static=True, default="warmup_cosine")
    warmup: float = eqx.field(static=True, default=0.1, converter=float)
    clip: float = eqx.field(static=True, default=1.0, converter=float)
    weight_decay: float = eqx.field(static=True, default=0.01, converter=float)
    checks: int = eqx.field(static=True, default=20)
    patience: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule {self.schedule!r} is none of {', '.join(SCHEDULES)}"
            )
        patience = 1 if self.patience is None else self.patience
        if min(self.steps, self.batch, self.checks, patience) < 1:
            raise ValueError("steps, batch, checks and patience must be at least 1")

    @property
    def steps_per_check(self) -> int:
        """Updates between two readings of the validation split; the last has less."""
        return -(-self.steps // self.checks)

    def rate(self, step: Int[Array, ""]) -> Scalar:
        """Returns the learning rate of an update."""
        if self.schedule == "constant":
            return jnp.full((), self.learning_rate)
        warm = max(1, round(self.warmup * self.steps))
        at = step.astype(jnp.float32)
        rising = (at + 1.0) / warm
        done = jnp.clip((at - warm) / max(1, self.steps - warm), 0.0, 1.0)
        return self.learning_rate * jnp.minimum(
            rising, 0.5 * (1 + jnp.cos(jnp.pi * done))
        )

    def optimizer(self) -> optax.GradientTransformation:
        """Returns the optax chain."""
        return optax.chain(
            optax.clip_by_global_norm(self.clip),
            optax.adamw(
                self.rate,
                weight_decay=self.weight_decay,
                mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params),
            ),
        )

    def compile(
        self,
        build: Build,
        task: AbstractTask,
        splits: Splits,
        *,
        seeds: int | None = None,
    ) -> AbstractProgram:
        return DescentProgram(self, build, task, splits, seeds)


class DescentProgram(AbstractProgram):
    """The three compiled parts of a run by gradient descent: start, check, test."""

    def __init__(
        self,
        trainer: GradientDescent,
        build: Build,
        task: AbstractTask,
        splits: Splits,
        seeds: int | None,
    ):
        self.trainer, self.task, self.build = trainer, task, build
        self.splits = jax.tree.map(jnp.asarray, splits)
        self.checks = -(-trainer.steps // trainer.steps_per_check)
        self._compile(seeds)

    def _compile(self, seeds: int | None) -> None:
        def batched(function, axes):
            return function if seeds is None else jax.vmap(function, in_axes=axes)

        shape = () if seeds is None else (seeds,)
        keys = jax.eval_shape(lambda: jnp.broadcast_to(jax.random.key(0), shape))
        count = jax.ShapeDtypeStruct((), jnp.int32)
        skeleton = eqx.filter_eval_shape(self.build, jax.random.key(0))
        self._static = eqx.filter(skeleton, lambda x: not _is_trainable(x))
        start = jax.jit(batched(self._start, 0))
        state = jax.eval_shape(start, keys)
        rows = self.splits.train, self.splits.validation
        advance = jax.jit(batched(self._check, (0, None, None, None, None, 0)))
        test = jax.jit(batched(self._test, (0, None)))
        self._compiled_start = start.lower(keys).compile()
        self._compiled_check = advance.lower(state, count, count, *rows, keys).compile()
        self._compiled_test = test.lower(state.best_params, self.splits.test).compile()
        self.bytes = program_bytes(self._compiled_check)
        self.matmul_flops_per_step = self._count_flops()

    def start(self, init_key):
        return self._compiled_start(init_key)

    def advance(self, state, data_key):
        first = int(jnp.max(state.step))
        count = min(self.trainer.steps_per_check, self.trainer.steps - first)
        return self._compiled_check(
            state,
            jnp.int32(first),
            jnp.int32(count),
            self.splits.train,
            self.splits.validation,
            data_key,
        )

    def test(self, state):
        return self._compiled_test(state.best_params, self.splits.test)

    def best(self, state):
        return state.best_params

    def _start(self, init_key: Key) -> Progress:
        params = eqx.filter(self.build(init_key), eqx.is_inexact_array)
        return Progress(
            params=params,
            optimizer=self.trainer.optimizer().init(params),
            best_params=params,
            best_loss=jnp.array(jnp.inf),
            best_step=jnp.array(0),
            step=jnp.array(0),
            stale_checks=jnp.array(0),
            stopped=jnp.array(False),
            diverged=jnp.array(False),
        )

    def _loss(self, params: PyTree, rows: Any) -> Scalar:
        return tally_batch(eqx.combine(params, self._static), self.task, rows).mean_loss

    def _step(self, params: PyTree, optimizer: PyTree, rows: Any):
        """One update: loss and gradient of a batch, clipped, through AdamW."""
        loss, gradients = jax.value_and_grad(self._loss)(params, rows)
        # optax's Adam raises a float to an integer power, which strict promotion bars.
        with jax.numpy_dtype_promotion("standard"):
            updates, optimizer = self.trainer.optimizer().update(
                gradients, optimizer, params
            )
        return optax.apply_updates(params, updates), optimizer, loss, gradients

    def _check(
        self,
        state: Progress,
        first: Int[Array, ""],
        count: Int[Array, ""],
        train: Rows | None,
        validation: Rows,
        data_key: Key,
    ) -> tuple[Progress, Metrics]:
        """`count` updates from step `first` on, then a look at the validation split."""
        order = Order(
            train,
            first=first,
            span=self.trainer.steps_per_check,
            batch=self.trainer.batch,
            key=data_key,
        )

        def update(index, carry):
            params, optimizer, losses, norms = carry
            params, optimizer, loss, gradients = self._step(
                params, optimizer, order.at(first + index)
            )
            norm = optax.tree.norm(gradients)
            return params, optimizer, losses + loss, norms + norm

        zero = jnp.zeros(())
        params, optimizer, losses, norms = jax.lax.fori_loop(
            0, count, update, (state.params, state.optimizer, zero, zero)
        )
        seen = self._evaluate(params, validation)
        figures = {
            "train_loss": losses / count.astype(losses.dtype),
            "gradient_norm": norms / count.astype(norms.dtype),
            "learning_rate": self.trainer.rate(first + count - 1),
            "validation_loss": seen.mean_loss,
            "validation_score": seen.mean_score,
        }
        return self._judge(state, params, optimizer, first + count, figures)

    def _evaluate(self, params: PyTree, rows: Rows) -> Tally:
        model = eqx.combine(params, self._static)
        return evaluate(model, self.task, rows, batch=max(self.trainer.batch, 64))

    def _judge(
        self,
        state: Progress,
        params: PyTree,
        optimizer: PyTree,
        step: Int[Array, ""],
        figures: dict[str, Array],
    ) -> tuple[Progress, Metrics]:
        """Keeps the best weights and decides whether the run goes on."""
        finite = jnp.isfinite(figures["train_loss"] + figures["validation_loss"])
        better = finite & (figures["validation_loss"] < state.best_loss)
        stale = jnp.where(better, 0, state.stale_checks + 1)
        patience = self.trainer.patience
        tired = False if patience is None else stale >= patience
        following = Progress(
            params=params,
            optimizer=optimizer,
            best_params=_choose(better, params, state.best_params),
            best_loss=jnp.where(better, figures["validation_loss"], state.best_loss),
            best_step=jnp.where(better, step, state.best_step),
            step=step,
            stale_checks=stale,
            stopped=tired | ~finite | (step >= self.trainer.steps),
            diverged=~finite,
        )
        # Beside other seeds a stopped one goes on being computed, but nothing changes.
        kept = _choose(state.stopped, state, following)
        metrics = {
            **figures,
            "step": step,
            "best_step": kept.best_step,
            "stopped": kept.stopped,
            "diverged": kept.diverged,
        }
        return kept, metrics

    def _test(self, params: PyTree, rows: Rows) -> Tally:
        return self._evaluate(params, rows)

    def _count_flops(self) -> int | None:
        shapes = jax.eval_shape(self._start, jax.random.key(0))
        rows = jax.eval_shape(
            lambda: Order(
                self.splits.train,
                first=jnp.array(0),
                span=1,
                batch=self.trainer.batch,
                key=jax.random.key(0),
            ).at(jnp.array(0))
        )
        return matmul_flops(
            jax.make_jaxpr(self._step)(shapes.params, shapes.optimizer, rows)
        )


def _is_trainable(leaf: Any) -> bool:
    """Whether a leaf of a model's shapes is a weight."""
    is_shape = isinstance(leaf, jax.ShapeDtypeStruct)
    return is_shape and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _choose(condition: Bool[Array, ""], yes: PyTree, no: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
