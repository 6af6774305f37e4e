"""What is asked of states of runs, whether of one seed or of several."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree


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


def of_seeds(tree: Any, seeds: int | None) -> list[Any]:
    """Returns the part of each seed; all of it where there is no axis of seeds."""
    if seeds is None:
        return [tree]
    return [
        jax.tree.map(lambda leaf, place=place: leaf[place], tree)
        for place in range(seeds)
    ]


def beside(parts: Sequence[Any], seeds: int | None) -> Any:
    """Returns the parts of all seeds with their axis: what `of_seeds` takes apart."""
    if seeds is None:
        return parts[0]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *parts)


def count_of(steps: Int[Array, "..."]) -> int:
    """Returns a count; of several seeds that of those that went furthest.

    A state that is cut into its seeds' checkpoints has such a count for each of them.
    """
    return int(np.max(np.asarray(steps)))
