"""Single maps against scipy: what they compute and which matrices they reach."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
import scipy.interpolate
import scipy.linalg
import scipy.stats

from nnarena.check.quick import quick_jit
from nnarena.nn import unitary


def skew(size: int, scale: float, seed: int = 0) -> np.ndarray:
    """Returns a skew-Hermitian matrix."""
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((2, size, size))
    matrix = raw[0] + 1j * raw[1]
    return scale * (matrix - matrix.conj().T)


@quick_jit
def matrix_of(weight: unitary.AbstractUnitaryMap) -> jax.Array:
    """Returns W, on the right of row vectors."""
    return weight.unitary()


@quick_jit
def value_of(weight: unitary.AbstractUnitaryMap) -> jax.Array:
    """Returns W in its real form."""
    return weight.value()


def raw_of(matrix: np.ndarray) -> np.ndarray:
    """Returns the n^2 numbers that a skew-Hermitian matrix is filled from."""
    imag = np.imag(matrix)
    upper = np.triu(imag, 1) + 0.5 * np.diag(np.diag(imag))
    return np.tril(np.real(matrix), -1) + upper


APPROXIMATIONS = {"taylor": unitary.taylor, "pade": unitary.pade}


@pytest.mark.parametrize("name", APPROXIMATIONS)
@pytest.mark.parametrize("degree", [1, 3, 6])
def test_approximations_err_by_no_more_than_their_bound(name: Any, degree: int):
    with jax.enable_x64(True):
        approximate = quick_jit(lambda x: APPROXIMATIONS[name](x, degree))
        for scale in (0.01, 0.3, 3.0):
            matrix = skew(6, scale)
            error = np.linalg.norm(
                np.asarray(approximate(jnp.asarray(matrix)))
                - scipy.linalg.expm(matrix),
                2,
            )
            norm = float(np.abs(matrix).sum(axis=0).max())
            bound = unitary.error_bound(name, degree, norm)
            assert error <= bound + 1e-13 * (1.0 + norm)


@pytest.mark.parametrize("name", APPROXIMATIONS)
@pytest.mark.parametrize("degree", [1, 2, 4])
def test_the_bound_is_met_by_one_phase(name: Any, degree: int):
    """At the end of a halving and just after it, where halvings multiply the error."""
    with jax.enable_x64(True):
        approximate = quick_jit(lambda x: APPROXIMATIONS[name](x, degree))
        for angle in (0.5, 4.0):
            found = complex(approximate(jnp.full((1, 1), 1j * angle))[0, 0])
            error = abs(found - np.exp(1j * angle))
            bound = unitary.error_bound(name, degree, angle)
            assert 0.9 * bound < error <= 1.0001 * bound


def test_exact_and_zero_have_no_error():
    assert unitary.error_bound("exact", 6, 10.0) == 0.0
    assert unitary.error_bound("taylor", 6, 0.0) == 0.0


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_pade_is_the_quotient_that_scipy_finds(degree: int):
    series = [1.0 / math.factorial(k) for k in range(2 * degree + 1)]
    above, below = scipy.interpolate.pade(series, degree)
    angles = np.array([-0.49, 0.1, 0.37])
    expected = above(1j * angles) / below(1j * angles)
    with jax.enable_x64(True):
        found = unitary.pade(jnp.asarray(np.diag(1j * angles)), degree)
    np.testing.assert_allclose(found, np.diag(expected), rtol=0, atol=1e-11)


def test_the_triangle_is_filled_as_documented():
    entries = jnp.arange(1.0, 7.0)
    matrix = unitary.Triangle(entries, 10.0 * entries, 3).value()
    real = np.array([[4, 0, 0], [6, 5, 0], [3, 2, 1]])
    lower = real + 10j * real
    np.testing.assert_array_equal(matrix, lower - lower.conj().T)
    part = unitary.Triangle(entries[:4], 10.0 * entries[:4], 3).value()
    lower = lower * (real <= 4)
    np.testing.assert_array_equal(part, lower - lower.conj().T)


def test_a_cayley_map_reaches_any_unitary_matrix():
    size = 5
    target = scipy.stats.unitary_group.rvs(size, random_state=3)
    phases = np.random.default_rng(0).uniform(-3.0, 3.0, size)
    bare = target @ np.diag(np.exp(-1j * phases))
    one = np.eye(size)
    matrix = scipy.linalg.solve(one + bare, one - bare)
    np.testing.assert_allclose(matrix, -matrix.conj().T, rtol=0, atol=1e-10)
    generator = unitary.SkewHermitian(jnp.asarray(raw_of(matrix).astype(np.float32)))
    weight = unitary.CayleyMap(generator, jnp.asarray(phases.astype(np.float32)))
    np.testing.assert_allclose(matrix_of(weight), target, rtol=0, atol=1e-5)


def test_minus_one_is_reached_by_the_diagonal_of_a_cayley_map_alone():
    zero = unitary.SkewHermitian(jnp.zeros((3, 3)))
    found = unitary.CayleyMap(zero, jnp.full(3, jnp.pi)).unitary()
    np.testing.assert_allclose(found, -np.eye(3), rtol=0, atol=1e-6)


def reflectors(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns LAPACK's vectors of a QR decomposition, and their product Q."""
    raw: Any = scipy.linalg.qr(matrix, mode="raw")
    (packed, _), _ = raw
    q: Any = scipy.linalg.qr(matrix)[0]
    size = len(matrix)
    rows = [np.concatenate([[1.0], packed[j + 1 :, j]]) for j in range(size - 1)]
    return np.concatenate(rows), q


@pytest.mark.parametrize("size", [2, 3, 6])
def test_reflections_are_those_of_lapack(size: int):
    vectors, q = reflectors(scipy.stats.ortho_group.rvs(size, random_state=size))
    numbers = jnp.asarray(vectors.astype(np.float32))
    found = matrix_of(unitary.HouseholderMap(numbers, None, None, size, size - 1))
    np.testing.assert_allclose(found, q, rtol=0, atol=3e-6)


def complex_reflections(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns vectors and phases with H_1 ... H_k D = target, by elimination."""
    rest, rows = target.copy(), []
    for j in range(len(target) - 1):
        v = rest[j:, j].copy()
        v[0] += np.exp(1j * np.angle(v[0])) * np.linalg.norm(v)
        rest[j:] -= 2.0 * np.outer(v, v.conj() @ rest[j:]) / np.vdot(v, v)
        rows.append(v)
    return np.concatenate(rows), np.angle(np.diag(rest))


@pytest.mark.parametrize("size", [2, 5])
def test_complex_reflections_reach_any_unitary_matrix(size: int):
    target = scipy.stats.unitary_group.rvs(size, random_state=size)
    vectors, phases = (np.asarray(x) for x in complex_reflections(target))
    parts = [np.real(vectors), np.imag(vectors), phases]
    real, imag, omega = (jnp.asarray(part.astype(np.float32)) for part in parts)
    found = matrix_of(unitary.HouseholderMap(real, imag, omega, size, size - 1))
    np.testing.assert_allclose(found, target, rtol=0, atol=5e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_length_of_a_reflection_s_vector_does_not_matter(scale: float):
    vector = np.array([3.0, 0.0, -4.0], np.float32)
    found = unitary.HouseholderMap(
        jnp.asarray(vector * np.float32(scale)), None, None, 3, 1
    ).unitary()
    expected = np.eye(3) - 2.0 * np.outer(vector, vector) / 25.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [3, 4])
def test_orthogonal_maps_have_the_determinants_that_they_claim(size: int):
    """Exponentials are rotations; signs and the parity of reflections decide else."""
    rng = np.random.default_rng(size)
    below = jnp.asarray(rng.standard_normal(size * (size - 1) // 2).astype(np.float32))
    rotation = unitary.SkewSymmetric(below)
    maps: list[tuple[Any, int]] = [(unitary.ExponentialMap(rotation), 0)]
    maps += [(unitary.CayleyMap(rotation, negatives=k), k) for k in range(size)]
    for count in range(1, size + 1):
        numbers = rng.standard_normal(count * size - count * (count - 1) // 2)
        vectors = jnp.asarray(numbers.astype(np.float32))
        maps.append((unitary.HouseholderMap(vectors, None, None, size, count), count))
    for weight, parity in maps:
        matrix = np.asarray(value_of(weight))
        assert matrix.shape == (size, size)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), rtol=0, atol=3e-6)
        np.testing.assert_allclose(
            np.linalg.det(matrix.astype(np.float64)), (-1.0) ** parity, atol=1e-5
        )


def test_a_real_exponential_is_that_of_scipy():
    below = np.random.default_rng(1).standard_normal(10).astype(np.float32)
    lower = np.zeros((5, 5))
    lower[np.tril_indices(5, -1)] = below
    found = unitary.ExponentialMap(unitary.SkewSymmetric(jnp.asarray(below))).value()
    expected = scipy.linalg.expm(lower - lower.T)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("size", [1, 6, 7])
def test_the_composition_is_the_product_of_its_factors(size: int):
    weight: Any = unitary.unitary_map("composition", size, key=jax.random.key(size))
    phases, real, imag = (
        np.asarray(part, np.float64)
        for part in (weight.phases, weight.real, weight.imag)
    )
    diagonals = [np.diag(np.exp(1j * angles)) for angles in phases]
    fourier: Any = scipy.fft.fft(np.eye(size), axis=0, norm="ortho")
    permuted = np.eye(size)[np.asarray(weight.permutation)]
    reflections = [
        np.eye(size) - 2.0 * np.outer(v, v.conj()) / np.vdot(v, v)
        for v in real + 1j * imag
    ]
    product = fourier @ diagonals[0]
    product = diagonals[1] @ permuted @ reflections[0] @ product
    product = diagonals[2] @ reflections[1] @ fourier.conj().T @ product
    # Row vectors are multiplied from the right: the transpose of what acts on columns.
    np.testing.assert_allclose(matrix_of(weight).T, product, rtol=0, atol=2e-6)
    assert sorted(np.asarray(weight.permutation)) == list(range(size))
