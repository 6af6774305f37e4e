"""A memory layer in the place of attention, against plain loops over pairs."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import answer, unroll
from tests.memory_layer_equation import solve

from nnarena.core.types import Sequence
from nnarena.models.contender import count_parameters
from nnarena.models.memory_layer import MemoryLayer
from nnarena.models.memory_layer_transformer import (
    MemoryAttention,
    MemoryLayerTransformer,
)
from nnarena.nn.parametrization import resolve


WIDTH, SIZE, LENGTH = 4, 6, 7
KEY = jax.random.key(0)


def draw_sequence() -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(5)
    xs = rng.standard_normal((LENGTH, WIDTH))
    return jnp.asarray(xs), jnp.asarray(rng.uniform(0.1, 2.0, LENGTH))


def make_attention(over: Any, *, causal: bool = False) -> MemoryAttention:
    return MemoryAttention(WIDTH, SIZE, over=over, causal=causal, unfolds=2, key=KEY)


def read_pairs(attention: Any, xs: jax.Array, dts: jax.Array, *, causal: bool):
    """Returns what a loop over queries, and one over values, leaves in the memory."""
    memory: Any = resolve(attention.memory)
    kept = []
    for place, query in enumerate(xs):
        state, h = memory.init_state(), None
        for value, dt in list(zip(xs, dts, strict=True))[
            : place + 1 if causal else None
        ]:
            state, h = memory(state, jnp.concatenate([query, value]), dt)
        kept.append(np.asarray(h))
    return np.stack(kept)


def merged(attention: Any, read: np.ndarray) -> np.ndarray:
    return read @ np.asarray(attention.merge.weight).T + np.asarray(
        attention.merge.bias
    )


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("causal", [False, True])
def test_over_pairs_it_is_the_loop_over_queries_and_values(causal: bool):
    xs, dts = draw_sequence()
    attention = make_attention("pairs", causal=causal)
    expected = merged(attention, read_pairs(attention, xs, dts, causal=causal))
    assert np.ptp(expected, axis=0).min() > 0.01
    found = eqx.filter_jit(attention)(xs, dts)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_every_query_is_left_with_what_scipy_solves(causal: bool):
    """The equation of each query's run; more unfolds come nearer at order one."""
    away = []
    with jax.enable_x64(True):
        xs, dts = (np.asarray(part, np.float64) for part in draw_sequence())
        dts = 0.3 * dts
        for unfolds in (32, 64):
            attention = MemoryAttention(
                WIDTH, SIZE, over="pairs", causal=causal, unfolds=unfolds, key=KEY
            )
            runs = [
                solve(
                    attention.memory,
                    np.column_stack([np.tile(x, (LENGTH, 1)), xs]),
                    dts,
                )
                for x in xs
            ]
            ends = np.arange(LENGTH) if causal else np.full(LENGTH, LENGTH - 1)
            exact = merged(attention, np.stack(runs)[np.arange(LENGTH), ends])
            found = np.asarray(
                eqx.filter_jit(attention)(jnp.asarray(xs), jnp.asarray(dts))
            )
            away.append(float(np.max(np.abs(found - exact))))
    assert abs(np.log2(away[0] / away[1]) - 1.0) < 0.1
    assert 1e-6 < away[1] < 1e-2 * np.ptp(exact)


@pytest.mark.usefixtures("double_precision")
def test_over_the_sequence_it_is_one_run():
    xs, dts = draw_sequence()
    attention = make_attention("sequence")
    expected = merged(
        attention, np.asarray(unroll(attention.memory, Sequence(xs, dts)).hs)
    )
    found = eqx.filter_jit(attention)(xs, dts)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_recomputing_changes_no_gradient():
    """Against the same pairs read by a cell that keeps everything."""
    xs, dts = draw_sequence()
    attention = make_attention("pairs")

    def plain(attention: Any) -> jax.Array:
        def recall(query: jax.Array) -> jax.Array:
            beside = jnp.concatenate([jnp.broadcast_to(query, xs.shape), xs], axis=1)
            return unroll(attention.memory, Sequence(beside, dts)).hs[-1]

        return jnp.sum(jax.vmap(attention.merge)(jax.vmap(recall)(xs)) ** 2)

    def ours(attention: Any) -> jax.Array:
        return jnp.sum(attention(xs, dts) ** 2)

    found, expected = (
        jax.jit(jax.grad(loss, allow_int=True))(attention) for loss in (ours, plain)
    )
    for one, two in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("numbers", "causal"),
    [
        ({}, False),
        ({"causal": True}, True),
        ({"over": "sequence"}, True),
        ({"over": "sequence", "causal": True}, True),
    ],
    ids=str,
)
def test_it_looks_ahead_only_where_it_says_so(numbers: dict[str, Any], causal: bool):
    layer = MemoryLayerTransformer(WIDTH, WIDTH, key=KEY, **numbers)
    xs, dts = draw_sequence()
    before = answer(layer, Sequence(xs, dts))
    after = answer(layer, Sequence(xs.at[-1].set(3.0), dts.at[-1].set(0.5)))
    assert layer.causal is causal
    assert bool(jnp.allclose(before[:-1], after[:-1], atol=1e-6)) is causal
    assert not bool(jnp.allclose(before[-1], after[-1], atol=1e-3))


@pytest.mark.parametrize("numbers", [{"over": "pairs"}, {"over": "sequence"}], ids=str)
def test_time_matters(numbers: dict[str, Any]):
    layer = MemoryLayerTransformer(WIDTH, WIDTH, encoding="none", key=KEY, **numbers)
    xs, dts = draw_sequence()
    apart = jnp.abs(
        answer(layer, Sequence(xs, dts)) - answer(layer, Sequence(xs, 0.2 * dts))
    )
    assert float(jnp.max(apart)) > 0.01


@pytest.mark.parametrize("over", ["pairs", "sequence"])
def test_a_block_has_one_memory_layer_in_the_place_of_attention(over: Any):
    make = partial(MemoryLayerTransformer, 3, 8, blocks=2, size=5, over=over)
    layer = eqx.filter_eval_shape(make, key=KEY)
    features = 16 if over == "pairs" else 8
    memory = eqx.filter_eval_shape(partial(MemoryLayer, features, 5), key=KEY)
    merge, norms = 5 * 8 + 8, 2 * 2 * 8
    feed = 8 * 32 + 32 + 32 * 8 + 8
    block = count_parameters(memory) + merge + norms + feed
    assert count_parameters(layer) == (3 * 8 + 8) + 2 * block + 2 * 8


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"encoding": "rotary"}, "'rotary' turns queries and keys"),
        ({"adjacency": "grid:3x3"}, "has 9 places for 4 units"),
    ],
)
def test_impossible_numbers_are_refused(numbers: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        MemoryLayerTransformer(3, 4, key=KEY, **numbers)
