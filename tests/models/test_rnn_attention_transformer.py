"""Attention by a unitary network, against loops over queries, places and rotations."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nnarena.check.quick import quick_jit
from nnarena.core.types import Features, Signature, Values
from nnarena.models.contender import Contender
from nnarena.models.rnn_attention_transformer import RecurrentAttention


WIDTH, HEADS = 8, 2
NAME = "rnn_attention_transformer"
STABILIZER = 0.01


def random_attention(width: int, capacity: int) -> RecurrentAttention:
    """Returns an attention whose every number is drawn here."""
    shapes = eqx.filter_eval_shape(
        lambda key: RecurrentAttention(
            width, HEADS, capacity, rotary=False, causal=False, key=key
        ),
        jax.random.key(0),
    )
    rng = np.random.default_rng(width)
    return jax.tree.map(
        lambda x: jnp.asarray(0.5 * rng.standard_normal(x.shape), x.dtype), shapes
    )


def draw(length: int, width: int) -> np.ndarray:
    """Returns random vectors."""
    rng = np.random.default_rng(length)
    return rng.standard_normal((length, width)).astype(np.float32)


def product_of_rotations(rotations: Any) -> np.ndarray:
    """Returns D F_L ... F_1, each layer a dense matrix that acts on columns."""
    odd, even, phases = (
        np.asarray(part, np.float64)
        for part in (rotations.odd_layers, rotations.even_layers, rotations.phases)
    )
    size = len(phases)
    matrix = np.eye(size, dtype=np.complex128)
    for layer in range(odd.shape[1] + even.shape[1]):
        (thetas, phis), first = (even, 1) if layer % 2 else (odd, 0)
        turn = np.eye(size, dtype=np.complex128)
        for pair, (theta, phi) in enumerate(
            zip(thetas[layer // 2], phis[layer // 2], strict=True)
        ):
            p = first + 2 * pair
            phase = np.exp(1j * phi)
            turn[p, p], turn[p, p + 1] = np.cos(theta), -phase * np.sin(theta)
            turn[p + 1, p], turn[p + 1, p + 1] = np.sin(theta), phase * np.cos(theta)
        matrix = turn @ matrix
    return np.diag(np.exp(1j * phases)) @ matrix


def by_loops(attention: Any, queries: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Returns what the equations give, in complex numbers and double precision."""
    width = queries.shape[1]
    rows = []
    for query in queries:
        read = []
        for cell in attention.cells:
            matrix = product_of_rotations(cell.recurrent_weight)
            enter = np.asarray(cell.input_weight, np.float64)
            enter = enter[:, :width] + 1j * enter[:, width:]
            h = np.zeros(width, np.complex128)
            for kept in memory:
                z = matrix @ h + np.concatenate([query, kept]) @ enter
                modulus = np.abs(z) + STABILIZER
                h = np.maximum(modulus + np.asarray(cell.bias), 0.0) * z / modulus
            read.append(np.real(h))
        rows.append(np.concatenate(read))
    weight, bias = attention.merge.weight, attention.merge.bias
    return np.stack(rows) @ np.asarray(weight, np.float64).T + np.asarray(bias)


@quick_jit
def attend(
    attention: RecurrentAttention, queries: jax.Array, memory: jax.Array
) -> jax.Array:
    """Returns what queries gather from a memory; places do not matter."""
    nowhere = jnp.zeros(queries.shape[0]), jnp.zeros(memory.shape[0])
    return attention(queries, memory, *nowhere)


@pytest.mark.parametrize(("width", "capacity"), [(8, 4), (5, 3), (2, 4)])
def test_it_is_its_equations(width: int, capacity: int):
    attention = random_attention(width, capacity)
    queries, memory = draw(3, width), draw(12, width)
    found = attend(attention, jnp.asarray(queries), jnp.asarray(memory))
    expected = by_loops(attention, queries, memory)
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=5e-6)


def test_order_is_seen_without_a_code():
    attention = random_attention(WIDTH, 4)
    queries, memory = jnp.asarray(draw(3, WIDTH)), jnp.asarray(draw(12, WIDTH))
    turned = attend(attention, queries, memory[::-1])
    assert jnp.max(jnp.abs(turned - attend(attention, queries, memory))) > 1e-2


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"heads": 0}, "heads must be a whole"),
        ({"capacity": 0}, "capacity must be a whole"),
        ({"encoding": "rotary"}, "here are no keys"),
        ({"decoder_layers": 0}, "decoder_layers must be a whole"),
    ],
)
def test_bad_numbers_are_refused_in_a_sentence(numbers: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        Contender(NAME, numbers).shapes(Signature(Features(3), Values(2)), WIDTH)


THESIS = {  # inputs, outputs, weights in all, at a width of 8
    "activity": (7, 7, 2_491),
    "add": (2, 1, 2_349),
    "walker": (17, 17, 2_741),
    "memory": (1, 10, 2_494),
    "mnist": (8, 10, 2_550),
}
