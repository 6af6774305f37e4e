"""What attention by recurrence shares: a cell that reads a memory for every query."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .parametrization import resolve


def read(
    cell: Any, memory: PyTree[Array], form: Callable[..., Float[Array, " features"]]
) -> Float[Array, " hidden"]:
    """Returns the output of a cell after the last place of a memory, and no other.

    At each place the cell reads what `form` makes of that place of the memory's
    arrays, one unit of time after the last. With `jax.vmap` over queries whatever is
    kept of every step is an array of the square of the length: so inputs are formed
    inside the loop, and a gradient computes each step again from its state.
    """
    ready = resolve(cell)

    @partial(jax.checkpoint, prevent_cse=False)  # a loop keeps its steps apart anyway
    def step(carry, kept):
        state, _ = carry
        x = form(*kept)
        return ready(state, x, jnp.ones((), x.dtype)), None

    start = ready.init_state(), jnp.zeros(ready.hidden_size)
    (_, h), _ = jax.lax.scan(step, start, memory)
    return h
