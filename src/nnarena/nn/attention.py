"""Multi-head scaled dot-product attention over one sequence."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.types import Key, Times
from . import initializers, positions


Heads = Float[Array, "time heads size"]


class SelfAttention(eqx.Module):
    """softmax(Q K^T / sqrt(d)) V in `heads` heads (Vaswani et al. 2017, 3.2).

    One fused matrix makes queries, keys and values. A head is `width / heads` wide,
    rounded up to an even number, so that any width may meet any number of heads.
    """

    project: eqx.nn.Linear
    merge: eqx.nn.Linear
    heads: int = eqx.field(static=True)
    rotary: bool = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(self, width: int, heads: int, *, rotary: bool, causal: bool, key: Key):
        size = 2 * -(-width // (2 * heads))
        first, second = jax.random.split(key)
        self.project = glorot_linear(width, 3 * heads * size, key=first)
        self.merge = glorot_linear(heads * size, width, key=second)
        self.heads, self.rotary, self.causal = heads, rotary, causal

    def __call__(
        self, xs: Float[Array, "time width"], ts: Times
    ) -> Float[Array, "time width"]:
        projected = jax.vmap(self.project)(xs).reshape(xs.shape[0], 3, self.heads, -1)
        queries, keys, values = projected[:, 0], projected[:, 1], projected[:, 2]
        if self.rotary:
            queries = positions.rotate(queries, ts)
            keys = positions.rotate(keys, ts)
        mixed = attend(queries, keys, values, causal=self.causal)
        return jax.vmap(self.merge)(mixed.reshape(xs.shape[0], -1))


def attend(queries: Heads, keys: Heads, values: Heads, *, causal: bool) -> Heads:
    """Returns softmax(Q K^T / sqrt(size)) V for every head.

    The weights are normalized after the product with the values, on (time, size)
    numbers instead of (time, time): 1.5 to 2.3 times as fast on a CPU as
    `jax.nn.dot_product_attention` (`benchmarks/attention.py`).
    """
    scale = queries.shape[-1] ** -0.5
    scores = jnp.einsum("thd,shd->hts", queries * scale, keys)
    if causal:
        scores = jnp.where(jnp.tri(scores.shape[-1], dtype=bool), scores, -jnp.inf)
    highest = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))
    weights = jnp.exp(scores - highest)
    totals = jnp.sum(weights, axis=-1)
    return jnp.einsum("hts,shd->thd", weights, values) / totals.T[..., None]


def glorot_linear(inputs: int, outputs: int, *, key: Key) -> eqx.nn.Linear:
    """A linear map with Glorot weights and zero bias."""
    linear = eqx.nn.Linear(inputs, outputs, key=key)
    weights = initializers.glorot(inputs, outputs, key=key).T, jnp.zeros(outputs)
    return eqx.tree_at(lambda part: (part.weight, part.bias), linear, weights)
