r"""Solvers of $C \dot h = I(h) - G(h) \odot h$ over one interval: all that there are.

    euler          steps of order 1, explicit
    rk4            steps of order 4, explicit: four times the work of Euler's
    semi_implicit  steps of order 1, fused: stable at any step while C, G >= 0
    tsit5, dopri5  adaptive steps of order 5, explicit
    kvaerno5       adaptive steps of order 5, implicit: for stiff equations

Steps of fixed size are a Python loop over the few of them: an inner scan would be a
loop within the loop. The adaptive solvers are those of diffrax, which is imported when
one of them is asked for and not before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.numbers import AtLeastOne, NotNegative, require
from ..core.types import Scalar


Vector = Float[Array, " hidden"]
Currents = Callable[[Vector], tuple[Vector, Vector | float]]
"""Of a state, the current $I$ that drives it and the conductance $G$ that holds it."""

Field = Callable[[Vector], Vector]
Solver = Literal["euler", "rk4", "semi_implicit", "tsit5", "dopri5", "kvaerno5"]
ADAPTIVE = {"tsit5": "Tsit5", "dopri5": "Dopri5", "kvaerno5": "Kvaerno5"}

TOLERANCES = (1e-4, 1e-6, 256)
"""What `rtol`, `atol` and `max_steps` are, unless others are given."""


@dataclass(frozen=True)
class Method:
    """How an equation is solved between two observations.

    A fixed-step solver takes `unfolds` equal steps. An adaptive one tries steps of
    that size first and then chooses them so that each one's error stays below
    `atol + rtol |h|`; an interval that it does not cross in `max_steps` gives NaN,
    so that a run which meets one counts as diverged. In single precision the implicit
    one cannot settle to less than `rtol` of about 1e-3 where rates times `dt` go into
    the hundreds, and gives up.

    Raises:
        ValueError: no such solver, a number out of its range or without an effect.
        ImportError: the solver is adaptive and diffrax is not installed.
    """

    solver: Solver
    unfolds: int
    rtol: float = TOLERANCES[0]
    atol: float = TOLERANCES[1]
    max_steps: int = TOLERANCES[2]

    def __post_init__(self):
        require(Solver, solver=self.solver)
        require(AtLeastOne, unfolds=self.unfolds, max_steps=self.max_steps)
        require(NotNegative, rtol=self.rtol, atol=self.atol)
        if self.rtol + self.atol == 0.0:
            raise ValueError("rtol and atol must not both be 0")
        if self.solver in ADAPTIVE:
            _diffrax(self.solver)
        elif (self.rtol, self.atol, self.max_steps) != TOLERANCES:
            raise ValueError(
                f"rtol, atol and max_steps are of {', '.join(ADAPTIVE)}, and "
                f"{self.solver} takes equal steps: leave them out"
            )


def integrate(
    currents: Currents,
    h: Vector,
    dt: Scalar,
    method: Method,
    *,
    capacitance: Vector | float = 1.0,
) -> Vector:
    """Returns h after time `dt`; no time at all changes nothing."""
    if method.solver == "semi_implicit":
        for _ in range(method.unfolds):
            h = semi_implicit_step(currents, h, dt / method.unfolds, capacitance)
        return h

    def field(h: Vector) -> Vector:
        current, conductance = currents(h)
        return (current - conductance * h) / capacitance

    if method.solver in ADAPTIVE:
        return adaptive_steps(field, h, dt, method)
    step = euler_step if method.solver == "euler" else rk4_step
    for _ in range(method.unfolds):
        h = step(field, h, dt / method.unfolds)
    return h


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


def semi_implicit_step(
    currents: Currents, h: Vector, dt: Scalar, capacitance: Vector | float
) -> Vector:
    """Returns the step with I and G of before it and the h that G holds of after it.

    The fused step of Hasani et al. (2021), algorithm 1: a mean of h and I / G, never
    beyond either. Multiplied out by dt, so that no time at all divides by no zero.
    """
    current, conductance = currents(h)
    return (capacitance * h + dt * current) / (capacitance + dt * conductance)


def adaptive_steps(field: Field, h: Vector, dt: Scalar, method: Method) -> Vector:
    """Returns h after time `dt` by an adaptive solver, or NaN if it gave up.

    Time is counted in units of `dt`, so that an interval of length zero is a field of
    zero and no special case.
    """
    diffrax = _diffrax(method.solver)
    control = diffrax.PIDController(rtol=method.rtol, atol=method.atol)
    # Diffrax promotes and broadcasts inside, which the arena's tests bar elsewhere.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, h, args: dt * field(h)),
            getattr(diffrax, ADAPTIVE[method.solver])(),
            t0=0.0,
            t1=1.0,
            dt0=1.0 / method.unfolds,
            y0=h,
            stepsize_controller=control,
            max_steps=method.max_steps,
            throw=False,  # divergence is an outcome, not an exception
        )
        arrived = diffrax.is_successful(solution.result)
    return jnp.where(arrived, solution.ys[0], jnp.nan)


def _diffrax(solver: Solver) -> Any:
    try:
        import diffrax
    except ImportError as error:
        raise ImportError(
            f"solver {solver!r} needs diffrax: pip install '.[solvers]' in the "
            "arena's clone"
        ) from error
    return diffrax
