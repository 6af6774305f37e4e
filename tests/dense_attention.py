"""Attention over all pairs with a mask, in double precision by numpy: an oracle."""

from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np


Heads = tuple[Any, Any, Any]
"""Queries, keys and values, each (time, heads, size)."""


def heads_of(
    rng: np.random.Generator, time: int, heads: int = 2, size: int = 4
) -> Heads:
    """Returns random queries, keys and values."""
    queries, keys, values = rng.standard_normal((3, time, heads, size))
    return queries, keys, values


def in_jax(parts: Heads) -> Heads:
    """Returns the same as arrays of JAX."""
    queries, keys, values = map(jnp.asarray, parts)
    return queries, keys, values


def first_of(parts: Heads, steps: int) -> Heads:
    """Returns the first so many steps."""
    queries, keys, values = (part[:steps] for part in parts)
    return queries, keys, values


def masked(
    queries: np.ndarray, keys: np.ndarray, values: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Returns softmax(Q K^T / sqrt(size)) V over what is seen: (queries, memory)."""
    out = np.zeros_like(queries)
    for place, head in product(range(len(queries)), range(queries.shape[1])):
        scores = keys[:, head] @ queries[place, head] / np.sqrt(queries.shape[2])
        scores = scores[seen[place]]
        weights = np.exp(scores - scores.max())
        out[place, head] = weights / weights.sum() @ values[seen[place], head]
    return out


def band(time: int, window: int, *, causal: bool, dilation: int = 1) -> np.ndarray:
    """Returns which pairs lie in a window, place by place."""
    seen = np.zeros((time, time), bool)
    for i, j in product(range(time), repeat=2):
        near = abs(i - j) <= window * dilation and (i - j) % dilation == 0
        seen[i, j] = near and (j <= i or not causal)
    return seen


def weighed(
    asked: np.ndarray, kept: np.ndarray, values: np.ndarray, *, causal: bool
) -> np.ndarray:
    """Returns the means by the weights asked . kept, pair by pair.

    The formula of Katharopoulos et al. (2020), eq. 4, and for causal ones eq. 8.
    """
    out = np.zeros((len(asked), *values.shape[1:]))
    for place, head in product(range(len(asked)), range(values.shape[1])):
        end = place + 1 if causal else len(kept)
        weights = kept[:end, head] @ asked[place, head]
        out[place, head] = weights @ values[:end, head] / weights.sum()
    return out
