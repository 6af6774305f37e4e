"""Solvers against each other, the closed form of a decay, and what they refuse."""

import math
import subprocess
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from tests.compiled import integrate, unroll

from nnarena.core.types import Sequence
from nnarena.models.base import AbstractCell
from nnarena.models.ct_rnn import CTRNN
from nnarena.models.memory_cell import MemoryCell
from nnarena.models.ncp import NCP
from nnarena.models.ode_lstm import ODELSTM
from nnarena.nn.ode import ADAPTIVE, Method, Solver


FEATURES, LENGTH = 4, 6
KEY = jax.random.key(0)
RATE = 0.7
EXPLICIT = ("tsit5", "dopri5")
NOT_IMPLICIT = ("euler", "rk4", "semi_implicit", *EXPLICIT)


def decay(h):
    """The equation h' = 1 - RATE h: a current of one and a leak."""
    return jnp.ones_like(h), RATE


def decayed(h: np.ndarray, dt: float) -> np.ndarray:
    """Its solution."""
    return 1.0 / RATE + (h - 1.0 / RATE) * math.exp(-RATE * dt)


@pytest.mark.parametrize(
    ("solver", "dt"),
    [
        ("tsit5", 1e-3),
        ("tsit5", 300.0),
        ("dopri5", 2.0),
        pytest.param("kvaerno5", 2.0, marks=pytest.mark.slow),
    ],
)
def test_an_adaptive_solver_meets_the_closed_form(solver: Solver, dt: float):
    start = jnp.asarray([1.0, -2.0])
    found = integrate(decay, start, jnp.float32(dt), Method(solver, 2))
    np.testing.assert_allclose(found, decayed(np.asarray(start), dt), atol=3e-4)


@pytest.mark.parametrize("solver", NOT_IMPLICIT)
def test_no_time_changes_nothing(solver: Solver):
    start = jnp.asarray([1.0, -2.0])
    same = integrate(
        decay, start, jnp.float32(0.0), Method(solver, 3), capacitance=jnp.ones(2)
    )
    np.testing.assert_array_equal(same, start)


@pytest.mark.parametrize("solver", ["semi_implicit", "tsit5"])
def test_without_time_the_gradient_is_that_of_doing_nothing(solver: Solver):
    def total(h, dt):
        return jnp.sum(integrate(decay, h, dt, Method(solver, 3)))

    start = jnp.asarray([1.0, -2.0])
    of_h, of_dt = jax.grad(total, argnums=(0, 1))(start, jnp.float32(0.0))
    np.testing.assert_allclose(of_h, 1.0, rtol=1e-6)
    field = np.sum(1.0 - RATE * np.asarray(start))
    np.testing.assert_allclose(of_dt, field, rtol=1e-5)


def test_a_semi_implicit_step_is_a_mean_of_where_it_is_and_where_it_is_pulled():
    """(C h + dt I) / (C + dt G), by hand; at any step between the two."""
    start, capacitance = jnp.asarray([1.0, -2.0]), jnp.asarray([0.5, 2.0])

    def step(dt: float):
        method = Method("semi_implicit", 1)
        return integrate(decay, start, jnp.float32(dt), method, capacitance=capacitance)

    np.testing.assert_allclose(
        step(2.0), [(0.5 + 2.0) / (0.5 + 1.4), (-4.0 + 2.0) / (2.0 + 1.4)], rtol=1e-6
    )
    np.testing.assert_allclose(step(1e9), 1.0 / RATE, rtol=1e-6)


def test_capacitance_slows_alike_in_every_solver():
    start = jnp.asarray([1.0, -2.0])
    expected = decayed(np.asarray(start), 1.5 / 3.0)
    cases: list[tuple[Solver, float]] = [
        ("rk4", 1e-5),
        ("semi_implicit", 0.02),
        ("tsit5", 1e-4),
    ]
    for solver, bound in cases:
        found = integrate(
            decay, start, jnp.float32(1.5), Method(solver, 16), capacitance=3.0
        )
        np.testing.assert_allclose(found, expected, atol=bound, err_msg=solver)


def test_an_interval_that_takes_too_many_steps_is_not_a_number():
    method = Method("tsit5", 1, rtol=1e-6, atol=1e-8, max_steps=4)
    start = jnp.ones(2)
    assert np.isnan(integrate(decay, start, jnp.float32(500.0), method)).all()
    assert np.isfinite(integrate(decay, start, jnp.float32(0.1), method)).all()


def test_an_implicit_solver_crosses_a_stiff_interval_in_fewer_steps():
    """A field of rates 1 and 3,000: the explicit one gives up where this arrives."""

    def stiff(h):
        return jnp.ones_like(h), jnp.asarray([1.0, 3_000.0])

    def solve(solver: Solver):
        method = Method(solver, 4, rtol=1e-3, atol=1e-5, max_steps=128)
        return integrate(stiff, jnp.zeros(2), jnp.float32(5.0), method)

    assert np.isnan(solve("tsit5")).all()
    expected = [1.0 - math.exp(-5.0), 1.0 / 3_000.0]
    np.testing.assert_allclose(solve("kvaerno5"), expected, atol=5e-3)


CELLS: dict[str, Any] = {"ct_rnn": CTRNN, "ode_lstm": ODELSTM, "ncp": NCP}


def make(name: str, solver: Solver, unfolds: int, **numbers: Any) -> AbstractCell:
    """Returns a small cell with the same weights whatever its solver."""
    return CELLS[name](FEATURES, 4, solver=solver, unfolds=unfolds, key=KEY, **numbers)


def draw() -> tuple[jax.Array, jax.Array]:
    """Returns three sequences at irregular times, one of which stands still."""
    rng = np.random.default_rng(4)
    xs = rng.standard_normal((3, LENGTH, FEATURES)).astype(np.float32)
    dts = rng.uniform(0.0, 2.0, (3, LENGTH)).astype(np.float32)
    dts[1, 2] = 0.0
    return jnp.asarray(xs), jnp.asarray(dts)


def outputs(cell: AbstractCell, dts: jax.Array, parts: int) -> jax.Array:
    """Returns the outputs at every step of every sequence, in parts of intervals."""

    def one(xs, dts):
        finer = jnp.repeat(xs, parts, axis=0), jnp.repeat(dts / parts, parts)
        return unroll(cell, Sequence(*finer)).hs[parts - 1 :: parts]

    return jax.vmap(one)(draw()[0], dts)


def answers(name: str, solver: Solver, unfolds: int, parts: int = 1) -> jax.Array:
    """Returns the outputs of a cell under a solver, compiled."""
    tight = {"rtol": 1e-5, "atol": 1e-7} if solver in ADAPTIVE else {}
    cell = make(name, solver, unfolds, **tight)
    return jax.jit(outputs, static_argnums=2)(cell, draw()[1], parts)


def fine_steps(name: str) -> tuple[int, int]:
    """Returns steps of Runge-Kutta that are exact to rounding: per part, and parts.

    The LSTM within an ODE-LSTM is not a flow: its intervals are not to be cut.
    """
    return (6, 1) if name == "ode_lstm" else (2, 12)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(
    ("solver", "bound"),
    [
        ("tsit5", 5e-5),
        pytest.param("dopri5", 5e-5, marks=pytest.mark.slow),
        pytest.param("kvaerno5", 1e-4, marks=pytest.mark.slow),
    ],
)
def test_adaptive_solvers_agree_with_fine_steps(
    name: str, solver: Solver, bound: float
):
    """Under vmap, in the scan: so many steps of Runge-Kutta are exact to rounding."""
    expected = answers(name, "rk4", *fine_steps(name))
    found = answers(name, solver, 2)
    assert np.ptp(expected) > 0.1
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("name", ["ct_rnn", "ncp"])
def test_semi_implicit_steps_approach_the_same_solution(name: str):
    expected = answers(name, "rk4", 2, 12)
    away = [
        float(jnp.max(jnp.abs(answers(name, "semi_implicit", 2, n) - expected)))
        for n in (8, 16)
    ]
    assert away[1] < 0.05
    assert 1.6 < away[0] / away[1] < 2.4  # order one


def gradients(name: str, solver: Solver, unfolds: int, parts: int = 1) -> Any:
    """Returns the gradient of a loss over the sequences, of weights and of times."""
    tight = {"rtol": 1e-5, "atol": 1e-7} if solver in ADAPTIVE else {}
    cell = make(name, solver, unfolds, **tight)
    dts = draw()[1]
    weights, constants = eqx.partition((cell, dts), eqx.is_inexact_array)

    def loss(weights):
        cell, dts = eqx.combine(weights, constants)
        return jnp.mean(outputs(cell, dts, parts) ** 2)

    return jax.jit(jax.grad(loss))(weights)


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("ct_rnn", "tsit5"),
        pytest.param("ct_rnn", "dopri5", marks=pytest.mark.slow),
        pytest.param("ct_rnn", "kvaerno5", marks=pytest.mark.slow),
        pytest.param("ode_lstm", "tsit5", marks=pytest.mark.slow),
        pytest.param("ncp", "tsit5", marks=pytest.mark.slow),
    ],
)
def test_gradients_through_adaptive_steps_are_those_of_fine_ones(
    name: str, solver: Solver
):
    fine = gradients(name, "rk4", *fine_steps(name))
    found = gradients(name, solver, 2)
    pairs = zip(jax.tree.leaves(fine), jax.tree.leaves(found), strict=True)
    for ours, theirs in pairs:
        scale = float(jnp.max(jnp.abs(ours)))
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-3 * scale + 1e-6)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"unfolds": 0}, "at least 1"),
        ({"max_steps": 0}, "at least 1"),
        ({"rtol": -1e-3}, "rtol must be a number of at least 0"),
        ({"rtol": 0.0, "atol": 0.0}, "not both be 0"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Method(**{"solver": "rk4", "unfolds": 1, **numbers})


@pytest.mark.parametrize("make_cell", [CTRNN, ODELSTM, NCP, MemoryCell])
def test_a_cell_hands_its_numbers_to_the_method(make_cell: Any):
    with pytest.raises(ValueError, match="max_steps must be a whole number"):
        make_cell(FEATURES, 3, key=KEY, max_steps=0)


def test_an_unknown_solver_is_refused():
    """By the method, or before it by the check of types that tests run under."""
    solver: Any = "heun"
    with pytest.raises((ValueError, TypeCheckError), match=r"euler.*rk4"):
        Method(solver, 1)


WITHOUT_DIFFRAX = """
import sys
sys.modules["diffrax"] = None
from nnarena.nn.ode import Method
Method("rk4", 1)
try:
    Method("tsit5", 1)
except ImportError as error:
    print(error)
"""


def test_a_missing_diffrax_is_one_sentence():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DIFFRAX],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = (
        "solver 'tsit5' needs diffrax: pip install '.[solvers]' in the arena's clone"
    )
    assert done.stdout.strip() == expected


def test_fixed_steps_import_no_diffrax():
    script = (
        "import sys, jax\n"
        "from nnarena.models.ct_rnn import CTRNN\n"
        "CTRNN(2, 2, key=jax.random.key(0))\n"
        "print('diffrax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]


@pytest.mark.parametrize("given", [{"rtol": 1e-3}, {"atol": 1e-3}, {"max_steps": 9}])
def test_tolerances_of_equal_steps_are_refused(given):
    with pytest.raises(ValueError, match="rk4 takes equal steps: leave them out"):
        Method("rk4", 3, **given)
