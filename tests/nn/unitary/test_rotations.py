"""Rotations against dense products made entry by entry, and what they reach."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from jax.flatten_util import ravel_pytree

from nnarena.check.quick import quick_jit
from nnarena.nn import unitary


CASES = [(1, 1), (2, 1), (5, 5), (6, 3), (8, 8)]


def drawn(size: int, capacity: int, seed: int = 0, scale: float = 1.0) -> Any:
    """Returns layers of rotations with angles all over the circle."""
    key = jax.random.key(seed)
    weight = unitary.unitary_map("eunn", size, capacity=capacity, key=key)
    return jax.tree.map(lambda angle: scale * angle, weight)


@quick_jit
def matrix_of(weight: Any) -> jax.Array:
    """Returns W, on the right of row vectors."""
    return weight.unitary()


def dense(weight: Any) -> np.ndarray:
    """Returns D F_L ... F_1 on columns, a matrix per rotation, in double precision."""
    omega = np.asarray(weight.phases, np.float64)
    size = len(omega)
    product = np.eye(size, dtype=np.complex128)
    kinds = [np.asarray(weight.odd_layers), np.asarray(weight.even_layers)]
    for layer in range(kinds[0].shape[1] + kinds[1].shape[1]):
        first = layer % 2
        theta, phi = kinds[first][:, layer // 2].astype(np.float64)
        for pair, p in enumerate(range(first, size - 1, 2)):
            rotation = np.eye(size, dtype=np.complex128)
            turned, q = np.exp(1j * phi[pair]), p + 1
            rotation[p, p] = np.cos(theta[pair])
            rotation[p, q] = -turned * np.sin(theta[pair])
            rotation[q, p] = np.sin(theta[pair])
            rotation[q, q] = turned * np.cos(theta[pair])
            product = rotation @ product
    return np.diag(np.exp(1j * omega)) @ product


@pytest.mark.parametrize(("size", "capacity"), CASES)
def test_the_matrix_is_the_product_of_its_rotations(size: int, capacity: int):
    weight = drawn(size, capacity, scale=10.0)
    # Row vectors are multiplied from the right: the transpose of what acts on columns.
    np.testing.assert_allclose(matrix_of(weight).T, dense(weight), rtol=0, atol=3e-6)


def test_the_value_turns_a_state_in_its_real_form():
    size, capacity = 5, 4
    weight = drawn(size, capacity)
    rng = np.random.default_rng(size)
    z = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    state = jnp.asarray(np.concatenate([z.real, z.imag]).astype(np.float32))
    turned = dense(weight) @ z
    both = np.concatenate([turned.real, turned.imag])
    np.testing.assert_allclose(state @ weight.value(), both, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("size", "capacity"), [(1, 1), (5, 3), (64, 64)])
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_the_matrix_is_unitary(size: int, capacity: int, scale: float):
    matrix = np.asarray(matrix_of(drawn(size, capacity, scale=scale)), np.complex128)
    np.testing.assert_allclose(
        matrix.conj().T @ matrix, np.eye(size), rtol=0, atol=5e-6
    )


@pytest.mark.parametrize(("size", "capacity"), CASES)
def test_numbers_are_counted_as_in_the_paper(size: int, capacity: int):
    odd, even = -(-capacity // 2), capacity // 2
    expected = size + 2 * odd * (size // 2) + 2 * even * ((size - 1) // 2)
    numbers, _ = ravel_pytree(drawn(size, capacity))
    assert len(numbers) == expected
    if capacity == size:
        assert len(numbers) == size**2


@pytest.mark.parametrize("size", [2, 5])
def test_full_capacity_reaches_any_unitary_matrix(size: int):
    target = scipy.stats.unitary_group.rvs(size, random_state=size)
    with jax.enable_x64(True):
        start = jax.tree.map(
            lambda x: jnp.asarray(np.asarray(x, np.float64)), drawn(size, size, seed=1)
        )
        numbers, back = ravel_pytree(start)
        wanted = np.asarray(unitary.real_form(jnp.asarray(target))).ravel()

        def miss(v):
            return back(v).value().ravel() - wanted

        value, slope = quick_jit(miss), quick_jit(jax.jacfwd(miss))
        fit = scipy.optimize.least_squares(
            lambda v: np.asarray(value(v)),
            np.asarray(numbers),
            jac=lambda v: np.asarray(slope(v)),  # pyright: ignore
            method="lm",
        )
        found = back(jnp.asarray(fit.x))
    np.testing.assert_allclose(dense(found).T, target, rtol=0, atol=1e-7)


def test_with_few_layers_far_coordinates_do_not_meet():
    matrix = np.abs(np.asarray(matrix_of(drawn(12, 2))))
    distance = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    assert np.all(matrix[distance > 2] == 0.0)
    assert np.all(np.abs(np.asarray(matrix_of(drawn(12, 12)))) > 0.0)
