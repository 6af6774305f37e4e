"""A memory layer in the place of attention, against plain loops over pairs."""

from functools import cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled import answer, unroll
from tests.memory_layer_equation import solve

from nnarena.check.quick import quick_jit
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


def make_attention(over: Any, **numbers: Any) -> MemoryAttention:
    numbers = {"causal": False, "unfolds": 2} | numbers
    make = quick_jit(partial(MemoryAttention, WIDTH, SIZE, over=over, **numbers))
    return make(key=KEY)


def make_layer(**numbers: Any) -> MemoryLayerTransformer:
    make = quick_jit(partial(MemoryLayerTransformer, WIDTH, WIDTH, **numbers))
    return make(key=KEY)


def read_pairs(attention: Any, xs: Any, dts: Any, *, causal: bool):
    """Returns what a loop over queries, and one over values, leaves in the memory."""
    memory: Any = resolve(attention.memory)
    step = quick_jit(lambda memory, *given: memory(*given))
    xs, dts, kept = np.asarray(xs), np.asarray(dts), []
    for place, query in enumerate(xs):
        state, h = memory.init_state(), None
        for value, dt in list(zip(xs, dts, strict=True))[
            : place + 1 if causal else None
        ]:
            state, h = step(memory, state, np.concatenate([query, value]), dt)
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


@cache
def solved() -> np.ndarray:
    """Returns what each query's run leaves after each value, by scipy."""
    xs, dts = map(np.asarray, draw_sequence())
    memory = jax.tree.map(np.asarray, make_attention("pairs").memory)
    beside = [np.column_stack([np.tile(x, (LENGTH, 1)), xs]) for x in xs]
    return np.stack([solve(memory, one, 0.3 * dts) for one in beside])


@pytest.mark.parametrize("causal", [False, True])
def test_every_query_is_left_with_what_scipy_solves(causal: bool):
    """The equation of each query's run; more unfolds come nearer at order one."""
    away = []
    with jax.enable_x64(True):
        xs, dts = draw_sequence()
        for unfolds in (32, 64):
            attention = make_attention("pairs", causal=causal, unfolds=unfolds)
            ends = np.arange(LENGTH) if causal else np.full(LENGTH, LENGTH - 1)
            exact = merged(attention, solved()[np.arange(LENGTH), ends])
            found = np.asarray(eqx.filter_jit(attention)(xs, 0.3 * dts))
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
    layer = make_layer(**numbers)
    xs, dts = draw_sequence()
    others = Sequence(xs.at[-1].set(3.0), dts.at[-1].set(0.5))
    before, after = (
        np.asarray(answer(layer, one)) for one in (Sequence(xs, dts), others)
    )
    assert layer.causal is causal
    assert np.allclose(before[:-1], after[:-1], atol=1e-6) is causal
    assert not np.allclose(before[-1], after[-1], atol=1e-3)


@pytest.mark.parametrize("numbers", [{"over": "pairs"}, {"over": "sequence"}], ids=str)
def test_time_matters(numbers: dict[str, Any]):
    layer = make_layer(encoding="none", **numbers)
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
