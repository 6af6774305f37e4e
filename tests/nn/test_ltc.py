"""Liquid time-constant neurons against the equation, and against a plain loop."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, PyTree

from nnarena.nn.ltc import Circuit, positive
from nnarena.nn.ode import Method
from nnarena.nn.parametrization import resolve
from nnarena.nn.wiring import Wiring, edges, policy_wiring


FEATURES, NEURONS = 3, 12
WIRING = policy_wiring(
    FEATURES,
    inter=5,
    command=4,
    motor=3,
    sensory_fanout=2,
    inter_fanout=2,
    recurrent_command=6,
    motor_fanin=2,
    seed=5,
)


def in_double(tree: PyTree) -> PyTree:
    """Returns the tree with its numbers in double precision."""
    return jax.tree.map(
        lambda x: x.astype(np.float64) if eqx.is_inexact_array(x) else x, tree
    )


def make(wiring: Wiring = WIRING, *, unfolds: int = 6, seed: int = 0) -> Circuit:
    """Returns a circuit at its random start."""
    return Circuit(
        wiring, method=Method("semi_implicit", unfolds), key=jax.random.key(seed)
    )


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns normal numbers that single precision holds."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def softplus(parameter: Any) -> np.ndarray:
    """Returns a positive weight, in double precision by numpy."""
    return np.log1p(np.exp(np.asarray(parameter.raw, np.float64)))


def loop_step(circuit: Any, v: np.ndarray, x: np.ndarray, dt: float) -> np.ndarray:
    """One observation as the paper writes it, synapse by synapse."""
    capacitance, leak = softplus(circuit.capacitance), softplus(circuit.leak)
    for _ in range(circuit.method.unfolds):
        above = capacitance * circuit.method.unfolds / dt * v
        above += leak * np.asarray(circuit.leak_potential, np.float64)
        below = capacitance * circuit.method.unfolds / dt + leak
        for synapses, sources in ((circuit.sensory, x), (circuit.recurrent, v)):
            weight = softplus(synapses.weight)
            for s in range(len(weight)):
                pre = float(sources[int(synapses.source[s])])
                slope, center = float(synapses.slope[s]), float(synapses.center[s])
                opened = weight[s] / (1.0 + np.exp(-slope * (pre - center)))
                target = int(synapses.target[s])
                above[target] += opened * float(synapses.reversal[s])
                below[target] += opened
        v = above / below
    return v


@pytest.mark.usefixtures("double_precision")
def test_edges_are_the_plain_loop_over_synapses():
    circuit, ready = make(), eqx.filter_jit(resolve(make()))
    v = np.zeros(NEURONS)
    state = jnp.zeros(NEURONS)
    xs = draw(8, FEATURES).astype(np.float64)
    dts = np.exp(draw(8, seed=1).astype(np.float64))
    for x, dt in zip(xs, dts, strict=True):
        v = loop_step(circuit, v, x, float(dt))
        state = ready(state, jnp.asarray(x), jnp.asarray(dt))
        np.testing.assert_allclose(state, v, rtol=0, atol=1e-11)
    assert np.ptp(v) > 0.5


def alone(*, self_synapse: int = 0) -> Wiring:
    """One neuron, touched by one input, and by itself if asked for."""
    return Wiring(
        edges(np.ones((1, 1), np.int32)), edges(np.full((1, 1), self_synapse, np.int32))
    )


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("dt", [0.3, 5.0, 1e6])
def test_one_neuron_rests_where_its_equation_does(dt: float):
    """v* = (G L + w sigma E) / (G + w sigma): at any step fixed, and reached."""
    circuit = make(alone())
    x = 0.7
    synapses: Any = circuit.sensory
    slope, center = float(synapses.slope[0]), float(synapses.center[0])
    opened = softplus(synapses.weight)[0] / (1 + np.exp(-slope * (x - center)))
    leak, potential = softplus(circuit.leak)[0], float(circuit.leak_potential[0])
    rest = (leak * potential + opened) / (leak + opened)  # polarity +1

    ready = eqx.filter_jit(resolve(circuit))
    at_rest = jnp.asarray([rest])
    after = ready(at_rest, jnp.asarray([x]), jnp.asarray(dt))
    np.testing.assert_allclose(after, at_rest, rtol=0, atol=1e-11)
    v = jnp.asarray([-3.0])
    for _ in range(100):
        v = ready(v, jnp.asarray([x]), jnp.asarray(dt))
    np.testing.assert_allclose(v, at_rest, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("double_precision")
def test_leak_alone_is_the_implicit_euler_polynomial():
    """Without an open synapse a substep divides the distance by 1 + delta G / C."""
    circuit = make(alone())
    closed = eqx.tree_at(lambda c: c.sensory.center, circuit, jnp.asarray([100.0]))
    ratio = 0.8 / 6 * softplus(circuit.leak)[0] / softplus(circuit.capacitance)[0]
    potential = float(circuit.leak_potential[0])
    expected = potential + (2.0 - potential) / (1.0 + ratio) ** 6
    found = resolve(closed)(jnp.asarray([2.0]), jnp.zeros(1), jnp.asarray(0.8))
    np.testing.assert_allclose(found, [expected], rtol=0, atol=1e-11)


@pytest.mark.usefixtures("double_precision")
def test_no_time_changes_nothing():
    v = jnp.asarray(draw(NEURONS).astype(np.float64))
    same = resolve(make())(v, jnp.ones(FEATURES), jnp.asarray(0.0))
    np.testing.assert_allclose(same, v, rtol=1e-12, atol=0)


def test_potentials_stay_between_the_potentials_that_pull():
    """Reversal potentials are +-1: no input and no time leads outside."""
    v = jnp.zeros(NEURONS)
    ready = eqx.filter_jit(resolve(make()))
    for x, dt in zip(100.0 * draw(20, FEATURES), np.logspace(-3, 6, 20), strict=True):
        v = ready(v, jnp.asarray(x), jnp.float32(dt))
        assert float(jnp.max(jnp.abs(v))) <= 1.0 + 1e-6


def solve(circuit: Any, v: Array, x: Array, duration: float) -> np.ndarray:
    """Returns the equation's potentials after a time, by a solver of order 8."""

    def flow(_, v, x):
        current, conductance = (
            here + there
            for here, there in zip(
                circuit.sensory(x), circuit.recurrent(v), strict=True
            )
        )
        pull = circuit.leak * (circuit.leak_potential - v) + current - conductance * v
        return pull / circuit.capacitance

    # Diffrax promotes and broadcasts inside; nothing of ours runs here.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(flow),
            diffrax.Dopri8(),
            t0=0.0,
            t1=duration,
            dt0=0.01,
            y0=v,
            args=x,
            stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-13),
        )
    assert solution.ys is not None
    return np.asarray(solution.ys[-1])


def test_more_unfolds_approach_the_solution_at_order_one():
    with jax.enable_x64(True):
        v, x = (jnp.asarray(draw(n).astype(np.float64)) for n in (NEURONS, FEATURES))
        exact = solve(in_double(resolve(make())), v, x, 1.3)
        away = []
        for unfolds in (64, 128):
            ready = in_double(resolve(make(unfolds=unfolds)))
            found = ready(v, x, jnp.asarray(1.3))
            away.append(float(jnp.max(jnp.abs(found - exact))))
    assert abs(np.log2(away[0] / away[1]) - 1.0) < 0.05
    assert 1e-6 < away[1] < 2e-2


def test_nothing_passes_where_there_is_no_synapse():
    """In one substep a neuron depends on its own synapses and itself, on no more."""
    ready = eqx.filter_jit(resolve(make(unfolds=1)))
    v, x = jnp.full(NEURONS, 0.5), jnp.full(FEATURES, 0.5)
    by_neuron, by_input = jax.jacobian(ready, argnums=(0, 1))(v, x, jnp.float32(1.0))
    for jacobian, synapses in (
        (by_neuron, WIRING.recurrent),
        (by_input, WIRING.sensory),
    ):
        joined = np.zeros((NEURONS, synapses.sources), bool)
        joined[synapses.target, synapses.source] = True
        if synapses is WIRING.recurrent:
            joined |= np.eye(NEURONS, dtype=bool)
        np.testing.assert_array_equal(np.asarray(jacobian) != 0.0, joined)


def test_positive_weights_start_in_their_range():
    start = np.asarray(positive(1_000, 0.001, 1.0, key=jax.random.key(0)).value())
    assert 0.001 <= start.min() < 0.01
    assert 0.99 < start.max() <= 1.0
    assert abs(start.mean() - 0.5) < 0.03
