"""The circuit behind a unitary network: its two parts, its wiring, its size."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.check.quick import quick_jit
from nnarena.core.types import Features, Sequence, Signature, Values
from nnarena.models.contender import Contender, count_parameters
from nnarena.models.unitary_ncp import UnitaryNCP


KEY = jax.random.key(0)
run = quick_jit(lambda cell, xs, dts: unroll(cell, Sequence(xs, dts)).hs)
THESIS: dict[str, Any] = {
    "units": 32,
    "capacity": 4,
    "inter": 4,
    "command": 4,
    "recurrent_command": 0,
    "sensory_fanout": 2,
    "inter_fanout": 2,
    "motor_fanin": 2,
}


def test_command_neurons_touch_only_motor_neurons():
    cell = UnitaryNCP(3, 5, **THESIS, key=KEY)
    synapses = cell.circuit.circuit.recurrent
    source, target = np.asarray(synapses.source), np.asarray(synapses.target)
    command = (source >= 5) & (source < 9)
    assert np.all(target[command] < 5)
    assert np.all((target[~command] >= 5) & (target[~command] < 9))
    assert np.all(np.bincount(target[command], minlength=5) >= 2)


def test_it_is_its_two_parts_one_after_the_other():
    cell = UnitaryNCP(3, 5, **{**THESIS, "input_scale": 1.0}, key=KEY)
    rng = np.random.default_rng(0)
    xs = jnp.asarray(rng.standard_normal((12, 3)).astype(np.float32))
    dts = jnp.asarray(rng.uniform(0.1, 2.0, 12).astype(np.float32))
    states = run(cell.memory, xs, dts)
    assert states.shape == (12, 32)
    expected = run(cell.circuit, states, dts)
    assert np.ptp(np.asarray(expected)) > 0.1
    np.testing.assert_allclose(run(cell, xs, dts), expected, rtol=0, atol=1e-6)


def test_time_and_the_distant_past_matter():
    cell = UnitaryNCP(3, 5, input_scale=1.0, key=KEY)
    xs, dts = jnp.zeros((60, 3)).at[0].set(1.0), jnp.ones(60)
    answer = run(cell, xs, dts)[-1]
    forgotten = run(cell, jnp.zeros((60, 3)), dts)[-1]
    slower = run(cell, xs, 0.1 * dts)[-1]
    assert float(jnp.max(jnp.abs(answer - forgotten))) > 1e-3
    assert float(jnp.max(jnp.abs(answer - slower))) > 1e-3


def test_parameters_grow_with_every_unit_of_width():
    signature = Signature(Features(3), Values(2))
    counts = [
        count_parameters(Contender("unitary_ncp").shapes(signature, width))
        for width in range(1, 20)
    ]
    assert (np.diff(counts) > 0).all()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"units": 0}, "units must be a whole number"),
        ({"capacity": 0}, "capacity must be a whole number"),
        ({"motor_fanin": 9}, "motor_fanin is 9"),
    ],
)
def test_a_wrong_number_is_refused(numbers: Any, message: str):
    with pytest.raises(ValueError, match=message):
        UnitaryNCP(2, 4, **numbers, key=KEY)
