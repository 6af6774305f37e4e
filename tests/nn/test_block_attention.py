"""Attention over blocks: its table law by law, its answers against all pairs masked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.dense_attention import first_of, heads_of, in_jax, masked

from nnarena.nn.block_attention import draws, sparse, table_of
from nnarena.training.base import program_bytes


BLOCKS, SIZE = 12, 4


def rows_of(table: np.ndarray, blocks: int) -> list[set[int]]:
    """Returns the blocks that each block sees; that none stands twice is held to."""
    kept = [[int(look) for look in row if look < blocks] for row in table]
    assert all(len(row) == len(set(row)) for row in kept)
    return [set(row) for row in kept]


def make_table(there: int, *, near=1, ends=1, count=3, causal=False, layer=0):
    drawn = draws(BLOCKS, count, (0, layer))
    table = table_of(drawn, jnp.asarray(there), near=near, ends=ends, causal=causal)
    return rows_of(np.asarray(table), BLOCKS)


@pytest.mark.parametrize("there", [BLOCKS, 7, 2, 1])
@pytest.mark.parametrize("count", [0, 2, 50])
def test_a_block_sees_its_neighbors_the_ends_and_so_many_others(there, count):
    for place, seen in enumerate(make_table(there, count=count)[:there]):
        near = {place - 1, place, place + 1} & set(range(there))
        sure = near | {0, there - 1}
        assert sure <= seen <= set(range(there))
        assert len(seen) == min(there, len(sure) + count)


@pytest.mark.parametrize("count", [0, 2, 50])
def test_causal_ones_are_earlier(count):
    for place, seen in enumerate(make_table(BLOCKS, count=count, causal=True)):
        sure = {max(place - 1, 0), place, 0}
        assert sure <= seen <= set(range(place + 1))
        assert len(seen) == min(place + 1, len(sure) + count)


def test_random_blocks_are_anywhere_and_change_with_the_layer_not_with_the_call():
    first, again, other = (make_table(BLOCKS, layer=layer) for layer in (0, 0, 1))
    assert first == again
    assert first != other
    counts = np.zeros(BLOCKS)
    for layer in range(200):
        for look in make_table(BLOCKS, layer=layer)[5]:
            counts[look] += 1
    random = np.delete(counts, [0, 4, 5, 6, BLOCKS - 1])
    # Three of seven others, each equally often: binomial, 200 times.
    assert np.abs(random - 200 * 3 / 7).max() < 4 * np.sqrt(200 * 12 / 49)


def test_more_room_behind_the_end_changes_no_table():
    short = draws(5, 3, (0, 1))
    long = draws(BLOCKS, 3, (0, 1))
    np.testing.assert_array_equal(short, long[:5])
    tables = [
        table_of(drawn, jnp.asarray(5), near=1, ends=1, causal=False)
        for drawn in (short, long)
    ]
    rows = [
        rows_of(np.asarray(table), blocks)[:5]
        for table, blocks in zip(tables, (5, BLOCKS), strict=True)
    ]
    assert rows[0] == rows[1]


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("ends", [0, 1, 2])
@pytest.mark.parametrize("there", [None, 30, 3])
def test_it_is_a_mask_over_all_pairs(there, ends: int, causal: bool):
    time = BLOCKS * SIZE - 1
    parts, near, count = heads_of(np.random.default_rng(6), time), 1, 2
    present = None if there is None else jnp.arange(time) < there
    steps = time if there is None else there
    drawn = draws(BLOCKS, count, (0, 0))
    found = sparse(
        *in_jax(parts),
        present,
        size=SIZE,
        drawn=drawn,
        near=near,
        ends=ends,
        causal=causal,
    )
    held = -(-steps // SIZE)
    table = table_of(drawn, jnp.asarray(held), near=near, ends=ends, causal=causal)
    rows = rows_of(np.asarray(table), BLOCKS)
    seen = np.zeros((steps, steps), bool)
    for i in range(steps):
        block = i // SIZE
        ends_here = not causal and (block < ends or block >= held - ends)
        for j in range(steps):
            inside = ends_here or j // SIZE in rows[block]
            seen[i, j] = inside and (j <= i or not causal)
    expected = masked(*first_of(parts, steps), seen)
    np.testing.assert_allclose(found[:steps], expected, rtol=0, atol=1e-12)
    assert np.isfinite(found).all()


def test_no_more_than_the_blocks_are_computed():
    """Memory and products of the gradient grow with the length, not its square."""

    def compiled(time: int):
        def loss(q, k, v):
            drawn = draws(time // 16, 3, (0, 0))
            found = sparse(
                *(q, k, v, None), size=16, drawn=drawn, near=1, ends=1, causal=False
            )
            return jnp.sum(found**2)

        operands = [jnp.zeros((time, 2, 8))] * 3
        program = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).lower(*operands).compile()
        costs = program.cost_analysis() or {}
        return program_bytes(program) or 0, costs["flops"]

    (small, few), (large, many) = compiled(512), compiled(4096)
    assert large < 10 * small
    assert large < 4096 * 4096 * 4  # one array of all pairs of one head
    assert many < 10 * few
