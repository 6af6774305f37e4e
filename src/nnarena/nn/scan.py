"""The one loop over time that every recurrent contender shares.

The form is chosen for a CPU: vectors on the left of the
matrices, the input projection inside the step, no unrolling, everything that depends
on parameters alone resolved before the loop.
"""

from typing import Any

import jax
from jaxtyping import Array, Float

from ..core.types import Times
from .parametrization import resolve


def scan(
    cell: Any, xs: Float[Array, "time features"], dts: Times
) -> Float[Array, "time hidden"]:
    """Returns the outputs of a cell at every step of one sequence.

    The cell starts in its initial state; its parametrized weights are computed once.
    """
    ready = resolve(cell)

    def step(state, observation):
        x, dt = observation
        return ready(state, x, dt)

    _, hs = jax.lax.scan(step, ready.init_state(), (xs, dts))
    return hs
