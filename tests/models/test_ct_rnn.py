"""The continuous-time network against the solvers of diffrax."""

import math

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.ct_rnn import CTRNN
from nnarena.nn.ode import Method, Solver, integrate


FEATURES, HIDDEN, LENGTH = 3, 6, 10
TAU = 0.7


def make_cell(dtype: type, *, solver: Solver = "euler", unfolds: int = 6) -> CTRNN:
    """Returns a cell whose every weight is random, in one precision."""
    rng = np.random.default_rng(11)
    cell = CTRNN(
        FEATURES, HIDDEN, tau=TAU, solver=solver, unfolds=unfolds, key=jax.random.key(0)
    )
    return eqx.tree_at(
        lambda c: (c.input_weight, c.recurrent_weight, c.bias, c.gain),
        cell,
        (
            jnp.asarray(rng.standard_normal((FEATURES, HIDDEN)).astype(dtype)),
            jnp.asarray(0.6 * rng.standard_normal((HIDDEN, HIDDEN)).astype(dtype)),
            jnp.asarray(0.3 * rng.standard_normal(HIDDEN).astype(dtype)),
            jnp.asarray(rng.uniform(0.5, 1.5, HIDDEN).astype(dtype)),
        ),
    )


def draw_sequence(dtype: type) -> tuple[jax.Array, jax.Array]:
    """Returns inputs at irregular times, apart by 0.05 to 1.2."""
    rng = np.random.default_rng(12)
    xs = rng.standard_normal((LENGTH, FEATURES)).astype(dtype)
    dts = rng.uniform(0.05, 1.2, LENGTH).astype(dtype)
    return jnp.asarray(xs), jnp.asarray(dts)


def solve(cell: CTRNN, xs: jax.Array, dts: jax.Array) -> np.ndarray:
    """Returns the state after each interval, by an adaptive solver of order 8."""

    def field(_, h, x):
        inside = x @ cell.input_weight + h @ cell.recurrent_weight + cell.bias
        return -h / TAU + cell.gain * jnp.tanh(inside)

    def interval(h, observation):
        x, dt = observation
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Dopri8(),
            t0=jnp.zeros_like(dt),
            t1=dt,
            dt0=0.1 * dt,
            y0=h,
            args=x,
            stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-13),
        )
        assert solution.ys is not None
        return solution.ys[-1], solution.ys[-1]

    start = jnp.zeros(HIDDEN, dtype=xs.dtype)
    # Diffrax promotes and broadcasts inside; nothing of ours runs here.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return np.asarray(jax.lax.scan(interval, start, (xs, dts))[1])


@pytest.fixture(scope="module")
def solution() -> np.ndarray:
    """The states of the equation itself, in double precision."""
    with jax.enable_x64(True):
        return solve(make_cell(np.float64), *draw_sequence(np.float64))


def deviation(solver: Solver, unfolds: int, solution: np.ndarray) -> float:
    """Returns how far the unfolded cell is from the solution, in double precision."""
    with jax.enable_x64(True):
        cell = make_cell(np.float64, solver=solver, unfolds=unfolds)
        hs = np.asarray(unroll(cell, Sequence(*draw_sequence(np.float64))).hs)
    assert hs.dtype == np.float64
    return float(np.max(np.abs(hs - solution)))


@pytest.mark.parametrize(
    ("solver", "order", "unfolds", "bound"),
    [("euler", 1, 32, 5e-3), ("rk4", 4, 16, 2e-7)],
)
def test_more_unfolds_approach_the_solution_at_the_solver_s_order(
    solver: Solver, order: int, unfolds: int, bound: float, solution: np.ndarray
):
    coarse = deviation(solver, unfolds, solution)
    fine = deviation(solver, 2 * unfolds, solution)
    assert abs(np.log2(coarse / fine) - order) < 0.15
    assert 1e-10 < fine < bound  # below 1e-10 the reference's own error would show


def test_single_precision_is_the_solution_to_rounding(solution: np.ndarray):
    cell = make_cell(np.float32, solver="rk4", unfolds=16)
    hs = unroll(cell, Sequence(*draw_sequence(np.float32))).hs
    assert hs.dtype == jnp.float32
    np.testing.assert_allclose(hs, solution, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("solver", "unfolds", "bound"), [("euler", 6, 0.1), ("rk4", 3, 0.005)]
)
def test_numbers_in_use_are_near_the_solution(
    solver: Solver, unfolds: int, bound: float, solution: np.ndarray
):
    """The default, and the thesis' own three steps of Runge-Kutta."""
    assert deviation(solver, unfolds, solution) < bound


@pytest.mark.parametrize("solver", ["euler", "rk4"])
def test_two_halves_of_an_interval_are_twice_the_unfolds(solver: Solver):
    xs, dts = draw_sequence(np.float32)
    whole = unroll(
        make_cell(np.float32, solver=solver, unfolds=8), Sequence(xs, dts)
    ).hs
    halves = unroll(
        make_cell(np.float32, solver=solver, unfolds=4),
        Sequence(jnp.repeat(xs, 2, axis=0), jnp.repeat(dts / 2.0, 2)),
    ).hs
    np.testing.assert_allclose(halves[1::2], whole, rtol=0, atol=2e-6)


def test_no_time_changes_nothing():
    cell = make_cell(np.float32)
    state = jnp.arange(HIDDEN, dtype=jnp.float32) / HIDDEN
    after, output = cell(state, jnp.ones(FEATURES), jnp.float32(0.0))
    np.testing.assert_array_equal(after, state)
    np.testing.assert_array_equal(output, state)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("rk4", 4)])
@pytest.mark.parametrize("unfolds", [1, 3])
def test_decay_alone_is_the_solver_s_polynomial(
    solver: Solver, order: int, unfolds: int
):
    """A method of order p <= 4 multiplies by the first p + 1 terms of exp(z)."""
    state = jnp.asarray([1.0, -2.0])

    def decay(h):
        return jnp.zeros_like(h), 1.0 / TAU

    found = integrate(decay, state, jnp.float32(0.8), Method(solver, unfolds))
    z = -0.8 / TAU / unfolds
    factor = sum(z**power / math.factorial(power) for power in range(order + 1))
    np.testing.assert_allclose(found, state * factor**unfolds, rtol=2e-6, atol=0)
