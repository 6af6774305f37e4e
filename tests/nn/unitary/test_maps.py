"""What all maps to unitary matrices have in common: the group, starts and limits."""

from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from nnarena.check.quick import quick_jit
from nnarena.nn import unitary


KEY = jax.random.key(0)
NAMES = get_args(unitary.MapName)
SIZE = 5
IDLE = {"thesis": SIZE, "cayley": SIZE, "householder": 2 * (SIZE - 1)}


def made(name: Any, size: int = SIZE, scale: float = 1.0, **numbers: Any) -> Any:
    """Returns a map whose numbers are all scaled."""
    weight = unitary.unitary_map(name, size, **numbers, key=KEY)
    numbers_only, rest = eqx.partition(weight, eqx.is_inexact_array)
    scaled = jax.tree.map(lambda x: scale * x, numbers_only)
    return eqx.combine(scaled, rest)


@quick_jit
def matrix_of(weight: unitary.AbstractUnitaryMap) -> jax.Array:
    """Returns W."""
    return weight.unitary()


def distance_from_unitary(matrix: Any) -> float:
    """Returns the largest entry of W^H W - 1."""
    wide = np.asarray(matrix).astype(np.complex128)
    return float(np.abs(wide.conj().T @ wide - np.eye(len(wide))).max())


@pytest.mark.parametrize("name", [n for n in NAMES if n != "taylor"])
def test_matrices_are_unitary_to_rounding_at_any_numbers(name: str):
    for scale in (0.0, 1e-3, 1.0, 300.0):
        matrix = matrix_of(made(name, scale=scale))
        assert distance_from_unitary(matrix) < 3e-6, scale


def test_taylor_is_not_unitary_by_no_more_than_its_bound():
    for scale, low in ((1.0, 1e-6), (30.0, 1e-5)):
        weight = made("taylor", scale=scale, degree=3)
        norm = np.abs(np.asarray(weight.generator.value())).sum(axis=0).max()
        bound = unitary.error_bound("taylor", 3, float(norm))
        assert low < distance_from_unitary(matrix_of(weight)) < 3.0 * bound


@quick_jit
def turned(weight: unitary.AbstractUnitaryMap, state: jax.Array) -> jax.Array:
    """Returns a state in its real form after one product."""
    return state @ weight.value()


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", ["exponential", "composition"])
def test_the_value_acts_as_the_matrix_on_row_vectors(name: str):
    weight = made(name)
    rng = np.random.default_rng(0)
    z = rng.standard_normal(SIZE) + 1j * rng.standard_normal(SIZE)
    state = jnp.asarray(np.concatenate([np.real(z), np.imag(z)]).astype(float))
    expected = z @ np.asarray(matrix_of(weight)).astype(np.complex128)
    both = np.concatenate([np.real(expected), np.imag(expected)])
    np.testing.assert_allclose(turned(weight, state), both, rtol=0, atol=1e-12)


def jacobian_rank(weight: Any) -> tuple[int, int]:
    """Returns how many numbers there are, and in how many directions they move W."""
    with jax.enable_x64(True):
        numbers_only, rest = eqx.partition(weight, eqx.is_inexact_array)
        wide = jax.tree.map(
            lambda x: jnp.asarray(np.asarray(x, np.float64)), numbers_only
        )
        numbers, back = ravel_pytree(wide)

        @quick_jit
        def jacobian(numbers):
            def flat(v):
                return eqx.combine(back(v), rest).value().ravel()

            return jax.jacfwd(flat)(numbers)

        spectrum = np.linalg.svd(np.asarray(jacobian(numbers)), compute_uv=False)
        return len(numbers), int(np.sum(spectrum > 1e-9 * spectrum[0]))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "composition"])
def test_a_full_map_has_the_dimension_of_the_group(name: str):
    numbers, rank = jacobian_rank(made(name))
    assert rank == SIZE**2
    assert numbers == SIZE**2 + IDLE.get(name, 0)


@pytest.mark.parametrize("size", [8, 11])
def test_the_composition_has_seven_numbers_a_unit_of_which_seven_are_idle(size: int):
    assert jacobian_rank(made("composition", size)) == (7 * size, 7 * size - 7)


@pytest.mark.parametrize("reflections", [1, 2, 4])
def test_reflections_span_the_dimensions_that_they_claim(reflections: int):
    weight = made("householder", capacity=reflections)
    _, rank = jacobian_rank(weight)
    assert rank == reflections * (2 * SIZE - reflections - 1) + SIZE


def test_the_thesis_s_capacity_is_the_share_of_trained_entries():
    for share, entries in ((1.0, 15), (0.5, 7), (0.1, 1)):
        weight = made("thesis", capacity=share)
        assert weight.generator.real.shape == (entries,)
        assert distance_from_unitary(matrix_of(weight)) < 3e-6


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", [n for n in NAMES if n != "composition"])
def test_starts_are_the_same_matrix_for_every_map(name: str):
    theta = jax.random.uniform(KEY, (SIZE,), minval=-jnp.pi, maxval=jnp.pi)
    phases = np.diag(np.exp(1j * np.asarray(theta)))
    off = 3e-6 if name == "taylor" else 1e-12  # a polynomial of degree 6 is cut off
    for start, expected in (("identity", np.eye(SIZE)), ("phases", phases)):
        matrix = matrix_of(made(name, start=start))
        np.testing.assert_allclose(matrix, expected, rtol=0, atol=off)
    assert np.abs(np.asarray(matrix_of(made(name))) - phases).max() > 0.3


@pytest.mark.parametrize("reflections", [1, 2])
def test_fewer_reflections_start_there_too(reflections: int):
    matrix = matrix_of(made("householder", start="identity", capacity=reflections))
    np.testing.assert_allclose(matrix, np.eye(SIZE), rtol=0, atol=3e-6)


@quick_jit
def slope(weight: unitary.AbstractUnitaryMap, probe: jax.Array):
    """Returns the gradient of a number that depends on every entry of W."""
    return eqx.filter_grad(lambda w: jnp.sum(probe * w.value()))(weight)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_wherever_training_begins_or_goes(name: str):
    probe = jax.random.normal(KEY, (2 * SIZE, 2 * SIZE))
    starts = ["identity", "random"] if name != "composition" else ["random"]
    weights = [made(name, start=start) for start in starts]
    for weight in [*weights, made(name, scale=1e3)]:
        gradient, _ = ravel_pytree(eqx.filter(slope(weight, probe), eqx.is_array))
        assert np.all(np.isfinite(gradient))
        assert np.any(np.asarray(gradient) != 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_one_unit_is_enough(name: str):
    matrix = matrix_of(made(name, 1))
    assert matrix.shape == (1, 1)
    assert distance_from_unitary(matrix) < 1e-5


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("cayley", {"capacity": 2}, "map 'cayley' has no capacity"),
        ("thesis", {"capacity": 1.5}, "capacity is 1.5, but must be a share"),
        ("thesis", {"capacity": 0.5, "start": "phases"}, "cannot start at phases"),
        ("householder", {"capacity": 6}, "of reflections there may be 1 to 5"),
        ("eunn", {"capacity": 0}, "of layers of rotations there may be 1 to 5"),
        ("eunn", {"capacity": 1.5}, "capacity is 1.5"),
        ("pade", {"degree": 0}, "degree must be a whole number"),
        ("composition", {"start": "identity"}, "cannot start at 'identity'"),
    ],
)
def test_what_a_map_cannot_do_is_refused(name: str, numbers: Any, message: str):
    with pytest.raises(ValueError, match=message):
        made(name, **numbers)


def test_a_degree_that_no_map_reads_is_refused():
    with pytest.raises(ValueError, match="map 'exponential' has no degree, but 3"):
        unitary.unitary_map("exponential", 4, degree=3, key=jax.random.key(0))
