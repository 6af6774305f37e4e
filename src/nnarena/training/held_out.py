"""Held-out splits in batches, answered by one program for all of them.

validation   ■ ■ ■ ■        each ■ is a batch: the same program answers it
test         ■ ■ ■ ■ ■ ■    wherever two batches have as many rows
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ..core.compiling import RUN_ONCE, Options, jit
from ..core.types import Example
from ..tasks.base import AbstractTask, Rows, Splits
from .base import program_bytes
from .objective import Judged, batch_size


def drawn(task: AbstractTask, splits: Splits) -> Splits:
    """Returns the splits with held-out rows of a synthetic task turned to examples.

    Those of both splits in one program: so many more rows would be another one.
    """
    if splits.train is not None:
        return splits
    first = _length(splits.validation)

    def draw(validation: Rows, test: Rows) -> Example:
        rows = jax.tree.map(lambda *parts: jnp.concatenate(parts), validation, test)
        return jax.vmap(task.example)(rows)

    examples = jit(draw, RUN_ONCE)(splits.validation, splits.test)
    examples = jax.tree.map(np.asarray, examples)
    return Splits(
        train=None,
        validation=jax.tree.map(lambda column: column[:first], examples),
        test=jax.tree.map(lambda column: column[first:], examples),
    )


def in_batches(rows: Rows, batch: int) -> list[Rows]:
    """Returns a split cut into batches of about `batch` rows."""
    rows = jax.tree.map(_on_host, rows)
    count = _length(rows)
    size = batch_size(count, batch)
    return [
        # `jnp.asarray` would compile a program for every shape.
        jax.device_put(jax.tree.map(lambda column, at=at: column[at : at + size], rows))
        for at in range(0, count, size)
    ]


def _on_host(column: Any) -> Any:
    """Returns an array of numpy, which is cut without a program; keys stay keys."""
    is_key = jnp.issubdtype(column.dtype, jax.dtypes.prng_key)
    return column if is_key else np.asarray(column)


class Answered(eqx.Module):
    """What is kept of the answers to a split: of whole batches, and of a last one.

    `whole` leads with the axes of batches and of the examples in one.
    """

    whole: Judged
    rest: Judged | None

    @property
    def in_turn(self) -> Judged:
        """The same with one axis of examples."""
        whole = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), self.whole)
        if self.rest is None:
            return whole
        return jax.tree.map(
            lambda first, last: jnp.concatenate([first, last]), whole, self.rest
        )


class Answering:
    """A function of weights and a batch, compiled: what is kept of each answer.

    Of every shape of a batch there is one program.
    """

    def __init__(self, function: Callable[..., Judged], options: Options):
        self._function, self._options = jit(function), options
        self._programs: dict[Any, tuple[Any, Judged]] = {}

    def compile(self, weights: Sequence[PyTree], batches: Sequence[Rows]) -> Answered:
        """Makes ready for weights, or their shapes; returns the shape of the answers.

        Those are what calling it will return.
        """
        parts = []
        for rows in batches:
            if (shapes := _shapes(rows)) not in self._programs:
                lowered = self._function.lower(*weights, rows)
                program = lowered.compile(compiler_options=self._options)
                self._programs[shapes] = program, lowered.out_info
            parts.append(self._programs[shapes][1])
        return _together(parts, _stacked_shape)

    def __call__(self, weights: Sequence[PyTree], batches: Sequence[Rows]) -> Answered:
        """Returns what is kept of the answers to all batches."""
        parts = []
        for rows in batches:
            program, _ = self._programs[_shapes(rows)]
            parts.append(program(*weights, rows))
        return _together(jax.device_get(parts), np.stack)

    @property
    def bytes(self) -> int | None:
        """What the largest of the programs asks for, if they tell."""
        sizes = [program_bytes(program) for program, _ in self._programs.values()]
        return max(filter(None, sizes), default=None)


def _together(parts: Sequence[Judged], stack: Callable[..., Any]) -> Answered:
    """Returns the parts of all batches; only the last may be smaller."""
    size = _length(parts[0])
    whole = [part for part in parts if _length(part) == size]
    stacked = jax.tree.map(lambda *leaves: stack(leaves), *whole)
    return Answered(stacked, parts[-1] if len(whole) < len(parts) else None)


def _stacked_shape(leaves: Sequence[Any]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((len(leaves), *leaves[0].shape), leaves[0].dtype)


def _length(rows: PyTree) -> int:
    return jax.tree.leaves(rows)[0].shape[0]


def _shapes(rows: Rows) -> Any:
    return tuple((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(rows))
