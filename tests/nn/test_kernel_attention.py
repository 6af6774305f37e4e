"""Attention by a kernel against its pairs, and random features against the softmax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.dense_attention import heads_of, weighed

from nnarena.core.types import Sequence
from nnarena.models.linear_attention import KernelFold
from nnarena.nn.fold import unroll_fold
from nnarena.nn.kernel_attention import (
    CHUNK,
    directions,
    elu_features,
    exponents,
    gathered,
    only_present,
)
from nnarena.training.base import program_bytes


TIMES = [1, CHUNK - 1, CHUNK, 2 * CHUNK + 5]


def features_of(time: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    queries, keys, values = map(jnp.asarray, heads_of(np.random.default_rng(3), time))
    return elu_features(queries), elu_features(keys), values


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("time", TIMES)
def test_sums_do_what_all_pairs_do(time: int, causal: bool):
    parts = features_of(time)
    found = gathered(*parts, causal=causal)
    asked, kept, values = map(np.asarray, parts)
    expected = weighed(asked, kept, values, causal=causal)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_features_are_those_of_the_paper():
    xs = np.linspace(-4.0, 4.0, 25).reshape(-1, 1, 1)
    expected = np.where(xs > 0.0, xs + 1.0, np.exp(xs))
    found = elu_features(jnp.asarray(xs, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["scan", "associative", "chunked"])
@pytest.mark.parametrize("present", [None, 77])
def test_in_parallel_it_is_the_recurrence(form, present):
    """The fold in each of its forms, also where the end of a sequence is missing."""
    time = 2 * CHUNK + 5
    asked, kept, values = features_of(time)
    there = None if present is None else jnp.arange(time) < present
    together = gathered(asked, only_present(kept, there), values, causal=True)
    _, heads, features = kept.shape
    fold = KernelFold(heads, features, values.shape[2])
    steps = Sequence(fold.steps(asked, kept, values), present=there)
    in_turn = unroll_fold(fold, steps, form=form).hs
    np.testing.assert_allclose(
        in_turn[:present], together.reshape(time, -1)[:present], rtol=0, atol=1e-5
    )


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("orthogonal", [False, True])
def test_features_estimate_the_softmax_within_the_standard_error(orthogonal: bool):
    """The mean over draws of phi(q) . phi(k), and the error of one draw."""
    size, count, draws = 6, 24, 2000
    rng = np.random.default_rng(4)
    query, key = rng.standard_normal((2, 1, 1, size))
    exact = np.exp(np.sum(query * key) / np.sqrt(size))

    def estimate(draw_key: jax.Array) -> jax.Array:
        rows = directions(count, size, orthogonal=orthogonal, key=draw_key)
        asked, kept = (jnp.exp(exponents(jnp.asarray(x), rows)) for x in (query, key))
        return jnp.mean(asked * kept)

    found = np.asarray(
        jax.lax.map(estimate, jax.random.split(jax.random.key(1), draws))
    )
    error = found.std(ddof=1) / np.sqrt(draws)
    assert abs(found.mean() - exact) < 4.0 * error
    assert error < 0.05 * exact


@pytest.mark.usefixtures("double_precision")
def test_directions_at_right_angles_err_less():
    size, count = 6, 6
    rng = np.random.default_rng(5)
    pairs = rng.standard_normal((30, 2, 1, 1, size))
    exact = np.exp(np.sum(pairs[:, 0] * pairs[:, 1], axis=(1, 2, 3)) / np.sqrt(size))

    def squared(orthogonal: bool) -> float:
        def estimates(draw_key: jax.Array) -> jax.Array:
            rows = directions(count, size, orthogonal=orthogonal, key=draw_key)
            features = jnp.exp(
                jax.vmap(jax.vmap(lambda x: exponents(x, rows)))(jnp.asarray(pairs))
            )
            return jnp.mean(features[:, 0] * features[:, 1], axis=(1, 2, 3))

        keys = jax.random.split(jax.random.key(2), 2000)
        found = np.asarray(jax.lax.map(estimates, keys))
        return float(np.mean(((found - exact) / exact) ** 2))

    assert squared(True) < 0.95 * squared(False)


def test_directions_are_at_right_angles_and_as_long_as_normal_vectors():
    size, sets = 8, 50
    rows = np.asarray(
        directions(sets * size + 3, size, orthogonal=True, key=jax.random.key(3))
    )
    assert rows.shape == (sets * size + 3, size)
    for one in rows[: sets * size].reshape(sets, size, size):
        angles = one @ one.T / np.outer(*2 * [np.linalg.norm(one, axis=1)])
        np.testing.assert_allclose(angles, np.eye(size), atol=1e-5)
    squares = np.sum(rows**2, axis=1)  # chi-squared: mean 8, variance 16
    assert abs(squares.mean() - size) < 4 * np.sqrt(2 * size / len(rows))
    assert abs(squares.var() / (2 * size) - 1) < 0.4


@pytest.mark.parametrize("causal", [False, True])
def test_no_pairs_are_formed(causal: bool):
    """Memory and products of the gradient grow with the length, not its square."""

    def compiled(time: int):
        def loss(q, k, v):
            return jnp.sum(gathered(q, k, v, causal=causal) ** 2)

        operands = [jnp.ones((time, 2, 8))] * 3
        program = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).lower(*operands).compile()
        costs = program.cost_analysis() or {}
        return program_bytes(program) or 0, costs["flops"]

    (small, few), (large, many) = compiled(512), compiled(4096)
    assert large < 10 * small
    assert large < 4096 * 4096 * 4  # one array of all pairs of one head
    assert many < 10 * few
