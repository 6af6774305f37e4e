"""The one loop over time that every recurrent contender shares.

The form is chosen for a CPU, where it was measured (`benchmarks/scan.py`): vectors on
the left of the matrices, the input projection inside the step, no unrolling, everything
that depends on parameters alone resolved before the loop, and two things that a cell
need not know of:

- What the gradient finds again is what was dear to compute, matrix products and
  functions such as tanh; sums, products and quotients are formed again from those.
  Autodiff by itself keeps every factor of every product.
- Weights that are vectors are copied for each example of a batch. Their gradients then
  grow by sums of whole arrays, where a shared vector's is summed over the batch at
  every step, number by number. A part that fares worse with copies
  says `shares_vectors`.
"""

import math
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..core.numbers import AtLeastOne, require
from ..core.types import Sequence, State
from .parametrization import resolve


Checkpoint = Literal["none", "step", "chunk"]
"""What is kept of each step for the gradient, by what it costs.

    none    products and functions of each step
    step    the state before each step; everything else is computed again
    chunk   the state before every sqrt(time) steps; "none" within a chunk at a time
"""

DEAR = frozenset(
    {
        *("dot_general", "custom_jvp_call", "name"),
        *("tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "erf"),
        *("sin", "cos", "tan", "pow"),
    }
)
"""Operations whose results are kept: each costs more than reading it again.

"name" is `checkpoint_name`, by which a cell may have kept whatever else it found dear.
"""

WIDE = 16_384
"""Numbers of a batch beyond which an exponential costs less than reading it again: such
an array and its factors fill a core's first cache."""


class Unrolled(eqx.Module):
    """What a cell did at every step: its outputs and, if asked for, its states.

    `states` leads every array of the cell's state with time; what stands at step t is
    what step t left behind. `last` is the state after the last step that is there.
    """

    hs: Float[Array, "time hidden"]
    states: State | None = None
    last: State | None = None


class Seen(NamedTuple):
    """What the loop meets, at one step or at all; None is what a run does without."""

    x: Array
    dt: Array
    present: Array | None
    nudge: State | None
    stops: Array | None


def unroll(
    cell: Any,
    sequence: Sequence,
    *,
    checkpoint: Checkpoint = "none",
    stop_every: int | None = None,
    nudges: State | None = None,
    states: bool = False,
) -> Unrolled:
    """Returns what a cell does over one sequence of feature vectors.

    The cell starts in its initial state; its parametrized weights are computed once.
    Where a step is absent the state stays, and the output means nothing.

    Args:
        cell: takes steps (`nnarena.models.base.AbstractCell`).
        sequence: its inputs are feature vectors.
        checkpoint: what the gradient keeps of each step.
        stop_every: truncates backpropagation through time: no gradient crosses from
            step k * stop_every to the step before it. The outputs are the same.
        nudges: what is added to the state that each step finds, with the structure of
            the state and a leading axis of time; None stands for a leaf without.
        states: whether to return the states too.

    Raises:
        ValueError: there is no such way to checkpoint, or no step to truncate at.
    """
    require(Checkpoint, checkpoint=checkpoint)
    require(AtLeastOne | None, truncation=stop_every)
    ready = own_vectors(resolve(cell), sequence.xs[0, 0])

    def step(state, seen):
        found = _found(state, seen)
        left, h = ready(found, seen.x, seen.dt)
        left = _where(seen.present, left, found)
        return left, (h, left if states else None)

    places = jnp.arange(sequence.length)
    stops = None if stop_every is None else places % stop_every == 0
    seen = Seen(sequence.xs, sequence.dts, sequence.present, nudges, stops)
    step, start = checkpointed(step, checkpoint), ready.init_state()
    if checkpoint == "chunk":
        chunk = jax.checkpoint(lambda state, seen: jax.lax.scan(step, state, seen))
        last, found = by_chunks(chunk, start, seen)
    else:
        last, found = jax.lax.scan(step, start, seen)
    return Unrolled(found[0], found[1], last)


def _found(state: State, seen: Seen) -> State:
    """Returns the state that a step finds: nudged, and cut from its past.

    So a nudge is felt as the state is that it moves, not at all where that is cut off.
    """
    if seen.nudge is not None:
        state = eqx.apply_updates(state, seen.nudge)
    if seen.stops is None:
        return state
    return _where(seen.stops, jax.lax.stop_gradient(state), state)


def _where(holds: Bool[Array, ""] | None, state: State, other: State) -> State:
    """Returns one of two states; the first where nothing is asked."""
    if holds is None:
        return state
    return jax.tree.map(lambda *pair: jnp.where(holds, *pair), state, other)


def checkpointed(step: Any, checkpoint: Checkpoint) -> Any:
    """Returns a loop's step of which the gradient finds again what `checkpoint` says.

    A loop keeps its steps apart, and what is computed twice in one stays so.
    """
    keep = _nothing if checkpoint == "step" else _dear
    return jax.checkpoint(step, policy=keep, prevent_cse=False)


def by_chunks(
    chunk: Any, start: State, steps: PyTree[Array]
) -> tuple[State, PyTree[Array]]:
    """Returns the last state, and what chunks of sqrt(time) steps yield in turn.

    Args:
        chunk: from a state and some steps to the state after them, and what they yield.
        start: the state before the first step.
        steps: arrays that lead with time, as those that come back do.
    """
    time = len(jax.tree.leaves(steps)[0])
    size = math.isqrt(time)
    whole = time - time % size

    def cut(array: Array) -> Array:
        return array[:whole].reshape(-1, size, *array.shape[1:])

    def joined(array: Array) -> Array:
        return array.reshape(whole, *array.shape[2:])

    state, first = jax.lax.scan(chunk, start, jax.tree.map(cut, steps))
    first = jax.tree.map(joined, first)
    if whole == time:
        return state, first
    state, rest = chunk(state, jax.tree.map(lambda array: array[whole:], steps))
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), first, rest)


def own_vectors(cell: Any, example: Float[Array, ""]) -> Any:
    """Returns the cell with copies of its vectors that belong to one example.

    `example` is any number of the example: where `jax.vmap` gives every example its
    own, it gives each its own copies too. A part with a true `shares_vectors`
    keeps its own.
    """
    zero = jnp.minimum(jnp.abs(jax.lax.stop_gradient(example)), 0.0)

    def copied(weight: Any) -> Any:
        vector = eqx.is_inexact_array(weight) and weight.ndim == 1
        return weight + zero.astype(weight.dtype) if vector else weight

    def shares(part: Any) -> bool:
        return getattr(part, "shares_vectors", False)

    return jax.tree.map(copied, cell, is_leaf=shares)


def _dear(primitive: Any, *arguments: Any, **_: Any) -> bool:
    if primitive.name in ("exp", "exp2"):
        return math.prod(arguments[0].shape) <= WIDE
    return primitive.name in DEAR


def _nothing(*_: Any, **__: Any) -> bool:
    return False
