"""The compiled form of expectation maximization: iterate, then a readout of the states.

host     system ─ iteration ─ iteration ─ ... ─ gain ┐
device                                    read all examples by the filter of that gain
host                                                 └ readout, as `ridge` finds it
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..core.compiling import jit
from ..models.base import AbstractLinearFilter, AbstractModel
from ..tasks.base import Rows, Splits
from .base import AbstractProgram, Build, with_weights
from .linear_system import Start, System, filtered, improved, settled_gain
from .reading import Reading
from .readout import single_thread
from .ridge_program import RidgeProgram
from .states import beside, choose, of_seeds


BLOCK = 256
"""Sequences that are filtered at once, which bounds the memory of their states."""


def why_no_filter(model: AbstractModel) -> str | None:
    """Returns why a model, or its shapes, is not one filter of its inputs, or None."""
    layers = [() if layer is None else layer.cells for layer in model.recurrences]
    if len(layers) == 1 and isinstance(
        next(iter(layers[0]), None), AbstractLinearFilter
    ):
        return None
    return (
        "a linear system is fitted to inputs that one linear filter reads, and it is "
        "no such filter, as linear_dynamical is one of depth 1"
    )


def filter_of(model: AbstractModel) -> AbstractLinearFilter:
    """Returns the one filter of a model that has one."""
    (layer,) = model.recurrences
    assert layer is not None
    (cell,) = layer.cells
    assert isinstance(cell, AbstractLinearFilter)
    return cell


class Fit(eqx.Module):
    """The state of a run between two checks; arrays of numpy but for the weights.

    `arrays` are those that the model starts with, `best` those of the best filter and
    readout so far, with the `strength`, `error` and `best_step` of that.
    """

    arrays: PyTree
    system: System
    best: PyTree
    strength: Float[np.ndarray, "*seeds"]
    error: Float[np.ndarray, "*seeds"]
    best_step: Int[np.ndarray, "*seeds"]
    step: Int[np.ndarray, "*seeds"]
    stopped: Bool[np.ndarray, "*seeds"]
    diverged: Bool[np.ndarray, "*seeds"]


class EMProgram(AbstractProgram):
    """The compiled parts of a run, and what is computed on the host between them."""

    def __init__(
        self,
        reading: Reading,
        splits: Splits,
        strengths: tuple[float, ...],
        seeds: int | None,
        *,
        iterations: int,
        per_check: int,
        start: Start,
    ):
        self.reading, self.seeds = reading, seeds
        self.first: Start = start
        self.iterations, self.per_check = iterations, per_check
        self.ridge = RidgeProgram(reading, splits, strengths, seeds)
        self.train = self.ridge.splits.train
        self.checks = -(-iterations // per_check)
        self.bytes = self.ridge.bytes
        self.matmul_flops_per_step = None  # the host's products are not counted

        def inputs(arrays: PyTree, train: Rows | None, key: Any) -> tuple[Array, Array]:
            return reading.inputs(arrays, reading.rows(jnp.int32(0), train, key))

        self._inputs = jit(
            inputs if seeds is None else jax.vmap(inputs, in_axes=(0, None, 0))
        )

    def start(self, init_key):
        begun = self.ridge.start(init_key)
        with single_thread():
            cell = filter_of(with_weights(self.reading.build, begun.arrays))
            weights = jax.tree.map(np.asarray, (cell.transition, cell.observation))
            systems = [started(*one) for one in of_seeds(weights, self.seeds)]
        return Fit(
            arrays=begun.arrays,
            system=beside(systems, self.seeds),
            best=self.ridge.best(begun),
            strength=begun.strength,
            error=begun.error,
            best_step=begun.best_step,
            step=begun.step,
            stopped=begun.stopped,
            diverged=begun.diverged,
        )

    def advance(self, state, data_key):
        done = int(np.max(state.step)) // self.reading.steps
        last = min(done + self.per_check, self.iterations)
        with single_thread(), np.errstate(all="ignore"):
            seen = zip(
                of_seeds(state.system, self.seeds),
                self._sequences(state.arrays, data_key),
                strict=True,
            )
            found = [fitted(*one, last - done, start=self.first) for one in seen]
        system, gain, loss = beside(found, self.seeds)
        arrays = with_filter(self.reading.build, state.arrays, system, gain)
        read, check = self.ridge.advance(self.ridge.begin(arrays), data_key)
        better = np.asarray(read.error < state.error)
        step = np.full_like(state.step, last * self.reading.steps)
        kept = (state.best, state.strength, state.error, state.best_step)
        new = (self.ridge.best(read), read.strength, read.error, step)
        best, strength, error, best_step = choose(better, new, kept)
        following = Fit(
            arrays=state.arrays,
            system=system,
            best=best,
            strength=strength,
            error=error,
            best_step=best_step,
            step=step,
            stopped=np.asarray(read.diverged | (last >= self.iterations)),
            diverged=read.diverged,
        )
        # Beside other seeds a stopped one goes on being computed, but nothing changes.
        after = choose(state.stopped, state, following)
        return after, replace(
            check,
            step=after.step,
            best_step=after.best_step,
            stopped=after.stopped,
            diverged=after.diverged,
            figures={**check.figures, "negative_log_likelihood": loss},
            chosen={"strength": after.strength},
        )

    def _sequences(
        self, arrays: PyTree, data_key: Any
    ) -> Iterator[tuple[list[np.ndarray], float]]:
        """Yields the groups of each seed's inputs, and the unit that they are in."""
        count = self.reading.count(0, self.reading.steps, self.train)
        seen = jax.tree.map(np.asarray, self._inputs(arrays, self.train, data_key))
        for xs, lengths in of_seeds(seen, self.seeds):
            yield in_units(list(by_length(xs[:count], lengths[:count])))

    def test(self, state):
        return self.ridge.tested(state.best)

    def best(self, state):
        return state.best


def started(transition: np.ndarray, observation: np.ndarray) -> System:
    """Returns the system that EM starts at, in the units of the inputs."""
    hidden, features = observation.shape
    return System(
        transition=transition.astype(np.float64),
        observation=observation.astype(np.float64),
        state_noise=np.eye(hidden),
        input_noise=np.eye(features),
        mean=np.zeros(hidden),
        spread=np.eye(hidden),
    )


def by_length(
    xs: Float[np.ndarray, "rows time width"], lengths: Int[np.ndarray, " rows"]
) -> Iterator[Float[np.ndarray, "time rows width"]]:
    """Yields the steps that are there, of sequences of one length at a time."""
    for length in np.unique(lengths):
        those = xs[lengths == length, :length].astype(np.float64)
        for at in range(0, len(those), BLOCK):
            yield np.swapaxes(those[at : at + BLOCK], 0, 1)


def in_units(groups: list[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Returns sequences divided by their root mean square, and that."""
    squares = sum(float(np.sum(xs**2)) for xs in groups)
    unit = (squares / sum(xs.size for xs in groups)) ** 0.5 or 1.0
    return [xs / unit for xs in groups], unit


def fitted(
    system: System,
    sequences: tuple[list[np.ndarray], float],
    iterations: int,
    *,
    start: Start,
) -> tuple[System, np.ndarray, np.ndarray]:
    """Returns the system after iterations, its gain, and the loss of a step's inputs.

    Numbers that are none where a covariance has no inverse, so that the run ends there.
    """
    groups, unit = sequences
    try:
        for _ in range(iterations):
            system, _ = improved(system, groups, start=start)
        gain = settled_gain(system)
        loss = sum(filtered(system, xs).loss for xs in groups)
    except np.linalg.LinAlgError:
        system = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), system)
        gain, loss = np.full_like(system.observation.T, np.nan), np.nan
    steps = sum(xs.shape[0] * xs.shape[1] for xs in groups)
    inputs = system.observation.shape[1]
    return system, gain, np.asarray(loss / steps + inputs * np.log(unit))


def with_filter(
    build: Build, arrays: PyTree, system: System, gain: np.ndarray
) -> PyTree:
    """Returns the arrays of a model with the filter of a system."""

    def weights(model: AbstractModel) -> Any:
        cell = filter_of(model)
        return cell.transition, cell.observation, cell.gain

    model = with_weights(build, arrays)
    found = (system.transition, system.observation, gain)
    like = zip(found, weights(model), strict=True)
    given = tuple(jnp.asarray(new.astype(old.dtype)) for new, old in like)
    return eqx.filter(eqx.tree_at(weights, model, given), eqx.is_array)
