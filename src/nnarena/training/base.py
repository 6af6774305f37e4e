"""What a trainer is, and the compiled program that it makes."""

import abc
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..core.types import Key, Keys
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask, Splits
from .flops import Work
from .objective import Tally


Build = Callable[[Key], AbstractModel]
"""Makes the model of a run from its initialization key."""

Metrics = Mapping[str, Array]
"""Figures of one check: scalars, or one per seed."""


class AbstractProgram(abc.ABC):
    """A compiled run, cut at its checks; with seeds, every array leads with their axis.

    `start`, then `advance` until `checks` are done or every seed says `stopped`, then
    `test` once. Between two checks the state is all there is to keep: it may be
    written down, and taken up by another process of the same machine, bit for bit.
    """

    checks: int
    bytes: int | None
    matmul_flops_per_step: int | None
    trials_at_once: int = 1
    """How many trials of a seed, such as learning rates, an update computes."""

    @abc.abstractmethod
    def start(self, init_key: Key | Keys) -> PyTree:
        """Returns the state before training."""

    @abc.abstractmethod
    def advance(self, state: PyTree, data_key: Key | Keys) -> tuple[PyTree, Metrics]:
        """Returns the state after one more check, and its figures.

        Figures: step, train_loss, validation_loss, validation_score, learning_rate,
        gradient_norm; best_step and best_rate; stopped and diverged.
        """

    @abc.abstractmethod
    def test(self, state: PyTree) -> Tally:
        """Returns the tally of the best weights on the test split."""

    @abc.abstractmethod
    def best(self, state: PyTree) -> PyTree:
        """Returns the arrays of the model with the lowest validation loss."""


def program_bytes(compiled: Any) -> int | None:
    """Returns what a program asks for arguments, results and scratch, if it tells."""
    try:
        memory = compiled.memory_analysis()
        return (
            memory.argument_size_in_bytes
            + memory.output_size_in_bytes
            + memory.temp_size_in_bytes
        )
    except (AttributeError, NotImplementedError):
        return None


class AbstractTrainer(eqx.Module):
    """A recipe: how any model is fitted to any task, with its settings filled in."""

    @abc.abstractmethod
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

        What a seed tries in turn, such as learning rates, becomes an axis too with
        `trials_at_once`; a recipe that tries nothing need not care.
        """

    @abc.abstractmethod
    def work(self, build: Build, task: AbstractTask, splits: Splits) -> Work:
        """Returns the work of the updates of one run, from traces; nothing is run."""


class Fitted(eqx.Module):
    """A trained model with its curve and its test figures."""

    model: AbstractModel
    history: dict[str, np.ndarray]
    test_loss: Array
    test_score: Array
    diverged: Array


def fit(
    trainer: AbstractTrainer,
    build: Build,
    task: AbstractTask,
    splits: Splits,
    *,
    init_key: Key,
    data_key: Key,
) -> Fitted:
    """Returns the model of one seed, trained; a pure function of its keys."""
    program = trainer.compile(build, task, splits)
    return _run(program, build, init_key, data_key)


def fit_seeds(
    trainer: AbstractTrainer,
    build: Build,
    task: AbstractTask,
    splits: Splits,
    *,
    init_keys: Keys,
    data_keys: Keys,
) -> Fitted:
    """Returns the models of several seeds, trained at once as an axis of arrays.

    `init_keys` and `data_keys` lead with the axis of seeds, as does every array of the
    answer. The way for an accelerator; on a CPU separate processes are faster.
    """
    program = trainer.compile(build, task, splits, seeds=init_keys.shape[0])
    return _run(program, build, init_keys, data_keys)


def _run(
    program: AbstractProgram, build: Build, init_key: Key | Keys, data_key: Key | Keys
) -> Fitted:
    state = program.start(init_key)
    history: list[Metrics] = []
    for _ in range(program.checks):
        state, metrics = program.advance(state, data_key)
        history.append(metrics)
        if bool(jnp.all(metrics["stopped"])):
            break
    tested = program.test(state)
    return Fitted(
        model=with_weights(build, program.best(state)),
        history={
            name: np.stack([np.asarray(check[name]) for check in history])
            for name in history[0]
        },
        test_loss=tested.mean_loss,
        test_score=tested.mean_score,
        diverged=history[-1]["diverged"] | ~tested.finite,
    )


def with_weights(build: Build, weights: PyTree) -> AbstractModel:
    """Returns the model of `build` with these weights; draws none of its own.

    `weights` is what `AbstractProgram.best` returns, or `weight_shapes` filled by
    `tree_from_paths`.
    """
    skeleton = eqx.filter_eval_shape(build, jax.random.key(0))
    return eqx.combine(weights, eqx.filter(skeleton, _is_shape, inverse=True))


def weight_shapes(build: Build) -> PyTree:
    """Returns the arrays of a model, trained or not, with shapes in their place."""
    return eqx.filter(eqx.filter_eval_shape(build, jax.random.key(0)), _is_shape)


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def arrays_by_path(tree: PyTree) -> dict[str, np.ndarray]:
    """Returns the arrays of a tree under the names of their places in it."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def tree_from_paths(like: PyTree, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """Returns a tree of the same places filled from arrays.

    Raises:
        ValueError: a place is missing, or has another shape or type.
    """

    def take(path, leaf):
        name = jax.tree_util.keystr(path)
        found = arrays.get(name)
        if found is None or found.shape != leaf.shape or found.dtype != leaf.dtype:
            raise ValueError(f"the saved arrays do not fit at {name}")
        return jnp.asarray(found)

    return jax.tree_util.tree_map_with_path(take, like)
