"""Neural circuit policies against the authors' package, `ncps`, and the thesis."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from safetensors.numpy import load_file
from tests.compiled import unroll

from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.ncp import NCP
from nnarena.nn.ltc import Circuit
from nnarena.nn.ode import Method
from nnarena.nn.wiring import Wiring, edges


KEY = jax.random.key(0)
FEATURES, MOTOR = 3, 4
METHOD = Method("semi_implicit", 6)
THESIS: dict[str, Any] = {
    "inter": 9,
    "command": 7,
    "sensory_fanout": 2,
    "inter_fanout": 2,
    "recurrent_command": 14,
    "motor_fanin": 2,
}
Tensors = dict[str, np.ndarray]


def of_neurons(cell: Any) -> dict[str, Array]:
    """Returns the numbers of our cell per neuron, under the names of ncps."""
    circuit = cell.circuit
    return {
        "cm": circuit.capacitance.raw,
        "gleak": circuit.leak.raw,
        "vleak": circuit.leak_potential,
        "input_w": cell.input_scale,
        "input_b": cell.input_shift,
        "output_w": cell.output_scale,
        "output_b": cell.output_shift,
    }


def of_synapses(cell: Any) -> dict[str, Array]:
    """Returns the numbers of our cell per synapse, under the names of ncps."""
    found = {}
    for prefix, part in (
        ("", cell.circuit.recurrent),
        ("sensory_", cell.circuit.sensory),
    ):
        found[f"{prefix}w"] = part.weight.raw
        found[f"{prefix}sigma"] = part.slope
        found[f"{prefix}mu"] = part.center
        found[f"{prefix}erev"] = part.reversal
    return found


def recorded_wiring(oracle: Tensors) -> Wiring:
    """Returns the wiring that ncps drew."""
    return Wiring(edges(oracle["wiring.sensory"]), edges(oracle["wiring.neurons"]))


def at_synapses(oracle: Tensors, name: str, prefix: str) -> np.ndarray:
    """Returns what ncps has in a matrix, for the synapses that there are."""
    sensory = name.startswith("sensory_")
    own = (
        recorded_wiring(oracle).sensory
        if sensory
        else recorded_wiring(oracle).recurrent
    )
    return oracle[f"{prefix}.{name}"][own.source, own.target]


def recorded_cell() -> tuple[Tensors, NCP]:
    """Returns the oracle, and our cell with its wiring and numbers."""
    path = Path(__file__).parents[1] / "oracles" / "ltc.safetensors"
    oracle = load_file(path)
    cell = NCP(FEATURES, MOTOR, **THESIS, key=KEY)
    circuit = Circuit(recorded_wiring(oracle), method=METHOD, key=KEY)
    cell = eqx.tree_at(lambda c: c.circuit, cell, circuit)
    numbers = {name: oracle[f"weight.{name}"] for name in of_neurons(cell)}
    wired = {name: at_synapses(oracle, name, "weight") for name in of_synapses(cell)}
    for part, values in ((of_neurons, numbers), (of_synapses, wired)):
        for name, value in values.items():
            assert part(cell)[name].shape == value.shape, name
        cell = eqx.tree_at(
            lambda c, part=part: list(part(c).values()),
            cell,
            [jnp.asarray(value) for value in values.values()],
        )
    return oracle, cell


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_outputs_are_those_of_ncps_at_irregular_times(case: str):
    oracle, cell = recorded_cell()
    xs, dts = (jnp.asarray(oracle[f"{case}.{part}"]) for part in ("inputs", "elapsed"))
    hs = unroll(cell, Sequence(xs, dts)).hs
    assert np.ptp(oracle[f"{case}.outputs"]) > 0.5
    np.testing.assert_allclose(hs, oracle[f"{case}.outputs"], rtol=0, atol=1e-11)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("case", ["short", "long"])
def test_gradients_are_those_of_ncps(case: str):
    oracle, cell = recorded_cell()
    xs, dts, probe = (
        jnp.asarray(oracle[f"{case}.{part}"]) for part in ("inputs", "elapsed", "probe")
    )

    def loss(cell_and_inputs):
        cell, xs = cell_and_inputs
        return jnp.sum(probe * unroll(cell, Sequence(xs, dts)).hs)

    of_cell, of_inputs = eqx.filter_grad(loss)((cell, xs))
    prefix = f"{case}.gradient"
    expected = {name: oracle[f"{prefix}.{name}"] for name in of_neurons(cell)}
    expected |= {name: at_synapses(oracle, name, prefix) for name in of_synapses(cell)}
    found = of_neurons(of_cell) | of_synapses(of_cell)
    np.testing.assert_allclose(
        of_inputs, oracle[f"{prefix}.inputs"], rtol=1e-11, atol=1e-11
    )
    for name, gradient in expected.items():
        np.testing.assert_allclose(
            found[name], gradient, rtol=1e-11, atol=1e-11, err_msg=name
        )


@pytest.mark.parametrize("hidden", [1, 2, 3, 19])
def test_sizes_are_shares_of_the_width(hidden: int):
    cell: Any = NCP(2, hidden, key=KEY)
    assert cell.hidden_size == hidden
    assert cell.neurons == 2 * hidden + (3 * hidden + 1) // 2
    _, h = jax.eval_shape(scan_one, cell)
    assert h.shape == (hidden,)


def scan_one(cell: NCP):
    """Returns nothing of the state, and the output of one step."""
    return None, unroll(cell, Sequence(jnp.ones((1, 2)), jnp.ones(1))).hs[0]


def test_parameters_grow_with_every_unit_of_width():
    signature = Signature(Features(3), Values(2))
    counts = [
        count_parameters(Contender("ncp").shapes(signature, width))
        for width in range(1, 60)
    ]
    steps = np.diff(counts) / np.asarray(counts[1:])
    assert (steps > 0).all()
    assert steps[10:].max() < 0.25


def test_the_wiring_is_that_of_its_seed_whatever_the_run_s():
    one, two = (NCP(3, 6, key=jax.random.key(seed)) for seed in (0, 1))
    other = NCP(3, 6, wiring_seed=1, key=jax.random.key(0))

    def ends(cell: Any) -> list[list[int]]:
        part = cell.circuit.recurrent
        return [part.source.tolist(), part.target.tolist()]

    assert ends(one) == ends(two)
    assert ends(one) != ends(other)


def test_time_matters():
    cell = NCP(3, 4, key=KEY)
    xs = jnp.ones((5, 3))
    short, long = (unroll(cell, Sequence(xs, jnp.full(5, dt))).hs for dt in (0.1, 1.0))
    assert float(jnp.max(jnp.abs(short - long))) > 0.05
