"""What attention by recurrence shares: a cell that reads a memory for every query."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from .parametrization import resolve
from .unroll import Checkpoint, checkpointed


def read(
    cell: Any,
    memory: PyTree[Array],
    form: Callable[..., Float[Array, " features"]],
    *,
    upto: Int[Array, ""] | None = None,
    checkpoint: Checkpoint = "step",
) -> Float[Array, " hidden"]:
    """Returns the output of a cell after the last place of a memory, and no other.

    With `upto` that place is the last: the cell stops there, so that its output does
    not even tell how many places follow.

    At each place the cell reads what `form` makes of that place of the memory's
    arrays, one unit of time after the last. With `jax.vmap` over queries whatever is
    kept of every step is an array of the square of the length: so inputs are formed
    inside the loop, and a gradient computes each step again from its state, or with
    `checkpoint="none"` from its products and functions too (see `nnarena.nn.unroll`).
    """
    ready = resolve(cell)

    def take(state, kept):
        x = form(*kept)
        return ready(state, x, jnp.ones((), x.dtype))

    if upto is not None:
        return _read_upto(take, ready.init_state(), memory, upto, checkpoint)

    def step(state, kept):
        return take(state, kept)[0], None

    # Outputs before the last are not even carried: the last step is taken by itself.
    earlier = jax.tree.map(lambda array: array[:-1], memory)
    state, _ = jax.lax.scan(checkpointed(step, checkpoint), ready.init_state(), earlier)
    return take(state, jax.tree.map(lambda array: array[-1], memory))[1]


def last_place(present: Bool[Array, " memory"] | None) -> Int[Array, ""] | None:
    """Returns the last place of a memory that is there, None where all are."""
    return None if present is None else jnp.sum(present, dtype=int) - 1


def sooner(*places: Int[Array, ""] | None) -> Int[Array, ""] | None:
    """Returns the first of several places at which to stop; None stops nowhere."""
    given = [place for place in places if place is not None]
    return functools.reduce(jnp.minimum, given) if given else None


def _read_upto(
    take: Callable[..., Any],
    start: PyTree[Array],
    memory: PyTree[Array],
    upto: Int[Array, ""],
    checkpoint: Checkpoint,
) -> Float[Array, " hidden"]:
    """Returns the output at one place: of later ones state and output stay."""

    def step(carry, observation):
        place, kept = observation
        taken = take(carry[0], kept)
        read = jax.tree.map(lambda *pair: jnp.where(place <= upto, *pair), taken, carry)
        return read, None

    first = take(start, jax.tree.map(lambda array: array[0], memory))
    later = jax.tree.map(lambda array: array[1:], memory)
    places = jnp.arange(1, len(jax.tree.leaves(memory)[0]))
    (_, output), _ = jax.lax.scan(
        checkpointed(step, checkpoint), first, (places, later)
    )
    return output
