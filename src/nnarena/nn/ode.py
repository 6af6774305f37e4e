"""Fixed-step solvers of dh/dt = f(h) over one interval, unrolled in the step.

A Python loop over the few substeps: an inner scan would be a loop within the loop.
"""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Array, Float

from ..core.types import Scalar


Vector = Float[Array, " hidden"]
Field = Callable[[Vector], Vector]
Solver = Literal["euler", "rk4"]


def euler_step(field: Field, h: Vector, dt: Scalar) -> Vector:
    """Returns h + dt f(h): order 1."""
    return h + dt * field(h)


def rk4_step(field: Field, h: Vector, dt: Scalar) -> Vector:
    """Returns one step of the classical Runge-Kutta method: order 4."""
    k1 = field(h)
    k2 = field(h + 0.5 * dt * k1)
    k3 = field(h + 0.5 * dt * k2)
    k4 = field(h + dt * k3)
    return h + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


STEPS = {"euler": euler_step, "rk4": rk4_step}


def integrate(
    field: Field, h: Vector, dt: Scalar, *, solver: Solver, unfolds: int
) -> Vector:
    """Returns h after time `dt`, in `unfolds` equal steps of the solver.

    Raises:
        ValueError: the solver is none of "euler" and "rk4".
    """
    if solver not in STEPS:
        raise ValueError(f"solver {solver!r} is none of {', '.join(STEPS)}")
    for _ in range(unfolds):
        h = STEPS[solver](field, h, dt / unfolds)
    return h
