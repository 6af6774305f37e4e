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
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import require
from ..core.types import Times
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


def scan(
    cell: Any,
    xs: Float[Array, "time features"],
    dts: Times,
    *,
    checkpoint: Checkpoint = "none",
) -> Float[Array, "time hidden"]:
    """Returns the outputs of a cell at every step of one sequence.

    The cell starts in its initial state; its parametrized weights are computed once.

    Raises:
        ValueError: there is no such way to checkpoint.
    """
    require(Checkpoint, checkpoint=checkpoint)
    ready = own_vectors(resolve(cell), xs[0, 0])

    def step(state, observation):
        x, dt = observation
        return ready(state, x, dt)

    step, start = checkpointed(step, checkpoint), ready.init_state()
    if checkpoint == "chunk":
        return _scan_chunks(step, start, xs, dts)
    return jax.lax.scan(step, start, (xs, dts))[1]


def checkpointed(step: Any, checkpoint: Checkpoint) -> Any:
    """Returns a loop's step of which the gradient finds again what `checkpoint` says.

    A loop keeps its steps apart, and what is computed twice in one stays so.
    """
    keep = _nothing if checkpoint == "step" else _dear
    return jax.checkpoint(step, policy=keep, prevent_cse=False)


def _scan_chunks(step: Any, start: Any, xs: Array, dts: Array) -> Array:
    """Returns what a scan does, in chunks whose insides the gradient computes again."""
    time = len(dts)
    size = math.isqrt(time)
    whole = time - time % size

    @jax.checkpoint
    def chunk(state, observations):
        return jax.lax.scan(step, state, observations)

    def cut(array: Array) -> Array:
        return array[:whole].reshape(-1, size, *array.shape[1:])

    state, hs = jax.lax.scan(chunk, start, (cut(xs), cut(dts)))
    hs = hs.reshape(whole, -1)
    if whole == time:
        return hs
    return jnp.concatenate([hs, chunk(state, (xs[whole:], dts[whole:]))[1]])


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
