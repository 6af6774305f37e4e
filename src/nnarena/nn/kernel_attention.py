r"""Attention by a kernel, at a cost in proportion to the length.

    y_i = phi(q_i) S / (phi(q_i) . z),   S = sum_j phi(k_j)^T v_j,   z = sum_j phi(k_j)

The weight of a pair is phi(q) . phi(k), so that sums over the keys do for all queries.
Where a query sees no later key they are running sums: `gathered` takes them from chunk
to chunk and forms the pairs within one.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key
from . import initializers
from .attention import Memory, Present, Queries


Asked = Float[Array, "queries heads features"]
Kept = Float[Array, "memory heads features"]

CHUNK = 64
"""Steps whose pairs are formed: about as many as a head has features."""


class FeatureMap(Protocol):
    """What a kernel makes of queries or keys."""

    def __call__(self, vectors: Queries) -> Asked: ...


def elu_features(vectors: Queries) -> Asked:
    """Returns elu(x) + 1, above 0 (Katharopoulos et al. 2020, eq. 7)."""
    return jax.nn.elu(vectors) + 1.0


def only_present(kept: Kept, present: Present) -> Kept:
    """Returns features of keys, zeros where there is none."""
    return kept if present is None else jnp.where(present[:, None, None], kept, 0.0)


def with_ones(values: Memory) -> Float[Array, "memory heads more"]:
    """Returns values beside a 1, of which the sum is that of the weights."""
    return jnp.concatenate([values, jnp.ones((*values.shape[:2], 1))], axis=-1)


def divided(sums: Float[Array, "*places more"], epsilon: float) -> Array:
    """Returns the sums of weighted values over those of the weights, `epsilon` added.

    Where no key is seen, 0.
    """
    totals = sums[..., -1:] + epsilon
    return sums[..., :-1] / jnp.where(totals == 0.0, 1.0, totals)


def gathered(
    asked: Asked, kept: Kept, values: Memory, *, causal: bool, epsilon: float = 0.0
) -> Queries:
    """Returns the mean of the values by the weights asked . kept."""
    values = with_ones(values)
    if causal:
        return divided(_so_far(asked, kept, values), epsilon)
    state = jnp.einsum("khm,khd->hmd", kept, values)
    return divided(jnp.einsum("qhm,hmd->qhd", asked, state), epsilon)


def _so_far(
    asked: Asked, kept: Kept, values: Float[Array, "memory heads more"]
) -> Float[Array, "queries heads more"]:
    """Returns the sums up to each query, chunk by chunk."""
    time = len(asked)
    size = min(CHUNK, time)

    def cut(part: Array) -> Array:
        whole = jnp.pad(part, ((0, -time % size), (0, 0), (0, 0)))
        return whole.reshape(-1, size, *part.shape[1:])

    asked, kept, values = cut(asked), cut(kept), cut(values)
    added = jnp.einsum("nkhm,nkhd->nhmd", kept[:-1], values[:-1])
    before = jnp.cumsum(jnp.pad(added, ((1, 0), (0, 0), (0, 0), (0, 0))), axis=0)
    pairs = jnp.einsum("nqhm,nkhm->nhqk", asked, kept)
    pairs = jnp.where(jnp.tri(size, dtype=bool)[None, None], pairs, 0.0)
    within = jnp.einsum("nhqk,nkhd->nqhd", pairs, values)
    sums = within + jnp.einsum("nqhm,nhmd->nqhd", asked, before)
    return sums.reshape(-1, *sums.shape[2:])[:time]


def directions(
    features: int, size: int, *, orthogonal: bool, key: Key
) -> Float[Array, "features size"]:
    """Returns normal vectors, in sets of `size` at right angles to each other.

    Each by itself is normal either way: a row of a random orthogonal matrix (Haar), as
    long as a normal vector is (Choromanski et al. 2021, 3).
    """
    length_key, turn_key = jax.random.split(key)
    normal = jax.random.normal(length_key, (features, size))
    if not orthogonal:
        return normal
    turns = initializers.orthogonal(size, gates=-(-features // size), key=turn_key)
    return jnp.linalg.norm(normal, axis=1, keepdims=True) * turns.T[:features]


def exponents(
    vectors: Queries, rows: Float[Array, "features size"]
) -> Float[Array, "queries heads features"]:
    """Returns w . x - |x|^2 / 2, of x scaled by the root of the root of its size.

    The mean of exp over normal w of a query's and a key's is exp(q . k / sqrt(size)),
    and none is above |w|^2 / 2.
    """
    scaled = vectors * vectors.shape[-1] ** -0.25
    along = jnp.einsum("thd,md->thm", scaled, rows)
    return along - 0.5 * jnp.sum(scaled**2, axis=-1, keepdims=True)
