"""Reciprocal pairs against ncps, and at states that are computed by hand."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from nnarena.check.quick import quick_jit
from nnarena.nn.flip_flops import FlipFlops, Polarity
from nnarena.nn.parametrization import resolve


KEY = jax.random.key(0)
PAIRS = 4
NEURONS = np.arange(2 * PAIRS)
SYNAPSES = {
    "entrance": ("sensory_", NEURONS),
    "own": ("", NEURONS),
    "across": ("", (NEURONS + PAIRS) % (2 * PAIRS)),
}
"""Under which prefix, and from which sources, ncps keeps each kind of synapse."""
NUMBERS = {"weight": "w", "slope": "sigma", "center": "mu", "reversal": "erev"}

Tensors = dict[str, np.ndarray]


def arrays_of(flops: Any) -> dict[str, Any]:
    """Returns all numbers of our pairs by name."""
    found = {"capacitance": flops.capacitance.raw}
    for part in SYNAPSES:
        for number in NUMBERS:
            value = getattr(getattr(flops, part), number)
            found[f"{part}.{number}"] = value.raw if number == "weight" else value
    return found


def recorded(oracle: Tensors, prefix: str) -> Tensors:
    """Returns the numbers of ncps, or their gradients, under our names."""
    found = {"capacitance": oracle[f"{prefix}.cm"]}
    for part, (kind, sources) in SYNAPSES.items():
        for number, theirs in NUMBERS.items():
            matrix = oracle[f"{prefix}.{kind}{theirs}"]
            found[f"{part}.{number}"] = matrix[sources, NEURONS]
    return found


def recorded_pairs() -> tuple[Tensors, FlipFlops]:
    """Returns the oracle, and our pairs with its numbers."""
    path = Path(__file__).parents[1] / "oracles" / "flip_flops.safetensors"
    oracle = load_file(path)
    flops = drawn(PAIRS, "excitatory", "synapse")
    values = recorded(oracle, "weight")
    assert values.keys() == arrays_of(flops).keys()
    return oracle, eqx.tree_at(
        lambda f: list(arrays_of(f).values()),
        flops,
        [jnp.asarray(values[name]) for name in arrays_of(flops)],
    )


@quick_jit
def drawn(pairs: int, own: Polarity, control: Any) -> FlipFlops:
    """Returns random pairs."""
    return FlipFlops(pairs, own=own, control=control, unfolds=6, key=KEY)


@quick_jit
def step(flops: Any, v: jax.Array, control: jax.Array, dt: jax.Array) -> jax.Array:
    """Returns the potentials after one step."""
    return flops(v, control, dt)


def outputs(flops: FlipFlops, controls: jax.Array, elapsed: jax.Array) -> jax.Array:
    """Returns the first neurons over a sequence."""
    ready: Any = resolve(flops)

    def step(potentials, observation):
        potentials = ready(potentials, *observation)
        return potentials, potentials[:PAIRS]

    return jax.lax.scan(step, jnp.zeros(2 * PAIRS), (controls, elapsed))[1]


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_and_gradients_are_those_of_ncps_at_irregular_times(case: str):
    oracle, flops = recorded_pairs()
    controls, elapsed, probe = (
        jnp.asarray(oracle[f"{case}.{part}"]) for part in ("inputs", "elapsed", "probe")
    )
    assert np.ptp(oracle[f"{case}.outputs"]) > 0.5

    def loss(both: tuple[FlipFlops, jax.Array]) -> tuple[jax.Array, jax.Array]:
        flops, controls = both
        hs = outputs(flops, controls, elapsed)
        return jnp.sum(probe * hs), hs

    slopes = quick_jit(eqx.filter_grad(loss, has_aux=True))
    (of_flops, of_controls), hs = slopes((flops, controls))
    np.testing.assert_allclose(hs, oracle[f"{case}.outputs"], rtol=0, atol=1e-11)
    expected = recorded(oracle, f"{case}.gradient")
    expected["controls"] = oracle[f"{case}.gradient.inputs"]
    found = {**arrays_of(of_flops), "controls": of_controls}
    for name, gradient in expected.items():
        np.testing.assert_allclose(
            found[name], gradient, rtol=1e-11, atol=1e-11, err_msg=name
        )


def sharp(own: Polarity, entrance: float) -> Any:
    """Returns one pair whose synapses are switches: closed below 0.5, open above.

    Own and inhibiting conductances are 1, that of the control is `entrance`.
    """
    flops: Any = resolve(drawn(1, own, "synapse"))
    both = jnp.ones(2)
    for part, conductance in (("own", 1.0), ("across", 1.0), ("entrance", entrance)):
        flops = eqx.tree_at(
            lambda f, part=part: (
                getattr(f, part).weight,
                getattr(f, part).slope,
                getattr(f, part).center,
            ),
            flops,
            (conductance * both, 1e3 * both, 0.5 * both),
        )
    return eqx.tree_at(lambda f: f.capacitance, flops, both)


def settle(flops: Any, potentials: tuple[float, float], control: float) -> np.ndarray:
    """Returns the potentials after a long time under one control."""
    v, dt = jnp.asarray(potentials), jnp.asarray(2.0, jnp.float32)
    for _ in range(40):
        v = step(flops, v, jnp.asarray([control]), dt)
    return np.asarray(v)


UP, DOWN = (1.0, -1.0), (-1.0, 1.0)


@pytest.mark.parametrize("state", [UP, DOWN])
@pytest.mark.parametrize("dt", [0.01, 1.0, 1e4])
def test_both_states_stay_as_they_are_when_nothing_drives_them(
    state: tuple[float, float], dt: float
):
    flops = sharp("excitatory", 4.0)
    after = step(flops, jnp.asarray(state), jnp.zeros(1), jnp.float32(dt))
    np.testing.assert_allclose(after, state, rtol=0, atol=1e-6)


def test_a_weak_control_is_withstood():
    """2 (1 - v) + 1 (-1 - v) = 0 at 1/3: too low to shut the neuron that is up."""
    after = settle(sharp("excitatory", 2.0), UP, -1.0)
    np.testing.assert_allclose(after, [1.0, 1.0 / 3.0], rtol=0, atol=1e-5)


def test_a_strong_control_turns_the_pair_over_and_it_stays():
    """4 (1 - v) + 1 (-1 - v) = 0 at 0.6: the other neuron opens its own synapses."""
    flops = sharp("excitatory", 4.0)
    turned = settle(flops, UP, -1.0)
    np.testing.assert_allclose(turned, DOWN, rtol=0, atol=1e-5)
    first, second = turned.tolist()
    np.testing.assert_allclose(settle(flops, (first, second), 0.0), DOWN, atol=1e-5)
    np.testing.assert_allclose(settle(flops, (first, second), 1.0), UP, atol=1e-5)


def test_with_inhibitory_synapses_of_their_own_no_neuron_stays_up():
    """They pull down what they should hold: it sinks until they close, at 0.5."""
    after = settle(sharp("inhibitory", 4.0), UP, 0.0)
    assert -1.0 <= after.min() <= after.max() < 0.5


def random_pairs(control: Any) -> Any:
    return resolve(drawn(PAIRS, "excitatory", control))


def test_potentials_stay_between_those_that_pull():
    rng = np.random.default_rng(0)
    flops, v = random_pairs("synapse"), jnp.zeros(2 * PAIRS)
    for dt in np.logspace(-3, 6, 20):
        control = jnp.asarray(100.0 * rng.standard_normal(PAIRS), jnp.float32)
        v = step(flops, v, control, jnp.float32(dt))
        assert np.max(np.abs(v)) <= 1.0 + 1e-6


@pytest.mark.parametrize("control", ["synapse", "current"])
def test_no_time_changes_nothing(control: str):
    v = jnp.linspace(-1.0, 1.0, 2 * PAIRS)
    after = step(random_pairs(control), v, jnp.ones(PAIRS), jnp.float32(0.0))
    np.testing.assert_allclose(after, v, rtol=1e-6, atol=0)
