"""What is asked of states of runs, whether of one seed or of several."""

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


def count_of(steps: Int[Array, "..."]) -> int:
    """Returns a count; of several seeds that of those that went furthest.

    A state that is cut into its seeds' checkpoints has such a count for each of them.
    """
    return int(np.max(np.asarray(steps)))
