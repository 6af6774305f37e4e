"""Trainers that go step by step, of which somebody writes the step alone.

    weights, memory ─ step ─ step ─ ... ─ validation ─ step ─ ... ─ test
                        │      │
                      batch  batch        each a function from weights to their loss

Batches, random keys, checks, the best weights, an end as diverged, seeds side by side,
checkpoints and the account of work are the arena's.
"""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ..core.faults import blaming, require_sound, told
from ..core.frozen import trainable
from ..core.numbers import AtLeastOne
from ..core.types import Key, Scalar
from ..tasks.base import AbstractTask, Splits
from .base import AbstractProgram, AbstractTrainer, Build
from .batches import Draws
from .descent import AbstractDescent, Progress
from .descent_program import DescentProgram
from .flops import Work
from .objective import batch_loss


BatchLoss = Callable[[PyTree], Scalar]
"""The loss of weights on one batch, as in training; may be differentiated, vmapped."""

STEPPING = 2**30
"""By which the key of a step differs from those that a model makes of its own key."""


class Step(eqx.Module):
    """What a step comes to: weights, what the next one needs besides, and a loss.

    `loss` is that of the batch, for the curve: the first of training that is not finite
    ends the run as diverged. `figures` are scalars by name, of which the curve shows
    the mean over a check.
    """

    weights: PyTree
    loss: Array
    memory: PyTree = None
    figures: Mapping[str, Array] = eqx.field(default_factory=dict)


class AbstractIterativeTrainer(AbstractTrainer):
    """A trainer that takes `steps` steps of one batch each.

    After every `steps / checks` of them the validation split is read, and the weights
    with the lowest validation loss are kept; they are tested once, at the end.
    """

    steps: AtLeastOne = eqx.field(static=True, default=1_000)
    batch: AtLeastOne = eqx.field(static=True, default=32)
    checks: AtLeastOne = eqx.field(static=True, default=20)

    @abc.abstractmethod
    def init(self, weights: PyTree) -> PyTree:
        """Returns the memory before the first step: arrays, or None.

        `weights` are those that a trainer may move, as they start.
        """

    @abc.abstractmethod
    def step(
        self, weights: PyTree, memory: PyTree, loss: BatchLoss, *, key: Key
    ) -> Step:
        """Returns what one batch makes of the weights.

        It is traced by JAX. Weights and memory keep their shapes and types.

        Args:
            weights: those after the step before.
            memory: what that step left, or `init`.
            loss: the loss of any such weights on this batch.
            key: for what the step draws, another one for every seed, task and step.
        """

    def accepts(self, model: PyTree) -> str | None:
        """Returns why a model cannot be trained: none of its weights moves."""
        free = eqx.filter(model, trainable(model))
        return None if jax.tree.leaves(free) else "it has no weight that moves"

    def compile(
        self,
        build: Build,
        task: AbstractTask,
        splits: Splits,
        *,
        seeds: int | None = None,
        trials_at_once: bool = False,
    ) -> AbstractProgram:
        """Returns the compiled run of one seed, or of `seeds` at once as an axis.

        Raises:
            EntrantProblem: `init` or `step` does not return what it has to.
        """
        del trials_at_once  # it tries nothing
        return DescentProgram(self.descent(build, task), splits, seeds)

    def descent(self, build: Build, task: AbstractTask) -> "TrainerSteps":
        """Returns the mathematics of a run of this trainer."""
        return TrainerSteps(
            build=build,
            task=task,
            steps=self.steps,
            steps_per_check=-(-self.steps // self.checks),
            batch=self.batch,
            trainer=self,
        )

    def work(self, build: Build, task: AbstractTask, splits: Splits) -> Work:
        """Returns the work of all steps, from the trace of one."""
        return self.descent(build, task).step_work(splits.train).times(self.steps)


@dataclass(frozen=True, kw_only=True)
class TrainerSteps(AbstractDescent):
    """A run whose updates are the steps of a user's trainer."""

    trainer: AbstractIterativeTrainer

    def init(self, params):
        with blaming(type(self.trainer), "init", "given the weights"):
            return jax.tree.map(jnp.asarray, self.trainer.init(params))

    def update(self, params, optimizer, state: Progress, rows, keys: Draws):
        loss = partial(self._loss, state.constants, rows, keys)
        key = jax.random.fold_in(keys[0], STEPPING)
        make = type(self.trainer)
        with blaming(make, "step", "given weights and a batch"):
            step = self.trainer.step(params, optimizer, loss, key=key)
        require_sound(
            isinstance(step, Step),
            make,
            "step",
            f"returned {told(step)}, but expected is an nnarena.Step",
        )
        for what, before, after in (
            ("weights", params, step.weights),
            ("memory", optimizer, step.memory),
            ("loss", jnp.zeros(()), step.loss),
        ):
            require_sound(
                _form(before) == _form(after),
                make,
                "step",
                f"returned {_form_told(after)} as its {what}, but expected is "
                f"{_form_told(before)}: shapes and types stay from step to step",
            )
        return step.weights, step.memory, step.loss, dict(step.figures)

    def _loss(self, constants: PyTree, rows: Any, keys: Draws, params: PyTree):
        model = self.model(params, constants)
        return batch_loss(model, self.task, rows, keys=keys)

    def figures(self, found):
        return {name: jnp.asarray(value, float) for name, value in found.items()}

    def figure_names(self, *update):
        *_, figures = jax.eval_shape(self._update, *update)
        return tuple(figures)

    def last_figures(self, state, step):
        return {}

    def chosen(self, scale):
        return {}


def _form(tree: PyTree) -> Any:
    """Returns what a loop needs to stay the same."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]


def _form_told(tree: PyTree) -> str:
    """Returns the form of a tree in words: that of its first arrays."""
    leaves = [_shape(leaf) for leaf in jax.tree.leaves(tree)]
    more = f" and {len(leaves) - 3} more" if len(leaves) > 3 else ""
    return ", ".join(map(told, leaves[:3])) + more or "nothing"


def _shape(leaf: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))
