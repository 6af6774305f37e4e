"""Softmax attention over some blocks of keys: near, at the ends, and at random.

Which blocks a block of queries sees is a table of whole numbers. It depends on how many
steps there are, not on how many there would be with padding.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .attention import Memory, Present, Queries, attend
from .window_attention import Part, part_of


Table = Int[Array, "blocks looks"]
"""The blocks that each block sees, each once; where there are fewer, their number."""


WHOLE = np.int32
"""What tables are made of, in double precision too."""


def draws(blocks: int, count: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Returns large random numbers for each block, the same ones in a longer table."""
    rng = np.random.default_rng(seeds)
    return rng.integers(2**31 - 1, size=(blocks, count)).astype(WHOLE)


def table_of(
    drawn: np.ndarray,
    there: int | Int[Array, ""],
    *,
    near: int,
    ends: int,
    causal: bool,
) -> Table:
    """Returns the table of blocks.

    Args:
        drawn: of each block a large number for each random look.
        there: how many blocks hold a step that is there.
        near: blocks that are seen on each side.
        ends: the first and as many of the last blocks that all see.
        causal: no later block is seen, and the last ones are not seen by all.
    """
    blocks = len(drawn)
    held = jnp.asarray(there, WHOLE)
    place = jnp.arange(blocks, dtype=WHOLE)[:, None]
    limit = place + 1 if causal else jnp.full((blocks, 1), held)
    sides = np.arange(-near, 1 if causal else near + 1, dtype=WHOLE)
    first = np.arange(ends, dtype=WHOLE)
    looks = [place + sides[None], jnp.broadcast_to(first[None], (blocks, ends))]
    if not causal:
        last = held - ends + first
        looks.append(jnp.broadcast_to(last[None], (blocks, ends)))
    table = _once(jnp.concatenate(looks, axis=1), limit, blocks)
    for number in drawn.T:
        free = limit[:, 0] - jnp.sum(table < blocks, axis=1, dtype=WHOLE)
        # The so-many-th of the blocks that are not in the table yet.
        found = number % jnp.maximum(free, 1)
        for taken in jnp.sort(table, axis=1).T:
            found = jnp.where(taken <= found, found + 1, found)
        found = jnp.where(free > 0, found, blocks)
        table = jnp.concatenate([table, found[:, None]], axis=1)
    return table


def _once(table: Table, limit: Int[Array, "blocks 1"], blocks: int) -> Table:
    """Returns the table without what is not there and what stands in it twice."""
    same = table[:, :, None] == table[:, None, :]
    again = jnp.any(same & np.tri(table.shape[1], k=-1, dtype=bool)[None], axis=2)
    return jnp.where((table < 0) | (table >= limit) | again, blocks, table)


def over_blocks(
    queries: Queries,
    keys: Memory,
    values: Memory,
    seen: Bool[Array, " memory"],
    table: Table,
    *,
    causal: bool,
) -> Part:
    """Returns what queries gather from the blocks of their rows of a table.

    The length is the number of blocks times that of one.
    """
    blocks, looks = table.shape
    size = len(queries) // blocks
    steps = np.arange(size, dtype=WHOLE)[None, None]
    places = (table[:, :, None] * size + steps).reshape(blocks, looks * size)
    inside = jnp.minimum(table, blocks - 1)  # what is not there is masked

    def looked_at(array: Array) -> Array:
        cut = array.reshape(blocks, size, *array.shape[1:])[inside]
        return cut.reshape(blocks, looks * size, *array.shape[1:])

    mask = looked_at(seen) & (places < blocks * size)
    mask = mask[:, None, None, :]
    if causal:
        own = np.arange(blocks * size, dtype=WHOLE).reshape(blocks, 1, size, 1)
        mask = mask & (places[:, None, None, :] <= own)
    scaled = queries * queries.shape[-1] ** -0.5
    asked = scaled.reshape(blocks, size, *queries.shape[1:])
    scores = jnp.einsum("nqhd,nkhd->nhqk", asked, looked_at(keys))
    found = part_of(scores, mask, looked_at(values))
    return found.map(lambda array: array.reshape(-1, *array.shape[2:]))


def sparse(
    queries: Queries,
    keys: Memory,
    values: Memory,
    present: Present,
    *,
    size: int,
    drawn: np.ndarray,
    near: int,
    ends: int,
    causal: bool,
) -> Float[Array, "queries heads size"]:
    """Returns what queries gather over the blocks of `table_of`, of `size` steps each.

    Those of the first blocks, and of the last, see all; with `causal`, all so far.
    """
    time, blocks = len(queries), len(drawn)
    rest = blocks * size - time
    seen = jnp.ones(time, bool) if present is None else present
    there = blocks if present is None else -(-jnp.sum(present, dtype=int) // size)

    def padded(array: Array) -> Array:
        return jnp.pad(array, ((0, rest), *[(0, 0)] * (array.ndim - 1)))

    queries, keys, values, seen = map(padded, (queries, keys, values, seen))
    table = table_of(drawn, there, near=near, ends=ends, causal=causal)
    whole = over_blocks(queries, keys, values, seen, table, causal=causal).divided()
    if causal or ends == 0:  # the first blocks have seen all that came before
        return whole[:time]
    many = ends * size
    starts = (0, jnp.maximum(jnp.asarray(there) - ends, 0) * size)
    for start in starts:
        rows = jnp.arange(many) + start
        found = attend(queries[rows], keys, values, causal=False, present=seen)
        whole = whole.at[rows].set(found)
    return whole[:time]
