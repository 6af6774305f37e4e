"""Unitary and orthogonal contenders at their authors' starts."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from tests.compiled import unroll

from nnarena.core.types import Sequence
from nnarena.models.contender import count_parameters
from nnarena.models.eunn import EUNN
from nnarena.models.exp_rnn import ExpRNN
from nnarena.models.scaled_cayley import ScaledCayley
from nnarena.models.unitary_rnn import UnitaryRNN
from nnarena.models.urnn import URNN
from nnarena.nn.unitary import in_planes, real_modrelu


KEY = jax.random.key(0)
FEATURES = 3
REAL = {"exp_rnn": ExpRNN, "scaled_cayley": ScaledCayley}
COMPLEX = {"urnn": URNN, "eunn": EUNN}
ALL: dict[str, Any] = {**REAL, **COMPLEX}


def drawn(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def outputs(cell: Any, xs: np.ndarray) -> np.ndarray:
    return np.asarray(unroll(cell, Sequence(jnp.asarray(xs))).hs)


@eqx.filter_jit
def matrix_of(cell: Any) -> jax.Array:
    return cell.recurrent_weight.unitary()


@pytest.mark.parametrize("units", [7, 32])
@pytest.mark.parametrize("name", ALL)
def test_the_matrix_is_unitary(name: str, units: int):
    matrix = np.asarray(matrix_of(ALL[name](FEATURES, units, key=KEY)))
    assert np.iscomplexobj(matrix) == (name in COMPLEX)
    gram = matrix.conj().T @ matrix
    np.testing.assert_allclose(gram, np.eye(units), atol=1e-5)
    assert np.abs(matrix - np.eye(units)).max() > 0.1


@pytest.mark.parametrize("name", ALL)
def test_a_state_keeps_its_norm_without_input(name: str):
    """Where no bias is in the way modReLU is the identity."""
    cell = ALL[name](2, 32, key=KEY)
    cell = eqx.tree_at(lambda c: c.bias, cell, jnp.zeros(32))
    xs = np.zeros((200, 2), np.float32)
    xs[0] = 1.0
    norms = np.linalg.norm(outputs(cell, xs), axis=1)
    assert norms[0] > 0.01
    np.testing.assert_allclose(norms, norms[0], rtol=1e-4)


def orthogonal_states(
    matrix: np.ndarray, drive: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Returns h_t = modReLU(h_{t-1} W + drive_t; b) of real numbers."""
    h, hs = np.zeros(len(bias)), []
    for term in drive:
        z = h @ matrix + term
        h = np.sign(z) * np.maximum(np.abs(z) + bias, 0.0)
        hs.append(h)
    return np.stack(hs)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", REAL)
def test_an_orthogonal_network_is_its_recurrence(name: str):
    """Its matrix by scipy's exponential, or by numpy's system of equations."""
    units = 6
    cell: Any = REAL[name](FEATURES, units, key=KEY)
    raw, from_input = drawn(units * (units - 1) // 2), drawn(FEATURES, units, seed=2)
    bias = np.random.default_rng(3).uniform(-0.5, 0.1, units)
    cell = eqx.tree_at(
        lambda c: (c.recurrent_weight.generator.raw, c.input_weight, c.bias),
        cell,
        tuple(map(jnp.asarray, (raw, from_input, bias))),
    )
    lower = np.zeros((units, units))
    lower[np.tril_indices(units, -1)] = raw
    skew, one = lower - lower.T, np.eye(units)
    if name == "exp_rnn":
        matrix = scipy.linalg.expm(skew)
    else:
        signs = np.diag([-1.0] * 3 + [1.0] * 3)
        matrix = np.linalg.inv(one + skew) @ (one - skew) @ signs
    xs = drawn(40, FEATURES, seed=4)
    expected = orthogonal_states(matrix, xs @ from_input, bias)
    np.testing.assert_allclose(outputs(cell, xs), expected, rtol=0, atol=1e-11)
    assert np.any(expected == 0.0)


@pytest.mark.parametrize(("units", "still"), [(6, 0), (7, 1)])
def test_a_plane_turns_by_its_number(units: int, still: int):
    angles = np.array([0.3, -2.0, 3.0])
    skew = in_planes(jnp.asarray(angles, jnp.float32), units).value()
    turned: Any = scipy.linalg.expm(np.asarray(skew))
    turns = [[[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]] for a in angles]
    expected: Any = scipy.linalg.block_diag(*turns, *[1.0] * still)
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def turned_by(matrix: np.ndarray) -> np.ndarray:
    """Returns the angles of the planes of a matrix that turns (0, 1), (2, 3), ..."""
    places = np.arange(0, len(matrix) - 1, 2)
    return np.arctan2(matrix[places, places + 1], matrix[places, places])


def test_an_exponential_starts_at_angles_of_the_whole_circle_or_at_those_of_cayley():
    angles = turned_by(np.asarray(matrix_of(ExpRNN(2, 400, key=jax.random.key(1)))))
    assert -np.pi < angles.min() < -3.0
    assert 3.0 < angles.max() < np.pi
    np.testing.assert_allclose(np.std(angles), np.pi / 3.0**0.5, rtol=0.1)
    other = turned_by(np.asarray(matrix_of(ExpRNN(2, 400, start="cayley", key=KEY))))
    assert -1.0 < other.min() < -0.9  # -tan(pi / 4)
    assert -0.05 < other.max() < 0.0


def test_a_cayley_transform_starts_at_a_quarter_of_the_circle():
    cell: Any = ScaledCayley(2, 400, negatives=0, key=KEY)
    angles = turned_by(np.asarray(matrix_of(cell)))
    assert 0.0 < angles.min() < 0.05
    assert np.pi / 2.0 - 0.05 < angles.max() < np.pi / 2.0
    np.testing.assert_allclose(np.mean(angles), np.pi / 4.0, rtol=0.1)


@pytest.mark.parametrize("negatives", [None, 0, 3, 7])
def test_as_many_signs_are_negative_as_told(negatives: int | None):
    cell = ScaledCayley(2, 7, negatives=negatives, key=KEY)
    sign = np.sign(np.linalg.det(np.asarray(matrix_of(cell))))
    assert sign == (-1.0) ** (3 if negatives is None else negatives)


def test_input_and_bias_start_as_the_authors_have_them():
    exponential: Any = ExpRNN(50, 100, key=KEY)
    np.testing.assert_allclose(
        np.std(exponential.input_weight), (2.0 / 50) ** 0.5, rtol=0.1
    )
    assert 0.009 < np.abs(exponential.bias).max() <= 0.01
    others: list[Any] = [ScaledCayley(50, 100, key=KEY), EUNN(50, 100, key=KEY)]
    for cell in others:
        assert 0.0099 < np.abs(cell.input_weight).max() <= 0.01
        assert np.all(np.asarray(cell.bias) == 0.0)


def test_a_urnn_starts_as_the_authors_have_it():
    cell: Any = URNN(50, 100, key=KEY)
    weight = cell.recurrent_weight
    assert count_parameters(weight) == 7 * 100
    assert 3.0 < np.abs(weight.phases).max() <= np.pi
    for array, limit in (
        (weight.real, (6.0 / 202) ** 0.5),
        (weight.imag, (6.0 / 202) ** 0.5),
        (cell.input_weight, (6.0 / 250) ** 0.5),
        (cell.bias, 0.01),
        (cell.initial_state, (3.0 / 200) ** 0.5),
    ):
        assert 0.95 * limit < np.abs(np.asarray(array)).max() <= limit
    assert cell.hidden_size == len(cell.initial_state) == 200


@pytest.mark.usefixtures("double_precision")
def test_a_urnn_is_the_recurrence_of_its_authors():
    """But for the 1e-5 that stands in the numerator of modReLU too."""
    units = 6
    cell: Any = URNN(FEATURES, units, key=KEY)
    bias = np.random.default_rng(3).uniform(-0.3, 0.1, units)
    cell = eqx.tree_at(lambda c: c.bias, cell, jnp.asarray(bias))
    weight = cell.recurrent_weight
    first, second, third = np.exp(1j * np.asarray(weight.phases))
    vectors = np.asarray(weight.real) + 1j * np.asarray(weight.imag)

    def reflect(h: np.ndarray, v: np.ndarray) -> np.ndarray:
        return h - 2.0 * v * (v.conj() @ h) / (v.conj() @ v)

    def halves(array: Any) -> np.ndarray:
        real, imag = np.split(np.asarray(array), 2, axis=-1)
        return real + 1j * imag

    h, hs = halves(cell.initial_state), []
    xs = drawn(30, FEATURES)
    for term in xs @ halves(cell.input_weight):
        z = reflect(np.fft.fft(first * h, norm="ortho"), vectors[0])
        z = np.fft.ifft(second * z[np.asarray(weight.permutation)], norm="ortho")
        z = third * reflect(z, vectors[1]) + term
        h = z * np.maximum(np.abs(z) + bias, 0.0) / (np.abs(z) + 1e-5)
        hs.append(np.concatenate([np.real(h), np.imag(h)]))
    found, expected = outputs(cell, xs), np.stack(hs)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=3e-3)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)


def test_the_start_of_a_urnn_is_trained():
    cell: Any = URNN(FEATURES, 4, key=KEY)
    xs = jnp.asarray(drawn(5, FEATURES), jnp.float32)

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(cell: Any) -> jax.Array:
        return jnp.sum(unroll(cell, Sequence(xs)).hs ** 2)

    assert np.all(np.asarray(gradient(cell).initial_state) != 0.0)


def test_an_eunn_is_the_thesis_s_network_at_other_settings():
    cell = EUNN(FEATURES, 7, capacity=3, key=KEY)
    other = UnitaryRNN(FEATURES, 7, capacity=3, output="both", key=KEY)
    xs = drawn(9, FEATURES).astype(np.float32)
    np.testing.assert_array_equal(outputs(cell, xs), outputs(other, xs))
    weight: Any = EUNN(FEATURES, 8, key=KEY).recurrent_weight
    assert count_parameters(weight) == 2 * 4 + 2 * 3 + 8


def test_modrelu_of_real_numbers_keeps_the_sign_and_has_no_gradient_at_zero():
    z = jnp.asarray([-2.0, -0.1, 0.0, 0.1, 2.0])
    bias = jnp.full(5, -0.5)
    np.testing.assert_allclose(real_modrelu(z, bias), [-1.5, 0.0, 0.0, 0.0, 1.5])
    slope = jax.grad(lambda z: jnp.sum(real_modrelu(z, -bias)))(z)
    np.testing.assert_array_equal(slope, [1.0, 1.0, 0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (ScaledCayley, {"negatives": 9}, "negatives is 9, but there are only 8 units"),
        (ExpRNN, {"start": "haar"}, "start 'haar' is none of henaff, cayley"),
        (ExpRNN, {"matrix_rate": 0}, "matrix_rate must be a number above 0, not 0"),
        (EUNN, {"capacity": 9}, "capacity is 9.* 1 to 8"),
        (URNN, {"matrix_rate": -1.0}, "matrix_rate must be a number above 0, not -1"),
    ],
)
def test_a_wrong_setting_is_refused(make: Any, settings: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make(FEATURES, 8, **settings, key=KEY)
