"""The exponential map against scipy, and the laws of the unitary group."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from nnarena.nn import unitary


def exponential_map(raw: jax.Array) -> unitary.ExponentialMap:
    """Returns the exponential of n^2 unconstrained numbers."""
    return unitary.ExponentialMap(unitary.SkewHermitian(raw))


@jax.jit
def matrix_of(raw: jax.Array) -> jax.Array:
    """Returns the unitary matrix."""
    return exponential_map(raw).unitary()


@jax.jit
def value_of(raw: jax.Array) -> jax.Array:
    """Returns the matrix in its real form."""
    return exponential_map(raw).value()


@jax.jit
def both_of(raw: jax.Array) -> tuple[jax.Array, jax.Array]:
    weight = exponential_map(raw)
    return weight.unitary(), weight.value()


skew_hermitian = jax.jit(unitary.skew_hermitian)
exponential = jax.jit(unitary.exponential)
real_form = jax.jit(unitary.real_form)

SIZES = [1, 2, 5, 16]
SCALES = [0.01, 0.1, 1.0]


def draw_raw(size: int, scale: float) -> np.ndarray:
    """Returns unconstrained numbers, the same for the same size and scale."""
    rng = np.random.default_rng([size, round(1000 * scale)])
    return (scale * rng.standard_normal((size, size))).astype(np.float32)


def skew_of(raw: np.ndarray) -> np.ndarray:
    """Returns the skew-Hermitian matrix entry by entry, in double precision."""
    size = raw.shape[0]
    skew = np.zeros((size, size), dtype=np.complex128)
    for i in range(size):
        for j in range(size):
            number = float(raw[i, j])
            if i > j:
                skew[i, j] += number
                skew[j, i] -= number
            else:
                skew[i, j] += 1j * number
                skew[j, i] += 1j * number
    return skew


@pytest.mark.parametrize("size", SIZES)
def test_skew_hermitian_is_skew_and_filled_as_documented(size: int):
    raw = draw_raw(size, 1.0)
    found = np.asarray(skew_hermitian(jnp.asarray(raw)))
    np.testing.assert_array_equal(found, -found.conj().T)
    np.testing.assert_array_equal(found, skew_of(raw).astype(np.complex64))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", SIZES)
def test_exponential_is_that_of_scipy(size: int, scale: float):
    raw = draw_raw(size, scale)
    found = matrix_of(jnp.asarray(raw))
    expected = scipy.linalg.expm(skew_of(raw))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("angle", [0.3, 3.9, 7.8, 7.9, 15.6, 62.0])
def test_large_phases_are_exact(angle: float):
    """Where jax.scipy.linalg.expm 0.10 errs by up to 1e-2 in single precision."""
    found = np.asarray(matrix_of(jnp.full((1, 1), 0.5 * angle)))[0, 0]
    rounding = 6e-8 * max(1.0, angle)
    assert abs(complex(found) - np.exp(1j * angle)) < 4 * rounding


def test_exponential_in_double_is_that_of_scipy():
    with jax.enable_x64(True):
        for size, scale in [(3, 0.1), (16, 1.0), (16, 10.0)]:
            skew = skew_of(draw_raw(size, scale))
            found = np.asarray(exponential(jnp.asarray(skew)))
            expected = scipy.linalg.expm(skew)
            np.testing.assert_allclose(
                found, expected, rtol=0, atol=1e-12 * (1 + scale)
            )


@pytest.mark.parametrize("scale", [*SCALES, 10.0])
@pytest.mark.parametrize("size", SIZES)
def test_matrix_is_unitary(size: int, scale: float):
    matrix = matrix_of(jnp.asarray(draw_raw(size, scale)))
    wide = np.asarray(matrix).astype(np.complex128)
    np.testing.assert_allclose(wide.conj().T @ wide, np.eye(size), rtol=0, atol=2e-6)


@partial(jax.jit, static_argnums=2)
def multiplied(start: jax.Array, matrix: jax.Array, steps: int) -> jax.Array:
    """Returns a state after many products."""
    return jax.lax.fori_loop(0, steps, lambda _, state: state @ matrix, start)


def norm_change(matrix: jax.Array, steps: int) -> float:
    """Returns by what share the norm of a state has changed after many products."""
    rng = np.random.default_rng(0)
    start = jnp.asarray(rng.standard_normal(matrix.shape[0]), dtype=matrix.dtype)
    end = multiplied(start, matrix, steps)
    lengths = [np.linalg.norm(np.asarray(v).astype(np.float64)) for v in (start, end)]
    return abs(float(lengths[1] / lengths[0]) - 1.0)


@pytest.mark.parametrize("scale", [*SCALES, 10.0])
@pytest.mark.parametrize(
    ("size", "limit"), [(1, 1e-4), (5, 5e-5), (16, 2e-5), (36, 2e-5)]
)
def test_norm_is_kept_over_a_thousand_steps(size: int, limit: float, scale: float):
    """To the rounding of W: 6e-8 an entry, which small matrices average out less."""
    matrix = value_of(jnp.asarray(draw_raw(size, scale)))
    assert norm_change(matrix, 1_000) < limit


@pytest.mark.parametrize("size", [5, 16])
def test_norm_changes_by_rounding_alone(size: int):
    with jax.enable_x64(True):
        raw = jnp.asarray(draw_raw(size, 1.0).astype(np.float64))
        matrix = value_of(raw)
        assert matrix.dtype == jnp.float64
        assert norm_change(matrix, 1_000) < 1e-11


@pytest.mark.parametrize("size", SIZES)
def test_real_form_acts_as_the_complex_matrix(size: int):
    rng = np.random.default_rng(size)
    parts = rng.standard_normal((4, size, size)).astype(np.float32)
    matrix = parts[0] + 1j * parts[1]
    z = parts[2, 0] + 1j * parts[3, 0]
    state = np.concatenate([np.real(z), np.imag(z)])
    found = state @ np.asarray(real_form(jnp.asarray(matrix)))
    expected = z.astype(np.complex128) @ matrix.astype(np.complex128)
    both = np.concatenate([np.real(expected), np.imag(expected)])
    np.testing.assert_allclose(found, both, rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", SIZES)
def test_value_is_the_real_form_of_the_matrix(size: int):
    matrix, value = map(np.asarray, both_of(jnp.asarray(draw_raw(size, 1.0))))
    rows = [[np.real(matrix), np.imag(matrix)], [-np.imag(matrix), np.real(matrix)]]
    np.testing.assert_array_equal(value, np.block(rows))


@pytest.mark.parametrize("size", [2, 3, 5, 16])
def test_map_reaches_any_unitary_matrix(size: int):
    target = scipy.stats.unitary_group.rvs(size, random_state=size)
    logarithm = np.asarray(scipy.linalg.logm(target))
    np.testing.assert_allclose(logarithm, -logarithm.conj().T, rtol=0, atol=1e-10)
    # The diagonal of the logarithm is purely imaginary, and entered twice.
    halved = np.triu(np.imag(logarithm), 1) + 0.5 * np.diag(np.diag(np.imag(logarithm)))
    raw = np.tril(np.real(logarithm), -1) + halved
    found = matrix_of(jnp.asarray(raw.astype(np.float32)))
    np.testing.assert_allclose(found, target, rtol=0, atol=3e-6)


def test_phases_are_uniform():
    start: Any = unitary.unitary_map(
        "exponential", 64, start="phases", key=jax.random.key(0)
    )
    raw = np.asarray(start.generator.raw)
    assert np.max(np.abs(raw)) <= np.pi / 2.0  # the map doubles the diagonal
    phases = np.asarray(matrix_of(raw))
    diagonal = np.diag(phases)
    np.testing.assert_allclose(phases, np.diag(diagonal), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.abs(diagonal), 1.0, rtol=0, atol=1e-6)
    angles = np.angle(diagonal) / (2 * np.pi) + 0.5
    assert scipy.stats.kstest(angles, "uniform").pvalue > 0.01


@jax.jit
def probed(raw: jax.Array, probe: jax.Array) -> jax.Array:
    """Returns a number that depends on every entry of W."""
    return jnp.sum(probe * exponential_map(raw).value())


slope = jax.jit(jax.grad(probed))


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("size", [1, 4])
def test_gradient_of_the_map_is_its_finite_difference(size: int, scale: float):
    """All n^2 numbers act: none is idle, as n were in the thesis."""
    rng = np.random.default_rng(size)
    base = draw_raw(size, 1.0).astype(np.float64) * scale
    width = 1e-5
    with jax.enable_x64(True):
        probe = jnp.asarray(rng.standard_normal((2 * size, 2 * size)))
        gradient = np.asarray(slope(jnp.asarray(base), probe))
        difference = np.zeros((size, size))
        for index in np.ndindex(size, size):
            shift = np.zeros((size, size))
            shift[index] = width
            above, below = (
                float(probed(jnp.asarray(base + step), probe))
                for step in (shift, -shift)
            )
            difference[index] = (above - below) / (2 * width)
    np.testing.assert_allclose(gradient, difference, rtol=0, atol=1e-8)
    assert np.all(gradient != 0.0)


@pytest.mark.parametrize("size", [4, 16])
def test_gradient_in_single_precision_is_that_in_double(size: int):
    probe = np.random.default_rng(size).standard_normal((2 * size, 2 * size))
    raw = draw_raw(size, 0.3)
    single = slope(jnp.asarray(raw), jnp.asarray(probe.astype(np.float32)))
    with jax.enable_x64(True):
        double = slope(jnp.asarray(raw.astype(np.float64)), jnp.asarray(probe))
        assert double.dtype == jnp.float64
    np.testing.assert_allclose(single, np.asarray(double), rtol=1e-5, atol=1e-5)


def test_matrix_is_unitary_after_a_thousand_steps_of_training():
    """Whatever gradient descent does to A, W stays in the group: to 1e-5."""
    size = 16
    rng = np.random.default_rng(6)
    target = jnp.asarray(rng.standard_normal((2 * size, 2 * size)).astype(np.float32))

    @jax.jit
    def descend(raw):
        def update(_, raw):
            return raw - 0.05 * slope(raw, target)

        return jax.lax.fori_loop(0, 1_000, update, raw)

    start = draw_raw(size, 0.3)
    trained = np.asarray(descend(jnp.asarray(start)))
    assert np.max(np.abs(trained - start)) > 0.5  # it has gone far
    matrix = np.asarray(matrix_of(jnp.asarray(trained)))
    wide = matrix.astype(np.complex128)
    np.testing.assert_allclose(wide.conj().T @ wide, np.eye(size), rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        matrix, scipy.linalg.expm(skew_of(trained)), rtol=0, atol=2e-5
    )
