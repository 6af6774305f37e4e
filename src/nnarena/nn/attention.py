"""Multi-head scaled dot-product attention, over one sequence or between two."""

import abc
import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.numbers import AtLeastOne, require
from ..core.types import Key
from . import initializers, positions
from .linear import affine


Queries = Float[Array, "queries heads size"]
Memory = Float[Array, "memory heads size"]
Present = Bool[Array, " memory"] | None


class AbstractAttention(eqx.Module):
    """How vectors that ask gather from vectors that are kept: a replaceable part.

    `queries` stand at the places `query_ts`, `memory` at `memory_ts`; both are of the
    width that comes out. Of self-attention the two are the same. What is not `present`
    of the memory is not looked at; None says that all is.
    """

    @abc.abstractmethod
    def __call__(
        self,
        queries: Float[Array, "queries width"],
        memory: Float[Array, "memory width"],
        query_ts: Float[Array, " queries"],
        memory_ts: Float[Array, " memory"],
        present: Present = None,
    ) -> Float[Array, "queries width"]:
        """Returns one vector per query."""

    def weights(
        self,
        queries: Float[Array, "queries width"],
        memory: Float[Array, "memory width"],
        query_ts: Float[Array, " queries"],
        memory_ts: Float[Array, " memory"],
        present: Present = None,
    ) -> Float[Array, "heads queries memory"] | None:
        """Returns how much every query weighs each memory; None if by no weights."""
        del queries, memory, query_ts, memory_ts, present


class Projections(eqx.Module):
    """The queries, keys and values of every head: one affine map for each kind.

    A head is `size` wide, if None as wide as what comes in. With `rotary`, queries
    and keys are turned by their places, which needs an even size: the width is
    rounded up to one.
    """

    query: eqx.nn.Linear
    key_value: eqx.nn.Linear
    heads: int = eqx.field(static=True)
    size: int = eqx.field(static=True)
    rotary: bool = eqx.field(static=True)

    def __init__(
        self, width: int, heads: int, size: int | None, *, rotary: bool, key: Key
    ):
        if size is None:
            size = width + width % 2 if rotary else width
        require(AtLeastOne, heads=heads, key_size=size)
        if rotary and size % 2:
            raise ValueError(
                f"a rotary encoding turns pairs, but a head of width {size} has an odd "
                "coordinate"
            )
        query_key, rest_key = jax.random.split(key)
        self.query = glorot_linear(width, heads * size, key=query_key)
        self.key_value = glorot_linear(width, heads * size, gates=2, key=rest_key)
        self.heads, self.size, self.rotary = heads, size, rotary

    def __call__(
        self,
        queries: Float[Array, "queries width"],
        memory: Float[Array, "memory width"],
        query_ts: Float[Array, " queries"],
        memory_ts: Float[Array, " memory"],
    ) -> tuple[Queries, Memory, Memory]:
        """Returns the queries of the first sequence, keys and values of the second."""
        asked = affine(self.query, queries).reshape(len(queries), self.heads, -1)
        kept = affine(self.key_value, memory).reshape(len(memory), 2, self.heads, -1)
        keys, values = kept[:, 0], kept[:, 1]
        if self.rotary:
            asked = positions.rotate(asked, query_ts)
            keys = positions.rotate(keys, memory_ts)
        return asked, keys, values


class Attention(AbstractAttention):
    """softmax(Q K^T / sqrt(d)) V in `heads` heads (see `Projections`), then merged.

    With `causal` the two have equal length, and a query sees no later place.
    """

    project: Projections
    merge: eqx.nn.Linear
    causal: bool = eqx.field(static=True)

    def __init__(
        self,
        width: int,
        heads: int,
        size: int | None = None,
        *,
        rotary: bool,
        causal: bool,
        key: Key,
    ):
        project_key, merge_key = jax.random.split(key)
        self.project = Projections(width, heads, size, rotary=rotary, key=project_key)
        self.merge = glorot_linear(heads * self.project.size, width, key=merge_key)
        self.causal = causal

    def __call__(self, queries, memory, query_ts, memory_ts, present=None):
        asked, keys, values = self.project(queries, memory, query_ts, memory_ts)
        mixed = attend(asked, keys, values, causal=self.causal, present=present)
        return affine(self.merge, mixed.reshape(len(queries), -1))

    def weights(self, queries, memory, query_ts, memory_ts, present=None):
        asked, keys, _ = self.project(queries, memory, query_ts, memory_ts)
        return weights_by(
            lambda units: attend(
                asked, keys, units, causal=self.causal, present=present
            ),
            keys,
        )


def weights_by(
    gather: Callable[[Memory], Queries], keys: Memory
) -> Float[Array, "heads queries memory"]:
    """Returns how much queries weigh each key, of any attention linear in the values.

    What they gather of unit vectors, one for each key, so that weights are those of
    the very sum they belong to. Unit vectors are cut into values as wide as a key,
    which is what the kernels of accelerators ask for.

    Args:
        gather: returns what the queries gather of values at the places of the keys.
        keys: what the queries look at.
    """
    count, heads, size = keys.shape
    cuts = -(-count // size)
    units = jnp.eye(count, cuts * size, dtype=keys.dtype).reshape(count, cuts, 1, size)
    units = jnp.broadcast_to(units, (count, cuts, heads, size))
    found = jax.vmap(gather, in_axes=1, out_axes=2)(units)
    return jnp.swapaxes(found.reshape(len(found), heads, -1)[..., :count], 0, 1)


def similarities(
    queries: Queries, keys: Memory, *, causal: bool, present: Present = None
) -> Float[Array, "heads queries memory"]:
    """Returns Q K^T / sqrt(size) for every head, -inf where a query may not look."""
    scores = jnp.einsum("qhd,khd->hqk", queries * queries.shape[-1] ** -0.5, keys)
    if causal:
        scores = jnp.where(jnp.tri(*scores.shape[1:], dtype=bool), scores, -jnp.inf)
    if present is not None:
        scores = jnp.where(present[None, None], scores, -jnp.inf)
    return scores


def attend(
    queries: Queries,
    keys: Memory,
    values: Memory,
    *,
    causal: bool,
    present: Present = None,
) -> Queries:
    """Returns softmax(Q K^T / sqrt(size)) V for every head.

    With `causal` a query sees no later place, and no query one that is not `present`.
    What it does not see has a weight of exactly zero, so that no finite value of it
    changes a bit. A value that is not finite gets through, since zero times NaN is NaN.
    To hide it would take two more passes over keys and values at every step of
    training, and again for the gradient, for runs that are "diverged" in any case.

    An accelerator gets `jax.nn.dot_product_attention`, and with it whatever kernel JAX
    has there. On a CPU the weights are normalized after the product with the values,
    on (time, size) numbers instead of (time, time), and where those are many, examples
    are taken one at a time: see `attend_apart` (`benchmarks/attention.py`,
    `benchmarks/transformer.py`).
    """
    if jax.default_backend() != "cpu":
        mask = None if present is None else present[None, None, :]
        return jax.nn.dot_product_attention(
            queries, keys, values, mask=mask, is_causal=causal
        )
    pairs = queries.shape[0] * keys.shape[0] * queries.shape[1]
    if pairs < MANY_PAIRS:
        return _weighed(queries, keys, values, causal=causal, present=present)[0]
    return attend_apart(causal)(queries, keys, values, present)


MANY_PAIRS = 2**18
"""Weights of one example that fill a megabyte, a core's second cache where this was
measured: below, all examples at once are faster (`benchmarks/transformer.py`)."""


def _weighed(
    queries: Queries, keys: Memory, values: Memory, *, causal: bool, present: Present
) -> tuple[Queries, Array, Array]:
    """Returns what attention gathers, and per head and query highest score and sum."""
    scores = similarities(queries, keys, causal=causal, present=present)
    highest = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))
    weights = jnp.exp(scores - highest)
    totals = jnp.sum(weights, axis=-1)
    gathered = jnp.einsum("hqk,khd->qhd", weights, values) / totals.T[..., None]
    return gathered, highest, totals


@functools.cache
def attend_apart(
    causal: bool,
) -> Callable[[Queries, Memory, Memory, Present], Queries]:
    """Returns attention that a batch does example by example, each within the caches.

    The gradient forms the weights again from the scores' maxima and sums (Dao et al.
    2022), so that no array of (time, time) is kept.
    """

    @jax.custom_batching.sequential_vmap
    def forward(queries, keys, values, present):
        return _weighed(queries, keys, values, causal=causal, present=present)

    @jax.custom_batching.sequential_vmap
    def backward(queries, keys, values, present, gathered, highest, totals, cotangent):
        scores = similarities(queries, keys, causal=causal, present=present)
        weights = jnp.exp(scores - highest)
        shared = cotangent / totals.T[..., None]
        along = jnp.sum(shared * gathered, axis=-1).T[..., None]
        moved = weights * (jnp.einsum("qhd,khd->hqk", shared, values) - along)
        moved = moved * queries.shape[-1] ** -0.5
        return (
            jnp.einsum("hqk,khd->qhd", moved, keys),
            jnp.einsum("hqk,qhd->khd", moved, queries),
            jnp.einsum("hqk,qhd->khd", weights, shared),
        )

    @jax.custom_vjp
    def attention(queries, keys, values, present=None):
        return forward(queries, keys, values, present)[0]

    def keep(queries, keys, values, present):
        gathered, *sums = forward(queries, keys, values, present)
        return gathered, (queries, keys, values, present, gathered, *sums)

    def give(kept, cotangent):
        return *backward(*kept, cotangent), None  # what is there has no gradient

    attention.defvjp(keep, give)
    return attention


def glorot_linear(
    inputs: int, outputs: int, *, gates: int = 1, key: Key
) -> eqx.nn.Linear:
    """A linear map with Glorot weights and zero bias, or several side by side."""
    linear = eqx.nn.Linear(inputs, gates * outputs, key=key)
    matrix = initializers.glorot(inputs, outputs, gates=gates, key=key).T
    weights = matrix, jnp.zeros(gates * outputs)
    return eqx.tree_at(lambda part: (part.weight, part.bias), linear, weights)
