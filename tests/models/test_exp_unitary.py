"""The exponential unitary network with the thesis's numbers, and its options."""

import math
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from tests.compiled import unroll

from nnarena.check.quick import quick_jit
from nnarena.core.types import Sequence
from nnarena.models.contender import count_parameters
from nnarena.models.exp_unitary import ExpUnitary
from nnarena.nn.unitary import MapName


KEY = jax.random.key(0)
run = quick_jit(lambda cell, xs, dts: unroll(cell, Sequence(xs, dts)).hs)
THESIS: dict[str, Any] = {
    "map": "thesis",
    "start": "identity",
    "stabilizer": 0.01,
    "epsilon": 1e-12,
}


def triangle(size: int, entries: np.ndarray) -> np.ndarray:
    """Returns the lower triangle, filled one entry after the other."""
    entries = entries.copy()
    lower = np.zeros((size, size), np.complex128)
    used = size
    # The first `size` entries end the last row; the others run from the first row on,
    # the upper triangle, which is thrown away, taking its share.
    flat = np.concatenate([entries[used:], entries[::-1]])
    for i in range(size):
        for j in range(i + 1):
            lower[i, j] = flat[i * size + j]
    return lower


@pytest.mark.usefixtures("double_precision")
def test_states_are_those_of_the_thesis():
    units, rng = 5, np.random.default_rng(0)
    scale = math.sqrt(6.0 / (3 + units))
    cell: Any = ExpUnitary(3, units, **THESIS, input_scale=scale, key=KEY)
    numbers = rng.standard_normal((2, 15))
    bias = rng.uniform(-0.3, 0.1, units)
    cell = eqx.tree_at(
        lambda c: (
            c.recurrent_weight.generator.real,
            c.recurrent_weight.generator.imag,
            c.bias,
        ),
        cell,
        (jnp.asarray(numbers[0]), jnp.asarray(numbers[1]), jnp.asarray(bias)),
    )
    xs = rng.standard_normal((20, 3))
    found = np.asarray(run(cell, jnp.asarray(xs), jnp.ones(20)))

    lower = triangle(units, numbers[0] + 1j * numbers[1])
    matrix = scipy.linalg.expm(lower - lower.conj().T)
    real, imag = np.split(np.asarray(cell.input_weight, np.float64), 2, axis=1)
    h, expected = np.zeros(units, np.complex128), []
    for x in xs:
        z = h @ matrix + x @ (real + 1j * imag)
        modulus = np.abs(z) + 0.01
        h = np.maximum(0.0, modulus + bias) * z / modulus
        expected.append(np.concatenate([np.real(h), np.imag(h)]))
    assert np.max(np.abs(expected)) > 1.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_at_the_identity_a_constant_input_piles_up():
    cell = ExpUnitary(2, 4, **THESIS, key=KEY)
    hs = np.asarray(run(cell, jnp.ones((50, 2)), jnp.ones(50)))
    np.testing.assert_allclose(hs[-1], 50.0 * hs[0], rtol=1e-3)


@pytest.mark.usefixtures("double_precision")
def test_a_transformed_input_is_read_beside_the_plain_one():
    cell: Any = ExpUnitary(6, 4, fourier=True, start="identity", key=KEY)
    plain, other = (
        np.asarray(part, np.float64)[:, :4] + 1j * np.asarray(part, np.float64)[:, 4:]
        for part in (cell.input_weight.plain, cell.input_weight.transformed)
    )
    x = np.random.default_rng(0).standard_normal(6)
    both = np.concatenate([x.astype(np.complex128), np.fft.fft(x)])
    z = both @ np.concatenate([plain, other])
    found = run(cell, jnp.asarray(x)[None], jnp.ones(1))[0]
    expected = np.concatenate([np.real(z), np.imag(z)])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    without = ExpUnitary(6, 4, key=KEY)
    assert count_parameters(cell) == count_parameters(without) + 6 * 8


def test_a_start_can_be_trained():
    cell: Any = ExpUnitary(2, 4, trained_start=True, start="random", key=KEY)
    np.testing.assert_array_equal(cell.initial_state, np.zeros(8))
    begun = eqx.tree_at(lambda c: c.initial_state, cell, jnp.arange(8.0))
    norm = np.linalg.norm(run(begun, jnp.zeros((3, 2)), jnp.ones(3))[-1])
    np.testing.assert_allclose(norm, np.linalg.norm(np.arange(8.0)), rtol=1e-4)

    def loss(cell):
        return jnp.sum(
            unroll(cell, Sequence(jnp.ones((3, 2)), jnp.ones(3))).hs[-1] ** 2
        )

    gradient: Any = quick_jit(eqx.filter_grad(loss))(cell)
    assert np.all(np.asarray(gradient.initial_state) != 0.0)


def loop_of(program: Any, length: int) -> Any:
    """Returns the body of the loop of that length."""
    for equation in program.eqns:
        if equation.params.get("length") == length:
            return equation.params["jaxpr"].jaxpr
        for nested in equation.params.values():
            inner = getattr(nested, "jaxpr", None)
            found = None if inner is None else loop_of(inner, length)
            if found is not None:
                return found
    return None


def operations(program: Any) -> list[str]:
    """Returns the names of all operations, nested ones too."""
    found = []
    for equation in program.eqns:
        found.append(equation.primitive.name)
        for nested in equation.params.values():
            inner = getattr(nested, "jaxpr", nested)  # closed, or open in a checkpoint
            found += operations(inner) if hasattr(inner, "eqns") else []
    return found


@pytest.mark.parametrize("name", get_args(MapName))
def test_the_matrix_is_formed_before_the_loop(name: MapName):
    """The step is two products and modReLU, whatever the map."""
    start = "random" if name == "composition" else "phases"
    cell = ExpUnitary(3, 4, map=name, start=start, key=KEY)
    weights, rest = eqx.partition(cell, eqx.is_array)

    def run(weights, xs, dts):
        return unroll(eqx.combine(weights, rest), Sequence(xs, dts)).hs

    length = 37
    program = jax.make_jaxpr(run)(weights, jnp.ones((length, 3)), jnp.ones(length))
    body = loop_of(program.jaxpr, length)
    assert operations(body).count("dot_general") == 2
    made = {"sin", "cos", "fft", "lu", "scan", "while", "cond", "gather", "scatter"}
    assert (made | {"triangular_solve", "complex"}).isdisjoint(operations(body))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"capacity": 2}, "map 'exponential' has no capacity"),
        ({"input_scale": -0.1}, "input_scale must be a number of at least 0"),
        ({"map": "eunn", "capacity": 9}, "capacity is 9"),
    ],
)
def test_a_wrong_number_is_refused(numbers: Any, message: str):
    with pytest.raises(ValueError, match=message):
        ExpUnitary(2, 8, **numbers, key=KEY)
