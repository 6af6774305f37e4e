"""Encodings of position against plain loops and their own laws."""

import cmath
import math
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.nn import positions
from nnarena.nn.positions import PositionCode, Positions
from nnarena.nn.self_attention import SelfAttention


def angle(t: float, index: int, size: int) -> float:
    """Returns the angle of one pair of coordinates, of equation 3.5 of the paper."""
    return t / 10_000.0 ** (2 * index / size)


@pytest.mark.parametrize("width", [1, 2, 7, 8, 64])
def test_sinusoids_are_those_of_the_paper(width: int):
    length = 40
    table = np.zeros((length, width))
    for t in range(length):
        for column in range(width):
            wave = math.sin if column % 2 == 0 else math.cos
            table[t, column] = wave(angle(t, column // 2, width))
    found = positions.sinusoidal(jnp.arange(length, dtype=jnp.float32), width)
    np.testing.assert_allclose(found, table, rtol=0, atol=1e-5)


def test_sinusoids_far_away_are_as_exact_as_their_angles():
    """Single precision knows an angle of 10,000 to 1e-3, and no better."""
    ts = np.array([1_000.0, 10_000.0])
    found = positions.sinusoidal(jnp.asarray(ts.astype(np.float32)), 32)
    for row, t in enumerate(ts):
        exact = [angle(t, column // 2, 32) for column in range(32)]
        table = [
            math.sin(a) if c % 2 == 0 else math.cos(a) for c, a in enumerate(exact)
        ]
        np.testing.assert_allclose(found[row], table, rtol=0, atol=3e-7 * t)


def test_sinusoids_read_real_times():
    ts = np.array([0.0, 0.25, 3.7, 19.9])
    found = positions.sinusoidal(jnp.asarray(ts.astype(np.float32)), 4)
    table = [
        [math.sin(t), math.cos(t), math.sin(t / 100), math.cos(t / 100)] for t in ts
    ]
    np.testing.assert_allclose(found, table, rtol=0, atol=3e-6)


def draw_vectors(length: int, heads: int, size: int, seed: int) -> jax.Array:
    """Returns random queries or keys."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.standard_normal((length, heads, size)).astype(np.float32))


def test_rotation_is_a_product_with_complex_phases():
    vectors = draw_vectors(30, 2, 6, seed=0)
    ts = jnp.arange(30, dtype=jnp.float32)
    found = positions.rotate(vectors, ts)
    plain = np.asarray(vectors).astype(np.float64)
    expected = np.zeros_like(plain)
    for t in range(30):
        for head in range(2):
            for i in range(3):
                z = complex(plain[t, head, i], plain[t, head, i + 3])
                z *= cmath.exp(1j * angle(t, i, 6))
                expected[t, head, i], expected[t, head, i + 3] = z.real, z.imag
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def scores(queries: jax.Array, keys: jax.Array, ts: jax.Array) -> np.ndarray:
    """Returns the inner products of all rotated queries and keys, per head."""
    turned = [np.asarray(positions.rotate(v, ts), np.float64) for v in (queries, keys)]
    return np.einsum("qhs,khs->hqk", *turned)


@pytest.mark.parametrize("shift", [1.0, 37.0, 500.0])
def test_inner_products_see_differences_of_positions_only(shift: float):
    queries, keys = (draw_vectors(12, 2, 8, seed=seed) for seed in (1, 2))
    ts = jnp.arange(12, dtype=jnp.float32)
    here, there = scores(queries, keys, ts), scores(queries, keys, ts + shift)
    np.testing.assert_allclose(here, there, rtol=0, atol=1e-5 + 1e-6 * shift)
    # And differences do matter: otherwise no rotation at all would pass.
    stretched = scores(queries, keys, 2.0 * ts)
    assert np.max(np.abs(here - stretched)) > 0.1


def test_equal_vectors_at_equal_distance_have_equal_products():
    """With one query and one key at every position the table is Toeplitz."""
    queries, keys = (
        jnp.tile(draw_vectors(1, 1, 8, seed), (20, 1, 1)) for seed in (3, 4)
    )
    (table,) = scores(queries, keys, jnp.arange(20, dtype=jnp.float32))
    for offset in range(-19, 20):
        diagonal = np.diagonal(table, offset)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=0, atol=1e-5)


def test_rotation_keeps_lengths_and_starts_with_none():
    vectors = draw_vectors(50, 3, 10, seed=5)
    turned = positions.rotate(vectors, jnp.arange(50, dtype=jnp.float32))
    lengths = [np.linalg.norm(np.asarray(v), axis=-1) for v in (vectors, turned)]
    np.testing.assert_allclose(*lengths, rtol=1e-6, atol=0)
    np.testing.assert_array_equal(turned[0], vectors[0])


@pytest.mark.parametrize("rotary", [False, True])
def test_rotary_attention_sees_order_and_plain_attention_does_not(rotary: bool):
    """Plain attention moves with its inputs, when they change places."""
    attention = SelfAttention(8, 2, rotary=rotary, causal=False, key=jax.random.key(0))
    xs = draw_vectors(9, 1, 8, seed=6)[:, 0]
    ts = jnp.arange(9, dtype=jnp.float32)
    order = np.random.default_rng(7).permutation(9)
    gap = np.max(
        np.abs(np.asarray(attention(xs[order], ts) - attention(xs, ts)[order]))
    )
    assert gap > 1e-2 if rotary else gap < 1e-5
    moved = attention(xs, ts + 100.0)
    np.testing.assert_allclose(moved, attention(xs, ts), rtol=0, atol=1e-4)


def code(encoding: Positions, *, longest: int = 12) -> PositionCode:
    """Returns a position code of width 6."""
    return PositionCode(encoding, 6, longest=longest, key=jax.random.key(1))


def test_what_a_code_adds_is_what_its_name_says():
    dts = jnp.asarray([0.5, 0.25, 2.0, 1.0])
    passed, index = jnp.cumsum(dts), jnp.arange(4.0)
    xs = draw_vectors(4, 1, 6, seed=8)[:, 0]
    learned = code("learned")
    assert learned.table is not None
    added = {
        "none": jnp.zeros_like(xs),
        "rotary": jnp.zeros_like(xs),  # it turns queries and keys instead
        "sinusoidal": positions.sinusoidal(index, 6),
        "time": positions.sinusoidal(passed, 6),
        "learned": learned.table[:4],
    }
    assert added.keys() == set(get_args(Positions))
    for encoding in get_args(Positions):
        part = code(encoding)
        ts = part.places(dts)
        np.testing.assert_array_equal(ts, passed if encoding == "time" else index)
        np.testing.assert_allclose(part(xs, ts), xs + added[encoding], atol=1e-6)
        assert part.rotary == (encoding == "rotary")


def test_a_learned_code_starts_as_large_as_sinusoids():
    table = PositionCode("learned", 64, longest=100, key=jax.random.key(2)).table
    assert table is not None
    waves = positions.sinusoidal(jnp.arange(100.0), 64)
    sizes = [float(jnp.sqrt(jnp.mean(jnp.square(part)))) for part in (table, waves)]
    assert abs(sizes[0] / sizes[1] - 1.0) < 0.05
