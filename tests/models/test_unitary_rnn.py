"""The rotational unitary network against its equations in complex numbers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import unroll

from nnarena.check.quick import quick_jit
from nnarena.core.types import Sequence
from nnarena.models.unitary_rnn import UnitaryRNN


KEY = jax.random.key(0)
run = quick_jit(lambda cell, xs, dts: unroll(cell, Sequence(xs, dts)).hs)


def thesis_recurrence(cell: Any, xs: np.ndarray) -> np.ndarray:
    """Returns the states as the thesis has them: modReLU(W h + V x; b) on columns."""
    matrix = np.asarray(cell.recurrent_weight.unitary(), np.complex128).T
    real, imag = np.split(np.asarray(cell.input_weight, np.float64), 2, axis=1)
    bias = np.asarray(cell.bias, np.float64)
    h = np.zeros(len(bias), np.complex128)
    hs = []
    for x in xs:
        z = matrix @ h + (real + 1j * imag).T @ x
        modulus = np.abs(z) + 0.01
        h = np.maximum(0.0, modulus + bias) * z / modulus
        hs.append(np.concatenate([np.real(h), np.imag(h)]))
    return np.stack(hs)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("units", [5, 8])
def test_states_are_those_of_the_thesis(units: int):
    rng = np.random.default_rng(units)
    cell = UnitaryRNN(3, units, capacity=4, output="both", input_scale=1.0, key=KEY)
    bias = jnp.asarray(rng.uniform(-0.3, 0.1, units))
    cell = eqx.tree_at(lambda c: c.bias, cell, bias)
    xs = rng.standard_normal((30, 3))
    hs = np.asarray(run(cell, jnp.asarray(xs), jnp.ones(30)))
    both = thesis_recurrence(cell, xs)
    assert np.max(np.abs(both)) > 1.0
    np.testing.assert_allclose(hs, both, rtol=0, atol=1e-11)


def test_the_output_is_the_real_part_or_both():
    real, both = (
        UnitaryRNN(3, 6, output=output, input_scale=None, key=KEY)
        for output in ("real", "both")
    )
    xs = jax.random.normal(jax.random.key(1), (9, 3))
    hs, whole = (run(cell, xs, jnp.ones(9)) for cell in (real, both))
    assert (real.hidden_size, both.hidden_size) == (6, 12)
    assert whole.shape == (9, 12)
    np.testing.assert_array_equal(hs, whole[:, :6])


def test_a_state_keeps_its_norm_without_input():
    """With no bias modReLU is the identity, whatever its stabilizer."""
    cell = UnitaryRNN(2, 32, output="both", input_scale=None, key=KEY)
    xs = jnp.zeros((500, 2)).at[0].set(1.0)
    norms = np.linalg.norm(np.asarray(run(cell, xs, jnp.ones(500))), axis=1)
    assert norms[0] > 0.1
    np.testing.assert_allclose(norms, norms[0], rtol=1e-4)


def test_it_starts_as_told():
    cell = UnitaryRNN(40, 50, key=KEY)
    drawn = np.asarray(cell.input_weight)
    assert 0.0099 < np.abs(drawn).max() <= 0.01
    assert np.all(np.asarray(cell.bias) == 0.0)
    weight: Any = cell.recurrent_weight
    assert weight.odd_layers.shape == (2, 8, 25)
    assert weight.even_layers.shape == (2, 8, 24)
    still: Any = UnitaryRNN(2, 4, start="identity", key=KEY).recurrent_weight
    np.testing.assert_array_equal(still.unitary(), np.eye(4))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"capacity": 9}, "capacity is 9.* 1 to 8"),
        ({"input_scale": -1.0}, "input_scale must be a number of at least 0"),
    ],
)
def test_a_wrong_number_is_refused(numbers: Any, message: str):
    with pytest.raises(ValueError, match=message):
        UnitaryRNN(2, 8, **numbers, key=KEY)
