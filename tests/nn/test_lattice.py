"""Arrays of units: their shapes, and the matrices that keep to them."""

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.nn.lattice import OnEdges, adjacency_matrix


def lay_out(form: str, units: int, *, fan_in: int = 2, seed: int = 0) -> np.ndarray:
    return adjacency_matrix(form, units, fan_in=fan_in, seed=seed)


def path(sides: int) -> np.ndarray:
    """Returns the adjacency of a line."""
    return np.eye(sides, k=1) + np.eye(sides, k=-1)


def kronecker_sum(sides: list[int]) -> np.ndarray:
    """Returns a lattice's adjacency as the Kronecker sum of those of lines."""
    total = np.zeros((1, 1))
    for side in sides:
        total = np.kron(total, np.eye(side)) + np.kron(np.eye(len(total)), path(side))
    return total


@pytest.mark.parametrize("sides", [[5], [2, 3], [4, 4], [3, 2, 2], [2, 2, 2, 3]])
def test_a_grid_is_the_kronecker_sum_of_lines(sides: list[int]):
    form = "grid:" + "x".join(map(str, sides))
    units = reduce(int.__mul__, sides)
    expected = kronecker_sum(sides) + np.eye(units)
    np.testing.assert_array_equal(lay_out(form, units), expected)


def test_an_open_side_fits_any_number():
    whole = lay_out("grid:3x4", 12)
    np.testing.assert_array_equal(lay_out("grid:*x4", 12), whole)
    np.testing.assert_array_equal(lay_out("grid:*x4", 10), whole[:10, :10])
    np.testing.assert_array_equal(lay_out("grid:*", 3), lay_out("grid:3", 3))


def test_a_ring_closes():
    assert lay_out("ring", 5).tolist() == [
        [1, 1, 0, 0, 1],
        [1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [1, 0, 0, 1, 1],
    ]
    assert lay_out("ring", 1).tolist() == [[1]]
    assert lay_out("ring", 2).all()


def test_dense_reads_all():
    assert lay_out("dense", 4).tolist() == [[1] * 4] * 4


def test_sparse_reads_as_many_as_asked_for_and_is_its_seed_s():
    one = lay_out("sparse", 9, fan_in=3, seed=1)
    assert one.sum(axis=0).tolist() == [3] * 9
    np.testing.assert_array_equal(one, lay_out("sparse", 9, fan_in=3, seed=1))
    assert (one != lay_out("sparse", 9, fan_in=3, seed=2)).any()
    assert lay_out("sparse", 2, fan_in=3).all()


@pytest.mark.parametrize(
    "form", ["", "all", "grid", "grid:", "grid:2x", "grid:2x*", "grid:0x4", "ring:3"]
)
def test_an_unknown_form_is_refused(form: str):
    with pytest.raises(ValueError, match="none of dense, sparse, ring and grid:AxB"):
        lay_out(form, 4)


def test_a_grid_of_another_size_is_refused():
    with pytest.raises(ValueError, match="'grid:2x3' has 6 places for 4 units"):
        lay_out("grid:2x3", 4)


def test_a_unit_reads_at_least_one():
    with pytest.raises(
        ValueError, match="fan_in must be a whole number of at least 1, not 0"
    ):
        lay_out("sparse", 4, fan_in=0)


def test_weights_off_the_edges_are_neither_there_nor_learned():
    read = lay_out("ring", 6)
    full = jnp.asarray(np.random.default_rng(0).standard_normal((6, 6)), jnp.float32)
    own = OnEdges(read, full)
    assert own.weight.size == 18
    np.testing.assert_array_equal(own.value(), np.asarray(full) * read)
    slopes = jax.grad(lambda w: jnp.sum(OnEdges(read, w).value() ** 2))(full)
    np.testing.assert_allclose(slopes, 2.0 * np.asarray(full) * read, rtol=1e-6)
