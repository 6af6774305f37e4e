"""The ODE-LSTM against diffrax and closed forms; `test_oracles.py` has torch's answers.

The LSTM that drives the equation here is the contender `lstm`, which is held to torch.
"""

import math

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.lstm import LSTM
from nnarena.models.ode_lstm import ODELSTM
from nnarena.nn.ode import Solver


FEATURES, HIDDEN, LENGTH = 3, 6, 10
KEY = jax.random.key(0)
LSTM_WEIGHTS = ("input_weight", "recurrent_weight", "bias")
FLOW_WEIGHTS = ("flow_input_weight", "flow_recurrent_weight", "flow_bias", "flow_gain")


def fill(cell, names: tuple[str, ...], scale: float = 0.6):
    """Returns the cell with random weights, the same for the same names."""
    rng = np.random.default_rng(len(names))

    def draw(name: str) -> jax.Array:
        old = getattr(cell, name)
        return jnp.asarray(scale * rng.standard_normal(old.shape), old.dtype)

    return eqx.tree_at(
        lambda c: tuple(getattr(c, name) for name in names),
        cell,
        tuple(draw(name) for name in names),
    )


def make_cell(solver: Solver = "euler", unfolds: int = 4) -> ODELSTM:
    """Returns a cell whose every weight is random."""
    cell = ODELSTM(FEATURES, HIDDEN, solver=solver, unfolds=unfolds, key=KEY)
    return fill(fill(cell, LSTM_WEIGHTS), FLOW_WEIGHTS)


def draw_sequence(dtype: type) -> tuple[jax.Array, jax.Array]:
    """Returns inputs at irregular times, apart by 0.05 to 1.2."""
    rng = np.random.default_rng(12)
    xs = rng.standard_normal((LENGTH, FEATURES)).astype(dtype)
    dts = rng.uniform(0.05, 1.2, LENGTH).astype(dtype)
    return jnp.asarray(xs), jnp.asarray(dts)


def solve(xs: jax.Array, dts: jax.Array) -> np.ndarray:
    """Returns the state after each interval, by an adaptive solver of order 8."""
    lstm, cell = fill(LSTM(FEATURES, HIDDEN, key=KEY), LSTM_WEIGHTS), make_cell()

    def field(_, h, drive):
        inside = drive @ cell.flow_input_weight + h @ cell.flow_recurrent_weight
        return cell.flow_gain * jnp.tanh(inside + cell.flow_bias) - h

    def interval(state, observation):
        x, dt = observation
        (_, c), drive = lstm(state, x, dt)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Dopri8(),
            t0=jnp.zeros_like(dt),
            t1=dt,
            dt0=0.1 * dt,
            y0=state[0],  # the state flows on; the LSTM's output only drives it
            args=drive,
            stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-13),
        )
        assert solution.ys is not None
        return (solution.ys[-1], c), solution.ys[-1]

    start = jnp.zeros(HIDDEN, xs.dtype), jnp.zeros(HIDDEN, xs.dtype)
    # Diffrax promotes and broadcasts inside; nothing of ours is judged here.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return np.asarray(jax.lax.scan(interval, start, (xs, dts))[1])


@pytest.fixture(scope="module")
def solution() -> np.ndarray:
    """The states of the equation itself, in double precision."""
    with jax.enable_x64(True):
        return solve(*draw_sequence(np.float64))


def deviation(solver: Solver, unfolds: int, solution: np.ndarray) -> float:
    """Returns how far the unfolded cell is from the solution, in double precision."""
    with jax.enable_x64(True):
        hs = np.asarray(
            unroll(make_cell(solver, unfolds), Sequence(*draw_sequence(np.float64))).hs
        )
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


def test_the_default_is_near_the_solution(solution: np.ndarray):
    assert deviation("euler", 4, solution) < 0.1


def test_without_time_the_memory_moves_and_the_state_does_not():
    cell, lstm = make_cell(), fill(LSTM(FEATURES, HIDDEN, key=KEY), LSTM_WEIGHTS)
    state = jnp.linspace(-1.0, 1.0, HIDDEN), jnp.linspace(2.0, 3.0, HIDDEN)
    (h, c), output = cell(state, jnp.ones(FEATURES), jnp.float32(0.0))
    np.testing.assert_array_equal(h, state[0])
    np.testing.assert_array_equal(output, state[0])
    (_, memory), _ = lstm(state, jnp.ones(FEATURES), jnp.float32(0.0))
    np.testing.assert_allclose(c, memory, rtol=1e-6)


@pytest.mark.parametrize("dt", [0.3, 1.0])
def test_a_constant_drive_is_approached_exponentially(dt: float):
    """Without weights h' + h = s tanh(b'), whose solution is known."""
    cell = make_cell("rk4", unfolds=16)
    zeros = jnp.zeros((HIDDEN, HIDDEN))
    cell = eqx.tree_at(
        lambda c: (c.flow_input_weight, c.flow_recurrent_weight), cell, (zeros, zeros)
    )
    start = jnp.linspace(-1.0, 1.0, HIDDEN)
    (h, _), _ = cell((start, start), jnp.ones(FEATURES), jnp.float32(dt))
    rest = np.asarray(cell.flow_gain) * np.tanh(np.asarray(cell.flow_bias))
    expected = rest + (np.asarray(start) - rest) * math.exp(-dt)
    np.testing.assert_allclose(h, expected, rtol=0, atol=1e-6)


def test_the_forget_gate_starts_open():
    """Nothing seen, nothing said: the memory shrinks by the logistic of the bias."""
    cell = ODELSTM(FEATURES, HIDDEN, forget_bias=3.0, key=KEY)
    state = jnp.zeros(HIDDEN), jnp.ones(HIDDEN)
    (_, c), _ = cell(state, jnp.zeros(FEATURES), jnp.float32(1.0))
    np.testing.assert_allclose(c, 1.0 / (1.0 + math.exp(-3.0)), rtol=1e-6)


THESIS = {  # inputs, outputs, weights in all, at 64 units
    "activity": (7, 7, 27_207),
    "add": (2, 1, 25_537),
    "walker": (17, 17, 30_417),
    "memory": (1, 10, 25_866),
    "mnist": (8, 10, 27_658),
}
