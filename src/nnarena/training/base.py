"""What a trainer is, and the compiled program that it makes."""

import abc
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Lowered
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core.compiling import jit
from ..core.numbers import require, setting_kinds
from ..core.seeds import key_shape
from ..core.types import Key, Keys
from ..models.base import AbstractModel
from ..tasks.base import AbstractTask, Rows, Splits
from .flops import Work
from .objective import Tally, evaluate


Build = Callable[[Key], AbstractModel]
"""Makes the model of a run from its initialization key."""


TEST_BATCH = 64
"""Rows at a time of a trained model's test; it decides no figure but by rounding."""


Figure = Array | np.ndarray
"""A number of JAX, or of numpy where the host computed it; or one per seed."""


class Check(eqx.Module):
    """What is said of a run at one check: scalars, or one per seed.

    `step` counts the batches so far. `train_loss` is the task's loss on the batches
    since the last check, penalties left out. `best_step` is the check of the best
    weights so far, 0 if there are none; `chosen` holds the settings that these were
    trained at, where a trainer tries several, and `figures` what else belongs into the
    curve, such as the learning rate.
    """

    step: Int[Figure, "*seeds"]
    train_loss: Float[Figure, "*seeds"]
    validation_loss: Float[Figure, "*seeds"]
    validation_score: Float[Figure, "*seeds"]
    best_step: Int[Figure, "*seeds"]
    stopped: Bool[Figure, "*seeds"]
    diverged: Bool[Figure, "*seeds"]
    figures: dict[str, Figure] = eqx.field(default_factory=dict)
    chosen: dict[str, Figure] = eqx.field(default_factory=dict)


class AbstractProgram(abc.ABC):
    """A compiled run, cut at its checks; with seeds, every array leads with their axis.

    `start`, then `advance` until `checks` are done or every seed says `stopped`, then
    `test` once. Between two checks the state is all there is to keep: arrays of JAX,
    or of numpy for what is computed on the host in float64. It may be written down,
    and taken up by another process of the same machine, bit for bit.
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
    def advance(self, state: PyTree, data_key: Key | Keys) -> tuple[PyTree, Check]:
        """Returns the state after one more check, and what is said of it."""

    @abc.abstractmethod
    def test(self, state: PyTree) -> Tally:
        """Returns the tally of the best weights on the test split."""

    @abc.abstractmethod
    def best(self, state: PyTree) -> PyTree:
        """Returns the arrays of the model that did best on the validation split."""


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


def number(kind: Any, default: float) -> Any:
    """Returns the field of a recipe for a number of a kind, which it holds as a float.

    So that a recipe of whole numbers is the same recipe.
    """

    def as_float(given: Any) -> float:
        return float(given)

    as_float.__annotations__["given"] = kind
    return eqx.field(static=True, default=default, converter=as_float)


class AbstractTrainer(eqx.Module):
    """A recipe: how models are fitted to tasks, with its settings filled in.

    Registered in `TRAINERS`, it is named by a suite, by one contender of a suite, or by
    the entrant that is made for it.

    Raises:
        ValueError: a setting is not of its type, or outside of its range.
    """

    def __check_init__(self):
        for name, kind in setting_kinds(type(self).__init__).items():
            if hasattr(self, name):  # a constructor of its own may keep another form
                require(kind, **{name: getattr(self, name)})

    @abc.abstractmethod
    def accepts(self, model: PyTree) -> str | None:
        """Returns why a model cannot be trained so, or None if it can.

        `model` may have shapes in the place of its arrays. The reason goes on from
        "NAME cannot train it: ".
        """

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
    """A trained model, its checks along a leading axis, and its test figures."""

    model: AbstractModel
    history: Check
    test_loss: Array
    test_score: Array
    diverged: Figure


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
    history: list[Check] = []
    for _ in range(program.checks):
        state, check = program.advance(state, data_key)
        history.append(check)
        if bool(jnp.all(check.stopped)):
            break
    tested = program.test(state)
    return Fitted(
        model=with_weights(build, program.best(state)),
        history=jax.tree.map(lambda *leaves: np.stack(leaves), *history),
        test_loss=tested.mean_loss,
        test_score=tested.mean_score,
        diverged=history[-1].diverged | ~tested.finite,
    )


def with_weights(build: Build, weights: PyTree) -> AbstractModel:
    """Returns the model of `build` with these weights; draws none of its own.

    `weights` is what `AbstractProgram.best` returns, or `weight_shapes` filled by
    `tree_from_paths`.
    """
    return eqx.combine(weights, skeleton(build))


def skeleton(build: Build) -> PyTree:
    """Returns the model of `build` without its arrays."""
    made = eqx.filter_eval_shape(build, key_shape())
    return eqx.filter(made, _is_shape, inverse=True)


def traced_test(build: Build, task: AbstractTask, rows: Rows) -> Lowered:
    """Returns the test of a model on a split of any task, ready to be compiled.

    Compiled and called with a model's weights and the rows, it returns their `Tally`.
    The sums are those by which a run's own test split is read; one program serves all
    seeds.

    Args:
        build: makes the model as it was trained, whatever it was trained on.
        task: what the rows belong to.
        rows: the split, or its shapes.

    Raises:
        Exception: whatever the model raises that has no answer to such an example.
    """

    def test(weights: PyTree, rows: Rows) -> Tally:
        return evaluate(with_weights(build, weights), task, rows, batch=TEST_BATCH)

    return jit(test).lower(weight_shapes(build), rows)


def weight_shapes(build: Build) -> PyTree:
    """Returns the arrays of a model, trained or not, with shapes in their place."""
    return eqx.filter(eqx.filter_eval_shape(build, key_shape()), _is_shape)


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def arrays_by_path(tree: PyTree) -> dict[str, np.ndarray]:
    """Returns the arrays of a tree under the names of their places in it."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def tree_from_paths(like: PyTree, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """Returns a tree of the same places filled from arrays.

    They are arrays of JAX, or of numpy in the places of such.

    Raises:
        ValueError: a place is missing, or has another shape or type.
    """

    def take(path, leaf):
        name = jax.tree_util.keystr(path)
        found = arrays.get(name)
        if found is None or found.shape != leaf.shape or found.dtype != leaf.dtype:
            raise ValueError(f"the saved arrays do not fit at {name}")
        return found if isinstance(leaf, np.ndarray) else jnp.asarray(found)

    return jax.tree_util.tree_map_with_path(take, like)
