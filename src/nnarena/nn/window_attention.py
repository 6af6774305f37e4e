"""Softmax attention over some of the keys: parts of one sum, and a sliding window.

A part is what queries gather from some keys, not yet divided by the sum of the weights,
so that parts over different keys can be merged.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .attention import Memory, Present, Queries


LOWEST = -1e30
"""In the place of the highest of no scores: no score is lower, and it is finite."""

LEAST = 16
"""Steps of a block of a narrow window: fewer do not fill a product."""


class Part(NamedTuple):
    """Sums of weighted values and of weights, exp of scores over the highest."""

    sums: Float[Array, "*places size"]
    totals: Float[Array, "*places"]
    highest: Float[Array, "*places"]

    def map(self, function) -> "Part":
        """Returns the part with all its arrays changed."""
        return Part(*map(function, self))

    def divided(self) -> Float[Array, "*places size"]:
        """Returns the means; zeros where no key is seen."""
        totals = jnp.where(self.totals == 0.0, 1.0, self.totals)
        return self.sums / totals[..., None]


def part_of(
    scores: Float[Array, "*groups heads queries memory"],
    seen: Bool[Array, "..."],
    values: Float[Array, "*groups memory heads size"],
) -> Part:
    """Returns what queries gather from the keys that are seen, queries before heads."""
    scores = jnp.where(seen, scores, -jnp.inf)
    highest = jax.lax.stop_gradient(jnp.maximum(jnp.max(scores, axis=-1), LOWEST))
    weights = jnp.exp(scores - highest[..., None])
    sums = jnp.einsum("...hqk,...khd->...qhd", weights, values)
    totals = jnp.sum(weights, axis=-1)
    return Part(sums, jnp.swapaxes(totals, -1, -2), jnp.swapaxes(highest, -1, -2))


def merged(parts: Sequence[Part]) -> Part:
    """Returns the part over the keys of several, which have none in common."""
    highest = jnp.max(jnp.stack([part.highest for part in parts]), axis=0)
    shares = [jnp.exp(part.highest - highest) for part in parts]
    both = list(zip(parts, shares, strict=True))
    sums = sum(part.sums * share[..., None] for part, share in both)
    return Part(
        jnp.asarray(sums),
        jnp.asarray(sum(part.totals * share for part, share in both)),
        highest,
    )


def windowed(
    queries: Queries,
    keys: Memory,
    values: Memory,
    seen: Present,
    *,
    window: int,
    causal: bool,
    dilation: int = 1,
) -> Part:
    """Returns what every query gathers from `window` keys on each side and its own.

    With `causal` from those before; with a `dilation` from every so many-th. The
    sequence is cut into blocks of which each sees its neighbors, so that no more than
    three times the window is computed of a query; a dilated one is several sequences.
    """
    seen = jnp.ones(len(keys), bool) if seen is None else seen
    if dilation == 1:
        return _in_blocks(queries, keys, values, seen, window, causal)
    time = len(queries)

    def apart(array: Array) -> Array:
        rest = ((0, -time % dilation), *[(0, 0)] * (array.ndim - 1))
        return jnp.pad(array, rest).reshape(-1, dilation, *array.shape[1:])

    def one(queries, keys, values, seen):
        return _in_blocks(queries, keys, values, seen, window, causal)

    parts = jax.vmap(one, in_axes=1, out_axes=1)(
        *map(apart, (queries, keys, values, seen))
    )
    return parts.map(lambda array: array.reshape(-1, *array.shape[2:])[:time])


def _in_blocks(
    queries: Queries,
    keys: Memory,
    values: Memory,
    seen: Bool[Array, " memory"],
    window: int,
    causal: bool,
) -> Part:
    time = len(queries)
    size = min(max(window, LEAST), time)
    blocks = -(-time // size)
    before = int(blocks > 1)
    after = before * (not causal)
    reach = before + 1 + after

    def near(array: Array) -> Array:
        """Returns a block's own beside its neighbors'."""
        sides = (before * size, blocks * size - time + after * size)
        padded = jnp.pad(array, (sides, *[(0, 0)] * (array.ndim - 1)))
        cut = padded.reshape(-1, size, *array.shape[1:])
        return jnp.concatenate([cut[i : i + blocks] for i in range(reach)], axis=1)

    scaled = queries * queries.shape[-1] ** -0.5
    rest = ((0, blocks * size - time), (0, 0), (0, 0))
    asked = jnp.pad(scaled, rest).reshape(blocks, size, *queries.shape[1:])
    away = np.arange(reach * size)[None] - before * size - np.arange(size)[:, None]
    inside = (np.abs(away) <= window) & ((away <= 0) | (not causal))
    scores = jnp.einsum("nqhd,nkhd->nhqk", asked, near(keys))
    mask = near(seen)[:, None, None, :] & inside[None, None]
    found = part_of(scores, mask, near(values))
    return found.map(lambda array: array.reshape(-1, *array.shape[2:])[:time])
