"""Attention that knows how far back a step is, and looks at what was kept."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.numbers import AtLeastOne, require
from ..core.roles import role
from ..core.types import Key
from . import initializers
from .positions import sinusoidal


Scores = Float[Array, "heads queries keys"]


class RelativeAttention(eqx.Module):
    r"""Causal attention by content and distance, in `heads` heads (Dai et al. 2019).

    $$a_{ij} = \frac{(q_i + u) \cdot k_j + (q_i + v) \cdot r_{i-j}}{\sqrt d}, \quad
    r_n = \mathrm{sinusoid}(n) \, W_r$$

    As in Transformer-XL: u and v say what is looked at whatever asks, and start at
    zero; nothing has a bias. A head is `width / heads` wide, rounded up.
    """

    query_weight: Float[Array, "width inner"]
    key_value_weight: Float[Array, "width 2*inner"]
    position_weight: Float[Array, "width inner"]
    merge_weight: Float[Array, "inner width"]
    content_bias: Float[Array, "heads size"] = eqx.field(metadata=role(decay=False))
    position_bias: Float[Array, "heads size"] = eqx.field(metadata=role(decay=False))

    def __init__(self, width: int, heads: int, *, key: Key):
        require(AtLeastOne, heads=heads)
        size = -(-width // heads)
        keys = jax.random.split(key, 4)
        glorot, inner = initializers.glorot, heads * size
        self.query_weight = glorot(width, inner, key=keys[0])
        self.key_value_weight = glorot(width, inner, gates=2, key=keys[1])
        self.position_weight = glorot(width, inner, key=keys[2])
        self.merge_weight = glorot(inner, width, key=keys[3])
        self.content_bias = jnp.zeros((heads, size))
        self.position_bias = jnp.zeros((heads, size))

    def __call__(
        self, steps: Float[Array, "keys width"], exists: Bool[Array, " kept"]
    ) -> Float[Array, "queries width"]:
        """Returns one vector for each step that asks.

        Args:
            steps: what was kept, then those that ask; each sees what was kept and
                those up to itself.
            exists: which of the kept there are; before a first step is nothing.
        """
        weights, values = self._weighed(steps, exists)
        mixed = jnp.einsum("hqk,khd->qhd", weights, values)
        return mixed.reshape(len(mixed), -1) @ self.merge_weight

    def weights(
        self, steps: Float[Array, "keys width"], exists: Bool[Array, " kept"]
    ) -> Scores:
        """Returns how much each step that asks weighs each that it may see."""
        return self._weighed(steps, exists)[0]

    def _weighed(
        self, steps: Float[Array, "keys width"], exists: Bool[Array, " kept"]
    ) -> tuple[Scores, Float[Array, "keys heads size"]]:
        """Returns the weights of the values, and the values."""
        heads, size = self.content_bias.shape
        keys, asking = len(steps), len(steps) - len(exists)
        queries = (steps[-asking:] @ self.query_weight).reshape(asking, heads, size)
        kept = (steps @ self.key_value_weight).reshape(keys, 2, heads, size)
        distances = jnp.arange(keys - 1, -1, -1, dtype=steps.dtype)
        waves = sinusoidal(distances, steps.shape[1]) @ self.position_weight
        by_content = jnp.einsum(
            "qhd,khd->hqk", queries + self.content_bias[None], kept[:, 0]
        )
        by_distance = jnp.einsum(
            "qhd,khd->hqk",
            queries + self.position_bias[None],
            waves.reshape(keys, heads, size),
        )
        scores = (by_content + by_own_distance(by_distance)) / math.sqrt(size)
        seen = jnp.tri(asking, keys, len(exists), dtype=bool)
        seen = seen & jnp.concatenate([exists, jnp.ones(asking, bool)])[None]
        weights = jax.nn.softmax(jnp.where(seen[None], scores, -jnp.inf), axis=-1)
        return weights, kept[:, 1]


def by_own_distance(scores: Scores) -> Scores:
    """Returns scores at the places of keys, of scores by falling distance.

    The last query is as far from a key as its column says; one before it is nearer by
    one, so that its row moves to the left by one. All rows do in one copy: a column
    more, and the array read in rows of another length (Dai et al. 2019, appendix B).
    What is moved in from the right belongs to later keys and means nothing.
    """
    heads, queries, keys = scores.shape
    padded = jnp.pad(scores, ((0, 0), (0, 0), (1, 0)))
    return padded.reshape(heads, keys + 1, queries)[:, 1:].reshape(scores.shape)
